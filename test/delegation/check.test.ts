import { describe, expect, it } from "vitest";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { hex } from "../../src/core/bytes.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { publicKeyOf } from "../../src/core/keys.js";
import {
  checkForMember,
  type CovenantSigner,
  covenantSigner,
  signAsMember,
} from "../../src/covenant/member.js";
import { adaptor } from "../../src/crypto/adaptor.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { checkDelegation, checkTransactions } from "../../src/delegation/check.js";
import { createDelegation, type Delegation } from "../../src/delegation/delegation.js";
import { finishUnbonding, signSlashings, signUnbonding } from "../../src/delegation/sign.js";
import { slashingSpend, unbondingSpend } from "../../src/delegation/spends.js";
import { keySigner, leafSighash, signLeaf } from "../../src/spending/spend.js";
import {
  addInput,
  type Changes,
  codeOf,
  committeeSecrets,
  delegate,
  inForce,
  makeStake,
  nobodysScript,
  regtestParams,
  secretOf,
  signedBy,
  stakersVerdicts,
  withSlashing,
} from "../support/stake.js";
import { readCase } from "../support/vectors.js";

const stake = makeStake();
/** Releases are not the subject here. */
const ANY = { rules: "any" } as const;
const [member] = committeeSecrets as [Uint8Array];
const good = await delegate(stake);

/** A member's signer that counts how often it is asked. */
function counting(): { signer: CovenantSigner; asked: () => number } {
  let asked = 0;
  const inner = covenantSigner(member);
  const signer: CovenantSigner = {
    publicKey: inner.publicKey,
    signSchnorr: (digest) => (asked++, inner.signSchnorr(digest)),
    signAdaptor: (key, digest) => (asked++, inner.signAdaptor(key, digest)),
  };
  return { signer, asked: () => asked };
}

/** What everyone says of a delegation: checked, checked for a member, and asked of a member, who signs nothing. */
async function expectRefused(delegation: Delegation, code: ErrorCode): Promise<void> {
  expect(await codeOf(() => checkDelegation(delegation))).toBe(code);
  if ((await codeOf(() => checkTransactions(delegation))) !== "passed") {
    expect(new Set(await stakersVerdicts(delegation))).toEqual(new Set([code]));
  }
  const trusted = delegation.params;
  expect(await codeOf(() => checkForMember(delegation, publicKeyOf(member), inForce(trusted), ANY))).toBe(
    code,
  );
  const { signer, asked } = counting();
  expect(await codeOf(() => signAsMember(delegation, signer, inForce(trusted), ANY))).toBe(code);
  expect(asked()).toBe(0);
}

async function expectAccepted(delegation: Delegation): Promise<void> {
  checkDelegation(delegation);
  const { signer, asked } = counting();
  await signAsMember(delegation, signer, inForce(delegation.params), ANY);
  expect(asked()).toBe(1 + 2 * delegation.terms.finalityProviders.length);
}

const flipped = (bytes: Uint8Array, at = 40) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
const paysToWallet = withSlashing(regtestParams, { script: nobodysScript() });
const { terms } = stake;

