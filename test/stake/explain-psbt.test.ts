import { describe, expect, it } from "vitest";
import { parseRate } from "../../src/core/amount.js";
import { compactSize, concatBytes } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { unbondedCoin } from "../../src/delegation/delegation.js";
import { expansionSpend, slashingSpend, unbondingSpend } from "../../src/delegation/spends.js";
import type { Psbt } from "../../src/psbt/psbt.js";
import { spendPsbt, unsignedPsbt } from "../../src/psbt/write.js";
import { keySigner, type LeafSpend, signLeaf } from "../../src/spending/spend.js";
import { assembleWitness } from "../../src/spending/witness.js";
import { shownPsbt } from "../../src/stake/explain-psbt.js";
import { buildStaking } from "../../src/stake/staking.js";
import { buildWithdrawal } from "../../src/stake/withdrawal.js";
import { ownedCoin, signedPsbt, type Wallet, WALLETS } from "../support/coins.js";
import { expand, walletSigned } from "../support/expansion.js";
import { delegate, makeStake, nobodysScript } from "../support/stake.js";

const stake = makeStake({ seed: "shown", stakers: 3, stakerQuorum: 2, providers: 2 });
const delegation = await delegate(stake, { unsigned: true });
const { stakerSecrets, memberSecrets } = stake;

const withdrawal = buildWithdrawal({
  terms: stake.terms,
  params: stake.params,
  from: "unbonding",
  coin: unbondedCoin(delegation),
  destination: nobodysScript(),
  feeRate: parseRate("2"),
});
const unbonding = unbondingSpend(delegation);
const slashing = slashingSpend(delegation, "staking");

const sign = (spend: LeafSpend, secrets: readonly Uint8Array[]) =>
  Promise.all(secrets.map((secret) => signLeaf(spend, keySigner(secret))));

const psbtOf = async (spend: LeafSpend, secrets: readonly Uint8Array[]) =>
  spendPsbt(spend, await sign(spend, secrets));

/** With a final witness in place of the signatures. */
async function finalPsbt(spend: LeafSpend, secrets: readonly Uint8Array[]): Promise<Psbt> {
  const witness = assembleWitness(spend.leaf, await sign(spend, secrets));
  const psbt = unsignedPsbt(spend.transaction, spend.prevouts);
  psbt.data.inputs[spend.inputIndex]!.finalScriptWitness = serialised(witness);
  return psbt;
}

const serialised = (stack: readonly Uint8Array[]) =>
  concatBytes(compactSize(stack.length), ...stack.flatMap((each) => [compactSize(each.length), each]));

describe("an input that spends a stake, with signatures by", () => {
  const [one, two] = [stakerSecrets.slice(0, 1), stakerSecrets.slice(0, 2)];
  const three = memberSecrets.slice(0, 3);
  const provider = [stake.providerSecrets[0]!];
  const cases: readonly [string, LeafSpend, readonly Uint8Array[], string][] = [
    ["no key: a withdrawal", withdrawal, [], "unsigned"],
    ["one of two stakers: a withdrawal", withdrawal, one, "in-part"],
    ["both stakers: a withdrawal", withdrawal, two, "signed"],
    ["one staker more than the quorum: a withdrawal", withdrawal, stakerSecrets, "signed"],
    ["the committee and no staker: an unbonding", unbonding, three, "in-part"],
    ["the stakers and two of three members: an unbonding", unbonding, [...two, ...three.slice(1)], "in-part"],
    ["every required key: an unbonding", unbonding, [...two, ...three], "signed"],
    ["the stakers alone: a slashing", slashing, two, "in-part"],
    ["every required key but a finality provider: a slashing", slashing, [...two, ...three], "in-part"],
    [
      "every required key but a member: a slashing",
      slashing,
      [...two, ...provider, ...three.slice(1)],
      "in-part",
    ],
    ["every required key: a slashing", slashing, [...two, ...provider, ...three], "signed"],
  ];
  it.each(cases)("%s", async (_, spend, secrets, state) => {
    const shown = shownPsbt(await psbtOf(spend, secrets));
    expect(shown.inputs).toEqual([{ state }]);
    expect(shown.signedInputs).toBe(state === "signed" ? 1 : 0);
  });

  it("signers in a final witness, which holds exactly the quorum", async () => {
    const state = async (secrets: readonly Uint8Array[]) =>
      shownPsbt(await finalPsbt(withdrawal, secrets)).inputs[0]!.state;
    expect([await state(one), await state(two), await state(stakerSecrets)]).toEqual([
      "in-part",
      "signed",
      "invalid",
    ]);
  });
});

