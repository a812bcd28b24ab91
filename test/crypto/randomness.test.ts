import { createHmac } from "node:crypto";
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { GROUP_ORDER, scalar } from "../../src/core/scalar.js";
import { firstScalar, randomness } from "../../src/crypto/randomness.js";
import { NOT_BYTES, secrets } from "../support/arbitraries.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";

const secret = new Uint8Array(32).fill(0x11);
const U64_MAX = 2n ** 64n - 1n;

describe("randomness.derive", () => {
  it("is HMAC-SHA256 of height, chain id and counter under the key, as Node's own HMAC computes it", () => {
    fc.assert(
      fc.property(
        secrets,
        fc.string({ unit: "binary" }),
        fc.bigInt({ min: 0n, max: U64_MAX }),
        (sk, chain, height) => {
          const message = Buffer.concat([u64(height), Buffer.from(chain, "utf8"), u64(0n)]);
          const expected = createHmac("sha256", sk).update(message).digest("hex");
          const derived = randomness.derive(sk, chain, height);
          expect(hex.encode(derived.secret)).toBe(expected);
          expect(derived.public).toEqual(publicKeyOf(derived.secret));
        },
      ),
      { numRuns: runs(50) },
    );
  });

  it("takes the chain id as text or as its UTF-8 bytes", () => {
    const derived = randomness.derive(secret, "bbn-1", 7n);
    const fromBytes = randomness.derive(secret, new TextEncoder().encode("bbn-1"), 7n);
    expect([fromBytes.secret, fromBytes.public]).toEqual([derived.secret, derived.public]);
  });

  it("shows its secret only when the property is named", () => {
    const derived = randomness.derive(secret, "bbn-1", 7n);
    const { secret: k, public: point } = derived;
    expect(publicKeyOf(k)).toEqual(point);
    const printed = [inspect(derived), JSON.stringify(derived), JSON.stringify({ ...derived })].join();
    expect(printed).toContain("public");
    expect(printed).not.toContain("secret");
    expect(Object.keys(derived)).toEqual(["public"]);
  });

  it("differs by key, chain and height", () => {
    const all = [
      randomness.derive(secret, "bbn-1", 7n),
      randomness.derive(secret, "bbn-1", 8n),
      randomness.derive(secret, "bbn-2", 7n),
      randomness.derive(scalar.toBytes(scalar.negate(scalar.reduce(secret))), "bbn-1", 7n),
    ];
    expect(new Set(all.map(({ public: r }) => hex.encode(r))).size).toBe(4);
  });

  it("is version 1 of the derivation: a change would leave committed heights without randomness", () => {
    expect(randomness.derivationVersion).toBe(1);
    expect(hex.encode(randomness.derive(secret, "bbn-1", 1n).secret)).toBe(
      createHmac("sha256", secret)
        .update(Buffer.concat([u64(1n), Buffer.from("bbn-1"), u64(0n)]))
        .digest("hex"),
    );
  });

  it("refuses malformed input, each with its code", () => {
    for (const bad of [...NOT_BYTES, new Uint8Array(32)] as Uint8Array[]) {
      refusal("invalid-secret-key", () => randomness.derive(bad, "bbn-1", 1n));
    }
    for (const bad of [undefined, null, 1, {}, ["b"]] as unknown as string[]) {
      refusal("invalid-bytes", () => randomness.derive(secret, bad, 1n));
    }
    for (const bad of [-1n, U64_MAX + 1n, 1 as unknown as bigint]) {
      refusal("invalid-number", () => randomness.derive(secret, "bbn-1", bad));
    }
  });
});

describe("the counter of the derivation", () => {
  const order = scalar.toBytes(GROUP_ORDER - 1n);
  order[31]! += 1;

  it("advances while the candidate is 0, n or more, and stops at the first scalar", () => {
    const candidates = [
      new Uint8Array(32),
      order,
      new Uint8Array(32).fill(0xff),
      secret,
      new Uint8Array(32).fill(1),
    ];
    const asked: bigint[] = [];
    const found = firstScalar((iter) => {
      asked.push(iter);
      return candidates[Number(iter)]!;
    });
    expect(found).toEqual(secret);
    expect(asked).toEqual([0n, 1n, 2n, 3n]);
  });

  it("accepts 1 and n - 1", () => {
    for (const edge of [1n, GROUP_ORDER - 1n]) {
      expect(firstScalar(() => scalar.toBytes(edge))).toEqual(scalar.toBytes(edge));
    }
  });
});

function u64(value: bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(value);
  return buffer;
}