describe("a valid delegation is accepted", () => {
  const cases: readonly [name: string, changes: Changes][] = [
    ["as the builders make it", {}],
    ["with the stake in the second output", { stakeAt: 1 }],
    ["slashing staking with version 1", { slashing: (tx) => (tx.version = 1) }],
    ["slashing unbonding with version 1", { unbondingSlashing: (tx) => (tx.version = 1) }],
    ["slashing more than the rate", { slashing: ({ outs: [a, b] }) => move(b!, a!, 5_000n) }],
    [
      "slashing more of the unbonding output",
      { unbondingSlashing: ({ outs: [a, b] }) => move(b!, a!, 5_000n) },
    ],
    ["paying more than the slashing fee", { slashing: ({ outs }) => (outs[1]!.value -= 1n) }],
    ["with a refund just not dust", { slashing: ({ outs }) => (outs[1]!.value = 330n) }],
    ["with a slashing script of no OP_RETURN", { params: paysToWallet }],
    ["with the least value", { value: regtestParams.minValue }],
    ["with the most value", { value: regtestParams.maxValue }],
    ["with the least time", { terms: { ...terms, timelock: regtestParams.minTime } }],
    ["with the most time", { terms: { ...terms, timelock: regtestParams.maxTime } }],
    ["whose committee is in another order", { terms: { ...terms, covenant: reversed(terms.covenant) } }],
    [
      "whose staker is one key of one",
      { terms: { ...terms, staker: { keys: [terms.staker as Uint8Array], quorum: 1 } } },
    ],
    [
      "whose staking transaction is signed",
      { staking: ({ ins }) => (ins[0]!.witness = [new Uint8Array(64)]) },
    ],
    ["whose slashing amount is rounded", { value: 1_000_005n }],
  ];
  it.each(cases)("%s", async (_, changes) => {
    await expectAccepted(await delegate(stake, changes));
  });

  it("with signatures of any 2 of 3 stakers", async () => {
    const several = makeStake({ stakers: 3, stakerQuorum: 2, providers: 2 });
    await expectAccepted(await delegate(several));
    const others = { ...several, stakerSecrets: several.stakerSecrets.toReversed() };
    await expectAccepted(await delegate(others));
    await expectAccepted(await signSlashings(await delegate(several), keySigner(several.stakerSecrets[2]!)));
  });

  it("with half a satoshi of the slashed amount rounded up", async () => {
    const rounded = await delegate(stake, { value: 1_000_005n });
    expect(rounded.slashing.transaction.outs[0]!.value).toBe(100_001n);
    const less = await delegate(stake, {
      value: 1_000_005n,
      slashing: ({ outs: [a, b] }) => move(a!, b!, 1n),
    });
    await expectRefused(less, "slashing-amount-too-low");
  });

  it("with a satoshi less at an exact half, where the chain's floats ask for that", async () => {
    const { input } = readCase<{ rate: string; value: string; "out0 made by the reference": string }>(
      "20-float-slashing-amount",
    );
    const least = BigInt(input["out0 made by the reference"]);
    const changes = { params: withSlashing(regtestParams, input), value: BigInt(input.value) };
    const made = await delegate(stake, changes);
    expect(made.slashing.transaction.outs[0]!.value).toBe(least + 1n);
    const less = { ...changes, slashing: ({ outs: [a, b] }: Transaction) => move(a!, b!, 1n) };
    const byOthers = await delegate(stake, less);
    expect(byOthers.slashing.transaction.outs[0]!.value).toBe(least);
    await expectAccepted(byOthers);
    const tooLittle = { ...changes, slashing: ({ outs: [a, b] }: Transaction) => move(a!, b!, 2n) };
    await expectRefused(await delegate(stake, tooLittle), "slashing-amount-too-low");
  });
});

