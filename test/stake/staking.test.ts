import { secp256k1 } from "@noble/curves/secp256k1.js";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { txidOf } from "../../src/bitcoin/transaction.js";
import { hash160 } from "../../src/core/hashes.js";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import type { Rate } from "../../src/core/amount.js";
import { concatBytes, hex, utf8 } from "../../src/core/bytes.js";
import { backend as libsecp } from "../../src/core/curve/libsecp.js";
import { backend as noble } from "../../src/core/curve/noble.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { sha256 } from "../../src/core/hashes.js";
import type { Network } from "../../src/core/network.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import type { Coin } from "../../src/funding/coin.js";
import { mainnetPhase1 } from "../../src/params/data/mainnet.js";
import { ruleSet } from "../../src/params/rules.js";
import { paramSet } from "../../src/params/sets.js";
import { Psbt } from "../../src/psbt/psbt.js";
import { unsignedPsbt } from "../../src/psbt/write.js";
import { decodeOpReturn } from "../../src/script/op-return.js";
import { stakingOutput } from "../../src/script/outputs.js";
import { buildStaking, finishStaking, type Staking, type StakingRequest } from "../../src/stake/staking.js";
import { inBitcoinJs, asBitcoinJs } from "../support/bitcoinjs.js";
import { NOT_BYTES } from "../support/arbitraries.js";
import { executes } from "../support/interpreter.js";
import { feeRate, keyOf, P2TR, P2WPKH, paramsFor, secretOf, termsOf } from "../support/lives.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";
import { readCase } from "../support/vectors.js";

const terms = termsOf();
const params = paramsFor(terms);

/** An absurd rate. */
const HUGE: Rate = { numerator: 2n ** 64n, denominator: 1n };

/** The owner of a P2WPKH coin, with its compressed key. */
const owner = sha256(utf8("owner of a P2WPKH coin"));
const ownerKey = secp256k1.getPublicKey(owner, true);
const ownerScript = concatBytes(Uint8Array.of(0, 20), hash160(ownerKey));
/** The owner of a P2TR coin. Its output key is used untweaked: BIP-341 lets a key be its own output key. */
const taprootKey = keyOf(-10);
const taprootScript = concatBytes(Uint8Array.of(0x51, 32), taprootKey);

const coin = (value: bigint, script: Uint8Array, index = 0): Coin => ({
  outpoint: { txid: txidOf(sha256(utf8(`coin ${index}`))), vout: index },
  value,
  script,
});

const request = (changes: Partial<StakingRequest> = {}): StakingRequest => ({
  terms,
  params,
  value: 100_000n,
  coins: [coin(500_000n, ownerScript)],
  changeScript: P2WPKH,
  feeRate: feeRate("2"),
  ...changes,
});

const ecdsa = (transaction: Transaction, i: number, { value }: Coin, hashType = 1, secret = owner) => {
  const script = concatBytes(hex.decode("76a914"), hash160(ownerKey), hex.decode("88ac"));
  const digest = asBitcoinJs(transaction).hashForWitnessV0(i, script, value, hashType);
  const der = secp256k1.sign(digest, secret, { prehash: false, lowS: true, format: "der" });
  return Uint8Array.of(...der, hashType);
};
const taproot = (transaction: Transaction, i: number, coins: readonly Coin[], hashType = 0) => {
  const digest = asBitcoinJs(transaction).hashForWitnessV1(
    i,
    coins.map(({ script }) => script),
    coins.map(({ value }) => value),
    hashType,
  );
  const signature = schnorr.sign(secretOf(taprootKey), digest);
  return hashType === 0 ? signature : Uint8Array.of(...signature, hashType);
};

