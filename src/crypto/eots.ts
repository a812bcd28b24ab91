import { assertBytes, concatBytes, encodeHex, equalBytes, isBytes } from "../core/bytes.js";
import { curve } from "../core/curve/index.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { sha256 } from "../core/hashes.js";
import { assertPublicKey, assertSecretKey, evenSecret } from "../core/keys.js";
import { scalar } from "../core/scalar.js";
import { challenge } from "./schnorr.js";

/** A message of any length and its 32-byte signature. */
export interface SignedMessage {
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** The points of a secret key and of a secret randomness, 33 bytes compressed each. */
interface KnownPoints {
  readonly keyPoint: Uint8Array;
  readonly randomnessPoint: Uint8Array;
}

/** A signature as BIP-340 defines it, not verified yet. */
interface UnverifiedSignature {
  /** SHA-256 of the message. */
  readonly digest: Uint8Array;
  /** X-only. */
  readonly publicKey: Uint8Array;
  /** 64 bytes: the x-only point of the randomness, then s. */
  readonly signature: Uint8Array;
}

/** Extractable one-time signatures: signing two messages under one randomness reveals the key (PROTOCOL 6). */
export const eots = {
  /**
   * Signs a message. Signing another message with the same randomness reveals the secret key. The signature is verified
   * before it is returned.
   * @param secretKey 32 bytes
   * @param secretRandomness 32 bytes, a scalar: see `randomness.derive`
   * @param message any length
   * @returns the 32-byte s: with x(R) before it, a BIP-340 signature of SHA256(message)
   * @throws TapstakeError `invalid-secret-key`, `invalid-randomness`, `invalid-bytes`, `self-check-failed`
   */
  sign(secretKey: Uint8Array, secretRandomness: Uint8Array, message: Uint8Array): Uint8Array {
    const key = evenSecret(secretKey);
    const randomness = evenRandomness(secretRandomness);
    assertBytes(message, "message");
    return verified(signWith(key, randomness, sha256(message)));
  },

  /**
   * `sign` for callers that know both points already. It saves two multiplications; only the one of the verification is
   * left. The points are not checked. A wrong one, even in its parity alone, makes a signature that does not verify,
   * and it is withheld.
   * @param known.keyPoint 33 bytes, secretKey × G
   * @param known.randomnessPoint 33 bytes, secretRandomness × G
   * @throws TapstakeError as `sign`; `invalid-bytes` for points of another length
   */
  signKnown(
    secretKey: Uint8Array,
    secretRandomness: Uint8Array,
    message: Uint8Array,
    known: KnownPoints,
  ): Uint8Array {
    assertSecretKey(secretKey);
    assertSecretRandomness(secretRandomness);
    assertBytes(message, "message");
    const { keyPoint, randomnessPoint } = known;
    assertBytes(keyPoint, "point of the key", 33);
    assertBytes(randomnessPoint, "point of the randomness", 33);
    const key = { d: evenScalar(secretKey, keyPoint), publicKey: keyPoint.subarray(1) };
    const k = evenScalar(secretRandomness, randomnessPoint);
    const publicRandomness = randomnessPoint.subarray(1);
    return verified(signWith(key, { k, publicRandomness }, sha256(message)));
  },

  /**
   * Whether `signature` (32 bytes) is one of `message` by `publicKey` under `publicRandomness` (both x-only).
   * False on malformed input.
   */
  verify(
    publicKey: Uint8Array,
    publicRandomness: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
  ): boolean {
    return (
      isBytes(publicRandomness, 32) &&
      isBytes(signature, 32) &&
      message instanceof Uint8Array &&
      curve.verifySchnorr(sha256(message), publicKey, concatBytes(publicRandomness, signature))
    );
  },

  /**
   * The secret key of the signer of two messages under one randomness. It is the 32-byte secret whose public key has
   * even y, so it can be n minus the operator's own. It is returned only if it is the secret of `publicKey`: there is
   * no other proof. The inputs are not changed.
   *
   * Otherwise the error says why there is no key, in this order:
   * - `same-message`: both signatures are of one message, even if they differ.
   * - `same-signature`: one s is given for two messages, so one of the pairs was put together wrongly.
   * - `key-mismatch`: both signatures use this randomness and reveal the secret of another key. Someone signed in the
   *   name of `publicKey` without its secret. Detail `extracted` is the x-only key of that secret.
   * - `different-randomness`: `publicKey` did not make both signatures under this randomness. Detail `signature` names
   *   those that do not verify: `a`, `b` or `both`. If both fail, the key rather than the randomness may be wrong: each
   *   signature commits to both at once.
   *
   * @throws TapstakeError `same-message`, `same-signature`, `key-mismatch`, `different-randomness`,
   * `invalid-public-key`, `invalid-randomness`, `invalid-bytes`, `invalid-signature`
   */
  extract(
    publicKey: Uint8Array,
    publicRandomness: Uint8Array,
    a: SignedMessage,
    b: SignedMessage,
  ): Uint8Array {
    assertPublicKey(publicKey, "public key");
    assertPublicRandomness(publicRandomness);
    const sA = parseSigned(a, "a");
    const sB = parseSigned(b, "b");
    if (equalBytes(a.message, b.message)) {
      throw new TapstakeError(
        "same-message",
        "both signatures are of one message: give votes for two different messages",
      );
    }
    if (sA === sB) {
      throw new TapstakeError("same-signature", "one signature was given twice: give two different ones");
    }
    const eA = challenge(publicRandomness, publicKey, sha256(a.message));
    const eB = challenge(publicRandomness, publicKey, sha256(b.message));
    // s = k + e·d for both, so d = (sA - sB) / (eA - eB). It is not 0, because the signatures differ.
    const d = scalar.multiply(scalar.subtract(sA, sB), scalar.invert(scalar.subtract(eA, eB)));
    const extracted = evenSecret(scalar.toBytes(d));
    if (equalBytes(extracted.publicKey, publicKey)) return scalar.toBytes(extracted.d);
    const k = scalar.subtract(sA, scalar.multiply(eA, d));
    throw whyNoKey(publicKey, publicRandomness, a, b, { k, publicKey: extracted.publicKey });
  },
};

/** The s of a signature, if it verifies. @throws TapstakeError `self-check-failed` */
function verified({ digest, publicKey, signature }: UnverifiedSignature): Uint8Array {
  if (curve.verifySchnorr(digest, publicKey, signature)) return signature.slice(32);
  throw new TapstakeError("self-check-failed", "an EOTS signature made here does not verify");
}

function signWith(
  { d, publicKey }: { d: bigint; publicKey: Uint8Array },
  { k, publicRandomness }: { k: bigint; publicRandomness: Uint8Array },
  digest: Uint8Array,
): UnverifiedSignature {
  const e = challenge(publicRandomness, publicKey, digest);
  const s = scalar.toBytes(scalar.add(k, scalar.multiply(e, d)));
  return { digest, publicKey, signature: concatBytes(publicRandomness, s) };
}

/** A secret as BIP-340 uses it, by the parity of its point. */
function evenScalar(secret: Uint8Array, point: Uint8Array): bigint {
  const value = scalar.reduce(secret);
  return point[0] === 3 ? scalar.negate(value) : value;
}

function whyNoKey(
  publicKey: Uint8Array,
  publicRandomness: Uint8Array,
  a: SignedMessage,
  b: SignedMessage,
  extracted: { k: bigint; publicKey: Uint8Array },
): TapstakeError {
  const point = curve.pointFromScalar(scalar.toBytes(extracted.k));
  if (point && equalBytes(point.subarray(1), publicRandomness)) {
    const actual = encodeHex(extracted.publicKey);
    const expected = encodeHex(publicKey);
    return new TapstakeError(
      "key-mismatch",
      `the signatures reveal the secret of public key ${actual}, but must be votes of ${expected}`,
      { expected, extracted: actual },
    );
  }
  const verifies = ({ message, signature }: SignedMessage) =>
    eots.verify(publicKey, publicRandomness, message, signature);
  const signature = verifies(a) ? "b" : verifies(b) ? "a" : "both";
  const which =
    signature === "both"
      ? "neither signature verifies under this randomness and public key"
      : `signature ${signature} does not verify under this randomness; the other does`;
  return new TapstakeError(
    "different-randomness",
    `two signatures under one randomness are needed: ${which}`,
    {
      signature,
    },
  );
}

/** k as BIP-340 uses it, negated where R has odd y, and x(R). */
function evenRandomness(secret: Uint8Array): { k: bigint; publicRandomness: Uint8Array } {
  assertSecretRandomness(secret);
  const { d, publicKey } = evenSecret(secret);
  return { k: d, publicRandomness: publicKey };
}

function assertSecretRandomness(value: unknown): asserts value is Uint8Array {
  if (!isBytes(value, 32) || !curve.isPrivate(value)) {
    const got = isBytes(value, 32) ? "32 bytes outside that range" : describeType(value);
    throw new TapstakeError(
      "invalid-randomness",
      `secret randomness must be a scalar between 1 and n - 1, not ${got}`,
    );
  }
}

function assertPublicRandomness(value: unknown): asserts value is Uint8Array {
  if (!isBytes(value, 32) || !curve.isXOnlyPoint(value)) {
    const got = isBytes(value, 32) ? encodeHex(value) : describeType(value);
    throw new TapstakeError(
      "invalid-randomness",
      `public randomness must be 32 bytes, the x coordinate of a point, not ${got}`,
    );
  }
}

function parseSigned(signed: SignedMessage, name: string): bigint {
  assertBytes(signed?.message, `message ${name}`);
  const s = isBytes(signed.signature, 32) ? scalar.parse(signed.signature) : null;
  if (s === null) {
    const got = isBytes(signed.signature, 32)
      ? "32 bytes that are n or more"
      : describeType(signed.signature);
    throw new TapstakeError("invalid-signature", `signature ${name} must be 32 bytes below n, not ${got}`);
  }
  return s;
}
