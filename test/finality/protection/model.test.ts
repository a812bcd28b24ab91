import fc from "fast-check";
import { expect, it } from "vitest";
import { runs } from "../../support/runs.js";
import { live, lives } from "../../support/signer-life.js";

it("protection: no two messages leave a signer at one height, after any sequence of events", () => {
  const property = fc.property(lives, (life) => live(life));
  expect(() => fc.assert(property, { numRuns: runs(100) })).not.toThrow();
});
