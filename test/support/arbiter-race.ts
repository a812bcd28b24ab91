import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { TapstakeError } from "../../src/core/errors.js";
import type { Arbiter } from "../../src/finality/arbiter/arbiter.js";
import { clientOf, of, signerOf, storedVotes, storeOf, vote } from "./arbiter.js";
import type { Cluster } from "./etcd.js";
import { eventually } from "./eventually.js";
import { isLong } from "./runs.js";

/** How long signers claim under each fault, and how long a fault lasts, in milliseconds. */
const [RUN, FAULT] = isLong ? [20_000, 1_500] : [300, 300];

/** Breaks something of a cluster. @returns mends it */
export type Fault = () => Promise<() => Promise<void> | void>;

/** Two signers that want other digests at every height, while a fault comes and goes. */
export async function expectOneDigestIn(cluster: Cluster, fault: Fault): Promise<void> {
  const prefix = await storeOf(clientOf(cluster));
  const released = new Map<bigint, Set<string>>();
  const stop = new AbortController();
  let unclear = 0;
  const run = async (signer: Arbiter, text: string) => {
    for (let height = 1n; !stop.signal.aborted; height += 2n) {
      const digests = [vote(height, text), vote(height + 1n, text)];
      unclear += await claimUntilClear(signer, digests, released, () => stop.signal.aborted);
    }
  };
  // Both are enrolled, and claim, before something breaks, however long a loaded machine takes for it.
  const [one, other] = [
    await signerOf(clientOf(cluster, 2_000), prefix),
    await signerOf(clientOf(cluster, 2_000), prefix),
  ];
  const signers = [run(one, "a"), run(other, "b")];
  const moreThan = (count: number) =>
    Promise.race([eventually(() => expect(released.size).toBeGreaterThan(count)), ...signers]);
  try {
    await moreThan(0);
    const end = Date.now() + RUN;
    do {
      await sleep(FAULT / 2);
      const mend = await fault();
      await sleep(FAULT);
      await mend();
      await cluster.ready();
    } while (Date.now() < end);
    await moreThan(released.size);
  } finally {
    stop.abort();
    await Promise.all(signers);
  }
  const stored = storedVotes(cluster, prefix);
  for (const [height, digests] of released) {
    expect([...digests], `height ${height}, ${unclear} unclear`).toEqual([stored.get(height)]);
  }
}

/** Claims the same votes until the answer is clear, and notes what may be released; returns how often it was not. */
async function claimUntilClear(
  signer: Arbiter,
  votes: readonly { readonly height: bigint; readonly digest: Uint8Array }[],
  released: Map<bigint, Set<string>>,
  isDone: () => boolean,
): Promise<number> {
  let unclear = 0;
  for (;;) {
    try {
      const claimed = await signer.claim(of, votes);
      for (const [i, { kind }] of claimed.entries()) {
        if (kind === "refused") continue;
        const { height, digest } = votes[i]!;
        released.set(height, (released.get(height) ?? new Set()).add(hex.encode(digest)));
      }
      return unclear;
    } catch (error) {
      if (!(error instanceof TapstakeError) || error.code !== "arbiter-unclear") throw error;
      unclear++;
      if (isDone()) return unclear;
    }
  }
}