describe("a staking transaction", () => {
  it("has the stake as its first output, then change, and replaceable inputs", () => {
    const built = buildStaking(request());
    const { script } = stakingOutput(terms, params.network);
    expect(built.transaction).toMatchObject({ version: 2, locktime: 0 });
    expect(built.outputIndex).toBe(0);
    expect(built.transaction.outs).toEqual([
      { script, value: 100_000n },
      { script: P2WPKH, value: built.change },
    ]);
    expect(built.fee + built.change).toBe(400_000n);
    expect(built.transaction.ins.map(({ sequence }) => sequence)).toEqual([0xffff_fffd]);
  });

  it("has an announcement in phase 1 only", () => {
    const [phase1] = mainnetPhase1.versions;
    const each = { ...terms, covenant: phase1!.covenant, timelock: 64_000 };
    const ended = request({
      params: phase1!,
      terms: each,
      value: 500_000n,
      coins: [coin(900_000n, taprootScript)],
    });
    const built = buildStaking({ ...ended, rules: "any" });
    expect(built.transaction.outs.map(({ value }) => value)).toEqual([500_000n, 0n, built.change]);
    expect(decodeOpReturn(built.transaction.outs[1]!.script)).toEqual({
      tag: utf8("bbn1"),
      staker: terms.staker,
      finalityProvider: terms.finalityProviders[0],
      timelock: 64_000,
    });
  });

  it.each([
    ["mainnet-phase1", undefined],
    ["mainnet-phase1", ruleSet("phase1")],
    ["bbn-test-5", undefined],
    ["bbn-test-5", ruleSet("v4")],
  ])("is refused under the set %s, which has ended, unless the rules are any: %#", (name, rules) => {
    const { versions } = paramSet(name);
    const ended = versions.at(-1)!;
    const each = { ...termsOf({}), covenant: ended.covenant, timelock: ended.minTime };
    const coins = [coin(ended.minValue * 2n, taprootScript)];
    const ask = request({
      params: ended,
      terms: each,
      value: ended.minValue,
      coins,
      ...(rules && { rules }),
    });
    const { details } = refusal("params-not-in-force", () => buildStaking(ask));
    expect(details).toEqual({ set: name });
    expect(buildStaking({ ...ask, rules: "any" }).value).toBe(ended.minValue);
  });

  it("is refused with a time not above the unbonding time, where a chain would have to activate it", () => {
    const built = (timelock: number, change: Partial<StakingRequest> = {}, network: Network = "signet") => {
      const each = { ...terms, timelock };
      const chain = paramsFor(each, { network, minTime: 1, unbondingTime: 20 });
      return buildStaking(request({ terms: each, params: chain, ...change })).value;
    };
    const { timelock } = readCase<{ timelock: number }>("06-locktime-not-above-unbonding").input;
    const { details } = refusal("staking-time-out-of-range", () => built(timelock));
    expect(details).toMatchObject({ minTime: 21, got: 20 });
    expect(built(21)).toBe(built(20, { rules: "any" }));
    // On regtest only under the rules of a release.
    expect(built(20, {}, "regtest")).toBe(built(21));
    refusal("staking-time-out-of-range", () => built(20, { rules: ruleSet("v4") }, "regtest"));
  });

  it.each([
    ["several finality providers", { providers: 2 }],
    ["several stakers", { stakers: 2 }],
  ])("is refused in phase 1 with %s", (_, counts) => {
    const each = termsOf(counts);
    const phase1 = paramsFor(each, { phase1: { tag: utf8("bbn1"), confirmationDepth: 10 } });
    refusal("unsupported-params", () => buildStaking(request({ terms: each, params: phase1 })));
  });

  const otherCommittee = { ...terms.covenant, quorum: 4 };
  it.each<[ErrorCode, Partial<StakingRequest>]>([
    ["staking-value-out-of-range", { value: 9_999n }],
    ["staking-value-out-of-range", { value: 100_000_000_001n }],
    ["staking-time-out-of-range", { params: { ...params, minTime: 1001 } }],
    ["staking-time-out-of-range", { params: { ...params, maxTime: 999 } }],
    ["covenant-mismatch", { terms: { ...terms, covenant: otherCommittee } }],
    ["multiple-staking-outputs", { changeScript: stakingOutput(terms, "regtest").script }],
    ["dust-output", { value: 329n, params: { ...params, minValue: 1n } }],
    ["insufficient-funds", { coins: [] }],
    ["invalid-coin", { coins: [coin(500_000n, ownerScript), coin(1n, ownerScript)] }],
    ["invalid-coin", { coins: [coin(500_000n, hex.decode(`21${"02".repeat(33)}ac`))] }],
    ["invalid-coin", { coins: [coin(500_000n, new Uint8Array(0))] }],
    ["invalid-coin", { coins: [{ ...coin(500_000n, ownerScript), tapInternalKey: taprootKey }] }],
    ["invalid-public-key", { coins: [{ ...coin(500_000n, P2TR), tapInternalKey: new Uint8Array(31) }] }],
    ["invalid-coin", { coins: undefined as unknown as Coin[] }],
    ["invalid-coin", { coins: [undefined as unknown as Coin] }],
    ["invalid-bytes", { coins: [{ ...coin(500_000n, P2TR), script: "5120" as unknown as Uint8Array }] }],
    ["invalid-amount", { coins: [coin(-1n, P2TR)] }],
    ["invalid-amount", { coins: [coin(2_100_000_000_000_001n, P2TR)] }],
    ["invalid-amount", { value: 100_000 as unknown as bigint }],
    ["invalid-amount", { value: -1n }],
    ["invalid-amount", { value: 2_100_000_000_000_001n }],
    ["staking-value-out-of-range", { value: 0n }],
    ["staking-value-out-of-range", { value: 2_100_000_000_000_000n }],
    ["insufficient-funds", { feeRate: HUGE, maxFeeRate: HUGE }],
    ["fee-rate-too-high", { feeRate: HUGE }],
    ["invalid-rate", { feeRate: { numerator: -1n, denominator: 1n } }],
    ["invalid-rate", { feeRate: { numerator: 0n, denominator: 1n } }],
    ["invalid-rate", { feeRate: 2 as unknown as Rate }],
  ])("is refused with %s: %#", (code, changes) => {
    refusal(code, () => buildStaking(request(changes)));
  });

  it("is refused in a form that the current release refuses, on networks with real coins", () => {
    const several = termsOf({ providers: 2 });
    const on = (network: "regtest" | "signet" | "mainnet", more: Partial<StakingRequest> = {}) =>
      request({ terms: several, params: { ...paramsFor(several), network }, ...more });
    for (const network of ["signet", "mainnet"] as const) {
      const { details } = refusal("unsupported-by-release", () => buildStaking(on(network)));
      expect(details).toMatchObject({ release: "v4", rule: "maxFinalityProviders" });
      buildStaking(on(network, { rules: "any" }));
      buildStaking(on(network, { rules: ruleSet("v3") }));
    }
    buildStaking(on("regtest"));
    refusal("unsupported-by-release", () => buildStaking(on("regtest", { rules: ruleSet("v4") })));
  });

  it.each<[string, Partial<StakingRequest>, string]>([
    ["a rate that is a number", { feeRate: 2.5 as never }, 'use parseRate("2.5")'],
    ["an address for the change", { changeScript: "bcrt1q" as never }, "not string: use scriptOfAddress"],
    [
      "a time lock that is a bigint",
      { terms: { ...terms, timelock: 150n as never } },
      "not bigint; give a number",
    ],
    [
      "a time lock that is text",
      { terms: { ...terms, timelock: "150" as never } },
      "not string; give a number",
    ],
    [
      "a key of 33 bytes",
      { terms: { ...terms, staker: { keys: [new Uint8Array(33).fill(2)], quorum: 1 } } },
      "not 33 bytes; drop its first byte",
    ],
    [
      "a key as text",
      { terms: { ...terms, staker: "02".repeat(32) as never } },
      "not string; give bytes, not text",
    ],
  ])("says what to do about %s", (_, changes, remedy) => {
    expect(() => buildStaking(request(changes))).toThrow(remedy);
  });

  it("is refused with an invalid change script", () => {
    for (const script of NOT_BYTES.filter((value) => !(value instanceof Uint8Array) || value.length === 0)) {
      refusal("invalid-bytes", () => buildStaking(request({ changeScript: script as Uint8Array })));
    }
  });
});

