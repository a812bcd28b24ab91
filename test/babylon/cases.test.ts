import { bech32 } from "@scure/base";
import { beforeAll, describe, expect, it } from "vitest";
import type { InclusionProof } from "../../src/babylon/inclusion.js";
import {
  addInclusionProofMessage,
  covenantSignaturesMessage,
  readAddInclusionProof,
  readCovenantSignatures,
} from "../../src/babylon/lifecycle.js";
import { decodeMessage, encodeMessage, TYPE_URLS } from "../../src/babylon/messages.js";
import {
  proofOfPossession,
  proofOfPossessionDigest,
  verifyProofOfPossession,
} from "../../src/babylon/pop.js";
import {
  commitRandomnessMessage,
  createFinalityProviderMessage,
  editFinalityProviderMessage,
  readCommitRandomness,
} from "../../src/babylon/provider.js";
import { createDelegationMessage } from "../../src/babylon/stake.js";
import { readUndelegate, undelegateMessage } from "../../src/babylon/undelegation.js";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { parseTransaction } from "../../src/bitcoin/transaction.js";
import { parseRate } from "../../src/core/amount.js";
import { concatBytes, hex } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { covenantSigner, signAsMember } from "../../src/covenant/member.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { createDelegation, type Delegation } from "../../src/delegation/delegation.js";
import { commitRandomness } from "../../src/finality/randomness/commit.js";
import { checkLeafSignature } from "../../src/spending/spend.js";
import { stakingOutput } from "../../src/script/outputs.js";
import { commitmentDigest } from "../../src/vote/messages.js";
import { verifyCommitment } from "../../src/vote/vote.js";
import { asBitcoinJs } from "../support/bitcoinjs.js";
import { expand } from "../support/expansion.js";
import { refusal } from "../support/refusal.js";
import { delegate, inForce, makeStake, secretOf } from "../support/stake.js";
import { readVectors } from "../support/vectors.js";

const caseOf = <T>(name: string): T => JSON.parse(readVectors(`chain/${name}.json`)) as T;

const signer = bech32.encodeFromBytes("bbn", secretOf("signer").slice(0, 20));
const inclusion: InclusionProof = {
  key: { index: 2, hash: new Uint8Array(32).fill(5) },
  proof: new Uint8Array(64).fill(6),
};
const stake = makeStake();
const proof = proofOfPossession(stake.stakerSecrets[0]!, { kind: "bip340", address: signer });
let delegation: Delegation;
beforeAll(async () => {
  delegation = await delegate(stake);
});

/** The delegation of a staking transaction that a case has. */
const delegationOf = (stakingTx: string): Delegation => {
  const transaction = parseTransaction(hex.decode(stakingTx));
  return createDelegation(stake.terms, stake.params, { transaction, txidFinal: true });
};

describe("01: an undelegation", () => {
  interface Case {
    readonly input: { readonly stakingTx: string };
    readonly messageBytes: string;
  }
  const { input, messageBytes } = caseOf<Case>("01-undelegate-funding");
  const typeUrl = TYPE_URLS.MsgBTCUndelegate;

  it("has the staking transaction, the parent of its first input, and is refused without it", () => {
    const about = delegationOf(input.stakingTx);
    const named = decodeMessage({ typeUrl, value: hex.decode(messageBytes) });
    if (named.name !== "MsgBTCUndelegate") throw new Error(named.name);
    refusal("message-mismatch", () => readUndelegate(named.message, about));

    const transaction = parseTransaction(named.message.stakeSpendingTx);
    const undelegation = { signer, transaction, inclusion, fundingTransactions: [] };
    const message = undelegateMessage(about, undelegation);
    expect(message.fundingTransactions.map(hex.encode)).toEqual([input.stakingTx]);
    const [read] = readUndelegate(message, about).fundingTransactions;
    expect(read!.getId()).toBe(about.staking.transaction.getId());
    const bytes = encodeMessage("MsgBTCUndelegate", message).value;
    expect(hex.encode(bytes)).toContain(`2a${(input.stakingTx.length / 2).toString(16)}01${input.stakingTx}`);
  });

  it("has it once where the caller gives it too", () => {
    const transaction = parseTransaction(hex.decode(input.stakingTx));
    const about = delegationOf(input.stakingTx);
    const { message } = decodeMessage({ typeUrl, value: hex.decode(messageBytes) });
    const spend = parseTransaction((message as { stakeSpendingTx: Uint8Array }).stakeSpendingTx);
    const given = { signer, transaction: spend, inclusion, fundingTransactions: [transaction] };
    expect(undelegateMessage(about, given).fundingTransactions).toHaveLength(1);
  });
});

