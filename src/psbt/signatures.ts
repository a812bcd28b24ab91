import { Transaction } from "../bitcoin/transaction-class.js";
import { containsBytes, equalBytes, hex } from "../core/bytes.js";
import { curve } from "../core/curve/index.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { taggedHash } from "../core/hashes.js";
import { assertXOnly } from "../core/keys.js";
import type { Leaf } from "../script/outputs.js";
import { merkleRootOf } from "../script/taproot.js";
import {
  assertNamed,
  assertSpend,
  firstOfEach,
  leafSighash,
  type LeafSignature,
  type LeafSpend,
  verifyLeafSignature,
} from "../spending/spend.js";
import type { Psbt } from "./psbt.js";
import { parseAnswer, type PsbtLike, readWitnessStack } from "./read.js";
import { assertSameCoins, assertSameLeaf, assertSameTransaction } from "./returned.js";

/**
 * The signatures for a leaf spend from a signer's answer, in any form that wallets give: unfinalised, under any key and
 * leaf hash; in a final witness, complete or with the staker's signature alone; or in the whole transaction.
 *
 * The transaction must be ours. A signature counts for the key of the leaf that verifies it over our own copy of the
 * transaction, its coins and the leaf. Everything else in the answer is ignored.
 * @param expected x-only keys that must have signed
 * @throws TapstakeError `invalid-psbt`; `psbt-mismatch` with what was altered, and in which input or output;
 * `witness-mismatch` for a final witness of another leaf; `unsupported-sighash`; `missing-signature`, with the keys in
 * `missing` and what was seen instead: `bySomeoneElse`, the number of signatures that verify for no key of the leaf,
 * and `tweaked`, whether one of them is by a wallet's tweaked key
 */
export function signaturesFromPsbt(
  spend: LeafSpend,
  returned: PsbtLike,
  expected: readonly Uint8Array[] = [],
): LeafSignature[] {
  const { signatures, given } = readAnswer(spend, returned);
  assertSignedBy(spend, signatures, expected, () => seenInstead(spend, given));
  if (signatures.length > 0 || given.length === 0) return signatures;
  throw notSigned(spend.leaf, keysOf(spend.leaf), seenInstead(spend, given));
}

/**
 * The signatures by some of a leaf's keys; at least one of the keys must have signed.
 * @param transaction its name, for the error
 * @param missing the keys that the error names if not one of `keys` signed
 * @throws TapstakeError the codes of {@link signaturesFromPsbt}
 */
export function signaturesBySome(
  spend: LeafSpend,
  returned: PsbtLike,
  keys: readonly Uint8Array[],
  transaction: string,
  missing: readonly Uint8Array[],
): LeafSignature[] {
  const { signatures, given } = readAnswer(spend, returned);
  const own = signatures.filter(({ publicKey }) => containsBytes(keys, publicKey));
  if (own.length > 0) return own;
  throw notSigned(spend.leaf, missing, seenInstead(spend, given), transaction);
}

function readAnswer(spend: LeafSpend, returned: PsbtLike) {
  assertSpend(spend);
  const answer = parseAnswer(returned);
  assertSameTransaction(spend.transaction, answer);
  const given = candidates(spend, answer);
  const signatures = signedBy(spend, given);
  if (signatures.length === 0 && given.length > 0) assertUnaltered(spend, answer, given);
  return { signatures, given };
}

/** A signature from an answer. Only verification shows whose it is. */
interface Candidate {
  readonly signature: Uint8Array;
  /** The key under which the wallet put it, if any. */
  readonly filedUnder?: Uint8Array;
}

/** @throws TapstakeError `witness-mismatch` for a final witness that opens another leaf */
function candidates({ leaf, inputIndex }: LeafSpend, answer: Psbt): Candidate[] {
  const { finalScriptWitness, tapScriptSig = [] } = answer.data.inputs[inputIndex]!;
  if (finalScriptWitness) return inWitness(leaf, readWitnessStack(finalScriptWitness));
  const isOurs = ({ leafHash }: (typeof tapScriptSig)[number]) => equalBytes(leafHash, leaf.hash);
  const all = [...tapScriptSig.filter(isOurs), ...tapScriptSig.filter((each) => !isOurs(each))];
  const most = MOST_FOR_EACH_KEY * leaf.signers.reduce((sum, { keys }) => sum + keys.length, 0);
  return all.slice(0, most).map(({ pubkey, signature }) => ({ signature, filedUnder: pubkey }));
}

