import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseRate } from "../src/core/amount.js";
import type { Transaction } from "../src/bitcoin/bitcoinjs.js";
import { checkDelegation } from "../src/delegation/check.js";
import { createDelegation, type Delegation, stakeCoin, unbondedCoin } from "../src/delegation/delegation.js";
import {
  finishUnbonding,
  signSlashings,
  signUnbonding,
  finishExpansion,
  signExpansion,
} from "../src/delegation/sign.js";
import { expansionSpend } from "../src/delegation/spends.js";
import { delegationFromJson, delegationToJson } from "../src/delegation/json.js";
import { finishSlashing } from "../src/extract/slashing.js";
import type { ProtocolParams } from "../src/params/types.js";
import { scriptOfAddress } from "../src/bitcoin/address.js";
import { buildExpansion, fundingWitness } from "../src/stake/expansion.js";
import { unsignedPsbt } from "../src/psbt/write.js";
import { keySigner } from "../src/spending/spend.js";
import { parseOutpoint } from "../src/bitcoin/transaction.js";
import { type Spoilt, spoil } from "../test/support/spoilt.js";
import { type Shape, type Troupe, troupeOf } from "../test/support/troupe.js";
import { expectAccepted, expectScriptFailure } from "../test/support/verdicts.js";
import { party, type Party } from "./cast.js";
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
  const troupe = troupeOf(`expansion ${name}`, shape, 10);
  const signing = troupe.stakers.slice(0, shape.stakers[0]);
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
    const terms = troupe.terms(TIMELOCK);
    const delegation = await stake(node, { terms, params: troupe.params, value: VALUE, stakers: signing });
    return signedInAdvance(delegation, troupe.committee.slice(-quorum));
  }

  interface Next {
    readonly params?: ProtocolParams;
    readonly members?: readonly Party[];
    readonly change?: bigint;
  }

  /** Expands a stake by a coin of the node's wallet; nothing is sent. */
  async function expand(previous: Delegation, next: Next = {}) {
    const { params = troupe.params, members = troupe.committee.slice(0, quorum), change = 50_000n } = next;
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
    let delegation = await signedInAdvance(
      createDelegation(terms, params, built.transaction, built),
      members,
    );
    for (const { secretKey } of signing) delegation = await signExpansion(delegation, keySigner(secretKey));
    const { psbt } = await node.rpc.walletprocesspsbt(built.psbt.toBase64());
    // The file that everybody passed on is enough to finish it.
    delegation = delegationFromJson(delegationToJson(delegation));
    return { built, delegation, transaction: finishExpansion(delegation, psbt) };
  }

  test("a stake is expanded twice; what was signed of the stakes before then spends nothing", async () => {
    const first = await opened();
    const second = await expand(first);
    await expectAllRefused(await spoilt(second.delegation, troupe));
    await expectAccepted(node, finishUnbonding(first));
    await expectFeeRate(second.transaction, second.built.fee);
    await node.send(second.transaction.toBuffer());
    // Nodes replace what is in the mempool by what pays more, final sequences or not.
    expect(await refusal(node, finishUnbonding(first))).toMatch(/txn-mempool-conflict|insufficient fee/);
    await node.mine();

    // Three fifths and more of the committee stay, and sign the spend; the others only what is new.
    const stayed = troupe.committee.slice(0, quorum);
    const joined = Array.from({ length: shape.committee[1] - quorum }, (_, i) =>
      party(`${name} joined ${i}`),
    );
    const keys = [...stayed, ...joined].map(({ publicKey }) => publicKey);
    const params = { ...troupe.params, covenant: { keys, quorum } };
    const third = await expand(second.delegation, { params, members: stayed, change: 1_500n });
    await expectFeeRate(third.transaction, third.built.fee);
    await sendAndMine(node, third.transaction);

    for (const { delegation } of [{ delegation: first }, second]) {
      for (const spent of [
        finishUnbonding(delegation),
        finishSlashing(delegation, "staking", troupe.providers[0]!.secretKey),
      ]) {
        expect(await refusal(node, spent)).toBe("missing-inputs");
      }
    }

    const slashing = finishSlashing(third.delegation, "staking", troupe.providers.at(-1)!.secretKey);
    expect(slashing.outs[0]!.value).toBe((VALUE + 2n * ADDED) / 10n);
    await sendAndMine(node, slashing);
    await withdrawn(third.delegation, "refund", refundCoin(slashing));
  });

  test("an expanded stake unbonds, is slashed while it does, or is withdrawn", async () => {
    const unbonded = await expand(await opened());
    await sendAndMine(node, unbonded.transaction);
    await sendAndMine(node, finishUnbonding(unbonded.delegation));
    await withdrawn(unbonded.delegation, "unbonding", unbondedCoin(unbonded.delegation));

    const slashed = await expand(await opened());
    await sendAndMine(node, slashed.transaction);
    await sendAndMine(node, finishUnbonding(slashed.delegation));
    await sendAndMine(node, finishSlashing(slashed.delegation, "unbonding", troupe.providers[0]!.secretKey));

    const kept = await expand(await opened());
    await sendAndMine(node, kept.transaction);
    const { value } = stakeCoin(kept.delegation);
    expect(value).toBe(VALUE + ADDED);
    await withdrawn(kept.delegation, "staking", stakeCoin(kept.delegation));
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

/** The expansion with each single thing wrong in its spend of the previous stake, its funding coin signed right. */
async function spoilt(delegation: Delegation, troupe: Troupe): Promise<Spoilt[]> {
  const spend = expansionSpend(delegation);
  const wrong = await spoil(spend, troupe);
  for (const { transaction } of wrong) {
    const altered = { ...spend, transaction };
    const { psbt } = await node.rpc.walletprocesspsbt(unsignedPsbt(transaction, spend.prevouts).toBase64());
    transaction.setWitness(1, fundingWitness(altered, psbt));
  }
  return wrong;
}

async function expectAllRefused(wrong: readonly Spoilt[]): Promise<void> {
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
