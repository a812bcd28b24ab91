import { bech32 } from "@scure/base";
import { beforeAll, describe, expect, it } from "vitest";
import type { InclusionProof } from "../../src/babylon/inclusion.js";
import {
  addInclusionProofMessage,
  covenantSignaturesMessage,
  readAddInclusionProof,
  readCovenantSignatures,
  readSelectiveSlashing,
  selectiveSlashingMessage,
} from "../../src/babylon/lifecycle.js";
import { decodeMessage, encodeMessage, type MessageName } from "../../src/babylon/messages.js";
import { type ProofForm, proofOfPossession } from "../../src/babylon/pop.js";
import {
  addFinalitySignatureMessage,
  commitRandomnessMessage,
  createFinalityProviderMessage,
  equivocationMessage,
  readAddFinalitySignature,
  readCommitRandomness,
  readCreateFinalityProvider,
  readEquivocation,
} from "../../src/babylon/provider.js";
import type { MessageOf } from "../../src/babylon/schema.js";
import {
  createDelegationMessage,
  expandMessage,
  readCreateDelegation,
  readExpand,
} from "../../src/babylon/stake.js";
import { readUndelegate, undelegateMessage } from "../../src/babylon/undelegation.js";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { parseRate } from "../../src/core/amount.js";
import { hex } from "../../src/core/bytes.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { scalar } from "../../src/core/scalar.js";
import { type CovenantSignatures, covenantSigner, signAsMember } from "../../src/covenant/member.js";
import { adaptor } from "../../src/crypto/adaptor.js";
import { eots } from "../../src/crypto/eots.js";
import { randomness } from "../../src/crypto/randomness.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import type { Delegation, ExpandedStake } from "../../src/delegation/delegation.js";
import { delegationToJson } from "../../src/delegation/json.js";
import { finishUnbonding, signUnbonding } from "../../src/delegation/sign.js";
import { expansionSpend, unbondingSpend } from "../../src/delegation/spends.js";
import type { Evidence } from "../../src/extract/evidence.js";
import { extractFromSlashing, finishSlashing } from "../../src/extract/slashing.js";
import { commitRandomness } from "../../src/finality/randomness/commit.js";
import type { Release } from "../../src/params/rules.js";
import { keySigner, leafSighash } from "../../src/spending/spend.js";
import { signingContext, voteMessage } from "../../src/vote/messages.js";
import { signVoteUnprotected } from "../../src/vote/vote.js";
import { loadPublished } from "../support/babylon.js";
import { expand, larger } from "../support/expansion.js";
import { refusal } from "../support/refusal.js";
import { delegate, inForce, makeStake, secretOf, signedBy, type TestStake } from "../support/stake.js";

const accountOf = (name: string) => bech32.encodeFromBytes("bbn", secretOf(name).slice(0, 20));
const signer = accountOf("signer");
const stakerAddress = accountOf("staker");
const context = signingContext("staker_pop", "bbn-1", "bbn1module");
const inclusion: InclusionProof = {
  key: { index: 2, hash: new Uint8Array(32).fill(5) },
  proof: new Uint8Array(64).fill(6),
};

/** Through its bytes: what the chain would read. */
function sent<Name extends MessageName>(
  name: Name,
  message: MessageOf<Name>,
  release?: Release,
): MessageOf<Name> {
  const read = decodeMessage(encodeMessage(name, message, release));
  expect(read.name).toBe(name);
  return read.message as MessageOf<Name>;
}

const json = (delegation: Delegation): unknown => JSON.parse(delegationToJson(delegation));

function proofBy(stake: TestStake, form: Partial<ProofForm> = {}) {
  return proofOfPossession(stake.stakerSecrets[0]!, {
    kind: "bip340",
    address: stakerAddress,
    ...form,
  } as never);
}

