import { initEccLib } from "bitcoinjs-lib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Curve } from "../../src/core/curve/index.js";
import { backend as libsecp } from "../../src/core/curve/libsecp.js";
import { backend as noble } from "../../src/core/curve/noble.js";
import * as own from "../../src/core/curve/public-points.js";
import { TapstakeError } from "../../src/core/errors.js";
import { GROUP_ORDER, scalar } from "../../src/core/scalar.js";
import { bytes32, NOT_BYTES, secrets } from "../support/arbitraries.js";
import { runs } from "../support/runs.js";
import { bytes } from "../support/vectors.js";

const FIELD_SIZE = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f";
const ORDER = GROUP_ORDER.toString(16).padStart(64, "0");
const OFF_CURVE = "eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34";
const G = noble.pointFromScalar(scalar.toBytes(1n))!;

/** Scalars, and invalid ones. */
const scalars = fc.oneof(
  secrets,
  bytes32,
  fc.constantFrom(new Uint8Array(32), bytes(ORDER), new Uint8Array(32).fill(255)),
);
const goodPoints = secrets.map((secret) => noble.pointFromScalar(secret)!);
const points = fc.oneof(
  { weight: 4, arbitrary: goodPoints },
  fc
    .tuple(fc.constantFrom(0, 2, 3, 4, 5, 6, 7, 255), bytes32)
    .map(([prefix, x]) => new Uint8Array([prefix, ...x])),
  fc.constantFrom(bytes(`02${FIELD_SIZE}`), bytes(`02${OFF_CURVE}`), new Uint8Array(33)),
  goodPoints.map((point) => new Uint8Array([4, ...point.slice(1), ...point.slice(1)])),
);
const xOnlyKeys = fc.oneof(
  { weight: 4, arbitrary: goodPoints.map((point) => point.slice(1)) },
  bytes32,
  fc.constantFrom(bytes(FIELD_SIZE), bytes(OFF_CURVE), new Uint8Array(32)),
);
const anything = fc.oneof(
  fc.constantFrom(...NOT_BYTES),
  fc.uint8Array({ maxLength: 70 }),
  // 65 bytes are a point to both libraries, and none here.
  fc.constant(bytes(`04${uncompressedG()}`)),
);

/** What one function of a library answers, an error as its code. */
function answer(curve: Curve, name: keyof Curve, args: readonly unknown[]): unknown {
  try {
    return (curve[name] as (...given: readonly unknown[]) => unknown)(...args);
  } catch (error) {
    return error instanceof TapstakeError ? error.code : error;
  }
}

function expectSame(name: keyof Curve, ...args: readonly unknown[]): unknown {
  const expected = answer(libsecp, name, args);
  expect(answer(noble, name, args)).toEqual(expected);
  if (name in own) expect(answer(own as unknown as Curve, name, args)).toEqual(expected);
  expect(expected).not.toBeInstanceOf(Error);
  return expected;
}

/** Each function with arguments that are right most of the time. */
const FUNCTIONS: [keyof Curve, fc.Arbitrary<unknown>[]][] = [
  ["isPoint", [points]],
  ["isXOnlyPoint", [xOnlyKeys]],
  ["isPrivate", [scalars]],
  ["pointFromScalar", [scalars]],
  ["pointAdd", [points, points]],
  ["pointMultiply", [points, scalars]],
  ["xOnlyPointAddTweak", [xOnlyKeys, scalars]],
  ["signSchnorr", [bytes32, scalars, fc.option(bytes32, { nil: undefined })]],
  ["verifySchnorr", [bytes32, xOnlyKeys, fc.uint8Array({ minLength: 64, maxLength: 64 })]],
  ["signEcdsa", [bytes32, scalars]],
  ["recoverEcdsa", [bytes32, fc.uint8Array({ minLength: 64, maxLength: 64 }), fc.constantFrom(0, 1)]],
];

