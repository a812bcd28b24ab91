import { bech32 } from "@scure/base";
import { describe, expect, it } from "vitest";
import type { InclusionProof } from "../../src/babylon/inclusion.js";
import { readUndelegate, undelegateMessage } from "../../src/babylon/undelegation.js";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { parseRate } from "../../src/core/amount.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { stakeCoin } from "../../src/delegation/delegation.js";
import { finishExpansion, finishUnbonding, signExpansion, signUnbonding } from "../../src/delegation/sign.js";
import { expansionSpend, unbondingSpend } from "../../src/delegation/spends.js";
import { finishSlashing } from "../../src/extract/slashing.js";
import { finishSpend, keySigner, signLeaf } from "../../src/spending/spend.js";
import { assembleWitness } from "../../src/spending/witness.js";
import { buildWithdrawal } from "../../src/stake/withdrawal.js";
import { expand, walletSigned } from "../support/expansion.js";
import { refusal } from "../support/refusal.js";
import { delegate, makeStake, secretOf, signedBy } from "../support/stake.js";

const signer = bech32.encodeFromBytes("bbn", secretOf("signer").slice(0, 20));
const inclusion: InclusionProof = {
  key: { index: 2, hash: new Uint8Array(32).fill(5) },
  proof: new Uint8Array(64).fill(6),
};
const stake = makeStake({ providers: 2 });
const delegation = await delegate(stake);
const covered = await signedBy(stake, delegation, [0, 1, 2]);
const unbonding = finishUnbonding(await signUnbonding(covered, keySigner(stake.stakerSecrets[0]!)));

describe("the message of a spent stake", () => {
  const told = (transaction: Transaction, fundingTransactions: readonly Transaction[] = []) => {
    return () => undelegateMessage(delegation, { signer, transaction, inclusion, fundingTransactions });
  };
  const withWitness = (change: (witness: readonly Uint8Array[]) => readonly Uint8Array[]) => {
    const changed = unbonding.clone();
    changed.setWitness(0, [...change(unbonding.ins[0]!.witness)]);
    return changed;
  };

  it.each<[string, ErrorCode, (witness: readonly Uint8Array[]) => readonly Uint8Array[]]>([
    ["a witness of bytes only", "witness-mismatch", () => [new Uint8Array(3)]],
    ["a leaf of another script", "witness-mismatch", (w) => w.toSpliced(-2, 1, Uint8Array.of(0x51))],
    ["another control block", "witness-mismatch", (w) => w.toSpliced(-1, 1, new Uint8Array(33))],
    ["a slot more", "witness-mismatch", (w) => [new Uint8Array(0), ...w]],
    ["an annex that is not signed over", "invalid-signature", (w) => [...w, Uint8Array.of(0x50)]],
    ["no signature of the staker", "missing-signature", (w) => w.toSpliced(-3, 1, new Uint8Array(0))],
    [
      "a member's signature too few",
      "missing-signature",
      (w) => w.with(signedSlots(w)[0]!, new Uint8Array(0)),
    ],
    ["a forged signature", "invalid-signature", (w) => w.toSpliced(-3, 1, new Uint8Array(64).fill(1))],
  ])("is refused with %s", (_, code, change) => {
    const changed = withWitness(change);
    refusal(code, told(changed));
  });

  /** Which slots of the committee have a signature. */
  const signedSlots = (witness: readonly Uint8Array[]) =>
    witness.slice(0, -3).flatMap(({ length }, i) => (length > 0 ? [i] : []));

  it("is refused with a signature more than the quorum", async () => {
    const spend = unbondingSpend(delegation);
    const secrets = [stake.stakerSecrets[0]!, ...stake.memberSecrets.slice(0, 4)];
    const signatures = await Promise.all(secrets.map((secret) => signLeaf(spend, keySigner(secret))));
    const crowded = unbonding.clone();
    crowded.setWitness(0, assembleWitness(spend.leaf, signatures));
    refusal("witness-mismatch", told(crowded));
  });

  it("reports a slashing, a withdrawal, and any other spend by a leaf", async () => {
    const { terms, params } = stake;
    const coin = stakeCoin(delegation);
    const destination = delegation.unbonding.transaction.outs[0]!.script;
    const feeRate = parseRate("2");
    const withdrawal = buildWithdrawal({ terms, params, from: "staking", coin, destination, feeRate });
    const owner = keySigner(stake.stakerSecrets[0]!);
    const spent = finishSpend(withdrawal, [await signLeaf(withdrawal, owner)]);
    expect(told(spent)().stakeSpendingTx).toEqual(Uint8Array.from(spent.toBuffer()));
    const slashed = finishSlashing(covered, "staking", stake.providerSecrets[1]!);
    expect(told(slashed)().stakeSpendingTx).toEqual(Uint8Array.from(slashed.toBuffer()));
  });

  it("reports an expansion with the transaction of its other coin, whose output is signed over", async () => {
    const plain = makeStake({ seed: "undelegated" });
    const before = await delegate(plain);
    const members = await signedBy(plain, await expand(plain), [0, 1, 2]);
    const signed = await signExpansion(members, keySigner(plain.stakerSecrets[0]!));
    const transaction = finishExpansion(signed, walletSigned(expansionSpend(signed)));
    const funding = members.expansion!.funding.transaction!;
    const about = (fundingTransactions: readonly Transaction[]) => () =>
      undelegateMessage(before, { signer, transaction, inclusion, fundingTransactions });
    const message = about([funding])();
    const parents = readUndelegate(message, before).fundingTransactions.map((one) => one.getId());
    expect(parents).toEqual([before.staking.transaction.getId(), funding.getId()]);
    refusal("message-mismatch", about([]));
    refusal("message-mismatch", about([before.staking.transaction]));
    refusal("message-mismatch", () => readUndelegate({ ...message, fundingTransactions: [] }, before));
    const other = transaction.clone();
    other.ins[1]!.index = 9;
    refusal("output-not-found", () =>
      undelegateMessage(before, { signer, transaction: other, inclusion, fundingTransactions: [funding] }),
    );
  });
});
