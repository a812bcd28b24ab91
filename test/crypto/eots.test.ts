import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { sha256 } from "../../src/core/hashes.js";
import { evenSecret, publicKeyOf } from "../../src/core/keys.js";
import { GROUP_ORDER, scalar } from "../../src/core/scalar.js";
import { eots } from "../../src/crypto/eots.js";
import { randomness } from "../../src/crypto/randomness.js";
import { challenge, schnorr } from "../../src/crypto/schnorr.js";
import { bytes32, flipBit, NOT_BYTES, secrets } from "../support/arbitraries.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";
import { bytes, eotsVectors } from "../support/vectors.js";

const secret = new Uint8Array(32).fill(0x11);
const publicKey = publicKeyOf(secret);
const nonce = new Uint8Array(32).fill(0x22);
const R = publicKeyOf(nonce);
const otherNonce = new Uint8Array(32).fill(0x33);
const otherR = publicKeyOf(otherNonce);
const other = new Uint8Array(32).fill(0x44);
const OUT_OF_RANGE = scalar.toBytes(GROUP_ORDER - 1n).fill(0xff);
const OFF_CURVE = bytes("EEFDEA4CDB677750A420FEE807EACF21EB9898AE79B9768766E4FAA04A2D4A34");

const text = (message: string) => new TextEncoder().encode(message);
const vote = (message: string, by: Uint8Array = secret, k: Uint8Array = nonce) => ({
  message: text(message),
  signature: eots.sign(by, k, text(message)),
});

describe("eots: the Go reference's votes", () => {
  for (const [i, v] of eotsVectors().entries()) {
    const key = bytes(v.Pk);
    const derived = randomness.derive(bytes(v.Sk), v.ChainId, BigInt(v.Height));
    // The file was written after the reference had extracted the key, which negates the second signature in place:
    // what stands there as Sig2 is n minus the signature.
    const sig2 = scalar.toBytes(scalar.negate(scalar.reduce(bytes(v.Sig2))));
    const a = { message: bytes(v.Msg1), signature: bytes(v.Sig1) };
    const b = { message: bytes(v.Msg2), signature: sig2 };

    it(`vector ${i}: randomness and both signatures`, () => {
      expect(hex.encode(publicKeyOf(bytes(v.Sk)))).toBe(v.Pk);
      expect(hex.encode(derived.secret)).toBe(v.PrivRand);
      expect(hex.encode(derived.public)).toBe(v.PubRand);
      for (const { message, signature } of [a, b]) {
        expect(eots.sign(bytes(v.Sk), derived.secret, message)).toEqual(signature);
        expect(eots.verify(key, derived.public, message, signature)).toBe(true);
      }
      expect(eots.verify(key, derived.public, a.message, b.signature)).toBe(false);
    });

    it(`vector ${i}: the extracted key`, () => {
      // The reference extracted against a key of 33 bytes and kept its parity; an x-only key means even y.
      const even = scalar.toBytes(evenSecret(bytes(v.Extracted)).d);
      expect(v.Extracted).toBe(v.Sk);
      expect(eots.extract(key, derived.public, a, b)).toEqual(even);
      expect(eots.extract(key, derived.public, b, a)).toEqual(even);
    });

    it(`vector ${i}: Sig2 of the file is no signature, as the Go reference changes its inputs in place`, () => {
      const negated = { message: b.message, signature: bytes(v.Sig2) };
      expect(eots.verify(key, derived.public, negated.message, negated.signature)).toBe(false);
      const error = refusal("different-randomness", () => eots.extract(key, derived.public, a, negated));
      expect(error.details["signature"]).toBe("b");
    });
  }
});