describe("a stake's registration", () => {
  const stake = makeStake({ providers: 3 });
  const proof = proofBy(stake);
  let delegation: Delegation;
  beforeAll(async () => {
    delegation = await delegate(stake);
  });
  const message = () => createDelegationMessage({ delegation, stakerAddress, proof, inclusion });

  it("is read back unchanged, from the message and the parameters", () => {
    const read = readCreateDelegation(sent("MsgCreateBTCDelegation", message()), stake.params);
    expect(json(read.delegation)).toEqual(json(delegation));
    expect(read).toMatchObject({ stakerAddress, proof, inclusion });
  });

  it("is refused where other parameters are in force than the delegation's, if the caller names them", () => {
    const registration = { delegation, stakerAddress, proof, inclusion };
    const own = inForce(stake.params);
    expect(createDelegationMessage(registration, own)).toEqual(message());
    const set = {
      ...own.set,
      versions: [stake.params, { ...stake.params, version: stake.params.version + 1, activationHeight: 200 }],
    };
    const at = (height: number) => () => createDelegationMessage(registration, { set, height });
    expect(at(199)).not.toThrow();
    const { details } = refusal("params-not-in-force", at(200));
    expect(details).toEqual({ height: 200, expected: stake.params.version + 1, got: stake.params.version });
  });

  it("accepts any kind of proof, with a context, and without inclusion", () => {
    const { network } = stake.params;
    for (const form of [
      { kind: "ecdsa" },
      { kind: "bip322", output: "p2tr", network },
      { kind: "bip322", output: "p2wpkh", network },
    ] as const) {
      const registration = {
        delegation,
        stakerAddress,
        proof: proofBy(stake, { ...form, context }),
        context,
      };
      const bytes = sent("MsgCreateBTCDelegation", createDelegationMessage(registration));
      expect(bytes.stakingTxInclusionProof).toBeUndefined();
      const read = readCreateDelegation(bytes, stake.params, { context });
      expect(read.proof).toEqual(registration.proof);
      expect("inclusion" in read).toBe(false);
      refusal("invalid-possession", () => readCreateDelegation(bytes, stake.params));
    }
  });

  it("keeps input scripts, which are part of the txid, and no witness", () => {
    const transaction = delegation.staking.transaction.clone();
    transaction.ins[0]!.witness = [new Uint8Array(64)];
    const signed = { ...delegation, staking: { ...delegation.staking, transaction } };
    const { stakingTx } = createDelegationMessage({ delegation: signed, stakerAddress, proof });
    expect(hex.encode(stakingTx)).toBe(delegation.staking.transaction.toHex());
    expect(transaction.ins[0]!.witness).toHaveLength(1);
    transaction.ins[0]!.script = Uint8Array.of(1, 0x51);
    // Another txid: what was signed before no longer fits.
    refusal("wrong-outpoint", () => createDelegationMessage({ delegation: signed, stakerAddress, proof }));
  });

  it("is refused for what the chain refuses: another account or key, an invalid proof, no signature", () => {
    const registration = { delegation, stakerAddress, proof, inclusion };
    const other = { ...registration, stakerAddress: signer };
    refusal("invalid-possession", () => createDelegationMessage(other));
    refusal("invalid-address", () => createDelegationMessage({ ...registration, stakerAddress: "bbn" }));
    const index = { ...inclusion, key: { ...inclusion.key, index: 4 } };
    refusal("invalid-proof", () => createDelegationMessage({ ...registration, inclusion: index }));
    const cut = { ...inclusion, proof: new Uint8Array(63) };
    refusal("invalid-proof", () => createDelegationMessage({ ...registration, inclusion: cut }));
    const unsigned = { ...delegation, slashing: { ...delegation.slashing, stakerSignatures: [] } };
    refusal("invalid-staker-signature", () =>
      createDelegationMessage({ ...registration, delegation: unsigned }),
    );
  });

  it("is refused with several stakers, for whom the message has no field", async () => {
    const several = makeStake({ stakers: 2 });
    const registration = { delegation: await delegate(several), stakerAddress, proof };
    refusal("unsupported-message", () => createDelegationMessage(registration));
  });

  it.each([
    ["a staking value", { stakingValue: 1_000_001n }, "message-mismatch"],
    ["an unbonding value", { unbondingValue: 1n }, "message-mismatch"],
    ["a staking time", { stakingTime: 101 }, "output-not-found"],
    ["a time of 0", { stakingTime: 0 }, "invalid-timelock"],
    ["an unbonding time", { unbondingTime: 1 }, "unbonding-time-mismatch"],
    ["no finality provider", { fpBtcPkList: [] }, "no-keys"],
    ["a slashing signature", { delegatorSlashingSig: new Uint8Array(64) }, "invalid-staker-signature"],
    [
      "an unbonding slashing signature",
      { delegatorUnbondingSlashingSig: new Uint8Array(64) },
      "invalid-staker-signature",
    ],
    ["an invalid staking transaction", { stakingTx: new Uint8Array(10) }, "invalid-transaction"],
    ["an unknown kind of proof", { pop: { btcSigType: 3, btcSig: new Uint8Array() } }, "invalid-message"],
    ["another account", { stakerAddr: signer }, "invalid-possession"],
    ["no account", { stakerAddr: "" }, "invalid-address"],
  ] as const)("is refused when the message has %s", (_, change, code) => {
    refusal(code, () => readCreateDelegation({ ...message(), ...change }, stake.params));
  });

  it("is refused with swapped transactions, or parameters of another committee", () => {
    const good = message();
    const swapped = { ...good, slashingTx: good.unbondingSlashingTx };
    refusal("wrong-outpoint", () => readCreateDelegation(swapped, stake.params));
    const { params } = makeStake({ committee: 3 });
    refusal("output-not-found", () => readCreateDelegation(good, params));
  });
});

