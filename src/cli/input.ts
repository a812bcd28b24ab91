import { createReadStream } from "node:fs";
import * as v from "valibot";
import type { Transaction } from "../bitcoin/transaction-class.js";
import { parseTransaction } from "../bitcoin/transaction.js";
import { equalBytes, hex, utf8 } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { parseJson } from "../core/json.js";
import type { Delegation } from "../delegation/delegation.js";
import { delegationFromJson } from "../delegation/json.js";
import type { Psbt } from "../psbt/psbt.js";
import { parseAnswer } from "../psbt/read.js";
import { fileReason, UsageError } from "./errors.js";

/** Apart from an interchange file, tapstake's files are far smaller; an endless device must not take all memory. */
const MAX_MEGABYTES = 16;

/**
 * The text of a file, or of standard input for `-`, up to 16 MB; without a byte order mark.
 * @param otherwise what a path is if no file is there
 * @throws TapstakeError `file-error`
 */
export async function readText(path: string, otherwise?: string): Promise<string> {
  return new TextDecoder().decode(await readContent(path, otherwise));
}

/**
 * What a file says, or standard input for `-`. What is wrong in it is said with the file's name.
 * @throws TapstakeError `file-error`, and the codes of `parse`, with `file` in the details
 */
export async function readDocument<T>(path: string, parse: (text: string) => T): Promise<T> {
  const text = await readText(path);
  return inFile(path, () => parse(text));
}

/** What `parse` refuses is said with the file's name. @throws TapstakeError as `parse`, with `file` in the details */
export function inFile<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    const file = path === "-" ? "standard input" : path;
    const { code, message, details } = error;
    const text = message.startsWith(`${file}: `) ? message : `${file}: ${message}`;
    throw new TapstakeError(code, text, { ...details, file }, { cause: error });
  }
}

/** The content of a file, as {@link readText}. @throws TapstakeError `file-error` */
export async function readContent(path: string, otherwise?: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readChunks(path, MAX_MEGABYTES, otherwise)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * The content of a file, or of standard input for `-`, part by part, if it is too long for memory.
 * @throws TapstakeError `file-error`, also if it is larger than `megabytes`
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
      `cannot read ${name}: ${code === "ENOENT" ? otherwise : fileReason(code)}`,
      { path, code },
      { cause },
    );
  }
  if (size > megabytes * 1024 * 1024) {
    throw new TapstakeError("file-error", `cannot read ${name}: larger than ${megabytes} MB`, { path });
  }
}

/**
 * A transaction from hexadecimal, from a file that holds it, or from standard input for `-`.
 * @throws TapstakeError `file-error`, `invalid-hex`, `invalid-transaction`
 */
export async function readTransaction(source: string): Promise<Transaction> {
  assertGiven(source);
  const digits = isHexadecimal(source)
    ? source
    : await readText(source, `neither hexadecimal nor a file. Do: ${GIVE_TRANSACTION}`);
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
    throw new TapstakeError("file-error", `${name} is empty: it must hold a transaction in hexadecimal`, {
      path: source,
    });
  }
  const raw = hex.decode(compact, undefined, "transaction");
  if (raw.length === TXID_BYTES) {
    // Not shown: it could be a secret.
    const text =
      "64 digits are the length of a transaction id, not of a transaction. Do: give the whole transaction, as bitcoin-cli getrawtransaction <txid> prints it";
    throw new TapstakeError("invalid-transaction", text);
  }
  return parseTransaction(raw);
}

const TXID_BYTES = 32;
const GIVE_TRANSACTION = "give a raw transaction in hexadecimal, or the path of a file that has one";
const GIVE_INSPECTABLE =
  "give a raw transaction in hexadecimal, a PSBT in base64, or the path of a file that has either or a delegation";

/** "psbt" and 0xff: how a binary PSBT begins (BIP-174). */
const PSBT_MAGIC = Uint8Array.of(0x70, 0x73, 0x62, 0x74, 0xff);

/**
 * A PSBT from a file or standard input: binary, base64, hexadecimal, or in the JSON of bitcoind's wallet.
 * @throws TapstakeError `file-error`, `invalid-psbt`
 */
export async function readPsbt(path: string): Promise<Psbt> {
  const content = await readContent(path);
  return inFile(path, () => psbtOf(content));
}

function psbtOf(content: Uint8Array): Psbt {
  return parseAnswer(content);
}

/** What `bitcoin-cli walletprocesspsbt` prints, and Xverse and Leather answer. A delegation has no such field. */
const walletAnswer = v.union([
  v.object({ psbt: v.unknown() }),
  v.object({ hex: v.unknown() }),
  v.object({ result: v.unknown() }),
]);

/** A delegation of ours. */
const ownRecord = v.looseObject({ terms: v.unknown() });

/** What `inspect` reads. */
export type Inspectable =
  | { readonly kind: "transaction"; readonly transaction: Transaction }
  | { readonly kind: "psbt"; readonly psbt: Psbt; /** Its file, or a name for it. */ readonly source: string }
  | { readonly kind: "delegation"; readonly delegation: Delegation }
  /** What a server of the staking chain answers, or a message of it, as JSON. */
  | { readonly kind: "answer"; readonly answer: unknown };

/**
 * A transaction, a PSBT, a delegation, or an answer or message of the staking chain: the text of either of the first two,
 * a file, or standard input for `-`. Its first bytes and its fields show which it is.
 * @throws TapstakeError `file-error`, and the codes of `readTransaction`, `readPsbt` and `delegationFromJson`
 */
export async function readInspectable(source: string): Promise<Inspectable> {
  assertGiven(source);
  const isText = isPsbtText(source) || isHexadecimal(source);
  const content = isText
    ? utf8(source)
    : await readContent(source, `neither hexadecimal, a PSBT nor a file. Do: ${GIVE_INSPECTABLE}`);
  const text = new TextDecoder().decode(content).trim();
  if (equalBytes(content.subarray(0, PSBT_MAGIC.length), PSBT_MAGIC) || isPsbtText(text)) {
    return { kind: "psbt", psbt: psbtOf(content), source: isText ? "<psbt>" : source };
  }
  if (!/^[[{]/.test(text)) return { kind: "transaction", transaction: transactionFrom(text, source) };
  const json = parseJson(text, source);
  if (v.is(v.union([walletAnswer, v.pipe(v.array(walletAnswer), v.minLength(1))]), json)) {
    return { kind: "psbt", psbt: psbtOf(content), source };
  }
  return v.is(ownRecord, json)
    ? { kind: "delegation", delegation: delegationFromJson(text) }
    : { kind: "answer", answer: json };
}

/** "psbt" and 0xff in base64 or hexadecimal. */
const isPsbtText = (text: string) => /^"?(?:cHNidP|70736274ff)/i.test(text);

/** @throws TapstakeError `file-error`, and the codes of `delegationFromJson` */
export const readDelegation = (path: string): Promise<Delegation> => readDocument(path, delegationFromJson);

/** A text longer than any path component cannot be a path, even with a mistyped digit. */
const isHexadecimal = (source: string) =>
  /^[0-9a-fA-F]+$/.test(source) || (source.length > 255 && !source.includes("/"));

/** Standard input can be read only once. */
export function checkOneStandardInput(...sources: readonly (string | undefined)[]): void {
  if (sources.filter((source) => source === "-").length > 1) {
    throw new UsageError("only one of the files can be standard input: give the others a name");
  }
}
