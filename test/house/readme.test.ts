import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const root = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");

const examples = readdirSync(new URL("examples/", root)).map((name) => read(`examples/${name}`));
const blocks = [...read("README.md").matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!.trim());

test.each(blocks)("the README's code is taken from an example, which is run: %#", (code) => {
  expect(examples.some((example) => example.includes(code))).toBe(true);
});

test("the README shows code", () => {
  expect(blocks.length).toBeGreaterThan(0);
});
