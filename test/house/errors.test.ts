import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { errorsPage } from "../../scripts/docs.mjs";
import { ERROR_CODES, ERROR_GROUPS } from "../../src/core/error-codes.js";

const root = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");

/** What throws: not the texts, nor the counters of codes. */
const SOURCES = ["src", "regtest"]
  .flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" }).map(
      (path) => `${folder}/${path.replaceAll("\\", "/")}`,
    ),
  )
  .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
  .filter((path) => !path.startsWith("src/core/error-codes/") && path !== "src/signerd/metrics.ts");

describe("every error code", () => {
  // Made of two parts where they are thrown.
  const built = new Set(["missing", "empty", "behind", "corrupt"].map((kind) => `protection-${kind}`));
  const code = SOURCES.map(read)
    .join("\n")
    .replace(/^\s*(\*|\/\/|\/\*\*).*$/gm, "")
    // The signer's table of what a code is in gRPC.
    .replace(/^\s*"?[a-z-]+"?: status\..*$/gm, "");

  it("is thrown in the sources", () => {
    const isThrown = (name: string) => code.includes(built.has(name) ? "`protection-${kind}`" : `"${name}"`);
    expect(Object.keys(ERROR_CODES).filter((name) => !isThrown(name))).toEqual([]);
  });
});

describe("docs/errors.md", () => {
  it("equals the output of npm run docs:errors", () => {
    expect(read("docs/errors.md")).toBe(errorsPage(ERROR_GROUPS));
  });

  it("has a heading, and so an anchor, for every code", () => {
    const headings = [...read("docs/errors.md").matchAll(/^### (.*)$/gm)].map(([, code]) => code);
    expect(headings).toEqual(Object.keys(ERROR_CODES));
  });
});
