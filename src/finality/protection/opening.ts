import { lstatSync } from "node:fs";
import { TapstakeError } from "../../core/errors.js";
import type { Home } from "../home.js";
import { inUse, type Trouble, unwritable } from "./errors.js";
import { FileCheck } from "./file-check.js";
import { keyChainName } from "./key-chain.js";
import { type Lock, lockHome, running } from "./lock.js";
import { SqliteProtection } from "./sqlite-store.js";
import { besides, createDatabase, DatabaseFault, removeUnfinished } from "./sqlite.js";
import { type Mark, MarksFile, type MarksContent, readMarks } from "./watermark-log.js";

/** What a home remembers cannot be trusted, until somebody says where votes begin. */
export class Broken extends Error {
  readonly trouble: Trouble;

  constructor(trouble: Trouble, options?: ErrorOptions) {
    super(trouble.found, options);
    this.trouble = trouble;
  }
}

/** Makes this process the one signer of a home. */
export const takeLock = (home: Home): Lock => guarded(home, () => lockHome(home));

/**
 * Opens the store of a locked home and checks it against the second mark. The lock ends with the store.
 * @throws Broken; TapstakeError `signer-running`, `protection-unwritable`
 */
export function openLocked(
  home: Home,
  lock: Lock,
  { instance, roomForMarks }: { instance: string; roomForMarks?: number | undefined },
): SqliteProtection {
  const marks = guarded(home, () => {
    refuseLinks(home);
    const read = readMarks(home.marksFile);
    checkStoreFile(home, read);
    return read;
  });
  let store: SqliteProtection | undefined;
  try {
    store = new SqliteProtection(home, instance);
    if (marks) compare(store, marks);
    // A store that was never written to is as good as none: a crash came before its second mark.
    else if (store.seq > 0) throw missing("marks");
    if (!guarded(home, () => lock.isHeld())) throw running(home);
    // Written anew, it has caught up with the store, and is known to be writable.
    const file = writeMarks(home, store, roomForMarks);
    store.attach({
      mirror: (seq, changed) => file.append(seq, changed),
      files: new FileCheck(home.protectionFile, () => file.ending),
      onClose() {
        file.close();
        lock.release();
      },
    });
    store.heedAll();
    return store;
  } catch (error) {
    store?.close();
    if (!(error instanceof DatabaseFault)) throw error;
    if (error.kind === "busy") throw inUse(home);
    if (error.kind === "unwritable") throw unwritable(home, error.message, error);
    throw new Broken({ kind: error.kind, part: "store", found: error.message }, { cause: error });
  }
}

/** Writes the second mark anew, as the store has it. */
export function writeMarks(home: Home, store: SqliteProtection, room?: number): MarksFile {
  const { storeId, seq } = store;
  const content = { storeId, seq, marks: new Map(store.allMarks().map((mark) => [nameOf(mark), mark])) };
  return guarded(home, () => new MarksFile(home.marksFile, content, room));
}

/** Runs what touches files: where they cannot be written or read, nothing can be signed. */
export function guarded<T>(home: Home, work: () => T): T {
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

/**
 * What belongs to the store lies beside it: beside a link to it, it would be looked for in vain. Through a hard link a
 * copy of the home has this very file, without the votes that are beside it only, and its keys count as born there.
 */
function refuseLinks(home: Home): void {
  for (const path of [home.protectionFile, home.marksFile]) {
    if (!lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) continue;
    throw unwritable(home, `${path} is a symbolic link; let the whole home be elsewhere instead`);
  }
  const path = home.protectionFile;
  guarded(home, () => removeUnfinished(path));
  const { nlink = 1 } = lstatSync(path, { throwIfNoEntry: false }) ?? {};
  if (nlink === 1) return;
  throw unwritable(
    home,
    `${path} has another name too (a hard link, as cp -l makes it): remove that one, or make a file of its own of ` +
      `this one (cp -p ${path} ${path}.own; mv ${path}.own ${path})`,
  );
}

/** Sees to it that there is a store to open: that of the second mark, or a new one where nothing was remembered. */
function checkStoreFile(home: Home, marks: MarksContent | undefined): void {
  const path = home.protectionFile;
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.size === 0) throw new Broken({ kind: "empty", part: "store", found: "the file is empty" });
  if (marks?.damage !== undefined) throw new Broken({ kind: "corrupt", part: "marks", found: marks.damage });
  if (stats) return;
  // A write-ahead log of another store would be played into a new one.
  if (marks || besides(path).length > 0) {
    throw missing("store");
  }
  createDatabase(path);
}

const missing = (part: Trouble["part"]): Broken =>
  new Broken({ kind: "missing", part, found: "other files of the signer's memory are here" });

/** The store may be ahead of its second mark, by what a crash kept from it; never behind. */
function compare(store: SqliteProtection, marks: MarksContent): void {
  const behind = (found: string) => new Broken({ kind: "behind", part: "store", found });
  if (store.storeId !== marks.storeId) {
    throw behind(`it is store ${store.storeId}, and the second mark is of ${marks.storeId}`);
  }
  if (store.seq < marks.seq) {
    throw behind(`its last write is number ${store.seq}, and the second mark knows ${marks.seq}`);
  }
  // The write of a torn line was in the store before the line was begun.
  if (marks.torn && store.seq === marks.seq) {
    throw behind(`its last write is number ${store.seq}, and the second mark has begun a later one`);
  }
  const here = new Map(store.allMarks().map((mark) => [nameOf(mark), mark]));
  for (const mark of marks.marks.values()) {
    const { lowest = -1n, highest = null } = here.get(nameOf(mark)) ?? {};
    if (lowest < mark.lowest || (highest ?? -1n) < (mark.highest ?? -1n)) {
      const knows = `height ${highest ?? "none"} as the highest on ${mark.chainId}`;
      throw behind(`it knows ${knows}, and the second mark ${mark.highest ?? "none"}`);
    }
  }
}

const nameOf = ({ key, chainId }: Mark): string => keyChainName(key, chainId);
