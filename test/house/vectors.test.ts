import { existsSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { publishedFolder, readCopy, readVectors } from "../support/vectors.js";

const copies = readdirSync(new URL("../vectors", import.meta.url), {
  recursive: true,
  encoding: "utf8",
}).filter((name) => /\.(csv|json)$/.test(name));
const folder = publishedFolder();

describe("the project's copies of published data", () => {
  it("exist", () => {
    expect(copies.length).toBeGreaterThan(0);
  });

  const published = copies.filter((name) => folder !== null && existsSync(`${folder}/${name}`));
  it.each(published)("equal the published file: %s", (name) => {
    expect(readCopy(name)).toBe(readVectors(name));
  });

  it("are compared with published files, or are listed as having none", () => {
    if (folder === null) process.stderr.write("no published vectors to compare with: set STAKING_VECTORS\n");
    expect(folder === null || published.length > 0).toBe(true);
  });
});