describe("the fee of a staking transaction", () => {
  const coins = fc
    .array(
      fc.record({
        value: fc.oneof(fc.bigInt({ min: 0n, max: 3_000n }), fc.bigInt({ min: 0n, max: 200_000n })),
        script: fc.constantFrom(ownerScript, taprootScript),
      }),
      { minLength: 1, maxLength: 12 },
    )
    .map((list) => list.map(({ value, script }, i) => coin(value, script, i)));
  const rates = fc
    .bigInt({ min: 1_000n, max: 60_000n })
    .map((numerator) => ({ numerator, denominator: 1000n }));
  const succeeds = (changes: Partial<StakingRequest>) => {
    try {
      return buildStaking(request(changes));
    } catch {
      return null;
    }
  };
  /** The size with the largest witnesses that wallets put. */
  const finalSize = ({ transaction, coins: spent }: Staking) => {
    const signed = transaction.clone();
    for (const [i, { script }] of spent.entries()) {
      const witness = script === ownerScript ? [new Uint8Array(72), ownerKey] : [new Uint8Array(65)];
      signed.setWitness(i, witness);
    }
    return BigInt(signed.virtualSize());
  };

  it("is never below the rate, exact with change, and at most dust and the cost of change above without", () => {
    fc.assert(
      fc.property(coins, rates, (list, rate) => {
        const built = succeeds({ coins: list, value: 10_000n, feeRate: rate });
        fc.pre(built !== null);
        const exact = (finalSize(built) * rate.numerator + 999n) / 1000n;
        const spent = built.coins.reduce((sum, { value }) => sum + value, 0n);
        expect(spent).toBe(10_000n + built.fee + built.change);
        const surplus = built.fee - exact;
        const costOfChange = (31n * rate.numerator) / 1000n + 1n;
        expect(surplus >= 0n && surplus <= (built.change > 0n ? 0n : 294n + costOfChange)).toBe(true);
        expect(built.change === 0n || built.change >= 294n).toBe(true);
      }),
      { numRuns: runs(150) },
    );
  });

  it("has no cliff: a satoshi more, or a coin more, never makes a payable stake fail", () => {
    fc.assert(
      fc.property(coins, fc.nat(), rates, fc.bigInt({ min: 0n, max: 1n }), (list, at, rate, more) => {
        const first = succeeds({ coins: list, value: 10_000n, feeRate: rate });
        fc.pre(first !== null);
        // A stake that just succeeds, if the boundary is asked for.
        const value = more === 0n ? 10_000n : 10_000n + first.change;
        fc.pre(succeeds({ coins: list, value, feeRate: rate }) !== null);
        const i = at % list.length;
        const richer = list.with(i, { ...list[i]!, value: list[i]!.value + 1n });
        expect(succeeds({ coins: richer, value, feeRate: rate })).not.toBeNull();
        const longer = [...list, coin(546n, ownerScript, 99)];
        expect(succeeds({ coins: longer, value, feeRate: rate })).not.toBeNull();
      }),
      { numRuns: runs(150) },
    );
  });

  it("does not depend on which of two equally large coins costs less to spend", () => {
    // Largest first, whatever it costs to spend, took the dearer coin here and failed.
    const [cheap, dear] = [coin(15_600n, taprootScript, 1), coin(15_601n, ownerScript, 2)];
    const rate = feeRate("50");
    const changes = { value: 10_000n, feeRate: rate };
    expect(succeeds({ ...changes, coins: [cheap] })).not.toBeNull();
    expect(succeeds({ ...changes, coins: [cheap, { ...dear, value: 15_599n }] })?.coins).toEqual([cheap]);
    expect(succeeds({ ...changes, coins: [cheap, dear] })?.coins).toEqual([cheap]);
  });

  it("includes change below its dust threshold, and change is returned from the threshold on", () => {
    const { fee } = buildStaking(request());
    const at = (change: bigint) =>
      buildStaking(request({ coins: [coin(100_000n + fee + change, ownerScript)] }));
    expect([at(294n).change, at(294n).fee]).toEqual([294n, fee]);
    expect([at(293n).change, at(293n).fee]).toEqual([0n, fee + 293n]);
    expect(at(0n).change).toBe(0n);
  });

  it("is included in the missing amount", () => {
    const { fee } = buildStaking(request({ coins: [coin(150_000n, ownerScript)] }));
    const withoutChange = fee - 31n * 2n;
    expect(buildStaking(request({ coins: [coin(100_000n + withoutChange, ownerScript)] })).fee).toBe(
      withoutChange,
    );
    const error = refusal("insufficient-funds", () =>
      buildStaking(request({ coins: [coin(99_999n + withoutChange, ownerScript)] })),
    );
    expect(error.details).toEqual({ needed: 100_000n + withoutChange, available: 99_999n + withoutChange });
    expect(refusal("insufficient-funds", () => buildStaking(request({ coins: [] }))).details).toEqual({
      needed: 100_000n,
      available: 0n,
    });
  });

  it("is right for more inputs than one byte counts", () => {
    const many = Array.from({ length: 300 }, (_, i) => coin(1_000n, i % 2 ? ownerScript : taprootScript, i));
    const built = buildStaking(
      request({ coins: many, value: 278_500n, feeRate: feeRate("0.1"), minFeeRate: feeRate("0.1") }),
    );
    expect(built.coins.length).toBeGreaterThan(252);
    expect(built.fee).toBe((finalSize(built) + 9n) / 10n);
  });
});

