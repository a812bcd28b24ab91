import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { addToChapters, type Chapter, eventText } from "../../src/cli/commands/demo.js";
import { interrupted, parsed, tapstake, temporaryFolder } from "./support.js";

interface Told {
  node: string;
  seconds: number;
  chapters: { title: string; events: Record<string, unknown>[] }[];
}

/** The part of the demo's output that the README shows. */
function shownInReadme(): string {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  return /```text\n([\s\S]*?)```/.exec(readme)![1]!;
}

const withoutIds = (text: string) => text.replace(/txid [0-9a-f]{64}/g, "txid");

describe("tapstake demo", () => {
  it("prints the story as the README shows it, and the same as data", async () => {
    const asText = await tapstake(["demo"]);
    expect({ code: asText.code, stderr: asText.stderr }).toEqual({ code: 0, stderr: "" });
    expect(asText.stdout).toMatch(/^bitcoind \//);
    expect(asText.stdout).toMatch(/\nAll of it took \d+(\.\d)? s\.\n$/);
    expect(asText.stdout.split("\n").filter((line) => line.length > 100)).toEqual([]);
    expect(withoutIds(asText.stdout)).toContain(withoutIds(shownInReadme()));

    const asData = await tapstake(["demo", "--json"]);
    expect({ code: asData.code, stderr: asData.stderr }).toEqual({ code: 0, stderr: "" });
    const { chapters, node, seconds } = parsed<Told>(asData);
    expect(node).toMatch(/^\//);
    expect(seconds).toBeGreaterThan(0);
    const titles = asText.stdout.split("\n").filter((line) => /^\S/.test(line));
    expect(titles.slice(1, -1)).toEqual(chapters.map(({ title }) => title));
    const events = chapters.flatMap((chapter) => chapter.events);
    expect(asText.stdout.match(/^ {2}[✓✗] /gm)).toHaveLength(events.length);
    for (const event of events) {
      expect(event["kind"]).toMatch(/^(done|refused)$/);
      expect(Boolean(event["answer"])).toBe(event["kind"] === "refused");
    }
  });

  it("ends its node when it is interrupted", async () => {
    const TMPDIR = temporaryFolder();
    const { code, signal } = await interrupted(["demo"], { TMPDIR });
    expect({ code, signal }).toEqual({ code: 130, signal: null });
    // A node that still ran would still have its datadir.
    expect(readdirSync(TMPDIR)).toEqual([]);
  });

  it("reports in one line that the folder for its node is missing", async () => {
    const TMPDIR = join(temporaryFolder(), "missing");
    const { code, stdout, stderr } = await tapstake(["demo"], { env: { TMPDIR, TAPSTAKE_REGTEST_URL: "" } });
    expect(code).toBe(1);
    expect(stdout).not.toContain("✓");
    expect(stderr).toContain(
      `tapstake: node-start-failed: cannot make a folder for the node in ${TMPDIR} (ENOENT)`,
    );
    expect(stderr).toContain("TMPDIR");
  });

  it("reports that bitcoind is missing, and what to do", async () => {
    const env = { BITCOIND: "/nowhere/bitcoind", TAPSTAKE_REGTEST_URL: "" };
    const { code, stdout, stderr } = await tapstake(["demo"], { env });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(
      /^tapstake: bitcoind-not-found: BITCOIND is \/nowhere\/bitcoind: .*\nDo: Install Bitcoin Core .*\n$/,
    );
  });
});

describe("the story as text", () => {
  it("begins a chapter with its title", () => {
    expect(eventText({ chapter: "Stake 1", kind: "chapter", text: "Stake 1" })).toBe("\nStake 1");
  });

  it("shows the event, the node's answer, its reason and the txid, in this order", () => {
    const event = { chapter: "Stake 1", text: "It spends", why: "It can.", txid: "aa", answer: "no" };
    expect(eventText({ ...event, kind: "refused" })).toBe(
      "  ✗ It spends\n    bitcoind: no\n    It can.\n    txid aa",
    );
    expect(eventText({ chapter: "Stake 1", kind: "done", text: "It spends" })).toBe("  ✓ It spends");
  });

  it("wraps at 100 columns", () => {
    const text = "word ".repeat(60).trim();
    const lines = eventText({ chapter: "Stake 1", kind: "done", text, why: text }).split("\n");
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
    expect(lines.join(" ").replace(/\s+/g, " ")).toBe(` ✓ ${text} ${text}`);
  });

  it("groups events under their chapters", () => {
    const chapters: Chapter[] = [];
    addToChapters(chapters, { chapter: "one", kind: "chapter", text: "one" });
    addToChapters(chapters, { chapter: "one", kind: "done", text: "a" });
    addToChapters(chapters, { chapter: "two", kind: "refused", text: "b", answer: "no" });
    expect(chapters).toEqual([
      { title: "one", events: [{ kind: "done", text: "a" }] },
      { title: "two", events: [{ kind: "refused", text: "b", answer: "no" }] },
    ]);
  });
});
