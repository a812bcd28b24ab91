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

// Whose stake it is, what pays for it, and where the change goes. A wallet knows all three.
const stakerSecret = crypto.getRandomValues(new Uint8Array(32));
const staker = publicKeyOf(stakerSecret);
const provider = hex.decode("db9160428e401753dc1a9952ffd4fa3386c7609cf8411d2b6d79c42323ca9923");
const changeScript = scriptOfAddress("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", "regtest");
const outpoint = { txid: "07".repeat(32), vout: 0 };
const coins = [{ outpoint, value: 2_000_000n, script: changeScript }];

// 1. The terms, the staking transaction, and the three transactions that may follow it. Amounts are satoshi.
const params = paramsAt(regtest, 100); // the parameters in force at block 100
const terms = { staker, finalityProviders: [provider], covenant: params.covenant, timelock: 1_000 };
const feeRate = parseRate("2.5"); // sat/vB
const staking = buildStaking({ terms, params, value: 1_000_000n, coins, changeScript, feeRate });
const delegation = createDelegation(terms, params, staking); // holds the unbonding and both slashings
// Any wallet signs this last, after the committee has signed the unbonding and the slashings.
console.log(staking.psbt.toBase64());

const { address, descriptor } = stakingOutput(terms, params.network);
console.log(`stake to ${address}`);
console.log(`which Bitcoin Core knows as ${descriptor.slice(0, 40)}…`);
console.log(`fee ${staking.fee} satoshi, change ${staking.change}`);

// 2. The staker signs both slashings in advance.
let signed = await signSlashings(delegation, keySigner(stakerSecret));

// 3. Committee members check every rule with their own parameters and height, then sign. A broken rule has its own code.
const own = { set: regtest, height: 100 };
for (const member of committee.slice(0, params.covenant.quorum)) {
  const signatures = await signAsMember(signed, covenantSigner(member.secretKey), own);
  signed = addCovenantSignatures(signed, signatures);
}
try {
  checkDelegation({ ...signed, unbondingTime: 1 });
} catch (error) {
  if (error instanceof TapstakeError) console.log(`refused: ${error.code}: ${error.message}`);
}

// 4. The record travels as JSON; each recipient checks it again.
const received = delegationFromJson(delegationToJson(signed));
checkDelegation(received);

// 5. One day the staker signs the unbonding, and the committee's signatures are already there.
const unbonding = finishUnbonding(await signUnbonding(received, keySigner(stakerSecret)));
console.log(`unbonding ${unbonding.getId()}, ${unbonding.virtualSize()} vB`);
