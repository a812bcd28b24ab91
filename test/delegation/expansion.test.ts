import { describe, expect, it } from "vitest";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { containsBytes, hex } from "../../src/core/bytes.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { publicKeyOf } from "../../src/core/keys.js";
import {
  addCovenantSignatures,
  checkForMember,
  covenantSigner,
  hasQuorum,
  type MemberOptions,
  signAsMember,
} from "../../src/covenant/member.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { checkDelegation, checkTransactions } from "../../src/delegation/check.js";
import { createDelegation, type Delegation } from "../../src/delegation/delegation.js";
import { delegationFromJson, delegationToJson } from "../../src/delegation/json.js";
import { addStakerPsbts, stakerPsbts } from "../../src/delegation/psbt.js";
import { recognise } from "../../src/delegation/recognise.js";
import { finishExpansion, signExpansion, signSlashings } from "../../src/delegation/sign.js";
import { expansionSpend, unbondingSpend } from "../../src/delegation/spends.js";
import { ruleSet } from "../../src/params/rules.js";
import type { ProtocolParams } from "../../src/params/types.js";
import { spendPsbt } from "../../src/psbt/write.js";
import { keySigner, leafSighash, signLeaf } from "../../src/spending/spend.js";
import { assembleWitness } from "../../src/spending/witness.js";
import { buildExpansion } from "../../src/stake/expansion.js";
import {
  expand,
  type ExpansionChanges,
  FUNDING,
  fundingCoin,
  larger,
  walletSigned,
  withFunding,
} from "../support/expansion.js";
import { asBitcoinJs } from "../support/bitcoinjs.js";
import { executes } from "../support/interpreter.js";
import { P2PKH } from "../support/lives.js";
import {
  addInput,
  codeOf,
  committeeSecrets,
  delegate,
  inForce,
  makeStake,
  nobodysScript,
  refusalOf,
  regtestParams,
  secretOf,
  signedBy,
  stakersVerdicts,
  type TestStake,
} from "../support/stake.js";

const stake = makeStake();
const { terms, params } = stake;
const good = await expand(stake);
const [member] = committeeSecrets as [Uint8Array];
const options: MemberOptions = { previous: inForce(params) };

/** What everyone says of an expansion: checked, checked for a member, and asked of a member, who signs nothing. */
async function expectRefused(delegation: Delegation, code: ErrorCode): Promise<void> {
  expect(await codeOf(() => checkDelegation(delegation))).toBe(code);
  if ((await codeOf(() => checkTransactions(delegation))) !== "passed") {
    expect(new Set(await stakersVerdicts(delegation))).toEqual(new Set([code]));
  }
  const trusted = { rules: "any", previous: inForce(delegation.expansion!.params) } as const;
  expect(
    await codeOf(() => checkForMember(delegation, publicKeyOf(member), inForce(delegation.params), trusted)),
  ).toBe(code);
  let asked = 0;
  const ask = () => (asked++, new Uint8Array(64));
  const signer = { publicKey: publicKeyOf(member), signSchnorr: ask, signAdaptor: ask };
  expect(await codeOf(() => signAsMember(delegation, signer, inForce(delegation.params), trusted))).toBe(
    code,
  );
  expect(asked).toBe(0);
}

/** Coins whose spend would need an input script, or is none that {@link finishExpansion} knows. */
const unfit: readonly [name: string, script: Uint8Array][] = [
  ["P2PKH", P2PKH],
  ["P2SH", hex.decode(`a914${"11".repeat(20)}87`)],
  ["P2WSH", hex.decode(`0020${"11".repeat(32)}`)],
  ["witness version 16", hex.decode(`6020${"11".repeat(32)}`)],
  ["witness version 1 and 2 bytes", hex.decode("51024e73")],
];
const OP_RETURN = hex.decode("6a0401020304");

const manyOutputs = (transaction: Transaction) => {
  for (let i = 0; i < 10; i++) transaction.addOutput(nobodysScript(), 400n);
};

