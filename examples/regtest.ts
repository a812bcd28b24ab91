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
const members = committee.slice(0, 3); // a quorum of the regtest committee: it signs before the coins are locked
const delegation = await stake(node, {
  terms,
  params,
  value: 1_000_000n,
  stakers: [staker],
  committee: members,
});
const request = { delegation, from: "staking", coin: stakeCoin(delegation), stakers: [staker] } as const;
const { signed, value } = await withdrawal(node, request);
console.log(await refusal(node, signed)); // "non-BIP68-final": bitcoind refuses it before block 10
await node.mine(9);
console.log(await node.send(signed.toBuffer()), value); // the txid and the satoshi paid out

await node.stop();