/** One for each of the four ways in which wallets file one. The limit stops an answer with many false signatures. */
const MOST_FOR_EACH_KEY = 4;

/** Wallets that finalise leave out the empty slots, and put what they have in front. */
function inWitness(leaf: Leaf, witness: readonly Uint8Array[]): Candidate[] {
  if (witness.length === 0) return [];
  const [script, controlBlock] = witness.slice(-2);
  const slots = witness.slice(0, -2).filter(({ length }) => length > 0);
  const keys = leaf.signers.reduce((sum, each) => sum + each.keys.length, 0);
  const isOurs =
    controlBlock && equalBytes(script!, leaf.script) && equalBytes(controlBlock, leaf.controlBlock);
  if (isOurs && slots.length <= keys) return slots.map((signature) => ({ signature }));
  const [only] = witness;
  const isKeyPath = witness.length === 1 && (only!.length === 64 || only!.length === 65);
  const text = isKeyPath
    ? `the wallet signed by the key path, by which no key can spend; ask for a signature of the ${leaf.kind} leaf`
    : `the witness does not open the expected ${leaf.kind} leaf`;
  throw new TapstakeError("witness-mismatch", text, { elements: witness.length });
}

/** BIP-340 hashes the key, so a signature verifies for one key at most. */
function signedBy(spend: LeafSpend, given: readonly Candidate[]): LeafSignature[] {
  const signed: LeafSignature[] = [];
  for (const { signature, filedUnder } of given) {
    const left = keysOf(spend.leaf).filter((key) => !signed.some((each) => equalBytes(each.publicKey, key)));
    const isFirst = (key: Uint8Array) => filedUnder !== undefined && equalBytes(filedUnder, key);
    const inOrder = [...left.filter(isFirst), ...left.filter((key) => !isFirst(key))];
    const publicKey = inOrder.find((key) => verifyLeafSignature(spend, { publicKey: key, signature }));
    if (publicKey) signed.push({ publicKey, signature: Uint8Array.from(signature) });
  }
  return signed;
}

const keysOf = ({ signers }: Leaf): Uint8Array[] => signers.flatMap(({ keys }) => [...keys]);

/**
 * If no signature verifies, a false field of the PSBT's input explains why.
 * @throws TapstakeError `psbt-mismatch`, `unsupported-sighash`
 */
function assertUnaltered(spend: LeafSpend, answer: Psbt, given: readonly Candidate[]): void {
  for (const { signature } of given) {
    const type = signature.length === 65 ? signature[64]! : Transaction.SIGHASH_DEFAULT;
    if (type === Transaction.SIGHASH_DEFAULT || type === Transaction.SIGHASH_ALL) continue;
    const text = `a signature of the ${spend.leaf.kind} leaf has the hash type ${type}: DEFAULT (64 bytes) or ALL (1) is needed, as others let the transaction be changed`;
    throw new TapstakeError("unsupported-sighash", text, { type });
  }
  assertSameCoins(spend.transaction, spend.prevouts, answer);
  assertSameLeaf(spend, answer.data.inputs[spend.inputIndex]!);
}

/** What an answer has in place of the required signatures. */
interface Seen {
  /** Signatures that verify for no key of the leaf. */
  readonly bySomeoneElse: number;
  /** Whether a wallet filed one of them under a key of the leaf. */
  readonly misfiled: boolean;
  readonly tweaked: boolean;
}