const spendStakeTwice = ({ ins }: Transaction) => {
  const [{ hash, index }] = ins as [Transaction["ins"][number]];
  Object.assign(ins[1]!, { hash, index });
};

const changeAgain = (transaction: Transaction) => void transaction.addOutput(nobodysScript(), 20_000n);

const splitChange = (transaction: Transaction) => {
  transaction.outs[1]!.value = 20_000n;
  changeAgain(transaction);
};

const spendNothing = ({ ins: [, coin] }: Transaction) => {
  coin!.hash = new Uint8Array(32);
  coin!.index = 0xffff_ffff;
};

const swapInputs = (transaction: Transaction) => {
  transaction.ins = transaction.ins.toReversed();
};

describe("an expansion is accepted", () => {
  const cases: readonly [name: string, changes: ExpansionChanges][] = [
    ["larger and longer", {}],
    ["without the whole funding transaction", { expansion: { funding: fundingOutput() } }],
    ["with a fee of a satoshi", { staking: ({ outs }) => (outs[1]!.value = 99_999n) }],
    ["with the stake behind another output", { stakeAt: 1 }],
    ["with two outputs of change", { staking: splitChange }],
    ["with the stake between two outputs of change", { stakeAt: 1, staking: changeAgain }],
    ["with twelve outputs", { staking: (tx) => void manyOutputs(tx) }],
    ["with an OP_RETURN more", { staking: (tx) => void tx.addOutput(OP_RETURN, 0n) }],
    ["without change", { staking: ({ outs }) => void outs.pop() }],
    ["with the least change that relays", { staking: ({ outs }) => (outs[1]!.value = 330n) }],
    ["funded by a P2TR coin", { expansion: { funding: { ...fundingOutput(), script: FUNDING.p2tr } } }],
    ["of the same value", { value: stake.value }],
    ["for a shorter time", { terms: { ...terms, timelock: 10 } }],
    ["whose funding coin is signed", { staking: ({ ins }) => (ins[1]!.witness = [new Uint8Array(64)]) }],
    ["to another finality provider, where the member takes any release", { terms: otherProvider() }],
    ["whose stakers are one key of one", { terms: { ...larger(stake).terms, staker: oneOfOne() } }],
  ];
  it.each(cases)("%s", async (_, changes) => {
    const delegation = await expand(stake, changes);
    checkDelegation(delegation);
    const any = { ...options, rules: "any" } as const;
    const signed = await signAsMember(delegation, covenantSigner(member), inForce(params), any);
    expect(signed.expansion!.publicKey).toEqual(publicKeyOf(member));
  });
});

