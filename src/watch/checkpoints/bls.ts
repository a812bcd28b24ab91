import type { Checkpoint } from "../../babylon/checkpoint.js";
import { concatBytes, encodeHex, u64be } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { assertValidators, type BlsValidator } from "./keys.js";

/** What BLS says of a checkpoint. */
export type BlsResult =
  | { readonly valid: true; readonly signed: bigint; readonly total: bigint }
  | { readonly valid: false; readonly reason: "no-quorum" | "no-point" | "wrong-signature" };

/** Signatures in G1 and keys in G2, without proofs of possession in the signature: the chain asks for those first. */
const DST = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

type Bls = typeof import("@noble/curves/bls12-381.js").bls12_381;
type SignaturePoint = ReturnType<Bls["shortSignatures"]["hash"]>;
type KeyPoint = ReturnType<Bls["shortSignatures"]["aggregatePublicKeys"]>;

/** Verifies checkpoints of one epoch. */
export interface EpochVerifier {
  verify(checkpoint: Pick<Checkpoint, "epoch" | "blockHash" | "bitmap" | "blsSignature">): BlsResult;
}

/**
 * Reads the keys of an epoch's validators, for any number of checkpoints of that epoch.
 * @throws TapstakeError `invalid-public-key` for a key that is no point of the group; as {@link assertValidators}
 */
export async function epochVerifier(validators: readonly BlsValidator[]): Promise<EpochVerifier> {
  assertValidators(validators);
  // The library is large, and only this needs it.
  const { bls12_381: bls } = await import("@noble/curves/bls12-381.js");
  const keys = validators.map(({ publicKey }, i) => keyPoint(bls, publicKey, i));
  const total = validators.reduce((sum, { power }) => sum + power, 0n);
  return {
    verify({ epoch, blockHash, bitmap, blsSignature }) {
      const signers = validators.flatMap((_, i) => (hasBit(bitmap, i) ? [i] : []));
      const signed = signers.reduce((sum, i) => sum + validators[i]!.power, 0n);
      if (signed * 3n <= total * 2n) return { valid: false, reason: "no-quorum" };
      const signature = curvePoint(bls, blsSignature);
      if (!signature) return { valid: false, reason: "no-point" };
      const message = concatBytes(u64be(epoch, "epoch"), blockHash);
      const key = signers.reduce((sum: KeyPoint, i) => sum.add(keys[i]!), bls.G2.Point.ZERO);
      return isSigned(bls, signature, message, key)
        ? { valid: true, signed, total }
        : { valid: false, reason: "wrong-signature" };
    },
  };
}

/**
 * Whether validators with more than two thirds of the power signed a checkpoint: 48 bytes in G1 over the epoch (8 bytes,
 * big-endian) and the block hash.
 * @param validators all of the epoch, in the chain's order
 * @throws TapstakeError as {@link epochVerifier}; a checkpoint that is not signed is an answer
 */
export const verifyCheckpoint = async (
  checkpoint: Checkpoint,
  validators: readonly BlsValidator[],
): Promise<BlsResult> => (await epochVerifier(validators)).verify(checkpoint);

/**
 * The chain does not ask whether a signature's point is in the group of prime order, so that a quorum's signature counts
 * there with a point of another order added to it. Both sides are brought into the group first: a fork that the chain
 * would take is one here.
 */
function isSigned(bls: Bls, given: SignaturePoint, message: Uint8Array, key: KeyPoint): boolean {
  const signature = given.clearCofactor();
  if (signature.is0() || key.is0()) return false;
  const point = bls.shortSignatures.hash(message, DST).clearCofactor();
  return bls.shortSignatures.verify(signature, point, key);
}

/** A compressed point of the curve, whatever its order; null for other bytes, and for the point at infinity. */
function curvePoint({ G1, fields: { Fp } }: Bls, bytes: Uint8Array): SignaturePoint | null {
  const flags = bytes[0]! >> 5;
  if (bytes.length !== 48 || (flags & 0b110) !== 0b100) return null;
  const x = BigInt(`0x${encodeHex(bytes.with(0, bytes[0]! & 0x1f))}`);
  if (x >= Fp.ORDER) return null;
  const square = Fp.add(Fp.mul(Fp.sqr(x), x), 4n);
  let y: bigint;
  try {
    y = Fp.sqrt(square);
  } catch {
    return null;
  }
  const isLarger = 2n * y > Fp.ORDER;
  return G1.Point.fromAffine({ x, y: isLarger === ((flags & 1) === 1) ? y : Fp.neg(y) });
}

function keyPoint(bls: Bls, publicKey: Uint8Array, index: number): KeyPoint {
  try {
    const point = bls.G2.Point.fromBytes(publicKey);
    point.assertValidity();
    if (point.is0() || !point.isTorsionFree()) throw new Error("not in the group");
    return point;
  } catch (cause) {
    const text = `the key of validator ${index} is no point of the group G2 of BLS12-381`;
    throw new TapstakeError("invalid-public-key", text, { index }, { cause });
  }
}

/** Bit 0 is the lowest bit of the first byte. Bits above the number of validators say nothing. */
const hasBit = (bitmap: Uint8Array, index: number): boolean =>
  ((bitmap[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
