import { describe, expect, it } from "vitest";
import { inProcess } from "./in-process.js";
import { examplesOf, hasBash, shell, temporaryFolder } from "./support.js";

/** Every command of `tapstake fp` but for those of keys and serve, which have tests of their own. */
const COMMANDS = [
  "chains",
  "chains list",
  "chains set",
  "chains remove",
  "commit",
  "commitments",
  "proof",
  "verify-commit",
  "verify-vote",
  "vote",
  "protection",
  "protection show",
  "protection check",
  "protection init",
  "protection export",
  "protection import",
  "protection prune",
  "status",
  "unlock",
  "pop",
  "pop make",
  "pop verify",
] as const;

describe.concurrent("the help", () => {
  it.each(COMMANDS)("of tapstake fp %s teaches within 100 columns", async (name) => {
    const { code, stdout } = await inProcess(["fp", ...name.split(" "), "--help"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\nExit codes:\n {2}0 {2}done\n {2}1 {2}refused: .*\n {2}2 {2}wrong usage\n$/);
    // A signature of an example cannot be broken.
    const lines = stdout.replace(/[0-9a-f]{100,}/g, "").split("\n");
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
  });

  it.skipIf(!hasBash).each(COMMANDS)(
    "of tapstake fp %s has examples that run as they stand",
    async (name) => {
      const examples = examplesOf((await inProcess(["fp", ...name.split(" "), "--help"])).stdout);
      expect(examples).toContain(`tapstake fp ${name}`);
      const folder = temporaryFolder();
      const { code, stderr } = await shell(examples, { cwd: folder, env: { HOME: folder } });
      const said =
        name === "status" || name === "unlock"
          ? stderr.replace(/^tapstake: signer-unreachable: .*\n$/, "")
          : stderr;
      const left = said.replace(/^wrote .* to .*\n/gm, "");
      expect({ code, left }).toEqual({ code: 0, left: "" });
    },
  );

  it("of tapstake fp lists all of it", async () => {
    const { stdout } = await inProcess(["fp", "--help"]);
    for (const name of COMMANDS.filter((each) => !each.includes(" "))) {
      expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
    }
  });
});