describe("an expansion is refused, and no signer signs it, when only this is wrong:", () => {
  const someone = publicKeyOf(secretOf("someone"));
  const strangers = makeStake({ committee: 5, seed: "strangers" });
  const cases: readonly [name: string, code: ErrorCode, changes: ExpansionChanges][] = [
    ["one input", "wrong-input-count", { staking: ({ ins }) => void ins.pop() }],
    ["three inputs", "wrong-input-count", { staking: addInput }],
    ["the previous stake second", "wrong-outpoint", { staking: swapInputs }],
    [
      "another transaction spent",
      "wrong-outpoint",
      { staking: ({ ins }) => (ins[0]!.hash = new Uint8Array(32)) },
    ],
    ["another output spent", "wrong-outpoint", { staking: ({ ins }) => (ins[0]!.index = 1) }],
    ["the stake itself as funding coin", "invalid-coin", { staking: spendStakeTwice }],
    ["version 1", "wrong-version", { staking: (tx) => (tx.version = 1) }],
    ["version 3", "wrong-version", { staking: (tx) => (tx.version = 3) }],
    ["a lock time of a block", "wrong-locktime", { staking: (tx) => (tx.locktime = 800_000) }],
    ["a lock time of a day", "wrong-locktime", { staking: (tx) => (tx.locktime = 1_700_000_000) }],
    ...[0, 1].flatMap((i): (typeof cases)[number][] =>
      ([0, 65_535, 0xffff_fffd, 0xffff_fffe] as const).map((sequence) => [
        `input ${i} of sequence ${sequence}`,
        "wrong-sequence",
        { staking: ({ ins }) => (ins[i]!.sequence = sequence) },
      ]),
    ),
    [
      "a second output of change, as dust",
      "dust-output",
      { staking: (tx) => void tx.addOutput(nobodysScript(), 329n) },
    ],
    [
      "no fee, for a second output of change",
      "expansion-fee-too-low",
      { staking: (tx) => void tx.addOutput(nobodysScript(), 45_679n) },
    ],
    [
      "the stake twice",
      "multiple-staking-outputs",
      { staking: (tx) => void tx.addOutput(tx.outs[0]!.script, 40_000n) },
    ],
    ["a null outpoint for the funding coin", "wrong-outpoint", { staking: spendNothing }],
    ["change of one satoshi", "dust-output", { staking: ({ outs }) => (outs[1]!.value = 1n) }],
    ["change a satoshi below what relays", "dust-output", { staking: ({ outs }) => (outs[1]!.value = 329n) }],
    [
      "a witness of the previous stake",
      "wrong-witness",
      { staking: ({ ins }) => (ins[0]!.witness = [new Uint8Array(64)]) },
    ],
    ["a satoshi less than before", "expansion-value-too-low", { value: stake.value - 1n }],
    ["no fee", "expansion-fee-too-low", { staking: ({ outs }) => (outs[1]!.value = 100_000n) }],
    ["more out than in", "expansion-fee-too-low", { staking: ({ outs }) => (outs[1]!.value = 200_000n) }],
    [
      "another funding transaction",
      "wrong-outpoint",
      { staking: ({ ins }) => (ins[1]!.hash = new Uint8Array(32)) },
    ],
    ["another funding output", "invalid-coin", { staking: ({ ins }) => (ins[1]!.index = 0) }],
    ["a funding output that is not there", "output-not-found", { staking: ({ ins }) => (ins[1]!.index = 2) }],
    [
      "a funding value that is not the transaction's",
      "invalid-coin",
      { expansion: { funding: { ...good.expansion!.funding, value: 600_001n } } },
    ],
    [
      "a funding script that is not the transaction's",
      "invalid-coin",
      { expansion: { funding: { ...good.expansion!.funding, script: FUNDING.p2tr } } },
    ],
    ...unfit.map(([name, script]): (typeof cases)[number] => [
      `a funding coin of ${name}, which could not be finished`,
      "invalid-coin",
      { expansion: { funding: { script, value: 600_000n } } },
    ]),
    [
      "an input script of the funding coin",
      "wrong-script-sig",
      { staking: ({ ins }) => (ins[1]!.script = Uint8Array.of(0x51)) },
    ],
    [
      "an input script of the previous stake",
      "wrong-script-sig",
      { staking: ({ ins }) => (ins[0]!.script = Uint8Array.of(0x51)) },
    ],
    [
      "previous terms that are not of the previous output",
      "staking-output-mismatch",
      { expansion: { terms: { ...terms, timelock: 99 } } },
    ],
    [
      "a previous output that is no stake",
      "staking-output-mismatch",
      { expansion: { staking: { ...good.expansion!.staking, outputIndex: 1 } } },
    ],
    [
      "a previous output that is not there",
      "output-not-found",
      { expansion: { staking: { ...good.expansion!.staking, outputIndex: 2 } } },
    ],
    [
      "previous parameters that do not admit the previous stake",
      "staking-value-out-of-range",
      { expansion: { params: { ...params, maxValue: 999_999n } } },
    ],
    [
      "a previous committee that is not of the previous parameters",
      "covenant-mismatch",
      { expansion: { params: { ...params, covenant: strangers.terms.covenant } } },
    ],
    ["previous parameters of another network", "wrong-network", { expansion: { params: onSignet() } }],
    [
      "the new output of other terms",
      "staking-output-mismatch",
      { staking: ({ outs }) => (outs[0]!.script = nobodysScript()) },
    ],
    ["a new stake that is too long", "staking-time-out-of-range", { params: { ...params, maxTime: 150 } }],
    ["another staker", "staker-mismatch", { terms: { ...terms, staker: someone }, unsigned: true }],
    [
      "a staker more",
      "staker-mismatch",
      { terms: { ...terms, staker: { keys: [terms.staker as Uint8Array, someone], quorum: 1 } } },
    ],
  ];
  it.each(cases)("%s", async (_, code, changes) => {
    await expectRefused(await expand(stake, changes), code);
  });

  it("a committee without a quorum of the previous one", async () => {
    const [a, b] = terms.covenant.keys as [Uint8Array, Uint8Array];
    const covenant = { keys: [a, b, ...strangers.terms.covenant.keys.slice(0, 3)], quorum: 3 };
    const next = { ...params, covenant };
    const rotated = await expand(stake, { terms: { ...terms, covenant }, params: next });
    await expectRefused(rotated, "covenant-mismatch");
  });
});

