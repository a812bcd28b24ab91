import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decide,
  type Decision,
  type DecisionInput,
  floorOf,
  higherWatermarks,
  LAST_HEIGHT,
  type VoteRecord,
} from "../../../src/finality/protection/decide.js";
import { runs } from "../../support/runs.js";
import { hash } from "../../support/signer.js";

const record = (changes: Partial<VoteRecord> = {}): VoteRecord => ({
  digest: hash(1),
  signature: hash(9),
  at: "2026-01-01T00:00:00.000Z",
  instance: "first-signer",
  ...changes,
});

const input = (changes: Partial<DecisionInput> = {}): DecisionInput => ({
  height: 50n,
  digest: hash(1),
  record: null,
  watermarks: { lowWatermark: 10n, highWatermark: 60n },
  isCommitted: true,
  ...changes,
});

const short = (decision: Decision): string => (decision.kind === "refused" ? decision.code : decision.kind);

describe("the decision table, row by row", () => {
  const ROWS: [row: string, input: Partial<DecisionInput>, decision: string][] = [
    ["a vote without digest", { record: record({ digest: null, signature: null }) }, "unknown-earlier-vote"],
    ["a vote without digest, with a signature", { record: record({ digest: null }) }, "unknown-earlier-vote"],
    ["a vote with another digest", { record: record({ digest: hash(2) }) }, "double-vote"],
    [
      "a vote with another digest, without signature",
      { record: record({ digest: hash(2), signature: null }) },
      "double-vote",
    ],
    [
      "a vote with this digest, without signature",
      { record: record({ signature: null }) },
      "unknown-earlier-vote",
    ],
    ["a vote with this digest and signature", { record: record() }, "same"],
    ["the same, below the low watermark", { height: 5n, record: record() }, "below-watermark"],
    ["the same, at or below the chain height", { record: record(), chainHeight: 70n }, "same"],
    [
      "another digest, below the low watermark",
      { height: 5n, record: record({ digest: hash(2) }) },
      "double-vote",
    ],
    ["nothing, one below the low watermark", { height: 9n }, "below-watermark"],
    ["nothing, at the low watermark", { height: 10n }, "new"],
    ["nothing, below the chain height", { chainHeight: 51n }, "at-or-below-chain-height"],
    ["nothing, at the chain height", { chainHeight: 50n }, "at-or-below-chain-height"],
    ["nothing, above the chain height", { chainHeight: 49n }, "new"],
    ["nothing, below both", { height: 9n, chainHeight: 20n }, "below-watermark"],
    ["nothing, below the highest vote", { height: 59n }, "new"],
    ["nothing, above the highest vote", { height: 61n }, "new"],
    [
      "nothing, before any vote",
      { watermarks: { lowWatermark: 0n, highWatermark: null }, height: 0n },
      "new",
    ],
    [
      "nothing, at a chain height of 0",
      { watermarks: { lowWatermark: 0n, highWatermark: null }, height: 0n, chainHeight: 0n },
      "at-or-below-chain-height",
    ],
    ["nothing, at the last height of all", { height: 1_000_000_000_000n }, "new"],
    ["nothing, above the last height of all", { height: 1_000_000_000_001n }, "height-too-high"],
    ["this vote, above the last height of all", { height: 2n ** 64n - 1n, record: record() }, "same"],
    ["nothing, outside every commitment", { isCommitted: false }, "no-commitment"],
    ["the same, outside every commitment", { record: record(), isCommitted: false }, "same"],
    ["nothing, within the reach of a reason", { isCommitted: false, uncommittedUpTo: 50n }, "new"],
    ["nothing, above the reach of a reason", { isCommitted: false, uncommittedUpTo: 49n }, "height-too-high"],
    ["nothing, committed above the reach", { uncommittedUpTo: 49n }, "new"],
    [
      "nothing, outside every commitment and below the low watermark",
      { height: 9n, isCommitted: false },
      "below-watermark",
    ],
  ];

  for (const [row, changes, decision] of ROWS) {
    it(`${row}: ${decision}`, () => {
      expect(short(decide(input(changes)))).toBe(decision);
    });
  }

  it("returns the recorded signature, and no other", () => {
    expect(decide(input({ record: record() }))).toEqual({ kind: "same", signature: hash(9) });
  });

  it("a refusal names the height, and when and by which process it was signed", () => {
    for (const earlier of [
      record({ digest: hash(2) }),
      record({ digest: null }),
      record({ signature: null }),
    ]) {
      const decision = decide(input({ record: earlier }));
      expect(decision).toMatchObject({ kind: "refused" });
      const { message } = decision as { message: string };
      for (const fact of ["height 50", "2026-01-01", "first-signer"]) expect(message).toContain(fact);
    }
    expect(decide(input({ height: 9n }))).toMatchObject({ message: expect.stringContaining("below 10") });
    expect(decide(input({ chainHeight: 50n }))).toMatchObject({
      message: expect.stringContaining("above 50"),
    });
  });
});

