// Checks the package as its users install it: packed, installed without the optional packages, imported, and compiled
// against.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fail, isMain, root, run } from "./shared.mjs";

/** The oldest TypeScript that the README promises. */
const TYPESCRIPT = "5.4.5";
/** The most packages, by name, that the library alone brings along. */
const MOST_PACKAGES = 12;

/** The compiler options for programs, and how they resolve modules. */
const RESOLUTIONS = [
  ["bundler", "esnext"],
  ["node16", "node16"],
  ["nodenext", "nodenext"],
];

const NPM_QUIET = ["--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"];

/** Runs every check. @throws at the first that fails */
export function checkInstalled() {
  const folder = mkdtempSync(join(tmpdir(), "tapstake-installed-"));
  try {
    install(folder);
    countPackages(folder);
    for (const [name, source] of Object.entries(PROGRAMS)) {
      writeFileSync(join(folder, name), source);
      run(process.execPath, [name], { cwd: folder });
    }
    refusesDaemon(folder);
    compiles(folder);
    runsCompiled(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function install(folder) {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  run("npm", ["pack", "--ignore-scripts", "--loglevel=error", "--pack-destination", folder], { cwd: root });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
  const tarball = `./tapstake-${version}.tgz`;
  run("npm", ["install", "--omit=optional", ...NPM_QUIET, tarball], { cwd: folder });
}

function countPackages(folder) {
  const { packages } = JSON.parse(readFileSync(join(folder, "node_modules/.package-lock.json"), "utf8"));
  const names = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, "")));
  names.delete("tapstake");
  if (names.size > MOST_PACKAGES) {
    throw new Error(`the library alone brings ${names.size} packages: ${[...names].join(", ")}`);
  }
}

/** What works without the optional packages, and what does not. */
const PROGRAMS = {
  "library.mjs": `
import assert from "node:assert/strict";
import { buildStaking, createDelegation, hex, paramsAt, parseRate, publicKeyOf, regtest } from "tapstake";
const key = (byte) => publicKeyOf(new Uint8Array(32).fill(byte));
const params = paramsAt(regtest, 100);
const terms = { staker: key(1), finalityProviders: [key(2)], covenant: params.covenant, timelock: 1000 };
const script = hex.decode("5120" + hex.encode(key(3)));
const coin = { outpoint: "11".repeat(32) + ":0", value: 2_000_000n, script };
const funding = { coins: [coin], changeScript: script, feeRate: parseRate("2") };
const staking = buildStaking({ terms, params, value: 1_000_000n, ...funding });
const delegation = createDelegation(terms, params, staking);
assert.equal(delegation.staking.transaction.outs[0].value, 1_000_000n);
`,
  "optional.mjs": `
import assert from "node:assert/strict";
import { openHome, openProtection, readInterchange } from "tapstake/finality";
import { createEotsClient } from "tapstake/signer-client";
import "tapstake/chain";
import "tapstake/babylon";
import { loadSolver } from "tapstake/restaking";
import "tapstake/wallets";
import "tapstake/regtest";
import "tapstake/watch";
const missing = (name) => (error) => error.code === "package-missing" && error.details.package === name;
// In a container, the folder of this project is often on an overlay.
process.env.TAPSTAKE_ACCEPT_FILE_SYSTEM = "overlay";
assert.throws(() => openProtection(openHome("home")), missing("libsql"));
assert.throws(() => createEotsClient(), missing("@grpc/grpc-js"));
await assert.rejects(readInterchange("{}"), missing("@streamparser/json"));
await assert.rejects(loadSolver(), missing("highs"));
`,
  "commonjs.cjs": `
const assert = require("node:assert/strict");
for (const entry of ["tapstake", "tapstake/wallets", "tapstake/restaking", "tapstake/chain", "tapstake/babylon", "tapstake/finality", "tapstake/signer-client", "tapstake/watch", "tapstake/regtest"]) {
  assert.ok(Object.keys(require(entry)).length > 0);
}
assert.equal(typeof require("tapstake").stakingOutput, "function");
`,
  // Node's own test runner; a file by this name is its test.
  "commonjs.test.cjs": `
const assert = require("node:assert/strict");
const { test } = require("node:test");
const { paramsAt, regtest } = require("tapstake");
test("CommonJS", () => assert.equal(paramsAt(regtest, 100).version, 0));
`,
};

