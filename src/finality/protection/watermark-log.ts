import { hash } from "node:crypto";
import { closeSync, constants, fdatasyncSync, openSync, writeSync } from "node:fs";
import { hex } from "../../core/bytes.js";
import { readPrivateFile, writePrivateFile } from "../private-files.js";
import { higherWatermarks, type StoredWatermarks } from "./decide.js";
import type { Appended } from "./file-check.js";
import { keyChainName } from "./key-chain.js";

/** The watermarks of one key and chain, at one write to the store. */
export interface LoggedWatermarks extends StoredWatermarks {
  readonly key: Uint8Array;
  readonly chainId: string;
  /** The number of that write. */
  readonly seq: number;
}

/** The content of the watermark log: the highest of everything in it. */
export interface WatermarkLogContent {
  /** The store that it belongs to, 32 hexadecimal digits. */
  readonly storeId: string;
  readonly seq: number;
  readonly watermarks: ReadonlyMap<string, LoggedWatermarks>;
  /** Whether a crash cut its last line off: the store has that write. */
  readonly torn?: boolean;
  /** Why the file cannot be trusted; `watermarks` has its whole lines in any case. */
  readonly damage?: string;
}

/**
 * The watermark log: a text file beside the store that remembers how far the store had come, so that an older copy of
 * the store is noticed. A header and then a line a write:
 *
 *     tapstake-marks-1 <store id> <check>
 *     <key> <chain, percent-encoded> <lowest, with "held:" before it> <highest or -> <number of the write> <check>
 *     write <number of a write that changed no watermark> <check>
 *
 * A check is 16 hexadecimal digits of SHA-256(the check of the line before ‖ the line up to its check), so that
 * lines cannot go missing between others. Zero bytes follow, over which the next lines are written: a disk is quicker
 * where a file does not grow.
 */
export class WatermarkLog {
  readonly #path: string;
  readonly #room: number;
  readonly #content: { storeId: string; seq: number; watermarks: Map<string, LoggedWatermarks> };
  #written: Written;

  /**
   * Writes the file anew, whole or not at all, and keeps it open to append to.
   * @param room bytes for new lines until it is written anew
   */
  constructor(path: string, content: WatermarkLogContent, room = 1 << 18) {
    this.#path = path;
    this.#room = room;
    this.#content = { ...content, watermarks: new Map(content.watermarks) };
    this.#written = this.#rewrite();
  }

