import { once } from "node:events";
import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { TapstakeError } from "../../src/core/errors.js";
import type { Home } from "../../src/finality/home.js";
import type { EotsClient } from "../../src/signer-client/client.js";
import type { RunningSigner } from "../../src/signerd/serve.js";
import { inProcess } from "../cli/in-process.js";
import { describeWithDisks, mount, newDisk } from "../support/disks.js";
import { failure as expectFailure } from "../support/errors.js";
import { isLong } from "../support/runs.js";
import {
  ballot,
  CHAIN,
  connect,
  homeWithKey,
  PASSPHRASE,
  readMetrics,
  startDaemon,
  startSigner,
  type TestHome,
  untilBatchBegan,
} from "./support.js";

interface Load {
  /** Signatures that arrived, by height. */
  readonly answered: Map<bigint, Uint8Array>;
  /** Why calls failed. */
  readonly failed: string[];
  readonly ended: Promise<unknown>;
}

const message = (height: bigint) => ballot(height, `block ${height}`);

/** Votes by several callers at once, each at heights of its own, until a call fails. */
function startLoad(
  clients: readonly EotsClient[],
  key: Uint8Array,
  from: bigint,
  act: (count: number) => void,
): Load {
  const answered = new Map<bigint, Uint8Array>();
  const failed: string[] = [];
  const step = BigInt(clients.length);
  const workers = clients.map(async (client, i) => {
    for (let height = from + BigInt(i); ; height += step) {
      try {
        const { signature } = await client.signEots({
          key,
          chainId: CHAIN,
          height,
          message: message(height),
        });
        answered.set(height, signature);
        act(answered.size);
      } catch (error) {
        failed.push(error instanceof TapstakeError ? error.code : String(error));
        return;
      }
    }
  });
  return { answered, failed, ended: Promise.all(workers) };
}

/**
 * Nothing else can be had from the next signer of the home at the heights that were answered, and what was answered can
 * be had again. In this order: a signer that had forgotten them would sign the first message that it is asked for.
 */
async function expectKept(made: TestHome, answered: Map<bigint, Uint8Array>): Promise<RunningSigner> {
  const { publicKey: key } = made.key;
  const signer = await startSigner(made);
  const client = connect(signer.address);
  const heights = [...answered.keys()];
  const others = heights.map((height) => ({ height, message: ballot(height, "another") }));
  const refused = await client.signBatchEots({ key, chainId: CHAIN, votes: others });
  expect(refused).toEqual(heights.map((height) => ({ height, kind: "refused", code: "double-vote" })));
  const votes = heights.map((height) => ({ height, message: message(height) }));
  const same = await client.signBatchEots({ key, chainId: CHAIN, votes });
  expect(same).toEqual([...answered].map(([height, signature]) => ({ height, kind: "same", signature })));
  return signer;
}

describe("tapstake fp serve, as a process", () => {
  it("loses no answer when it is stopped under load, and exits with code 0", async () => {
    const made = homeWithKey();
    const key = made.key.publicKey;
    const daemon = await startDaemon(made);
    const clients = Array.from({ length: 8 }, () => connect(daemon.address));
    const load = startLoad(clients, key, 1n, (count) => {
      if (count === 150) daemon.kill("SIGTERM");
    });
    await load.ended;
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
    for (const code of load.failed) expect(code).toMatch(/^signer-(stopping|unreachable)$/);
    expect(load.answered.size).toBeGreaterThanOrEqual(150);
    // What it says that it answered is what arrived: nothing that was signed was cut off on its way.
    const logged = daemon.logged().match(/"outcome":"new","status":"OK"/g);
    expect(logged).toHaveLength(load.answered.size);
    expect(daemon.logged()).toMatch(/"msg":"stopped"\}\n$/);
    await expectKept(made, load.answered);
  });

  it("keeps every signature that it returned when it is killed under load, repeatedly", async () => {
    const made = homeWithKey();
    const key = made.key.publicKey;
    const answered = new Map<bigint, Uint8Array>();
    for (let round = 0n; round < (isLong ? 5n : 1n); round++) {
      const daemon = await startDaemon(made);
      const clients = Array.from({ length: 8 }, () => connect(daemon.address));
      const limit = 20 + Number(round) * 17;
      const load = startLoad(clients, key, 1n + round * 1_000n, (count) => {
        if (count === limit) daemon.kill("SIGKILL");
      });
      await load.ended;
      expect(await daemon.ended).toEqual({ code: null, signal: "SIGKILL" });
      for (const [height, signature] of load.answered) answered.set(height, signature);
      await (await expectKept(made, answered)).stop();
    }
    expect(answered.size).toBeGreaterThan(isLong ? 150 : 15);
  });

  it("finishes a batch that it began, and begins no other", async () => {
    const made = homeWithKey();
    const key = made.key.publicKey;
    const daemon = await startDaemon(made);
    const [first, second] = [connect(daemon.address), connect(daemon.address)];
    await second.ping();
    const votes = Array.from({ length: 300 }, (_, i) => ({ height: BigInt(i), message: ballot(BigInt(i)) }));
    const batch = first.signBatchEots({ key, chainId: CHAIN, votes });
    await untilBatchBegan(daemon.metricsAddress);
    // As timeout(1) and npm do, which signal a process and then its group.
    daemon.kill("SIGINT");
    daemon.kill("SIGTERM");
    const answers = await batch;
    expect(answers.filter(({ kind }) => kind === "new")).toHaveLength(300);
    const late = second.signEots({ key, chainId: CHAIN, height: 10_001n, message: ballot(10_001n) });
    await expect(late).rejects.toMatchObject({
      code: expect.stringMatching(/^signer-(stopping|unreachable)$/),
    });
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
  });

  it("abandons a long range when it is stopped", async () => {
    const made = homeWithKey();
    const daemon = await startDaemon(made);
    const client = connect(daemon.address);
    const range = { key: made.key.publicKey, chainId: CHAIN, count: 100_000 };
    // More than it can have derived before the signal reaches it.
    const deriving = Array.from({ length: 8 }, (_, i) =>
      client.createRandomnessPairList({ ...range, startHeight: BigInt(i) * 100_000n }),
    );
    const given = Promise.allSettled(deriving);
    await client.ping();
    daemon.kill("SIGTERM");
    const failed = (await given).filter((each) => each.status === "rejected");
    expect(failed).not.toEqual([]);
    for (const { reason } of failed) expect(reason).toMatchObject({ code: "signer-stopping" });
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
  });

  it("is refused on a home that another process has open, and names it", async () => {
    const made = homeWithKey();
    const first = await startDaemon(made);
    await expect(startDaemon(made)).rejects.toThrow(
      new RegExp(`signer-running.*\\bprocess ${first.pid}\\b`, "s"),
    );
    await connect(first.address).ping();
  });

  it("continues when its log has no reader", async () => {
    const made = homeWithKey();
    const daemon = await startDaemon(made);
    daemon.closeLog();
    const client = connect(daemon.address);
    for (const height of [1n, 2n, 3n]) {
      const vote = { key: made.key.publicKey, chainId: CHAIN, height, message: ballot(height) };
      expect((await client.signEots(vote)).outcome).toBe("new");
    }
    daemon.kill("SIGTERM");
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
  });
});