/** The command works, and says which package its daemon needs. */
function refusesDaemon(folder) {
  const command = join(folder, "node_modules/tapstake/dist/cli/main.js");
  run(process.execPath, [command, "params"], { cwd: folder });
  let said = "it ran";
  try {
    run(process.execPath, [command, "fp", "serve", "--home", "home"], { cwd: folder });
  } catch (error) {
    said = error.message;
  }
  if (!said.includes("package-missing: the package @grpc/grpc-js")) {
    throw new Error(`tapstake fp serve without its packages: ${said}`);
  }
}

/** The package's types compile with the oldest TypeScript; types of other packages are not checked. */
function compiles(folder) {
  const types = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).devDependencies["@types/node"];
  const packages = [`typescript@${TYPESCRIPT}`, `@types/node@${types}`];
  run("npm", ["install", "--omit=optional", ...NPM_QUIET, ...packages], { cwd: folder });
  mkdirSync(join(folder, "src"));
  writeFileSync(join(folder, "src/app.mts"), IMPORTS);
  const compiler = join(folder, "node_modules/typescript/bin/tsc");
  writeFileSync(join(folder, "src/app.cts"), COMMONJS);
  for (const [moduleResolution, module] of RESOLUTIONS) {
    const options = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2023", "--types", "node"];
    const resolution = ["--moduleResolution", moduleResolution, "--module", module];
    // A bundler knows no CommonJS of its own.
    const programs = module === "esnext" ? ["src/app.mts"] : ["src/app.mts", "src/app.cts"];
    try {
      run(process.execPath, [compiler, ...options, ...resolution, ...programs], { cwd: folder });
    } catch (error) {
      const ours = error.message.split("\n").filter((line) => /^(src|node_modules\/tapstake)\//.test(line));
      if (ours.length > 0 || !/: error TS/.test(error.message)) {
        const what = `TypeScript ${TYPESCRIPT}, moduleResolution ${moduleResolution}`;
        throw new Error(`${what}:\n${ours.join("\n") || error.message}`, { cause: error });
      }
    }
  }
}

/** What TypeScript makes of a CommonJS file with `module: node16` runs too. */
function runsCompiled(folder) {
  const compiler = join(folder, "node_modules/typescript/bin/tsc");
  const options = ["--strict", "--target", "es2022", "--lib", "es2023", "--types", "node", "--skipLibCheck"];
  const module = ["--module", "node16", "--moduleResolution", "node16", "--outDir", "out"];
  run(process.execPath, [compiler, ...options, ...module, "src/app.cts"], { cwd: folder });
  writeFileSync(join(folder, "out/run.cjs"), RUNS);
  run(process.execPath, ["out/run.cjs"], { cwd: folder });
}

const RUNS = `
const assert = require("node:assert/strict");
const { paramsAt, publicKeyOf, mainnet } = require("tapstake");
const { scriptOf } = require("./app.cjs");
const key = (byte) => publicKeyOf(new Uint8Array(32).fill(byte));
const { covenant } = paramsAt(mainnet, 900_000);
scriptOf({ staker: key(1), finalityProviders: [key(2)], covenant, timelock: 64_000 }).then((script) => {
  assert.equal(script.length, 34);
});
`;

const IMPORTS = `
import { stakingOutput, type Psbt, type StakeTerms } from "tapstake";
import * as chain from "tapstake/chain";
import * as babylon from "tapstake/babylon";
import * as finality from "tapstake/finality";
import * as client from "tapstake/signer-client";
import * as harness from "tapstake/regtest";
import * as restaking from "tapstake/restaking";
import * as wallets from "tapstake/wallets";
export const scriptOf = (terms: StakeTerms): Uint8Array => stakingOutput(terms, "mainnet").script;
export const textOf = (psbt: Psbt): string => psbt.toBase64();
export { babylon, chain, client, finality, harness, restaking, wallets };
`;

/** As docs/recipes.md has it. */
const COMMONJS = `
import type { StakeTerms } from "tapstake" with { "resolution-mode": "import" };
export async function scriptOf(terms: StakeTerms): Promise<Uint8Array> {
  const { stakingOutput } = await import("tapstake");
  return stakingOutput(terms, "mainnet").script;
}
`;

if (isMain(import.meta.url)) {
  try {
    checkInstalled();
  } catch (error) {
    fail(error);
  }
}
