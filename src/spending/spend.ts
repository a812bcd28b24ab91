import { Transaction } from "../bitcoin/transaction-class.js";
import { assertEstimated } from "../bitcoin/fee.js";
import { assertTransaction, type Prevout } from "../bitcoin/transaction.js";
import { equalBytes, hex, isBytes } from "../core/bytes.js";
import { curve } from "../core/curve/index.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { assertXOnly, publicKeyOf } from "../core/keys.js";
import { assertList, assertObject } from "../core/objects.js";
import { schnorr } from "../crypto/schnorr.js";
import type { Leaf } from "../script/outputs.js";
import { assertLeaf, leafWitness } from "./witness.js";

/** A transaction that spends a stake by one leaf, with all that its signatures commit to. */
export interface LeafSpend {
  /** Unsigned. */
  readonly transaction: Transaction;
  /** Which input spends the leaf. */
  readonly inputIndex: number;
  /** What each input spends, in order: Taproot signatures commit to all of them (BIP-341). */
  readonly prevouts: readonly Prevout[];
  readonly leaf: Leaf;
  /** The most virtual bytes that the fee pays for, if it depends on the size. */
  readonly vsize?: number;
}

/** A BIP-340 signature of a leaf spend: 64 bytes, or 65 with SIGHASH_ALL appended (PROTOCOL 4). */
export interface LeafSignature {
  /** X-only key. */
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * A signer: a key in memory, a hardware wallet, a remote service. `publicKey` may be x-only (32 bytes) or compressed
 * (33 bytes).
 */
export interface Signer {
  readonly publicKey: Uint8Array;
  signSchnorr(digest: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

const SIGHASH_DEFAULT = Transaction.SIGHASH_DEFAULT;
const SIGHASH_ALL = Transaction.SIGHASH_ALL;

/**
 * Checks that a value has the parts of a leaf spend, as the builders return it.
 * @throws TapstakeError `invalid-argument`
 */
export function assertSpend(value: unknown): asserts value is LeafSpend {
  assertObject(value, "the spend", "give what buildWithdrawal, unbondingSpend or slashingSpend returns");
  const { transaction, prevouts, leaf } = value as Partial<LeafSpend>;
  assertTransaction(transaction, "the spend's transaction");
  assertList(prevouts, "the spend's prevouts");
  assertLeaf(leaf);
}

/** Checks that a value has the parts of a signer. @throws TapstakeError `invalid-argument` */
export function assertSigner(value: unknown): asserts value is Signer {
  const { signSchnorr } = (value ?? {}) as Partial<Signer>;
  if (typeof signSchnorr === "function") return;
  const text = `the signer must have publicKey and signSchnorr, and is ${describeType(value)}; keySigner makes one of a secret key`;
  throw new TapstakeError("invalid-argument", text);
}

/** The digest that signatures of a leaf spend commit to (BIP-341, BIP-342): 32 bytes. */
export function leafSighash(spend: LeafSpend, sighashType = SIGHASH_DEFAULT): Uint8Array {
  assertSpend(spend);
  const { transaction, inputIndex, prevouts, leaf } = spend;
  return transaction.hashForWitnessV1(
    inputIndex,
    prevouts.map(({ script }) => script),
    prevouts.map(({ value }) => value),
    sighashType,
    leaf.hash,
  );
}

/**
 * Asks a signer for its signature of a leaf spend, and verifies it before it returns it.
 * @throws TapstakeError `invalid-public-key`, `unexpected-signer` if the leaf does not name its key; `signer-failed`;
 * `invalid-signature`
 */
export async function signLeaf(spend: LeafSpend, signer: Signer): Promise<LeafSignature> {
  assertSpend(spend);
  assertSigner(signer);
  const publicKey = xOnly(signer.publicKey);
  assertNamed(spend.leaf, publicKey);
  let signature: Uint8Array;
  try {
    signature = await signer.signSchnorr(leafSighash(spend));
  } catch (cause) {
    throw new TapstakeError("signer-failed", `the signer of ${hex.encode(publicKey)} failed`, {}, { cause });
  }
  if (!isBytes(signature, 64)) {
    throw new TapstakeError(
      "signer-failed",
      `the signer of ${hex.encode(publicKey)} returned no 64-byte signature`,
    );
  }
  // A copy: a signer may write its next signature into the same memory.
  const signed = { publicKey, signature: Uint8Array.from(signature) };
  checkLeafSignature(spend, signed);
  return signed;
}

/**
 * Checks a leaf signature: it must be by a key that the leaf names, over this transaction.
 * @throws TapstakeError `invalid-public-key`, `unexpected-signer`, `unsupported-sighash`, `invalid-signature`
 */
export function checkLeafSignature(spend: LeafSpend, signed: LeafSignature): void {
  assertSpend(spend);
  assertObject(signed, "a signature", "give { publicKey, signature }");
  const { publicKey, signature } = signed;
  assertNamed(spend.leaf, publicKey);
  const key = hex.encode(publicKey);
  assertSignatureLength(key, signature);
  // BIP-341: a 65th byte of 0 is invalid. Other types than ALL would let others change the transaction.
  if (signature.length === 65 && signature[64] !== SIGHASH_ALL) {
    throw new TapstakeError(
      "unsupported-sighash",
      `the signature by ${key} has hash type ${signature[64]}; only SIGHASH_DEFAULT and SIGHASH_ALL (1) are allowed`,
      {
        key,
      },
    );
  }
  const digest = leafSighash(spend, signature.length === 65 ? SIGHASH_ALL : SIGHASH_DEFAULT);
  if (!curve.verifySchnorr(digest, publicKey, signature.slice(0, 64))) {
    throw new TapstakeError(
      "invalid-signature",
      `the signature by ${key} does not verify over this transaction and leaf`,
      {
        key,
      },
    );
  }
}

/** @throws TapstakeError `invalid-signature` */
export function assertSignatureLength(key: string, signature: Uint8Array): void {
  if (!isBytes(signature, 64) && !isBytes(signature, 65)) {
    const text = `the signature by ${key} must have 64 or 65 bytes, but is ${describeType(signature)}`;
    throw new TapstakeError("invalid-signature", text, { key });
  }
}

/** Whether {@link checkLeafSignature} accepts the signature. */
export function verifyLeafSignature(spend: LeafSpend, signature: LeafSignature): boolean {
  try {
    checkLeafSignature(spend, signature);
    return true;
  } catch {
    return false;
  }
}

/**
 * The signed transaction. Each signature is verified, each slot of the leaf is filled or empty, and each key set gives
 * exactly its quorum. The spend's own unsigned transaction does not change.
 * @throws TapstakeError `missing-signature`, `size-above-estimate`, `invalid-argument` if `signatures` is not a list,
 * and the codes of {@link checkLeafSignature}
 */
export function finishSpend(spend: LeafSpend, signatures: readonly LeafSignature[]): Transaction {
  if (!Array.isArray(signatures)) {
    const got = describeType(signatures);
    const text = `signatures must be a list, not ${got}: take them from a PSBT with signaturesFromPsbt`;
    throw new TapstakeError("invalid-argument", text);
  }
  assertSpend(spend);
  for (const signature of signatures) checkLeafSignature(spend, signature);
  const signed = withWitness(spend, leafWitness(spend.leaf, signatures));
  if (spend.vsize !== undefined) assertEstimated(signed, spend.vsize);
  return signed;
}

/** The same spend with a copy of its transaction, which no caller can change while a signer works. */
export const spendOfCopy = (spend: LeafSpend): LeafSpend => ({
  ...spend,
  transaction: spend.transaction.clone(),
});

/** A copy of the spend's transaction with this witness on its leaf input. Nothing is checked. */
export function withWitness(spend: LeafSpend, witness: readonly Uint8Array[]): Transaction {
  assertSpend(spend);
  assertList(witness, "witness");
  const { transaction, inputIndex } = spend;
  const signed = transaction.clone();
  signed.setWitness(inputIndex, [...witness]);
  return signed;
}

/** The list with one signature more; it replaces an earlier one of the same signer. */
export function withSignature(list: readonly LeafSignature[], signature: LeafSignature): LeafSignature[] {
  return [...list.filter(({ publicKey }) => !equalBytes(publicKey, signature.publicKey)), signature];
}

/** The first signature of each key: a witness has one slot for it. */
export function firstOfEach(signatures: readonly LeafSignature[]): LeafSignature[] {
  const by = (key: Uint8Array) => signatures.find(({ publicKey }) => equalBytes(publicKey, key));
  return signatures.filter((signature) => by(signature.publicKey) === signature);
}

/** @throws TapstakeError `invalid-public-key`; `unexpected-signer` when the leaf does not name the key */
export function assertNamed(leaf: Leaf, publicKey: Uint8Array): void {
  assertXOnly(publicKey, "a signature's key");
  if (!isNamed(leaf, publicKey)) {
    const key = hex.encode(publicKey);
    throw new TapstakeError(
      "unexpected-signer",
      `wrong key: ${key} cannot sign for the ${leaf.kind} leaf of this stake`,
      { key },
    );
  }
}

/** Whether a leaf asks for signatures by an x-only key. */
export const isNamed = (leaf: Leaf, publicKey: Uint8Array): boolean =>
  leaf.signers.some(({ keys }) => keys.some((key) => equalBytes(key, publicKey)));

/** A copy: signers take time, and `slice` of a Node Buffer would share its memory. */
export function xOnly(publicKey: Uint8Array): Uint8Array {
  if (!isBytes(publicKey, 33)) return isBytes(publicKey, 32) ? Uint8Array.from(publicKey) : publicKey;
  return Uint8Array.from(publicKey).slice(1);
}

/**
 * A signer that holds its key in memory. The secret is reachable only by signing.
 * @throws TapstakeError `invalid-secret-key`
 */
export function keySigner(secretKey: Uint8Array): Signer {
  const publicKey = publicKeyOf(secretKey);
  // `slice` of a Node Buffer would share its memory: a caller that wipes its key would wipe this one.
  const secret = Uint8Array.from(secretKey);
  return { publicKey, signSchnorr: (digest) => schnorr.sign(secret, digest) };
}
