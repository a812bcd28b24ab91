import { createReadStream } from "node:fs";
import { access, constants, lstat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Transaction } from "../core/bitcoin.js";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { type Delegation } from "../delegation/delegation.js";
import { delegationFromJson } from "../delegation/json.js";
import { UsageError } from "./errors.js";
import { tell } from "./output.js";
import { parseTransaction } from "../tx/transaction.js";

/** No file of ours comes near it, and a device that never ends must not take all memory. */
const MAX_MEGABYTES = 16;

/**
 * The text of a file, or of standard input for `-`, up to 16 MB; without a byte order mark.
 * @param otherwise what a path is that leads to no file
 * @throws TapstakeError `file-error`
 */
export async function readText(path: string, otherwise = "no such file"): Promise<string> {
  const name = path === "-" ? "standard input" : path;
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of path === "-" ? process.stdin : createReadStream(path)) {
      size += (chunk as Uint8Array).length;
      if (size > MAX_MEGABYTES * 1024 * 1024) break;
      chunks.push(chunk as Uint8Array);
    }
  } catch (cause) {
    const { code = "unknown error" } = cause as NodeJS.ErrnoException;
    throw new TapstakeError(
      "file-error",
      `cannot read ${name}: ${code === "ENOENT" ? otherwise : (REASONS[code] ?? code)}`,
      { path, code },
      { cause },
    );
  }
  if (size > MAX_MEGABYTES * 1024 * 1024) {
    throw new TapstakeError("file-error", `cannot read ${name}: larger than ${MAX_MEGABYTES} MB`, { path });
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

/** What goes into a file of `--out`. */
interface Written {
  /** In words: `3 votes`. */
  readonly what: string;
  /** How else to come by it, now that it was made. */
  readonly otherwise: string;
}

/**
 * Sees to it that a file of `--out` can be written, before the work whose result goes there is done.
 * @throws TapstakeError `file-error`, also where there is a file already: it may be all that holds something
 */
export async function checkOut(path: string | undefined): Promise<void> {
  if (path === undefined) return;
  const there = await lstat(path).catch(() => undefined);
  if (there) throw cannotWrite(path, { code: "EEXIST" });
  const folder = dirname(path);
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw code === "ENOENT"
      ? cannotWrite(path, { code }, `there is no folder ${folder}`)
      : cannotWrite(path, cause);
  }
}

/**
 * Writes a file of `--out`, and says so on standard error; it never replaces one.
 * @throws TapstakeError `file-error`
 */
export async function writeOut(path: string, content: string, { what, otherwise }: Written): Promise<void> {
  try {
    await writeFile(path, content, { flag: "wx" });
  } catch (cause) {
    const { message, details } = cannotWrite(path, cause);
    throw new TapstakeError("file-error", `${message}. ${otherwise}`, details, { cause });
  }
  tell(`wrote ${what} to ${path}`);
}

function cannotWrite(path: string, cause: unknown, reason?: string): TapstakeError {
  const { code = "unknown error" } = cause as NodeJS.ErrnoException;
  const message = `cannot write ${path}: ${reason ?? REASONS[code] ?? code}`;
  return new TapstakeError("file-error", message, { path, code }, { cause });
}

/**
 * A transaction from hexadecimal, from a file that holds it, or from standard input for `-`.
 * @throws TapstakeError `file-error`, `invalid-hex`, `invalid-transaction`
 */
export async function readTransaction(source: string): Promise<Transaction> {
  if (source === "")
    throw new UsageError("the transaction is empty: give hexadecimal, a file, or - for standard input");
  const digits = isHexadecimal(source) ? source : await readText(source, "neither hexadecimal nor a file");
  const compact = digits.replace(/\s/g, "");
  if (compact === "") {
    const name = source === "-" ? "standard input" : source;
    throw new TapstakeError("file-error", `${name} is empty: expected a transaction in hexadecimal`, {
      path: source,
    });
  }
  return parseTransaction(hex.decode(compact, undefined, "transaction"));
}

/** @throws TapstakeError `file-error`, and the codes of `delegationFromJson` */
export async function readDelegation(path: string): Promise<Delegation> {
  return delegationFromJson(await readText(path));
}

/** Longer than any path component may be, a text with a mistyped digit is still no path. */
const isHexadecimal = (source: string) =>
  /^[0-9a-fA-F]+$/.test(source) || (source.length > 255 && !source.includes("/"));

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EEXIST: "it is there already, and is not replaced",
  EISDIR: "it is a folder",
  ENOTDIR: "its folder is a file",
};
