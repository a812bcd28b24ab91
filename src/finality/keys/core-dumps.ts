import { writeFileSync } from "node:fs";

/**
 * Leaves the memory of this process, and of what it starts, out of core dumps. On Linux; elsewhere `ulimit -c 0`
 * before the start does it.
 * @returns whether it did
 */
export function hideFromCoreDumps(): boolean {
  try {
    // core(5): no bit set, no mapping is written. A process may always hide its own.
    writeFileSync("/proc/self/coredump_filter", "0");
    return true;
  } catch {
    return false;
  }
}
