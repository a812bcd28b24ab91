import { describe, expect, it, onTestFinished } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import type { EotsClient } from "../../src/signer-client/client.js";
import { failure as expectFailure } from "../support/errors.js";
import { honest, startFalseSigner } from "../support/false-signer.js";
import { ballot, CHAIN, connect, text } from "./support.js";

type Answers = NonNullable<Parameters<typeof startFalseSigner>[1]>;

const secretKey = text("a".repeat(32));
const key = publicKeyOf(secretKey);
const own = honest(secretKey);

async function ask<T>(changed: Answers, call: (client: EotsClient) => Promise<T>): Promise<T> {
  const { address, stop } = await startFalseSigner(secretKey, changed);
  onTestFinished(stop);
  return call(connect(address));
}

const randomness = (client: EotsClient) =>
  client.createRandomnessPairList({ key, chainId: CHAIN, startHeight: 5n, count: 3 });
const vote = (client: EotsClient) =>
  client.signEots({ key, chainId: CHAIN, height: 5n, message: ballot(5n) });
const batch = (client: EotsClient) => {
  const votes = [5n, 6n].map((height) => ({ height, message: ballot(height) }));
  return client.signBatchEots({ key, chainId: CHAIN, votes });
};
const schnorr = (client: EotsClient) => client.signSchnorr({ key, digest: new Uint8Array(32) });

/** The honest points, with the last of them changed. */
const points =
  (change: (last: Uint8Array) => Uint8Array[]): NonNullable<Answers["CreateRandomnessPairList"]> =>
  (asked) => {
    const { pubRandList } = own.CreateRandomnessPairList(asked);
    return { pubRandList: [...pubRandList.slice(0, -1), ...change(pubRandList.at(-1)!)] };
  };
/** Signatures of this length at these heights. */
const signatures =
  (length: number, ...heights: bigint[]): NonNullable<Answers["SignBatchEOTS"]> =>
  () => ({ responses: heights.map((height) => ({ height, sig: new Uint8Array(length) })) });
const sig = (length: number) => () => ({ sig: new Uint8Array(length) });

describe("the client, with a signer that follows the interface", () => {
  it("accepts every answer, and a batch with a refused height", async () => {
    expect(await ask({}, randomness)).toHaveLength(3);
    expect((await ask({}, vote)).signature).toHaveLength(32);
    expect((await ask({}, schnorr)).signature).toHaveLength(64);
    expect(await ask({}, batch)).toMatchObject([{ kind: "signed" }, { kind: "signed" }]);
    const one = await ask({ SignBatchEOTS: signatures(32, 6n) }, batch);
    expect(one).toMatchObject([
      { height: 5n, code: "double-vote" },
      { height: 6n, kind: "signed" },
    ]);
  });
});

describe("the client refuses with signer-error", () => {
  it.each<[string, Answers, (client: EotsClient) => Promise<unknown>, string]>([
    ["a point too few", { CreateRandomnessPairList: points(() => []) }, randomness, "of 3 heights, not of 2"],
    [
      "a point too many",
      { CreateRandomnessPairList: points((last) => [last, last]) },
      randomness,
      "of 3 heights, not of 4",
    ],
    [
      "a short point",
      { CreateRandomnessPairList: points((last) => [last.slice(1)]) },
      randomness,
      "public randomness must be 32 bytes, not 31",
    ],
    ["a short signature", { SignEOTS: sig(31) }, vote, "signature must be 32 bytes, not 31"],
    ["a long signature", { SignEOTS: sig(33) }, vote, "signature must be 32 bytes, not 33"],
    ["no signature", { SignEOTS: sig(0) }, vote, "signature must be 32 bytes, not 0"],
    [
      "a batch with a short signature",
      { SignBatchEOTS: signatures(31, 5n) },
      batch,
      "signature must be 32 bytes, not 31",
    ],
    [
      "a batch with a height twice",
      { SignBatchEOTS: signatures(32, 5n, 5n) },
      batch,
      "at most one signature per height",
    ],
    [
      "a batch with more than was asked",
      { SignBatchEOTS: signatures(32, 5n, 6n, 7n) },
      batch,
      "at most one signature per height",
    ],
    ["a short BIP-340 signature", { SignSchnorrSig: sig(63) }, schnorr, "must be 64 bytes, not 63"],
    ["a long BIP-340 signature", { SignSchnorrSig: sig(65) }, schnorr, "must be 64 bytes, not 65"],
    // A field that says 127 bytes, with one byte in it.
    [
      "an answer that is cut off",
      { SignEOTS: () => hex.decode("0a7f00") },
      vote,
      "not an answer of the interface",
    ],
    [
      "an answer of another type",
      { SignEOTS: () => hex.decode("0801") },
      vote,
      "not an answer of the interface",
    ],
  ])("%s", async (_what, changed, call, message) => {
    const error = await expectFailure(ask(changed, call), "signer-error");
    expect(error.message).toContain(message);
  });
});
