import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { TapstakeError } from "../../src/core/errors.js";
import { parseInterchange } from "../../src/finality/protection/interchange.js";
import { daemonOf } from "../../src/signerd/admin/client.js";
import { eventually } from "../support/eventually.js";
import { fillHome } from "../support/long-history.js";
import { isLong } from "../support/runs.js";
import {
  ballot,
  CHAIN,
  connect,
  type DaemonProcess,
  homeWithKey,
  startDaemon,
  type TestHome,
} from "./support.js";

/** More than a prune forgets at once. */
const HISTORY = isLong ? 5_000 : 2_500;
const ROUNDS = isLong ? 25 : 1;

const message = (height: bigint) => ballot(height, `block ${height}`);

/** Votes for the heights from one on, one after the other, until the signer is gone. Adds what it signed. */
async function voteOn(
  daemon: DaemonProcess,
  { key }: TestHome,
  from: bigint,
  answered: Map<bigint, Uint8Array>,
): Promise<void> {
  const client = connect(daemon.address);
  try {
    for (let height = from; ; height++) {
      const asked = { key: key.publicKey, chainId: CHAIN, height, message: message(height) };
      answered.set(height, (await client.signEots(asked)).signature);
    }
  } catch (error) {
    if (!(error instanceof TapstakeError && error.code === "signer-unreachable")) throw error;
  }
}

/** Prunes, exports, copies and checks again and again, until the signer is gone. */
async function operate(made: TestHome, state: { done: number; pruned: bigint }): Promise<void> {
  const daemon = await daemonOf(made.home);
  if (!daemon) throw new Error("no daemon answers");
  const prune = async () => {
    const [known] = await daemon.show();
    const below = known!.lowest + 1200n;
    if (below > known!.highest!) return;
    // A signer that is killed meanwhile may have forgotten some of it, or all.
    state.pruned = below;
    await daemon.prune(made.key.publicKey, CHAIN, below);
  };
  const copy = async () => {
    let text = "";
    for await (const part of daemon.exportText()) text += part;
    const [one] = parseInterchange(JSON.parse(text)).keyChains;
    if (one!.highWatermark === null) throw new Error("the export has no vote");
  };
  const again = async (work: () => Promise<unknown>) => {
    for (;;) {
      try {
        await work();
        state.done++;
      } catch (error) {
        if (error instanceof TapstakeError && /^(signer-unreachable|backup-running)$/.test(error.code)) {
          if (error.code === "signer-unreachable") return;
        } else throw error;
      }
    }
  };
  await Promise.all([again(prune), again(copy), again(() => daemon.check()), again(() => daemon.backup())]);
}

describe("an operator who prunes, exports, copies and checks while a daemon votes", () => {
  it("has it sign no height twice, and lose no vote above what was pruned, when it is killed", async () => {
    const made = homeWithKey();
    fillHome(made.home, made.key.publicKey, CHAIN, HISTORY);
    const state = { done: 0, pruned: 0n };
    let from = 100_000n;
    for (let round = 0; round < ROUNDS; round++) {
      const daemon = await startDaemon(made);
      const answered = new Map<bigint, Uint8Array>();
      const voting = voteOn(daemon, made, from, answered);
      const before = state.done;
      const operating = operate(made, state);
      await eventually(() => {
        expect(state.done).toBeGreaterThan(before + 8);
        expect(answered.size).toBeGreaterThan(20);
      });
      daemon.kill("SIGKILL");
      await Promise.all([voting, operating]);
      const next = await startDaemon(made);
      const client = connect(next.address);
      const { publicKey: key } = made.key;
      const heights = [...answered.keys()];
      const others = heights.map((height) => ({ height, message: ballot(height, "another") }));
      const refused = await client.signBatchEots({ key, chainId: CHAIN, votes: others });
      expect(refused.filter(({ kind }) => kind !== "refused")).toEqual([]);
      const kept = heights.filter((height) => height >= state.pruned);
      const votes = kept.map((height) => ({ height, message: message(height) }));
      if (votes.length > 0) {
        expect(await client.signBatchEots({ key, chainId: CHAIN, votes })).toEqual(
          kept.map((height) => ({ height, kind: "same", signature: answered.get(height) })),
        );
      }
      from = heights.at(-1)! + 2n;
      next.kill("SIGTERM");
      await next.ended;
    }
    expect(state.pruned).toBeGreaterThan(0n);
    // Copies are whole or not there.
    const folder = join(made.home.path, "backups");
    for (const name of readdirSync(folder).filter((each) => each.endsWith(".json")))
      parseInterchange(JSON.parse(readFileSync(join(folder, name), "utf8")));
  });
});
