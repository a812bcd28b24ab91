import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  anchorsOf,
  hasCommands,
  linksOf,
  type Page,
  PAGES,
  parsePage,
  piecesOf,
  read,
  resolveLink,
  root,
  sentencesOf,
  wordsIn,
} from "../support/pages.js";
import { needless, UNRUN, wrongMark } from "../support/unrun.js";
import { FORBIDDEN } from "../support/words.js";

const pages = new Map(PAGES.map((path) => [path, parsePage(read(path))]));

/** Pages that people read in a hurry. */
const SHORT_SENTENCES = ["README.md", "docs/emergency.md"].filter((path) => pages.has(path));

/** All that is wrong with the links of a page. */
function brokenLinks(path: string, page: Page): string[] {
  return linksOf(page).flatMap((target) => {
    const link = resolveLink(path, target);
    if (link === undefined) return [];
    const isThere = link.path === path || (!link.path.startsWith("..") && existsSync(`${root}${link.path}`));
    if (!isThere) return [`${target}: no such file`];
    if (link.anchor === undefined) return [];
    const other = link.path === path ? page : (pages.get(link.path) ?? parsePage(read(link.path)));
    return anchorsOf(other).has(link.anchor) ? [] : [`${target}: no such anchor`];
  });
}

/** Sentences above 30 words, with their lines. */
const longSentences = (page: Page) =>
  piecesOf(page).flatMap(({ line, text }) =>
    sentencesOf(text)
      .filter((sentence) => wordsIn(sentence) > 30)
      .map((sentence) => `line ${line}, ${wordsIn(sentence)} words: ${sentence}`),
  );

/** Forbidden words outside of code, with their lines. */
function forbiddenWords({ lines }: Page): string[] {
  const text = lines
    .join("\n")
    .replace(/(`+)(?!`)[\s\S]*?[^`]\1(?!`)/g, (code) => code.replace(/[^\n]/g, "·"));
  return FORBIDDEN.flatMap((words) => {
    const spaced = new RegExp(words.source.replaceAll(" ", "\\s+"), words.flags);
    return [...text.matchAll(spaced)].map(({ 0: found, index }) => {
      const line = text.slice(0, index).split("\n").length;
      return `line ${line}: ${found.replace(/\s+/g, " ")}`;
    });
  });
}

/** The pages that a reader of the README reaches by links. */
function reachable(): ReadonlySet<string> {
  const reached = new Set(["README.md"]);
  for (const path of reached) {
    for (const target of linksOf(pages.get(path)!)) {
      const linked = resolveLink(path, target)?.path;
      if (linked !== undefined && pages.has(linked)) reached.add(linked);
    }
  }
  return reached;
}

describe("the pages", () => {
  it.each([...pages])("%s has no broken link", (path, page) => {
    expect(brokenLinks(path, page)).toEqual([]);
  });

  it.each([...pages.keys()].filter((path) => path.startsWith("docs/")))(
    "%s is linked from the README, directly or not",
    (path) => {
      expect([...reachable()]).toContain(path);
    },
  );

  it.each([...pages])("%s marks as not run only blocks that the table names, with a reason", (path, page) => {
    const wrong = page.blocks
      .map((block) => [block.line, wrongMark(block, UNRUN[path])])
      .filter(([, what]) => what !== undefined);
    expect(wrong).toEqual([]);
    expect(needless(page, UNRUN[path])).toEqual([]);
  });

  it("are all the pages that the table of unrun blocks names", () => {
    expect([...pages.keys()]).toEqual(expect.arrayContaining(Object.keys(UNRUN)));
  });

  it.each([...pages])(
    "%s marks blocks with commands as bash or console, so that they run",
    (_path, { blocks }) => {
      const unmarked = blocks.filter(
        (block) => hasCommands(block) && !["bash", "console", "ini"].includes(block.language),
      );
      expect(unmarked.map(({ line, code }) => `line ${line}: ${code.split("\n", 1)[0]}`)).toEqual([]);
    },
  );

  it.each([...pages])("%s has no forbidden word", (_path, page) => {
    expect(forbiddenWords(page)).toEqual([]);
  });

  it.each(SHORT_SENTENCES)("%s has no sentence above 30 words", (path) => {
    expect(longSentences(pages.get(path)!)).toEqual([]);
  });
});

describe("the README", () => {
  it("has fewer than 150 lines", () => {
    expect(read("README.md").split("\n").length - 1).toBeLessThan(150);
  });

  it("names Babylon in its first lines", () => {
    expect(read("README.md").split("\n").slice(0, 5).join("\n")).toContain("Babylon");
  });
});

