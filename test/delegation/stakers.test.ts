import { describe, expect, it } from "vitest";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { outpointOf } from "../../src/bitcoin/transaction.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { checkDelegation } from "../../src/delegation/check.js";
import { type Delegation, stakeCoin, unbondedCoin } from "../../src/delegation/delegation.js";
import { delegationToJson } from "../../src/delegation/json.js";
import { finishUnbonding, signUnbonding } from "../../src/delegation/sign.js";
import { slashingSpend, unbondingSpend } from "../../src/delegation/spends.js";
import { finishSlashing } from "../../src/extract/slashing.js";
import { slashingChangeOutput, stakingOutput, unbondingOutput } from "../../src/script/outputs.js";
import type { KeySet, StakeTerms } from "../../src/script/terms.js";
import {
  finishSpend,
  keySigner,
  leafSighash,
  type LeafSpend,
  signLeaf,
  withWitness,
} from "../../src/spending/spend.js";
import { assembleWitness, placeholderWitness } from "../../src/spending/witness.js";
import { buildWithdrawal, type Withdrawable } from "../../src/stake/withdrawal.js";
import { executes } from "../support/interpreter.js";
import { feeRate, P2WPKH } from "../support/lives.js";
import { codeOf, delegate, makeStake, signedBy, type TestStake } from "../support/stake.js";

/** A withdrawal from each of the three time locks of a delegation. */
function withdrawals({ terms, params }: TestStake, delegation: Delegation): LeafSpend[] {
  const { transaction } = delegation.slashing;
  const refund = { outpoint: outpointOf(transaction, 1), value: transaction.outs[1]!.value };
  const coins = { staking: stakeCoin(delegation), unbonding: unbondedCoin(delegation), refund };
  return Object.entries(coins).map(([from, coin]) =>
    buildWithdrawal({
      terms,
      params,
      from: from as Withdrawable,
      coin,
      destination: P2WPKH,
      feeRate: feeRate("2"),
    }),
  );
}

const runs = (signed: Transaction, { prevouts }: LeafSpend) => executes(signed, 0, prevouts);

describe("one staker, given as 1 of 1", () => {
  const plain = makeStake({ seed: "one" });
  const key = plain.terms.staker as Uint8Array;
  const set: TestStake = { ...plain, terms: { ...plain.terms, staker: { keys: [key], quorum: 1 } } };

  it("has the outputs of the ordinary scripts: leaves, addresses, descriptors", () => {
    const outputs = ({ staker, ...rest }: StakeTerms) => [
      stakingOutput({ staker, ...rest }, "regtest"),
      unbondingOutput({ staker, ...rest }, 20, "regtest"),
      slashingChangeOutput(staker, 20, "regtest"),
    ];
    expect(outputs(set.terms)).toEqual(outputs(plain.terms));
  });

  it("has the same transactions, digests and witnesses, byte for byte", async () => {
    const [a, b] = [await delegate(plain), await delegate(set)];
    const bytes = (delegation: Delegation, of: TestStake) => {
      const spends = [
        unbondingSpend(delegation),
        slashingSpend(delegation, "staking"),
        slashingSpend(delegation, "unbonding"),
        ...withdrawals(of, delegation),
      ];
      return spends.map((spend) => [
        spend.transaction.toHex(),
        leafSighash(spend),
        withWitness(spend, placeholderWitness(spend.leaf)).toHex(),
      ]);
    };
    expect(bytes(b, set)).toEqual(bytes(a, plain));
    // Only the document keeps the way in which it was said.
    expect(delegationToJson(b)).not.toBe(delegationToJson(a));
  });

  it("accepts the signatures of either document", async () => {
    const [a, b] = [await delegate(plain), await delegate(set)];
    const signed = await signUnbonding(
      await signedBy(plain, a, [0, 1, 2]),
      keySigner(plain.stakerSecrets[0]!),
    );
    const moved = { ...b, unbonding: signed.unbonding, slashing: signed.slashing };
    checkDelegation(moved);
    expect(finishUnbonding(moved).toHex()).toBe(finishUnbonding(signed).toHex());
  });
});

