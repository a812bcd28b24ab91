import { existsSync, lstatSync, renameSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { u64be } from "../core/bytes.js";
import { assertPublicKey } from "../core/keys.js";
import { TapstakeError } from "../core/errors.js";
import { besides, createDatabase, DatabaseFault } from "./database.js";
import type { Marks } from "./decision.js";
import type { Home } from "./home.js";
import { behind, corruptMarks, corruptStore, empty, missing, unwritable } from "./instructions.js";
import { type Lock, lockHome, running } from "./lock.js";
import { MarksFile, type MarksContent, readMarks } from "./marks.js";
import { syncFolder } from "./private-files.js";
import { SqliteProtection } from "./sqlite.js";
import type { Protection } from "./store.js";
import { assertChainId, subjectName } from "./subject.js";

export type { Protection, ProtectionStore, StoredCommitment, Subject, VoteEntry } from "./store.js";

export interface ProtectionOptions {
  /** For records; host name and process id unless given. */
  readonly instance?: string;
  /** Room for new lines in the second mark until it is written anew, in bytes. */
  readonly roomForMarks?: number;
}

/**
 * Opens what a home remembers, after it has become the one signer of the home and has checked everything that is
 * remembered there against itself and against the second mark. A home without any memory gets an empty one.
 * @throws TapstakeError `signer-running`, `protection-missing`, `protection-empty`, `protection-behind`,
 *   `protection-corrupt`, `protection-unwritable`; `insecure-permissions`
 */
export function openProtection(home: Home, options: ProtectionOptions = {}): Protection {
  const lock = takeLock(home);
  try {
    return openLocked(home, lock, options);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Where votes begin for one key on one chain. */
export interface InitRequest {
  /** X-only, 32 bytes. */
  readonly key: Uint8Array;
  readonly chainId: string;
  /** Nothing below it is ever signed: the height after the last vote of the key. */
  readonly fromHeight: bigint;
}

export interface InitReport extends Marks {
  /** Files that were set aside because they could not be trusted. */
  readonly setAside: readonly string[];
}

/**
 * Begins votes at a height, or raises the lowest mark to it. It is the only way to go on where `openProtection`
 * refuses a store that is missing, empty, behind or corrupt: what is left of it is set aside, and a new store begins,
 * in which no key signs below what the second mark still remembers.
 * @throws TapstakeError `would-lower-mark` before anything is changed; and as {@link openProtection}
 */
export function initProtection(
  home: Home,
  request: InitRequest,
  options: ProtectionOptions = {},
): InitReport {
  const { key, chainId, fromHeight } = request;
  assertPublicKey(key, "key");
  assertChainId(chainId);
  u64be(fromHeight, "first height");
  const lock = takeLock(home);
  let protection: Protection | undefined;
  try {
    let setAside: string[] = [];
    try {
      protection = openLocked(home, lock, options);
    } catch (error) {
      if (!(error instanceof TapstakeError) || !BROKEN.has(error.code)) throw error;
      const marks = guarded(home, () => readMarks(home.marksFile));
      refuseBelow(marks, request);
      setAside = guarded(home, () => putAside(home));
      protection = openLocked(home, lock, options);
      for (const mark of marks?.marks.values() ?? []) {
        const floor = floorOf(mark);
        protection.init(mark.key, mark.chainId, floor);
        // No mark is above the last height of all: a vote without digest blocks it.
        if (mark.highest === floor) {
          protection.append(mark.key, mark.chainId, [{ height: floor, digest: null, signature: null }]);
        }
      }
    }
    return { ...protection.init(key, chainId, fromHeight), setAside };
  } finally {
    if (protection) protection.close();
    else lock.release();
  }
}

const BROKEN = new Set<string>([
  "protection-missing",
  "protection-empty",
  "protection-behind",
  "protection-corrupt",
]);

function takeLock(home: Home): Lock {
  return guarded(home, () => lockHome(home));
}

function openLocked(home: Home, lock: Lock, options: ProtectionOptions): Protection {
  const { instance = `${hostname()}:${process.pid}`, roomForMarks } = options;
  const marks = guarded(home, () => readMarks(home.marksFile));
  const known = [...(marks?.marks.values() ?? [])];
  checkStoreFile(home, marks);
  let store: SqliteProtection | undefined;
  try {
    store = new SqliteProtection(home, instance);
    if (marks) compare(home, store, marks);
    // A store that was never written to is as good as none: a crash came before its second mark.
    else if (store.seq > 0) throw missing(home, "marks", []);
    if (!lock.isHeld()) throw running(home);
    const { storeId, seq } = store;
    const content = { storeId, seq, marks: new Map(store.allMarks().map((mark) => [nameOf(mark), mark])) };
    // Written anew, it has caught up with the store, and is known to be writable.
    const file = guarded(home, () => new MarksFile(home.marksFile, content, roomForMarks));
    store.attach(
      (changed) => file.append(changed),
      () => {
        file.close();
        lock.release();
      },
    );
    store.takeOverBirths();
    return store;
  } catch (error) {
    store?.close();
    if (!(error instanceof DatabaseFault)) throw error;
    if (error.kind === "busy") throw running(home);
    if (error.kind === "empty") throw empty(home, error.message, known);
    if (error.kind === "corrupt") throw corruptStore(home, error.message, known);
    throw unwritable(home, error.message, error);
  }
}

/** Sees to it that there is a store to open: that of the second mark, or a new one where nothing was remembered. */
function checkStoreFile(home: Home, marks: MarksContent | undefined): void {
  const path = home.protectionFile;
  const known = [...(marks?.marks.values() ?? [])];
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.size === 0) throw empty(home, "the file is empty", known);
  if (marks?.damage !== undefined) throw corruptMarks(home, marks.damage, known);
  if (stats) return;
  // A write-ahead log of another store would be played into a new one.
  if (marks || besides(path).length > 0) throw missing(home, "store", known);
  guarded(home, () => createDatabase(path));
}

/** The store may be ahead of its second mark, by what a crash kept from it; never behind. */
function compare(home: Home, store: SqliteProtection, marks: MarksContent): void {
  const known = [...marks.marks.values()];
  if (store.storeId !== marks.storeId) {
    throw behind(home, `it is store ${store.storeId}, and the second mark is of ${marks.storeId}`, known);
  }
  if (store.seq < marks.seq) {
    throw behind(
      home,
      `its last write is number ${store.seq}, and the second mark knows ${marks.seq}`,
      known,
    );
  }
  const here = new Map(store.allMarks().map((mark) => [nameOf(mark), mark]));
  for (const mark of known) {
    const { lowest = -1n, highest = null } = here.get(nameOf(mark)) ?? {};
    if (lowest < mark.lowest || (highest ?? -1n) < (mark.highest ?? -1n)) {
      const knows = `height ${highest ?? "none"} as the highest on ${mark.chainId}`;
      throw behind(home, `it knows ${knows}, and the second mark ${mark.highest ?? "none"}`, known);
    }
  }
}

function refuseBelow(marks: MarksContent | undefined, { key, chainId, fromHeight }: InitRequest): void {
  const mark = marks?.marks.get(subjectName(key, chainId));
  if (!mark || fromHeight >= floorOf(mark)) return;
  throw new TapstakeError(
    "would-lower-mark",
    `expected a height of ${floorOf(mark)} or more, got ${fromHeight}: the second mark remembers votes up to ${mark.highest ?? "none"} and ${mark.lowest} as the lowest height`,
    { lowest: floorOf(mark), height: fromHeight },
  );
}

/** The lowest height that is certainly above everything that a mark remembers, where there is one. */
function floorOf({ lowest, highest }: Marks): bigint {
  if (highest === null || highest < lowest) return lowest;
  return highest === 0xffff_ffff_ffff_ffffn ? highest : highest + 1n;
}

/** Renames what cannot be trusted: it may still be of use to a person. */
function putAside(home: Home): string[] {
  const { protectionFile, marksFile } = home;
  const suffix = `.set-aside-${new Date().toISOString().replaceAll(":", "-")}`;
  const files = [marksFile, protectionFile, ...besides(protectionFile)].filter((file) => existsSync(file));
  const renamed = files.map((file) => {
    renameSync(file, file + suffix);
    return file + suffix;
  });
  syncFolder(dirname(protectionFile));
  return renamed;
}

const nameOf = ({ key, chainId }: { key: Uint8Array; chainId: string }): string => subjectName(key, chainId);

/** Runs what touches files: where they cannot be written or read, nothing can be signed. */
function guarded<T>(home: Home, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof DatabaseFault) throw unwritable(home, error.message, error);
    if (error instanceof TapstakeError && error.code === "file-error") {
      throw unwritable(home, error.message, error);
    }
    if (!(error instanceof TapstakeError) && (error as NodeJS.ErrnoException).syscall) {
      throw unwritable(home, (error as Error).message, error);
    }
    throw error;
  }
}
