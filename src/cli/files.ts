import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import type { Transaction } from "../core/bitcoin.js";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { type Delegation } from "../delegation/delegation.js";
import { delegationFromJson } from "../delegation/json.js";
import { UsageError } from "./errors.js";
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

/**
 * Writes a file of text, or replaces it.
 * @throws TapstakeError `file-error`
 */
export async function writeText(path: string, content: string): Promise<void> {
  try {
    await writeFile(path, content);
  } catch (cause) {
    const { code = "unknown error" } = cause as NodeJS.ErrnoException;
    const message = `cannot write ${path}: ${REASONS[code] ?? code}`;
    throw new TapstakeError("file-error", message, { path, code }, { cause });
  }
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
  EISDIR: "it is a folder",
};
