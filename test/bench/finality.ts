/**
 * `npm run bench`: what a vote costs, as ratios to what cannot be avoided, measured in one run on one disk, in turns.
 * Milliseconds depend on the machine and on what else it does; the ratios should not.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fsyncSync, mkdtempSync, openSync, rmSync, statfsSync, writeFileSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { concatBytes } from "../../src/core/bytes.js";
import { type Curve, curve } from "../../src/core/curve/index.js";
import { sha256 } from "../../src/core/hashes.js";
import { eots } from "../../src/crypto/eots.js";
import { openHome } from "../../src/finality/home.js";
import { createKey, type UnlockedKey, unlockKey } from "../../src/finality/keys/keystore.js";
import { openProtection } from "../../src/finality/protection/protection.js";
import { pointOf, RandomnessCache } from "../../src/finality/randomness/cache.js";
import { Voter } from "../../src/finality/voter.js";
import { createEotsClient } from "../../src/signer-client/client.js";
import { voteMessage } from "../../src/vote/messages.js";
import { figure, interleaved, say } from "./support/report.js";

/** As many as it takes until single votes are compiled for what they are, after the batches. */
const ROUNDS = 2_000;
/** As many, as the daemon is a new process and nothing in it has warmed up. */
const CALLS = 2_000;
const BATCHES = 24;
const BATCH = 1_000;
/** The first height with cached randomness, the first without, and the last. Votes rise, as on a chain. */
const [KNOWN, FRESH, LAST] = [1_000_000, 2_000_000, 4_000_000];

const chain = { id: "bench-1", minCount: 1 };
const passphrase = "benchmark";
const appHash = new Uint8Array(32).fill(1);
const vote = (height: number) => ({ height: BigInt(height), appHash });

// In the project, which is seldom on a file system in memory.
const folder = mkdtempSync(resolve("dist/bench-data-"));
const passphraseFile = join(folder, "passphrase");
const home = openHome(join(folder, "home"));
const command = [resolve("dist/cli/main.js"), "fp"];
const asKey = ["--home", home.path, "--passphrase-file", passphraseFile];

console.log(`An append: 150 bytes written to the end of a file beside the store, and its fsync.
The curve operations of a vote whose randomness is known: 1 verification of its BIP-340 signature
(curve.verifySchnorr); of another vote: that, and 1 multiplication of G (curve.pointFromScalar).
Hashes and the arithmetic of signing are no curve operations: with the looks at what is recorded and at the files,
they are what a vote costs above its bound. One thread does it all, one thing after the other.`);
const TMPFS = 0x01021994;
if (statfsSync(folder).type === TMPFS) console.log("The disk is memory: what involves it means nothing.");

