import { coSign, committee, type Party, party, type RegtestNode, stakeMany } from "../../../regtest/index.js";
import type { Transaction } from "../../../src/bitcoin/transaction-class.js";
import { type Delegation, presignedSlashing } from "../../../src/delegation/delegation.js";
import { finishUnbonding, signUnbonding } from "../../../src/delegation/sign.js";
import { regtest } from "../../../src/params/data/regtest.js";
import { keySigner } from "../../../src/spending/spend.js";
import type { Slashable } from "../../../src/stake/slashing.js";

const [own] = regtest.versions as [(typeof regtest.versions)[0]];

/** Mainnet's fees: the unbonding pays 100 sat/vB, the slashing 281 (WATCH.md, the mempool race). */
export const params = {
  ...own,
  unbondingFee: 9_600n,
  slashing: { ...own.slashing!, minFee: 100_000n },
};
export const staker = party("tower staker");

let parties = 0;
/** A provider with a key of its own. */
export const newProvider = (): Party => party(`tower provider ${parties++}`);

let stakes = 0;
/** One stake with each of these providers, mined in one block and signed by a quorum of the committee. */
export async function openStakes(node: RegtestNode, providers: readonly Party[]): Promise<Delegation[]> {
  const opened = await stakeMany(
    node,
    providers.map((provider) => ({
      terms: {
        staker: staker.publicKey,
        finalityProviders: [provider.publicKey],
        covenant: params.covenant,
        timelock: 1000 + stakes++,
      },
      params,
      value: 2_000_000n,
      stakers: [staker],
    })),
  );
  return Promise.all(opened.map((each) => coSign(each, committee.slice(0, params.covenant.quorum))));
}

export async function unbondingOf(delegation: Delegation): Promise<Transaction> {
  return finishUnbonding(await signUnbonding(delegation, keySigner(staker.secretKey)));
}

export const slashingOf = (delegation: Delegation, from: Slashable = "staking"): Transaction =>
  presignedSlashing(delegation, from).transaction;

/** Of a transaction that the node knows; null where it has lost it or never had it. */
export async function confirmationsOf(
  { rpc }: RegtestNode,
  transaction: Transaction,
): Promise<number | null> {
  try {
    return (await rpc.gettransactioninfo(transaction.getId())).confirmations ?? 0;
  } catch {
    return null;
  }
}
