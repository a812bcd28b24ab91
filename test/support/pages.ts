import { existsSync, readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import { slugOf } from "../../site/slug.js";

export const root = fileURLToPath(new URL("../../", import.meta.url));
export const read = (path: string) => readFileSync(`${root}${path}`, "utf8");

/** What people read: paths from the root. */
export const PAGES: readonly string[] = [
  ...["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "deploy/README.md"].filter((path) =>
    existsSync(`${root}${path}`),
  ),
  ...readdirSync(`${root}docs`, { recursive: true, encoding: "utf8" })
    .map((path) => `docs/${path.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(".md"))
    .sort(),
];

/** A fenced block of code. */
export interface Block {
  /** Where its fence opens, from 1. */
  readonly line: number;
  /** The first word after the fence; empty where there is none. */
  readonly language: string;
  /** The words after it: `fresh`, `provider` or `no-run` (test/support/unrun.ts). */
  readonly mark: string;
  /** Without the fence's own indentation. */
  readonly code: string;
}

export interface Page {
  readonly blocks: readonly Block[];
  /** The lines outside of fenced blocks; a line within one, or of a comment, is empty. */
  readonly lines: readonly string[];
}

const FENCE = /^( *(?:> ?)?)(`{3,}|~{3,}) *(.*?) *$/;

/** Parts a page into code and text. */
export function parsePage(markdown: string): Page {
  const given = markdown.split("\n");
  const blocks: Block[] = [];
  const lines: string[] = [];
  for (let at = 0; at < given.length; at++) {
    const [, indent, fence, info] = FENCE.exec(given[at]!) ?? [];
    lines.push(fence === undefined ? given[at]! : "");
    if (fence === undefined) continue;
    const end = given.findIndex((line, index) => index > at && line.trim() === fence);
    if (end === -1) throw new Error(`line ${at + 1}: the block has no end`);
    const code = given
      .slice(at + 1, end)
      .map((line) => (line.startsWith(indent!) ? line.slice(indent!.length) : line));
    const [language = "", ...mark] = info!.split(/\s+/);
    blocks.push({ line: at + 1, language, mark: mark.join(" "), code: code.join("\n") });
    lines.push(...given.slice(at + 1, end + 1).map(() => ""));
    at = end;
  }
  return { blocks, lines: withoutComments(lines) };
}

const withoutComments = (lines: readonly string[]) =>
  lines
    .join("\n")
    .replace(/<!--[\s\S]*?-->/g, (comment) => comment.replace(/[^\n]/g, ""))
    .split("\n");

const HEADING = /^ {0,3}#{1,6} +(.*?) *#* *$/;

/** Every anchor of a page: of its headings, by GitHub's rule, and those that it names itself. */
export function anchorsOf({ lines }: Page): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const line of lines) {
    const [, heading] = HEADING.exec(line) ?? [];
    if (heading === undefined) continue;
    const slug = slugOf(plainOf(heading));
    let unique = slug;
    for (let count = 1; anchors.has(unique); count++) unique = `${slug}-${count}`;
    anchors.add(unique);
  }
  for (const [, id] of lines.join("\n").matchAll(/<\w+ [^>]*\b(?:id|name)="([^"]*)"/g)) anchors.add(id!);
  return anchors;
}

/** A heading as its readers see it. */
const plainOf = (heading: string) =>
  heading
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/<[^>]*>/g, "")
    .replace(/(?<![\p{L}\p{N}])_([^_]+)_(?![\p{L}\p{N}])/gu, "$1");

/** The targets of all links and pictures of a page, but for what stands in code. */
export function linksOf({ lines }: Page): string[] {
  const text = lines.join("\n").replace(/(`+)[^`][\s\S]*?\1/g, (code) => code.replace(/[^\n]/g, "x"));
  const inline = [
    ...text.matchAll(/\]\(\s*<?([^()\s<>]*(?:\([^()\s]*\)[^()\s<>]*)*)>?(?:\s+"[^"]*")?\s*\)/g),
  ];
  const defined = [...text.matchAll(/^ {0,3}\[[^\]]+\]: *<?(\S+?)>?(?: .*)?$/gm)];
  const tags = [...text.matchAll(/<(?:a|img|source) [^>]*?\b(?:href|src|srcset)="([^"]*)"/g)];
  return [...inline, ...defined, ...tags].map(([, target]) => target!);
}