  /** The last line written. */
  get ending(): Appended {
    const { file, line, position } = this.#written;
    return { path: this.#path, file, line, position: position - line.length };
  }

  /**
   * Notes one write and the watermarks that it changed, durably. After an error, the content of the file is unknown.
   */
  append(seq: number, changed: readonly LoggedWatermarks[]): void {
    this.#content.seq = seq;
    for (const each of changed) raise(this.#content.watermarks, each);
    const { file, position, end } = this.#written;
    const [one] = changed;
    const { line, check } = withCheck(this.#written.check, one ? bodyOf(one) : writeOf(seq));
    const bytes = Buffer.from(line, "latin1");
    // Of several lines, some could be lost without notice.
    if (changed.length > 1 || position + bytes.length > end) {
      this.#written = this.#rewrite();
      close(file);
      return;
    }
    for (let written = 0; written < bytes.length;) {
      written += writeSync(file, bytes, written, bytes.length - written, position + written);
    }
    fdatasyncSync(file);
    this.#written = { ...this.#written, check, line: bytes, position: position + bytes.length };
  }

  close(): void {
    const { file } = this.#written;
    // The system may soon give its number to another file.
    this.#written = { ...this.#written, file: -1 };
    if (file >= 0) close(file);
  }

  #rewrite(): Written {
    const { storeId, seq, watermarks } = this.#content;
    const sorted = [...watermarks.values()].sort((a, b) => a.seq - b.seq);
    const bodies = [`${HEADER} ${storeId}`, ...sorted.map(bodyOf)];
    if (seq > (sorted.at(-1)?.seq ?? 0)) bodies.push(writeOf(seq));
    let [text, line, check] = ["", "", ""];
    for (const body of bodies) {
      ({ line, check } = withCheck(check, body));
      text += line;
    }
    const lines = Buffer.from(text, "latin1");
    writePrivateFile(this.#path, Buffer.concat([lines, Buffer.alloc(this.#room)]), "replace");
    const file = openSync(this.#path, constants.O_RDWR);
    return {
      file,
      check,
      line: Buffer.from(line, "latin1"),
      position: lines.length,
      end: lines.length + this.#room,
    };
  }
}

function close(file: number): void {
  try {
    closeSync(file);
  } catch {
    // Every line was on the disk before its append returned.
  }
}

/** How far the open file was written. */
interface Written {
  readonly file: number;
  /** The check of the last line. */
  readonly check: string;
  readonly line: Uint8Array;
  /** Where the next line begins, and where the space for lines ends. */
  readonly position: number;
  readonly end: number;
}

/**
 * Reads the watermark log; undefined when there is no file.
 * @throws TapstakeError `insecure-permissions`, `file-error`
 */
export function readWatermarkLog(path: string): WatermarkLogContent | undefined {
  const bytes = readPrivateFile(path, MAX_BYTES);
  return bytes && parseWatermarkLog(bytes);
}

/**
 * A last line without its end is what a crash leaves, of a vote whose signature did not leave: it is ignored. Any other
 * difference from what was written is damage.
 */
export function parseWatermarkLog(bytes: Uint8Array): WatermarkLogContent {
  const lines = Buffer.from(bytes).toString("latin1").split("\n");
  const rest = lines.pop()!;
  const header = /^tapstake-marks-1 ([0-9a-f]{32}) ([0-9a-f]{16})$/.exec(lines[0] ?? "");
  const storeId = header?.[1] ?? "";
  const content = { storeId, seq: 0, watermarks: new Map<string, LoggedWatermarks>() };
  let damage: string | undefined;
  let torn = false;
  if (!header || withCheck("", `${HEADER} ${storeId}`).check !== header[2]) {
    damage = "its first line is not that of a watermark log";
  }
  // The check as the file has it, here and below: one damaged line then does not invalidate the next.
  let before = lines[0]?.slice(-16) ?? "";
  for (const [i, line] of [...lines, rest].slice(1).entries()) {
    const read = parseLine(line, before);
    content.seq = Math.max(content.seq, read?.seq ?? 0);
    if (read && "key" in read) raise(content.watermarks, read);
    if (!read && !isTorn(line, i + 1, lines.length)) damage ??= `line ${i + 2} is damaged`;
    torn ||= !read && /[^\0]/.test(line);
    before = line.slice(-16);
  }
  return { ...content, torn, ...(damage !== undefined && { damage }) };
}

/** What follows the last end of a line, and a last line whose first page did not reach the disk. */
const isTorn = (line: string, at: number, count: number): boolean =>
  at >= count || (at === count - 1 && line.startsWith("\0") && line.length <= MAX_LINE);

const HEADER = "tapstake-marks-1";
const MAX_BYTES = 1 << 28;
/** A key, a chain of 128 characters as %XX, "held:", two heights, a number and a check. */
const MAX_LINE = 64 + 3 * 128 + 5 + 20 + 20 + 16 + 16 + 5;
const HEIGHT = "(?:0|[1-9]\\d{0,19})";
const LINE = new RegExp(
  `^(?:([0-9a-f]{64}) ([!-~]+) (held:)?(${HEIGHT}) (-|${HEIGHT})|write) ([1-9]\\d{0,15}) ([0-9a-f]{16})$`,
);

const bodyOf = ({ key, chainId, lowWatermark, highWatermark, locked, seq }: LoggedWatermarks): string =>
  `${hex.encode(key)} ${encodeURIComponent(chainId)} ${locked ? "held:" : ""}${lowWatermark} ${highWatermark ?? "-"} ${seq}`;

const writeOf = (seq: number): string => `write ${seq}`;

function withCheck(before: string, body: string): { line: string; check: string } {
  const check = hash("sha256", Buffer.from(`${before} ${body}`, "latin1"), "hex").slice(0, 16);
  return { line: `${body} ${check}\n`, check };
}

function parseLine(line: string, before: string): LoggedWatermarks | { readonly seq: number } | undefined {
  const match = LINE.exec(line);
  if (!match || withCheck(before, line.slice(0, -17)).check !== match[7]) return undefined;
  const [, key, chain, held, lowest, highest] = match;
  const seq = Number(match[6]);
  if (key === undefined) return { seq };
  return {
    key: hex.decode(key),
    chainId: decodeURIComponent(chain!),
    lowWatermark: BigInt(lowest!),
    highWatermark: highest === "-" ? null : BigInt(highest!),
    locked: held !== undefined,
    seq,
  };
}

function raise(all: Map<string, LoggedWatermarks>, one: LoggedWatermarks): void {
  const name = keyChainName(one.key, one.chainId);
  const earlier = all.get(name);
  const raised = earlier && { ...higherWatermarks(earlier, one), seq: Math.max(earlier.seq, one.seq) };
  all.set(name, { ...one, ...raised });
}