describe("the check of the pages", () => {
  const page = parsePage(`# A \`first\` heading: *it*, and [more](x.md)

Text with a [link](../README.md#none), \`[code](x.md)\` and <a id="named"></a>
a second line. <!-- [hidden](y.md)
told -->

## The same_name
## The same_name

1. One sentence. tapstake says another, e.g. this.
2. See \`tapstake a. b\`. **So.** (Yes.)

   \`\`\`bash no-run
   npm ci
     # told
   \`\`\`

| told | a table |
[defined]: z.md#x "A title"
`);

  it("finds blocks, with their marks", () => {
    expect(page.blocks).toEqual([{ line: 13, language: "bash", mark: "no-run", code: "npm ci\n  # told" }]);
  });

  it("finds anchors as GitHub makes them", () => {
    expect([...anchorsOf(page)]).toEqual([
      "a-first-heading-it-and-more",
      "the-same_name",
      "the-same_name-1",
      "named",
    ]);
    expect([...anchorsOf(parsePage("## `--json`: Ökonomie & co. (v2)"))]).toEqual(["--json-ökonomie--co-v2"]);
  });

  it("finds links, and the broken ones", () => {
    expect(linksOf(page)).toEqual(["x.md", "../README.md#none", "z.md#x"]);
    expect(brokenLinks("docs/new.md", page)).toEqual([
      "x.md: no such file",
      "../README.md#none: no such anchor",
      "z.md#x: no such file",
    ]);
    const inside = parsePage(
      "# Here\n\n[a](#here) [b](#there) [c](https://example.org/x.md) [d](../../out.md)",
    );
    expect(brokenLinks("docs/new.md", inside)).toEqual([
      "#there: no such anchor",
      "../../out.md: no such file",
    ]);
  });

  it("finds sentences: those of a list apart, code as one word", () => {
    expect(piecesOf(page).map(({ line, text }) => [line, sentencesOf(text)])).toEqual([
      [3, ["Text with a link, CODE and a second line."]],
      [10, ["One sentence.", "tapstake says another, e.g. this."]],
      [11, ["See CODE.", "So.", "(Yes.)"]],
    ]);
    expect(sentencesOf('It takes 2.5 sat/vB… and on. Why? "No." Node 20.19. End')).toEqual([
      "It takes 2.5 sat/vB… and on.",
      "Why?",
      '"No."',
      "Node 20.19.",
      "End",
    ]);
    expect(wordsIn("A CODE – and 3 words")).toBe(5);
    const long = parsePage(`- ${"word ".repeat(31)}\n- ${"word ".repeat(30)}`);
    expect(longSentences(long)).toEqual([expect.stringMatching(/^line 1, 31 words: word/)]);
  });

  it("finds forbidden words in text, tables and headings, and not in code or comments", () => {
    expect(forbiddenWords(page)).toEqual(["line 18: told"]);
    expect(
      forbiddenWords(parsePage("# Whoever\n\nNo more\nthan 5. It is no\nmore. `told` stands as it\nis.")),
    ).toEqual(["line 1: Whoever", "line 5: as it is", "line 4: no more"]);
  });

  it.each([
    ["bash no-run", "npm ci", /^not in test\/support\/unrun\.ts, with a reason: npm ci$/],
    ["bash no-run: too hard", "npm test", /unknown mark: no-run: too hard/],
    ["bash norun", "tapstake params", /unknown mark: norun/],
    ["json no-run", "npm test", /json has no marks/],
  ])("refuses the mark of %s above %s", (info, code, what) => {
    const [block] = parsePage(`\`\`\`${info}\n${code}\n\`\`\``).blocks;
    expect(wrongMark(block!, { "npm test": "it takes minutes" })).toMatch(what);
  });

  it.each([
    ["", "tapstake params", true],
    ["text", "KEY=$(npx tapstake stake key --new a.key)", true],
    ["console", "$ npm run demo\nStake 1", true],
    ["text", "tapstake: not-a-stake: this is no stake\nthe tapstake command", false],
  ])("recognises whether a block of %j has commands: %s", (language, code, known) => {
    const [block] = parsePage(`\`\`\`${language}\n${code}\n\`\`\``).blocks;
    expect(hasCommands(block!)).toBe(known);
  });

  it("accepts a mark whose block the table names, and finds needless entries of the table", () => {
    const marked = parsePage("```bash fresh\ntapstake params\n```\n\n```bash provider\nsudo -i\nid\n```");
    const table = {
      "npm ci": "installs software",
      "sudo -i": "another user",
      "  # told": "is no first line",
    };
    expect([...page.blocks, ...marked.blocks].map((block) => wrongMark(block, table))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(needless(page, table)).toEqual(["sudo -i", "  # told"]);
    expect(needless(marked, table)).toEqual(["npm ci", "  # told"]);
  });
});
