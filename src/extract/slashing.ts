import type { Transaction } from "../bitcoin/transaction-class.js";
import { toTransaction, type TransactionLike } from "../bitcoin/transaction.js";
import { containsBytes, equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { evenSecret } from "../core/keys.js";
import { scalar } from "../core/scalar.js";
import { adaptor } from "../crypto/adaptor.js";
import { schnorr } from "../crypto/schnorr.js";
import { type Delegation, presignedSlashing } from "../delegation/delegation.js";
import { slashingSpend } from "../delegation/spends.js";
import { finishSpend, firstOfEach, leafSighash, verifyLeafSignature } from "../spending/spend.js";
import { readWitness } from "../spending/witness.js";
import type { Slashable } from "../stake/slashing.js";

/** A finality provider's secret, and the signature that revealed it. */
export interface ExtractedKey {
  /** 32 bytes, the secret with even y. */
  readonly secretKey: Uint8Array;
  /** X-only. */
  readonly finalityProvider: Uint8Array;
  /** The committee member whose adaptor signature was finished, x-only. */
  readonly member: Uint8Array;
  /** Which output was slashed. */
  readonly from: Slashable;
}

/**
 * Finishes a delegation's slashing transaction with a finality provider's secret (PROTOCOL 5). It adapts the adaptor
 * signatures of a quorum, makes the finality provider's own signature, and verifies everything.
 * @param secretKey 32 bytes; of either parity
 * @throws TapstakeError `invalid-argument`, `invalid-secret-key`; `unknown-finality-provider` if the stake is not with
 * this key; `missing-signature` if too few signatures of the delegation verify; it ignores those that do not
 */
export function finishSlashing(delegation: Delegation, from: Slashable, secretKey: Uint8Array): Transaction {
  const presigned = presignedSlashing(delegation, from);
  const { d, publicKey: finalityProvider } = evenSecret(secretKey);
  if (!containsBytes(delegation.terms.finalityProviders, finalityProvider)) {
    const key = hex.encode(finalityProvider);
    const text = `${key} is not a finality provider of this stake`;
    throw new TapstakeError("unknown-finality-provider", text, { key });
  }
  const spend = slashingSpend(delegation, from);
  const digest = leafSighash(spend);
  // The delegation may contain bad signatures too: they must not stop the use of the good ones.
  const stakers = presigned.stakerSignatures.filter((signed) => verifyLeafSignature(spend, signed));
  const decryptionKey = scalar.toBytes(d);
  const members = presigned.covenantSignatures
    .filter((signed) => equalBytes(signed.finalityProvider, finalityProvider))
    .filter(({ publicKey, signature }) => adaptor.verify(publicKey, finalityProvider, digest, signature))
    .map(({ publicKey, signature }) => ({ publicKey, signature: adaptor.adapt(signature, decryptionKey) }));
  const own = { publicKey: finalityProvider, signature: schnorr.sign(secretKey, digest) };
  return finishSpend(spend, [...firstOfEach(stakers), own, ...firstOfEach(members)]);
}

/**
 * The secret of the finality provider whose key finished a slashing transaction ("selective slashing", PROTOCOL 5). It
 * comes from the transaction and the adaptor signatures of the delegation: each member's signature in the witness is
 * compared with each adaptor signature of that member.
 * @returns 32 bytes
 * @throws TapstakeError `not-a-slashing` if the transaction is not one of the delegation's two; `witness-mismatch`;
 * `no-evidence` if no adaptor signature of the delegation was finished in it
 */
export function extractFromSlashing(delegation: Delegation, given: TransactionLike): ExtractedKey {
  const transaction = toTransaction(given);
  const from = whichSlashing(delegation, transaction);
  const { inputIndex, leaf } = slashingSpend(delegation, from);
  const finished = readWitness(leaf, transaction.ins[inputIndex]!.witness);
  const { covenantSignatures } = presignedSlashing(delegation, from);
  for (const { publicKey: member, finalityProvider, signature } of covenantSignatures) {
    const seen = finished.find(({ publicKey }) => equalBytes(publicKey, member));
    if (!seen) continue;
    const secretKey = tryExtract(signature, seen.signature.slice(0, 64), finalityProvider);
    if (secretKey) return { secretKey, finalityProvider, member, from };
  }
  throw new TapstakeError(
    "no-evidence",
    "no adaptor signature of the delegation was finished in this transaction",
  );
}

/** By txid: only the pre-signed transaction has signatures that lead back to its adaptor signatures. */
function whichSlashing(delegation: Delegation, transaction: Transaction): Slashable {
  const hash = transaction.getHash();
  for (const from of ["staking", "unbonding"] as const) {
    if (equalBytes(hash, presignedSlashing(delegation, from).transaction.getHash())) return from;
  }
  const text = `${transaction.getId()} is neither of the delegation's slashing transactions`;
  throw new TapstakeError("not-a-slashing", text, { txid: transaction.getId() });
}

/** Null if the finished signature does not come from this adaptor signature, or reveals another key. */
function tryExtract(
  signature: Uint8Array,
  finished: Uint8Array,
  finalityProvider: Uint8Array,
): Uint8Array | null {
  try {
    const { d, publicKey } = evenSecret(adaptor.extract(signature, finished));
    return equalBytes(publicKey, finalityProvider) ? scalar.toBytes(d) : null;
  } catch (error) {
    if (error instanceof TapstakeError) return null;
    throw error;
  }
}
