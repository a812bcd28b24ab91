import { describe, expect, it } from "vitest";
import { TapstakeError } from "../../src/core/errors.js";
import type { EotsClient } from "../../src/finality/client.js";
import { failure as expectFailure } from "../support/errors.js";
import {
  ballot,
  CHAIN,
  connect,
  type DaemonProcess,
  homeWithKey,
  startDaemon,
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
 * Nothing else can be had at the heights that were answered, and what was answered can be had again. In this order:
 * a signer that had forgotten them would sign the first message that it is asked for.
 */
async function expectKept(daemon: DaemonProcess, key: Uint8Array, answered: Map<bigint, Uint8Array>) {
  const client = connect(daemon.address);
  const heights = [...answered.keys()];
  const others = heights.map((height) => ({ height, message: ballot(height, "another") }));
  const refused = await client.signBatchEots({ key, chainId: CHAIN, votes: others });
  expect(refused).toEqual(heights.map((height) => ({ height, kind: "refused", code: "double-vote" })));
  const votes = heights.map((height) => ({ height, message: message(height) }));
  const same = await client.signBatchEots({ key, chainId: CHAIN, votes });
  expect(same).toEqual([...answered].map(([height, signature]) => ({ height, kind: "same", signature })));
}

describe("tapstake fp serve, as a process", () => {
  it("loses no answer when it is asked to stop under load, and ends with code 0", async () => {
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
    await expectKept(await startDaemon(made), key, load.answered);
  });

  it("keeps every signature that it ever gave out when it is killed under load, again and again", async () => {
    const made = homeWithKey();
    const key = made.key.publicKey;
    const answered = new Map<bigint, Uint8Array>();
    for (let round = 0n; round < 5n; round++) {
      const daemon = await startDaemon(made);
      const clients = Array.from({ length: 8 }, () => connect(daemon.address));
      const limit = 20 + Number(round) * 17;
      const load = startLoad(clients, key, 1n + round * 1_000_000n, (count) => {
        if (count === limit) daemon.kill("SIGKILL");
      });
      await load.ended;
      expect(await daemon.ended).toEqual({ code: null, signal: "SIGKILL" });
      for (const [height, signature] of load.answered) answered.set(height, signature);
      const next = await startDaemon(made);
      await expectKept(next, key, answered);
      next.kill("SIGTERM");
      await next.ended;
    }
    expect(answered.size).toBeGreaterThan(150);
  });

  it("finishes a batch that it began, and begins no other", async () => {
    const made = homeWithKey();
    const key = made.key.publicKey;
    const daemon = await startDaemon(made);
    const [first, second] = [connect(daemon.address), connect(daemon.address)];
    await second.ping();
    const votes = Array.from({ length: 3000 }, (_, i) => ({ height: BigInt(i), message: ballot(BigInt(i)) }));
    const batch = first.signBatchEots({ key, chainId: CHAIN, votes });
    await untilBatchBegan(daemon.metricsAddress);
    // As timeout(1) and npm do, which signal a process and then its group.
    daemon.kill("SIGINT");
    daemon.kill("SIGTERM");
    const answers = await batch;
    expect(answers.filter(({ kind }) => kind === "new")).toHaveLength(3000);
    const late = second.signEots({ key, chainId: CHAIN, height: 10_001n, message: ballot(10_001n) });
    await expect(late).rejects.toMatchObject({
      code: expect.stringMatching(/^signer-(stopping|unreachable)$/),
    });
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
  });

  it("gives up deriving a long range when it is asked to stop", async () => {
    const made = homeWithKey();
    const daemon = await startDaemon(made);
    const client = connect(daemon.address);
    const range = { key: made.key.publicKey, chainId: CHAIN, startHeight: 1n, count: 100_000 };
    const deriving = expectFailure(client.createRandomnessPairList(range), "signer-stopping");
    await client.ping();
    daemon.kill("SIGTERM");
    await deriving;
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
  });

  it("is the only one of its home: a second one is refused and names the first", async () => {
    const made = homeWithKey();
    const first = await startDaemon(made);
    await expect(startDaemon(made)).rejects.toThrow(
      new RegExp(`signer-running.*\\bprocess ${first.pid}\\b`, "s"),
    );
    await connect(first.address).ping();
  });

  it("goes on when nobody reads its log any more", async () => {
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
