import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const MEMORY = "/dev/shm";
/** Bytes: far more than what is there at one time, three nodes and their chains included. */
const ROOM = 2 * 2 ** 30;

/**
 * A folder in memory, which goes when this process ends. All that protects a key is synced, and on a disk the tests
 * wait for that during half of their time. Undefined where the system has no such folder, too little room in it, or
 * runs no programs from there.
 */
export function folderInMemory(): string | undefined {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    if (bavail * bsize < ROOM) return undefined;
    const folder = mkdtempSync(join(MEMORY, "tapstake-tests-"));
    process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
    const program = join(folder, "program");
    writeFileSync(program, "#!/bin/sh\n", { mode: 0o700 });
    return spawnSync(program).status === 0 ? folder : undefined;
  } catch {
    return undefined;
  }
}