it("02: selective slashing names no stake from v3 on, and the chain's bytes are read", () => {
  const { input } = caseOf<{ input: { v4Bytes: string; madeBytes: string } }>("02-selective-slashing-field2");
  const typeUrl = TYPE_URLS.MsgSelectiveSlashingEvidence;
  const named = decodeMessage({ typeUrl, value: hex.decode(input.v4Bytes) });
  for (const release of ["v3", "v4"] as const) {
    expect(hex.encode(encodeMessage(named.name, named.message as never, release).value)).toBe(input.v4Bytes);
  }
  const old = decodeMessage({ typeUrl, value: hex.decode(input.madeBytes) });
  refusal("not-in-release", () => encodeMessage(old.name, old.message as never, "v4"));
  expect(hex.encode(encodeMessage(old.name, old.message as never, "v2").value)).toBe(input.madeBytes);
});

it("03: the inclusion of an expansion is proved by no separate message", async () => {
  const expansion = await expand(stake);
  refusal("unsupported-message", () => addInclusionProofMessage(expansion, signer, inclusion));
  const message = addInclusionProofMessage(delegation, signer, inclusion);
  refusal("unsupported-message", () => readAddInclusionProof(message, expansion));
});

describe("04: a coinbase", () => {
  interface Case {
    readonly input: {
      readonly inclusion: { readonly index: number; readonly proof: string };
      readonly coinbaseStakingTx: string;
    };
  }
  const { input } = caseOf<Case>("04-coinbase-stake");
  const atIndex0 = {
    key: { index: input.inclusion.index, hash: new Uint8Array(32) },
    proof: hex.decode(input.inclusion.proof),
  };

  it("is no stake: a proof of index 0 is refused, made and read", () => {
    refusal("invalid-proof", () => addInclusionProofMessage(delegation, signer, atIndex0));
    const message = addInclusionProofMessage(delegation, signer, inclusion);
    const changed = { ...message, stakingTxInclusionProof: atIndex0 };
    refusal("invalid-proof", () => readAddInclusionProof(changed, delegation));
    const registration = { delegation, stakerAddress: signer, proof };
    refusal("invalid-proof", () => createDelegationMessage({ ...registration, inclusion: atIndex0 }));
  });

  it("is refused as the staking transaction of a registration", () => {
    const coinbase = delegationOf(input.coinbaseStakingTx);
    const registration = { delegation: coinbase, stakerAddress: signer, proof };
    refusal("invalid-coin", () => createDelegationMessage(registration));
  });
});

it("11: a member of the new committee alone submits no signature of an expansion", async () => {
  const previous = makeStake({ seed: "rotated", committee: 3 });
  const newcomer = secretOf("newcomer");
  const keys = [...previous.terms.covenant.keys.slice(0, 2), publicKeyOf(newcomer)];
  const covenant = { keys, quorum: previous.terms.covenant.quorum };
  const now = {
    ...previous,
    terms: { ...previous.terms, covenant, timelock: previous.terms.timelock + 100 },
    params: { ...previous.params, version: previous.params.version + 1, covenant },
    value: previous.value + 500_000n,
  };
  const expansion = await expand(previous, {}, now);
  const by = (secret: Uint8Array, rules?: "any") => {
    const options = { previous: inForce(previous.params), ...(rules && { rules }) };
    return signAsMember(expansion, covenantSigner(secret), inForce(now.params), options);
  };
  const kept = await by(previous.memberSecrets[0]!);
  const message = covenantSignaturesMessage(expansion, { signer, signatures: kept });
  expect(readCovenantSignatures(message, expansion).signatures.expansion).toBeDefined();
  await expect(by(newcomer)).rejects.toMatchObject({ code: "not-a-member" });
  const signatures = await by(newcomer, "any");
  refusal("not-a-member", () => covenantSignaturesMessage(expansion, { signer, signatures }));
  const asNewcomer = { ...message, pk: publicKeyOf(newcomer) };
  refusal("not-a-member", () => readCovenantSignatures(asNewcomer, expansion));
});