/** The file and the anchor that a link of a page means; undefined for one that leads out of the repository. */
export function resolveLink(
  page: string,
  target: string,
): { path: string; anchor: string | undefined } | undefined {
  if (/^[a-z][a-z+.-]*:|^\/\//i.test(target)) return undefined;
  const [file = "", anchor] = target.split("#", 2);
  const path = file === "" ? page : posix.join(posix.dirname(page), decodeURIComponent(file));
  return { path: path.replace(/\/$/, ""), anchor };
}

/** What stands between code, headings and tables, in pieces: a paragraph, or an item of a list. */
export function piecesOf({ lines }: Page): { readonly line: number; readonly text: string }[] {
  const pieces: { line: number; text: string }[] = [];
  let open = false;
  for (const [index, given] of lines.entries()) {
    const line = given.replace(/^[ >]*/, "");
    const item = /^(?:[-*+]|\d+[.)])\s+(?:\[[ x]\]\s+)?/.exec(line);
    const isText = line !== "" && !HEADING.test(line) && !/^(?:\||---|===|\*\*\*$|\[[^\]]+\]: )/.test(line);
    if (isText && open && !item) pieces.at(-1)!.text += ` ${line}`;
    else if (isText) pieces.push({ line: index + 1, text: line.slice(item?.[0].length ?? 0) });
    open = isText && !/(?: {2}|\\|<br ?\/?>)$/.test(given);
  }
  return pieces;
}

/** A word that ends with a point that ends no sentence. */
const ABBREVIATION = /(?:^|[\s(])(?:e\.g|i\.e|etc|vs|cf|approx|incl|resp|no|vol|fig|[A-Z])\.$/i;

/** The sentences of a piece, each code and each link's text as its readers see it. A piece of code is one word. */
export function sentencesOf(text: string): string[] {
  const words = text
    .replace(/(`+)(?!`)[\s\S]*?[^`]\1(?!`)/g, "CODE")
    .replace(/!\[[^\]]*\]\([^)]*\)/g, "")
    .replace(/\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])/g, "$1")
    .replace(/<[^>]*>/g, " ")
    .replace(/\*\*|__|(?<![\p{L}\p{N}])[*_]|[*_](?![\p{L}\p{N}])/gu, "")
    .split(/\s+/)
    .filter((word) => word !== "");
  const sentences: string[][] = [[]];
  for (const [index, word] of words.entries()) {
    sentences.at(-1)!.push(word);
    const ends = /[.!?]["'”’)\]]*$/.test(word) && !/^\.{3}|…/.test(word);
    if (ends && !ABBREVIATION.test(` ${word}`) && index < words.length - 1) sentences.push([]);
  }
  return sentences.filter((sentence) => sentence.length > 0).map((sentence) => sentence.join(" "));
}

/** How many words a sentence has: what has a letter or a number in it. */
export const wordsIn = (sentence: string) =>
  sentence.split(/\s+|(?<=\p{L})[—/](?=\p{L})/u).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;

/** A line of a shell, as far as pages have any. */
const COMMAND =
  /^\s*(?:\$ )?(?:\w+=\$\()?(?:npx )?(?:tapstake|bitcoin-cli|bitcoind|npm|git|curl|systemctl|sudo) /m;

export const hasCommands = ({ code }: Block) => COMMAND.test(code);

/** The lines that a reader types: all of a `bash` block, and those after a prompt of a `console` block. */
export function scriptOf({ language, code }: Block): string | undefined {
  if (language === "bash") return code;
  if (language !== "console") return undefined;
  return [...code.matchAll(/^(?:\$|>) (.*)$/gm)].map(([, line]) => line).join("\n");
}

/**
 * The scripts of a page, in order: its blocks belong to one session, which each block with the mark `fresh` begins
 * anew, in an empty folder.
 */
export function sessionsOf({ blocks }: Page): { readonly line: number; readonly script: string }[] {
  const sessions: { line: number; script: string }[] = [];
  for (const block of blocks) {
    const script = scriptOf(block);
    if (script === undefined || !["", "fresh"].includes(block.mark)) continue;
    if (sessions.length === 0 || block.mark === "fresh") sessions.push({ line: block.line, script });
    else sessions.at(-1)!.script += `\n${script}`;
  }
  return sessions;
}
