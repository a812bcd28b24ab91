import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scriptOfAddress } from "../src/bitcoin/address.js";
import type { Transaction } from "../src/bitcoin/transaction-class.js";
import { equalBytes } from "../src/core/bytes.js";
import { evenSecret } from "../src/core/keys.js";
import { scalar } from "../src/core/scalar.js";
import { adaptor } from "../src/crypto/adaptor.js";
import { type Delegation, stakeCoin } from "../src/delegation/delegation.js";
import { finishUnbonding, signUnbonding } from "../src/delegation/sign.js";
import { slashingSpend, unbondingSpend } from "../src/delegation/spends.js";
import { extractFromSlashing, finishSlashing } from "../src/extract/slashing.js";
import { stakingOutput } from "../src/script/outputs.js";
import {
  finishSpend,
  keySigner,
  leafSighash,
  type LeafSignature,
  type LeafSpend,
} from "../src/spending/spend.js";
import { participantsOf, signAll, withSignatures } from "../test/support/participants.js";
import { refusalOf } from "../test/support/stakes.js";
import { expectAccepted, expectScriptFailure, expectTooEarly, SCRIPT } from "../test/support/verdicts.js";
import { coSign, party, type Party, type RegtestNode, stakeMany, startNode, withdrawal } from "./index.js";

/**
 * What someone with some of the keys tries with coins that are not theirs to move. Against each other, the keys of
 * one role never suffice; the node, not this toolkit, says so.
 */
const participants = participantsOf("attack", { stakers: [1, 1], providers: 2, committee: [3, 5] }, 20);
const [staker] = participants.stakers as [Party];
const [provider, otherProvider] = participants.providers as [Party, Party];
const quorum = participants.committee.slice(0, 3);
const mallory = party("mallory");

let node: RegtestNode;
let stake: Delegation;
/** A second stake of the same people: the same but for its time lock. */
let sibling: Delegation;
let thief: Uint8Array;

beforeAll(async () => {
  node = await startNode();
  thief = scriptOfAddress(await node.rpc.getnewaddress(), "regtest");
  const opened = await stakeMany(
    node,
    [100, 101].map((timelock) => ({
      terms: participants.terms(timelock),
      params: participants.params,
      value: 500_000n,
      stakers: [staker],
    })),
  );
  [stake, sibling] = (await Promise.all(opened.map((one) => coSign(one, quorum)))) as [
    Delegation,
    Delegation,
  ];
});
afterAll(() => node?.stop());

describe("a theft of a stake is refused by", () => {
  test.each([
    ["the staker alone", [staker], SCRIPT.count],
    ["the committee alone", participants.committee.slice(0, 3), SCRIPT.missing],
    ["the whole committee alone", participants.committee, SCRIPT.missing],
    ["the staker and one member short of a quorum", [staker, ...quorum.slice(1)], SCRIPT.count],
  ])("%s through the unbonding leaf", async (_, thieves, reason) => {
    const theft = stealing(unbondingSpend(stake));
    await expectScriptFailure(node, withSignatures(theft, await signAll(theft, thieves)), reason);
  });

  test.each([
    ["a finality provider whose key has leaked", [provider], SCRIPT.missing],
    ["all finality providers", [provider, otherProvider], SCRIPT.missing],
    ["the staker with a finality provider", [staker, provider], SCRIPT.count],
    ["the staker with a quorum of the committee", [staker, ...quorum], SCRIPT.countBefore],
    ["a finality provider with the whole committee", [provider, ...participants.committee], SCRIPT.missing],
    ["a finality provider with a quorum of the committee", [provider, ...quorum], SCRIPT.missing],
  ])("%s through the slashing leaf", async (_, thieves, reason) => {
    const theft = stealing(slashingSpend(stake, "staking"));
    await expectScriptFailure(node, withSignatures(theft, await signAll(theft, thieves)), reason);
  });

  test("every key but the staker's through the timelock leaf", async () => {
    const { leaves } = stakingOutput(stake.terms, "regtest");
    const theft = stealing({ ...unbondingSpend(stake), leaf: leaves.timelock });
    theft.transaction.ins[0]!.sequence = 1;
    const signature = schnorrBy(provider, theft);
    const forged = withSignatures(theft, [{ publicKey: staker.publicKey, signature: await signature }]);
    await expectScriptFailure(node, forged, SCRIPT.signature);
  });

  test("the staker before the time lock ends", async () => {
    const early = await withdrawal(node, {
      delegation: stake,
      from: "staking",
      coin: stakeCoin(stake),
      stakers: [staker],
    });
    await expectTooEarly(node, early.signed);
    await expectScriptFailure(node, withShorterLock(early, 1), SCRIPT.signature);
  });

  test("a key-path signature, as that key has no known secret", async () => {
    const spend = stealing(unbondingSpend(stake));
    const transaction = spend.transaction.clone();
    transaction.setWitness(0, [await schnorrBy(staker, spend)]);
    await expectScriptFailure(node, transaction, SCRIPT.signature);
  });
});

