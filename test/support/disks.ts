import { spawnSync } from "node:child_process";
import { describe, it } from "vitest";
import { afterFile } from "./after-file.js";
import { newHome } from "./signer.js";

/** `mount <options> <path>`; whether it succeeded. */
export function mount(path: string, ...options: string[]): boolean {
  const done = spawnSync("mount", [...options, path]).status === 0;
  if (done && !options.some((option) => option.startsWith("remount")))
    afterFile(() => spawnSync("umount", ["-l", path]));
  return done;
}

/** A small disk in memory, gone after the file; its folder is open to its owner alone. */
export function newDisk(size: string): string {
  const { path } = newHome();
  if (!mount(path, "-t", "tmpfs", "-o", `size=${size},mode=700`, "tmpfs")) throw new Error("cannot mount");
  return path;
}

/** Tests that need a disk of their own; where none can be mounted, the report says so. */
export function describeWithDisks(title: string, define: () => void): void {
  if (canMount()) {
    describe(title, define);
    return;
  }
  process.emitWarning(`not tested, as this user cannot mount a disk: ${title}`);
  describe(title, () => {
    it.todo("no disk can be mounted here: run the tests as root");
  });
}

function canMount(): boolean {
  const { path } = newHome();
  return mount(path, "-t", "tmpfs", "-o", "size=64k", "tmpfs");
}
