import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  slashingChangeOutput,
  stakingOutput,
  type TaprootOutput,
  unbondingOutput,
} from "../src/script/outputs.js";
import type { StakeTerms } from "../src/script/terms.js";
import { anyTerms, anyTimelock, termsOf } from "../test/support/stakes.js";
import { type RegtestNode, startNode } from "./index.js";

/** One seed for all runs, printed by whatever fails. */
const SEED = 20_260_101;
const TIMES = [1, 16, 17, 127, 128, 255, 256, 32_767, 32_768, 65_535];

let node: RegtestNode;
beforeAll(async () => {
  node = await startNode({ blocks: 0 });
});
afterAll(() => node?.stop());

test(`bitcoind derives the same addresses from our descriptors, for any terms (seed ${SEED})`, async () => {
  const sizes = { stakers: 5, providers: 4, members: 20 };
  await fc.assert(
    fc.asyncProperty(anyTerms(sizes), anyTimelock, (terms, time) => expectSameAddresses(terms, time)),
    { seed: SEED, numRuns: 60 },
  );
});

test.each(TIMES)("bitcoind derives the same addresses for a time of %i blocks", async (time) => {
  await expectSameAddresses({ ...termsOf(1, 1, 5, 3), timelock: time }, time);
  await expectSameAddresses({ ...termsOf(3, 2, 5, 3), timelock: time }, time);
});

test.each(Array.from({ length: 20 }, (_, i) => i + 1))(
  "bitcoind derives the same addresses for a committee of %i with any quorum",
  async (members) => {
    for (const quorum of new Set([1, Math.floor(members / 2) + 1, members])) {
      const terms = termsOf(1, 1 + (members % 4), members, quorum);
      await expectSameAddresses(terms, 1008);
    }
  },
);

/** That bitcoind finds the descriptor of each output whole and solvable, and derives the address that we do. */
async function expectSameAddresses(terms: StakeTerms, unbondingTime: number): Promise<void> {
  const outputs: TaprootOutput<"timelock">[] = [
    stakingOutput(terms, "regtest"),
    unbondingOutput(terms, unbondingTime, "regtest"),
    slashingChangeOutput(terms.staker, unbondingTime, "regtest"),
  ];
  for (const { address, descriptor } of outputs) {
    const info = await node.rpc.getdescriptorinfo(descriptor);
    expect(info).toMatchObject({ isrange: false, issolvable: true, hasprivatekeys: false });
    expect(info.descriptor).toBe(descriptor);
    expect(await node.rpc.deriveaddresses(descriptor)).toEqual([address]);
  }
}
