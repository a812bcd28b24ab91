/** How wide a text may be: that of the terminal; undefined where there is none, as for files and pipes. */
export function widthOf(stream: Pick<NodeJS.WriteStream, "isTTY" | "columns">): number | undefined {
  // A terminal that does not know its size says 0.
  return stream.isTTY && stream.columns > 0 ? stream.columns : undefined;
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
  const hanging = hangingOf(line, indent.length, width);
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

/** Where the next lines begin: below the second column of a row, where there is one that leaves enough room. */
function hangingOf(line: string, indent: number, width: number): number {
  const second = /^ *\S+(?: \S+)* {2,}(?=\S)/.exec(line)?.[0].length ?? indent;
  if (second > indent && width - second >= LEAST) return second;
  return second > indent ? indent + 4 : indent;
}
