import { equalBytes, hex } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import {
  assertNamed,
  checkLeafSignature,
  firstOfEach,
  type LeafSignature,
  type LeafSpend,
} from "../spending/spend.js";
import { readWitness } from "../spending/witness.js";
import { parsePsbt, type PsbtLike, readWitnessStack } from "./read.js";
import { assertSameCoins, assertSameLeaf, assertSameTransaction } from "./returned.js";

/**
 * The signatures in a PSBT that came back from a signer, finalised or not. It must be of the same transaction,
 * coins and leaf, as far as it says; each signature is verified over our own copy of them. Fields of no concern are
 * passed over.
 * @param expected x-only keys whose signatures must be there: those of whoever was asked
 * @throws TapstakeError `invalid-psbt`; `psbt-mismatch` naming what was altered, and in which input or output;
 * `witness-mismatch`; `unexpected-signer`, `unsupported-sighash`, `invalid-signature`; `missing-signature` naming whose
 */
export function signaturesFromPsbt(
  spend: LeafSpend,
  returned: PsbtLike,
  expected: readonly Uint8Array[] = [],
): LeafSignature[] {
  const psbt = parsePsbt(returned);
  assertSameTransaction(spend.transaction, psbt);
  assertSameCoins(spend.transaction, spend.prevouts, psbt);
  const input = psbt.data.inputs[spend.inputIndex]!;
  assertSameLeaf(spend, input);
  const signatures = input.finalScriptWitness
    ? readWitness(spend.leaf, readWitnessStack(input.finalScriptWitness))
    : (input.tapScriptSig ?? [])
        .filter(({ leafHash }) => equalBytes(leafHash, spend.leaf.hash))
        .map(({ pubkey, signature }) => ({ publicKey: pubkey, signature }));
  for (const signature of signatures) checkLeafSignature(spend, signature);
  assertSignedBy(spend, signatures, expected);
  return signatures;
}

/**
 * The signatures in the PSBTs of one spend that came back from several signers, each of whom signed alone; of a key
 * that signed twice, the first. `finishSpend` makes the transaction of them.
 * @param expected x-only keys whose signatures must be there, in whichever PSBT
 * @throws TapstakeError the codes of {@link signaturesFromPsbt}, telling which PSBT (`psbt` in the details, from 0)
 * @example
 * ```ts
 * const signed = finishSpend(unbonding, signaturesFromPsbts(unbonding, [fromAlice, fromBob, fromCommittee]));
 * ```
 */
export function signaturesFromPsbts(
  spend: LeafSpend,
  returned: readonly PsbtLike[],
  expected: readonly Uint8Array[] = [],
): LeafSignature[] {
  const signatures = firstOfEach(fromEachPsbt(returned, (psbt) => signaturesFromPsbt(spend, psbt)).flat());
  assertSignedBy(spend, signatures, expected);
  return signatures;
}

/**
 * What is read from each of several PSBTs: where one is refused, the error says which.
 * @throws TapstakeError `invalid-psbt` where it is no list; the codes of `read`, with `psbt` in the details, from 0
 */
export function fromEachPsbt<T>(returned: readonly PsbtLike[], read: (psbt: PsbtLike) => T): T[] {
  if (!Array.isArray(returned)) {
    throw new TapstakeError("invalid-psbt", `expected a list of PSBTs, got ${describeType(returned)}`);
  }
  return returned.map((psbt: PsbtLike, index) => {
    try {
      return read(psbt);
    } catch (cause) {
      if (!(cause instanceof TapstakeError)) throw cause;
      const message = `PSBT ${index + 1} of ${returned.length}: ${cause.message}`;
      throw new TapstakeError(cause.code, message, { ...cause.details, psbt: index }, { cause });
    }
  });
}

/**
 * That of everyone who was asked there is a signature.
 * @throws TapstakeError `missing-signature` naming whose; `unexpected-signer` when the leaf does not name one of them
 */
export function assertSignedBy(
  { leaf }: LeafSpend,
  signatures: readonly LeafSignature[],
  expected: readonly Uint8Array[],
): void {
  if (!Array.isArray(expected)) {
    throw new TapstakeError("invalid-argument", `expected a list of keys, got ${describeType(expected)}`);
  }
  for (const key of expected) assertNamed(leaf, key);
  const missing = expected
    .filter((key) => !signatures.some(({ publicKey }) => equalBytes(publicKey, key)))
    .map(hex.encode);
  if (missing.length === 0) return;
  const text = `the PSBT came back without a signature of the ${leaf.kind} leaf by ${missing.join(", ")}`;
  throw new TapstakeError("missing-signature", text, { missing });
}