describe("eots.sign and eots.verify", () => {
  it("x(R) with the signature is a BIP-340 signature of SHA256(message)", () => {
    const { message, signature } = vote("block");
    const bip340 = new Uint8Array([...R, ...signature]);
    expect(schnorr.verify(publicKey, sha256(message), bip340)).toBe(true);
  });

  it("accept messages of any length", () => {
    for (const length of [0, 1, 31, 32, 33, 40, 100_000]) {
      const message = new Uint8Array(length).fill(7);
      expect(eots.verify(publicKey, R, message, eots.sign(secret, nonce, message))).toBe(true);
    }
  });

  it("fail with any bit of the signature flipped", () => {
    fc.assert(
      fc.property(secrets, secrets, fc.uint8Array({ minLength: 1 }), fc.nat(255), (sk, k, message, bit) => {
        const key = publicKeyOf(sk);
        const r = publicKeyOf(k);
        const signature = eots.sign(sk, k, message);
        expect(eots.verify(key, r, message, flipBit(signature, bit))).toBe(false);
        expect(eots.verify(key, r, flipBit(message, bit), signature)).toBe(false);
        expect(eots.verify(key, flipBit(r, bit), message, signature)).toBe(false);
        expect(eots.verify(flipBit(key, bit), r, message, signature)).toBe(false);
      }),
      { numRuns: runs(20) },
    );
  });

  it("verify is false on malformed input of any type", () => {
    const { message, signature } = vote("block");
    for (const bad of [...NOT_BYTES, OUT_OF_RANGE, OFF_CURVE] as Uint8Array[]) {
      expect(eots.verify(bad, R, message, signature)).toBe(false);
      expect(eots.verify(publicKey, bad, message, signature)).toBe(false);
      expect(eots.verify(publicKey, R, bad, signature)).toBe(false);
      expect(eots.verify(publicKey, R, message, bad)).toBe(false);
    }
  });

  it("sign refuses malformed input, each with its code", () => {
    for (const bad of [...NOT_BYTES, new Uint8Array(32), OUT_OF_RANGE] as Uint8Array[]) {
      refusal("invalid-secret-key", () => eots.sign(bad, nonce, R));
      refusal("invalid-randomness", () => eots.sign(secret, bad, R));
    }
    refusal("invalid-bytes", () => eots.sign(secret, nonce, "block" as unknown as Uint8Array));
  });
});

describe("eots.signKnown", () => {
  const pointOf = (scalarBytes: Uint8Array) => curve.pointFromScalar(scalarBytes)!;
  const known = (sk: Uint8Array, k: Uint8Array) => ({ keyPoint: pointOf(sk), randomnessPoint: pointOf(k) });

  it("signs as eots.sign does, with every parity", () => {
    fc.assert(
      fc.property(secrets, secrets, fc.uint8Array(), (sk, k, message) => {
        expect(eots.signKnown(sk, k, message, known(sk, k))).toEqual(eots.sign(sk, k, message));
      }),
      { numRuns: runs(40) },
    );
  });

  it("withholds the signature where a given point is another one, or its negative", () => {
    const points = known(secret, nonce);
    const negative = (point: Uint8Array) => Uint8Array.from(point, (byte, i) => (i === 0 ? byte ^ 1 : byte));
    for (const wrong of [
      { ...points, randomnessPoint: pointOf(otherNonce) },
      { ...points, keyPoint: pointOf(other) },
      { ...points, randomnessPoint: negative(points.randomnessPoint) },
      { ...points, keyPoint: negative(points.keyPoint) },
      { ...points, randomnessPoint: new Uint8Array(33) },
    ]) {
      refusal("self-check-failed", () => eots.signKnown(secret, nonce, text("block"), wrong));
    }
  });

  it("refuses malformed input, each with its code", () => {
    const points = known(secret, nonce);
    for (const bad of [...NOT_BYTES, new Uint8Array(32), OUT_OF_RANGE] as Uint8Array[]) {
      refusal("invalid-secret-key", () => eots.signKnown(bad, nonce, R, points));
      refusal("invalid-randomness", () => eots.signKnown(secret, bad, R, points));
    }
    refusal("invalid-bytes", () => eots.signKnown(secret, nonce, "x" as unknown as Uint8Array, points));
    refusal("invalid-bytes", () => eots.signKnown(secret, nonce, R, { ...points, keyPoint: R }));
    refusal("invalid-bytes", () => eots.signKnown(secret, nonce, R, { ...points, randomnessPoint: R }));
  });
});

// As a function of one type: structuredClone narrows the buffers of its result.
const copyOf = <T>(value: T): T => structuredClone(value);
const which = (run: () => unknown) => refusal("different-randomness", run).details["signature"];