describe("the decision, against a model", () => {
  const heights = fc.bigInt({ min: 0n, max: 12n });
  const digests = fc.constantFrom(hash(1), hash(2));
  const arbitrary: fc.Arbitrary<DecisionInput> = fc.record({
    height: heights,
    digest: digests,
    record: fc.option(
      fc.record({
        digest: fc.option(digests),
        signature: fc.option(fc.constant(hash(9))),
        at: fc.constant("then"),
        instance: fc.constant("somebody"),
      }),
    ),
    watermarks: fc.record({ lowWatermark: heights, highWatermark: fc.option(heights) }),
    chainHeight: fc.option(heights, { nil: undefined }),
    isCommitted: fc.boolean(),
    uncommittedUpTo: fc.option(heights, { nil: undefined }),
  });

  it("signs anew only where there is no record, every watermark is below, and a commitment or a reason reaches", () => {
    fc.assert(
      fc.property(arbitrary, (any) => {
        const isFree = any.record === null;
        const isAbove =
          any.height >= any.watermarks.lowWatermark && !(any.height <= (any.chainHeight ?? -1n));
        const isReached = any.isCommitted || any.height <= (any.uncommittedUpTo ?? -1n);
        expect(decide(any).kind === "new").toBe(isFree && isAbove && isReached);
      }),
      { numRuns: runs(1000) },
    );
  });

  it("repeats a signature only for its digest, and not below the watermarks", () => {
    fc.assert(
      fc.property(arbitrary, (any) => {
        const { digest, signature } = any.record ?? {};
        const isSame = Boolean(signature && digest && Buffer.compare(digest, any.digest) === 0);
        expect(decide(any).kind === "same").toBe(isSame && any.height >= any.watermarks.lowWatermark);
      }),
      { numRuns: runs(1000) },
    );
  });

  it("depends on its input only, and leaves it unchanged", () => {
    fc.assert(
      fc.property(arbitrary, (any) => {
        const before = structuredClone(any);
        expect(decide(any)).toEqual(decide(before));
        expect(any).toEqual(before);
      }),
    );
  });
});

describe("the merged state of store and watermark log", () => {
  const heights = fc.bigInt({ min: 0n, max: LAST_HEIGHT });
  const watermarks = fc.record({ lowWatermark: heights, highWatermark: fc.option(heights) });

  it("has the higher of both, for each watermark", () => {
    expect(
      higherWatermarks({ lowWatermark: 3n, highWatermark: 9n }, { lowWatermark: 4n, highWatermark: 8n }),
    ).toEqual({
      lowWatermark: 4n,
      highWatermark: 9n,
    });
    expect(
      higherWatermarks({ lowWatermark: 3n, highWatermark: null }, { lowWatermark: null, highWatermark: 0n }),
    ).toEqual({
      lowWatermark: 3n,
      highWatermark: 0n,
    });
    const nothing = { lowWatermark: null, highWatermark: null };
    expect(higherWatermarks(nothing, nothing)).toEqual(nothing);
  });

  it("is the same in either order, and lowers nothing", () => {
    fc.assert(
      fc.property(watermarks, watermarks, (a, b) => {
        const both = higherWatermarks(a, b);
        expect(higherWatermarks(b, a)).toEqual(both);
        expect(higherWatermarks(both, a)).toEqual(both);
        expect(floorOf(both)).toBeGreaterThanOrEqual(floorOf(a));
      }),
    );
  });
});