describe("signatures given for one transaction", () => {
  test("do not unbond to another output", async () => {
    const signed = await signUnbonding(stake, keySigner(staker.secretKey));
    const theft = stealing(unbondingSpend(stake));
    const { stakerSignatures, covenantSignatures } = signed.unbonding;
    const signatures = [...stakerSignatures, ...covenantSignatures];
    await expectScriptFailure(node, withSignatures(theft, signatures), SCRIPT.signature);
    expect(refusalOf(() => finishSpend(theft, signatures))).toBe("invalid-signature");
    await expectAccepted(node, finishUnbonding(signed));
  });

  test("do not unbond another stake of the same keys", async () => {
    const { unbonding } = await signUnbonding(sibling, keySigner(staker.secretKey));
    const signatures = [...unbonding.stakerSignatures, ...unbonding.covenantSignatures];
    await expectScriptFailure(node, withSignatures(unbondingSpend(stake), signatures), SCRIPT.signature);
  });

  test("do not slash where they unbond", async () => {
    const { unbonding } = await signUnbonding(stake, keySigner(staker.secretKey));
    const spend = slashingSpend(stake, "staking");
    const own = await signAll(spend, [provider]);
    const signatures = [...unbonding.stakerSignatures, ...own, ...unbonding.covenantSignatures];
    await expectScriptFailure(node, withSignatures(spend, signatures), SCRIPT.signature);
  });

  test("do not slash more than the agreed amount", async () => {
    const transaction = finishSlashing(stake, "staking", provider.secretKey);
    const [burnt, refund] = transaction.outs;
    burnt!.value += 1_000n;
    refund!.value -= 1_000n;
    await expectScriptFailure(node, transaction, SCRIPT.signature);
  });
});

describe("adaptor signatures of the committee", () => {
  const spendOf = () => slashingSpend(stake, "staking");
  /** Adaptor signatures of the quorum, for one provider. */
  const adaptorsFor = ({ publicKey }: Party) =>
    stake.slashing.covenantSignatures.filter(({ finalityProvider }) =>
      equalBytes(finalityProvider, publicKey),
    );
  /** Everything that slashing needs with these in place of the committee's signatures. */
  const slashedWith = async (
    who: Party,
    committee: readonly LeafSignature[],
  ): Promise<{ transaction: Transaction; signatures: LeafSignature[] }> => {
    const own = await signAll(spendOf(), [who]);
    const signatures = [...stake.slashing.stakerSignatures, ...own, ...committee];
    return { transaction: withSignatures(spendOf(), signatures), signatures };
  };
  const finishedBy = (signatures: Delegation["slashing"]["covenantSignatures"], secretKey: Uint8Array) =>
    signatures.map(({ publicKey, signature }) => ({
      publicKey,
      signature: adaptor.adapt(signature, scalar.toBytes(evenSecret(secretKey).d)),
    }));

  test("are refused as signatures: R and s alone", async () => {
    const plain = adaptorsFor(provider).map(({ publicKey, signature }) => ({
      publicKey,
      signature: signature.slice(1),
    }));
    const { transaction, signatures } = await slashedWith(provider, plain);
    await expectScriptFailure(node, transaction, SCRIPT.signature);
    expect(refusalOf(() => finishSpend(spendOf(), signatures))).toBe("invalid-signature");
  });

  test("are not completed by another finality provider's key", async () => {
    const finished = finishedBy(adaptorsFor(provider), otherProvider.secretKey);
    const { transaction, signatures } = await slashedWith(otherProvider, finished);
    await expectScriptFailure(node, transaction, SCRIPT.signature);
    expect(refusalOf(() => finishSpend(spendOf(), signatures))).toBe("invalid-signature");
  });

  test("are not completed by the key of a provider outside the stake", async () => {
    expect(refusalOf(() => finishSlashing(stake, "staking", mallory.secretKey))).toBe(
      "unknown-finality-provider",
    );
    const finished = finishedBy(adaptorsFor(provider), mallory.secretKey);
    const { transaction } = await slashedWith(provider, finished);
    await expectScriptFailure(node, transaction, SCRIPT.signature);
  });

  test("of the staking output do not slash the unbonding output", async () => {
    const { transaction } = await slashedWith(provider, []);
    const spend = slashingSpend(stake, "unbonding");
    const finished = finishedBy(adaptorsFor(provider), provider.secretKey);
    expect(
      refusalOf(() => finishSpend(spend, [...stake.unbondingSlashing.stakerSignatures, ...finished])),
    ).toBe("invalid-signature");
    await expectScriptFailure(node, transaction, SCRIPT.count);
  });

  test("are completed by the leaked key, which they then reveal to every holder of them", async () => {
    const transaction = finishSlashing(stake, "staking", otherProvider.secretKey);
    await node.mineTransactions([transaction.toBuffer()]);
    const { secretKey, finalityProvider } = extractFromSlashing(stake, transaction);
    expect(finalityProvider).toEqual(otherProvider.publicKey);
    expect(secretKey).toEqual(scalar.toBytes(evenSecret(otherProvider.secretKey).d));
  });
});

/** The same spend, but everything goes to the thief. */
function stealing(spend: LeafSpend): LeafSpend {
  const transaction = spend.transaction.clone();
  transaction.outs.length = 0;
  transaction.addOutput(thief, spend.prevouts[0]!.value - 1_000n);
  return { ...spend, transaction };
}

/** The signed withdrawal with a lock that has run out. */
function withShorterLock({ signed }: { signed: Transaction }, sequence: number): Transaction {
  const transaction = signed.clone();
  transaction.ins[0]!.sequence = sequence;
  return transaction;
}

async function schnorrBy({ secretKey }: Party, spend: LeafSpend): Promise<Uint8Array> {
  return keySigner(secretKey).signSchnorr(leafSighash(spend));
}
