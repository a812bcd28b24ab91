// Writes the pages of docs/ that are generated from the sources: docs/errors.md, from all error codes.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt } from "./build.mjs";
import { fail, isMain, root } from "./shared.mjs";

const HEAD = `# Error codes

Every refusal of tapstake begins with a code: \`tapstake: <code>: <message>\`. In a program it is the \`code\` of a
\`TapstakeError\`. The message says what is wrong in your case. This page says what each code means, what to do and what
never to do. The command says the same without a network: \`tapstake help <code>\`.

If a finality provider's signer refuses to vote and you do not know why, begin with [emergency.md](emergency.md).
`;

/**
 * The text of docs/errors.md.
 * @param groups by the name of a subject, what each code says
 */
export function errorsPage(groups) {
  const sections = Object.entries(groups).flatMap(([subject, codes]) => [
    `## ${subject}\n`,
    ...Object.entries(codes).map(([code, advice]) => entryOf(code, advice)),
  ]);
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
    const { ERROR_GROUPS } = await import("../dist/src/core/error-codes.js");
    writeFileSync(join(root, "docs/errors.md"), errorsPage(ERROR_GROUPS));
  } catch (error) {
    fail(error);
  }
}
