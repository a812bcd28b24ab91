import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../scripts/shared.mjs";

const { name, exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** What a program imports, each with the source that it is compiled from: dist/src/a.js is of src/a.ts. */
export const entries = Object.entries(exports)
  .filter(([, path]) => path.endsWith(".js"))
  .map(([entry, path]) => ({
    name: entry.replace(/^\./, name),
    source: path.replace(/^\.\/dist\//, "").replace(/\.js$/, ".ts"),
  }));
