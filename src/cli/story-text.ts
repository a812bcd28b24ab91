import type { StoryEvent } from "../../regtest/narrator.js";
import { colors } from "./output.js";

/** A chapter of the story as data. */
export interface Chapter {
  readonly title: string;
  readonly events: Omit<StoryEvent, "chapter">[];
}

/** Puts an event where it belongs; a chapter's own event opens it. */
export function addToChapters(chapters: Chapter[], { chapter, ...event }: StoryEvent): void {
  let current = chapters.at(-1);
  if (current?.title !== chapter) {
    current = { title: chapter, events: [] };
    chapters.push(current);
  }
  if (event.kind !== "chapter") current.events.push(event);
}

const COLUMNS = 100;
const INDENT = "    ";

/** An event for a terminal of 100 columns. */
export function eventText({ chapter, kind, text, why, txid, answer }: StoryEvent): string {
  if (kind === "chapter") return `\n${colors.bold(chapter)}`;
  const mark = kind === "done" ? colors.green("✓") : colors.yellow("✗");
  return [
    ...wrap(text).map((line, i) => (i === 0 ? `  ${mark} ${line}` : `${INDENT}${line}`)),
    ...(answer === undefined ? [] : wrap(`bitcoind: ${answer}`).map((line) => INDENT + colors.yellow(line))),
    ...(why === undefined ? [] : wrap(why).map((line) => INDENT + colors.dim(line))),
    ...(txid === undefined ? [] : [INDENT + colors.dim(`txid ${txid}`)]),
  ].join("\n");
}

/** Milliseconds as seconds, to a tenth. */
export const seconds = (milliseconds: number): number => Math.round(milliseconds / 100) / 10;

function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > COLUMNS - INDENT.length) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