function seenInstead(spend: LeafSpend, given: readonly Candidate[]): Seen {
  const { leaf } = spend;
  const others = given.filter(({ signature }) =>
    keysOf(leaf).every((publicKey) => !verifyLeafSignature(spend, { publicKey, signature })),
  );
  const root = merkleRootOf(leaf.script, leaf.controlBlock)!;
  const tweaked = keysOf(leaf).flatMap((key) =>
    [taggedHash("TapTweak", key), taggedHash("TapTweak", key, root)].flatMap(
      (tweak) => curve.xOnlyPointAddTweak(key, tweak)?.xOnlyPubkey ?? [],
    ),
  );
  const isTweaked = ({ signature }: Candidate) =>
    (signature.length === 64 || signature.length === 65) &&
    tweaked.some((key) =>
      // Other hash types may have no digest (BIP-341).
      curve.verifySchnorr(
        leafSighash(spend, signature.length === 65 ? Transaction.SIGHASH_ALL : Transaction.SIGHASH_DEFAULT),
        key,
        signature.slice(0, 64),
      ),
    );
  const misfiled = others.some(({ filedUnder }) => filedUnder && containsBytes(keysOf(leaf), filedUnder));
  return { bySomeoneElse: others.length, misfiled, tweaked: others.some(isTweaked) };
}

/**
 * The signatures from several PSBTs of one spend, each signed by another signer. If a key signed twice, the first
 * counts. Pass them to `finishSpend`.
 * @param expected x-only keys that must have signed, in any of the PSBTs
 * @throws TapstakeError the codes of {@link signaturesFromPsbt}, with the index of the PSBT in the details (`psbt`,
 * from 0)
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
 * Reads each of several PSBTs. If `read` refuses one, the error says which.
 * @throws TapstakeError `invalid-psbt` if `returned` is not a list; the codes of `read`, with the index as `psbt` in
 * the details, from 0
 */
export function fromEachPsbt<T>(returned: readonly PsbtLike[], read: (psbt: PsbtLike) => T): T[] {
  if (!Array.isArray(returned)) {
    throw new TapstakeError("invalid-psbt", `the PSBTs must be a list, not ${describeType(returned)}`);
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
 * Checks that each of these keys has signed.
 * @param seen what the answer has instead, if a signature is missing
 * @throws TapstakeError `missing-signature` with the keys; `unexpected-signer` if the leaf does not name one of them
 */
export function assertSignedBy(
  { leaf }: LeafSpend,
  signatures: readonly LeafSignature[],
  expected: readonly Uint8Array[],
  seen?: () => Seen,
): void {
  assertExpected(expected);
  for (const key of expected) assertNamed(leaf, key);
  const missing = expected.filter((key) => !signatures.some(({ publicKey }) => equalBytes(publicKey, key)));
  if (missing.length > 0) throw notSigned(leaf, missing, seen?.());
}

/**
 * Checks that the keys that must sign are a list of x-only keys.
 * @throws TapstakeError `invalid-argument`, `invalid-public-key`
 */
export function assertExpected(expected: readonly Uint8Array[]): void {
  if (!Array.isArray(expected)) {
    const text = `expected must be a list of keys, not ${describeType(expected)}`;
    throw new TapstakeError("invalid-argument", text);
  }
  expected.forEach((key: unknown, i) => assertXOnly(key, `expected[${i}]`));
}

/** @param keys the keys that did not sign; at least one */
function notSigned(
  { kind, signers }: Leaf,
  keys: readonly Uint8Array[],
  seen?: Seen,
  transaction?: string,
): TapstakeError {
  const { bySomeoneElse = 0, misfiled = false, tweaked = false } = seen ?? {};
  const missing = keys.map(hex.encode);
  const all = signers.reduce((sum, each) => sum + each.keys.length, 0);
  const by = all > 1 && keys.length === all ? "any of its keys" : missing.join(" or ");
  const of =
    transaction === undefined
      ? ` has no signature of the ${kind} leaf`
      : ` of the ${transaction} has no signature`;
  const details = {
    missing,
    ...(transaction !== undefined && { transaction }),
    ...(bySomeoneElse > 0 && { bySomeoneElse }),
    ...(tweaked && { tweaked }),
  };
  const why = tweaked ? TWEAKED : "";
  const text = `the PSBT${of} by ${by}${othersText(bySomeoneElse, misfiled)}${why}`;
  return new TapstakeError("missing-signature", text, details);
}

const TWEAKED =
  "; the wallet signed with its tweaked key: ask it with useTweakedSigner false (OKX: disableTweakSigner true)";

function othersText(count: number, misfiled: boolean): string {
  if (count === 0) return "";
  const whose = misfiled
    ? "another key, or of another transaction"
    : count === 1
      ? "another key"
      : "other keys";
  return `; ${count} ${count === 1 ? "signature" : "signatures"} by ${whose}`;
}
