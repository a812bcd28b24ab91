import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventText } from "../src/cli/commands/demo.js";
import { type RegtestNode, startNode, type StoryEvent, tellRestakingStory } from "./index.js";

let node: RegtestNode;
const events: StoryEvent[] = [];

beforeAll(async () => {
  node = await startNode();
  await tellRestakingStory(node, (event) => events.push(event));
});
afterAll(() => node?.stop());

const within = (chapter: string) =>
  events.filter((event) => event.chapter.startsWith(chapter) && event.kind !== "chapter");

test("the restaking story: has its four chapters", () => {
  expect(events.filter(({ kind }) => kind === "chapter").map(({ text }) => text)).toEqual([
    "Three stakes behind two chains",
    "Before: what the graph says",
    "Provider one votes twice",
    "After: what the node shows",
  ]);
});

test("the restaking story: the graph says before what the node shows after", () => {
  const facts = (chapter: string, field: string) =>
    within(chapter).flatMap(({ data }) =>
      data?.[field] === undefined ? [] : [[data["holder"] ?? data["service"], data[field]]],
    );
  for (const field of ["loss", "locked", "after"]) {
    expect(facts("After", field)).toEqual(facts("Before", field));
  }
  expect(facts("After", "loss")).toEqual([
    ["Ann", "101000"],
    ["Bob", "301000"],
  ]);
  expect(facts("After", "after")).toEqual([
    ["chain-one", "0"],
    ["chain-two", "500000"],
  ]);
});

test("the restaking story: the refund is refused one block early", () => {
  expect(events.filter(({ kind }) => kind === "refused").map(({ answer }) => answer)).toEqual([
    "non-BIP68-final",
  ]);
});

test("the restaking story: docs/restaking.md shows what the demo prints", () => {
  const page = readFileSync(new URL("../docs/restaking.md", import.meta.url), "utf8");
  const printed = events.map(eventText).join("\n");
  const [, shown] = /```text\n(Before: what the graph says\n[^]*?)\n```/.exec(page)!;
  expect(printed).toContain(shown);
});