try {
  const secretKey = new Uint8Array(32).fill(7);
  const scrypt = { n: 1 << 10, r: 8, p: 1 };
  createKey(home, { name: "bench", passphrase, secretKey, origin: "imported", scrypt });
  writeFileSync(passphraseFile, passphrase, { mode: 0o600 });
  const key = unlockKey(home, "bench", passphrase);
  await inProcess(key);
  await overLoopback(key);
  await committing();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function inProcess(key: UnlockedKey): Promise<void> {
  const protection = openProtection(home);
  protection.init(key.publicKey, chain.id, 0n);
  // Its root and signature do not matter here.
  const [root, signature] = [new Uint8Array(32), new Uint8Array(64)];
  const committed = { startHeight: 0n, count: LAST + 1_000_000, root, signature, subtrees: null };
  protection.addCommitment(key.publicKey, chain.id, committed);
  const cache = new RandomnessCache();
  for (let i = 0; i < BATCHES * BATCH; i++) cache.pair(key, chain.id, BigInt(KNOWN + i));
  cache.pair(key, chain.id, BigInt(LAST));
  const voter = new Voter({ key, protection, chain, cache });
  const { multiply, verify } = curveOperations(key, cache);

  // Batches come first: what follows then runs as in a signer that has run for a while.
  const batchFrom = (first: number) => voter.batch(Array.from({ length: BATCH }, (_, i) => vote(first + i)));
  const each = (work: (i: number) => unknown) => {
    for (let i = 0; i < BATCH; i++) work(i);
  };
  const append = bareAppend();
  // The last of the known heights are for single votes.
  const manyKnown = await interleaved(BATCHES - ROUNDS / BATCH, {
    vote: (i) => batchFrom(KNOWN + i * BATCH),
    bound: () => each(verify),
  });
  const known = await interleaved(ROUNDS, {
    append,
    vote: (i) => voter.vote(vote(KNOWN + BATCHES * BATCH - ROUNDS + i)),
    bound: (i) => [verify(i), append(), append()],
  });
  const manyFresh = await interleaved(BATCHES, {
    vote: (i) => batchFrom(FRESH + i * BATCH),
    bound: () => each((i) => [multiply(i), verify(i)]),
  });
  const fresh = await interleaved(ROUNDS, {
    vote: (i) => voter.vote(vote(FRESH + BATCHES * BATCH + i)),
    bound: (i) => [multiply(i), verify(i), append(), append()],
  });
  const counted = countMultiplying(() => voter.vote(vote(LAST)));
  protection.close();

  console.log("\n(a) a single durable vote, and its curve operations with 2 appends after them");
  say("an append", known.append, "ms");
  say("randomness known: a vote", known.vote, "ms");
  say("  its curve operations and 2 appends", known.bound, "ms");
  figure("of these", known.vote / known.bound, { atMost: 1.6 });
  say("nothing known: a vote", fresh.vote, "ms");
  say("  its curve operations and 2 appends", fresh.bound, "ms");
  figure("of these", fresh.vote / fresh.bound, { atMost: 1.6 });

  console.log(`\n(b) a batch of ${BATCH} votes, and its curve operations one after the other`);
  say("randomness known: the batch", manyKnown.vote, "ms");
  say("  its curve operations", manyKnown.bound, "ms");
  figure("rate, of what these alone allow", manyKnown.bound / manyKnown.vote, { atLeast: 0.65 });
  say("nothing known: the batch", manyFresh.vote, "ms");
  say("  its curve operations", manyFresh.bound, "ms");
  figure("rate, of what these alone allow", manyFresh.bound / manyFresh.vote, { atLeast: 0.65 });

  console.log("\n(c) calls that multiply on the curve, of a vote whose randomness is known");
  for (const [name, calls] of counted) say(name, calls, "");
}

/** What a vote does on the curve and cannot do without. */
function curveOperations(key: UnlockedKey, cache: RandomnessCache) {
  const keyPoint = pointOf(key.secretKey);
  const signed = Array.from({ length: BATCH }, (_, i) => {
    const height = BigInt(KNOWN + i);
    const { secret, point } = cache.pair(key, chain.id, height);
    const message = voteMessage({ height, appHash });
    const s = eots.signKnown(key.secretKey, secret, message, { keyPoint, randomnessPoint: point });
    return { secret, digest: sha256(message), signature: concatBytes(point.subarray(1), s) };
  });
  const at = (i: number) => signed[i % BATCH]!;
  return {
    multiply: (i: number) => curve.pointFromScalar(at(i).secret),
    verify: (i: number) => curve.verifySchnorr(at(i).digest, key.publicKey, at(i).signature),
  };
}

/** How often each function of the curve that multiplies is called. */
function countMultiplying(work: () => void): Map<keyof Curve, number> {
  const names = [
    "verifySchnorr",
    "pointFromScalar",
    "pointMultiply",
    "xOnlyPointAddTweak",
    "signSchnorr",
  ] as const;
  const calls = new Map<keyof Curve, number>(names.map((name) => [name, 0]));
  const before = { ...curve };
  const counting = names.map((name) => {
    const original = before[name] as (...args: unknown[]) => unknown;
    const counted = (...args: unknown[]) => {
      calls.set(name, calls.get(name)! + 1);
      return original(...args);
    };
    return [name, counted] as const;
  });
  Object.assign(curve, Object.fromEntries(counting));
  work();
  Object.assign(curve, before);
  return calls;
}

/** What any durable record costs on this disk. */
function bareAppend(): () => void {
  const file = openSync(join(folder, "bare"), "a");
  const line = new Uint8Array(150).fill(65);
  return () => {
    writeSync(file, line);
    fsyncSync(file);
  };
}

/** The daemon as an operator starts it, asked by the client for one vote after another. */
async function overLoopback({ publicKey: key, secretKey }: UnlockedKey): Promise<void> {
  const address = "127.0.0.1:22582";
  const options = ["--address", address, "--no-metrics", "--log-level", "warn", "--unlock", "bench"];
  const daemon = spawn(process.execPath, [...command, "serve", ...asKey, ...options], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = once(daemon, "exit");
  const client = createEotsClient({ address });
  const answers = () =>
    client.ping().then(
      () => true,
      () => false,
    );
  try {
    const deadline = Date.now() + 20_000;
    while (!(await answers())) {
      if (daemon.exitCode !== null || Date.now() > deadline) throw new Error("the daemon did not start");
      await sleep(20);
    }
    const startHeight = BigInt(LAST + 1);
    await client.createRandomnessPairList({ key, chainId: chain.id, startHeight, count: CALLS });
    const digest = sha256(appHash);
    const signature = curve.signSchnorr(digest, secretKey);
    const append = bareAppend();
    const median = await interleaved(CALLS, {
      ping: () => client.ping(),
      async bound() {
        await client.ping();
        curve.verifySchnorr(digest, key, signature);
        append();
        append();
      },
      vote: (i) => {
        const height = startHeight + BigInt(i);
        return client.signEots({ key, chainId: chain.id, height, message: voteMessage({ height, appHash }) });
      },
    });
    console.log("\n(d) a durable vote over gRPC on loopback, from a daemon in a process of its own");
    say("a Ping", median.ping, "ms");
    say("a vote", median.vote, "ms");
    figure("of a Ping", median.vote / median.ping, { atMost: 2 });
    say("a Ping, a verification and 2 appends", median.bound, "ms");
    figure("of these", median.vote / median.bound, { atMost: 1.5 });
  } finally {
    client.close();
    daemon.kill("SIGTERM");
    await ended;
  }
}

/** The command, which says at its end how much memory it had at most. Its key costs no memory to open. */
async function committing(): Promise<void> {
  // Both by threads: what they take themselves does not count.
  const [few, many] = [50_000, 500_000];
  console.log(`\n(e) tapstake fp commit, in a process of its own`);
  const peaks: number[] = [];
  for (const count of [few, many]) {
    const range = ["--key", "bench", "--chain", `of-${count}`, "--start", "1", "--count", `${count}`];
    const probe = ["--import", resolve("test/bench/support/peak-memory.mjs")];
    const started = performance.now();
    const child = spawn(process.execPath, [...probe, ...command, "commit", ...asKey, ...range], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    const [code] = (await once(child, "close")) as [number];
    const peak = /^peak memory: (\d+) kB$/m.exec(said)?.[1];
    if (code !== 0 || peak === undefined) throw new Error(`fp commit failed:\n${said}`);
    say(`${count} heights`, performance.now() - started, "ms");
    say("  peak memory", Number(peak) / 1024, "MB");
    peaks.push(Number(peak));
  }
  figure(`peak memory, of that of ${few} heights`, peaks[1]! / peaks[0]!, { atMost: 1.25 });
}
