import { copyFileSync, existsSync, linkSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import type { Home } from "../home.js";
import { syncFolder } from "../private-files.js";
import { floorOf, higherMarks } from "./decide.js";
import type { Floor } from "./errors.js";
import { keyChainName } from "./key-chain.js";
import { guarded, writeMarks } from "./opening.js";
import { readReadable } from "./rows.js";
import { SqliteProtection } from "./sqlite-store.js";
import { besides, createDatabase, DatabaseFault, removeDatabase } from "./sqlite.js";
import { type Mark, type MarksContent, readMarks } from "./watermark-log.js";

/** What is left of a broken home. */
export interface Remains {
  /** By key and chain; `lowest` is above everything that any part of the home remembers. */
  readonly floors: ReadonlyMap<string, Floor>;
  /** Whether the store is whole, and only its second mark cannot be trusted. */
  readonly isStoreWhole: boolean;
}

/**
 * Gathers what every part of a broken home still remembers. None of them can be known to have the last votes, so every
 * key and chain is held until somebody says where it begins.
 */
export function remainsOf(home: Home): Remains {
  const marks = guarded(home, () => readMarks(home.marksFile));
  const store = guarded(home, () => readRemains(home));
  const floors = new Map<string, Floor>();
  for (const mark of [...(marks?.marks.values() ?? []), ...store.marks]) {
    const { key, chainId } = mark;
    const name = keyChainName(key, chainId);
    const earlier = floors.get(name);
    const here = { lowest: floorOf(mark), highest: mark.highest };
    floors.set(name, { key, chainId, ...(earlier ? higherMarks(here, earlier) : here), held: true });
  }
  return { floors, isStoreWhole: isStoreOf(store, marks) };
}

/**
 * Begins anew from what remains. A kill at any moment leaves a home that is refused and remembers as much: the second
 * mark, replaced in one step, is the first to know of all floors, and is only trusted with the store that it names.
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
    const store = new SqliteProtection(home, instance, next);
    let marks: string[];
    try {
      store.restart([...floors.values()]);
      marks = keepAside(home.marksFile, suffix);
      writeMarks(home, store).close();
    } finally {
      store.close();
    }
    if (isStoreWhole) return marks;
    const files = [home.protectionFile, ...besides(home.protectionFile)].filter((file) => existsSync(file));
    for (const file of files) renameSync(file, file + suffix);
    renameSync(next, home.protectionFile);
    syncFolder(dirname(next));
    return [...marks, ...files.map((file) => file + suffix)];
  });
}

interface StoreRemains {
  readonly marks: readonly Mark[];
  /** Where every row of it could be read and is as it was written. */
  readonly whole?: { readonly storeId: string; readonly seq: number };
}

/** Reads a copy: looking at a write-ahead log changes it. */
function readRemains(home: Home): StoreRemains {
  if (!existsSync(home.protectionFile)) return { marks: [] };
  const copy = `${home.protectionFile}.reading`;
  removeDatabase(copy);
  try {
    for (const file of [home.protectionFile, ...besides(home.protectionFile)]) {
      copyFileSync(file, copy + file.slice(home.protectionFile.length));
    }
    return readWhole(home, copy) ?? { marks: readReadable(copy) };
  } finally {
    removeDatabase(copy);
  }
}

function readWhole(home: Home, path: string): StoreRemains | undefined {
  let store: SqliteProtection;
  try {
    store = new SqliteProtection(home, "", path);
  } catch (error) {
    if (error instanceof DatabaseFault) return undefined;
    throw error;
  }
  const { storeId, seq } = store;
  const marks = store.allMarks();
  store.close();
  return { marks, whole: { storeId, seq } };
}

/** Whether a whole store lacks nothing but its second mark, which is missing or damaged. */
function isStoreOf({ whole }: StoreRemains, marks: MarksContent | undefined): boolean {
  if (!whole) return false;
  if (!marks) return true;
  const isIts = marks.storeId === "" || marks.storeId === whole.storeId;
  return marks.damage !== undefined && isIts && marks.seq <= whole.seq;
}

/** Gives a file a second name, so that it stays when its first one is taken over. */
function keepAside(path: string, suffix: string): string[] {
  if (!existsSync(path)) return [];
  linkSync(path, path + suffix);
  return [path + suffix];
}
