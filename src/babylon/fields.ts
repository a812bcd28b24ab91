import type { Transaction } from "../bitcoin/bitcoinjs.js";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { stakerKeys, type StakeTerms } from "../script/terms.js";
import type { InclusionProof } from "./inclusion.js";
import { PROOF_KINDS, type ProofOfPossession } from "./pop.js";
import type { MessageOf } from "./schema.js";

/** A proof of possession as messages hold it. */
export const toPop = ({ kind, signature }: ProofOfPossession): MessageOf<"ProofOfPossessionBTC"> => ({
  btcSigType: PROOF_KINDS.indexOf(kind),
  btcSig: signature,
});

/** @throws TapstakeError `invalid-message` at an unknown type */
export function fromPop({ btcSigType, btcSig }: MessageOf<"ProofOfPossessionBTC">): ProofOfPossession {
  const kind = PROOF_KINDS[btcSigType];
  if (!kind)
    throw new TapstakeError("invalid-message", `expected a btc_sig_type of 0 to 2, got ${btcSigType}`);
  return { kind, signature: btcSig };
}

/**
 * An inclusion proof of the right form: whether it proves anything needs the block's header.
 * @throws TapstakeError `invalid-proof`
 */
export function assertInclusionForm({ key, proof }: InclusionProof): void {
  const steps = proof.length / 32;
  if (Number.isInteger(steps) && key.index < 2 ** steps) return;
  const text = `expected a branch of 32 bytes each that leads to index ${key.index}, got ${proof.length} bytes`;
  throw new TapstakeError("invalid-proof", text);
}

/** @throws TapstakeError `unsupported-message`: the chain's messages name one staker */
export function onlyStaker({ staker }: StakeTerms): Uint8Array {
  const { keys } = stakerKeys(staker);
  if (keys.length === 1) return keys[0]!;
  const text = `expected one staker, as the chain's messages have room for, got ${keys.length}`;
  throw new TapstakeError("unsupported-message", text);
}

/**
 * A signature as the chain verifies it: of SIGHASH_DEFAULT, 64 bytes. Bitcoin would take 65 as well.
 * @throws TapstakeError `unsupported-sighash`
 */
export function chainSignature(signature: Uint8Array, what: string): Uint8Array {
  if (signature.length === 64) return signature;
  const text = `${what}: expected a signature of 64 bytes, which is all that the chain takes, got ${signature.length}`;
  throw new TapstakeError("unsupported-sighash", text);
}

/** Without witnesses, which change no txid. Input scripts would: they stay. */
export function bytesWithoutWitness(transaction: Transaction): Uint8Array {
  const bare = transaction.clone();
  for (const input of bare.ins) input.witness = [];
  return Uint8Array.from(bare.toBuffer());
}

/** The txid of a transaction by its hash. */
export const txidOf = (hash: Uint8Array): string => hex.encode(hash.toReversed());

/** @throws TapstakeError `message-mismatch` unless both are the same */
export function assertSame<T extends bigint | number | string>(what: string, expected: T, got: T): void {
  if (expected === got) return;
  throw new TapstakeError("message-mismatch", `${what}: expected ${expected}, got ${got}`, { what });
}
