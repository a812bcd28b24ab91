// The regtest harness in a test of your own: a private bitcoind, funded, mined and stopped.
import { paramsAt, regtest, stakeCoin } from "tapstake";
import { coSign, committee, party, refusal, stake, startNode, withdrawal } from "tapstake/regtest";

const node = await startNode();
try {
  const [staker, provider] = [party("staker"), party("provider")];
  const params = paramsAt(regtest, 0);
  const terms = {
    staker: staker.publicKey,
    finalityProviders: [provider.publicKey],
    covenant: params.covenant,
    timelock: 10,
  };
  // Staked with coins of the node's wallet, mined, and signed by three members of the committee.
  const opened = await stake(node, { terms, params, value: 1_000_000n, stakers: [staker] });
  const delegation = await coSign(opened, committee.slice(0, 3));

  // Too early: bitcoind itself says so. After ten blocks it is mined.
  const request = { delegation, from: "staking", coin: stakeCoin(delegation), stakers: [staker] } as const;
  const { signed, value } = await withdrawal(node, request);
  console.log("too early:", await refusal(node, signed));
  await node.mine(9);
  console.log("withdrawn:", await node.send(signed.toBuffer()), `${value} satoshi`);
} finally {
  await node.stop();
}
