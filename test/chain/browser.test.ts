import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { build, type BuildResult } from "esbuild";
import { beforeAll, describe, expect, it } from "vitest";
import { createTransaction } from "../../src/bitcoin/transaction.js";
import { hex } from "../../src/core/bytes.js";
import { COIN, P2WPKH } from "../support/lives.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const entry = `${root}dist/src/chain/index.js`;

let made: BuildResult<{ write: false; metafile: true }>;

beforeAll(async () => {
  if (!existsSync(entry)) throw new Error("dist/src/chain/index.js is missing: run `npm run build` first");
  made = await build({
    entryPoints: [entry],
    absWorkingDir: root,
    bundle: true,
    platform: "browser",
    format: "iife",
    globalName: "chain",
    target: "es2022",
    write: false,
    metafile: true,
    logLevel: "silent",
  });
});

/** A server by the paths that are asked for, and a page that has what browsers have besides JavaScript. */
function page(answers: Readonly<Record<string, string>>) {
  const asked: string[] = [];
  const fetch = (url: string, init: { readonly method?: string; readonly body?: string }) => {
    const path = url.replace("https://example.com/api/", "");
    asked.push(init.method === "POST" ? `${path} ${init.body}` : path);
    const text = answers[path];
    return Promise.resolve({ status: text === undefined ? 404 : 200, body: bodyOf(text ?? "") });
  };
  const web = { fetch, URL, AbortSignal, TextEncoder, TextDecoder, atob, btoa };
  const context = createContext(web);
  runInContext(made.outputFiles[0]!.text, context);
  /** An answer's stream: its bytes are the page's own, as a browser's are. */
  const bodyOf = (text: string) => {
    const parts = [
      runInContext(`Uint8Array.from(new TextEncoder().encode(${JSON.stringify(text)}))`, context),
    ];
    const read = () => Promise.resolve({ done: parts.length === 0, value: parts.pop() });
    return { getReader: () => ({ read, cancel: () => Promise.resolve() }) };
  };
  const run = (statements: string): unknown => runInContext(`(async () => { ${statements} })()`, context);
  return { run, asked };
}

describe("tapstake/chain in a browser", () => {
  it("is bundled without plugins, with no Node module and no WebAssembly", () => {
    const imports = Object.values(made.metafile.inputs).flatMap((input) => input.imports);
    expect(imports.filter(({ external }) => external)).toEqual([]);
    expect(made.outputFiles[0]!.text).not.toMatch(/["']node:|WebAssembly/);
  });

  it("asks an Esplora server and hands in a transaction where there is no Node", async () => {
    const transaction = createTransaction(
      [{ outpoint: COIN.outpoint, sequence: 0 }],
      [{ script: P2WPKH, value: 5_000n }],
    );
    const txid = transaction.getId();
    const { run, asked } = page({
      "blocks/tip/height": "120",
      "block-height/120": "ab".repeat(32),
      "fee-estimates": '{"2":3.5}',
      [`tx/${txid}/hex`]: transaction.toHex(),
      [`tx/${txid}/outspend/0`]: '{"spent":false}',
      [`tx/${txid}/status`]: `{"confirmed":true,"block_height":101,"block_hash":"${"cd".repeat(32)}"}`,
      tx: txid,
    });
    const answers = await run(`
      const access = chain.esploraAccess({ url: "https://example.com/api" });
      const { transaction } = await access.transaction("${txid}");
      return [
        typeof process, typeof require, typeof Buffer,
        (await access.tip()).height,
        String((await access.feeRate(6)).numerator),
        (await access.unspent("${txid}:0")).confirmations,
        await access.broadcast(transaction),
      ]`);
    expect(answers).toEqual(["undefined", "undefined", "undefined", 120, "3500", 20, txid]);
    expect(asked).toContain(`tx ${hex.encode(transaction.toBuffer())}`);
  });

  it("reads a wallet's list of coins, and refuses a cookie file with the reason", async () => {
    const { run } = page({});
    const coins = [{ txid: "11".repeat(32), vout: 1, scriptPubKey: hex.encode(P2WPKH), amount: 0.00012 }];
    expect(
      await run(`return String(chain.coinsFromJson(${JSON.stringify(JSON.stringify(coins))})[0].value)`),
    ).toBe("12000");
    const refused = await run(`
      const rpc = chain.createRpc({ url: "https://example.com/api", cookieFile: ".cookie" });
      return rpc.getblockcount().catch(({ code, message }) => code + " " + message)`);
    expect(refused).toBe(
      "node-unreachable no node at https://example.com/api/: only Node can read a cookie file",
    );
  });
});
