import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";
import { beforeAll, describe, expect, it } from "vitest";
import { eotsVectors, parseCsv, readVectors } from "../support/vectors.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const entry = `${root}dist/src/index.js`;

let code: string;
let inputs: string[];
let metafile: Metafile;

beforeAll(async () => {
  if (!existsSync(entry)) throw new Error("dist/src/index.js is missing: run `npm run build` first");
  const result = await build({
    entryPoints: [entry],
    absWorkingDir: root,
    bundle: true,
    platform: "browser",
    format: "iife",
    globalName: "tapstake",
    target: "es2022",
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  code = result.outputFiles[0]!.text;
  metafile = result.metafile;
  inputs = Object.keys(metafile.inputs);
});

/** A program that imports these names of the package, minified: its bytes as sent (gzip), and what it is made of. */
async function bundleOf(...names: string[]): Promise<{ bytes: number; inputs: string[] }> {
  const { outputFiles, metafile: made } = await build({
    stdin: {
      contents: `export { ${names.join(", ")} } from "./${entry.slice(root.length)}"`,
      resolveDir: root,
    },
    bundle: true,
    minify: true,
    platform: "browser",
    format: "esm",
    target: "es2022",
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  const [{ inputs: parts }] = Object.values(made.outputs) as [Metafile["outputs"][string]];
  const used = Object.entries(parts).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return {
    bytes: gzipSync(outputFiles[0]!.contents, { level: 9 }).length,
    inputs: used.map(([path]) => path),
  };
}

/** From the terms to transactions that can be sent. */
const WHOLE_FLOW = [
  "stakingOutput",
  "buildStaking",
  "createDelegation",
  "stakerPsbts",
  "addStakerPsbts",
  "finishStakeFunding",
  "finishUnbonding",
  "delegationToJson",
];

/** Runs statements after the bundle where there is no Node: what they return, as JSON. */
function inBrowser(data: unknown, statements: string): unknown {
  const context = createContext({ encode, decode, fill, console });
  runInContext(WEB_GLOBALS, context);
  runInContext(code, context);
  const json = JSON.stringify(data);
  const run = `(() => { const data = ${json}; const { hex, eots, adaptor, schnorr, randomness } = tapstake; ${statements} })()`;
  return JSON.parse(runInContext(`JSON.stringify(${run})`, context) as string);
}

// What browsers have besides JavaScript. Their arrays must be of the context's own realm, as in a browser.
const WEB_GLOBALS = `
  globalThis.TextEncoder = class { encode(text) { return Uint8Array.from(encode(text)); } };
  globalThis.TextDecoder = class { decode(bytes) { return decode(Array.from(bytes)); } };
  globalThis.crypto = { getRandomValues: (array) => { array.set(fill(array.length)); return array; } };
`;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: number[]): string => new TextDecoder().decode(Uint8Array.from(bytes));
const fill = (length: number): Uint8Array => globalThis.crypto.getRandomValues(new Uint8Array(length));

describe("the package in a browser", () => {
  it.each([
    ["tapstake/wallets", "wallets", []],
    ["tapstake/chain", "chain", []],
    ["tapstake/babylon", "babylon-client", []],
    // The solver, which a page installs if it wants one.
    ["tapstake/restaking", "restaking", ["highs"]],
  ])("bundles %s without plugins, with no Node module and no WebAssembly", async (_name, room, external) => {
    const made = await build({
      entryPoints: [`${root}dist/src/${room}/index.js`],
      external,
      absWorkingDir: root,
      bundle: true,
      platform: "browser",
      format: "esm",
      target: "es2022",
      write: false,
      metafile: true,
      logLevel: "silent",
    });
    const imports = Object.values(made.metafile.inputs).flatMap((input) => input.imports);
    expect(imports.filter((each) => each.external).map(({ path }) => path)).toEqual(external);
    expect(made.outputFiles[0]!.text).not.toMatch(/["']node:|WebAssembly/);
  });

  it("bundles without plugins, with no Node module and no WebAssembly", () => {
    const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);
    expect(imports.filter(({ external }) => external)).toEqual([]);
    expect(code).not.toMatch(/["']node:/);
    expect(code).not.toContain("WebAssembly");
    expect(inputs.filter((path) => path.endsWith(".wasm"))).toEqual([]);
  });

  it("uses @noble/curves and @noble/hashes", () => {
    expect(inputs).toContain("dist/src/core/curve/noble.js");
    expect(inputs).toContain("dist/src/core/hashing/noble.js");
    expect(inputs).not.toContain("dist/src/core/curve/libsecp.js");
    expect(inputs).not.toContain("dist/src/core/hashing/node.js");
    expect(inputs.filter((path) => path.includes("tiny-secp256k1"))).toEqual([]);
  });

  // 7,200 and 20,800 bytes in November 2026. @noble/curves would add 8,000 to the first: `core/curve/public-points`.
  it.each([
    ["stakingOutput", 8_000],
    ["verifyVote", 21_000],
  ])("adds %s alone in less than %i bytes of gzip", async (name, limit) => {
    const { bytes } = await bundleOf(name);
    expect(bytes).toBeLessThan(limit);
  });

  // 56,400 bytes in November 2026; with the transactions and PSBTs of bitcoinjs-lib it was 87,600.
  it("adds every step of a stake in less than 60 kB of gzip, without the advice on errors", async () => {
    const { bytes, inputs: used } = await bundleOf(...WHOLE_FLOW);
    expect(bytes).toBeLessThan(60_000);
    expect(used.filter((path) => path.startsWith("dist/src/core/error-codes"))).toEqual([]);
    expect(used).not.toContain("dist/src/core/advice.js");
  });

  it("adds no bitcoinjs-lib, whatever is imported", () => {
    expect(inputs.filter((path) => /bitcoinjs-lib|bip174/.test(path))).toEqual([]);
  });

  it("adds no PSBT code for decodeStaking alone", async () => {
    const { inputs: used } = await bundleOf("decodeStaking");
    expect(used.filter((path) => path.includes("psbt"))).toEqual([]);
  });

  it("has no Node where it runs", () => {
    expect(inBrowser(null, "return [typeof process, typeof require, typeof Buffer]")).toEqual(
      Array(3).fill("undefined"),
    );
  });

  it("signs and verifies with fresh randomness", () => {
    const verdicts = inBrowser(
      null,
      `const secret = new Uint8Array(32).fill(7), digest = new Uint8Array(32).fill(8);
       const key = tapstake.publicKeyOf(secret), fp = new Uint8Array(32).fill(9);
       return [
         schnorr.verify(key, digest, schnorr.sign(secret, digest)),
         adaptor.verify(key, key, digest, adaptor.sign(secret, key, digest)),
         hex.encode(schnorr.sign(secret, digest)) !== hex.encode(schnorr.sign(secret, digest)),
       ]`,
    );
    expect(verdicts).toEqual([true, true, true]);
  });
});

describe("the published vectors in a browser", () => {
  it("verify for eots and randomness", () => {
    const answers = inBrowser(
      eotsVectors(),
      `return data.map((v) => {
         const { secret, public: R } = randomness.derive(hex.decode(v.Sk), v.ChainId, BigInt(v.Height));
         const [a, b] = [v.Msg1, v.Msg2].map((text) => {
           const message = hex.decode(text);
           return { message, signature: eots.sign(hex.decode(v.Sk), secret, message) };
         });
         const extracted = eots.extract(hex.decode(v.Pk), R, a, b);
         return [hex.encode(secret), hex.encode(R), hex.encode(a.signature), hex.encode(tapstake.publicKeyOf(extracted))];
       })`,
    );
    expect(answers).toEqual(eotsVectors().map((v) => [v.PrivRand, v.PubRand, v.Sig1, v.Pk]));
  });

  it("verify for adaptor signatures, valid and invalid", () => {
    const presig = parseCsv(readVectors("adaptor_presig.csv"));
    const cells = (columns: string[]) => presig.map((row) => columns.map((column) => row.text(column)));
    const verified = inBrowser(
      cells(["public key", "adaptor", "message", "pre-signature"]),
      "return data.map((row) => adaptor.verify(...row.map((cell) => hex.decode(cell))))",
    );
    expect(verified).toEqual(presig.map((row) => row.text("result") === "TRUE"));
    const signed = presig.filter((row) => row.text("secret key") !== "");
    const made = inBrowser(
      signed.map((row) => ["secret key", "adaptor", "message", "aux_rand"].map((column) => row.text(column))),
      "return data.map((row) => hex.encode(adaptor.sign(...row.map((cell) => hex.decode(cell)))))",
    );
    expect(made).toEqual(signed.map((row) => row.text("pre-signature").toLowerCase()));

    const adapt = parseCsv(readVectors("adaptor_adapt.csv"));
    const adapted = inBrowser(
      adapt.map((row) =>
        ["pre-signature", "secadaptor", "pubkey", "message"].map((column) => row.text(column)),
      ),
      `return data.map((row) => {
         const [signature, key, P, m] = row.map((cell) => hex.decode(cell));
         const finished = adaptor.adapt(signature, key);
         return [hex.encode(finished), schnorr.verify(P, m, finished)];
       })`,
    );
    expect(adapted).toEqual(
      adapt.map((row) => [row.text("BIP340 signature").toLowerCase(), row.text("result") === "TRUE"]),
    );

    const secadaptor = parseCsv(readVectors("adaptor_secadaptor.csv"));
    const extracted = inBrowser(
      secadaptor.map((row) => ["pre-signature", "BIP340 signature"].map((column) => row.text(column))),
      "return data.map((row) => hex.encode(adaptor.extract(...row.map((cell) => hex.decode(cell)))))",
    ) as string[];
    const same = secadaptor.map((row, i) => row.text("secadaptor").toLowerCase() === extracted[i]);
    expect(same).toEqual(secadaptor.map((row) => row.text("result") === "TRUE"));
  });
});