describe("an expansion's registration", () => {
  const stake = makeStake();
  const proof = proofBy(stake);
  let delegation: Delegation;
  beforeAll(async () => {
    delegation = await expand(stake);
  });
  const message = () => expandMessage({ delegation, stakerAddress, proof });
  const changed = (expansion: Partial<ExpandedStake>): Delegation => ({
    ...delegation,
    expansion: { ...delegation.expansion!, ...expansion },
  });
  const previous = () => delegation.expansion!;

  it("is read back unchanged, with the funding coin's transaction and the previous stake's txid in its usual order", () => {
    const read = readExpand(sent("MsgBtcStakeExpand", message()), stake.params, previous());
    expect(json(read.delegation)).toEqual(json(delegation));
    expect(read).toMatchObject({ stakerAddress, proof });
    expect(message().previousStakingTxHash).toBe(previous().staking.transaction.getId());
    expect(hex.encode(message().fundingTx)).toBe(previous().funding.transaction!.toHex());
  });

  it("has no witness of the funding coin's transaction", () => {
    const transaction = previous().funding.transaction!.clone();
    transaction.ins[0]!.witness = [new Uint8Array(64)];
    const signed = changed({ funding: { ...previous().funding, transaction } });
    const { fundingTx } = expandMessage({ delegation: signed, stakerAddress, proof });
    expect(hex.encode(fundingTx)).toBe(previous().funding.transaction!.toHex());
  });

  it("is refused without that transaction, and for a stake that expands nothing", async () => {
    const { transaction: _, ...funding } = previous().funding;
    const without = { delegation: changed({ funding }), stakerAddress, proof };
    refusal("invalid-coin", () => expandMessage(without));
    const plain = { delegation: await delegate(stake), stakerAddress, proof };
    refusal("not-an-expansion", () => expandMessage(plain));
  });

  it("is refused where other parameters are in force, if the caller names them", () => {
    const own = inForce(stake.params);
    const registration = { delegation, stakerAddress, proof };
    expect(expandMessage(registration, own)).toEqual(message());
    const set = { ...own.set, versions: [{ ...stake.params, version: stake.params.version + 1 }] };
    refusal("params-mismatch", () => expandMessage(registration, { ...own, set }));
  });

  it("is not the registration of a separate stake", () => {
    refusal("unsupported-message", () => createDelegationMessage({ delegation, stakerAddress, proof }));
  });

  it.each([
    [
      "input 1 spends another transaction",
      (staking) => (staking.ins[1]!.hash = secretOf("x")),
      "wrong-outpoint",
    ],
    ["input 1 spends another output", (staking) => (staking.ins[1]!.index = 0), "invalid-coin"],
    [
      "input 1 spends an output that is not there",
      (staking) => (staking.ins[1]!.index = 2),
      "output-not-found",
    ],
    ["there is a third input", (staking) => staking.addInput(secretOf("third"), 0), "wrong-input-count"],
    ["input 0 is not the previous stake", (staking) => (staking.ins[0]!.index = 7), "wrong-outpoint"],
  ] as readonly [string, (staking: Transaction) => void, ErrorCode][])(
    "is refused when %s",
    async (_, staking, code) => {
      const wrong = await expand(stake, { staking, unsigned: true });
      refusal(code, () => expandMessage({ delegation: wrong, stakerAddress, proof }));
    },
  );

  it("is refused when the message has another previous stake or funding transaction", async () => {
    const good = message();
    const read =
      (change: Partial<typeof good>, of = previous()) =>
      () =>
        readExpand({ ...good, ...change }, stake.params, of);
    refusal("message-mismatch", read({ previousStakingTxHash: "00".repeat(32) }));
    refusal("invalid-hex", read({ previousStakingTxHash: "0" }));
    refusal("invalid-transaction", read({ fundingTx: new Uint8Array(9) }));
    refusal("wrong-outpoint", read({ fundingTx: good.unbondingSlashingTx }));
    refusal("output-not-found", read({ fundingTx: good.unbondingTx }));
    refusal("wrong-input-count", read({ stakingTx: (await oneInput()).stakingTx }));
    const { staking } = await delegate(makeStake({ seed: "another" }));
    refusal("staking-output-mismatch", read({}, { ...previous(), staking }));
    refusal("invalid-argument", read({}, null as never));
    refusal("staker-mismatch", await byOthers());
  });

  /** The same stake, but with one input. */
  async function oneInput() {
    const plain = await delegate(larger(stake));
    return createDelegationMessage({ delegation: plain, stakerAddress, proof });
  }

  /** The previous stake said to be of other stakers: its output must be theirs, so its txid is another. */
  async function byOthers() {
    const others = makeStake({ seed: "others" });
    const wrong = await expand(others, {}, larger(stake));
    const registration = { delegation: wrong, stakerAddress, proof };
    return () => expandMessage(registration);
  }
});

