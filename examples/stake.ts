// A stake from terms to a finished unbonding, without a node: what a wallet, a committee and a watchtower do.
import {
  addCovenantSignatures,
  buildStaking,
  checkDelegation,
  covenantSigner,
  createDelegation,
  delegationFromJson,
  delegationToJson,
  finishUnbonding,
  hex,
  keySigner,
  paramsAt,
  parseRate,
  publicKeyOf,
  regtest,
  scriptOfAddress,
  signAsMember,
  signSlashings,
  signUnbonding,
  stakingOutput,
  TapstakeError,
} from "tapstake";
import { committee } from "tapstake/regtest";

// 1. Terms: who stakes, with which finality provider, under which committee, for how long.
const stakerSecret = crypto.getRandomValues(new Uint8Array(32));
const finalityProvider = hex.decode("db9160428e401753dc1a9952ffd4fa3386c7609cf8411d2b6d79c42323ca9923");
const params = paramsAt(regtest, 100);
const terms = {
  staker: publicKeyOf(stakerSecret),
  finalityProviders: [finalityProvider],
  covenant: params.covenant,
  timelock: 1_000,
};
const { address, descriptor } = stakingOutput(terms, params.network);
console.log(`stake to ${address}`);
console.log(`which Bitcoin Core knows as ${descriptor.slice(0, 40)}…`);

// 2. The staking transaction, as a PSBT that any wallet signs.
const change = scriptOfAddress("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", "regtest");
const coin = { outpoint: { hash: new Uint8Array(32).fill(7), index: 0 }, value: 2_000_000n, script: change };
const feeRate = parseRate("2.5");
const staking = buildStaking({
  terms,
  params,
  value: 1_000_000n,
  coins: [coin],
  changeScript: change,
  feeRate,
});
console.log(
  `fee ${staking.fee} satoshi, change ${staking.change}; PSBT ${staking.psbt.toBase64().slice(0, 24)}…`,
);

// 3. Everything that can happen later is built now, and signed in advance by the staker.
let delegation = createDelegation(terms, params, staking);
delegation = await signSlashings(delegation, keySigner(stakerSecret));

// 4. Committee members check every rule, by parameters and a height of their own, then sign. What breaks a rule is refused with that rule's code.
const own = { set: regtest, height: 100 };
for (const member of committee.slice(0, params.covenant.quorum)) {
  const signatures = await signAsMember(delegation, covenantSigner(member.secretKey), own);
  delegation = addCovenantSignatures(delegation, signatures);
}
try {
  checkDelegation({ ...delegation, unbondingTime: 1 });
} catch (error) {
  if (error instanceof TapstakeError) console.log(`refused: ${error.code}: ${error.message}`);
}

// 5. The record travels as JSON; whoever gets it checks it again.
const received = delegationFromJson(delegationToJson(delegation));
checkDelegation(received);

// 6. One day the staker signs the unbonding, and the committee's signatures are already there.
const unbonding = finishUnbonding(await signUnbonding(received, keySigner(stakerSecret)));
console.log(`unbonding ${unbonding.getId()}, ${unbonding.virtualSize()} vB`);