it("13: an account of 32 bytes, of a contract or a module, is accepted", () => {
  const { input } = caseOf<{ input: { address: string } }>("13-account-of-32-bytes");
  const { bytes } = bech32.decodeToBytes(input.address);
  expect(bytes).toHaveLength(32);
  expect(proofOfPossessionDigest(input.address)).toEqual(sha256(bytes));
  const secret = stake.stakerSecrets[0]!;
  const own = proofOfPossession(secret, { kind: "bip340", address: input.address });
  expect(verifyProofOfPossession(publicKeyOf(secret), own, { address: input.address })).toBe(true);
  const registration = { delegation, stakerAddress: input.address, proof: own };
  expect(createDelegationMessage(registration).stakerAddr).toBe(input.address);
});

it("14: an account of another chain is refused, before any signer is asked", () => {
  const { input } = caseOf<{ input: { address: string } }>("14-foreign-prefix");
  const { address } = input;
  const secret = stake.stakerSecrets[0]!;
  const { details } = refusal("invalid-address", () =>
    proofOfPossession(secret, { kind: "bip340", address }),
  );
  expect(details).toEqual({ expected: "bbn", got: "osmo" });
  refusal("invalid-address", () => createDelegationMessage({ delegation, stakerAddress: address, proof }));
  refusal("invalid-address", () => addInclusionProofMessage(delegation, address, inclusion));
});

describe("a finality provider", () => {
  const secret = secretOf("provider");
  const registration = {
    address: signer,
    publicKey: publicKeyOf(secret),
    proof: proofOfPossession(secret, { kind: "bip340", address: signer }),
    description: { moniker: "m", identity: "", website: "", securityContact: "", details: "" },
    commission: { rate: parseRate("0.05"), maxRate: parseRate("0.2"), maxChangeRate: parseRate("0.01") },
  };

  it("15: names its chain in field 8 for v3, and cannot name one for v4", () => {
    const message = createFinalityProviderMessage({ ...registration, bsnId: "bsn-1" });
    const { value } = encodeMessage("MsgCreateFinalityProvider", message, "v3");
    expect(hex.encode(value.slice(-7))).toBe("420562736e2d31");
    refusal("not-in-release", () => encodeMessage("MsgCreateFinalityProvider", message));
    // As published packages of July 2025 write it, which no release reads.
    const old = concatBytes(value.slice(0, -7), hex.decode("320562736e2d31"));
    const typeUrl = TYPE_URLS.MsgCreateFinalityProvider;
    refusal("invalid-message", () => decodeMessage({ typeUrl, value: old }));
    const plain = createFinalityProviderMessage({ ...registration, bsnId: "" });
    expect(encodeMessage("MsgCreateFinalityProvider", plain).value).toEqual(
      encodeMessage("MsgCreateFinalityProvider", plain, "v3").value,
    );
  });

  it.each([
    ["moniker", 70],
    ["identity", 3000],
    ["website", 140],
    ["securityContact", 140],
    ["details", 280],
  ] as const)("21: has a %s of at most %i bytes, registered and edited", (part, most) => {
    const described = (text: string) => ({
      ...registration,
      description: { ...registration.description, [part]: text },
    });
    const fits = "x".repeat(most);
    expect(createFinalityProviderMessage(described(fits)).description[part]).toBe(fits);
    // The chain counts bytes: two for this letter.
    for (const text of [`${fits}x`, "é".repeat(most / 2 + 1)]) {
      const { details } = refusal("invalid-argument", () => createFinalityProviderMessage(described(text)));
      expect(details).toMatchObject({ part, expected: most });
      const { commission: _, ...edit } = described(text);
      refusal("invalid-argument", () => editFinalityProviderMessage(edit));
    }
  });
});

it("16: a commitment ends below 2^64, as the chain adds its start and its length in 64 bits", () => {
  const { input } = caseOf<{ input: { start: string; count: number; root: string } }>("16-commit-overflow");
  const secretKey = secretOf("provider");
  const root = hex.decode(input.root);
  const signed = (startHeight: bigint, count: number) => ({
    finalityProvider: publicKeyOf(secretKey),
    startHeight,
    count,
    root,
    signature: new Uint8Array(64),
  });
  for (const [start, count] of [
    [BigInt(input.start), input.count],
    [2n ** 64n - 1n, 1],
    [2n ** 64n - 5n, 5],
  ] as const) {
    const commitment = signed(start, count);
    refusal("invalid-number", () => commitmentDigest(commitment));
    expect(verifyCommitment(commitment)).toBe(false);
    refusal("invalid-number", () => commitRandomnessMessage(commitment, signer));
    refusal("invalid-number", () =>
      commitRandomness({ secretKey, chainId: "bbn-1", startHeight: start, count }),
    );
  }
  const last = commitRandomness({ secretKey, chainId: "bbn-1", startHeight: 2n ** 64n - 6n, count: 5 });
  const message = commitRandomnessMessage(last.commitment, signer);
  expect(readCommitRandomness(message).commitment).toEqual(last.commitment);
  refusal("invalid-number", () => readCommitRandomness({ ...message, numPubRand: 6n }));
});