describe("a signature of the previous stake's spend", () => {
  const spend = expansionSpend(good);
  const staker = stake.stakerSecrets[0]!;
  const by = (secret: Uint8Array, digest = leafSighash(spend)) => ({
    publicKey: publicKeyOf(secret),
    signature: schnorr.sign(secret, digest),
  });
  const other = leafSighash(unbondingSpend(good));
  type Signatures = Delegation["unbonding"]["covenantSignatures"];
  const lists: readonly [name: string, code: "invalid" | ErrorCode, of: (right: Uint8Array) => Signatures][] =
    [
      ["by another key", "invalid", () => [by(secretOf("someone"))]],
      [
        "by another in its name",
        "invalid",
        (right) => [{ ...by(secretOf("x")), publicKey: publicKeyOf(right) }],
      ],
      ["of the unbonding", "invalid", (right) => [by(right, other)]],
      ["given twice", "duplicate-signature", (right) => [by(right), by(right)]],
      ["empty", "invalid", (right) => [{ ...by(right), signature: new Uint8Array() }]],
    ];
  it.each(lists)("is refused: %s", async (_, code, of) => {
    const { expansion } = good;
    const expected = (role: string) =>
      code === "invalid" ? (`invalid-${role}-signature` as ErrorCode) : code;
    const staked = { ...good, expansion: { ...expansion!, stakerSignatures: of(staker) } };
    await expectRefused(staked, expected("staker"));
    const signed = { ...good, expansion: { ...expansion!, covenantSignatures: of(member) } };
    await expectRefused(signed, expected("covenant"));
    // A committee member is no staker, and the other way round.
    await expectRefused(
      { ...good, expansion: { ...expansion!, stakerSignatures: [by(member)] } },
      "invalid-staker-signature",
    );
    await expectRefused(
      { ...good, expansion: { ...expansion!, covenantSignatures: [by(staker)] } },
      "invalid-covenant-signature",
    );
  });

  it("is accepted when it is valid", () => {
    const expansion = {
      ...good.expansion!,
      stakerSignatures: [by(staker)],
      covenantSignatures: [by(member)],
    };
    expect(checkDelegation({ ...good, expansion })).toBeUndefined();
  });
});

