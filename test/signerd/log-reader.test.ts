import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, readFileSync, readSync, renameSync, statSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { eventually } from "../support/eventually.js";
import { ballot, CHAIN, connect, homeWithKey, PASSPHRASE, startDaemon } from "./support.js";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** The last vote on a chain: its votes below it are refused. */
const LAST = 10n ** 12n;

/** Batches of which every height is refused and logged: each is a line of about ten kilobytes. */
async function fillLog(address: string, key: Uint8Array, rounds: number) {
  const client = connect(address);
  // No neighbours, which would be logged as a range.
  const heights = Array.from({ length: 250 }, (_, i) => LAST - 1n - 2n * BigInt(i));
  const votes = heights.map((height) => ({ height, message: ballot(height) }));
  for (let i = 0; i < rounds; i++) {
    const asked = Array.from({ length: 10 }, () => client.signBatchEots({ key, chainId: "old", votes }));
    for (const answers of await Promise.all(asked)) {
      expect(answers.every(({ kind }) => kind === "refused")).toBe(true);
    }
  }
}

describe("a reader of the log that stalls", () => {
  it("blocks no vote and no health check, and learns later how many lines it lost", async () => {
    const made = homeWithKey(undefined, [CHAIN, "old"]);
    const fifo = `${made.home.path}/pipe`;
    execFileSync("mkfifo", [fifo]);
    const reader = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    const writer = openSync(fifo, "w");
    onTestFinished(() => closeSync(reader));
    const free = ["--address", "127.0.0.1:0", "--metrics-address", "127.0.0.1:0"];
    const uncommitted = [CHAIN, "old"].flatMap((chain) => ["--uncommitted", `${chain}=a test of the log`]);
    const options = ["--unlock", made.key.name, ...free, ...uncommitted, "--chain-height", `old=${LAST}`];
    const child = spawn(
      process.execPath,
      [main, "fp", "serve", "--json", "--home", made.home.path, ...options],
      {
        env: { ...process.env, TAPSTAKE_PASSPHRASE: PASSPHRASE },
        stdio: ["ignore", "pipe", writer],
      },
    );
    closeSync(writer);
    onTestFinished(() => void child.kill("SIGKILL"));
    let answer = "";
    for await (const line of createInterface(child.stdout!)) {
      answer += line;
      if (line === "}") break;
    }
    const { address, metricsAddress } = JSON.parse(answer) as Record<"address" | "metricsAddress", string>;
    const key = made.key.publicKey;
    // The pipe has room for 64 KiB, and the signer keeps 1 MiB.
    await fillLog(address, key, 14);
    const vote = { key, chainId: CHAIN, height: 1n, message: ballot(1n) };
    expect((await connect(address).signEots(vote)).outcome).toBe("new");
    expect((await fetch(`http://${metricsAddress}/healthz`)).status).toBe(200);
    let read = "";
    await eventually(() => {
      const buffer = Buffer.alloc(1 << 16);
      try {
        for (;;) read += buffer.toString("utf8", 0, readSync(reader, buffer));
      } catch {
        // Empty for now.
      }
      expect(read).toMatch(/"lost":[1-9]\d*,"msg":"the reader of the log had no room/);
    });
    const lines = read.trim().split("\n");
    for (const line of lines) JSON.parse(line);
    expect(read.length).toBeLessThan(1.3 * (1 << 20));
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
  });
});

describe("SIGHUP", () => {
  it("opens the log file again, with permissions for its owner only, and the signer goes on", async () => {
    const made = homeWithKey();
    const file = `${made.home.path}/signer.log`;
    const daemon = await startDaemon(made, ["--log-file", file]);
    await eventually(() => expect(readFileSync(file, "utf8")).toContain('"serving"'));
    renameSync(file, `${file}.1`);
    daemon.kill("SIGHUP");
    await eventually(() => expect(readFileSync(file, "utf8")).toContain("opened the log file again"));
    const vote = { key: made.key.publicKey, chainId: CHAIN, height: 1n, message: ballot(1n) };
    expect((await connect(daemon.address).signEots(vote)).outcome).toBe("new");
    await eventually(() => expect(readFileSync(file, "utf8")).toContain('"outcome":"new"'));
    expect(readFileSync(`${file}.1`, "utf8")).not.toContain('"outcome":"new"');
    daemon.kill("SIGTERM");
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
    for (const path of [file, `${file}.1`]) expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).toMatch(/"msg":"stopped"\}\n$/);
    expect(daemon.logged()).toBe("");
  });

  it("SIGHUP: without --log-file, opens no file and says nothing of one", async () => {
    const made = homeWithKey();
    const daemon = await startDaemon(made);
    daemon.kill("SIGHUP");
    // The answer comes after the signal: the process handles it first.
    const vote = { key: made.key.publicKey, chainId: CHAIN, height: 1n, message: ballot(1n) };
    expect((await connect(daemon.address).signEots(vote)).outcome).toBe("new");
    daemon.kill("SIGTERM");
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
    expect(daemon.logged()).toContain('"stopped"');
    expect(daemon.logged()).not.toContain("log file");
  });
});

describe("fp serve with a mistyped home", () => {
  it("is refused, and makes no home", async () => {
    const { home, key } = homeWithKey();
    const typo = { home: { path: `${home.path}-typo` }, key };
    await expect(startDaemon(typo)).rejects.toThrow(/home-not-found/);
    expect(() => readFileSync(typo.home.path)).toThrow("ENOENT");
  });
});