describe("a member's signatures of an expansion", () => {
  const stake = makeStake();
  let delegation: Delegation;
  beforeAll(async () => {
    delegation = await expand(stake);
  });
  const member = covenantSigner(stake.memberSecrets[2]!);
  const signatures = () =>
    signAsMember(delegation, member, inForce(stake.params), { previous: inForce(stake.params) });

  it("are read back unchanged, byte for byte as the published package writes them", async () => {
    const signed = await signatures();
    const message = covenantSignaturesMessage(delegation, { signer, signatures: signed });
    expect(message.stakeExpansionTxSig).toEqual(signed.expansion!.signature);
    const read = readCovenantSignatures(sent("MsgAddCovenantSigs", message), delegation);
    expect(read).toEqual({ signer, signatures: signed });

    const { MsgAddCovenantSigs: published } = await loadPublished();
    const theirs = published.encode(published.fromPartial(message)).finish();
    expect(hex.encode(encodeMessage("MsgAddCovenantSigs", message).value)).toBe(hex.encode(theirs));
  });

  it("are refused without the one of the previous stake's spend, and with a wrong one", async () => {
    const { expansion, ...rest } = await signatures();
    const message = covenantSignaturesMessage(delegation, {
      signer,
      signatures: { ...rest, expansion: expansion! },
    });
    const hand = (changed: CovenantSignatures) => () =>
      covenantSignaturesMessage(delegation, { signer, signatures: changed });
    const read =
      (stakeExpansionTxSig: Uint8Array | undefined, of = delegation) =>
      () =>
        readCovenantSignatures({ ...message, stakeExpansionTxSig }, of);
    const by = (signature: Uint8Array) => ({ ...rest, expansion: { ...expansion!, signature } });
    refusal("missing-signature", hand(rest));
    refusal("missing-signature", read(undefined));
    for (const wrong of [new Uint8Array(64).fill(8), rest.unbonding.signature]) {
      refusal("invalid-signature", hand(by(wrong)));
      refusal("invalid-signature", read(wrong));
    }
    const other = await signAsMember(
      delegation,
      covenantSigner(stake.memberSecrets[0]!),
      inForce(stake.params),
      {
        previous: inForce(stake.params),
      },
    );
    refusal("invalid-covenant-signature", hand({ ...rest, expansion: other.expansion! }));
    refusal("invalid-signature", read(other.expansion!.signature));
    // Good for Bitcoin with SIGHASH_ALL, and nothing that the chain takes.
    const long = schnorr.sign(stake.memberSecrets[2]!, leafSighash(expansionSpend(delegation), 1));
    refusal("unsupported-sighash", hand(by(Uint8Array.of(...long, 1))));
    const { expansion: _, ...none } = delegation;
    refusal("not-an-expansion", read(expansion!.signature, none));
  });
});

