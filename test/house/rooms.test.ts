import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { PURE_ROOMS, ROOMS, violations } from "../support/rooms.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

describe("the rooms", () => {
  const sources = [...sourcesOf("src"), ...sourcesOf("regtest")];

  it("have files in them", () => {
    expect(sources).toContain("src/index.ts");
    expect(sources).toContain("src/crypto/eots.ts");
  });

  for (const path of sources) {
    it(`${path} imports from its room and those before it only`, () => {
      expect(violations(path, readFileSync(`${root}${path}`, "utf8"))).toEqual([]);
    });
  }
});

describe("the check of the rooms", () => {
  it("knows which rooms are pure", () => {
    expect(PURE_ROOMS).toEqual([
      "core",
      "crypto",
      "bitcoin",
      "script",
      "params",
      "funding",
      "spending",
      "psbt",
      "stake",
      "delegation",
      "covenant",
      "vote",
      "extract",
      "babylon",
      "wallets",
      "restaking",
    ]);
    expect(ROOMS).toHaveLength(25);
  });

  it.each([
    ["src/stake/a.ts", `import { hex } from "../core/bytes.js";`],
    ["src/stake/a.ts", `import { b } from "./b.js"; export * from "../crypto/eots.js";`],
    ["src/cli/main.ts", `import { x } from "../../regtest/index.js"; import { y } from "../index.js";`],
    ["src/cli/main.ts", `import pkg from "../../package.json" with { type: "json" };`],
    [
      "regtest/node.ts",
      `import { spawn } from "node:child_process"; import { rpc } from "../src/chain/rpc.js";`,
    ],
    ["regtest/story/a.ts", `import { start } from "../node.js"; process.exit(Buffer.alloc(0).length);`],
    ["src/chain/rpc.ts", `const b = Buffer.from("");`],
    ["src/bitcoin/a.ts", `import { TapstakeError } from "../core/errors.js";`],
    ["src/core/curve/noble.ts", `import { secp256k1 } from "@noble/curves/secp256k1.js";`],
    ["src/core/scalar.ts", `import { secp256k1 } from "@noble/curves/secp256k1.js";`],
    ["src/core/curve/index.ts", `import { backend } from "#curve";`],
    ["src/core/hashes.ts", `import { backend } from "#hashing";`],
    ["src/core/hashing/noble.ts", `import { hmac } from "@noble/hashes/hmac.js";`],
    ["src/core/hashing/node.ts", `import { hash } from "node:crypto";`],
    ["src/core/curve/libsecp.ts", `import { createRequire } from "node:module";`],
    ["src/core/curve/node.ts", `import { createRequire } from "node:module";`],
    [
      "src/core/bytes.ts",
      `import { hexToBytes } from "@noble/hashes/utils.js"; globalThis.crypto.getRandomValues(x);`,
    ],
    [
      "src/core/a.ts",
      `// Unlike Buffer.from and process.env, "require('fs')" in text is nothing.\nconst a = "Buffer";`,
    ],
    [
      "src/core/a.ts",
      `interface A { readonly process: string; require(): void } const a = { module: 1 }; b.process;`,
    ],
    ["src/index.ts", `export { eots } from "./crypto/eots.js"; export type { A } from "./extract/a.js";`],
  ])("allows %s: %s", (path, source) => {
    expect(violations(path, source)).toEqual([]);
  });

  it.each([
    ["src/bitcoin/a.ts", `export const unbondingFee = 1n;`, "a word of staking"],
    ["src/bitcoin/a.ts", `/** A stake. */ export const a = 1;`, "a word of staking"],
    ["src/bitcoin/a.ts", `import { outputs } from "../script/outputs.js";`, "after bitcoin"],
    ["src/core/a.ts", `import { eots } from "../crypto/eots.js";`, "after core"],
    ["src/core/a.ts", `import type { A } from "../stake/a.js";`, "after core"],
    ["src/crypto/a.ts", `export * from "../script/terms.js";`, "after crypto"],
    ["src/crypto/a.ts", `export { a as b } from '../script/terms.js'`, "after crypto"],
    ["src/crypto/a.ts", `import "../script/terms.js";`, "after crypto"],
    ["src/stake/deep/a.ts", `const a = await import("../../finality/a.js");`, "after stake"],
    ["src/stake/a.ts", "const a = await import(`../finality/a.js`);", "after stake"],
    ["src/stake/a.ts", `type A = import("../covenant/a.js").A;`, "after stake"],
    ["src/stake/a.ts", `import a = require("../covenant/a.js");`, "after stake"],
    ["src/stake/a.ts", `await import(name);`, "not a literal"],
    ["src/signerd/a.ts", `import { start } from "../../regtest/index.js";`, "after signerd"],
    ["regtest/a.ts", `import { main } from "../src/cli/main.js";`, "after regtest"],
    ["src/stake/a.ts", `import { eots } from "../index.js";`, "in no room"],
    ["src/stake/a.ts", `import { a } from "../../test/support/a.js";`, "in no room"],
    ["src/utils/a.ts", ``, "in no room"],
    ["src/stray.ts", ``, "in no room"],
    ["src/extract/a.ts", `import { readFileSync } from "node:fs";`, "pure"],
    ["src/extract/a.ts", `import { readFileSync } from "fs/promises";`, "pure"],
    ["src/extract/a.ts", `export { x } from "crypto";`, "pure"],
    ["src/script/a.ts", `const b = Buffer.from("");`, "Buffer"],
    ["src/script/a.ts", `function f(b: Buffer) {}`, "Buffer"],
    ["src/script/a.ts", `const e = globalThis.process;`, "process"],
    ["src/script/a.ts", `if (process.env.X) a();`, "process"],
    ["src/script/a.ts", `const { a } = { process };`, "process"],
    ["src/script/a.ts", `const a = require("./b.js");`, "require"],
    ["src/core/other.ts", `import { Psbt } from "bitcoinjs-lib";`, "not its"],
    ["src/stake/a.ts", `import type { Psbt } from "bitcoinjs-lib/src/psbt.js";`, "not its"],
    ["src/psbt/psbt.ts", `import { Psbt } from "bip174";`, "not its"],
    ["src/cli/a.ts", `import { schnorr } from "@noble/curves/secp256k1.js";`, "not its"],
    ["src/core/keys.ts", `import * as ecc from "tiny-secp256k1";`, "not its"],
    ["src/core/keys.ts", `import { backend } from "#curve";`, "#curve"],
    ["src/core/keys.ts", `import { isXOnlyPoint } from "#points";`, "#points"],
    ["src/crypto/randomness.ts", `import { backend } from "#hashing";`, "#hashing"],
    ["src/crypto/a.ts", `import { hmac } from "@noble/hashes/hmac.js";`, "not its"],
    ["src/core/hashing/noble.ts", `import { hash } from "node:crypto";`, "pure"],
    ["src/index.ts", `export { x } from "./finality/a.js";`, "not pure"],
    ["src/index.ts", `import { x } from "../regtest/index.js";`, "not pure"],
    ["src/index.ts", `import "node:fs";`, "pure"],
  ])("refuses %s: %s", (path, source, reason) => {
    const found = violations(path, source);
    expect(found.length).toBeGreaterThan(0);
    expect(found.join()).toContain(reason);
  });
});

/** The TypeScript files below a folder but for tests, which belong to no room: as paths from the root with forward slashes. */
function sourcesOf(folder: string): string[] {
  if (!existsSync(`${root}${folder}`)) return [];
  return readdirSync(`${root}${folder}`, { recursive: true, encoding: "utf8" })
    .map((path) => `${folder}/${path.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"));
}