describe.each([
  [1, 2],
  [2, 2],
  [2, 3],
  [3, 5],
])("%i of %i stakers", (quorum, count) => {
  const stake = makeStake({
    seed: `${quorum} of ${count}`,
    stakers: count,
    stakerQuorum: quorum,
    providers: 2,
  });
  const { keys } = stake.terms.staker as KeySet;
  const signers = stake.stakerSecrets.map(keySigner);

  let signedByMembers: Promise<Delegation> | undefined;

  /** The delegation whose unbonding these stakers signed, with three members of the committee. */
  async function ready(stakers: readonly number[]): Promise<Delegation> {
    signedByMembers ??= delegate(stake).then((made) => signedBy(stake, made, [0, 2, 4]));
    let delegation = await signedByMembers;
    for (const i of stakers) delegation = await signUnbonding(delegation, signers[i]!);
    checkDelegation(delegation);
    return delegation;
  }

  /** A leaf spend with signatures by the first so many stakers and by exactly the others who must sign, for each number. */
  function signedByStakers(spend: LeafSpend): Transaction[] {
    const [, ...others] = spend.leaf.signers;
    const secrets = [...stake.stakerSecrets, ...stake.providerSecrets, ...stake.memberSecrets];
    const signatures = secrets.map((secret) => ({
      publicKey: keySigner(secret).publicKey,
      signature: schnorr.sign(secret, leafSighash(spend)),
    }));
    return Array.from({ length: count + 1 }, (_, many) => {
      const named = [keys.slice(0, many), ...others.map((set) => set.keys.slice(0, set.quorum))].flat();
      const chosen = signatures.filter(({ publicKey }) =>
        named.some((key) => Buffer.compare(key, publicKey) === 0),
      );
      return withWitness(spend, assembleWitness(spend.leaf, chosen));
    });
  }

  it("unbond with any quorum of them, and not with one fewer", async () => {
    const last = Array.from({ length: quorum }, (_, i) => count - 1 - i);
    const delegation = await ready(last);
    const finished = finishUnbonding(delegation);
    expect(runs(finished, unbondingSpend(delegation))).toBe(true);
    // One slot a key: the committee's, then the stakers'.
    expect(finished.ins[0]!.witness).toHaveLength(5 + count + 2);
    expect(finished.ins[0]!.witness.filter(({ length }) => length === 0)).toHaveLength(2 + count - quorum);
    expect(await codeOf(async () => finishUnbonding(await ready(last.slice(1))))).toBe("missing-signature");
    const everybody = await ready(keys.map((_, i) => i));
    expect(runs(finishUnbonding(everybody), unbondingSpend(everybody))).toBe(true);
  });

  it("are slashed by either finality provider, in both outputs, and keep the refund", async () => {
    const delegation = await ready([]);
    const refund = slashingChangeOutput(stake.terms.staker, stake.params.unbondingTime, "regtest");
    for (const from of ["staking", "unbonding"] as const) {
      for (const secret of stake.providerSecrets) {
        const finished = finishSlashing(delegation, from, secret);
        expect(runs(finished, slashingSpend(delegation, from))).toBe(true);
        expect(finished.outs[1]!.script).toEqual(refund.script);
      }
    }
    const { slashing } = delegation;
    const short = { ...slashing, stakerSignatures: slashing.stakerSignatures.slice(1) };
    const few = { ...delegation, slashing: short };
    expect(await codeOf(() => checkDelegation(few))).toBe("invalid-staker-signature");
    expect(await codeOf(() => finishSlashing(few, "staking", stake.providerSecrets[0]!))).not.toBe("passed");
  });

  it("withdraw after every time lock", async () => {
    const delegation = await ready([]);
    for (const spend of withdrawals(stake, delegation)) {
      const signatures = await Promise.all(signers.slice(-quorum).map((signer) => signLeaf(spend, signer)));
      expect(runs(finishSpend(spend, signatures), spend)).toBe(true);
      expect(await codeOf(() => finishSpend(spend, signatures.slice(1)))).toBe("missing-signature");
    }
  });

  it("need exactly a quorum of signatures on every path, by Bitcoin's rules", async () => {
    const delegation = await ready([]);
    const spends = [
      unbondingSpend(delegation),
      slashingSpend(delegation, "staking"),
      slashingSpend(delegation, "unbonding"),
      ...withdrawals(stake, delegation),
    ];
    for (const spend of spends) {
      const judged = signedByStakers(spend).map((signed) => runs(signed, spend));
      expect(judged).toEqual(judged.map((_, many) => many === quorum));
    }
  });
});