describe("the messages of a stake's life", () => {
  const stake = makeStake({ providers: 2 });
  let delegation: Delegation;
  let unbonding: Transaction;
  beforeAll(async () => {
    delegation = await delegate(stake);
    const covered = await signedBy(stake, delegation, [0, 1, 2]);
    unbonding = finishUnbonding(await signUnbonding(covered, keySigner(stake.stakerSecrets[0]!)));
  });
  const other = async () => delegate(makeStake({ providers: 2, seed: "other" }));

  it("prove its inclusion in a block", async () => {
    const message = sent(
      "MsgAddBTCDelegationInclusionProof",
      addInclusionProofMessage(delegation, signer, inclusion),
    );
    expect(message.stakingTxHash).toBe(delegation.staking.transaction.getId());
    expect(readAddInclusionProof(message, delegation)).toEqual({ signer, inclusion });
    const elsewhere = await other();
    refusal("message-mismatch", () => readAddInclusionProof(message, elsewhere));
    const cut = { ...inclusion, proof: new Uint8Array(1) };
    refusal("invalid-proof", () => addInclusionProofMessage(delegation, signer, cut));
    refusal("invalid-address", () => addInclusionProofMessage(delegation, "x", inclusion));
  });

  it("report its signed unbonding", async () => {
    const undelegation = { signer, transaction: unbonding, inclusion, fundingTransactions: [] };
    const message = sent("MsgBTCUndelegate", undelegateMessage(delegation, undelegation));
    expect(hex.encode(message.stakeSpendingTx)).toBe(unbonding.toHex());
    const read = readUndelegate(message, delegation);
    expect(read.transaction.toHex()).toBe(unbonding.toHex());
    const elsewhere = await other();
    refusal("message-mismatch", () => readUndelegate(message, elsewhere));
    refusal("wrong-outpoint", () => undelegateMessage(elsewhere, undelegation));
    const unsigned = { ...undelegation, transaction: delegation.unbonding.transaction };
    refusal("missing-signature", () => undelegateMessage(delegation, unsigned));
    const foreign = { ...undelegation, fundingTransactions: [delegation.slashing.transaction] };
    refusal("wrong-outpoint", () => undelegateMessage(delegation, foreign));
    const own = { ...undelegation, fundingTransactions: [delegation.staking.transaction] };
    expect(readUndelegate(undelegateMessage(delegation, own), delegation).fundingTransactions).toHaveLength(
      1,
    );
  });

  it("submit a member's signatures in the order of the finality providers, in 65 bytes", async () => {
    const signatures = await signAsMember(
      delegation,
      covenantSigner(stake.memberSecrets[1]!),
      inForce(stake.params),
      { rules: "any" },
    );
    const legacy = signatures.slashing.map((each) => ({
      ...each,
      signature: adaptor.toLegacy(each.signature),
    }));
    const shuffled = {
      ...signatures,
      slashing: legacy.toReversed(),
      unbondingSlashing: signatures.unbondingSlashing.toReversed(),
    };
    const message = sent(
      "MsgAddCovenantSigs",
      covenantSignaturesMessage(delegation, { signer, signatures: shuffled }),
    );
    expect(readCovenantSignatures(message, delegation)).toEqual({ signer, signatures });
    const plain = covenantSignaturesMessage(delegation, { signer, signatures });
    expect(plain.stakeExpansionTxSig).toBeUndefined();

    const swapped = { ...plain, slashingTxSigs: plain.slashingTxSigs.toReversed() };
    refusal("invalid-covenant-signature", () => readCovenantSignatures(swapped, delegation));
    const one = { ...plain, slashingTxSigs: plain.slashingTxSigs.slice(1) };
    refusal("message-mismatch", () => readCovenantSignatures(one, delegation));
    const bad = { ...plain, unbondingTxSig: new Uint8Array(64) };
    refusal("invalid-signature", () => readCovenantSignatures(bad, delegation));
    const stranger = { ...plain, pk: publicKeyOf(secretOf("stranger")) };
    refusal("not-a-member", () => readCovenantSignatures(stranger, delegation));
    const elsewhere = await other();
    refusal("message-mismatch", () => readCovenantSignatures(plain, elsewhere));
    const long = schnorr.sign(stake.memberSecrets[1]!, leafSighash(unbondingSpend(delegation), 1));
    const withType = { ...signatures.unbonding, signature: Uint8Array.of(...long, 1) };
    refusal("unsupported-sighash", () =>
      covenantSignaturesMessage(delegation, { signer, signatures: { ...signatures, unbonding: withType } }),
    );
  });

  it("report a key that one slashing revealed", async () => {
    const signed = await signedBy(stake, delegation, [0, 1, 2]);
    const slashing = finishSlashing(signed, "staking", stake.providerSecrets[1]!);
    const { secretKey } = extractFromSlashing(signed, slashing);
    const message = sent(
      "MsgSelectiveSlashingEvidence",
      selectiveSlashingMessage(delegation, signer, secretKey),
    );
    expect(readSelectiveSlashing(message, delegation)).toEqual({ signer, secretKey });
    const elsewhere = await other();
    refusal("unknown-finality-provider", () => readSelectiveSlashing(message, elsewhere));
    const named = sent(
      "MsgSelectiveSlashingEvidence",
      selectiveSlashingMessage(delegation, signer, secretKey, "v2"),
      "v2",
    );
    expect(named.stakingTxHash).toBe(delegation.staking.transaction.getId());
    expect(readSelectiveSlashing(named, delegation)).toEqual({ signer, secretKey });
    refusal("message-mismatch", () => readSelectiveSlashing(named, elsewhere));
    const stranger = secretOf("stranger");
    const refused = refusal("unknown-finality-provider", () =>
      selectiveSlashingMessage(delegation, signer, stranger),
    );
    expect(JSON.stringify([refused.message, refused.details])).not.toContain(hex.encode(stranger));
    const zero = { ...message, recoveredFpBtcSk: new Uint8Array(32) };
    refusal("invalid-secret-key", () => readSelectiveSlashing(zero, delegation));
  });
});

