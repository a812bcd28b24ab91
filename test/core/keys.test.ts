import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { assertPublicKey, assertSecretKey, evenSecret, publicKeyOf } from "../../src/core/keys.js";
import { assertNetwork, NETWORKS } from "../../src/core/network.js";
import { GROUP_ORDER, scalar } from "../../src/core/scalar.js";
import { NOT_BYTES, secrets } from "../support/arbitraries.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";
import { bytes } from "../support/vectors.js";

const G = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
const OFF_CURVE = bytes("eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34");
const order = bytes(GROUP_ORDER.toString(16));

describe("public keys", () => {
  it("are 32 bytes, the x coordinate of a point", () => {
    expect(() => assertPublicKey(bytes(G), "key")).not.toThrow();
    for (const bad of [
      ...NOT_BYTES,
      OFF_CURVE,
      new Uint8Array(32),
      new Uint8Array(32).fill(255),
      bytes(`02${G}`),
    ]) {
      refusal("invalid-public-key", () => assertPublicKey(bad, "staker"));
    }
    expect(refusal("invalid-public-key", () => assertPublicKey(OFF_CURVE, "staker")).message).toContain(
      "staker",
    );
  });

  it("of 1 is the x of G, and equals that of the negated secret", () => {
    expect(hex.encode(publicKeyOf(scalar.toBytes(1n)))).toBe(G);
    fc.assert(
      fc.property(secrets, (secret) => {
        const negated = scalar.toBytes(scalar.negate(scalar.reduce(secret)));
        expect(publicKeyOf(negated)).toEqual(publicKeyOf(secret));
      }),
      { numRuns: runs(20) },
    );
  });
});

describe("secret keys", () => {
  it("are 32 bytes, a scalar from 1 to n - 1", () => {
    for (const good of [1n, GROUP_ORDER - 1n]) {
      expect(() => assertSecretKey(scalar.toBytes(good))).not.toThrow();
    }
    for (const bad of [...NOT_BYTES, new Uint8Array(32), order, new Uint8Array(32).fill(255)]) {
      refusal("invalid-secret-key", () => assertSecretKey(bad));
      refusal("invalid-secret-key", () => publicKeyOf(bad as Uint8Array));
      refusal("invalid-secret-key", () => evenSecret(bad as Uint8Array));
    }
  });

  it("do not appear in the error that refuses them", () => {
    const error = refusal("invalid-secret-key", () => assertSecretKey(order));
    expect(`${error.stack}${JSON.stringify(error.details)}`).not.toContain(hex.encode(order).slice(-16));
  });

  it("have an even public point under BIP-340", () => {
    fc.assert(
      fc.property(secrets, (secret) => {
        const { d, publicKey } = evenSecret(secret);
        expect(curve.pointFromScalar(scalar.toBytes(d))).toEqual(new Uint8Array([2, ...publicKey]));
        expect([scalar.reduce(secret), scalar.negate(scalar.reduce(secret))]).toContain(d);
        expect(publicKey).toEqual(publicKeyOf(secret));
      }),
      { numRuns: runs(30) },
    );
  });
});

describe("scalars", () => {
  it("parse refuses n and above, reduce takes the remainder", () => {
    expect(scalar.parse(order)).toBeNull();
    expect(scalar.reduce(order)).toBe(0n);
    expect(scalar.parse(scalar.toBytes(GROUP_ORDER - 1n))).toBe(GROUP_ORDER - 1n);
    expect(scalar.parse(new Uint8Array(32))).toBe(0n);
  });

  it("add, multiply, negate and invert compute modulo n", () => {
    const numbers = secrets.map(scalar.reduce);
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        expect(scalar.add(a, b)).toBe((a + b) % GROUP_ORDER);
        expect(scalar.subtract(scalar.add(a, b), b)).toBe(a);
        expect(scalar.multiply(a, b)).toBe((a * b) % GROUP_ORDER);
        expect(scalar.add(a, scalar.negate(a))).toBe(0n);
        expect(scalar.multiply(a, scalar.invert(a))).toBe(1n);
      }),
      { numRuns: runs(40) },
    );
  });
});

describe("networks", () => {
  it("are known by name", () => {
    for (const network of NETWORKS) expect(() => assertNetwork(network)).not.toThrow();
    for (const bad of ["Mainnet", "bitcoin", "", "toString", null, undefined, 1]) {
      refusal("invalid-network", () => assertNetwork(bad));
    }
  });
});
