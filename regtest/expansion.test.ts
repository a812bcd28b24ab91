import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scriptOfAddress } from "../src/bitcoin/address.js";
import type { Transaction } from "../src/bitcoin/transaction-class.js";
import { parseOutpoint } from "../src/bitcoin/transaction.js";
import { parseRate } from "../src/core/amount.js";
import { checkDelegation } from "../src/delegation/check.js";
import { createDelegation, type Delegation, stakeCoin, unbondedCoin } from "../src/delegation/delegation.js";
import { delegationFromJson, delegationToJson } from "../src/delegation/json.js";
import {
  finishExpansion,
  finishUnbonding,
  signExpansion,
  signSlashings,
  signUnbonding,
} from "../src/delegation/sign.js";
import { expansionSpend } from "../src/delegation/spends.js";
import { finishSlashing } from "../src/extract/slashing.js";
import type { ProtocolParams } from "../src/params/types.js";
import { unsignedPsbt } from "../src/psbt/write.js";
import { keySigner } from "../src/spending/spend.js";
import { buildExpansion } from "../src/stake/expansion.js";
import { fundingWitness } from "../src/stake/funding-coin.js";
import { type Mutation, mutationsOf } from "../test/support/mutations.js";
import { type Participants, participantsOf, type Shape } from "../test/support/participants.js";
import { expectAccepted, expectScriptFailure } from "../test/support/verdicts.js";
import {
  coSign,
  mineToOneBlockEarly,
  refundCoin,
  refusal,
  type RegtestNode,
  sendAndMine,
  stake,
  startNode,
  withdrawal,
} from "./index.js";
import { party, type Party } from "./parties.js";

const SHAPES: readonly (Shape & { readonly funding: "bech32" | "bech32m" })[] = [
  { stakers: [1, 1], providers: 1, committee: [3, 5], funding: "bech32" },
  { stakers: [2, 3], providers: 2, committee: [6, 9], funding: "bech32m" },
];
const nameOf = ({ stakers, committee, funding }: (typeof SHAPES)[number]) =>
  `${stakers.join(" of ")} stakers, ${committee.join(" of ")} members, a coin of a ${funding} address`;

const FEE_RATE = parseRate("3.5");
const VALUE = 500_000n;
const ADDED = 100_000n;
/** Above what the pre-signed transactions and the waits in between take, in blocks. */
const TIMELOCK = 30;

let node: RegtestNode;
beforeAll(async () => {
  node = await startNode({ corePolicy: true });
});
afterAll(() => node?.stop());