describe("a finality provider's registration", () => {
  const secret = secretOf("provider");
  const registration = {
    address: signer,
    publicKey: publicKeyOf(secret),
    proof: proofOfPossession(secret, { kind: "bip340", address: signer }),
    description: {
      moniker: "validator",
      identity: "",
      website: "https://x",
      securityContact: "",
      details: "",
    },
    commission: {
      rate: parseRate("0.05"),
      maxRate: parseRate("0.2"),
      maxChangeRate: parseRate("0.01"),
    },
  };

  it("has commissions in the chain's form, and is read back unchanged", () => {
    const message = sent("MsgCreateFinalityProvider", createFinalityProviderMessage(registration));
    expect(message.commission).toEqual({
      rate: "50000000000000000",
      maxRate: "200000000000000000",
      maxChangeRate: "10000000000000000",
    });
    const { commission, ...rest } = readCreateFinalityProvider(message);
    const { commission: given, ...same } = registration;
    expect(rest).toEqual(same);
    expect(commission.rate.numerator * given.rate.denominator).toBe(
      given.rate.numerator * commission.rate.denominator,
    );
  });

  it("is refused with a commission that the chain refuses, without a moniker, and without a proof", () => {
    const commission = (change: object) => () =>
      createFinalityProviderMessage({
        ...registration,
        commission: { ...registration.commission, ...change },
      });
    refusal("invalid-rate", commission({ rate: parseRate("0.21") }));
    refusal("invalid-rate", commission({ maxRate: { numerator: 11n, denominator: 10n } }));
    refusal("invalid-rate", commission({ maxChangeRate: parseRate("0.3") }));
    refusal("invalid-rate", commission({ rate: { numerator: 1n, denominator: 30n } }));
    refusal("invalid-rate", commission({ rate: { numerator: -1n, denominator: 30n } }));
    refusal("invalid-rate", commission({ rate: { numerator: 0n, denominator: 0n } }));
    const unnamed = { ...registration, description: { ...registration.description, moniker: "" } };
    refusal("invalid-argument", () => createFinalityProviderMessage(unnamed));
    refusal("invalid-possession", () => createFinalityProviderMessage(registration, { context }));
    const message = createFinalityProviderMessage(registration);
    for (const rate of ["0.05", "", "-1", "05", "1".repeat(20)]) {
      const wrong = { ...message, commission: { ...message.commission, rate } };
      refusal("invalid-message", () => readCreateFinalityProvider(wrong));
    }
  });

  it("accepts BIP-322 when the network is known", () => {
    const form = { kind: "bip322", output: "p2tr", network: "signet", address: signer } as const;
    const proof = proofOfPossession(secret, form);
    const message = createFinalityProviderMessage({ ...registration, proof }, { network: "signet" });
    expect(readCreateFinalityProvider(message, { network: "signet" }).proof).toEqual(proof);
    refusal("invalid-possession", () => readCreateFinalityProvider(message));
  });
});

