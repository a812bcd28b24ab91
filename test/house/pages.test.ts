import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { PAGES, parsePage, read, root } from "../support/pages.js";

const examples = readdirSync(`${root}examples`, { recursive: true, encoding: "utf8" })
  .filter((path) => /\.tsx?$/.test(path))
  .map((path) => read(`examples/${path}`));
const blocksOf = (page: string) =>
  parsePage(read(page))
    .blocks.filter(({ language }) => language === "ts")
    .map(({ code }) => code.trim());

/** The pages whose code is taken from examples: all, but for one whose code is two whole files. */
const WITH_CODE = PAGES.filter((page) => page !== "docs/testing.md" && blocksOf(page).length > 0);

describe.each(WITH_CODE)("the code of %s", (page) => {
  it.each(blocksOf(page))("is taken from an example, which runs: %#", (code) => {
    const found = examples.filter((text) => flat(text).includes(flat(withoutImports(code))));
    expect(found).not.toEqual([]);
    const imports = found.map((text) => imported(text));
    expect(imports).toContainEqual(expect.arrayContaining(imported(code)));
  });
});

describe("the pages with code", () => {
  it("include the README and others", () => {
    expect(WITH_CODE).toEqual(expect.arrayContaining(["README.md", "docs/wallets.md"]));
  });
});

describe("the table of calls in docs/wallets.md", () => {
  const PEER = "node_modules/@babylonlabs-io/btc-staking-ts/dist/index.d.ts";
  const [, section] = read("docs/wallets.md").split("## From btc-staking-ts\n");
  const rows = [...section!.matchAll(/^\| (.*`.*) +\| (.*) +\|$/gm)];

  it.each(rows.map(([, old, now]) => [old!.trim(), now!.trim()]))(
    "has only names that both libraries have: %s",
    (old, now) => {
      expect(missing(old, read(PEER))).toEqual([]);
      expect(missing(now, read("src/index.ts") + read("src/chain/index.ts") + QUOTED)).toEqual([]);
    },
  );

  it("has rows", () => {
    expect(rows.length).toBeGreaterThan(20);
  });

  /** Quoted in the second column without being exported: fields, the wallet's own call, an error's code. */
  const QUOTED = " fee wallet sign staking unbonding refund invalid-address ";

  /** The words in backticks that do not stand in a text. */
  const missing = (cell: string, text: string) =>
    [...cell.matchAll(/`([^`]+)`/g)]
      .flatMap(([, quoted]) => quoted!.split("."))
      .filter((word) => !new RegExp(`(?<![\\w-])${word}(?![\\w-])`).test(text));
});

const IMPORT = /^import \{([^}]*)\} from "([^"]*)";\n+/gm;
const withoutImports = (code: string) => code.replace(IMPORT, "").trim();

/** The code without its indentation: an example may have it within a block. */
const flat = (code: string) => code.replace(/^ +/gm, "");

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
