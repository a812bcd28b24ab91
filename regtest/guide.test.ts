// docs/testing.md shows this file, with the package's names in place of the sources.
import { afterAll, beforeAll, expect, test } from "vitest";
import { finishSlashing, paramsAt, regtest, stakeCoin } from "../src/index.js";
import {
  committee,
  party,
  refusal,
  type RegtestNode,
  sendAndMine,
  stake,
  startNode,
  withdrawal,
} from "./index.js";

const [staker, provider] = [party("staker"), party("provider")];
const params = paramsAt(regtest, 0);
const terms = {
  staker: staker.publicKey,
  finalityProviders: [provider.publicKey],
  covenant: params.covenant,
  timelock: 10,
};

let node: RegtestNode;
beforeAll(async () => {
  node = await startNode();
}, 120_000);
afterAll(() => node.stop());

/** A stake in a block. Its staker and three members of the committee signed before the coins were locked. */
function openStake() {
  const members = committee.slice(0, 3);
  return stake(node, { terms, params, value: 1_000_000n, stakers: [staker], committee: members });
}

test("a stake is withdrawn after its time lock, and not before", async () => {
  const delegation = await openStake();
  const coin = stakeCoin(delegation);
  const { signed } = await withdrawal(node, { delegation, from: "staking", coin, stakers: [staker] });
  expect(await refusal(node, signed)).toBe("non-BIP68-final");
  await node.mine(9);
  expect(await node.send(signed.toBuffer())).toBe(signed.getId());
}, 120_000);

test("a leaked key slashes the stake", async () => {
  const delegation = await openStake();
  const slashing = finishSlashing(delegation, "staking", provider.secretKey);
  const txid = await sendAndMine(node, slashing);
  expect((await node.rpc.gettransactioninfo(txid)).confirmations).toBe(1);
}, 120_000);
