// The regtest harness in a test of your own: a private bitcoind, funded, mined and stopped.
import { paramsAt, regtest, stakeCoin } from "tapstake";
import { committee, party, refusal, stake, startNode, withdrawal } from "tapstake/regtest";

const [staker, provider] = [party("staker"), party("provider")];
const params = paramsAt(regtest, 0);
const terms = {
  staker: staker.publicKey,
  finalityProviders: [provider.publicKey],
  covenant: params.covenant,
  timelock: 10,
};

const node = await startNode(); // a private bitcoind with coins; it ends with your program
const [stakers, members] = [[staker], committee.slice(0, 3)]; // 3 of 5 members sign before the coins are locked
const delegation = await stake(node, { terms, params, value: 1_000_000n, stakers, committee: members });
const request = { delegation, from: "staking", coin: stakeCoin(delegation), stakers } as const;
const { signed } = await withdrawal(node, request);
console.log(await refusal(node, signed)); // "non-BIP68-final": the stake is not 10 blocks old
await node.mine(9);
console.log(await node.send(signed.toBuffer())); // 10 blocks old now: its txid

await node.stop();
