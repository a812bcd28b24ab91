// With `node --import`: says at the end how much memory the process had at most. Linux counts that from its start on,
// unlike `maxRSS`, which begins with what the parent had.
import { readFileSync } from "node:fs";

process.on("exit", () => {
  const [, kilobytes] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
  console.error(`peak memory: ${kilobytes} kB`);
});
