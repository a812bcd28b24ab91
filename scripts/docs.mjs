// Writes the pages of docs/ that are generated from the sources: docs/errors.md, from all error codes.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt } from "./build.mjs";
import { fail, isMain, root } from "./shared.mjs";

const HEAD = `# Error codes

Every refusal of tapstake begins with a code: \`tapstake: <code>: <message>\`. In a program it is the \`code\` of a
\`TapstakeError\`. The message says what is wrong in your case. This page says what each code means, what to do and what
never to do. The command says the same without a network: \`tapstake help <code>\`.

If a finality provider's signer refuses to vote and you do not know why, begin with [emergency.md](emergency.md).
`;

/** The source of the codes; its comments name the groups. */
export const SOURCE = "src/core/error-codes.ts";

/**
 * The text of docs/errors.md.
 * @param codes what each code says, by its name
 * @param source the text of {@link SOURCE}
 */
export function errorsPage(codes, source) {
  const names = new Set();
  const sections = [];
  const object = source.slice(source.indexOf("export const ERROR_CODES"));
  for (const [, group, quoted, plain] of object.matchAll(/^ {2}(?:\/\/ (.+)|"([a-z-]+)": |([a-z]+): )/gm)) {
    if (group !== undefined) sections.push(`## ${group}\n`);
    const code = quoted ?? plain;
    if (code === undefined) continue;
    names.add(code);
    sections.push(entryOf(code, codes[code]));
  }
  const missing = Object.keys(codes).filter((code) => !names.has(code));
  if (missing.length > 0) throw new Error(`${SOURCE} does not list: ${missing.join(", ")}`);
  return `${HEAD}\n${sections.join("\n")}`;
}

/** A heading of its own, so that each code has an anchor. */
function entryOf(code, { means, causes, do: remedy, never }) {
  const parts = [
    marked(means),
    ...(causes === undefined ? [] : [`Causes: ${marked(causes)}`]),
    `**Do:** ${marked(remedy)}`,
    ...(never === undefined ? [] : [`**Never:** ${marked(never)}`]),
  ];
  return `### ${code}\n\n${parts.map((part) => `${part}\n`).join("\n")}`;
}

/** Text as Markdown: page names become links, and special characters outside code are escaped. */
const marked = (text) =>
  text
    .split("`")
    .map((part, i) =>
      i % 2 === 1 ? part : part.replace(/[*<]/g, "\\$&").replace(/docs\/([a-z]+\.md)/g, "[$1]($1)"),
    )
    .join("`");

if (isMain(import.meta.url)) {
  try {
    await ensureBuilt();
    const { ERROR_CODES } = await import("../dist/src/core/error-codes.js");
    const page = errorsPage(ERROR_CODES, readFileSync(join(root, SOURCE), "utf8"));
    writeFileSync(join(root, "docs/errors.md"), page);
  } catch (error) {
    fail(error);
  }
}