describe("a delegation is refused, and no signer signs it, when only this is wrong:", () => {
  const otherTerms = { ...terms, finalityProviders: [publicKeyOf(secretOf("someone"))] };
  const cases: readonly [name: string, code: ErrorCode, changes: Changes][] = [
    ["parameters of phase 1", "unsupported-params", { params: withoutSlashing(), builtWith: regtestParams }],
    ["the value below the minimum", "staking-value-out-of-range", { value: regtestParams.minValue - 1n }],
    ["the value above the maximum", "staking-value-out-of-range", { value: regtestParams.maxValue + 1n }],
    ["the time below the minimum", "staking-time-out-of-range", { terms: { ...terms, timelock: 9 } }],
    [
      "the time above the maximum",
      "staking-time-out-of-range",
      { terms: { ...terms, timelock: 1001 }, params: { ...regtestParams, maxTime: 1000 } },
    ],
    [
      "another committee",
      "covenant-mismatch",
      {
        terms: {
          ...terms,
          covenant: {
            ...terms.covenant,
            keys: [...terms.covenant.keys.slice(1), publicKeyOf(secretOf("x"))],
          },
        },
      },
    ],
    [
      "another quorum",
      "covenant-mismatch",
      { terms: { ...terms, covenant: { ...terms.covenant, quorum: 2 } } },
    ],
    [
      "the committee short of a member",
      "covenant-mismatch",
      { terms: { ...terms, covenant: { ...terms.covenant, keys: terms.covenant.keys.slice(1) } } },
    ],
    [
      "a stake of one coin that is spent twice",
      "invalid-transaction",
      { staking: (tx) => void tx.addInput(tx.ins[0]!.hash, tx.ins[0]!.index) },
    ],
    [
      "a stake of a coin and of no coin",
      "invalid-transaction",
      { staking: (tx) => void tx.addInput(new Uint8Array(32), 0xffff_ffff) },
    ],
    ["a stake of no coins", "invalid-transaction", { staking: ({ ins }) => (ins.length = 0) }],
    [
      "the staking output of other terms",
      "staking-output-mismatch",
      { staking: ({ outs }) => (outs[0]!.script = nobodysScript()) },
    ],
    ["another output named", "staking-output-mismatch", { outputIndex: 1 }],
    ["an output named that is not there", "output-not-found", { outputIndex: 2 }],
    ["a negative output named", "output-not-found", { outputIndex: -1 }],
    [
      "the staking output twice",
      "multiple-staking-outputs",
      { staking: (tx) => void tx.addOutput(tx.outs[0]!.script, 60_000n) },
    ],
    [
      "the unbonding time",
      "unbonding-time-mismatch",
      { builtWith: { ...regtestParams, unbondingTime: 19 }, params: regtestParams },
    ],

    ["unbonding: version 1", "wrong-version", { unbonding: (tx) => (tx.version = 1) }],
    ["unbonding: version 3", "wrong-version", { unbonding: (tx) => (tx.version = 3) }],
    ["unbonding: lock time", "wrong-locktime", { unbonding: (tx) => (tx.locktime = 1) }],
    ["unbonding: sequence", "wrong-sequence", { unbonding: ({ ins }) => (ins[0]!.sequence = 0xffff_fffd) }],
    ["unbonding: two inputs", "wrong-input-count", { unbonding: addInput }],
    ["unbonding: no input", "wrong-input-count", { unbonding: ({ ins }) => (ins.length = 0) }],
    [
      "unbonding: two outputs",
      "wrong-output-count",
      { unbonding: (tx) => void tx.addOutput(nobodysScript(), 1_000n) },
    ],
    [
      "unbonding: another transaction spent",
      "wrong-outpoint",
      { unbonding: ({ ins }) => (ins[0]!.hash = flipped(ins[0]!.hash, 3)) },
    ],
    ["unbonding: another output spent", "wrong-outpoint", { unbonding: ({ ins }) => (ins[0]!.index = 1) }],
    [
      "unbonding: the first output spent of a stake in the second",
      "wrong-outpoint",
      { stakeAt: 1, unbonding: ({ ins }) => (ins[0]!.index = 0) },
    ],
    [
      "unbonding: input script",
      "wrong-script-sig",
      { unbonding: ({ ins }) => (ins[0]!.script = Uint8Array.of(0x51)) },
    ],
    [
      "unbonding: witness",
      "wrong-witness",
      { unbonding: ({ ins }) => (ins[0]!.witness = [Uint8Array.of(1)]) },
    ],
    [
      "unbonding: output script",
      "unbonding-output-mismatch",
      { unbonding: ({ outs }) => (outs[0]!.script = nobodysScript()) },
    ],
    [
      "unbonding: back to a staking output",
      "unbonding-output-mismatch",
      { unbonding: ({ outs }, { staking }) => (outs[0]!.script = staking.outs[0]!.script) },
    ],
    [
      "unbonding: a satoshi of fee too much",
      "unbonding-fee-mismatch",
      { unbonding: ({ outs }) => (outs[0]!.value -= 1n) },
    ],
    [
      "unbonding: a satoshi of fee too little",
      "unbonding-fee-mismatch",
      { unbonding: ({ outs }) => (outs[0]!.value += 1n) },
    ],
    [
      "unbonding: more out than in",
      "unbonding-fee-mismatch",
      { unbonding: ({ outs }) => (outs[0]!.value += 2_000n) },
    ],
    [
      "slashing of staking in place of that of unbonding",
      "wrong-outpoint",
      { unbondingSlashing: (tx, { staking }) => (tx.ins[0]!.hash = staking.getHash()) },
    ],
    [
      "slashing of unbonding in place of that of staking",
      "wrong-outpoint",
      { slashing: (tx, { unbonding }) => (tx.ins[0]!.hash = unbonding.getHash()) },
    ],
    [
      "the unbonding output spent by the stake's index",
      "wrong-outpoint",
      { stakeAt: 1, unbondingSlashing: ({ ins }) => (ins[0]!.index = 1) },
    ],
    [
      "terms of another finality provider than the outputs'",
      "staking-output-mismatch",
      {
        terms: otherTerms,
        staking: ({ outs }) => (outs[0]!.script = good.staking.transaction.outs[0]!.script),
      },
    ],
  ];
  const slashings = (["slashing", "unbondingSlashing"] as const).flatMap((which) =>
    slashingCases().map(([name, code, change, more]): (typeof cases)[number] => [
      `${which}: ${name}`,
      code,
      { ...more, [which]: change },
    ]),
  );
  it.each([...cases, ...slashings])("%s", async (_, code, changes) => {
    await expectRefused(await delegate(stake, changes), code);
  });
});

