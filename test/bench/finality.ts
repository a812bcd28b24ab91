/**
 * `npm run bench`: what a vote costs, as ratios to what cannot be avoided, all measured in one run on one disk.
 * Milliseconds depend on the machine; the ratios should not.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { curve } from "../../src/core/curve/index.js";
import { eots } from "../../src/crypto/eots.js";
import { voteMessage } from "../../src/crypto/messages.js";
import { randomness } from "../../src/crypto/randomness.js";
import { createEotsClient } from "../../src/finality/client.js";
import { commitStored } from "../../src/finality/commitments.js";
import { openHome } from "../../src/finality/home.js";
import { createKey, unlockKey } from "../../src/finality/keystore.js";
import { openProtection } from "../../src/finality/protection.js";
import { RandomnessCache } from "../../src/finality/randomness-cache.js";
import { Voter } from "../../src/finality/voter.js";

const HEIGHTS = 50_000;
const ROUNDS = 500;
const BATCH = 1_000;
const chain = { id: "bench-1", minCount: 1 };
const passphrase = "bench";
const appHash = new Uint8Array(32).fill(1);
const folder = mkdtempSync(join(tmpdir(), "tapstake-bench-"));

try {
  await bench();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  const append = bareAppend();
  const curveOnly = curveAlone();
  const home = openHome(join(folder, "home"));
  const secretKey = new Uint8Array(32).fill(7);
  const scrypt = { n: 1 << 10, r: 8, p: 1 };
  createKey(home, { name: "bench", passphrase, secretKey, origin: "imported", scrypt });
  const key = unlockKey(home, "bench", passphrase);
  const protection = openProtection(home);
  protection.init(key.publicKey, chain.id, 0n);

  const cold = new Voter({ key, protection, chain });
  const fresh = median(ROUNDS, (i) => void cold.vote({ height: BigInt(i), appHash }));

  const started = performance.now();
  const cache = new RandomnessCache();
  await commitStored({ key, chain, protection, cache, start: 100_000n, count: HEIGHTS });
  const commit = performance.now() - started;

  const warm = new Voter({ key, protection, chain, cache });
  const known = median(ROUNDS, (i) => void warm.vote({ height: 100_000n + BigInt(i), appHash }));
  const batch = median(10, (i) => {
    const first = 110_000n + BigInt(i * BATCH);
    warm.batch(Array.from({ length: BATCH }, (_, j) => ({ height: first + BigInt(j), appHash })));
  });
  protection.close();
  key.wipe();
  const served = await overLoopback(home.path);

  say("a bare append and fsync", append);
  say("a vote's curve operations, nothing known", curveOnly.fresh);
  say("a vote's curve operations, randomness known", curveOnly.known);
  say("a durable vote, nothing known", fresh, fresh / (curveOnly.fresh + 2 * append), "of curve + 2 appends");
  say(
    "a durable vote, randomness known",
    known,
    known / (curveOnly.known + 2 * append),
    "of curve + 2 appends",
  );
  say(
    `a vote in a batch of ${BATCH}`,
    batch / BATCH,
    curveOnly.known / (batch / BATCH),
    "of the curve's rate",
  );
  say("a durable vote over gRPC on loopback", served);
  say(`committing ${HEIGHTS} heights`, commit);
  say("  a height of them", commit / HEIGHTS);
  const peak = process.resourceUsage().maxRSS / 1024;
  console.log(`${"  peak memory of it all".padEnd(48)}${peak.toFixed(0).padStart(10)} MB`);
}

/** What any durable record costs on this disk. */
function bareAppend(): number {
  const file = openSync(join(folder, "bare"), "a");
  const line = new Uint8Array(150).fill(65);
  const result = median(ROUNDS, () => {
    writeSync(file, line);
    fsyncSync(file);
  });
  closeSync(file);
  return result;
}

/** The operations on the curve of a vote, and nothing else of it. */
function curveAlone(): { fresh: number; known: number } {
  const secretKey = new Uint8Array(32).fill(9);
  const keyPoint = curve.pointFromScalar(secretKey)!;
  const prepared = Array.from({ length: ROUNDS * 2 }, (_, i) => {
    const { secret } = randomness.derive(secretKey, chain.id, BigInt(i));
    const message = voteMessage({ height: BigInt(i), appHash });
    return { secret, message, randomnessPoint: curve.pointFromScalar(secret)! };
  });
  const known = median(ROUNDS, (i) => {
    const { secret, message, randomnessPoint } = prepared[i]!;
    eots.signKnown(secretKey, secret, message, { keyPoint, randomnessPoint });
  });
  const fresh = median(ROUNDS, (i) => {
    const { secret, message } = prepared[i]!;
    const randomnessPoint = curve.pointFromScalar(secret)!;
    eots.signKnown(secretKey, secret, message, { keyPoint, randomnessPoint });
  });
  return { fresh, known };
}

/** The daemon as an operator starts it, asked by the client for one vote after another. */
async function overLoopback(path: string): Promise<number> {
  const passphraseFile = join(folder, "passphrase");
  writeFileSync(passphraseFile, passphrase, { mode: 0o600 });
  const main = join(process.cwd(), "dist/src/cli/main.js");
  const address = "127.0.0.1:22582";
  const args = [
    main,
    "fp",
    "serve",
    "--home",
    path,
    "--address",
    address,
    "--no-metrics",
    "--log-level",
    "warn",
  ];
  args.push("--unlock", "bench", "--passphrase-file", passphraseFile);
  const daemon = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(daemon, "exit");
  let said = "";
  daemon.stderr.on("data", (data) => (said += String(data)));
  const client = createEotsClient({ address });
  try {
    const deadline = Date.now() + 20_000;
    while (
      !(await client.ping().then(
        () => true,
        () => false,
      ))
    ) {
      if (daemon.exitCode !== null || Date.now() > deadline)
        throw new Error(`the daemon did not start:\n${said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const key = new Uint8Array(curve.pointFromScalar(new Uint8Array(32).fill(7))!.subarray(1));
    const times: number[] = [];
    await client.createRandomnessPairList({
      key,
      chainId: chain.id,
      startHeight: 200_000n,
      count: 1_000,
    });
    for (let i = 0; i < ROUNDS; i++) {
      const height = 200_000n + BigInt(i);
      const start = performance.now();
      await client.signEots({
        key,
        chainId: chain.id,
        height,
        message: voteMessage({ height, appHash }),
      });
      times.push(performance.now() - start);
    }
    return middle(times);
  } finally {
    client.close();
    daemon.kill("SIGTERM");
    await ended;
  }
}

/** The median time in milliseconds of a call, after some to warm up. */
function median(rounds: number, call: (i: number) => void): number {
  const warmUp = Math.ceil(rounds / 5);
  for (let i = 0; i < warmUp; i++) call(i);
  const times = Array.from({ length: rounds }, (_, i) => {
    const start = performance.now();
    call(warmUp + i);
    return performance.now() - start;
  });
  return middle(times);
}

function middle(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!;
}

function say(what: string, milliseconds: number, ratio?: number, of?: string): void {
  const shown = ratio === undefined ? "" : `   ${ratio.toFixed(2)} ${of}`;
  console.log(`${what.padEnd(48)}${milliseconds.toFixed(3).padStart(10)} ms${shown}`);
}
