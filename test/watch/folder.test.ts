import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { addFolder } from "../../src/cli/commands/watch/run.js";
import { TapstakeError } from "../../src/core/errors.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { delegationToJson } from "../../src/delegation/json.js";
import { delegate, makeStake } from "../support/stake.js";

const folder = mkdtempSync(join(tmpdir(), "tapstake-folder-"));
writeFileSync(join(folder, "delegation.json"), delegationToJson(await delegate(makeStake())));

/** A watch that fails at its first addition. */
function failingOnce(code: "store-unwritable" | "wrong-network") {
  const asked: Delegation[] = [];
  return {
    asked,
    add(delegations: readonly Delegation[]) {
      asked.push(...delegations);
      if (asked.length === 1) throw new TapstakeError(code, "it is refused");
      return [];
    },
  };
}

const addThrice = (watch: ReturnType<typeof failingOnce>) => {
  const seen = new Set<string>();
  for (let i = 0; i < 3; i++) addFolder(watch, folder, seen);
};

it("a folder's file is tried again after the store could not be written, and then not again", () => {
  const watch = failingOnce("store-unwritable");
  addThrice(watch);
  expect(watch.asked).toHaveLength(2);
});

it("a folder's file that the watch refuses is not tried again until it changes", () => {
  const watch = failingOnce("wrong-network");
  addThrice(watch);
  expect(watch.asked).toHaveLength(1);
});