describe("both curve libraries and the browser's public-key part agree", () => {
  for (const [name, arbitraries] of FUNCTIONS) {
    it(`${name}: on good, bad and edge values`, () => {
      fc.assert(
        fc.property(fc.tuple(...arbitraries), (args) => {
          const before = structuredClone(args);
          expectSame(name, ...args);
          expect(args).toEqual(before);
        }),
        { numRuns: runs(60) },
      );
    });

    it(`${name}: with one argument of a wrong type or length`, () => {
      const broken = fc.tuple(fc.tuple(...arbitraries), fc.nat(arbitraries.length - 1), anything);
      fc.assert(
        fc.property(broken, ([args, at, wrong]) => {
          expectSame(name, ...args.map((arg, i) => (i === at ? wrong : arg)));
        }),
        { numRuns: runs(60) },
      );
    });
  }

  it("signatures of one verify with the other, and fail with a bit changed", () => {
    fc.assert(
      fc.property(secrets, bytes32, fc.nat(511), (secret, digest, bit) => {
        const signature = expectSame("signSchnorr", digest, secret) as Uint8Array;
        const key = noble.pointFromScalar(secret)!.slice(1);
        expect(expectSame("verifySchnorr", digest, key, signature)).toBe(true);
        signature[bit >> 3]! ^= 1 << (bit & 7);
        expect(expectSame("verifySchnorr", digest, key, signature)).toBe(false);
      }),
      { numRuns: runs(20) },
    );
  });

  it("an ECDSA signature recovers its signer, and another point with the other parity", () => {
    fc.assert(
      fc.property(secrets, bytes32, (secret, digest) => {
        type Signed = ReturnType<Curve["signEcdsa"]>;
        const { signature, parity } = expectSame("signEcdsa", digest, secret) as Signed;
        const point = noble.pointFromScalar(secret);
        expect(expectSame("recoverEcdsa", digest, signature, parity)).toEqual(point);
        expect(expectSame("recoverEcdsa", digest, signature, 1 - parity)).not.toEqual(point);
        expect(expectSame("verifyEcdsa", digest, point, signature)).toBe(true);
      }),
      { numRuns: runs(20) },
    );
  });

  it("recovery gives null for an r that is not on the curve, an s of 0 or n, and the point at infinity", () => {
    const digest = new Uint8Array(32).fill(1);
    const { signature } = noble.signEcdsa(digest, scalar.toBytes(5n));
    for (const [at, part] of [
      [0, OFF_CURVE],
      [0, "00".repeat(32)],
      [0, ORDER],
      [32, "00".repeat(32)],
      [32, ORDER],
    ] as const) {
      const bad = signature.slice();
      bad.set(bytes(part), at);
      expect(expectSame("recoverEcdsa", digest, bad, 0)).toBeNull();
    }
    // R = G and s = m: sR - mG is no point.
    expect(expectSame("recoverEcdsa", digest, new Uint8Array([...G.slice(1), ...digest]), 0)).toBeNull();
  });

  it("a key is judged by its current bytes, after its buffer changed", () => {
    const key = Buffer.from(G.slice(1));
    expect(expectSame("isXOnlyPoint", key)).toBe(true);
    key.set(bytes(OFF_CURVE));
    expect(expectSame("isXOnlyPoint", key)).toBe(false);
    expect(expectSame("isXOnlyPoint", Uint8Array.from(key))).toBe(false);
    expect(expectSame("isXOnlyPoint", G.slice(1))).toBe(true);
  });

  it("null is the point at infinity", () => {
    const negativeG = new Uint8Array([5 - G[0]!, ...G.slice(1)]);
    expect(expectSame("pointAdd", G, negativeG)).toBeNull();
    expect(expectSame("pointMultiply", G, new Uint8Array(32))).toBeNull();
    expect(expectSame("pointFromScalar", new Uint8Array(32))).toBeNull();
    expect(expectSame("xOnlyPointAddTweak", G.slice(1), scalar.toBytes(GROUP_ORDER - 1n))).toBeNull();
  });

  it("any sequence of tweaks leads to the same key, a key added to itself included", () => {
    for (const key of [1n, 2n, 3n, GROUP_ORDER - 1n, GROUP_ORDER / 2n].map((each) => scalar.toBytes(each))) {
      const x = noble.pointFromScalar(key)!.slice(1);
      for (const tweak of [0n, 1n, 2n, 3n, 4n, 7n, 8n, 255n, 256n]) {
        expectSame("xOnlyPointAddTweak", x, scalar.toBytes(tweak));
        expectSame("xOnlyPointAddTweak", x, scalar.toBytes(scalar.negate(tweak)));
      }
      expectSame("xOnlyPointAddTweak", x, key);
      expectSame("xOnlyPointAddTweak", x, scalar.toBytes(scalar.negate(scalar.reduce(key))));
    }
    expectSame("xOnlyPointAddTweak", G.slice(1), bytes(ORDER));
  });

  it("a tweak of 0 keeps the key, and a point can be added to itself", () => {
    expect(expectSame("xOnlyPointAddTweak", G.slice(1), new Uint8Array(32))).toEqual({
      parity: 0,
      xOnlyPubkey: G.slice(1),
    });
    expect(expectSame("pointAdd", G, G)).toEqual(noble.pointFromScalar(scalar.toBytes(2n)));
  });

  it("a signature with s of n or more, or r that is no x coordinate, does not verify", () => {
    const digest = new Uint8Array(32).fill(1);
    const key = G.slice(1);
    const signature = noble.signSchnorr(digest, scalar.toBytes(1n));
    for (const [at, part] of [
      [32, ORDER],
      [32, "ff".repeat(32)],
      [32, "00".repeat(32)],
      [0, FIELD_SIZE],
      [0, "00".repeat(32)],
      [0, OFF_CURVE],
      [0, ORDER],
    ] as const) {
      const bad = signature.slice();
      bad.set(bytes(part), at);
      expect(expectSame("verifySchnorr", digest, key, bad)).toBe(false);
    }
  });
});

