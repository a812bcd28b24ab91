import { createReadStream } from "node:fs";
import { access, constants, link, lstat, mkdir, open, realpath, rename, rm } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { basename, dirname, join } from "node:path";
import * as v from "valibot";
import type { Transaction } from "../bitcoin/bitcoinjs.js";
import type { Psbt } from "../psbt/bitcoinjs.js";
import { equalBytes, hex, utf8 } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { parseJson, readJson } from "../core/json.js";
import type { Delegation } from "../delegation/delegation.js";
import { combineDelegations } from "../delegation/combine.js";
import { delegationFromJson, delegationToJson } from "../delegation/json.js";
import { parsePsbt } from "../psbt/read.js";
import { parseTransaction } from "../bitcoin/transaction.js";
import { UsageError } from "./errors.js";
import { note } from "./output.js";

/** No file of ours comes near it but a history, and a device that never ends must not take all memory. */
const MAX_MEGABYTES = 16;

/**
 * The text of a file, or of standard input for `-`, up to 16 MB; without a byte order mark.
 * @param otherwise what a path is that leads to no file
 * @throws TapstakeError `file-error`
 */
export async function readText(path: string, otherwise?: string): Promise<string> {
  return new TextDecoder().decode(await readContent(path, otherwise));
}

/** The content of a file, as {@link readText}. @throws TapstakeError `file-error` */
export async function readContent(path: string, otherwise?: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readChunks(path, MAX_MEGABYTES, otherwise)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * The content of a file, or of standard input for `-`, part by part, for what is too long to be held.
 * @throws TapstakeError `file-error`, also where it is larger than `megabytes`
 */
export async function* readChunks(
  path: string,
  megabytes: number,
  otherwise = "no such file",
): AsyncGenerator<Uint8Array, void> {
  const name = path === "-" ? "standard input" : path;
  let size = 0;
  try {
    for await (const chunk of path === "-" ? process.stdin : createReadStream(path)) {
      size += (chunk as Uint8Array).length;
      if (size > megabytes * 1024 * 1024) break;
      yield chunk as Uint8Array;
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
  if (size > megabytes * 1024 * 1024) {
    throw new TapstakeError("file-error", `cannot read ${name}: larger than ${megabytes} MB`, { path });
  }
}

/** As a whole, or in parts that are made while they are written. */
type Content = string | Uint8Array | Iterable<string>;

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
export async function writeOut(path: string, content: Content, { what, otherwise }: Written): Promise<void> {
  try {
    await writeNew(path, content);
  } catch (cause) {
    const { message, details } = cannotWrite(path, cause);
    throw new TapstakeError("file-error", `${message}. ${otherwise}`, details, { cause });
  }
  note(`wrote ${what} to ${path}`);
}

function cannotWrite(path: string, cause: unknown, reason?: string): TapstakeError {
  const { code = "unknown error" } = cause as NodeJS.ErrnoException;
  const message = `cannot write ${path}: ${reason ?? REASONS[code] ?? code}`;
  return new TapstakeError("file-error", message, { path, code }, { cause });
}

/**
 * Writes a document to a new file, or prints it for `-`. A crash leaves all of the file or nothing.
 * @throws TapstakeError `file-error`, also where there is a file already
 */
export async function writeDocument(path: string, content: string | Uint8Array): Promise<void> {
  if (path === "-") return void process.stdout.write(content);
  try {
    await writeNew(path, content);
  } catch (cause) {
    throw cannotWrite(path, cause);
  }
}

/**
 * Writes a delegation. A file that is there is replaced only by more of the same: it must hold this stake, and the
 * signatures that it has by then are kept beside the new ones.
 * @throws TapstakeError `file-error`; `delegation-mismatch` when the file holds another stake; the codes of
 * `combineDelegations` and `delegationFromJson`
 */
export async function writeDelegation(path: string, delegation: Delegation): Promise<void> {
  const isThere = path !== "-" && (await lstat(path).catch(() => undefined)) !== undefined;
  if (!isThere) return writeDocument(path, delegationToJson(delegation));
  const extended = combineDelegations(delegation, await readDelegation(path));
  try {
    // What a link leads to is replaced, and not the link.
    const real = await realpath(path);
    const temporary = await writeTemporary(
      real,
      delegationToJson(extended),
      (await lstat(real)).mode & 0o777,
    );
    await rename(temporary, real);
  } catch (cause) {
    throw cannotWrite(path, cause);
  }
}

/** A folder for several documents, made where there is none. @throws TapstakeError `file-error` */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    throw cannotWrite(path, cause);
  }
}

/** A link, unlike a rename, fails where there is a file already. */
async function writeNew(path: string, content: Content): Promise<void> {
  if ((await lstat(path).catch(() => undefined)) !== undefined) {
    throw Object.assign(new Error("there is a file"), { code: "EEXIST" });
  }
  const temporary = await writeTemporary(path, content, 0o666);
  try {
    await link(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** @param mode less what the umask takes away */
async function writeTemporary(path: string, content: Content, mode: number): Promise<string> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  const file = await open(temporary, "wx", mode);
  try {
    const isWhole = typeof content === "string" || content instanceof Uint8Array;
    // Each goes on where the one before it ended.
    for (const part of isWhole ? [content] : content) await file.writeFile(part);
    await file.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return temporary;
}

/**
 * A transaction from hexadecimal, from a file that holds it, or from standard input for `-`.
 * @throws TapstakeError `file-error`, `invalid-hex`, `invalid-transaction`
 */
export async function readTransaction(source: string): Promise<Transaction> {
  assertGiven(source);
  const digits = isHexadecimal(source) ? source : await readText(source, "neither hexadecimal nor a file");
  return transactionFrom(digits, source);
}

function assertGiven(source: string): void {
  if (source === "") {
    throw new UsageError("the transaction is empty: give hexadecimal, a file, or - for standard input");
  }
}

function transactionFrom(digits: string, source: string): Transaction {
  const compact = digits.replace(/\s/g, "");
  if (compact === "") {
    const name = source === "-" ? "standard input" : source;
    throw new TapstakeError("file-error", `${name} is empty: expected a transaction in hexadecimal`, {
      path: source,
    });
  }
  return parseTransaction(hex.decode(compact, undefined, "transaction"));
}

/** "psbt" and 0xff: how a binary PSBT begins (BIP-174). */
const PSBT_MAGIC = Uint8Array.of(0x70, 0x73, 0x62, 0x74, 0xff);

/**
 * A PSBT from a file or standard input: binary, base64, hexadecimal, or in the JSON with which bitcoind's wallet
 * answers.
 * @throws TapstakeError `file-error`, `invalid-psbt`, `invalid-json`
 */
export async function readPsbt(path: string): Promise<Psbt> {
  return psbtOf(await readContent(path));
}

function psbtOf(content: Uint8Array): Psbt {
  if (equalBytes(content.subarray(0, PSBT_MAGIC.length), PSBT_MAGIC)) return parsePsbt(content);
  const text = new TextDecoder().decode(content).trim();
  if (text.startsWith("{")) return parsePsbt(readJson(walletAnswer, parseJson(text, "PSBT"), "PSBT").psbt);
  const compact = text.replace(/\s/g, "");
  return parsePsbt(/^(?:[0-9a-fA-F]{2})+$/.test(compact) ? hex.decode(compact) : compact);
}

/** What `bitcoin-cli walletprocesspsbt` prints. */
const walletAnswer = v.object({ psbt: v.string() });

/** What `inspect` takes. */
export type Inspectable =
  | { readonly kind: "transaction"; readonly transaction: Transaction }
  | { readonly kind: "psbt"; readonly psbt: Psbt }
  | { readonly kind: "delegation"; readonly delegation: Delegation };

/**
 * A transaction, a PSBT or a delegation: the text itself of either of the first two, a file, or standard input for `-`.
 * What it is shows in how it begins.
 * @throws TapstakeError `file-error`, and the codes of `readTransaction`, `readPsbt` and `delegationFromJson`
 */
export async function readInspectable(source: string): Promise<Inspectable> {
  assertGiven(source);
  const isText = isPsbtText(source) || isHexadecimal(source);
  const content = isText ? utf8(source) : await readContent(source, "neither hexadecimal, a PSBT nor a file");
  const text = new TextDecoder().decode(content).trim();
  if (equalBytes(content.subarray(0, PSBT_MAGIC.length), PSBT_MAGIC) || isPsbtText(text)) {
    return { kind: "psbt", psbt: psbtOf(content) };
  }
  if (!text.startsWith("{")) return { kind: "transaction", transaction: transactionFrom(text, source) };
  const isAnswer = v.is(walletAnswer, parseJson(text, source));
  return isAnswer
    ? { kind: "psbt", psbt: psbtOf(content) }
    : { kind: "delegation", delegation: delegationFromJson(text) };
}

/** "psbt" and 0xff in base64 or hexadecimal. */
const isPsbtText = (text: string) => /^(?:cHNidP|70736274ff)/i.test(text);

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
