import { ECPairFactory } from "ecpair";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { forBitcoinJs } from "../../src/core/curve/bitcoinjs.js";
import { backend as libsecp } from "../../src/core/curve/libsecp.js";
import { backend as noble } from "../../src/core/curve/noble.js";
import { bytes32, secrets } from "../support/arbitraries.js";
import { ecc } from "../support/bitcoinjs-keys.js";
import { runs } from "../support/runs.js";

describe.each([libsecp, noble])("the curve for bitcoinjs, on $name", (backend) => {
  const ours = forBitcoinJs(backend);

  it("passes ecpair's own test of a curve library", () => {
    expect(() => ECPairFactory(ours)).not.toThrow();
  });

  it("answers as tiny-secp256k1 does", () => {
    fc.assert(
      fc.property(secrets, secrets, bytes32, (secret, tweak, digest) => {
        const point = ecc.pointFromScalar(secret)!;
        expect(ours.pointFromScalar(secret)).toEqual(point);
        for (const compressed of [true, false]) {
          expect(ours.pointCompress(point, compressed)).toEqual(ecc.pointCompress(point, compressed));
        }
        expect(ours.privateAdd(secret, tweak)).toEqual(ecc.privateAdd(secret, tweak));
        expect(ours.privateNegate(secret)).toEqual(ecc.privateNegate(secret));
        const signature = ours.sign(digest, secret);
        expect(signature).toEqual(ecc.sign(digest, secret));
        expect(ours.verify(digest, point, signature)).toBe(true);
        expect(ours.signSchnorr(digest, secret)).toEqual(ecc.signSchnorr(digest, secret, new Uint8Array(32)));
      }),
      { numRuns: runs(20) },
    );
  });
});