describe("a finality provider's randomness and votes", () => {
  const secretKey = secretOf("provider");
  const chainId = "bbn-1";
  const startHeight = 2n ** 53n;
  const voteContext = signingContext("fp_fin_vote", chainId, "bbn1module");
  const { commitment, proof } = commitRandomness({ secretKey, chainId, startHeight, count: 5 });
  const vote = signVoteUnprotected({
    secretKey,
    chainId,
    height: startHeight + 3n,
    appHash: secretOf("block"),
  });

  it("are committed", () => {
    const message = sent("MsgCommitPubRandList", commitRandomnessMessage(commitment, signer));
    expect(readCommitRandomness(message)).toEqual({ signer, commitment });
    refusal("invalid-signature", () => readCommitRandomness({ ...message, numPubRand: 6n }));
    refusal("invalid-signature", () => readCommitRandomness(message, { context }));
    refusal("invalid-message", () => readCommitRandomness({ ...message, numPubRand: 2n ** 53n }));
    refusal("invalid-signature", () => commitRandomnessMessage({ ...commitment, count: 0 }, signer));
  });

  it("are cast with the proof of their randomness", () => {
    const message = sent(
      "MsgAddFinalitySig",
      addFinalitySignatureMessage(commitment, vote, proof(vote.height), signer),
    );
    expect(readAddFinalitySignature(message, commitment)).toEqual({
      signer,
      vote,
      proof: proof(vote.height),
    });
    const moved = { ...message, blockHeight: vote.height + 1n };
    refusal("invalid-signature", () => readAddFinalitySignature(moved, commitment));
    refusal("invalid-signature", () =>
      addFinalitySignatureMessage(commitment, vote, proof(startHeight), signer),
    );
    const wide = { ...message, proof: { ...message.proof, total: 2n ** 53n } };
    refusal("invalid-message", () => readAddFinalitySignature(wide, commitment));
  });

  it("are signed under a context that the chain knows and the message does not contain", () => {
    const given = { secretKey, chainId, startHeight, count: 5, context };
    const { commitment: inContext, proof: proofIn } = commitRandomness(given);
    const inVote = signVoteUnprotected({ ...vote, secretKey, chainId, context: voteContext });
    const { finalityProvider, height, appHash, publicRandomness, signature } = inVote;
    const cast = { finalityProvider, height, appHash, publicRandomness, signature, context: voteContext };
    const committed = commitRandomnessMessage(inContext, signer);
    expect(readCommitRandomness(committed, { context }).commitment).toEqual(inContext);
    const message = addFinalitySignatureMessage(inContext, cast, proofIn(height), signer);
    expect(readAddFinalitySignature(message, inContext, { context: voteContext }).vote).toEqual(cast);
    refusal("invalid-signature", () => readAddFinalitySignature(message, inContext));
  });
});

