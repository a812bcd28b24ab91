import { once } from "node:events";
import pc from "picocolors";
import { hex } from "../core/bytes.js";
import type { ErrorCode, ErrorDetails } from "../core/errors.js";
import { widthOf, wrapped } from "./wrap.js";

/** Colours, or plain text without a terminal or with NO_COLOR. */
export const colors = pc.createColors(pc.isColorSupported && process.stdout.isTTY === true);

/** Writes one or more lines to standard output. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Writes a long text to standard output, part by part, no faster than it is read. */
export async function sayAll(parts: Iterable<string> | AsyncIterable<string>): Promise<void> {
  for await (const part of parts) {
    if (!process.stdout.write(part)) await once(process.stdout, "drain");
  }
}

/** Writes to the user at the terminal, beside the answer. */
export function tell(message: string): void {
  process.stderr.write(`${wrapped(message, widthOf(process.stderr))}\n`);
}

/** Whether standard error is for a program too, each message on one line: `--json` of the whole command. */
let asLines = false;

export function tellInJson(json: boolean): void {
  asLines = json;
}

/** Writes what is not the answer to standard error: the text, or with `--json` the facts. */
export function tellOf(facts: Said, text: string): void {
  if (asLines) process.stderr.write(`${toJson(facts, 0)}\n`);
  else tell(text);
}

/** What a line of standard error is about. */
type Said = { readonly [Kind in "error" | "warning"]?: object } & { readonly note?: string };

/** Writes a note beside the answer, for a person or a program. */
export const note = (text: string): void => tellOf({ note: text }, text);

interface Warning {
  /** The code of the error that could follow. */
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: ErrorDetails;
}

/** Writes one line to standard error about something that does not stop a command, but needs attention. */
export function warn({ code, message, details = {} }: Warning): void {
  tellOf({ warning: { code, message, ...details } }, `tapstake: warning: ${message}`);
}

/** Writes the result of a command: the facts as data or as text, and nothing else on standard output. */
export function answer<Facts extends object>(
  asJson: boolean,
  facts: Facts,
  text: (facts: Facts) => string,
): void {
  say(asJson ? toJson(facts) : text(facts));
}

/** JSON for people and programs: amounts as decimal text, bytes as hexadecimal. */
export function toJson(value: unknown, indent = 2): string {
  return JSON.stringify(
    value,
    (_name, each: unknown) => {
      if (typeof each === "bigint") return `${each}`;
      return each instanceof Uint8Array ? hex.encode(each) : each;
    },
    indent,
  );
}

/** A reader that stops early (`| head`) is not an error. A full disk is one, and gets no stack trace. */
export function closeQuietly(stream: NodeJS.WriteStream): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    if (stream !== process.stderr) {
      const message = `cannot write the answer: ${error.code ?? error.message}`;
      tellOf({ error: { code: "file-error", message, details: {} } }, `tapstake: file-error: ${message}`);
    }
    process.exit(1);
  });
}

/** A row of a table: undefined leaves it out; a list takes a line for each element. */
export type Row = readonly [label: string, value: string | readonly string[] | undefined];

/** Labels dim and aligned, values beside them. */
export function table(rows: readonly Row[], indent = ""): string {
  const width = rows.reduce((most, [label]) => Math.max(most, label.length), 0);
  return rows
    .flatMap(([label, value]) => {
      if (value === undefined) return [];
      const lines = typeof value === "string" ? [value] : value;
      return lines.map((line, i) => {
        const shown = (i === 0 ? label : "").padEnd(width);
        return `${indent}${colors.dim(shown)}  ${line}`.trimEnd();
      });
    })
    .join("\n");
}

/** A heading with something under it. */
export function section(title: string, body: string): string {
  return `${colors.bold(title)}\n${body}`;
}

/** Shows the progress of long work to a person: on standard error, and only on a terminal. */
export interface Progress {
  update(done: number): void;
  stop(): void;
}

/**
 * @param what the work and its unit: `deriving heights`
 * @param total undefined where it is not known before the end
 */
export async function showProgress(what: string, total?: number): Promise<Progress> {
  if (process.stderr.isTTY !== true) return { update: () => {}, stop: () => {} };
  const { default: progress } = await import("cli-progress");
  const bar = new progress.SingleBar(
    {
      format:
        total === undefined ? `${what}  {value}` : `${what}  {bar}  {value} of {total}, {eta_formatted} left`,
      hideCursor: true,
      clearOnComplete: true,
      // The command handles Ctrl-C itself.
      gracefulExit: false,
    },
    progress.Presets.shades_classic,
  );
  bar.start(total ?? 1, 0);
  return { update: (done) => bar.update(done), stop: () => bar.stop() };
}
