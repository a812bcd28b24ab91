/** A text whose paragraphs are wrapped to the terminal's width. */
export function paragraphs(text: string): string {
  return text.trim().replace(/([^\n])\n(?!\n)/g, "$1 ");
}

/** What stands below the options of every command. */
export interface Help {
  /** Shell lines that work when copied. */
  readonly examples: string;
  /** What more there is to know: file forms, how to read the answer. */
  readonly more?: string;
  /** What exit code 1 means here. */
  readonly refused: string;
}

export function helpText({ examples, more, refused }: Help): string {
  return `${more === undefined ? "" : `\n${more.trim()}\n`}
Examples:
${indent(examples)}

Exit codes:
  0  done
  1  refused: ${refused}
  2  wrong usage`;
}

const indent = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => (line === "" ? "" : `  ${line}`))
    .join("\n");
