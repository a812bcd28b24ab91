import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const blocks = [...read("docs/testing.md").matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code);

/** Without its first line, which is a comment on the file. */
const codeOf = (path: string) => read(path).replace(/^\/\/.*\n/, "");

describe("the code of docs/testing.md", () => {
  it("is a test of the regtest room, with the package's names", () => {
    const shown = codeOf("regtest/guide.test.ts")
      .replace('"../src/index.js"', '"tapstake"')
      .replace('"./index.js"', '"tapstake/regtest"');
    expect(blocks[0]).toBe(shown);
  });

  it("is an example, which runs", () => {
    expect(blocks[1]).toBe(codeOf("examples/node-test.ts"));
    expect(blocks[2]).toBe(codeOf("examples/network.ts"));
    expect(blocks).toHaveLength(3);
  });
});
