import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** A private chain of a real babylond, with a bitcoind beside it: `npm run test:chain`. */
export default defineConfig({
  resolve: {
    alias: {
      "#curve": source("src/core/curve/node.ts"),
      "#points": source("src/core/curve/node.ts"),
      "#hashing": source("src/core/hashing/node.ts"),
    },
  },
  test: {
    root: source(""),
    include: ["test/babylond/**/*.test.ts"],
    fileParallelism: false,
    // Each step stands on the one before.
    bail: 1,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
