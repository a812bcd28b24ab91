import { expect } from "vitest";
import { formatOutpoint, parseTransaction } from "../../../src/bitcoin/transaction.js";
import type { Transaction } from "../../../src/bitcoin/transaction-class.js";
import { equalBytes, hex, utf8 } from "../../../src/core/bytes.js";
import { sha256 } from "../../../src/core/hashes.js";
import { evenSecret, publicKeyOf } from "../../../src/core/keys.js";
import { scalar } from "../../../src/core/scalar.js";
import { adaptor } from "../../../src/crypto/adaptor.js";
import { eots } from "../../../src/crypto/eots.js";
import { randomness } from "../../../src/crypto/randomness.js";
import { schnorr } from "../../../src/crypto/schnorr.js";
import { type Delegation, presignedSlashing, stakeCoin } from "../../../src/delegation/delegation.js";
import { slashingSpend } from "../../../src/delegation/spends.js";
import type { Evidence } from "../../../src/extract/evidence.js";
import { leafSighash } from "../../../src/spending/spend.js";
import { assembleWitness, readWitness } from "../../../src/spending/witness.js";
import { SLASHABLE } from "../../../src/stake/slashing.js";
import type { SeenVote } from "../../../src/watch/index.js";
import { voteMessage } from "../../../src/vote/messages.js";

/** A vote of a provider for a block by its name. */
export function voteFor(secretKey: Uint8Array, block: string, height = 7n): SeenVote {
  const { secret, public: publicRandomness } = randomness.derive(secretKey, "tower-1", height);
  const appHash = sha256(utf8(block));
  const signature = eots.sign(secretKey, secret, voteMessage({ height, appHash }));
  const finalityProvider = publicKeyOf(secretKey);
  return { finalityProvider, publicRandomness, chain: "tower-1", height, appHash, signature };
}

/** Two votes of a provider at one height. */
export function doubleVote(secretKey: Uint8Array, height = 7n): Evidence {
  const [canonical, fork] = ["one", "other"].map((block) => voteFor(secretKey, block, height)) as [
    SeenVote,
    SeenVote,
  ];
  const { finalityProvider, publicRandomness } = canonical;
  const cast = ({ appHash, signature }: SeenVote) => ({ appHash, signature });
  return { finalityProvider, height, publicRandomness, canonical: cast(canonical), fork: cast(fork) };
}

export const stakeOf = (delegation: Delegation): string => formatOutpoint(stakeCoin(delegation).outpoint);

/**
 * Invariant 8 of WATCH.md: each transaction is byte for byte a pre-signed slashing of one of the delegations, with the
 * stakers' signatures of the delegation, a quorum's adaptor signatures completed by the provider's secret, and the
 * provider's own signature. Nothing else is in its witness.
 */
export function expectPresigned(
  sent: readonly (Transaction | string)[],
  delegations: readonly Delegation[],
  secrets: readonly Uint8Array[],
): void {
  for (const each of sent) {
    const transaction = typeof each === "string" ? parseTransaction(hex.decode(each)) : each;
    const raw = typeof each === "string" ? each : each.toHex();
    expect(expectedOf(transaction, delegations, secrets)).toBe(raw);
  }
}

/** What a tower may send under the id of this transaction, in hexadecimal; in words what is wrong with it. */
function expectedOf(
  transaction: Transaction,
  delegations: readonly Delegation[],
  secrets: readonly Uint8Array[],
): string {
  const id = transaction.getId();
  // A delegation that came again has more signatures.
  for (const delegation of delegations.toReversed()) {
    for (const from of SLASHABLE) {
      const presigned = presignedSlashing(delegation, from);
      if (presigned.transaction.getId() !== id) continue;
      const spend = slashingSpend(delegation, from);
      const digest = leafSighash(spend);
      const seen = readWitness(spend.leaf, transaction.ins[spend.inputIndex]!.witness);
      const signatures = seen.map(({ publicKey, signature }) => {
        const key = hex.encode(publicKey);
        const staker = presigned.stakerSignatures.find((one) => hex.encode(one.publicKey) === key);
        if (staker) return staker;
        const secret = secrets.find((one) => hex.encode(publicKeyOf(one)) === key);
        // Its randomness is fresh: any signature of the provider that verifies.
        if (secret) return { publicKey, signature: verified(publicKey, digest, signature) };
        return { publicKey, signature: adapted(publicKey) };
      });
      const completed = presigned.transaction.clone();
      completed.setWitness(spend.inputIndex, assembleWitness(spend.leaf, signatures));
      return completed.toHex();

      function adapted(member: Uint8Array): Uint8Array {
        for (const secret of secrets) {
          const { d, publicKey } = evenSecret(secret);
          const given = presigned.covenantSignatures.find(
            (one) => equalBytes(one.publicKey, member) && equalBytes(one.finalityProvider, publicKey),
          );
          if (given) return adaptor.adapt(given.signature, scalar.toBytes(d));
        }
        throw new Error(`${id} has a signature of ${hex.encode(member)}, which pre-signed nothing`);
      }
    }
  }
  return `${id} is no slashing of the delegations`;
}

function verified(publicKey: Uint8Array, digest: Uint8Array, signature: Uint8Array): Uint8Array {
  if (schnorr.verify(publicKey, digest, signature)) return signature;
  throw new Error("the provider's signature does not verify");
}
