import { access, constants, lstat, mkdir, realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { TapstakeError } from "../core/errors.js";
import { combineDelegations } from "../delegation/combine.js";
import type { Delegation } from "../delegation/delegation.js";
import { delegationToJson } from "../delegation/json.js";
import { writeParts } from "../finality/private-files.js";
import { fileReason } from "./errors.js";
import { readDelegation } from "./input.js";
import { note } from "./output.js";

/** The content as a whole, or in parts that are made during the writing. */
type Content = string | Uint8Array | Iterable<string> | AsyncIterable<string>;

/** The result for a file of `--out`. */
interface Written {
  /** What it is, in words: `3 votes`. */
  readonly what: string;
  /** How to get it otherwise, once it is made. */
  readonly otherwise: string;
}

/**
 * Checks that the file of `--out` can be written, before the work for it is done.
 * @throws TapstakeError `file-error`, also if the file exists: it may be the only record of something
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
  const isOurs = cause instanceof TapstakeError && cause.code === "file-error";
  const { code = "unknown error" } = (isOurs ? cause.details : cause) as { readonly code?: string };
  const message = `cannot write ${path}: ${reason ?? fileReason(code)}`;
  return new TapstakeError("file-error", message, { path, code }, { cause });
}

/**
 * Writes a document to a new file, or prints it for `-`. After a crash, the whole file or no file is there.
 * @throws TapstakeError `file-error`, also if the file exists
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
 * Writes a delegation. It replaces an existing file only if that has the same stake, and keeps the signatures that the
 * file has by then.
 * @throws TapstakeError `file-error`; `delegation-mismatch` if the file has another stake; the codes of
 * `combineDelegations` and `delegationFromJson`
 */
export async function writeDelegation(path: string, delegation: Delegation): Promise<void> {
  const isThere = path !== "-" && (await lstat(path).catch(() => undefined)) !== undefined;
  if (!isThere) return writeDocument(path, delegationToJson(delegation));
  const extended = combineDelegations(delegation, await readDelegation(path));
  try {
    // Replaces the target of a link, not the link.
    const real = await realpath(path);
    const { mode } = await lstat(real);
    await writeParts(real, [delegationToJson(extended)], { mode: mode & 0o777, replace: true });
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

/** @throws TapstakeError `file-error`, also if the file exists */
async function writeNew(path: string, content: Content): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  const parts = typeof content === "string" || content instanceof Uint8Array ? [content] : content;
  // Less what the umask removes.
  if (there || !(await writeParts(path, parts, { mode: 0o666 }))) throw systemError("EEXIST");
}

const systemError = (code: string) => Object.assign(new Error(code), { code });

/** Checks that new files can be written, before the work is done. @throws TapstakeError `file-error` */
export async function checkNewFiles(...paths: readonly (string | undefined)[]): Promise<void> {
  for (const path of paths) if (path !== "-") await checkOut(path);
}
