import { hex } from "../core/bytes.js";
import { curve } from "../core/curve/index.js";
import { TapstakeError } from "../core/errors.js";
import { assertSignatureLength, type LeafSignature, type LeafSpend } from "./spend.js";
import { leafWitness, readWitness, withoutAnnex } from "./witness.js";

/**
 * That the witness of a leaf spend is one that Bitcoin takes, as it stands in the transaction: exactly the quorum of
 * each key set, every signature valid. Each may have any hash type, and there may be an annex. For spends that are in a
 * block: a signature that leaves parts of a transaction open must not be asked for, nor relied on before.
 * @throws TapstakeError `witness-mismatch`, `missing-signature`, `invalid-signature`; `unsupported-sighash` at a hash
 * type that Bitcoin does not know
 */
export function checkMinedWitness(spend: LeafSpend): void {
  const { transaction, inputIndex, leaf } = spend;
  const { witness } = transaction.ins[inputIndex]!;
  const stack = withoutAnnex(witness);
  const annex = stack.length < witness.length ? witness.at(-1) : undefined;
  const signatures = readWitness(leaf, stack);
  for (const signature of signatures) checkSignature(spend, signature, annex);
  // Says which signatures are missing.
  leafWitness(leaf, signatures);
  const quorums = leaf.signers.reduce((sum, { quorum }) => sum + quorum, 0);
  if (signatures.length > quorums) {
    const text = `the witness of ${transaction.getId()} has more signatures than the leaf takes`;
    throw new TapstakeError("witness-mismatch", text);
  }
}

const SINGLE = 3;
/** BIP-341: ALL, NONE and SINGLE, and each with ANYONECANPAY. DEFAULT is written as no byte. */
const HASH_TYPES: ReadonlySet<number> = new Set([1, 2, SINGLE, 0x81, 0x82, 0x80 | SINGLE]);

function checkSignature(
  { transaction, inputIndex, prevouts, leaf }: LeafSpend,
  { publicKey, signature }: LeafSignature,
  annex: Uint8Array | undefined,
): void {
  const key = hex.encode(publicKey);
  assertSignatureLength(key, signature);
  const type = signature[64];
  const lacksOutput = type !== undefined && (type & 0x7f) === SINGLE && inputIndex >= transaction.outs.length;
  if (type !== undefined && (!HASH_TYPES.has(type) || lacksOutput)) {
    const text = `the signature by ${key} has hash type ${type}, which Bitcoin does not take here`;
    throw new TapstakeError("unsupported-sighash", text, { key });
  }
  const digest = transaction.hashForWitnessV1(
    inputIndex,
    prevouts.map(({ script }) => script),
    prevouts.map(({ value }) => value),
    type ?? 0,
    leaf.hash,
    annex,
  );
  if (curve.verifySchnorr(digest, publicKey, signature.slice(0, 64))) return;
  const text = `the signature by ${key} does not verify over this transaction and leaf`;
  throw new TapstakeError("invalid-signature", text, { key });
}