it("a delegation: is refused with a finality provider twice in its terms, and no signer signs it", async () => {
  const [provider] = terms.finalityProviders as [Uint8Array];
  const twice = { ...terms, finalityProviders: [provider, provider.slice()] };
  await expectRefused({ ...good, terms: twice }, "duplicate-key");
});

describe("a staker's signature is refused, and no committee member signs:", () => {
  const staker = stake.stakerSecrets[0]!;
  const [signature] = good.slashing.stakerSignatures as [Delegation["slashing"]["stakerSignatures"][number]];
  const own = publicKeyOf(staker);
  const signed = (from: "staking" | "unbonding", secret: Uint8Array) => ({
    publicKey: publicKeyOf(secret),
    signature: schnorr.sign(secret, leafSighash(slashingSpend(good, from))),
  });
  type Signatures = Delegation["slashing"]["stakerSignatures"];
  const cases: readonly [name: string, code: ErrorCode, of: (from: "staking" | "unbonding") => Signatures][] =
    [
      ["missing", "invalid-staker-signature", () => []],
      ["by another key", "invalid-staker-signature", (from) => [signed(from, secretOf("someone"))]],
      [
        "by the finality provider",
        "invalid-staker-signature",
        (from) => [signed(from, stake.providerSecrets[0]!)],
      ],
      ["by a committee member", "invalid-staker-signature", (from) => [signed(from, member)]],
      [
        "by another in the staker's name",
        "invalid-staker-signature",
        (from) => [{ ...signed(from, member), publicKey: own }],
      ],
      [
        "of the other slashing",
        "invalid-staker-signature",
        (from) => [signed(from === "staking" ? "unbonding" : "staking", staker)],
      ],
      [
        "altered",
        "invalid-staker-signature",
        (from) => [{ publicKey: own, signature: flipped(signed(from, staker).signature) }],
      ],
      ["empty", "invalid-staker-signature", () => [{ publicKey: own, signature: new Uint8Array() }]],
      [
        "beside a wrong one",
        "invalid-staker-signature",
        (from) => [signed(from, staker), signed(from, member)],
      ],
      ["given twice", "duplicate-signature", (from) => [signed(from, staker), signed(from, staker)]],
      ["with SIGHASH_SINGLE", "invalid-staker-signature", (from) => [withType(from, 3)]],
      ["with ANYONECANPAY", "invalid-staker-signature", (from) => [withType(from, 0x81)]],
      ["with a 65th byte of 0", "invalid-staker-signature", (from) => [withType(from, 0)]],
    ];
  function withType(from: "staking" | "unbonding", type: number) {
    const digest = leafSighash(slashingSpend(good, from), type);
    return { publicKey: own, signature: Uint8Array.of(...schnorr.sign(staker, digest), type) };
  }
  it.each(cases)("%s", async (_, code, of) => {
    await expectRefused({ ...good, slashing: { ...good.slashing, stakerSignatures: of("staking") } }, code);
    const { unbondingSlashing } = good;
    const stakerSignatures = of("unbonding");
    await expectRefused({ ...good, unbondingSlashing: { ...unbondingSlashing, stakerSignatures } }, code);
  });

  it("swapped between the two slashings", async () => {
    const { slashing, unbondingSlashing } = good;
    await expectRefused(
      {
        ...good,
        slashing: { ...slashing, stakerSignatures: unbondingSlashing.stakerSignatures },
        unbondingSlashing: { ...unbondingSlashing, stakerSignatures: slashing.stakerSignatures },
      },
      "invalid-staker-signature",
    );
  });

  it("one of two that the quorum requires", async () => {
    const several = makeStake({ stakers: 3, stakerQuorum: 2 });
    const full = await delegate(several);
    const { slashing } = full;
    const short = { ...slashing, stakerSignatures: slashing.stakerSignatures.slice(1) };
    await expectRefused({ ...full, slashing: short }, "invalid-staker-signature");
    // The same staker a second time is not a second staker.
    const again = await signLeaf(slashingSpend(full, "staking"), keySigner(several.stakerSecrets[1]!));
    const doubled = { ...slashing, stakerSignatures: [...short.stakerSignatures, again] };
    await expectRefused({ ...full, slashing: doubled }, "duplicate-signature");
  });

  it("of the unbonding, when it is invalid", async () => {
    const unbonding = { ...good.unbonding, stakerSignatures: [signature] };
    await expectRefused({ ...good, unbonding }, "invalid-staker-signature");
  });

  it("a staker's signature with SIGHASH_ALL is accepted", async () => {
    const slashing = { ...good.slashing, stakerSignatures: [withType("staking", 1)] };
    await expectAccepted({ ...good, slashing });
  });
});