describe("eots.extract", () => {
  it("two different messages under one randomness reveal the key, for any key and randomness", () => {
    const messages = fc.tuple(fc.uint8Array(), fc.uint8Array());
    fc.assert(
      fc.property(secrets, secrets, messages, (sk, k, [first, second]) => {
        fc.pre(hex.encode(first) !== hex.encode(second));
        const a = { message: first, signature: eots.sign(sk, k, first) };
        const b = { message: second, signature: eots.sign(sk, k, second) };
        const even = scalar.toBytes(evenSecret(sk).d);
        expect(eots.extract(publicKeyOf(sk), publicKeyOf(k), a, b)).toEqual(even);
        expect(eots.extract(publicKeyOf(sk), publicKeyOf(k), b, a)).toEqual(even);
      }),
      { numRuns: runs(40) },
    );
  });

  it("a secret whose point has odd y is extracted as n minus it, with the same x-only key", () => {
    const oddSecret = scalar.toBytes(scalar.negate(evenSecret(secret).d));
    const key = eots.extract(publicKey, R, vote("a", oddSecret), vote("b", oddSecret));
    expect(key).toEqual(scalar.toBytes(scalar.negate(scalar.reduce(oddSecret))));
    expect(publicKeyOf(key)).toEqual(publicKey);
  });

  it("changes no input, unlike the Go reference", () => {
    const inputs = [publicKey, R, Object.freeze(vote("a")), Object.freeze(vote("b"))] as const;
    const before = copyOf(inputs);
    eots.extract(inputs[0], inputs[1], inputs[2], inputs[3]);
    expect(inputs).toEqual(before);
    const refused = [publicKey, otherR, vote("a"), vote("b")] as const;
    const beforeRefusal = copyOf(refused);
    refusal("different-randomness", () => eots.extract(refused[0], refused[1], refused[2], refused[3]));
    expect(refused).toEqual(beforeRefusal);
  });

  it("same-message: one message reveals nothing, however it was signed", () => {
    refusal("same-message", () => eots.extract(publicKey, R, vote("a"), vote("a")));
    refusal("same-message", () => eots.extract(publicKey, R, vote("a"), vote("a", secret, otherNonce)));
  });

  it("same-signature: one s cannot belong to two messages", () => {
    const a = vote("a");
    const error = refusal("same-signature", () =>
      eots.extract(publicKey, R, a, { ...a, message: text("b") }),
    );
    expect(error.message).toContain("give two different ones");
  });

  it("different-randomness: names the signature that was made under another", () => {
    const stray = vote("b", secret, otherNonce);
    expect(which(() => eots.extract(publicKey, R, vote("a"), stray))).toBe("b");
    expect(which(() => eots.extract(publicKey, R, stray, vote("a")))).toBe("a");
    expect(which(() => eots.extract(publicKey, otherR, vote("a"), vote("b")))).toBe("both");
  });

  it("different-randomness: a wrong public key with honest signatures looks the same, and the message says so", () => {
    const error = refusal("different-randomness", () =>
      eots.extract(publicKeyOf(other), R, vote("a"), vote("b")),
    );
    expect(error.details["signature"]).toBe("both");
    expect(error.message).toContain("public key");
  });

  it("key-mismatch: signatures forged without the secret reveal another key", () => {
    const forge = (message: string) => {
      const k = evenSecret(nonce).d;
      const e = challenge(R, publicKey, sha256(text(message)));
      const s = scalar.add(k, scalar.multiply(e, evenSecret(other).d));
      return { message: text(message), signature: scalar.toBytes(s) };
    };
    const error = refusal("key-mismatch", () => eots.extract(publicKey, R, forge("a"), forge("b")));
    expect(error.details["extracted"]).toBe(hex.encode(publicKeyOf(other)));
    expect(error.details["expected"]).toBe(hex.encode(publicKey));
    for (const shown of [error.message, JSON.stringify(error.details)]) {
      expect(shown).not.toContain(hex.encode(other));
      expect(shown).not.toContain(hex.encode(scalar.toBytes(evenSecret(other).d)));
    }
  });

  it("unrelated signatures are refused and reveal no key", () => {
    fc.assert(
      fc.property(bytes32, bytes32, (s1, s2) => {
        fc.pre(scalar.parse(s1) !== null && scalar.parse(s2) !== null && hex.encode(s1) !== hex.encode(s2));
        const a = { message: text("a"), signature: s1 };
        const b = { message: text("b"), signature: s2 };
        refusal("different-randomness", () => eots.extract(publicKey, R, a, b));
      }),
      { numRuns: runs(20) },
    );
  });

  it("refuses malformed input, each with its code", () => {
    const [a, b] = [vote("a"), vote("b")];
    for (const bad of [...NOT_BYTES, OFF_CURVE, OUT_OF_RANGE] as Uint8Array[]) {
      refusal("invalid-public-key", () => eots.extract(bad, R, a, b));
      refusal("invalid-randomness", () => eots.extract(publicKey, bad, a, b));
    }
    for (const bad of [...NOT_BYTES, OUT_OF_RANGE] as Uint8Array[]) {
      refusal("invalid-signature", () => eots.extract(publicKey, R, { ...a, signature: bad }, b));
      refusal("invalid-signature", () => eots.extract(publicKey, R, a, { ...b, signature: bad }));
    }
    refusal("invalid-bytes", () => eots.extract(publicKey, R, null as unknown as typeof a, b));
    refusal("invalid-bytes", () =>
      eots.extract(publicKey, R, a, { ...b, message: "b" as unknown as Uint8Array }),
    );
  });
});
