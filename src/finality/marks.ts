import { createHash } from "node:crypto";
import { closeSync, constants, fdatasyncSync, openSync, writeSync } from "node:fs";
import { hex } from "../core/bytes.js";
import type { Marks } from "./decision.js";
import { readPrivateFile, writePrivateFile } from "./private-files.js";
import { subjectName } from "./subject.js";

/** The marks of one key and chain, as of one write to the store. */
export interface Mark extends Marks {
  readonly key: Uint8Array;
  readonly chainId: string;
  /** The number of that write. */
  readonly seq: number;
}

/** What the second mark says: the highest of everything in it. */
export interface MarksContent {
  /** Which store it belongs to, 32 hexadecimal digits. */
  readonly storeId: string;
  readonly seq: number;
  readonly marks: ReadonlyMap<string, Mark>;
  /** Why the file cannot be trusted; its whole lines are in `marks` all the same. */
  readonly damage?: string;
}

/**
 * The second mark: a text file beside the store that remembers how far the store had come, so that an older copy of
 * the store is noticed. A header and then a line a write:
 *
 *     tapstake-marks-1 <store id> <check>
 *     <key> <chain, percent-encoded> <lowest> <highest or -> <number of the write> <check>
 *
 * A check is 16 hexadecimal digits of SHA-256(the check of the line before ‖ the line up to its check), so that
 * lines cannot go missing between others. Zero bytes follow, over which the next lines are written: a disk is quicker
 * where a file does not grow.
 */
export class MarksFile {
  readonly #path: string;
  readonly #room: number;
  readonly #content: { storeId: string; seq: number; marks: Map<string, Mark> };
  #file: number;
  #check: string;
  #position: number;
  #end = 0;

  /**
   * Writes the file anew, whole or not at all, and keeps it open to append to.
   * @param room bytes for lines until it is written anew
   */
  constructor(path: string, content: MarksContent, room = 1 << 18) {
    this.#path = path;
    this.#room = room;
    this.#content = { ...content, marks: new Map(content.marks) };
    ({ file: this.#file, check: this.#check, position: this.#position } = this.#rewrite());
  }

  /** Appends lines; they are on the disk when it returns. After an error nothing is known. */
  append(marks: readonly Mark[]): void {
    let text = "";
    for (const mark of marks) {
      const { line, check } = withCheck(this.#check, bodyOf(mark));
      text += line;
      this.#check = check;
      raise(this.#content, mark);
    }
    const bytes = Buffer.from(text, "latin1");
    if (this.#position + bytes.length > this.#end) {
      this.close();
      ({ file: this.#file, check: this.#check, position: this.#position } = this.#rewrite());
      return;
    }
    for (let written = 0; written < bytes.length;) {
      const left = bytes.length - written;
      written += writeSync(this.#file, bytes, written, left, this.#position + written);
    }
    fdatasyncSync(this.#file);
    this.#position += bytes.length;
  }

  close(): void {
    const file = this.#file;
    // Its number may soon be that of another file.
    this.#file = -1;
    try {
      if (file >= 0) closeSync(file);
    } catch {
      // Every line was on the disk before its append returned.
    }
  }

  #rewrite(): { file: number; check: string; position: number } {
    const { storeId, marks } = this.#content;
    let { line: text, check } = withCheck("", `${HEADER} ${storeId}`);
    for (const mark of [...marks.values()].sort((a, b) => a.seq - b.seq)) {
      const next = withCheck(check, bodyOf(mark));
      text += next.line;
      check = next.check;
    }
    const lines = Buffer.from(text, "latin1");
    writePrivateFile(this.#path, Buffer.concat([lines, Buffer.alloc(this.#room)]), "replace");
    this.#end = lines.length + this.#room;
    return { file: openSync(this.#path, constants.O_WRONLY), check, position: lines.length };
  }
}

/**
 * Reads the second mark; undefined when there is no file.
 * @throws TapstakeError `insecure-permissions`, `file-error`
 */
export function readMarks(path: string): MarksContent | undefined {
  const bytes = readPrivateFile(path, MAX_BYTES);
  return bytes && parseMarks(bytes);
}

/**
 * A last line without its end is what a crash leaves, of a vote that was not handed out: it is ignored. Anything
 * else that is not as it was written is damage.
 */
export function parseMarks(bytes: Uint8Array): MarksContent {
  const lines = Buffer.from(bytes).toString("latin1").split("\n");
  const torn = lines.pop()!;
  const header = /^tapstake-marks-1 ([0-9a-f]{32}) ([0-9a-f]{16})$/.exec(lines[0] ?? "");
  const storeId = header?.[1] ?? "";
  const content = { storeId, seq: 0, marks: new Map<string, Mark>() };
  let damage: string | undefined;
  if (!header || withCheck("", `${HEADER} ${storeId}`).check !== header[2]) {
    damage = "its first line is not that of a marks file";
  }
  let before = header?.[2] ?? "";
  for (const [i, line] of [...lines, torn].slice(1).entries()) {
    const mark = parseLine(line, before);
    if (mark) raise(content, mark);
    else if (!isTorn(line, i + 1, lines.length)) damage ??= `line ${i + 2} is damaged`;
    // As it stands there, so that one damaged line does not take those after it along.
    before = line.slice(-16);
  }
  return { ...content, ...(damage !== undefined && { damage }) };
}

/** What follows the last end of a line, and a last line whose first page did not reach the disk. */
const isTorn = (line: string, at: number, count: number): boolean =>
  at >= count || (at === count - 1 && line.startsWith("\0"));

const HEADER = "tapstake-marks-1";
const MAX_BYTES = 1 << 28;
const LINE = /^([0-9a-f]{64}) ([!-~]+) (0|[1-9]\d{0,19}) (-|0|[1-9]\d{0,19}) ([1-9]\d{0,15}) ([0-9a-f]{16})$/;

const bodyOf = ({ key, chainId, lowest, highest, seq }: Mark): string =>
  `${hex.encode(key)} ${encodeURIComponent(chainId)} ${lowest} ${highest ?? "-"} ${seq}`;

function withCheck(before: string, body: string): { line: string; check: string } {
  const check = createHash("sha256").update(`${before} ${body}`, "latin1").digest("hex").slice(0, 16);
  return { line: `${body} ${check}\n`, check };
}

function parseLine(line: string, before: string): Mark | undefined {
  const match = LINE.exec(line);
  if (!match || withCheck(before, line.slice(0, -17)).check !== match[6]) return undefined;
  const [, key, chain, lowest, highest, seq] = match;
  return {
    key: hex.decode(key!),
    chainId: decodeURIComponent(chain!),
    lowest: BigInt(lowest!),
    highest: highest === "-" ? null : BigInt(highest!),
    seq: Number(seq),
  };
}

function raise(content: { seq: number; marks: Map<string, Mark> }, mark: Mark): void {
  const name = subjectName(mark.key, mark.chainId);
  const earlier = content.marks.get(name);
  content.seq = Math.max(content.seq, mark.seq);
  content.marks.set(name, earlier ? highestOf(earlier, mark) : mark);
}

function highestOf(a: Mark, b: Mark): Mark {
  return {
    ...b,
    lowest: a.lowest > b.lowest ? a.lowest : b.lowest,
    highest: a.highest === null || (b.highest !== null && b.highest > a.highest) ? b.highest : a.highest,
    seq: Math.max(a.seq, b.seq),
  };
}