describe.each(SHAPES.map((shape) => [nameOf(shape), shape] as const))("%s", (name, shape) => {
  const participants = participantsOf(`expansion ${name}`, shape, 10);
  const signing = participants.stakers.slice(0, shape.stakers[0]);
  const quorum = shape.committee[0];

  /** The delegation with everything that the stakers and these members sign in advance. */
  async function signedInAdvance(unsigned: Delegation, members: readonly Party[]): Promise<Delegation> {
    let delegation = unsigned;
    for (const { secretKey } of signing) delegation = await signSlashings(delegation, keySigner(secretKey));
    delegation = await coSign(delegation, members);
    for (const { secretKey } of signing) delegation = await signUnbonding(delegation, keySigner(secretKey));
    checkDelegation(delegation);
    return delegation;
  }

  async function opened(): Promise<Delegation> {
    const terms = participants.terms(TIMELOCK);
    const delegation = await stake(node, {
      terms,
      params: participants.params,
      value: VALUE,
      stakers: signing,
    });
    return signedInAdvance(delegation, participants.committee.slice(-quorum));
  }

  interface Next {
    readonly params?: ProtocolParams;
    readonly members?: readonly Party[];
    readonly change?: bigint;
    /** Made by another program, which pays the change to two outputs, one on either side of the stake. */
    readonly split?: boolean;
  }

  /** Expands a stake by a coin of the node's wallet; nothing is sent. */
  async function expand(previous: Delegation, next: Next = {}) {
    const {
      params = participants.params,
      members = participants.committee.slice(0, quorum),
      change = 50_000n,
      split = false,
    } = next;
    const terms = { ...previous.terms, covenant: params.covenant, timelock: previous.terms.timelock + 5 };
    const value = stakeCoin(previous).value + ADDED;
    const funded = await node.fund(await node.rpc.getnewaddress(shape.funding), ADDED + change);
    const built = buildExpansion({
      previous,
      terms,
      params,
      value,
      coin: {
        outpoint: parseOutpoint(`${funded.txid}:${funded.vout}`),
        value: funded.value,
        script: funded.script,
      },
      changeScript: scriptOfAddress(await node.rpc.getnewaddress(), "regtest"),
      feeRate: FEE_RATE,
    });
    const transaction = split ? withSplitChange(built.transaction) : built.transaction;
    let delegation = await signedInAdvance(createDelegation(terms, params, transaction, built), members);
    for (const { secretKey } of signing) delegation = await signExpansion(delegation, keySigner(secretKey));
    const asked = split ? unsignedPsbt(transaction, built.prevouts) : built.psbt;
    const { psbt } = await node.rpc.walletprocesspsbt(asked.toBase64());
    // The file that each party passed on suffices to finish it.
    delegation = delegationFromJson(delegationToJson(delegation));
    return { built, delegation, transaction: finishExpansion(delegation, psbt) };
  }

  test("a stake is expanded twice; earlier signatures of the expanded stakes spend nothing", async () => {
    const first = await opened();
    const second = await expand(first);
    await expectAllRefused(await expansionMutations(second.delegation, participants));
    await expectAccepted(node, finishUnbonding(first));
    await expectFeeRate(second.transaction, second.built.fee);
    await node.send(second.transaction.toBuffer());
    // Nodes replace what is in the mempool by what pays more, final sequences or not.
    expect(await refusal(node, finishUnbonding(first))).toMatch(/txn-mempool-conflict|insufficient fee/);
    await node.mine();

    // Three fifths and more of the committee stay, and sign the spend; the others only what is new.
    const stayed = participants.committee.slice(0, quorum);
    const joined = Array.from({ length: shape.committee[1] - quorum }, (_, i) =>
      party(`${name} joined ${i}`),
    );
    const keys = [...stayed, ...joined].map(({ publicKey }) => publicKey);
    const params = { ...participants.params, covenant: { keys, quorum } };
    const third = await expand(second.delegation, { params, members: stayed, change: 1_500n });
    await expectFeeRate(third.transaction, third.built.fee);
    await sendAndMine(node, third.transaction);

    for (const { delegation } of [{ delegation: first }, second]) {
      for (const spent of [
        finishUnbonding(delegation),
        finishSlashing(delegation, "staking", participants.providers[0]!.secretKey),
      ]) {
        expect(await refusal(node, spent)).toBe("missing-inputs");
      }
    }

    const slashing = finishSlashing(third.delegation, "staking", participants.providers.at(-1)!.secretKey);
    expect(slashing.outs[0]!.value).toBe((VALUE + 2n * ADDED) / 10n);
    await sendAndMine(node, slashing);
    await withdrawn(third.delegation, "refund", refundCoin(slashing));
  });

  test("an expanded stake unbonds, is slashed while it unbonds, or is withdrawn", async () => {
    const unbonded = await expand(await opened());
    await sendAndMine(node, unbonded.transaction);
    await sendAndMine(node, finishUnbonding(unbonded.delegation));
    await withdrawn(unbonded.delegation, "unbonding", unbondedCoin(unbonded.delegation));

    const slashed = await expand(await opened());
    await sendAndMine(node, slashed.transaction);
    await sendAndMine(node, finishUnbonding(slashed.delegation));
    await sendAndMine(
      node,
      finishSlashing(slashed.delegation, "unbonding", participants.providers[0]!.secretKey),
    );

    const kept = await expand(await opened());
    await sendAndMine(node, kept.transaction);
    const { value } = stakeCoin(kept.delegation);
    expect(value).toBe(VALUE + ADDED);
    await withdrawn(kept.delegation, "staking", stakeCoin(kept.delegation));
  });

  test("one of another program may pay change to two outputs, and is expanded in its turn", async () => {
    const { delegation, transaction } = await expand(await opened(), { split: true });
    expect(transaction.outs).toHaveLength(3);
    expect(delegation.staking.outputIndex).toBe(1);
    await sendAndMine(node, transaction);
    const next = await expand(delegation, { change: 1_500n });
    await sendAndMine(node, next.transaction);
    const slashing = finishSlashing(next.delegation, "staking", participants.providers[0]!.secretKey);
    await sendAndMine(node, slashing);
  });

  async function withdrawn(
    delegation: Delegation,
    from: "staking" | "unbonding" | "refund",
    coin: ReturnType<typeof stakeCoin>,
  ): Promise<void> {
    const { signed, timelock } = await withdrawal(node, { delegation, from, coin, stakers: signing });
    await mineToOneBlockEarly(node, coin, timelock);
    expect(await refusal(node, signed)).toBe("non-BIP68-final");
    await node.mine();
    await sendAndMine(node, signed);
  }
});

function withSplitChange(transaction: Transaction): Transaction {
  const copy = transaction.clone();
  const [staking, change] = copy.outs as [Transaction["outs"][number], Transaction["outs"][number]];
  const half = { ...change, value: change.value / 2n };
  // An output more adds no more than 43 virtual bytes.
  copy.outs = [half, staking, { ...half, value: half.value - 200n }];
  return copy;
}

/** The expansion with each single thing wrong in its spend of the previous stake, its funding coin signed right. */
async function expansionMutations(delegation: Delegation, participants: Participants): Promise<Mutation[]> {
  const spend = expansionSpend(delegation);
  const wrong = await mutationsOf(spend, participants);
  for (const { transaction } of wrong) {
    const altered = { ...spend, transaction };
    const { psbt } = await node.rpc.walletprocesspsbt(unsignedPsbt(transaction, spend.prevouts).toBase64());
    transaction.setWitness(1, fundingWitness(altered, psbt));
  }
  return wrong;
}

async function expectAllRefused(wrong: readonly Mutation[]): Promise<void> {
  expect(wrong.length).toBeGreaterThan(8);
  for (const { what, transaction, reason } of wrong) {
    await expectScriptFailure(node, transaction, reason, what);
  }
}

/** The fee rate that was asked for, to within the largest signatures of the funding coin; by the node's own size. */
async function expectFeeRate(transaction: Transaction, fee: bigint): Promise<void> {
  const { allowed, vsize } = await node.accepts(transaction.toBuffer());
  expect(allowed).toBe(true);
  const atRate = (size: bigint) => (size * FEE_RATE.numerator) / FEE_RATE.denominator;
  expect(fee).toBeGreaterThanOrEqual(atRate(BigInt(vsize!)));
  expect(fee).toBeLessThanOrEqual(atRate(BigInt(vsize!) + 2n) + 330n);
}