describe("a spend that Bitcoin mined", () => {
  interface Case {
    readonly input: { readonly spend: string; readonly stakingTx: string };
  }
  const told = (transaction: Transaction, stakingTx: string) => () =>
    undelegateMessage(delegationOf(stakingTx), { signer, transaction, inclusion, fundingTransactions: [] });

  it.each(["18-spend-with-annex", "19-spend-with-other-sighash"])("%s: can be reported", (name) => {
    const { input } = caseOf<Case>(name);
    const transaction = parseTransaction(hex.decode(input.spend));
    const message = told(transaction, input.stakingTx)();
    expect(hex.encode(message.stakeSpendingTx)).toBe(input.spend);
    expect(readUndelegate(message, delegationOf(input.stakingTx)).transaction.toHex()).toBe(input.spend);
  });

  const { input } = caseOf<Case>("19-spend-with-other-sighash");
  const spend = parseTransaction(hex.decode(input.spend));
  const spent = delegationOf(input.stakingTx).staking.transaction.outs[0]!;
  const { timelock } = stakingOutput(stake.terms, stake.params.network).leaves;
  /** The same withdrawal, signed with another hash type and annex. */
  function signedWith(type: number, annex?: Uint8Array, written = Uint8Array.of(type)) {
    const digest = asBitcoinJs(spend).hashForWitnessV1(
      0,
      [spent.script],
      [spent.value],
      type,
      timelock.hash,
      annex,
    );
    const signature = concatBytes(schnorr.sign(stake.stakerSecrets[0]!, digest), written);
    const changed = spend.clone();
    changed.setWitness(0, [
      signature,
      timelock.script,
      timelock.controlBlock,
      ...(annex === undefined ? [] : [annex]),
    ]);
    return changed;
  }

  it.each([1, 2, 3, 0x81, 0x82, 0x83])(
    "can be reported with hash type %i, with and without an annex",
    (type) => {
      expect(told(signedWith(type), input.stakingTx)).not.toThrow();
      expect(told(signedWith(type, Uint8Array.of(0x50, 7)), input.stakingTx)).not.toThrow();
    },
  );

  it("is refused with an unknown hash type, a false annex, and SINGLE without an output", () => {
    const written = (byte: number) => signedWith(1, undefined, Uint8Array.of(byte));
    for (const byte of [0, 4, 0x80]) refusal("unsupported-sighash", told(written(byte), input.stakingTx));
    refusal("invalid-signature", told(written(2), input.stakingTx));
    const annexed = signedWith(1, Uint8Array.of(0x50, 7));
    annexed.setWitness(0, [...annexed.ins[0]!.witness.slice(0, -1), Uint8Array.of(0x50, 8)]);
    refusal("invalid-signature", told(annexed, input.stakingTx));
    const bare = signedWith(3);
    bare.outs.length = 0;
    refusal("unsupported-sighash", told(bare, input.stakingTx));
  });

  it("is refused by checkLeafSignature, as signatures in advance take DEFAULT and ALL only", () => {
    const signature = signedWith(3).ins[0]!.witness[0]!;
    const leafSpend = { transaction: spend, inputIndex: 0, prevouts: [spent], leaf: timelock };
    const publicKey = publicKeyOf(stake.stakerSecrets[0]!);
    refusal("unsupported-sighash", () => checkLeafSignature(leafSpend, { publicKey, signature }));
  });
});

it("32: a stake of several stakers is registered by no release, and fields of the branch are refused", async () => {
  const several = makeStake({ stakers: 3, stakerQuorum: 2 });
  const registration = { delegation: await delegate(several), stakerAddress: signer, proof };
  const { message } = refusal("unsupported-message", () => createDelegationMessage(registration));
  expect(message).toBe(
    "the stake has 3 stakers, and no release of the chain registers more than one: make the stake with one staker",
  );
  const { value } = encodeMessage(
    "MsgCreateBTCDelegation",
    createDelegationMessage({ ...registration, delegation }),
  );
  const typeUrl = TYPE_URLS.MsgCreateBTCDelegation;
  const branch = concatBytes(value, hex.decode("820100"));
  expect(refusal("invalid-message", () => decodeMessage({ typeUrl, value: branch })).message).toContain(
    "field 16 is not known",
  );
});
