import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lightenScrypt } from "../support/light-scrypt.mjs";
import { parsePage, read } from "../support/pages.js";
import { providersBlocks, UNRUN } from "../support/unrun.js";
import { callsIn } from "./calls.js";
import { inProcess } from "./in-process.js";
import { temporaryFolder } from "./support.js";

lightenScrypt();

/**
 * Before keys began by a statement (the commit before 4927f04), the page had 8 commands up to the first vote, and 3 of them
 * were enough for a vote that a chain counts: keys new, commit, vote. There must not be more.
 */
const AT_MOST = { onPage: 8, needed: 3 };

/** The commands of docs/operators.md, from the key to the first vote. */
function commands(): string[][] {
  const path = "docs/operators.md";
  const scripts = providersBlocks(parsePage(read(path)), UNRUN[path]).map(({ script }) => script);
  const calls = callsIn(scripts.join("\n"));
  const nameOf = (words: readonly string[]) => words.slice(1, 3).join(" ");
  const first = calls.findIndex((words) => nameOf(words) === "keys new");
  const last = calls.findIndex((words, index) => index > first && words[1] === "vote");
  return calls.slice(first, last + 1);
}

/** Runs commands of the page in an empty home, without a daemon. */
async function vote(calls: readonly (readonly string[])[]) {
  const TAPSTAKE_HOME = join(temporaryFolder(), "home");
  const env = { TAPSTAKE_HOME, TAPSTAKE_PASSPHRASE: "a passphrase of a page" };
  let outcome = { code: null as number | null, stdout: "", stderr: "" };
  for (const words of calls) {
    const args = words
      .filter((word) => word !== "--remote")
      .map((word) => (word === "50000" ? "8192" : word));
    outcome = await inProcess(args.slice(0, args.includes("--out") ? args.indexOf("--out") : undefined), {
      env,
    });
  }
  return outcome;
}

describe("from an empty machine to a vote", () => {
  const all = commands();
  const named = (...names: string[]) =>
    names.map((name) => all.find((words) => words.join(" ").startsWith(`fp ${name}`))!);

  it(`takes no more than ${AT_MOST.onPage} commands of docs/operators.md`, () => {
    expect(
      all.map((words) =>
        words
          .slice(0, 3)
          .join(" ")
          .replace(/ (?:--|\S+\.json).*/, ""),
      ),
    ).toEqual([
      "fp keys new",
      "fp keys list",
      "fp chains set",
      "fp status",
      "fp pop make",
      "fp commit",
      "fp verify-commit",
      "fp vote",
    ]);
    expect(all.length).toBeLessThanOrEqual(AT_MOST.onPage);
  });

  it(`needs ${AT_MOST.needed} of them`, async () => {
    const few = named("keys new", "commit", "vote");
    expect(few).toHaveLength(AT_MOST.needed);
    expect(await vote(few)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^120001 +new /),
      stderr: "",
    });
  });

  it.each([
    [["commit", "vote"], "home-not-found"],
    [["keys new", "vote"], "protection-uninitialised"],
  ])("does not end in a vote with %j alone", async (names, code) => {
    expect(await vote(named(...names))).toMatchObject({ code: 1, stderr: expect.stringContaining(code) });
  });
});