describe("many coins", () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => coin(1_000n, ownerScript, i));
  const paramsForMany = { ...params, minValue: 1_000n, maxValue: 10_000_000n };

  it("make one PSBT, as bitcoinjs makes it", () => {
    const built = buildStaking(request({ params: paramsForMany, coins: many(600), value: 400_000n }));
    expect(built.psbt.inputCount).toBe(built.coins.length);
    expect(Psbt.fromBase64(built.psbt.toBase64()).data.inputs[599 % built.coins.length]!.witnessUtxo).toEqual(
      {
        script: ownerScript,
        value: 1_000n,
      },
    );
  });

  it("are refused when nodes would not relay so large a transaction", () => {
    const coins = many(2_000);
    refusal("transaction-too-large", () =>
      buildStaking(request({ params: paramsForMany, coins, value: 1_600_000n, feeRate: feeRate("1") })),
    );
  });
});

it("a built stake: does not change with the caller's memory", () => {
  const outpoint = { txid: "01".repeat(32), vout: 0 };
  const changeScript = P2WPKH.slice();
  const coins = [{ outpoint, value: 500_000n, script: ownerScript.slice() }];
  const { transaction } = buildStaking(request({ coins, changeScript }));
  const txid = transaction.getId();
  outpoint.vout = 2;
  changeScript.fill(0);
  expect(transaction.getId()).toBe(txid);
});

