import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Transaction } from "../src/bitcoin/transaction-class.js";
import type { UnspentOutput } from "../src/bitcoin/transaction.js";
import { concatBytes } from "../src/core/bytes.js";
import { schnorr } from "../src/crypto/schnorr.js";
import { checkDelegation } from "../src/delegation/check.js";
import { type Delegation, stakeCoin, unbondedCoin } from "../src/delegation/delegation.js";
import { finishUnbonding, signSlashings, signUnbonding } from "../src/delegation/sign.js";
import { slashingSpend, unbondingSpend } from "../src/delegation/spends.js";
import { finishSlashing } from "../src/extract/slashing.js";
import { finishSpend, keySigner, leafSighash, type LeafSpend } from "../src/spending/spend.js";
import type { Slashable } from "../src/stake/slashing.js";
import type { Withdrawable } from "../src/stake/withdrawal.js";
import { failure } from "../test/support/errors.js";
import { type Mutation, mutationsOf } from "../test/support/mutations.js";
import { type Participants, participantsOf, type Shape, signed } from "../test/support/participants.js";
import { some } from "../test/support/runs.js";
import { expectAccepted, expectScriptFailure, expectTooEarly, SCRIPT } from "../test/support/verdicts.js";
import {
  coSign,
  mineToOneBlockEarly,
  refundCoin,
  type RegtestNode,
  stakeMany,
  startNode,
  withdrawal,
} from "./index.js";

interface Case extends Shape {
  readonly slashingVersion: 1 | 2;
}

/** Every size of committee, every number of providers, and both kinds of staker, each at least once. */
const CASES: readonly Case[] = [
  { stakers: [1, 1], providers: 1, committee: [1, 1], slashingVersion: 2 },
  { stakers: [2, 3], providers: 4, committee: [1, 1], slashingVersion: 1 },
  { stakers: [1, 1], providers: 2, committee: [3, 5], slashingVersion: 1 },
  { stakers: [2, 3], providers: 1, committee: [3, 5], slashingVersion: 2 },
  { stakers: [1, 1], providers: 4, committee: [6, 9], slashingVersion: 2 },
  { stakers: [2, 3], providers: 2, committee: [6, 9], slashingVersion: 1 },
  { stakers: [1, 1], providers: 1, committee: [11, 20], slashingVersion: 1 },
  { stakers: [2, 3], providers: 4, committee: [11, 20], slashingVersion: 2 },
];

const nameOf = ({ stakers, providers, committee, slashingVersion }: Case) =>
  `${stakers.join(" of ")} stakers, ${providers} providers, ${committee.join(" of ")} members, ` +
  `slashing of version ${slashingVersion}`;

const VALUE = 200_000n;
/** Longer than all that happens before the withdrawals, in blocks. */
const TIMELOCK = 40;
const UNBONDING_TIME = 17;

let node: RegtestNode;
beforeAll(async () => {
  node = await startNode({ corePolicy: true });
});
afterAll(() => node?.stop());

