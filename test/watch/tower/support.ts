import { formatOutpoint } from "../../../src/bitcoin/transaction.js";
import { utf8 } from "../../../src/core/bytes.js";
import { sha256 } from "../../../src/core/hashes.js";
import { publicKeyOf } from "../../../src/core/keys.js";
import { eots } from "../../../src/crypto/eots.js";
import { randomness } from "../../../src/crypto/randomness.js";
import { type Delegation, presignedSlashing, stakeCoin } from "../../../src/delegation/delegation.js";
import type { Evidence } from "../../../src/extract/evidence.js";
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

/** The ids of the only transactions that a tower may send. */
export const presignedIds = (delegations: readonly Delegation[]): Set<string> =>
  new Set(
    delegations.flatMap((each) => SLASHABLE.map((from) => presignedSlashing(each, from).transaction.getId())),
  );
