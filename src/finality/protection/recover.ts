import { copyFileSync, existsSync, linkSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import type { Home } from "../home.js";
import { syncFolder } from "../private-files.js";
import { floorOf, higherWatermarks } from "./decide.js";
import type { Floor } from "./errors.js";
import { keyChainName } from "./key-chain.js";
import { guarded, writeWatermarkLog } from "./opening.js";
import { readReadable } from "./rows.js";
import { SqliteStore } from "./sqlite-store.js";
import { besides, createDatabase, DatabaseFault, removeDatabase } from "./sqlite.js";
import { type LoggedWatermarks, readWatermarkLog, type WatermarkLogContent } from "./watermark-log.js";

/** What remains of a broken home. */
export interface Remains {
  /** By key and chain; `lowWatermark` is above everything that any part of the home remembers. */
  readonly floors: ReadonlyMap<string, Floor>;
  /** Whether the store is whole, and only its watermark log cannot be trusted. */
  readonly isStoreWhole: boolean;
}

/**
 * Gathers what every part of a broken home still remembers. Any part may lack the last votes, so every key and chain is
 * locked until the operator states its first height.
 */
export function remainsOf(home: Home): Remains {
  const log = guarded(home, () => readWatermarkLog(home.watermarkFile));
  const store = guarded(home, () => readRemains(home));
  const floors = new Map<string, Floor>();
  for (const watermarks of [...(log?.watermarks.values() ?? []), ...store.watermarks]) {
    const { key, chainId } = watermarks;
    const name = keyChainName(key, chainId);
    const earlier = floors.get(name);
    const here = { lowWatermark: floorOf(watermarks), highWatermark: watermarks.highWatermark };
    floors.set(name, { key, chainId, ...(earlier ? higherWatermarks(here, earlier) : here), locked: true });
  }
  return { floors, isStoreWhole: isStoreOf(store, log) };
}

/**
 * Begins anew from what remains. After a kill at any moment, the home is refused and remembers as much. The watermark
 * log is replaced in one step and is the first to know all floors; it is trusted only with the store that it names.
 * @returns the files that were set aside
 */
export function recover(home: Home, instance: string, { floors, isStoreWhole }: Remains): string[] {
  const suffix = `.set-aside-${new Date().toISOString().replaceAll(":", "-")}`;
  return guarded(home, () => {
    const next = isStoreWhole ? home.protectionFile : `${home.protectionFile}.next`;
    if (!isStoreWhole) {
      removeDatabase(next);
      createDatabase(next);
    }
    const store = new SqliteStore(home, instance, next);
    let watermarks: string[];
    try {
      store.restart([...floors.values()]);
      watermarks = keepAside(home.watermarkFile, suffix);
      writeWatermarkLog(home, store).close();
    } finally {
      store.close();
    }
    if (isStoreWhole) return watermarks;
    const files = [home.protectionFile, ...besides(home.protectionFile)].filter((file) => existsSync(file));
    for (const file of files) renameSync(file, file + suffix);
    renameSync(next, home.protectionFile);
    syncFolder(dirname(next));
    return [...watermarks, ...files.map((file) => file + suffix)];
  });
}

interface StoreRemains {
  readonly watermarks: readonly LoggedWatermarks[];
  /** Present if every row could be read and is as written. */
  readonly whole?: { readonly storeId: string; readonly seq: number };
}

/** Reads a copy: reading a write-ahead log changes it. */
function readRemains(home: Home): StoreRemains {
  if (!existsSync(home.protectionFile)) return { watermarks: [] };
  const copy = `${home.protectionFile}.reading`;
  removeDatabase(copy);
  try {
    for (const file of [home.protectionFile, ...besides(home.protectionFile)]) {
      copyFileSync(file, copy + file.slice(home.protectionFile.length));
    }
    return readWhole(home, copy) ?? { watermarks: readReadable(copy) };
  } finally {
    removeDatabase(copy);
  }
}

function readWhole(home: Home, path: string): StoreRemains | undefined {
  let store: SqliteStore;
  try {
    store = new SqliteStore(home, "", path);
  } catch (error) {
    if (error instanceof DatabaseFault) return undefined;
    throw error;
  }
  const { storeId, seq } = store;
  const watermarks = store.allWatermarks();
  store.close();
  return { watermarks, whole: { storeId, seq } };
}

/** Whether a whole store lacks nothing but its watermark log, which is missing or damaged. */
function isStoreOf({ whole }: StoreRemains, watermarks: WatermarkLogContent | undefined): boolean {
  if (!whole) return false;
  if (!watermarks) return true;
  const isIts = watermarks.storeId === "" || watermarks.storeId === whole.storeId;
  return watermarks.damage !== undefined && isIts && watermarks.seq <= whole.seq;
}

/** Gives a file a second name, so that it stays when another file takes its first one. */
function keepAside(path: string, suffix: string): string[] {
  if (!existsSync(path)) return [];
  linkSync(path, path + suffix);
  return [path + suffix];
}
