import { afterAll, beforeAll, expect, test } from "vitest";
import { type RegtestNode, startNode, type StoryEvent, tellStory } from "./index.js";

let node: RegtestNode;
const events: StoryEvent[] = [];

beforeAll(async () => {
  node = await startNode();
  await tellStory(node, (event) => events.push(event));
});
afterAll(() => node?.stop());

const titles = () => events.filter(({ kind }) => kind === "chapter").map(({ text }) => text);
const inChapter = (stake: string) => events.filter(({ chapter }) => chapter.startsWith(stake));
const refusals = (stake: string) => inChapter(stake).filter(({ kind }) => kind === "refused");

test("the story: has its five chapters", () => {
  expect(titles()).toEqual([
    "Four stakes are opened",
    "Stake 1: its finality provider votes twice",
    "Stake 2: the staker unbonds early",
    "Stake 3: unbonding is no escape",
    "Stake 4: the time lock runs out",
  ]);
});

test("the story: shows bitcoind's own refusals, with their reasons", () => {
  const answers = events.filter(({ kind }) => kind === "refused").map(({ answer }) => answer);
  expect(answers).toHaveLength(7);
  expect(answers.every((answer) => answer !== undefined && answer.length > 0)).toBe(true);
});

test("the story: the script refuses the committee alone, at the finality provider's signature", () => {
  expect(refusals("Stake 1")[0]?.answer).toMatch(/CHECKSIGVERIFY/);
});

test("the story: the count refuses two and four committee signatures", () => {
  expect(
    refusals("Stake 2")
      .slice(0, 2)
      .map(({ answer }) => answer),
  ).toEqual([
    expect.stringMatching(/false\/empty top stack element/),
    expect.stringMatching(/false\/empty top stack element/),
  ]);
});

test.each(["Stake 1", "Stake 2", "Stake 4"])("the story: %s is refused one block early", (stake) => {
  expect(refusals(stake).at(-1)?.answer).toBe("non-BIP68-final");
});

test("the story: amounts are exact: 10% of the stake burnt, the minimum fee paid, the rest refunded", () => {
  const amounts = events.flatMap(({ data }) => (data?.["slashed"] === undefined ? [] : [data]));
  expect(amounts).toEqual([
    { from: "staking", slashed: "100000", refunded: "899000", fee: "1000" },
    { from: "unbonding", slashed: "99900", refunded: "898100", fee: "1000" },
  ]);
});

test("the story: every transaction is mined", async () => {
  const txids = events.flatMap(({ txid }) => txid ?? []);
  expect(new Set(txids).size).toBe(11);
  const confirmations = await Promise.all(
    txids.map(async (txid) => (await node.rpc.gettransactioninfo(txid)).confirmations ?? 0),
  );
  expect(confirmations.every((count) => count > 0)).toBe(true);
});