describe("libsecp256k1 in WebAssembly", () => {
  it("survives more invalid points than its stack has room for", () => {
    const digest = new Uint8Array(32).fill(1);
    const key = G.slice(1);
    const signature = libsecp.signSchnorr(digest, scalar.toBytes(1n));
    const noKey = bytes(OFF_CURVE);
    const noPoint = bytes(`02${OFF_CURVE}`);
    // Unguarded, it has room for about 3,400.
    for (let i = 0; i < 4_000; i++) {
      libsecp.verifySchnorr(digest, noKey, signature);
      libsecp.pointAdd(noPoint, G);
      libsecp.pointMultiply(noPoint, digest);
      libsecp.xOnlyPointAddTweak(noKey, digest);
      libsecp.recoverEcdsa(digest, new Uint8Array([...noKey, ...digest]), 0);
      libsecp.recoverEcdsa(digest, new Uint8Array([...key, ...digest]), 0);
    }
    expect(libsecp.verifySchnorr(digest, key, signature)).toBe(true);
    expect(libsecp.pointMultiply(G, digest)).toEqual(noble.pointMultiply(G, digest));
  });
});

describe("the curve of this environment", () => {
  it("is libsecp256k1 in Node", async () => {
    const { curve } = await import("../../src/core/curve/index.js");
    expect(curve.name).toBe("libsecp256k1");
    expect(noble.name).toBe("noble");
  });
});

/** The x and y of G, from SEC 2. */
function uncompressedG(): string {
  return (
    "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798" +
    "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
  );
}

it.each([libsecp, noble])(
  "curve: passes the check of bitcoinjs-lib, which the package leaves out: $name",
  (backend) => {
    expect(() => initEccLib(backend)).not.toThrow();
  },
);
