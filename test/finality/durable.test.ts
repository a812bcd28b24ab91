import { basename, join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { erasePrivateFile, removePrivateFile, writePrivateFile } from "../../src/finality/private-files.js";
import { closeDatabase, createDatabase, openDatabase, pragma } from "../../src/finality/protection/sqlite.js";
import { WatermarkLog } from "../../src/finality/protection/watermark-log.js";
import { folderOfTest } from "../support/home.js";
import { newSigner, testKey } from "../support/signer.js";

import type * as Fs from "node:fs";

/** The system calls that make something durable, in their order, with the file that each is about. */
const calls = vi.hoisted(() => [] as string[]);

vi.mock("node:fs", async (load) => {
  const real = await load<typeof Fs>();
  const names = new Map<number, string>();
  // Of a temporary file the random part is left out.
  const nameOf = (file: unknown) =>
    basename(names.get(file as number) ?? String(file)).replace(/^\..*\.tmp$/, "temporary");
  const noted =
    <Args extends unknown[], T>(call: string, original: (...args: Args) => T) =>
    (...args: Args): T => {
      calls.push(`${call} ${nameOf(args[0])}`);
      return original(...args);
    };
  return {
    ...real,
    openSync: (...args: Parameters<typeof real.openSync>) => {
      const file = real.openSync(...args);
      names.set(file, String(args[0]));
      return file;
    },
    writeSync: noted("write", real.writeSync),
    writeFileSync: noted("write", real.writeFileSync),
    fsyncSync: noted("fsync", real.fsyncSync),
    fdatasyncSync: noted("fdatasync", real.fdatasyncSync),
    renameSync: noted("rename", real.renameSync),
    linkSync: noted("link", real.linkSync),
    ftruncateSync: noted("truncate", real.ftruncateSync),
    rmSync: (...args: Parameters<typeof real.rmSync>) => {
      // What is not there is not removed.
      if (real.existsSync(args[0])) calls.push(`remove ${nameOf(args[0])}`);
      real.rmSync(...args);
    },
  };
});

beforeEach(() => {
  calls.length = 0;
});

describe("on the disk when a call returns", () => {
  it("is a commit to the store, which this process alone has open", () => {
    const { home, protection } = newSigner();
    protection.close();
    const db = openDatabase(home.protectionFile);
    const FULL = 2;
    expect(["synchronous", "journal_mode", "locking_mode"].map((name) => pragma(db, name))).toEqual([
      FULL,
      "wal",
      "exclusive",
    ]);
    closeDatabase(db);
  });

  it("is a line of the watermark log", () => {
    const path = join(folderOfTest(), "marks");
    const file = new WatermarkLog(path, { storeId: "00".repeat(16), seq: 0, watermarks: new Map() });
    calls.length = 0;
    const { publicKey } = testKey();
    file.append(1, [
      { key: publicKey, chainId: "a", lowWatermark: 0n, highWatermark: 1n, locked: false, seq: 1 },
    ]);
    expect(calls).toEqual(["write marks", "fdatasync marks"]);
    file.close();
  });

  it.each([
    ["replace", "rename"],
    ["create", "link"],
  ] as const)("is a private file (%s), which has its name only once it is complete", (mode, naming) => {
    const folder = folderOfTest();
    expect(writePrivateFile(join(folder, "file"), Uint8Array.of(1), mode)).toBe(true);
    expect(calls).toEqual([
      "write temporary",
      "fsync temporary",
      `${naming} temporary`,
      ...(mode === "create" ? ["remove temporary"] : []),
      `fsync ${basename(folder)}`,
    ]);
  });

  it("is a new store, which has its name only once it is complete", () => {
    const folder = folderOfTest();
    createDatabase(join(folder, "store"));
    expect(calls).toEqual(["link store.new", "remove store.new", `fsync ${basename(folder)}`]);
  });

  it("is the removal of a private file, and before it that of its content", () => {
    const folder = folderOfTest();
    const path = join(folder, "file");
    for (const [remove, first] of [
      [removePrivateFile, []],
      [erasePrivateFile, ["truncate file", "fsync file"]],
    ] as const) {
      writePrivateFile(path, Uint8Array.of(1), "create");
      calls.length = 0;
      remove(path);
      expect(calls).toEqual([...first, "remove file", `fsync ${basename(folder)}`]);
    }
  });
});
