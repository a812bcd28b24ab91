import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventText } from "../src/cli/commands/demo.js";
import { type RegtestNode, startNode, type StoryEvent, tellTowerStory } from "./index.js";

const command = [process.execPath, fileURLToPath(new URL("../dist/cli/main.js", import.meta.url))];
const towers = () => readdirSync(tmpdir()).filter((name) => name.startsWith("tapstake-tower-"));
let node: RegtestNode;
let before: string[];
const events: StoryEvent[] = [];
beforeAll(async () => {
  before = towers();
  node = await startNode();
  await tellTowerStory(node, (event) => events.push(event), { command });
});
afterAll(() => node?.stop());

test("the second act: has its three chapters", () => {
  expect(events.filter(({ kind }) => kind === "chapter").map(({ text }) => text)).toEqual([
    "Second act: a tower that no one touches",
    "Finality provider one votes twice, while a staker tries to leave",
    "The next block",
  ]);
});

test("the second act: the tower slashes everything, from the output that the staker left", async () => {
  const slashed = events.filter(({ data }) => data?.["slashed"] !== undefined);
  expect(slashed.map(({ data }) => data)).toEqual([
    { from: "staking", slashed: "200000" },
    { from: "staking", slashed: "200000" },
    { from: "unbonding", slashed: "199040" },
  ]);
  for (const { txid } of slashed) {
    expect((await node.rpc.gettransactioninfo(txid!)).confirmations).toBeGreaterThan(0);
  }
});

test("the second act: bitcoind refuses the unbonding that the slashing replaced, and the tower says why it acts", () => {
  expect(events.filter(({ kind }) => kind === "refused").map(({ answer }) => answer)).toEqual([
    expect.stringContaining("insufficient fee"),
  ]);
  expect(events.flatMap(({ said }) => said ?? [])).toEqual([
    expect.stringContaining("alarm double-vote"),
    expect.stringContaining("stopped at block"),
  ]);
});

test("the second act: leaves no process and no folder behind", () => {
  expect(towers().filter((name) => !before.includes(name))).toEqual([]);
  const { data } = events.find((event) => event.data?.["process"] !== undefined)!;
  expect(() => process.kill(Number(data!["process"]), 0)).toThrow("ESRCH");
});

test("the second act: docs/watching.md shows what the demo prints", () => {
  const page = readFileSync(new URL("../docs/watching.md", import.meta.url), "utf8");
  const printed = events.map(eventText).join("\n");
  const [, shown] = /```text\n( {2}✓ Provider one's[^]*?)\n```/.exec(page)!;
  const withoutIds = (text: string) => text.replace(/[0-9a-f]{64}/g, "");
  expect(withoutIds(printed)).toContain(withoutIds(shown!));
});