describe("a covenant signature in a delegation is refused", () => {
  it("when it is by a stranger, for another transaction, altered, or duplicated", async () => {
    const signed = await signedBy(stake, good, [0, 1]);
    const [first, second] = signed.unbonding.covenantSignatures;
    const [theirs, other] = signed.slashing.covenantSignatures;
    const outsider = await signLeaf(unbondingSpend(good), keySigner(stake.stakerSecrets[0]!));
    for (const covenantSignatures of [
      [{ ...first!, signature: flipped(first!.signature) }],
      [{ ...first!, publicKey: second!.publicKey }],
      [outsider],
    ]) {
      await expectRefused(
        { ...good, unbonding: { ...good.unbonding, covenantSignatures } },
        "invalid-covenant-signature",
      );
    }
    for (const covenantSignatures of [
      [{ ...theirs!, signature: flipped(theirs!.signature) }],
      [{ ...theirs!, publicKey: other!.publicKey }],
      [{ ...theirs!, finalityProvider: other!.publicKey }],
      [{ ...theirs!, publicKey: publicKeyOf(secretOf("x")) }],
      signed.unbondingSlashing.covenantSignatures,
    ]) {
      await expectRefused(
        { ...good, slashing: { ...good.slashing, covenantSignatures } },
        "invalid-covenant-signature",
      );
    }
    const again = await signedBy(stake, good, [0]);
    const twice = (a: readonly unknown[], b: readonly unknown[]) => ({
      covenantSignatures: [...a, ...b] as never,
    });
    await expectRefused(
      { ...good, slashing: { ...good.slashing, ...twice([theirs], again.slashing.covenantSignatures) } },
      "duplicate-signature",
    );
    await expectRefused(
      { ...good, unbonding: { ...good.unbonding, ...twice([first], again.unbonding.covenantSignatures) } },
      "duplicate-signature",
    );
  });
});

