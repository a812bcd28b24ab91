import { assertBytes, encodeHex, isBytes } from "./bytes.js";
import { curve } from "./curve/index.js";
import { isXOnlyPoint } from "./curve/points.js";
import { describeType, TapstakeError } from "./errors.js";
import { scalar } from "./scalar.js";

/** @throws TapstakeError `invalid-public-key` unless `value` is an x-only public key: 32 bytes, on the curve */
export function assertPublicKey(value: unknown, name: string): asserts value is Uint8Array {
  assertXOnly(value, name);
  if (!isXOnlyPoint(value)) {
    throw new TapstakeError(
      "invalid-public-key",
      `${name}: ${encodeHex(value)} is not the x coordinate of a point`,
    );
  }
}

/** @throws TapstakeError `invalid-public-key` unless `value` has the 32 bytes of an x-only key */
export function assertXOnly(value: unknown, name: string): asserts value is Uint8Array {
  if (isBytes(value, 32)) return;
  const text = `${name} must be an x-only key of 32 bytes, not ${describeType(value)}${remedyOf(value)}`;
  throw new TapstakeError("invalid-public-key", text);
}

/** Libraries give compressed keys; wallets give hexadecimal text. */
function remedyOf(value: unknown): string {
  if (isBytes(value, 33) && (value[0] === 2 || value[0] === 3)) return "; drop its first byte";
  return typeof value === "string" ? "; give bytes, not text" : "";
}

/** @throws TapstakeError `invalid-secret-key` unless `value` is 32 bytes, a scalar from 1 to n - 1 */
export function assertSecretKey(value: unknown, name = "secret key"): asserts value is Uint8Array {
  if (!isBytes(value, 32)) {
    throw new TapstakeError("invalid-secret-key", `${name} must be 32 bytes, not ${describeType(value)}`);
  }
  if (!curve.isPrivate(value)) {
    throw new TapstakeError("invalid-secret-key", `${name}: not a scalar between 1 and n - 1`);
  }
}

/**
 * The x-only public key (BIP-340) of a secret key.
 * @throws TapstakeError `invalid-secret-key`
 */
export function publicKeyOf(secretKey: Uint8Array): Uint8Array {
  assertSecretKey(secretKey);
  return compressedPoint(secretKey).slice(1);
}

/**
 * The secret as BIP-340 uses it: d, or n - d where dG has odd y; and the x-only public key.
 * @throws TapstakeError `invalid-secret-key`
 */
export function evenSecret(secretKey: Uint8Array, name?: string): { d: bigint; publicKey: Uint8Array } {
  assertSecretKey(secretKey, name);
  const point = compressedPoint(secretKey);
  const d = scalar.reduce(secretKey);
  return { d: point[0] === 3 ? scalar.negate(d) : d, publicKey: point.slice(1) };
}

function compressedPoint(secretKey: Uint8Array): Uint8Array {
  const point = curve.pointFromScalar(secretKey);
  assertBytes(point, "public key", 33);
  return point;
}
