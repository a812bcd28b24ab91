import type * as Fs from "node:fs";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { openProtection } from "../../../src/finality/protection/protection.js";
import type * as Database from "../../../src/finality/protection/sqlite.js";
import { key } from "../../support/broken-homes.js";
import { refusal } from "../../support/refusal.js";
import { begin, hash, newHome, newSigner, voterOf } from "../../support/signer.js";

/** Milliseconds at which all files seem to have changed; and which files cannot be made. */
const disk = vi.hoisted(() => ({ clock: undefined as number | undefined, full: false }));
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof Fs>();
  const statSync = (...args: Parameters<typeof fs.statSync>) => {
    const stats = fs.statSync(...args);
    if (disk.clock === undefined || stats === undefined) return stats;
    return Object.assign(stats, { mtimeMs: disk.clock, ctimeMs: disk.clock });
  };
  const openNew = (...[path, flags, mode]: Parameters<typeof fs.openSync>) => {
    if (disk.full && flags === "wx") throw Object.assign(new Error("full"), { code: "ENOSPC" });
    return fs.openSync(path, flags, mode);
  };
  return { ...fs, statSync, openSync: openNew };
});
vi.mock("../../../src/finality/protection/sqlite.js", async (original) => {
  const database = await original<typeof Database>();
  const checkpoint = (db: Parameters<typeof database.checkpoint>[0]) => {
    database.checkpoint(db);
    if (disk.full) throw Object.assign(new Error("full"), { code: "ENOSPC" });
  };
  return { ...database, checkpoint };
});
afterEach(() => {
  Object.assign(disk, { clock: undefined, full: false });
  vi.useRealTimers();
});

describe("on a file system whose clock ticks every two seconds", () => {
  it.each<[string, (watermarks: string) => void]>([
    ["replaced", (watermarks) => renameSync(`${watermarks}.copy`, watermarks)],
    ["deleted", (watermarks) => rmSync(watermarks)],
  ])("a watermark log that is %s in the tick of another change is detected", (what, intrude) => {
    disk.clock = Math.floor(Date.now() / 2_000) * 2_000;
    vi.useFakeTimers({ toFake: ["Date"], now: disk.clock + 1_900 });
    const { home, protection, voter } = newSigner();
    voter.vote({ height: 1n, appHash: hash(1) });
    writeFileSync(`${home.watermarkFile}.copy`, readFileSync(home.watermarkFile));
    voter.vote({ height: 2n, appHash: hash(1) });
    intrude(home.watermarkFile);
    const error = refusal("protection-replaced", () => voter.vote({ height: 3n, appHash: hash(1) }));
    expect(error.message).toContain(`marks was ${what}`);
    protection.close();
  });
});

describe("a watermark log that cannot be rewritten", () => {
  it("withholds the signature, and this process can open the home again", () => {
    const home = newHome();
    begin(home, key.publicKey);
    const protection = openProtection(home, { roomForWatermarks: 200 });
    const voter = voterOf(protection);
    disk.full = true;
    let height = 0n;
    refusal("protection-unwritable", () => {
      for (; ; height++) voter.vote({ height, appHash: hash(1) });
    });
    disk.full = false;
    protection.close();
    const again = openProtection(home);
    expect(voterOf(again).vote({ height, appHash: hash(2) })).toMatchObject({ code: "double-vote" });
    expect(voterOf(again).vote({ height, appHash: hash(1) }).kind).toBe("same");
    again.close();
  });
});

describe("a write-ahead log that cannot be moved into the store completely", () => {
  it("withholds the signature, and this process can open the home again", () => {
    const { home, protection, voter } = newSigner();
    disk.full = true;
    let height = 0n;
    refusal("protection-unwritable", () => {
      for (; ; height++) voter.vote({ height, appHash: hash(1) });
    });
    disk.full = false;
    expect(height).toBeGreaterThan(90n);
    protection.close();
    const again = openProtection(home);
    expect(voterOf(again).vote({ height, appHash: hash(2) })).toMatchObject({ code: "double-vote" });
    expect(voterOf(again).vote({ height, appHash: hash(1) }).kind).toBe("same");
    again.close();
  });
});
