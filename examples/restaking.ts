// What one fault of a finality provider costs, and whether an attack can pay: from the chain's delegations.
import { mainnet } from "tapstake";
import { doubleSign, findAttack, graphOfChain, loadSolver, modelOf } from "tapstake/restaking";

const [north, south] = ["01".repeat(32), "02".repeat(32)];
// Of the answer of a server of the chain, the fields that count.
const delegations = [
  { fp_btc_pk_list: [north], total_sat: "100000000", status_desc: "ACTIVE" },
  { fp_btc_pk_list: [north], total_sat: "50000000000", status_desc: "ACTIVE" },
  { fp_btc_pk_list: [south], total_sat: "70000000000", status_desc: "ACTIVE" },
];

const { slashing, unbondingTime } = mainnet.versions.at(-1)!;
const { rate, minFee } = slashing!;
const rules = { rate: [rate.numerator, rate.denominator], minFee, unbondingTime } as const;
const graph = graphOfChain({ delegations }, rules, { profit: 500_000_000n });

for (const { amount, backingLost, loss } of doubleSign(graph, north).pools) {
  console.log(`a double sign takes ${loss} of ${amount} satoshi, and ${backingLost} of backing`);
}

const answer = findAttack(modelOf(graph), { solver: await loadSolver() });
console.log(answer.class, answer.coalition?.cost);
