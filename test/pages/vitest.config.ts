import { defineConfig } from "vitest/config";

/** Pages in a real Chromium (scripts/chromium.mjs): `npm run test:pages`. */
export default defineConfig({
  test: {
    include: ["test/pages/**/*.test.ts"],
    globalSetup: ["test/pages/served.ts"],
    // One browser and one node; each test has a key and a page of its own.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
