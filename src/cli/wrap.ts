/** How wide a text may be: that of the terminal; undefined where there is none, as for files and pipes. */
export function widthOf(stream: Pick<NodeJS.WriteStream, "isTTY" | "columns">): number | undefined {
  // A terminal that does not know its size says 0.
  return stream.isTTY && stream.columns > 0 ? stream.columns : undefined;
}

/** The columns that topics and help texts are written for. */
const WRITTEN = 100;

/** A row of a list: a label, and what it says in a second column; or a step with its number. */
const ROW = /^ *(?:\d+\. |\S+(?: \S+)* {2,})(?=\S)/;

/**
 * A text of hand-broken lines, as {@link wrapped} wraps it. For a narrower terminal, the lines of a paragraph are joined
 * first: otherwise each would leave a short rest.
 */
export function reflowed(text: string, width: number | undefined): string {
  return wrapped(width === undefined || width >= WRITTEN ? text : joined(text), width);
}

function joined(text: string): string {
  const lines: { text: string; column: number; last: string }[] = [];
  let isExample = false;
  for (const line of text.split("\n")) {
    if (/^\S/.test(line)) isExample = line === "Examples:";
    const before = lines.at(-1);
    const indent = line.length - line.trimStart().length;
    if (!isExample && before && indent === before.column && continues(before.last, line)) {
      before.text += ` ${line.trim()}`;
      before.last = line;
    } else lines.push({ text: line, column: ROW.exec(line)?.[0].length ?? indent, last: line });
  }
  return lines.map((line) => line.text).join("\n");
}

/** Whether a line goes on where the one before it was full: its first word did not fit. */
function continues(before: string, line: string): boolean {
  const [word] = /\S+/.exec(line) ?? [];
  if (word === undefined || before.trim() === "" || ROW.test(line)) return false;
  return before.length <= WRITTEN && before.length + 1 + word.length > WRITTEN;
}

/** Columns that a text beside a label still needs to be read. */
const LEAST = 20;

/**
 * A text whose lines are broken at spaces to fit a width. What follows in a line stands below its own beginning: below
 * the description of an option, not below its name. Words that are longer stay whole, and so do examples, which are
 * copied into a shell.
 */
export function wrapped(text: string, width: number | undefined): string {
  if (width === undefined) return text;
  let isExample = false;
  return text
    .split("\n")
    .map((line) => {
      if (/^\S/.test(line)) isExample = line === "Examples:";
      return isExample || line.length <= width ? line : wrapLine(line, width);
    })
    .join("\n");
}

function wrapLine(line: string, width: number): string {
  const [indent] = /^ */.exec(line)!;
  const [row] = ROW.exec(line) ?? [indent];
  // A label that leaves too little room has a line of its own.
  if (row !== indent && width - row.length < LEAST) {
    const label = row.trimEnd();
    const rest = wrapLine(`${indent}    ${line.slice(row.length)}`, width);
    return [label.length > width ? wrapLine(label, width) : label, rest].join("\n");
  }
  const hanging = row.length;
  const lines: string[] = [];
  let current = "";
  for (const part of line.match(/\s*\S+/g) ?? []) {
    if (current !== "" && current.trim() !== "" && current.length + part.length > width) {
      lines.push(current);
      current = `${" ".repeat(hanging)}${part.trimStart()}`;
    } else current += part;
  }
  return [...lines, current].join("\n");
}
