/**
 * `npm run bench`: the public randomness of heights, beside what others need for the same points in the same run. The
 * yardstick is libsecp256k1 in C, as the package `secp256k1` has it; the Go key manager was measured to make 0.75 times
 * as many points a second as that.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { concatBytes } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { rootOfHashes } from "../../src/crypto/merkle.js";
import { SecretRandomness } from "../../src/crypto/randomness.js";
import { hashesIn } from "../../src/derivation/block.js";
import { deriveRange } from "../../src/derivation/derive.js";
import { Kernel } from "../../src/derivation/kernel.js";
import { Multiples } from "../../src/derivation/multiples.js";
import { openHome } from "../../src/finality/home.js";
import { createKey } from "../../src/finality/keys/keystore.js";
import { figure, interleaved, say } from "./support/report.js";

const HEIGHTS = 50_000;
/** Of what takes long: its time is that of so many points, on average. */
const SAMPLE = 1_000;
const ROUNDS = 6;
const MILLION = 1_000_000;
const GO = 0.75;

const secretKey = new Uint8Array(32).fill(7);
const secrets = new SecretRandomness(secretKey, "bench-1");
const scalarOf = (i: number) => secrets.at(BigInt(i));
const scalars = concatBytes(...Array.from({ length: HEIGHTS }, (_, i) => scalarOf(i)));
const sample = Array.from({ length: SAMPLE }, (_, i) => scalarOf(i));

interface Native {
  publicKeyCreate(secret: Uint8Array): Uint8Array;
}
// Its other entry would fall back to JavaScript without a word.
const native = createRequire(import.meta.url)("secp256k1/bindings.js") as Native;

const threads = [startThread(), startThread()];
await Promise.all(threads.map((thread) => once(thread, "message")));

/** A thread that computes half of the points on request. */
function startThread(): Worker {
  const module = pathToFileURL(resolve("dist/src/derivation/multiples.js")).href;
  const script = `
    const { parentPort, workerData } = require("node:worker_threads");
    import(${JSON.stringify(module)}).then(({ Multiples }) => {
      parentPort.on("message", () => {
        new Multiples({ count: workerData.length / 32 }).of(workerData);
        parentPort.postMessage("done");
      });
      parentPort.postMessage("ready");
    });`;
  return new Worker(script, { eval: true, workerData: scalars.slice(0, (32 * HEIGHTS) / 2) });
}

async function withRoot(maxThreads: number): Promise<void> {
  const hashes: Uint8Array[] = [];
  const range = { secretKey, chainId: "bench-1", start: 0n, count: HEIGHTS };
  await deriveRange(range, { maxThreads }, ({ subtrees }) => hashes.push(...hashesIn(subtrees)));
  rootOfHashes(hashes);
}

const medians = await interleaved(ROUNDS, {
  kernel: () => new Multiples({ count: HEIGHTS }).of(scalars),
  pair: () =>
    Promise.all(
      threads.map((thread) => {
        thread.postMessage("go");
        return once(thread, "message");
      }),
    ),
  here: () => withRoot(0),
  beside: () => withRoot(2),
  library: () => sample.forEach((scalar) => curve.pointFromScalar(scalar)),
  noble: () => sample.forEach((scalar) => secp256k1.getPublicKey(scalar)),
  native: () => sample.forEach((scalar) => native.publicKeyCreate(scalar)),
});
await Promise.all(threads.map((thread) => thread.terminate()));

const rate = {
  kernel: HEIGHTS / medians.kernel,
  pair: HEIGHTS / medians.pair,
  library: SAMPLE / medians.library,
  noble: SAMPLE / medians.noble,
  native: SAMPLE / medians.native,
};
console.log(`(a) points a second: multiples of G by 32-byte scalars. The kernel's are ${HEIGHTS}, with its table and its
verification against libsecp256k1; two threads have half of them each`);
say("the kernel, one thread", 1e3 * rate.kernel, "/s");
say("the kernel, two threads", 1e3 * rate.pair, "/s");
say("the library path: libsecp256k1 as WebAssembly", 1e3 * rate.library, "/s");
say("@noble/curves", 1e3 * rate.noble, "/s");
say("libsecp256k1 in C", 1e3 * rate.native, "/s");
figure("one thread, of libsecp256k1 in C", rate.kernel / rate.native, { atLeast: 2.5 });
figure(`one thread, of Go (${GO} of C)`, rate.kernel / (GO * rate.native), { atLeast: 4 });
figure("one thread, of the library path", rate.kernel / rate.library, { atLeast: 10 });

const alone = HEIGHTS / rate.native;
console.log(`\n(b) ${HEIGHTS} heights: nonces, points, and their Merkle root`);
say("without threads", medians.here, "ms");
say("two threads, started for it", medians.beside, "ms");
say("libsecp256k1 in C, the points alone", alone, "ms");
figure("without threads, of the points alone in C", medians.here / alone, { atMost: 0.7 });
figure("two threads, of the points alone in C", medians.beside / alone, { atMost: 0.7 });

console.log("\n(c) a single height, which is the library's: by the kernel, verified, it would be no faster");
const kernel = new Kernel(8, 1);
const one = new Multiples({ count: 1, kernel });
const single = await interleaved(600, {
  library: (i) => curve.pointFromScalar(sample[i]!),
  kernel: (i) => one.of(sample[i]!),
});
say("the library", single.library, "ms");
say("the kernel, its table being there", single.kernel, "ms");

await aMillion();

/** The command, in a process of its own. */
async function aMillion(): Promise<void> {
  const predicted = (medians.beside * MILLION) / HEIGHTS;
  console.log(`\n(d) tapstake fp commit --count ${MILLION}, in a process of its own`);
  const folder = mkdtempSync(resolve("dist/bench-data-"));
  try {
    const home = openHome(join(folder, "home"));
    const [passphrase, passphraseFile] = ["benchmark", join(folder, "passphrase")];
    const scrypt = { n: 1 << 10, r: 8, p: 1 };
    createKey(home, { name: "bench", passphrase, secretKey, origin: "imported", scrypt });
    writeFileSync(passphraseFile, passphrase, { mode: 0o600 });
    const asKey = ["--home", home.path, "--passphrase-file", passphraseFile, "--key", "bench"];
    const range = ["--chain", "bench-1", "--start", "1", "--count", `${MILLION}`];

    const probe = ["--import", resolve("test/bench/support/peak-memory.mjs")];
    const started = performance.now();
    const command = [resolve("dist/cli/main.js"), "fp", "commit", ...asKey, ...range];
    const child = spawn(process.execPath, [...probe, ...command], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    const [code] = (await once(child, "close")) as [number];
    const peak = /^peak memory: (\d+) kB$/m.exec(said)?.[1];
    if (code !== 0 || peak === undefined) throw new Error(`fp commit failed:\n${said}`);
    const took = performance.now() - started;
    say("took", took, "ms");
    say("predicted by (b), two threads", predicted, "ms");
    say("peak memory", Number(peak) / 1024, "MB");
    figure("time, of what was predicted", took / predicted, { atMost: 1.25 });
    figure("peak memory, of 300 MB", Number(peak) / 300_000, { atMost: 1 });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
