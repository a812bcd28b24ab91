import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { missingPackage } from "../../src/core/optional.js";
import { restakingToJson } from "../../src/restaking/file.js";
import { plainGraph } from "../restaking/support/graphs.js";
import { inProcess } from "./in-process.js";
import { temporaryFolder } from "./support.js";

vi.mock("../../src/restaking/solver.js", async (original) => ({
  ...(await original<typeof import("../../src/restaking/solver.js")>()),
  loadSolver: () => {
    const message = "Cannot find package 'highs' imported from /somewhere/solver.js";
    return Promise.reject(
      missingPackage(Object.assign(new Error(message), { code: "ERR_MODULE_NOT_FOUND" }))!,
    );
  },
}));

it("tapstake risk: says that highs is missing, with the bounds at hand", async () => {
  const path = join(temporaryFolder(), "graph.json");
  const by = [0, 1, 2];
  const services = [1, 2].map(() => ({ profit: 6n, alpha: [1n, 2n] as const, by }));
  writeFileSync(path, restakingToJson(plainGraph([7n, 7n, 7n], services)));
  const attack = await inProcess(["risk", "attack", path]);
  expect(attack).toMatchObject({ code: 0, stderr: "" });
  expect(attack.stdout).toContain("unknown, install highs: npm install highs");
  expect(attack.stdout).toMatch(/most that an attack gains +3 coin/);
  expect(attack.stdout).toMatch(/margin +unknown, at least -1\/8 .*, at most 1\/6 /);
  const cascade = await inProcess(["risk", "cascade", path, "--shock", "1/3"]);
  expect(cascade.stdout).toMatch(/worst loss in the end +unknown, install highs/);
});
