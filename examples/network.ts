// Two nodes part, and meet again; then fees rise, and a node loses its mempool.
import assert from "node:assert/strict";
import { paramsAt, parseRate, regtest } from "tapstake";
import {
  committee,
  crowd,
  doubleVote,
  heal,
  partition,
  party,
  slash,
  stake,
  startNodes,
  unbond,
} from "tapstake/regtest";

const [a, b] = await startNodes(2, { seed: "network" }); // the same chain in each run
const [staker, provider] = [party("staker"), party("provider")];
const params = paramsAt(regtest, 0);
const terms = {
  staker: staker.publicKey,
  finalityProviders: [provider.publicKey],
  covenant: params.covenant,
  timelock: 100,
};
const members = committee.slice(0, 3);
const request = { terms, params, value: 1_000_000n, stakers: [staker], committee: members };
const delegation = await stake(a!, request);

// The network parts: one half sees the stake unbonded, the other slashed. The longer chain wins.
await heal([a!, b!]);
await partition([[a!], [b!]]);
const unbonded = await unbond(a!, { delegation, stakers: [staker] });
const { secretKey } = doubleVote({ provider });
const slashed = await slash(b!, { delegation, secretKey, from: "staking" });
await b!.mine();
await heal([a!, b!]);
assert.equal((await a!.rpc.gettransactioninfo(slashed.txid)).confirmations, 2);
assert.equal((await a!.accepts(unbonded.transaction.toBuffer())).allowed, false);

// The last two blocks are replaced by empty ones; then bitcoind is killed, and comes back without its mempool.
await a!.reorganise({ depth: 2, transactions: [] });
await a!.restart({ kill: true, mempool: "empty" });
assert.deepEqual(await a!.rpc.getrawmempool(), []);

// One block is full of what pays 300 sat/vB: a slashing, whose fee was fixed when the stake began, waits.
await crowd(a!, { feeRate: parseRate("300") });
await a!.send(slashed.transaction.toBuffer(), { maxBurn: 1_000_000n });
await a!.mine();
assert.ok((await a!.rpc.getrawmempool()).includes(slashed.txid));
await Promise.all([a!.stop(), b!.stop()]);
