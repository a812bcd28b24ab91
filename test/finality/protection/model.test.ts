import fc from "fast-check";
import { expect, it } from "vitest";
import { runs } from "../../support/runs.js";
import { live, lives } from "../../support/signer-life.js";

it("whatever happens to a signer, no two messages leave it at one height", () => {
  const property = fc.property(lives, (life) => live(life));
  expect(() => fc.assert(property, { numRuns: runs(100) })).not.toThrow();
});
