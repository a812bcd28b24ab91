import { writeFileSync } from "node:fs";

/**
 * Keeps the memory of this process, and of its child processes, out of core dumps. It works on Linux; elsewhere, run
 * `ulimit -c 0` before the start.
 * @returns whether it worked
 */
export function hideFromCoreDumps(): boolean {
  try {
    // core(5): with no bit set, no mapping is written. A process may always hide its own memory.
    writeFileSync("/proc/self/coredump_filter", "0");
    return true;
  } catch {
    return false;
  }
}
