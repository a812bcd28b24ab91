import { lstatSync } from "node:fs";
import { TapstakeError } from "../../core/errors.js";
import type { Home } from "../home.js";
import { assertPrivate } from "../private-files.js";
import { inUse, linked, type Trouble, unwritable } from "./errors.js";
import { FileCheck } from "./file-check.js";
import { keyChainName } from "./key-chain.js";
import { type Lock, lockHome, running } from "./lock.js";
import { SqliteStore } from "./sqlite-store.js";
import { besides, createDatabase, DatabaseFault, removeUnfinished } from "./sqlite.js";
import {
  type LoggedWatermarks,
  readWatermarkLog,
  WatermarkLog,
  type WatermarkLogContent,
} from "./watermark-log.js";

/** A home's memory cannot be trusted until the operator states where votes begin. */
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
 * Opens the store of a locked home and checks it against the watermark log. The lock ends with the store.
 * @throws Broken; TapstakeError `signer-running`, `protection-unwritable`, `insecure-permissions`
 */
export function openLocked(
  home: Home,
  lock: Lock,
  { instance, roomForWatermarks }: { instance: string; roomForWatermarks?: number | undefined },
): SqliteStore {
  const log = guarded(home, () => {
    refuseLinks(home);
    for (const path of [home.protectionFile, ...besides(home.protectionFile)]) {
      const stats = lstatSync(path, { throwIfNoEntry: false });
      if (stats) assertPrivate(path, stats);
    }
    const read = readWatermarkLog(home.watermarkFile);
    checkStoreFile(home, read);
    return read;
  });
  let store: SqliteStore | undefined;
  try {
    store = new SqliteStore(home, instance);
    if (log) compare(store, log);
    // An empty store that was never written to counts as missing: a crash came before its watermark log.
    else if (store.seq > 0) throw missing("watermark-log");
    if (!guarded(home, () => lock.isHeld())) throw running(home);
    // Written anew, the log equals the store, and it is known to be writable.
    const file = writeWatermarkLog(home, store, roomForWatermarks);
    store.attach({
      mirror: (seq, changed) => file.append(seq, changed),
      files: new FileCheck(home.protectionFile, () => file.ending),
      onClose() {
        file.close();
        lock.release();
      },
    });
    return store;
  } catch (error) {
    store?.close();
    if (!(error instanceof DatabaseFault)) throw error;
    if (error.kind === "busy") throw inUse(home);
    if (error.kind === "unwritable") throw unwritable(home, error.message, error);
    throw new Broken({ kind: error.kind, part: "store", found: error.message }, { cause: error });
  }
}

/** Writes the watermark log anew, as the store has it. */
export function writeWatermarkLog(home: Home, store: SqliteStore, room?: number): WatermarkLog {
  const { storeId, seq } = store;
  const content = {
    storeId,
    seq,
    watermarks: new Map(store.allWatermarks().map((watermarks) => [nameOf(watermarks), watermarks])),
  };
  return guarded(home, () => new WatermarkLog(home.watermarkFile, content, room));
}

/** Runs what touches files: if they cannot be written or read, nothing can be signed. */
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
 * Refuses links. SQLite looks for the store's other files beside the link, and would not find them. Through a hard
 * link, a copy of the home has this very file, but not the votes in the files beside it.
 */
function refuseLinks(home: Home): void {
  for (const path of [home.protectionFile, home.watermarkFile]) {
    if (!lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) continue;
    throw linked(
      home,
      `${path} is a symbolic link`,
      "Put the file itself there. To keep it on another disk, move the whole home.",
    );
  }
  const path = home.protectionFile;
  guarded(home, () => removeUnfinished(path));
  const { nlink = 1 } = lstatSync(path, { throwIfNoEntry: false }) ?? {};
  if (nlink === 1) return;
  throw linked(
    home,
    `${path} has another name too: it is a hard link, as cp -l makes it`,
    `Remove the other name, or make this one a file of its own: cp -p ${path} ${path}.own && mv ${path}.own ${path}`,
  );
}

/** Ensures that there is a store to open: that of the watermark log, or a new one if nothing was remembered. */
function checkStoreFile(home: Home, log: WatermarkLogContent | undefined): void {
  const path = home.protectionFile;
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.size === 0) throw new Broken({ kind: "empty", part: "store", found: "the file is empty" });
  if (log?.damage !== undefined)
    throw new Broken({ kind: "corrupt", part: "watermark-log", found: log.damage });
  if (stats) return;
  // SQLite would play the write-ahead log of another store into a new one.
  if (log || besides(path).length > 0) throw missing("store");
  createDatabase(path);
}

const missing = (part: Trouble["part"]): Broken =>
  new Broken({ kind: "missing", part, found: "other files of the signer's memory are here" });

/** The store may be ahead of its watermark log, by a write that a crash kept from the log; never behind. */
function compare(store: SqliteStore, log: WatermarkLogContent): void {
  const behind = (found: string) => new Broken({ kind: "behind", part: "store", found });
  if (store.storeId !== log.storeId) {
    throw behind(`it is store ${store.storeId}, and the watermark log is of ${log.storeId}`);
  }
  if (store.seq < log.seq) {
    throw behind(`its last write is number ${store.seq}, and the watermark log knows ${log.seq}`);
  }
  // The store had the write of a torn line before the line was begun.
  if (log.torn && store.seq === log.seq) {
    throw behind(`its last write is number ${store.seq}, and the watermark log has begun a later one`);
  }
  const here = new Map(store.allWatermarks().map((each) => [nameOf(each), each]));
  for (const logged of log.watermarks.values()) {
    const { lowWatermark = -1n, highWatermark = null } = here.get(nameOf(logged)) ?? {};
    if (lowWatermark < logged.lowWatermark || (highWatermark ?? -1n) < (logged.highWatermark ?? -1n)) {
      const knows = `height ${highWatermark ?? "none"} as the highest on ${logged.chainId}`;
      throw behind(`it knows ${knows}, and the watermark log ${logged.highWatermark ?? "none"}`);
    }
  }
}

const nameOf = ({ key, chainId }: LoggedWatermarks): string => keyChainName(key, chainId);
