import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Heights } from "../../../src/finality/protection/key-chain.js";
import { runs } from "../../support/runs.js";

const LAST = 0xffff_ffff_ffff_ffffn;
/** Close together, so that runs meet, and at both ends of all heights. */
const height = fc.oneof(
  fc.bigInt({ min: 0n, max: 40n }),
  fc.bigInt({ min: LAST - 3n, max: LAST }),
  fc.bigInt({ min: 0n, max: LAST }),
);
const step = fc.oneof(
  { weight: 9, arbitrary: fc.record({ add: height }) },
  { weight: 1, arbitrary: fc.record({ below: height }) },
);

describe("a set of heights", () => {
  it("equals a set of numbers, with any heights added and removed", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), height, height, (steps, from, to) => {
        const [heights, model] = [new Heights(), new Set<bigint>()];
        for (const each of steps) {
          if ("add" in each) {
            expect(heights.add(each.add)).toBe(!model.has(each.add));
            model.add(each.add);
          } else {
            const below = [...model].filter((one) => one < each.below);
            expect(heights.removeBelow(each.below)).toBe(below.length);
            for (const one of below) model.delete(one);
          }
        }
        const inOrder = [...model].toSorted((a, b) => (a < b ? -1 : 1));
        expect(heights.size).toBe(model.size);
        expect([...heights.between(0n, LAST)]).toEqual(inOrder);
        expect([...heights.between(from, to)]).toEqual(inOrder.filter((one) => one >= from && one <= to));
        for (const one of [from, to, ...inOrder, ...inOrder.map((each) => each + 1n)]) {
          expect(heights.has(one)).toBe(model.has(one));
        }
      }),
      { numRuns: runs(1000) },
    );
  });
});
