// A stake on a private bitcoind, tested with the test runner of Node.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { paramsAt, regtest, stakeCoin } from "tapstake";
import { committee, party, refusal, type RegtestNode, stake, startNode, withdrawal } from "tapstake/regtest";

let node: RegtestNode;
before(async () => {
  node = await startNode();
});
after(() => node.stop());

test("a stake is withdrawn after its time lock, and not before", async () => {
  const [staker, provider] = [party("staker"), party("provider")];
  const params = paramsAt(regtest, 0);
  const terms = {
    staker: staker.publicKey,
    finalityProviders: [provider.publicKey],
    covenant: params.covenant,
    timelock: 10,
  };
  const members = committee.slice(0, 3); // a quorum; they sign before the coins are locked
  const request = { terms, params, value: 1_000_000n, stakers: [staker], committee: members };
  const delegation = await stake(node, request);
  const coin = stakeCoin(delegation);
  const { signed } = await withdrawal(node, { delegation, from: "staking", coin, stakers: [staker] });
  assert.equal(await refusal(node, signed), "non-BIP68-final");
  await node.mine(9);
  assert.equal(await node.send(signed.toBuffer()), signed.getId());
});