describe.each(some(CASES, 1).map((shape) => [nameOf(shape), shape] as const))("%s", (name, shape) => {
  const participants = participantsOf(name, shape, UNBONDING_TIME);
  const signing = participants.stakers.slice(0, shape.stakers[0]);
  /** The outputs of the four stakes. */
  let left: Delegation, unbonded: Delegation, slashed: Delegation, slashedLate: Delegation;
  /** Refunds of the two slashings. */
  const refunds: UnspentOutput[] = [];

  beforeAll(async () => {
    const requests = [0, 1, 2, 3].map((i) => ({
      terms: participants.terms(TIMELOCK + i),
      params: participants.params,
      value: VALUE,
      stakers: signing,
    }));
    const stakes = await stakeMany(node, requests);
    // Any members make a quorum: here the last ones; `mutationsOf` takes the first by key.
    const members = participants.committee.slice(-shape.committee[0]);
    const ready = await Promise.all(
      stakes.map(async (stake, i) => {
        let delegation = withSlashingVersion(stake, shape.slashingVersion);
        // It is only withdrawn: nothing of it is signed in advance.
        if (i === 0) return delegation;
        for (const { secretKey } of signing)
          delegation = await signSlashings(delegation, keySigner(secretKey));
        delegation = await coSign(delegation, members);
        for (const { secretKey } of signing)
          delegation = await signUnbonding(delegation, keySigner(secretKey));
        checkDelegation(delegation);
        return delegation;
      }),
    );
    [left, unbonded, slashed, slashedLate] = ready as [Delegation, Delegation, Delegation, Delegation];
  });

  test("unbonding: only valid signatures are accepted", async () => {
    const spend = unbondingSpend(unbonded);
    await expectAllRefused(await mutationsOf(spend, participants));
    await expectAccepted(node, await signed(spend, participants));
    await expectAccepted(node, await withHashTypeAll(spend, unbonded, participants));
    const transaction = finishUnbonding(unbonded);
    await expectAccepted(node, transaction);
    await node.mineTransactions([transaction.toBuffer()]);
  });

  test("slashing of the stake: only valid signatures are accepted, by each finality provider", async () => {
    await expectOnlyRightSlashing(slashed, "staking", participants);
    const transaction = finishSlashing(slashed, "staking", participants.providers.at(-1)!.secretKey);
    const burnt = transaction.outs[0]!.value;
    const refused = await failure(node.send(transaction.toBuffer(), { maxBurn: burnt - 1n }), "node-refused");
    expect(refused.details["reason"]).toContain("maxburnamount");
    await node.send(transaction.toBuffer(), { maxBurn: burnt });
    await node.mine();
    refunds.push(refundCoin(transaction));
  });

  test("slashing while unbonding: only valid signatures are accepted, by each finality provider", async () => {
    await node.send(finishUnbonding(slashedLate).toBuffer());
    await node.mine();
    await expectOnlyRightSlashing(slashedLate, "unbonding", participants);
    const transaction = finishSlashing(slashedLate, "unbonding", participants.providers[0]!.secretKey);
    // Consensus has no limit on burnt value.
    await node.mineTransactions([transaction.toBuffer()]);
    refunds.push(refundCoin(transaction));
  });

  test("withdrawals from every time lock: only valid signatures are accepted, and not a block early", async () => {
    const coins: readonly (readonly [Withdrawable, Delegation, UnspentOutput])[] = [
      ["unbonding", unbonded, unbondedCoin(unbonded)],
      ["refund", slashed, refunds[0]!],
      ["refund", slashedLate, refunds[1]!],
      ["staking", left, stakeCoin(left)],
    ];
    const ripe: Uint8Array[] = [];
    for (const [from, delegation, coin] of coins) {
      const built = await withdrawal(node, { delegation, from, coin, stakers: signing });
      await mineToOneBlockEarly(node, coin, built.timelock);
      await expectTooEarly(node, built.signed);
      await expectAllRefused(await wrongLocks(built, participants));
      await node.mine();
      await expectAllRefused(await mutationsOf(built, participants));
      await expectAccepted(node, built.signed);
      ripe.push(built.signed.toBuffer());
    }
    await node.mineTransactions(ripe);
  });
});

async function expectOnlyRightSlashing(
  delegation: Delegation,
  from: Slashable,
  participants: Participants,
): Promise<void> {
  const spend = slashingSpend(delegation, from);
  await expectAllRefused(await mutationsOf(spend, participants));
  for (const { secretKey } of participants.providers) {
    await expectAccepted(node, finishSlashing(delegation, from, secretKey));
  }
}

/** Policy and consensus refuse each for its own reason. */
async function expectAllRefused(wrong: readonly Mutation[]): Promise<void> {
  expect(wrong.length).toBeGreaterThan(0);
  for (const { what, transaction, reason } of wrong) {
    await expectScriptFailure(node, transaction, reason, what);
  }
}

/** The withdrawal with locks that its script must refuse, each signed anew. */
async function wrongLocks(
  spend: LeafSpend & { timelock: number },
  participants: Participants,
): Promise<Mutation[]> {
  const relocked = async (what: string, alter: (transaction: Transaction) => void): Promise<Mutation> => {
    const transaction = spend.transaction.clone();
    alter(transaction);
    return {
      what,
      transaction: await signed({ ...spend, transaction }, participants),
      reason: SCRIPT.locktime,
    };
  };
  return Promise.all([
    relocked("a sequence of one block less", ({ ins }) => {
      ins[0]!.sequence = spend.timelock - 1;
    }),
    relocked("a sequence without lock", ({ ins }) => {
      ins[0]!.sequence = 0xffff_ffff;
    }),
    relocked("version 1, for which sequences do not lock", (transaction) => {
      transaction.version = 1;
    }),
  ]);
}

/** The unbonding with a staker's signature of 65 bytes, with SIGHASH_ALL, as some wallets make it. */
async function withHashTypeAll(
  spend: LeafSpend,
  { unbonding }: Delegation,
  participants: Participants,
): Promise<Transaction> {
  const stakerSignatures = unbonding.stakerSignatures.map(({ publicKey }) => ({
    publicKey,
    signature: concatBytes(
      schnorr.sign(participants.of(publicKey).secretKey, leafSighash(spend, Transaction.SIGHASH_ALL)),
      Uint8Array.of(Transaction.SIGHASH_ALL),
    ),
  }));
  return finishSpend(spend, [...stakerSignatures, ...unbonding.covenantSignatures]);
}

/** The Go reference writes slashing transactions of version 1, our builder of version 2. */
function withSlashingVersion(delegation: Delegation, version: 1 | 2): Delegation {
  const versioned = <T extends { readonly transaction: Transaction }>(presigned: T): T => {
    const transaction = presigned.transaction.clone();
    transaction.version = version;
    return { ...presigned, transaction };
  };
  return {
    ...delegation,
    slashing: versioned(delegation.slashing),
    unbondingSlashing: versioned(delegation.unbondingSlashing),
  };
}
