import { join } from "node:path";
import type { Plugin } from "vite";
import { defineConfig } from "vitepress";
import { asOnGitHub } from "../markdown.js";
import { addressOf, GENERATED, notPages, root, sidebar } from "../pages.js";
import { slugOf } from "../slug.js";

/** Pages become modules that import Vue, and those outside of this folder do not find it by themselves. */
const vueForAllPages: Plugin = {
  name: "vue-for-all-pages",
  enforce: "pre",
  resolveId(id, _importer, { ssr }) {
    if (!/^vue(\/|$)/.test(id)) return undefined;
    return ssr ? { id, external: true } : this.resolve(id, import.meta.filename, { skipSelf: true });
  },
};

export default defineConfig({
  title: "tapstake",
  description: "Bitcoin staking for TypeScript: build, sign, verify and slash Babylon stakes",
  srcDir: "..",
  srcExclude: notPages,
  outDir: "dist",
  cacheDir: ".cache",
  rewrites: addressOf,
  // Otherwise every page holds the list of all pages.
  metaChunk: true,
  markdown: {
    config: asOnGitHub,
    anchor: { slugify: slugOf },
    // GitHub shows braces as they stand.
    attrs: { disable: true },
  },
  themeConfig: {
    sidebar: sidebar(),
    outline: [2, 3],
    search: { provider: "local" },
  },
  vite: {
    publicDir: join(root, GENERATED, "public"),
    plugins: [vueForAllPages],
    logLevel: "warn",
    // The API alone makes a large index of the search, which is loaded when somebody searches.
    build: { chunkSizeWarningLimit: 5_000 },
  },
});
