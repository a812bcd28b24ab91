import { describe, expect, it } from "vitest";
import { inProcess } from "./in-process.js";
import { examplesOf, hasBash, shell, temporaryFolder } from "./support.js";

const COMMANDS = [
  "stake key",
  "stake create",
  "stake sign",
  "stake combine",
  "stake check",
  "stake broadcast",
  "covenant check",
  "covenant sign",
  "expand",
  "pop make",
  "pop verify",
  "register create-delegation",
  "register inclusion-proof",
  "register expand",
  "register undelegate",
  "register covenant-signatures",
  "register finality-provider",
  "register commit-randomness",
  "register finality-vote",
  "register selective-slashing",
  "register equivocation",
  "register show",
] as const;

describe.concurrent("the help", () => {
  it.each(COMMANDS)("of tapstake %s teaches within 100 columns", async (name) => {
    const { code, stdout } = await inProcess([...name.split(" "), "--help"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\nExit codes:\n {2}0 {2}done\n {2}1 {2}refused: .*\n {2}2 {2}wrong usage\n$/);
    expect(stdout.split("\n").filter((line) => line.length > 100)).toEqual([]);
  });

  it.skipIf(!hasBash).each(COMMANDS)("of tapstake %s has examples that run as they stand", async (name) => {
    const examples = examplesOf((await inProcess([...name.split(" "), "--help"])).stdout);
    expect(examples).toContain(`tapstake ${name}`);
    const folder = temporaryFolder();
    const { code, stderr } = await shell(examples, { cwd: folder, env: { HOME: folder } });
    // Commands of a finality provider tell which files they wrote.
    expect({ code, stderr: stderr.replace(/^wrote .*\n/gm, "") }).toEqual({ code: 0, stderr: "" });
  });
});