describe("a committee member", () => {
  it("checks the previous parameters against its own copy, too", async () => {
    const key = publicKeyOf(member);
    const missing = await refusalOf(() => checkForMember(good, key, inForce(params)));
    expect([missing.code, missing.details["field"]]).toEqual(["params-mismatch", "previous"]);
    const own = { ...params, unbondingFee: 999n };
    const differing = await refusalOf(() =>
      checkForMember(good, key, inForce(params), { previous: inForce(own) }),
    );
    expect([differing.code, differing.details["field"]]).toEqual(["params-mismatch", "unbondingFee"]);
    checkForMember(good, key, inForce(params), options);
  });

  it("applies the rules of the release that it names", async () => {
    const key = publicKeyOf(member);
    const ruled = (delegation: Delegation, release: string) =>
      codeOf(() => checkForMember(delegation, key, inForce(params), { ...options, rules: ruleSet(release) }));
    expect(await ruled(good, "v4")).toBe("passed");
    expect(await ruled(good, "v1")).toBe("unsupported-by-release");
    expect(await ruled(await expand(stake, { terms: otherProvider() }), "v4")).toBe("unsupported-by-release");
    const single = await delegate(stake);
    const plain = (release: string) =>
      codeOf(() => checkForMember(single, key, inForce(params), { rules: ruleSet(release) }));
    expect([await plain("v1"), await plain("phase1")]).toEqual(["passed", "unsupported-by-release"]);
  });

  it("is refused where it is only in the new committee, as the chain takes nothing from it", async () => {
    const rotated = rotatedStake();
    const delegation = await expand(stake, {}, rotated);
    const [own, secret] = [inForce(rotated.params), rotated.memberSecrets[3]!];
    const refused = await refusalOf(() => checkForMember(delegation, publicKeyOf(secret), own, options));
    expect([refused.code, refused.details["field"]]).toEqual(["not-a-member", "previous"]);
    expect(await codeOf(() => signAsMember(delegation, covenantSigner(secret), own, options))).toBe(
      "not-a-member",
    );
    const both = publicKeyOf(rotated.memberSecrets[0]!);
    expect(await codeOf(() => checkForMember(delegation, both, own, options))).toBe("passed");
  });

  it("signs under any release's rules all but the spend of a stake in whose committee it was not", async () => {
    const rotated = rotatedStake();
    const delegation = await expand(stake, {}, rotated);
    const any = { ...options, rules: "any" } as const;
    const sign = (i: number) =>
      signAsMember(delegation, covenantSigner(rotated.memberSecrets[i]!), inForce(rotated.params), any);
    const [old, fresh] = [await sign(0), await sign(3)];
    expect(old.expansion).toBeDefined();
    expect(fresh).not.toHaveProperty("expansion");
    // A quorum of the new committee is not one of the previous.
    let signed = delegation;
    for (const i of [3, 4, 0]) signed = addCovenantSignatures(signed, await sign(i));
    expect(signed.unbonding.covenantSignatures).toHaveLength(3);
    expect(hasQuorum(signed)).toBe(false);
    for (const i of [1, 2]) signed = addCovenantSignatures(signed, await sign(i));
    expect(hasQuorum(signed)).toBe(true);
    checkDelegation(signed);
    signed = await signExpansion(signed, keySigner(stake.stakerSecrets[0]!));
    const spend = expansionSpend(signed);
    const finished = finishExpansion(signed, walletSigned(spend));
    expect([0, 1].map((i) => executes(finished, i, spend.prevouts))).toEqual([true, true]);

    const { expansion, ...without } = old;
    expect(await codeOf(() => addCovenantSignatures(delegation, without))).toBe("missing-signature");
    expect(await codeOf(() => addCovenantSignatures(delegation, { ...fresh, expansion: expansion! }))).toBe(
      "invalid-covenant-signature",
    );
    expect(await codeOf(() => addCovenantSignatures(delegation, { ...old, expansion: old.unbonding }))).toBe(
      "invalid-signature",
    );
  });

  it("is refused with its signature of an expansion for a stake that expands nothing", async () => {
    const single = await delegate(stake);
    const signed = await signAsMember(single, covenantSigner(member), inForce(params));
    expect(signed).not.toHaveProperty("expansion");
    expect(
      await codeOf(() => addCovenantSignatures(single, { ...signed, expansion: signed.unbonding })),
    ).toBe("not-an-expansion");
    expect(await codeOf(() => expansionSpend(single))).toBe("not-an-expansion");
    expect(await codeOf(() => signExpansion(single, keySigner(stake.stakerSecrets[0]!)))).toBe(
      "not-an-expansion",
    );
    expect(await codeOf(() => finishExpansion(single, "any"))).toBe("not-an-expansion");
  });
});