describe("the signed staking transaction", () => {
  const coins = [coin(60_000n, ownerScript, 1), coin(70_000n, taprootScript, 2)];
  const built = buildStaking(request({ coins }));
  const inputOf = (script: Uint8Array) => built.coins.findIndex((each) => each.script === script);
  const [wpkh, tr] = [inputOf(ownerScript), inputOf(taprootScript)];
  const witnessBytes = (...elements: Uint8Array[]) =>
    concatBytes(
      Uint8Array.of(elements.length),
      ...elements.flatMap((each) => [Uint8Array.of(each.length), each]),
    );
  const goodEcdsa = ecdsa(built.transaction, wpkh, built.coins[wpkh]!);
  const goodSchnorr = taproot(built.transaction, tr, built.coins);

  type Update = Parameters<Psbt["updateInput"]>[1];
  /** A wallet's answer: the right signatures, unless others are given. */
  const answer = (updates: { wpkh?: Update; tr?: Update } = {}) => {
    const psbt = unsignedPsbt(built.transaction, built.coins);
    psbt.updateInput(wpkh, updates.wpkh ?? { partialSig: [{ pubkey: ownerKey, signature: goodEcdsa }] });
    psbt.updateInput(tr, updates.tr ?? { tapKeySig: goodSchnorr });
    return psbt;
  };

  it("is the same from partial signatures and from a finalised PSBT", () => {
    const finalised = answer({
      wpkh: { finalScriptWitness: witnessBytes(goodEcdsa, ownerKey) },
      tr: { finalScriptWitness: witnessBytes(goodSchnorr) },
    });
    const signed = finishStaking(built, answer().toBase64());
    expect(finishStaking(built, finalised.toBuffer()).toHex()).toBe(signed.toHex());
    expect(signed.getId()).toBe(built.transaction.getId());
    for (const i of [0, 1]) expect(executes(signed, i, built.coins)).toBe(true);
    expect(built.transaction.hasWitnesses()).toBe(false);
  });

  it("is made from a PSBT that bitcoinjs signed", () => {
    const psbt = inBitcoinJs(built.psbt);
    psbt.signInput(wpkh, {
      publicKey: ownerKey,
      sign: (digest) => secp256k1.sign(digest, owner, { prehash: false, lowS: true }),
    });
    psbt.updateInput(tr, { tapKeySig: goodSchnorr });
    const signed = finishStaking(built, psbt);
    for (const i of [0, 1]) expect(executes(signed, i, built.coins)).toBe(true);
  });

  it("may have SIGHASH_ALL in a P2TR input", () => {
    const signed = finishStaking(
      built,
      answer({ tr: { tapKeySig: taproot(built.transaction, tr, built.coins, 1) } }),
    );
    expect(executes(signed, tr, built.coins)).toBe(true);
  });

  it("is refused when the PSBT describes a coin otherwise", () => {
    const psbt = answer();
    psbt.data.inputs[wpkh]!.witnessUtxo = { ...built.coins[wpkh]!, value: 1n };
    const { details } = refusal("psbt-mismatch", () => finishStaking(built, psbt));
    expect(details).toMatchObject({ input: wpkh, what: `input ${wpkh}: value of its coin`, got: 1n });
  });

  const zeros = new Uint8Array(64);
  const otherDer = ecdsa(built.transaction, wpkh, { ...built.coins[wpkh]!, value: 1n });
  const highS = () => {
    const script = concatBytes(hex.decode("76a914"), hash160(ownerKey), hex.decode("88ac"));
    const digest = asBitcoinJs(built.transaction).hashForWitnessV0(wpkh, script, built.coins[wpkh]!.value, 1);
    const low = secp256k1.Signature.fromBytes(secp256k1.sign(digest, owner, { prehash: false, lowS: true }));
    const high = new secp256k1.Signature(low.r, secp256k1.Point.Fn.ORDER - low.s);
    return Uint8Array.of(...high.toBytes("der"), 1);
  };
  it.each<[string, ErrorCode, { wpkh?: Update; tr?: Update }]>([
    ["no P2WPKH signature", "missing-signature", { wpkh: {} }],
    ["no P2TR signature", "missing-signature", { tr: {} }],
    [
      "a P2WPKH signature by a key of another coin",
      "missing-signature",
      {
        wpkh: { partialSig: [{ pubkey: secp256k1.getPublicKey(sha256(owner), true), signature: goodEcdsa }] },
      },
    ],
    [
      "a P2WPKH signature over another amount",
      "invalid-signature",
      { wpkh: { partialSig: [{ pubkey: ownerKey, signature: otherDer }] } },
    ],
    [
      "a P2WPKH signature with a high s",
      "invalid-signature",
      { wpkh: { partialSig: [{ pubkey: ownerKey, signature: highS() }] } },
    ],
    [
      "a P2WPKH signature by another secret",
      "invalid-signature",
      {
        wpkh: {
          partialSig: [
            {
              pubkey: ownerKey,
              signature: ecdsa(built.transaction, wpkh, built.coins[wpkh]!, 1, sha256(owner)),
            },
          ],
        },
      },
    ],
    [
      "a P2WPKH signature of NONE",
      "unsupported-sighash",
      {
        wpkh: {
          partialSig: [
            { pubkey: ownerKey, signature: ecdsa(built.transaction, wpkh, built.coins[wpkh]!, 2) },
          ],
        },
      },
    ],
    [
      "a P2WPKH signature of ALL|ANYONECANPAY",
      "unsupported-sighash",
      {
        wpkh: {
          partialSig: [
            { pubkey: ownerKey, signature: ecdsa(built.transaction, wpkh, built.coins[wpkh]!, 0x81) },
          ],
        },
      },
    ],
    ["zeros for a P2TR signature", "invalid-signature", { tr: { tapKeySig: zeros } }],
    [
      "a P2TR signature of SINGLE",
      "unsupported-sighash",
      { tr: { tapKeySig: taproot(built.transaction, tr, built.coins, 3) } },
    ],
    [
      "a P2TR signature with a written DEFAULT",
      "unsupported-sighash",
      { tr: { tapKeySig: Uint8Array.of(...goodSchnorr, 0) } },
    ],
    [
      "garbage for a P2WPKH witness",
      "invalid-signature",
      { wpkh: { finalScriptWitness: witnessBytes(utf8("garbage"), ownerKey) } },
    ],
    [
      "an empty P2WPKH signature",
      "invalid-signature",
      { wpkh: { finalScriptWitness: witnessBytes(new Uint8Array(0), ownerKey) } },
    ],
    [
      "a P2WPKH witness without key",
      "invalid-signature",
      { wpkh: { finalScriptWitness: witnessBytes(goodEcdsa) } },
    ],
    [
      "a P2WPKH witness with another key",
      "invalid-signature",
      { wpkh: { finalScriptWitness: witnessBytes(goodEcdsa, secp256k1.getPublicKey(sha256(owner), true)) } },
    ],
    ["an empty witness", "invalid-signature", { wpkh: { finalScriptWitness: Uint8Array.of(0) } }],
    ["garbage for a P2TR witness", "invalid-signature", { tr: { finalScriptWitness: witnessBytes(zeros) } }],
    [
      "a P2TR witness with an annex",
      "invalid-signature",
      { tr: { finalScriptWitness: witnessBytes(goodSchnorr, Uint8Array.of(0x50)) } },
    ],
    ["a witness that is cut short", "invalid-psbt", { tr: { finalScriptWitness: Uint8Array.of(1, 64, 0) } }],
    [
      "an input script, which would change the txid",
      "psbt-mismatch",
      {
        wpkh: { finalScriptSig: Uint8Array.of(0x51), finalScriptWitness: witnessBytes(goodEcdsa, ownerKey) },
      },
    ],
  ])("is refused with %s", (_, code, updates) => {
    refusal(code, () => finishStaking(built, answer(updates)));
  });

  it("is refused when the wallet changed the transaction", () => {
    const redirected = built.transaction.clone();
    redirected.outs[1]!.script = P2TR;
    const error = refusal("psbt-mismatch", () => finishStaking(built, unsignedPsbt(redirected, built.coins)));
    expect(error.details).toMatchObject({ what: "output 1: script", output: 1 });
    refusal("invalid-psbt", () => finishStaking(built, "nonsense"));
  });
});

