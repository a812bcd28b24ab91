import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { forbiddenIn } from "../support/words.js";

/** Tests of the words, which have them as samples. */
const SAMPLES: ReadonlySet<string> = new Set([
  "test/house/docs.test.ts",
  "test/house/words.test.ts",
  "test/support/words.ts",
]);

/** Words that titles and names of cases do without, too. */
const VAGUE: readonly RegExp[] = [
  /\b(any|every|some)body\b/gi,
  /\bwhomever\b/gi,
  /\bnoticed\b/gi,
  /\bpoison/gi,
];

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => path.endsWith(".ts"));

const sources = ["src", "examples", "regtest"].flatMap(filesIn).filter((path) => !path.endsWith(".test.ts"));
const tests = ["test", "regtest"].flatMap(filesIn).filter((path) => !SAMPLES.has(path));

describe("comments of src/, examples/ and regtest/", () => {
  it("are found between code and strings", () => {
    expect(commentsOf("const a = `/* text */`; // one\n/** two\n * three */\nconst b = /\\/*/;")).toEqual([
      "// one",
      "/** two three */",
    ]);
  });

  it.each(sources)("and texts of %s: have no forbidden word", (path) => {
    const text = readFileSync(path, "utf8");
    // Parsing takes long, and few files have such a word anywhere.
    const prose = forbiddenIn(oneLine(text)).length > 0 ? [...proseOf(text), ...commentsOf(text)] : [];
    expect(prose.filter((each) => forbiddenIn(each).length > 0)).toEqual([]);
  });
});

describe("titles of tests, and names of their cases", () => {
  const vagueIn = (text: string) => [
    ...forbiddenIn(text),
    ...VAGUE.flatMap((words) => text.match(words) ?? []),
  ];

  it("are found among the strings of a test", () => {
    // A string of one word is code.
    const test = 'it("a vote: `counts`", () => f(`${a} is ${b} told`, "code")); // it("is none of them")';
    expect(proseOf(test)).toEqual(["a vote: `counts`", " is ", " told"]);
  });

  it.each(tests)("%s: have no forbidden word", (path) => {
    const text = readFileSync(path, "utf8");
    const prose = vagueIn(text).length > 0 ? proseOf(text) : [];
    expect(prose.filter((each) => vagueIn(each).length > 0)).toEqual([]);
  });
});

/** The strings of a test that have more than one word. */
function proseOf(text: string): string[] {
  const file = ts.createSourceFile("source.ts", text, ts.ScriptTarget.Latest);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const isText = ts.isStringLiteralLike(node) || ts.isTemplateHead(node);
    if ((isText || ts.isTemplateMiddleOrTemplateTail(node)) && node.text.includes(" ")) found.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** The comments of a source, each on one line. */
function commentsOf(text: string): string[] {
  const file = ts.createSourceFile("source.ts", text, ts.ScriptTarget.Latest);
  const found = new Map<number, string>();
  const visit = (node: ts.Node): void => {
    const children = node.getChildren(file);
    for (const child of children) visit(child);
    if (children.length > 0) return;
    const ranges = [
      ...(ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []),
      ...(ts.getTrailingCommentRanges(text, node.getEnd()) ?? []),
    ];
    for (const { pos, end } of ranges) found.set(pos, oneLine(text.slice(pos, end)));
  };
  visit(file);
  return [...found].sort(([a], [b]) => a - b).map(([, comment]) => comment);
}

/** Joins lines, without the marks that begin those of comments. */
const oneLine = (text: string): string => text.replace(/\s*\n\s*(\*(?!\/)|\/\/)?\s*/g, " ");