it("an adaptor signature that verifies: is refused by a key outside the committee, or for a provider outside the stake", async () => {
  const digest = leafSighash(slashingSpend(good, "staking"));
  const adaptorBy = (secret: Uint8Array, finalityProvider: Uint8Array) => ({
    publicKey: publicKeyOf(secret),
    finalityProvider,
    signature: adaptor.sign(secret, finalityProvider, digest),
  });
  const [provider] = terms.finalityProviders as [Uint8Array];
  for (const signature of [
    adaptorBy(secretOf("no member"), provider),
    adaptorBy(stake.stakerSecrets[0]!, provider),
    adaptorBy(member, publicKeyOf(secretOf("no provider"))),
  ]) {
    const slashing = { ...good.slashing, covenantSignatures: [signature] };
    await expectRefused({ ...good, slashing }, "invalid-covenant-signature");
  }
});

describe("a staker's signing", () => {
  it("creates, checks before signing, signs both slashings, and unbonds with the committee", async () => {
    const created = createDelegation(terms, regtestParams, {
      transaction: good.staking.transaction,
      txidFinal: true,
    });
    checkTransactions(created);
    expect(await codeOf(() => checkDelegation(created))).toBe("invalid-staker-signature");
    const signed = await signSlashings(created, keySigner(stake.stakerSecrets[0]!));
    checkDelegation(signed);
    expect(await codeOf(() => finishUnbonding(signed))).toBe("missing-signature");
    const covered = await signedBy(stake, signed, [4, 0, 2]);
    expect(await codeOf(() => finishUnbonding(covered))).toBe("missing-signature");
    const leaving = await signUnbonding(covered, keySigner(stake.stakerSecrets[0]!));
    checkDelegation(leaving);
    const final = finishUnbonding(leaving);
    expect(final.getId()).toBe(leaving.unbonding.transaction.getId());
    expect(final.ins[0]!.witness.filter((item) => item.length === 64)).toHaveLength(4);
    expect(leaving.unbonding.transaction.ins[0]!.witness).toEqual([]);
  });

  it("refuses a slashing that pays all to someone else, and sends no wallet a request", async () => {
    const { slashing } = createDelegation(terms, regtestParams, {
      transaction: good.staking.transaction,
      txidFinal: true,
    });
    const code = "slashing-script-mismatch";
    for (const name of ["slashing", "unbondingSlashing"] as const) {
      const transaction = good[name].transaction.clone();
      transaction.outs[0]!.script = nobodysScript();
      const altered = { ...good, [name]: { ...slashing, transaction } };
      expect(await stakersVerdicts(altered)).toEqual([code, code, code]);
    }
  });

  it("signs the slashings that were checked, although they change while the signer works", async () => {
    const delegation = await delegate(stake, { unsigned: true });
    const right = leafSighash(slashingSpend(delegation, "unbonding"));
    const inner = keySigner(stake.stakerSecrets[0]!);
    const digests: Uint8Array[] = [];
    await signSlashings(delegation, {
      publicKey: inner.publicKey,
      signSchnorr: (digest) => {
        digests.push(digest);
        delegation.unbondingSlashing.transaction.outs[0]!.script = nobodysScript();
        return inner.signSchnorr(digest);
      },
    });
    expect(digests[1]).toEqual(right);
  });

  it("refuses the key of an outsider", async () => {
    expect(await codeOf(() => signSlashings(good, keySigner(secretOf("x"))))).toBe("unexpected-signer");
  });

  it("has errors with the expected and the found value, with the outpoint as txid:index", async () => {
    const wrong = await delegate(stake, { unbonding: ({ ins }) => (ins[0]!.index = 1) });
    const txid = hex.encode(wrong.staking.transaction.getHash().toReversed());
    expect(() => checkDelegation(wrong)).toThrow(`it spends ${txid}:1, but must spend ${txid}:0`);
  });
});

