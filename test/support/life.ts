import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { outpointOf, type UnspentOutput } from "../../src/bitcoin/transaction.js";
import { parseRate } from "../../src/core/amount.js";
import { utf8 } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { addCovenantSignatures, covenantSigner, signAsMember } from "../../src/covenant/member.js";
import {
  createDelegation,
  type Delegation,
  stakeCoin,
  unbondedCoin,
} from "../../src/delegation/delegation.js";
import { finishUnbonding, signSlashings, signUnbonding } from "../../src/delegation/sign.js";
import { finishSlashing } from "../../src/extract/slashing.js";
import { regtest } from "../../src/params/data/regtest.js";
import { stakingOutput } from "../../src/script/outputs.js";
import { finishSpend, keySigner, signLeaf } from "../../src/spending/spend.js";
import { buildWithdrawal, type Withdrawable } from "../../src/stake/withdrawal.js";
import { inForce } from "./stake.js";

/** A party whose secret is the hash of its name. */
export function party(name: string) {
  const secretKey = sha256(utf8(name));
  return { secretKey, publicKey: publicKeyOf(secretKey) };
}

export const staker = party("staker");
export const provider = party("finality provider");
const params = regtest.versions[0]!;
/** The three members of the regtest committee who sign, of five. */
export const signers = [1, 3, 5].map((i) => party(`tapstake regtest covenant member ${i}`));

/** A stake of regtest and every transaction of its life, signed; no node knows of it. */
export interface Life {
  readonly delegation: Delegation;
  readonly staking: Transaction;
  readonly unbonding: Transaction;
  readonly slashing: Transaction;
  readonly unbondingSlashing: Transaction;
  readonly withdrawals: Readonly<Record<Withdrawable, Transaction>>;
}

/** @param value satoshi */
export async function wholeLife(value = 1_000_000n): Promise<Life> {
  const terms = {
    staker: staker.publicKey,
    finalityProviders: [provider.publicKey],
    covenant: params.covenant,
    timelock: 1000,
  };
  const staking = new Transaction();
  staking.version = 2;
  staking.addInput(sha256(utf8("some coin")), 0);
  staking.addOutput(stakingOutput(terms, "regtest").script, value);
  let delegation = createDelegation(terms, params, { transaction: staking, txidFinal: true });
  delegation = await signSlashings(delegation, keySigner(staker.secretKey));
  delegation = await signUnbonding(delegation, keySigner(staker.secretKey));
  const unsigned = delegation;
  for (const { secretKey } of signers) {
    delegation = addCovenantSignatures(
      delegation,
      await signAsMember(unsigned, covenantSigner(secretKey), inForce(params)),
    );
  }
  const slashing = finishSlashing(delegation, "staking", provider.secretKey);
  const withdraw = async (from: Withdrawable, coin: UnspentOutput) => {
    const destination = Uint8Array.of(0, 20, ...new Uint8Array(20).fill(7));
    const built = buildWithdrawal({ terms, params, from, coin, destination, feeRate: parseRate("2") });
    return finishSpend(built, [await signLeaf(built, keySigner(staker.secretKey))]);
  };
  return {
    delegation,
    staking,
    unbonding: finishUnbonding(delegation),
    slashing,
    unbondingSlashing: finishSlashing(delegation, "unbonding", provider.secretKey),
    withdrawals: {
      staking: await withdraw("staking", stakeCoin(delegation)),
      unbonding: await withdraw("unbonding", unbondedCoin(delegation)),
      refund: await withdraw("refund", { outpoint: outpointOf(slashing, 1), value: slashing.outs[1]!.value }),
    },
  };
}