describe("a signature that does not verify: the input is invalid", async () => {
  const [, elsewhere] = await sign(unbonding, stakerSecrets);
  it.each([
    ["of a staker", 0, new Uint8Array(64).fill(1)],
    ["of another transaction", 1, elsewhere!.signature],
    ["of no size", 1, Uint8Array.of(1)],
  ])("%s", async (_, which, signature) => {
    const psbt = await psbtOf(withdrawal, stakerSecrets.slice(0, 2));
    const key = publicKeyOf(stakerSecrets[which]!);
    for (const each of psbt.data.inputs[0]!.tapScriptSig!) {
      if (Buffer.compare(each.pubkey, key) === 0) each.signature = signature;
    }
    const { inputs, signedInputs } = shownPsbt(psbt);
    expect(inputs).toEqual([{ state: "invalid", reason: "a signature does not verify" }]);
    expect(signedInputs).toBe(0);
  });

  it("by the output's key, whose key path is unspendable", async () => {
    for (const secrets of [[], stakerSecrets.slice(0, 2)]) {
      const psbt = await psbtOf(withdrawal, secrets);
      psbt.updateInput(0, { tapKeySig: new Uint8Array(64).fill(1) });
      expect(shownPsbt(psbt).inputs).toMatchObject([{ state: "invalid" }]);
    }
  });

  it("over a wrong amount in the PSBT, or over another amount than a known coin's", async () => {
    const { prevouts } = withdrawal;
    const lie = { ...withdrawal, prevouts: [{ ...prevouts[0]!, value: 2n }] };
    const psbt = await psbtOf(lie, stakerSecrets.slice(0, 2));
    expect(shownPsbt(psbt).inputs).toEqual([{ state: "signed" }]);
    expect(shownPsbt(psbt, prevouts).inputs).toMatchObject([{ state: "invalid" }]);
    expect(shownPsbt(psbt, prevouts).prevouts).toEqual(prevouts);
    const signed = await psbtOf(withdrawal, stakerSecrets.slice(0, 2));
    signed.data.inputs[0]!.witnessUtxo = { ...prevouts[0]!, value: 2n };
    expect(shownPsbt(signed).inputs).toMatchObject([{ state: "invalid" }]);
    expect(shownPsbt(signed, prevouts).inputs).toEqual([{ state: "signed" }]);
  });

  it("but is unverified where the PSBT lacks the coin, or has an annex", async () => {
    const psbt = await psbtOf(withdrawal, stakerSecrets.slice(0, 2));
    const own = psbt.data.inputs[0]!;
    delete own.witnessUtxo;
    expect(shownPsbt(psbt).inputs).toMatchObject([{ state: "unverified" }]);
    expect(shownPsbt(psbt)).not.toHaveProperty("prevouts");
    own.witnessUtxo = { script: nobodysScript(), value: 1n };
    expect(shownPsbt(psbt).inputs).toMatchObject([{ state: "unverified" }]);
    const annexed = await finalPsbt(withdrawal, stakerSecrets.slice(0, 2));
    const witness = assembleWitness(withdrawal.leaf, await sign(withdrawal, stakerSecrets.slice(0, 2)));
    annexed.data.inputs[0]!.finalScriptWitness = serialised([...witness, Uint8Array.of(0x50)]);
    expect(shownPsbt(annexed).inputs).toEqual([{ state: "unverified", reason: "it has an annex" }]);
  });
});