interface Output {
  value: bigint;
}

function move(from: Output, to: Output, amount: bigint): void {
  from.value -= amount;
  to.value += amount;
}

function reversed<T extends { readonly keys: readonly Uint8Array[] }>(set: T): T {
  return { ...set, keys: set.keys.toReversed() };
}

function withoutSlashing() {
  const { slashing: _, ...rest } = regtestParams;
  return rest;
}

type SlashingCase = [name: string, code: ErrorCode, change: NonNullable<Changes["slashing"]>, more?: Changes];

function slashingCases(): SlashingCase[] {
  const low = withSlashing(regtestParams, { script: nobodysScript(), rate: "0.0001" });
  return [
    ["version 0", "wrong-version", (tx) => (tx.version = 0)],
    ["version 3", "wrong-version", (tx) => (tx.version = 3)],
    ["lock time", "wrong-locktime", (tx) => (tx.locktime = 500)],
    ["sequence", "wrong-sequence", ({ ins }) => (ins[0]!.sequence = 0xffff_fffe)],
    ["two inputs", "wrong-input-count", addInput],
    ["no input", "wrong-input-count", ({ ins }) => (ins.length = 0), { unsigned: true }],
    ["one output", "wrong-output-count", ({ outs }) => (outs.length = 1)],
    ["three outputs", "wrong-output-count", (tx) => void tx.addOutput(nobodysScript(), 500n)],
    ["another transaction spent", "wrong-outpoint", ({ ins }) => (ins[0]!.hash = flipped(ins[0]!.hash, 0))],
    ["another output spent", "wrong-outpoint", ({ ins }) => (ins[0]!.index = 1)],
    ["input script", "wrong-script-sig", ({ ins }) => (ins[0]!.script = Uint8Array.of(0))],
    ["witness", "wrong-witness", ({ ins }) => (ins[0]!.witness = [new Uint8Array(64)])],
    ["slashing script", "slashing-script-mismatch", ({ outs }) => (outs[0]!.script = nobodysScript())],
    [
      "outputs the other way round",
      "slashing-script-mismatch",
      (tx) => void (tx.outs = tx.outs.toReversed()),
    ],
    ["a satoshi too little slashed", "slashing-amount-too-low", ({ outs: [a, b] }) => move(a!, b!, 1n)],
    ["nothing slashed", "slashing-amount-too-low", ({ outs }) => (outs[0]!.value = 0n)],
    ["refund script", "refund-output-mismatch", ({ outs }) => (outs[1]!.script = nobodysScript())],
    ["a satoshi of fee too little", "slashing-fee-too-low", ({ outs }) => (outs[1]!.value += 1n)],
    ["more out than in", "slashing-fee-too-low", ({ outs }) => (outs[1]!.value += 1_000_000n)],
    [
      "more out than in, where the least fee is asked",
      "slashing-fee-too-low",
      ({ outs }) => (outs[1]!.value += 1n),
      { params: withSlashing(regtestParams, { minFee: 1n }) },
    ],
    [
      "amounts that would overflow",
      "slashing-fee-too-low",
      ({ outs }) => (outs[1]!.value = 2n ** 64n - 1n),
      { unsigned: true },
    ],
    ["a refund that is dust", "dust-output", ({ outs }) => (outs[1]!.value = 329n)],
    [
      "a slashed output that is dust",
      "dust-output",
      ({ outs }) => (outs[0]!.value = 329n),
      { params: low, builtWith: { ...low, slashing: paysToWallet.slashing! } },
    ],
  ];
}
