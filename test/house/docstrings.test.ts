import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const { exports } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as {
  exports: Readonly<Record<string, string>>;
};

/** What users import from, by its source: `./dist/src/index.js` is built from `src/index.ts`. */
const ENTRIES = Object.entries(exports)
  .filter(([, built]) => built.endsWith(".js"))
  .map(([name, built]) => [name, built.replace("./dist/", root).replace(/\.js$/, ".ts")] as const);

const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile);
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
const program = ts.createProgram(
  ENTRIES.map(([, file]) => file),
  // Names and comments need no library of the language.
  { ...options, noLib: true, types: [] },
);
const checker = program.getTypeChecker();

/** Every name that a module exports, and its own declaration. */
function exportsOf(file: string): readonly (readonly [name: string, symbol: ts.Symbol])[] {
  const module = checker.getSymbolAtLocation(program.getSourceFile(file)!)!;
  return checker.getExportsOfModule(module).map((symbol) => {
    const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
    return [symbol.name, isAlias ? checker.getAliasedSymbol(symbol) : symbol];
  });
}

const isOurs = (symbol: ts.Symbol) =>
  (symbol.declarations ?? []).every((each) => !each.getSourceFile().fileName.includes("/node_modules/"));
const isDocumented = (symbol: ts.Symbol) => symbol.getDocumentationComment(checker).length > 0;

describe("the docstrings of what users import", () => {
  it.each(ENTRIES)("%s has one for each export", (_, file) => {
    const found = exportsOf(file).filter(([, symbol]) => isOurs(symbol));
    expect(found.length).toBeGreaterThan(2);
    expect(found.flatMap(([name, symbol]) => (isDocumented(symbol) ? [] : [name]))).toEqual([]);
  });
});