describe.each(["p2wpkh", "p2tr"] as const)("the life of an expansion funded by %s", (kind) => {
  it("leads from the builder to a transaction that spends, and to the next expansion", async () => {
    const several = makeStake({ stakers: 3, stakerQuorum: 2, providers: 2, seed: `life ${kind}` });
    let before = await delegate(several);
    for (const timelock of [200, 300]) {
      const coin = fundingCoin(900_000n + BigInt(timelock), kind);
      const { transaction: previousTransaction, ...plain } = coin;
      const built = buildExpansion({
        previous: before,
        terms: { ...several.terms, timelock },
        params: several.params,
        value: before.staking.transaction.outs[before.staking.outputIndex]!.value + 100_000n,
        coin: plain,
        changeScript: nobodysScript(),
        feeRate: { numerator: 3n, denominator: 1n },
      });
      // Of another library: it is read by its bytes.
      const foreign = asBitcoinJs(previousTransaction as Transaction) as unknown as Transaction;
      const expands = { previous: before, coin: { ...plain, previousTransaction: foreign } };
      const made = createDelegation(
        { ...several.terms, timelock },
        several.params,
        built.transaction,
        expands,
      );
      expect(made.expansion!.funding.transaction).toStrictEqual(previousTransaction);
      let delegation = made;
      const signers = several.stakerSecrets.slice(1).map(keySigner);
      for (const signer of signers) delegation = await signSlashings(delegation, signer);
      delegation = await signedBy(several, delegation, [0, 2, 4]);
      expect(await codeOf(() => finishExpansion(delegation, walletSigned(built)))).toBe("missing-signature");
      for (const signer of signers) delegation = await signExpansion(delegation, signer);
      delegation = delegationFromJson(delegationToJson(delegation));
      checkDelegation(delegation);
      const finished = finishExpansion(delegation, walletSigned(built).toBase64());
      expect([0, 1].map((i) => executes(finished, i, built.prevouts))).toEqual([true, true]);

      // A staker's wallet may sign both inputs in one go.
      const staker = await signLeaf(built, signers[0]!);
      const psbt = spendPsbt(built, [staker]);
      Object.assign(psbt.data.inputs[1]!, walletSigned(built).data.inputs[1]);
      const half = {
        ...delegation.expansion!,
        stakerSignatures: delegation.expansion!.stakerSignatures.slice(1),
      };
      expect(executes(finishExpansion({ ...delegation, expansion: half }, psbt), 0, built.prevouts)).toBe(
        true,
      );

      // One more or less than the stakers' or the committee's quorum fails.
      const spend = expansionSpend(delegation);
      const [stakers, members] = spend.leaf.signers;
      const all = [...several.stakerSecrets, ...several.memberSecrets];
      const signatures = await Promise.all(all.map((secret) => signLeaf(spend, keySigner(secret))));
      const judged = (m: number, q: number) => {
        const chosen = [...stakers!.keys.slice(0, m), ...members!.keys.slice(0, q)];
        const some = signatures.filter(({ publicKey }) => containsBytes(chosen, publicKey));
        const tried = withFunding(spend, assembleWitness(spend.leaf, some), finished.ins[1]!.witness);
        return executes(tried, 0, spend.prevouts);
      };
      expect([judged(2, 3), judged(1, 3), judged(3, 3), judged(2, 2), judged(2, 4)]).toEqual([
        true,
        false,
        false,
        false,
        false,
      ]);
      before = delegation;
    }
  });
});

