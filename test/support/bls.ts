import { bls12_381 as bls } from "@noble/curves/bls12-381.js";
import { type Checkpoint, encodeCheckpoint } from "../../src/babylon/checkpoint.js";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { concatBytes, u64be, utf8 } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";

const DST = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";
const { Fn } = bls.G1.Point;

/** A validator with its secret. */
export const blsValidator = (name: string, power = 1n) => {
  const secret = Fn.create(BigInt(`0x${Buffer.from(sha256(utf8(name))).toString("hex")}`));
  return { secret, publicKey: bls.G2.Point.BASE.multiply(secret).toBytes(), power };
};

/** A checkpoint that validators sign, given by their number in the list. */
export function signedCheckpoint(
  validators: readonly ReturnType<typeof blsValidator>[],
  signers: readonly number[],
  { tag = "bbn1", epoch, block }: { tag?: string; epoch: bigint; block: string },
): Checkpoint {
  const blockHash = sha256(utf8(block));
  const bitmap = new Uint8Array(13);
  for (const i of signers) bitmap[i >> 3]! |= 1 << (i & 7);
  const secret = signers.reduce((sum, i) => Fn.add(sum, validators[i]!.secret), 0n);
  const point = bls.shortSignatures.hash(concatBytes(u64be(epoch), blockHash), DST);
  const blsSignature = point.multiply(secret).toBytes();
  return { tag: utf8(tag), epoch, blockHash, bitmap, submitter: new Uint8Array(20).fill(9), blsSignature };
}

/** A signature, with a point of the curve added that is outside of the group of prime order. */
export function outsideGroup(signature: Uint8Array): Uint8Array {
  const { Fp } = bls.fields;
  // The first x of a point that is not in the group.
  const y = Fp.sqrt(Fp.add(Fp.pow(4n, 3n), 4n));
  const point = bls.G1.Point.fromAffine({ x: 4n, y });
  const odd = point.multiplyUnsafe(Fn.ORDER - 1n).add(point);
  if (odd.is0()) throw new Error("the point is in the group");
  const sum = bls.G1.Point.fromBytes(signature).add(odd).toAffine();
  const bytes = Fp.toBytes(sum.x);
  bytes[0]! |= 2n * sum.y > Fp.ORDER ? 0xa0 : 0x80;
  return Uint8Array.from(bytes);
}

let made = 0;

/** A transaction with the data in an OP_RETURN. It spends the first output that can be spent of another one, or nothing known. */
export function carrying(data: Uint8Array, spent?: Transaction): Transaction {
  const transaction = new Transaction();
  transaction.version = 2;
  if (spent) transaction.addInput(spent.getHash(), 1);
  else transaction.addInput(sha256(utf8(`checkpoint coin ${made++}`)), 0);
  const push = data.length > 75 ? [0x6a, 0x4c, data.length] : [0x6a, data.length];
  transaction.addOutput(Uint8Array.of(...push, ...data), 0n);
  transaction.addOutput(Uint8Array.of(0x00, 20, ...new Uint8Array(20).fill(5)), 1_000n);
  return transaction;
}

/** The two transactions of a checkpoint, as the usual submitter makes them. */
export function carried(checkpoint: Checkpoint): [Transaction, Transaction] {
  const [first, second] = encodeCheckpoint(checkpoint);
  const head = carrying(first);
  return [head, carrying(second, head)];
}