describe.each([libsecp, noble])("ECDSA verification by $name", ({ verifyEcdsa }) => {
  const digest = sha256(utf8("digest"));
  const signature = secp256k1.sign(digest, owner, { prehash: false, lowS: true });

  it("accepts a valid signature and no other", () => {
    expect(verifyEcdsa(digest, ownerKey, signature)).toBe(true);
    expect(verifyEcdsa(sha256(digest), ownerKey, signature)).toBe(false);
    expect(verifyEcdsa(digest, secp256k1.getPublicKey(sha256(owner), true), signature)).toBe(false);
    const { r, s } = secp256k1.Signature.fromBytes(signature);
    const high = new secp256k1.Signature(r, secp256k1.Point.Fn.ORDER - s).toBytes();
    expect(verifyEcdsa(digest, ownerKey, high)).toBe(false);
  });

  it("is false on malformed input", () => {
    const odd = [...NOT_BYTES, new Uint8Array(32), new Uint8Array(64), new Uint8Array(64).fill(0xff)];
    for (const value of odd as Uint8Array[]) {
      expect(verifyEcdsa(digest, value, signature)).toBe(false);
      expect(verifyEcdsa(digest, ownerKey, value)).toBe(false);
      expect(verifyEcdsa(value, ownerKey, signature)).toBe(false);
    }
    expect(verifyEcdsa(digest, Uint8Array.of(2, ...new Uint8Array(32).fill(0xff)), signature)).toBe(false);
  });
});