describeWithDisks("tapstake fp serve, on a disk that fills up", () => {
  it("fails with protection-unwritable, reports that it is unhealthy, and keeps every vote that it answered", async () => {
    const disk = newDisk("640k");
    const made = homeWithKey(undefined, [CHAIN], disk);
    const key = made.key.publicKey;
    const daemon = await startDaemon(made, ["--no-exit-on-store-failure"]);
    const client = connect(daemon.address);
    expect(await client.health()).toBe("serving");
    const load = startLoad(
      Array.from({ length: 4 }, () => connect(daemon.address)),
      key,
      1n,
      () => {},
    );
    await load.ended;
    expect(load.failed).toEqual(Array(4).fill("protection-unwritable"));
    expect(load.answered.size).toBeGreaterThan(10);
    expect(await client.health()).toBe("not-serving");
    const health = await fetch(`http://${daemon.metricsAddress}/healthz`);
    expect(health.status).toBe(503);
    expect(await health.json()).toMatchObject({ code: "protection-unwritable", reason: expect.any(String) });
    const metrics = await readMetrics(daemon.metricsAddress);
    expect(metrics.get("tapstake_up")).toBe(0);
    expect(metrics.get("tapstake_store_errors_total")).toBe(4);
    expect(daemon.logged()).toMatch(/"level":"error".*"code":"protection-unwritable"/);

    // Room alone does not help: what reached the disk is read again at the next start.
    expect(mount(disk, "-o", "remount,size=8m")).toBe(true);
    const late = { key, chainId: CHAIN, height: 9_000n, message: message(9_000n) };
    await expectFailure(client.signEots(late), "protection-unwritable");
    daemon.kill("SIGTERM");
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
    const next = await expectKept(made, load.answered);
    expect((await connect(next.address).signEots(late)).outcome).toBe("new");
  });
});

describe("tapstake fp serve, of a home with a damaged store", () => {
  it.each<[string, string, (home: Home, earlier: string, signature: Uint8Array) => void]>([
    ["protection-missing", "was deleted", (home) => rmSync(home.protectionFile)],
    ["protection-empty", "was emptied", (home) => truncateSync(home.protectionFile)],
    ["protection-corrupt", "was cut off", (home) => truncateSync(home.protectionFile, 5000)],
    [
      "protection-corrupt",
      "has a flipped bit in a vote",
      (home, _earlier, signature) => {
        const content = readFileSync(home.protectionFile);
        content[content.lastIndexOf(signature)]! ^= 1;
        writeFileSync(home.protectionFile, content);
      },
    ],
    ["protection-behind", "is an older copy", (home, earlier) => cpSync(earlier, home.protectionFile)],
  ])("exits with code 1 and %s before it opens a port, when the store %s", async (code, _what, damage) => {
    const made = homeWithKey();
    const signer = await startSigner(made);
    const vote = (height: bigint) =>
      connect(signer.address).signEots({
        key: made.key.publicKey,
        chainId: CHAIN,
        height,
        message: message(height),
      });
    const earlier = `${made.home.path}/earlier`;
    await vote(1n);
    cpSync(made.home.protectionFile, earlier);
    const { signature } = await vote(2n);
    await signer.stop();
    damage(made.home, earlier, signature);
    // Had it come to ports, that of another program would be the reason.
    const taken = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void taken.close());
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    const ports = ["--address", `127.0.0.1:${port}`, "--metrics-address", `127.0.0.1:${port}`];
    const outcome = await inProcess(
      ["fp", "serve", "--home", made.home.path, "--unlock", made.key.name, ...ports],
      { env: { TAPSTAKE_PASSPHRASE: PASSPHRASE } },
    );
    expect({ ...outcome, stderr: outcome.stderr.split("\n")[0] }).toEqual({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(new RegExp(`^tapstake: ${code}: `)),
    });
  });
});
