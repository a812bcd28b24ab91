import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";

const page = readFileSync(new URL("../../docs/emergency.md", import.meta.url), "utf8");
const [, script] = /cat > last-vote\.mjs <<'END'\n([\s\S]*?)\nEND\n/.exec(page)!;
const KEY = "ab".repeat(32);

/** The answers of a node's LCD; what is not asked for in a test is as a node in sync answers it. */
interface Chain {
  readonly tip: number;
  readonly highest: number;
  readonly votes: readonly number[];
  readonly secondsOld?: number;
  readonly slashedAt?: number;
}

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

/** What the page's script says of a chain, and its exit code. */
async function said(chain: Chain, key = KEY): Promise<{ text: string; code: number | null }> {
  const server = createServer(({ url }, response) => {
    const answer = answerOf(chain, url!);
    response.writeHead(answer ? 200 : 500, { "content-type": "application/json" });
    response.end(
      JSON.stringify(answer ?? { code: 2, message: "codespace btcstaking code 1100", details: [] }),
    );
  }).listen(0, "127.0.0.1");
  closing.push(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return run(`http://127.0.0.1:${port}/`, key);
}

async function run(...args: string[]): Promise<{ text: string; code: number | null }> {
  const child = spawn(process.execPath, ["--input-type=module", "-", ...args]);
  child.stdin.end(script);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => (text += String(part)));
  await once(child, "close");
  return { text, code: child.exitCode };
}

function answerOf(
  { tip, highest, votes, secondsOld = 1, slashedAt = 0 }: Chain,
  url: string,
): object | undefined {
  const time = new Date(Date.now() - secondsOld * 1000).toISOString();
  const [, voted] = /^\/babylon\/finality\/v1\/votes\/(\d+)$/.exec(url) ?? [];
  if (voted !== undefined)
    return { btc_pks: ["cd".repeat(32), ...(votes.includes(Number(voted)) ? [KEY] : [])] };
  if (url === "/cosmos/base/tendermint/v1beta1/blocks/latest") {
    return { block: { header: { chain_id: "bbn-1", height: `${tip}`, time } } };
  }
  if (url !== `/babylon/btcstaking/v1/finality_providers/${KEY}/finality_provider`) return undefined;
  return {
    finality_provider: {
      highest_voted_height: highest,
      jailed: false,
      slashed_babylon_height: `${slashedAt}`,
    },
  };
}

describe("the emergency page's script", () => {
  it("finds the last vote, and begins above the tip", async () => {
    const { text, code } = await said({ tip: 1000, highest: 998, votes: [990, 998] });
    expect(text.replace(/\d+ seconds/, "SOME seconds")).toBe(
      "chain        bbn-1, height 1000, SOME seconds old\nlast vote    998\njailed       false\n" +
        "slashed      false\nbegin above  --from-height 1020\n",
    );
    expect(code).toBe(0);
  });

  it("finds a vote above the provider's highest", async () => {
    const { text } = await said({ tip: 1000, highest: 900, votes: [900, 950] });
    expect(text).toContain("last vote    950\n");
  });

  it("accepts the key in upper case", async () => {
    const { text } = await said({ tip: 1000, highest: 900, votes: [900, 950] }, KEY.toUpperCase());
    expect(text).toContain("last vote    950\n");
  });

  it("begins above a vote that is beyond the tip", async () => {
    const { text } = await said({ tip: 1000, highest: 5000, votes: [5000] });
    expect(text).toContain("--from-height 5020\n");
  });

  it.each<[string, Partial<Chain>, string]>([
    ["whose votes do not show the highest one", { votes: [] }, "the list of votes does not show"],
    ["that is behind", { secondsOld: 600 }, "this node is behind"],
    ["that gives no heights", { highest: NaN }, "the node gives no heights"],
    ["that slashed the key", { slashedAt: 900 }, "the key is slashed"],
  ])("prints no height for a node %s", async (_what, other, reason) => {
    const { text, code } = await said({ tip: 1000, highest: 998, votes: [998], ...other });
    expect(text).toContain(`begin above  DO NOT USE, ${reason}`);
    expect(text).not.toContain("--from-height");
    expect(code).toBe(1);
  });

  it.each([["127.0.0.1:1317", KEY], ["http://127.0.0.1:1317", "ab"], []])(
    "prints its usage: %s %s",
    async (...args) => {
      const { text, code } = await run(...args.filter((each) => each !== undefined));
      expect(text).toMatch(/^usage: node last-vote\.mjs .*\n$/);
      expect(code).toBe(1);
    },
  );

  it("reports that a key never voted", async () => {
    expect((await said({ tip: 1000, highest: 0, votes: [] })).text).toMatch(/last vote {4}none\njailed/);
  });
});

describe("the emergency page", () => {
  it("has no sentence above 30 words", () => {
    expect(sentences(page).filter((each) => each.split(/\s+/).length > 30)).toEqual([]);
  });

  it("has no table cell above 20 words", () => {
    const cells = page.split("\n").flatMap((line) => (line.startsWith("|") ? line.split("|") : []));
    expect(cells.filter((each) => each.trim().split(/\s+/).length > 20)).toEqual([]);
  });

  it("has each of its own anchors", () => {
    const anchors = new Set([...page.matchAll(/^#+ (.*)$/gm)].map(([, title]) => anchorOf(title!)));
    const used = [...page.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor]) => anchor!);
    expect(used.filter((each) => !anchors.has(each))).toEqual([]);
  });
});

const anchorOf = (title: string) =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, "")
    .replaceAll(" ", "-");

/** What people read: without code blocks, tables and the targets of links. */
function sentences(markdown: string): string[] {
  const prose = markdown
    .replace(/^( *)```[\s\S]*?^\1```$/gm, "\n\n")
    .replace(/^\|.*$/gm, "\n\n")
    .replace(/\]\([^)]*\)/g, "]");
  return prose
    .split(/\n\n+|\n(?= *(?:[-*]|\d+\.) )/)
    .flatMap((paragraph) => paragraph.replace(/\s+/g, " ").split(/(?<=[.:;!?]) /))
    .map((each) => each.trim())
    .filter((each) => each !== "");
}
