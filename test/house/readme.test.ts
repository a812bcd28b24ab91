import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const root = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");

const examples = readdirSync(new URL("examples/", root)).map((name) => read(`examples/${name}`));
const blocks = [...read("README.md").matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!.trim());

describe("the README's code", () => {
  it("is there", () => {
    expect(blocks.length).toBeGreaterThan(0);
  });

  it.each(blocks)("is taken from an example, which is run: %#", (code) => {
    const example = examples.find((text) => text.includes(withoutImports(code)));
    expect(example).toBeDefined();
    expect(imported(example!)).toEqual(expect.arrayContaining(imported(code)));
  });
});

const IMPORT = /^import \{([^}]*)\} from "([^"]*)";\n+/gm;
const withoutImports = (code: string) => code.replace(IMPORT, "").trim();

/** What a program imports, each name with the module that it is from. */
function imported(code: string): string[] {
  return [...code.matchAll(IMPORT)].flatMap(([, names, from]) =>
    names!
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "")
      .map((name) => `${name} from ${from}`),
  );
}
