import { afterAll, expect, test } from "vitest";
import { hex } from "../src/core/bytes.js";
import { checkDelegation } from "../src/delegation/check.js";
import { evidenceFromJson, evidenceToJson, extractFromVotes } from "../src/extract/evidence.js";
import { extractFromSlashing } from "../src/extract/slashing.js";
import { regtest } from "../src/params/data/regtest.js";
import { paramsAt } from "../src/params/in-force.js";
import { failure } from "../test/support/errors.js";
import {
  committee,
  doubleVote,
  expand,
  party,
  type RegtestNode,
  slash,
  stake,
  startNode,
  unbond,
  withdraw,
} from "./index.js";

const params = paramsAt(regtest, 0);
const [staker, provider] = [party("staker of lives"), party("provider of lives")];
const members = committee.slice(0, 3);
const stakers = [staker];
const terms = {
  staker: staker.publicKey,
  finalityProviders: [provider.publicKey],
  covenant: params.covenant,
  timelock: 10,
};

const nodes: RegtestNode[] = [];
afterAll(() => Promise.all(nodes.map((node) => node.stop())));

async function seeded(seed: string, blocks?: number): Promise<RegtestNode> {
  const node = await startNode({ seed, ...(blocks !== undefined && { blocks }) });
  nodes.push(node);
  return node;
}

/** Two stakes: one is expanded, unbonded and slashed while unbonding; the other ends by its time lock. */
async function lives(node: RegtestNode): Promise<string[]> {
  const open = () => stake(node, { terms, params, value: 1_000_000n, stakers, committee: members });
  const [first, second] = [await open(), await open()];
  const expanded = await expand(node, {
    delegation: first,
    stakers,
    committee: members,
    value: 1_200_000n,
    timelock: 30,
  });
  checkDelegation(expanded.delegation);
  expect(expanded.transaction.outs[0]!.value).toBe(1_200_000n);

  const unbonded = await unbond(node, { delegation: expanded.delegation, stakers });
  expect(unbonded.coin.value).toBe(1_200_000n - params.unbondingFee);

  const { secretKey, evidence } = doubleVote({ provider });
  expect(extractFromVotes(evidenceFromJson(evidenceToJson(evidence)))).toEqual(secretKey);
  const slashed = await slash(node, { delegation: expanded.delegation, secretKey });
  expect(slashed.from).toBe("unbonding");
  expect(extractFromSlashing(expanded.delegation, slashed.transaction).secretKey).toEqual(secretKey);
  const refund = { delegation: expanded.delegation, from: "refund", stakers } as const;
  await withdraw(node, { ...refund, slashing: slashed.transaction });
  await failure(withdraw(node, refund), "invalid-argument");

  const withdrawn = await withdraw(node, { delegation: second, from: "staking", stakers });
  expect((await node.rpc.gettransactioninfo(withdrawn.txid)).confirmations).toBe(1);
  expect(withdrawn.value).toBeLessThan(1_000_000n);
  await failure(slash(node, { delegation: second, secretKey, from: "staking" }), "node-refused");
  await node.reorganise({ depth: 2 });

  const hashes: string[] = [];
  for (let height = 1; height <= (await node.height()); height++) {
    hashes.push(await node.rpc.getblockhash(height));
  }
  return hashes;
}

test("whole lives give the same chain for the same seed, and another for another seed", async () => {
  const [one, again, other] = [await seeded("lives"), await seeded("lives"), await seeded("other", 1)];
  const hashes = await lives(one);
  expect(await lives(again)).toEqual(hashes);
  expect(hashes).not.toContain(await other.rpc.getblockhash(1));
  expect((await one.rpc.getblock(hashes.at(-1)!)).time).toBeGreaterThanOrEqual(1_767_225_600);
});

test("a double vote of any height gives the provider's key", () => {
  const { evidence, votes } = doubleVote({ provider, chainId: "another-chain", height: 123_456_789n });
  expect(votes.map(({ height }) => height)).toEqual([123_456_789n, 123_456_789n]);
  expect(hex.encode(evidence.finalityProvider)).toBe(hex.encode(provider.publicKey));
});
