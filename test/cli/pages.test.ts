import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type RegtestNode, startNode } from "../../regtest/index.js";
import { PAGES, parsePage, read, scriptOf, sessionsOf } from "../support/pages.js";
import { reach } from "./bitcoin-cli.js";
import { shellInProcess } from "./shell-in-process.js";
import { hasBash, temporaryFolder } from "./support.js";

/** Pages whose blocks another test runs, as they branch or as it looks at what they print. */
const RUN_ELSEWHERE: Readonly<Record<string, string>> = {
  "docs/covenant.md": "test/cli/session.test.ts",
  "docs/registration.md": "test/cli/session.test.ts",
  "docs/stakers.md": "test/cli/session.test.ts",
};

/** What a reader types at the questions of the commands. */
const SECRETS = {
  TAPSTAKE_PASSPHRASE: "the passphrase of a page",
  TAPSTAKE_NEW_PASSPHRASE: "another passphrase of a page",
};

/** The key that pages for finality providers speak of. */
const NEW_KEY = "tapstake fp keys new validator-1 > words.txt";

const sessions = PAGES.filter((page) => !Object.hasOwn(RUN_ELSEWHERE, page)).flatMap((page) =>
  sessionsOf(parsePage(read(page))).map(({ line, script }) => [`${page}:${line}`, script] as const),
);

let node: Promise<RegtestNode> | undefined;
afterAll(async () => (await node)?.stop());

/** Runs lines as a reader does, in an empty home; with a node of their own where they ask one. */
async function run(script: string) {
  const cwd = temporaryFolder();
  // The system's own notion of a home is not this process's to change.
  const env = { HOME: cwd, TAPSTAKE_HOME: join(cwd, ".tapstake"), ...SECRETS };
  const lines = script.includes("validator-1") ? `${NEW_KEY}\n${script}` : script;
  if (!/\bbitcoin-cli\b/.test(script)) return shellInProcess(lines, { cwd, env });
  const reached = await reach(await (node ??= startNode()));
  const asking = { ...env, ...reached.env, TAPSTAKE_RPC: reached.url };
  return shellInProcess(`${reached.prelude}\n${lines}`, { cwd, env: asking });
}

describe.skipIf(!hasBash)("the commands of a page", () => {
  it.each(sessions)("run unchanged, from %s", async (_where, script) => {
    const { code, stderr } = await run(script);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  });

  it.each(Object.entries(RUN_ELSEWHERE))("run all, those of %s by %s", (page, test) => {
    const text = read(page);
    const headings = parsePage(text)
      .blocks.filter((block) => scriptOf(block) !== undefined && block.mark !== "no-run")
      .map(({ line }) =>
        text
          .split("\n")
          .slice(0, line)
          .findLast((each) => /^#+ /.test(each))!,
      );
    const source = read(test);
    expect(source).toContain(`"${page}"`);
    expect(headings.filter((each) => !source.includes(`"${each.replace(/^#+ /, "")}"`))).toEqual([]);
  });

  it("fail where one of them fails, and see the blocks before them but not those of another session", async () => {
    const page = parsePage("```bash\nA=1\n```\n\n```bash\necho $A > a\n```\n\n```bash fresh\ncat a\n```\n");
    const [first, second] = sessionsOf(page);
    expect(await run(first!.script)).toMatchObject({ code: 0 });
    expect(await run(second!.script)).toMatchObject({ code: 1 });
    expect(await run("tapstake no-such-command")).toMatchObject({ code: 2 });
    expect(
      await run("tapstake params regtest > params.txt && bitcoin-cli -regtest getblockcount"),
    ).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\n$/),
    });
  });
});
