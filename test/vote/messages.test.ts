import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import {
  commitmentDigest,
  commitmentMessage,
  isVoteMessage,
  signingContext,
  voteMessage,
} from "../../src/vote/messages.js";
import { NOT_BYTES } from "../support/arbitraries.js";
import { refusal } from "../support/refusal.js";
import { eotsVectors } from "../support/vectors.js";

const hash = new Uint8Array(32).fill(0xab);
const AB = "ab".repeat(32);
const context = "0123456789abcdef".repeat(4);
const asHex = (ascii: string) => Buffer.from(ascii, "ascii").toString("hex");

describe("messages: the Go reference's votes", () => {
  it("have the height and the hash", () => {
    for (const { Height, Msg1, Msg2 } of eotsVectors()) {
      for (const message of [Msg1, Msg2]) {
        const appHash = hex.decode(message.slice(16));
        expect(hex.encode(voteMessage({ height: BigInt(Height), appHash }))).toBe(message);
      }
    }
  });
});

describe("voteMessage", () => {
  it("is the height in 8 bytes, then the hash", () => {
    expect(hex.encode(voteMessage({ height: 258n, appHash: hash }))).toBe(`0000000000000102${AB}`);
    expect(hex.encode(voteMessage({ height: 2n ** 64n - 1n, appHash: hash }))).toBe(`ffffffffffffffff${AB}`);
  });

  it("has the 64 characters of the context in front", () => {
    const message = voteMessage({ height: 258n, appHash: hash, context });
    expect(hex.encode(message)).toBe(`${asHex(context)}0000000000000102${AB}`);
    expect(message).toHaveLength(64 + 40);
  });
});

describe("isVoteMessage", () => {
  const plain = voteMessage({ height: 258n, appHash: hash });
  const withContext = voteMessage({ height: 258n, appHash: hash, context });

  it("recognises a vote for a height, with a context and without one", () => {
    expect(isVoteMessage(plain, 258n)).toBe(true);
    expect(isVoteMessage(withContext, 258n)).toBe(true);
  });

  it("rejects a vote at another height", () => {
    for (const height of [0n, 257n, 259n, 258n << 8n]) {
      expect(isVoteMessage(plain, height)).toBe(false);
      expect(isVoteMessage(withContext, height)).toBe(false);
    }
  });

  it("rejects another length or form", () => {
    const commitment = { startHeight: 258n, count: 258n, root: hash };
    const others = [
      new Uint8Array(),
      plain.subarray(1),
      Uint8Array.of(...plain, 0),
      withContext.subarray(1),
      Uint8Array.of(0x61, ...withContext),
      Uint8Array.of(...new Uint8Array(64), ...plain),
      Buffer.concat([Buffer.from(context.toUpperCase()), plain]),
      Buffer.concat([Buffer.from(`${context.slice(1)}g`), plain]),
      Buffer.concat([Buffer.from(`${context.slice(2)}é`), plain]),
      commitmentMessage(commitment),
      commitmentMessage({ ...commitment, context }),
    ];
    expect(others.map((other) => isVoteMessage(other, 258n))).toEqual(others.map(() => false));
  });
});

describe("commitmentMessage", () => {
  const commitment = { startHeight: 258n, count: 50_000n, root: hash };
  const plain = `0000000000000102000000000000c350${AB}`;

  it("is start and number of heights in 8 bytes each, then the root", () => {
    expect(hex.encode(commitmentMessage(commitment))).toBe(plain);
    expect(hex.encode(commitmentMessage({ ...commitment, context }))).toBe(asHex(context) + plain);
  });

  it("takes a count of heights too, as a commitment has", () => {
    expect(hex.encode(commitmentMessage({ ...commitment, count: 50_000 }))).toBe(plain);
  });

  it("is signed over its SHA256, context included", () => {
    for (const preimage of [commitment, { ...commitment, context }]) {
      const expected = createHash("sha256").update(commitmentMessage(preimage)).digest("hex");
      expect(hex.encode(commitmentDigest(preimage))).toBe(expected);
    }
    expect(commitmentDigest(commitment)).not.toEqual(commitmentDigest({ ...commitment, context }));
  });
});

describe("signingContext", () => {
  it("is the SHA256 of its path, in 64 lower-case digits", () => {
    for (const kind of ["fp_pop", "fp_rand_commit", "fp_fin_vote", "staker_pop"] as const) {
      const path = `btcstaking/0/${kind}/bbn-1/bbn1qqqq`;
      const made = signingContext(kind, "bbn-1", "bbn1qqqq");
      expect(made).toBe(createHash("sha256").update(path).digest("hex"));
      expect(voteMessage({ height: 1n, appHash: hash, context: made })).toHaveLength(104);
    }
  });
});

describe("messages on malformed input", () => {
  it("refuse it, each with its code", () => {
    for (const bad of [...NOT_BYTES, new Uint8Array(33)] as never[]) {
      refusal("invalid-bytes", () => voteMessage({ height: 1n, appHash: bad }));
      refusal("invalid-bytes", () => commitmentMessage({ startHeight: 1n, count: 1n, root: bad }));
    }
    for (const bad of [-1n, 2n ** 64n, 1, "1"] as never[]) {
      refusal("invalid-number", () => voteMessage({ height: bad, appHash: hash }));
      refusal("invalid-number", () => commitmentMessage({ startHeight: bad, count: 1n, root: hash }));
    }
    for (const bad of [-1n, 2n ** 64n, -1, 1.5, 2 ** 53, NaN, "1", undefined] as never[]) {
      refusal("invalid-number", () => commitmentDigest({ startHeight: 1n, count: bad, root: hash }));
    }
    for (const bad of [
      "",
      context.slice(1),
      `${context}00`,
      context.toUpperCase(),
      "g".repeat(64),
      1,
    ] as never[]) {
      refusal("invalid-hex", () => voteMessage({ height: 1n, appHash: hash, context: bad }));
      refusal("invalid-hex", () =>
        commitmentDigest({ startHeight: 1n, count: 1n, root: hash, context: bad }),
      );
    }
  });
});
