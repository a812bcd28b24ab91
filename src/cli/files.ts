import { readFile, writeFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { Transaction } from "../core/bitcoin.js";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { type Delegation } from "../delegation/delegation.js";
import { delegationFromJson } from "../delegation/json.js";
import { parseTransaction } from "../tx/transaction.js";

/**
 * The text of a file, or of standard input for `-`.
 * @param otherwise what a path is that leads to no file
 * @throws TapstakeError `file-error`
 */
export async function readText(path: string, otherwise = "no such file"): Promise<string> {
  try {
    return path === "-" ? await text(process.stdin) : await readFile(path, "utf8");
  } catch (cause) {
    const { code = "unknown error" } = cause as NodeJS.ErrnoException;
    const name = path === "-" ? "standard input" : path;
    throw new TapstakeError(
      "file-error",
      `cannot read ${name}: ${code === "ENOENT" ? otherwise : (REASONS[code] ?? code)}`,
      { path, code },
      { cause },
    );
  }
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
  const digits = isHexadecimal(source) ? source : await readText(source, "neither hexadecimal nor a file");
  return parseTransaction(hex.decode(digits.replace(/\s/g, ""), undefined, "transaction"));
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