describe("the length of the signatures of an expansion", () => {
  const ready = async () => {
    const delegation = await signedBy(stake, good, [0, 1, 2]);
    return signExpansion(delegation, keySigner(stake.stakerSecrets[0]!));
  };
  /** The same signer's, with the hash type behind. */
  const explicit = (delegation: Delegation, secret: Uint8Array) => {
    const digest = leafSighash(expansionSpend(delegation), 1);
    return { publicKey: publicKeyOf(secret), signature: Uint8Array.of(...schnorr.sign(secret, digest), 1) };
  };

  it("is 64 bytes for a member, as the staking chain requires; a staker's may be 65", async () => {
    const delegation = await ready();
    const expansion = delegation.expansion!;
    const wallet = walletSigned(expansionSpend(delegation));
    const byStaker = { ...expansion, stakerSignatures: [explicit(delegation, stake.stakerSecrets[0]!)] };
    const finished = finishExpansion({ ...delegation, expansion: byStaker }, wallet);
    expect(executes(finished, 0, expansionSpend(delegation).prevouts)).toBe(true);
    const [, ...others] = expansion.covenantSignatures;
    const byMember = { ...expansion, covenantSignatures: [explicit(delegation, member), ...others] };
    expect(publicKeyOf(member)).toEqual(expansion.covenantSignatures[0]!.publicKey);
    expect(await codeOf(() => finishExpansion({ ...delegation, expansion: byMember }, wallet))).toBe(
      "unsupported-sighash",
    );
  });

  it("is at most the length that the builder was given", async () => {
    const delegation = await ready();
    const wallet = walletSigned(expansionSpend(delegation));
    const vsize = finishExpansion(delegation, wallet).virtualSize();
    expect(finishExpansion(delegation, wallet, { vsize }).virtualSize()).toBe(vsize);
    expect(await codeOf(() => finishExpansion(delegation, wallet, { vsize: vsize - 1 }))).toBe(
      "size-above-estimate",
    );
  });
});

describe("a staker's signature of the spend of the previous stake", () => {
  it("is made by a staker: a committee member, whose key the leaf names too, cannot replace it", async () => {
    expect(await codeOf(() => signExpansion(good, keySigner(member)))).toBe("unexpected-signer");
    expect(await codeOf(() => signExpansion(good, keySigner(secretOf("nobody"))))).toBe("unexpected-signer");
  });

  it("is returned by any wallet in a PSBT, from one of several stakers after the other", async () => {
    const several = makeStake({ stakers: 3, stakerQuorum: 2, seed: "psbts of an expansion" });
    let delegation = await expand(several);
    const spend = expansionSpend(delegation);
    for (const secret of several.stakerSecrets.slice(1)) {
      expect(stakerPsbts(delegation).expansion!.data.inputs[0]).not.toHaveProperty("tapScriptSig");
      const returned = spendPsbt(spend, [await signLeaf(spend, keySigner(secret))]);
      delegation = addStakerPsbts(delegation, [returned.toBase64()], [], ["expansion"]);
    }
    checkDelegation(delegation);
    const signed = delegation.expansion!.stakerSignatures.map(({ publicKey }) => publicKey);
    expect(signed).toEqual(several.stakerSecrets.slice(1).map(publicKeyOf));
  });

  it("is refused from a PSBT without it, and from an altered one", async () => {
    const spend = expansionSpend(good);
    expect(await codeOf(() => addStakerPsbts(good, [stakerPsbts(good).expansion!]))).toBe(
      "missing-signature",
    );
    const byMember = spendPsbt(spend, [await signLeaf(spend, keySigner(member))]);
    expect(await codeOf(() => addStakerPsbts(good, [byMember]))).toBe("missing-signature");
    const other = spend.transaction.clone();
    other.outs[0]!.value -= 1n;
    expect(await codeOf(() => addStakerPsbts(good, [spendPsbt({ ...spend, transaction: other })]))).toBe(
      "psbt-mismatch",
    );
    expect(stakerPsbts({ ...good, expansion: undefined! }).expansion).toBeUndefined();
  });
});

