import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { forbiddenIn } from "../support/words.js";

/** Rooms whose comments are not revised yet. */
const NOT_YET: readonly string[] = ["src/babylon/", "src/chain/", "src/cli/commands/register/"];

const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  .map((name) => join("src", name))
  .filter((path) => path.endsWith(".ts") && !NOT_YET.some((room) => path.startsWith(room)));

describe("comments of src/", () => {
  it("are found between code and strings", () => {
    expect(commentsOf("const a = `/* text */`; // one\n/** two\n * three */\nconst b = /\\/*/;")).toEqual([
      "// one",
      "/** two three */",
    ]);
  });

  it.each(sources)("%s: has no forbidden word", (path) => {
    const text = readFileSync(path, "utf8");
    // Parsing takes long, and few files have such a word anywhere.
    const comments = forbiddenIn(oneLine(text)).length > 0 ? commentsOf(text) : [];
    expect(comments.filter((comment) => forbiddenIn(comment).length > 0)).toEqual([]);
  });
});

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
