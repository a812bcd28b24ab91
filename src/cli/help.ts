import type { CommandUnknownOpts, Help as CommanderHelp, Option } from "@commander-js/extra-typings";
import type { TopicName } from "./help-topics.js";

/** A text whose paragraphs are wrapped to the terminal's width. */
export function paragraphs(text: string): string {
  return text.trim().replace(/([^\n])\n(?!\n)/g, "$1 ");
}

/** The text below the options of every command. */
export interface Help {
  /** Shell lines that work when copied, in a folder with the files that they name. */
  readonly examples: string;
  /** What only this command must explain: the rest is in its topics. */
  readonly more?: string;
  /** The topics of `tapstake help <topic>` for what this command reads. */
  readonly topics?: readonly TopicName[];
  /** What exit code 1 means here. */
  readonly refused: string;
}

export function helpText({ examples, more, topics = [], refused }: Help): string {
  return `${more === undefined ? "" : `\n${more.trim()}\n`}${topics.length === 0 ? "" : `\nMore: ${topicsText(topics)}\n`}
Examples:
${indent(examples)}

Exit codes:
  0  done
  1  refused: ${refused}
  2  wrong usage`;
}

const topicsText = ([first, ...others]: readonly TopicName[]) =>
  [`tapstake help ${first}`, ...others.map((topic) => `help ${topic}`)].join(", ");

const indent = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => (line === "" ? "" : `  ${line}`))
    .join("\n");

/** How a command's help is written: the summary, which its parent lists too, opens the description. */
export const HELP_STYLE: Partial<CommanderHelp> = {
  // In narrow terminals, the description beside a long option still has several words on each line.
  minWidthToWrap: 20,
  commandDescription: (command: CommandUnknownOpts) =>
    [command.summary() === "" ? "" : `${command.summary()}.`, command.description()]
      .filter((text) => text !== "")
      .join("\n\n"),
  // The choices stand in the description if they are few.
  optionDescription: ({ description, defaultValue }: Option) =>
    typeof defaultValue === "string" && defaultValue !== ""
      ? `${description} (default: ${defaultValue})`
      : description,
};