describe("recognise: an expansion", () => {
  it("is the staking transaction of its delegation, with the verified signers of the previous stake's spend", async () => {
    let delegation = await signedBy(stake, good, [0, 1, 2]);
    delegation = await signExpansion(delegation, keySigner(stake.stakerSecrets[0]!));
    const finished = finishExpansion(delegation, walletSigned(expansionSpend(delegation)));
    const signed = { staker: [terms.staker], covenant: expect.objectContaining({ length: 3 }) };
    expect(recognise(delegation, finished)).toMatchObject({
      kind: "staking",
      expands: {
        role: "expansion",
        from: "staking",
        value: stake.value,
        verified: true,
        invalid: [],
        signed,
      },
    });
    expect(recognise(delegation, delegation.staking.transaction)).toMatchObject({
      expands: { signed: { staker: [], covenant: [] } },
    });
  });

  it("is a spend without advance signatures to the previous delegation", async () => {
    const before = await delegate(stake);
    expect(recognise(before, good.staking.transaction)).toMatchObject({
      kind: "spend",
      spends: [{ role: "expansion", from: "staking", value: stake.value }],
      sameTxid: false,
      presigned: false,
    });
    expect(recognise(before, before.staking.transaction)).toEqual({ kind: "staking" });
  });
});

describe("creating the delegation of an expansion", () => {
  it("checks the given previous stake and funding coin", async () => {
    const previous = good.expansion!;
    const create = (coin: unknown) => () =>
      createDelegation(larger(stake).terms, params, good.staking.transaction, { previous, coin } as never);
    const coin = fundingOutput();
    expect(await codeOf(create(undefined))).toBe("invalid-bytes");
    const garbled = { previous: { ...previous, terms: { ...terms, timelock: 99 } }, coin };
    for (const [expands, code] of [
      [{ coin }, "invalid-argument"],
      [garbled, "staking-output-mismatch"],
    ] as const) {
      const made = () =>
        createDelegation(larger(stake).terms, params, good.staking.transaction, expands as never);
      expect(await codeOf(made)).toBe(code);
    }
    expect(await codeOf(create({ ...coin, value: 1 }))).toBe("invalid-amount");
    expect(await codeOf(create({ ...coin, script: "00" }))).toBe("invalid-bytes");
    expect(await codeOf(create({ ...coin, previousTransaction: Uint8Array.of(1) }))).toBe(
      "invalid-transaction",
    );
    const { transaction } = good.expansion!.funding;
    const made = create({ ...coin, previousTransaction: transaction!.toBuffer() })();
    expect(made.expansion!.funding.transaction!.getId()).toBe(transaction!.getId());
    checkTransactions(made);
  });
});

function fundingOutput() {
  const { script, value } = fundingCoin(600_000n);
  return { script, value };
}

function otherProvider() {
  return { ...terms, finalityProviders: [publicKeyOf(secretOf("another provider"))] };
}

function oneOfOne() {
  return { keys: [terms.staker as Uint8Array], quorum: 1 };
}

function onSignet(): ProtocolParams {
  return { ...regtestParams, network: "signet" };
}

/** The larger stake under a committee that kept three members of five. */
function rotatedStake(): TestStake {
  const fresh = makeStake({ committee: 2, seed: "fresh" });
  const covenant = { keys: [...terms.covenant.keys.slice(0, 3), ...fresh.terms.covenant.keys], quorum: 3 };
  const next = larger(stake);
  return {
    ...next,
    terms: { ...next.terms, covenant },
    params: { ...params, covenant, version: 1 },
    memberSecrets: [...stake.memberSecrets.slice(0, 3), ...fresh.memberSecrets],
  };
}