describe("the evidence of a double vote", () => {
  const secretKey = secretOf("provider");
  const height = 77n;
  const { secret, public: publicRandomness } = randomness.derive(secretKey, "bbn-1", height);
  const cast = (name: string, voteContext?: string) => {
    const appHash = secretOf(name);
    const vote = { appHash, ...(voteContext !== undefined && { context: voteContext }) };
    return { ...vote, signature: eots.sign(secretKey, secret, voteMessage({ ...vote, height })) };
  };
  const evidenceOf = (canonical: Evidence["canonical"], fork: Evidence["fork"]): Evidence => ({
    finalityProvider: publicKeyOf(secretKey),
    height,
    publicRandomness,
    canonical,
    fork,
  });

  it("is read back unchanged, with and without a context", () => {
    for (const evidence of [
      evidenceOf(cast("a"), cast("b")),
      evidenceOf(cast("a", context), cast("b", context)),
    ]) {
      const message = sent("MsgEquivocationEvidence", equivocationMessage(evidence, signer), "v3");
      expect(readEquivocation(message)).toEqual({ signer, evidence });
    }
  });

  it("is refused when it reveals no key, or the votes have different contexts", () => {
    refusal("same-message", () => equivocationMessage(evidenceOf(cast("a"), cast("a")), signer));
    const mixed = evidenceOf(cast("a", context), cast("b"));
    refusal("unsupported-message", () => equivocationMessage(mixed, signer));
    const message = equivocationMessage(evidenceOf(cast("a"), cast("b")), signer);
    refusal("different-randomness", () => readEquivocation({ ...message, blockHeight: 78n }));
    refusal("invalid-hex", () => readEquivocation({ ...message, pubRandHex: "00" }));
    refusal("invalid-hex", () => readEquivocation({ ...message, signingContext: "00" }));
    const key = hex.encode(publicKeyOf(scalar.toBytes(5n)));
    refusal("different-randomness", () => readEquivocation({ ...message, fpBtcPkHex: key }));
  });
});
