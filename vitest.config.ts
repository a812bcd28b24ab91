import { defineConfig } from "vitest/config";
import { fileURLToPath } from "node:url";

/** Tests read the sources; only the bundle and package tests look at dist. */
const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: {
      "#curve": source("./src/core/curve/libsecp.ts"),
      "#hashing": source("./src/core/hashing/node.ts"),
    },
  },
  test: {
    // Left to itself, Vitest keeps a processor free: of two, half of the time.
    maxWorkers: "100%",
    projects: [
      {
        extends: true,
        test: { name: "unit", include: ["test/**/*.test.ts"], testTimeout: 60_000 },
      },
      {
        extends: true,
        test: {
          name: "regtest",
          include: ["regtest/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