describe("an input of a wallet's coin", () => {
  const fundedBy = (wallets: readonly Wallet[]) => {
    const owned = wallets.map((wallet, i) => ownedCoin(wallet, 900_000n, i));
    const { psbt } = buildStaking({
      terms: stake.terms,
      params: stake.params,
      value: "all",
      coins: owned.map(({ coin }) => coin),
      feeRate: parseRate("2"),
    });
    return { psbt, signed: signedPsbt(psbt, owned) };
  };

  it("is signed once its wallet has signed it, for every kind of coin", () => {
    const { psbt, signed } = fundedBy(WALLETS);
    expect(shownPsbt(psbt)).toMatchObject({
      signedInputs: 0,
      inputs: WALLETS.map(() => ({ state: "unsigned" })),
    });
    expect(shownPsbt(signed)).toMatchObject({
      signedInputs: WALLETS.length,
      inputs: WALLETS.map(() => ({ state: "signed" })),
    });
  });

  it.each(["P2WSH 2-of-3", "P2TR 2-of-3"] as const)(
    "is signed in part by one of two owners: %s",
    (wallet) => {
      const { signed } = fundedBy([wallet]);
      const { partialSig, tapScriptSig } = signed.data.inputs[0]!;
      (partialSig ?? tapScriptSig!).pop();
      expect(shownPsbt(signed)).toMatchObject({ signedInputs: 0, inputs: [{ state: "in-part" }] });
    },
  );

  it("is invalid with a forged signature", () => {
    const forged = new Uint8Array(64).fill(1);
    const { signed } = fundedBy(["P2TR key", "P2TR pk", "P2WPKH", "P2PKH"]);
    const [key, leaf, segwit, legacy] = signed.data.inputs;
    key!.tapKeySig = forged;
    leaf!.tapScriptSig![0]!.signature = forged;
    // Each other's: right in form.
    [segwit!.partialSig![0]!.signature, legacy!.partialSig![0]!.signature] = [
      legacy!.partialSig![0]!.signature,
      segwit!.partialSig![0]!.signature,
    ];
    const { inputs, signedInputs } = shownPsbt(signed);
    expect(inputs.map(({ state }) => state)).toEqual(Array(4).fill("invalid"));
    expect(inputs[0]!.reason).toMatch(/^input 0: the signature by .* does not verify over this transaction$/);
    expect(signedInputs).toBe(0);
  });

  it("is unverified where the PSBT lacks what verification needs", () => {
    const { signed } = fundedBy(["P2SH-P2WPKH", "P2WPKH"]);
    delete signed.data.inputs[0]!.redeemScript;
    expect(shownPsbt(signed).inputs).toMatchObject([{ state: "unverified" }, { state: "signed" }]);
    const { partialSig } = signed.data.inputs[1]!;
    signed.data.inputs[1] = { partialSig: partialSig! };
    expect(shownPsbt(signed).inputs).toMatchObject([{ state: "unverified" }, { state: "unverified" }]);
  });
});

it("an expansion: is signed at each of its inputs apart", async () => {
  const before = makeStake({ seed: "shown expansion" });
  const spend = expansionSpend(await expand(before));
  const all = [...before.stakerSecrets, ...before.memberSecrets.slice(0, 3)];
  const psbt = spendPsbt(spend, await sign(spend, all));
  expect(shownPsbt(psbt).inputs).toEqual([{ state: "signed" }, { state: "unsigned" }]);
  Object.assign(psbt.data.inputs[1]!, walletSigned(spend).data.inputs[1]);
  expect(shownPsbt(psbt)).toMatchObject({ signedInputs: 2 });
  const without = spendPsbt(spend, await sign(spend, before.memberSecrets.slice(0, 3)));
  Object.assign(without.data.inputs[1]!, walletSigned(spend).data.inputs[1]);
  expect(shownPsbt(without).inputs).toEqual([{ state: "in-part" }, { state: "signed" }]);
});
