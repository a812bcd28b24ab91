import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dustThreshold } from "../../src/bitcoin/output-script.js";
import type { UnspentOutput } from "../../src/bitcoin/transaction.js";
import { parseRate, type Rate } from "../../src/core/amount.js";
import { hex } from "../../src/core/bytes.js";
import { checkStake } from "../../src/params/check.js";
import type { ProtocolParams } from "../../src/params/types.js";
import { finishSpend, withWitness } from "../../src/spending/spend.js";
import { buildSlashing } from "../../src/stake/slashing.js";
import { buildUnbonding } from "../../src/stake/unbonding.js";
import { buildWithdrawal, type Withdrawable } from "../../src/stake/withdrawal.js";
import { NOT_BYTES } from "../support/arbitraries.js";
import {
  COIN,
  feeRate,
  lifeOf,
  P2PKH,
  P2TR,
  P2WPKH,
  paramsFor,
  signEnough,
  termsOf,
} from "../support/lives.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";
import { readVectors } from "../support/vectors.js";

const terms = termsOf();
const coinOf = (value: bigint): UnspentOutput => ({ ...COIN, value });

/** What an untyped caller could pass for an amount. */
const NOT_SATOSHI: readonly unknown[] = [
  undefined,
  null,
  1000,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  "1000",
  -1n,
  2_100_000_000_000_001n,
  {},
  [],
];
/** What an untyped caller could pass for an outpoint. */
const NOT_OUTPOINTS: readonly unknown[] = [
  undefined,
  null,
  "aa",
  {},
  { hash: new Uint8Array(32), index: 0 },
  { txid: new Uint8Array(32), vout: 0 },
  ...[-1, 0.5, Number.NaN, 0xffff_ffff, "0", 0n, undefined].map((vout) => ({
    txid: "aa".repeat(32),
    vout,
  })),
];
const NOT_RATES: readonly unknown[] = [
  undefined,
  null,
  1,
  "1",
  Number.NaN,
  {},
  { numerator: 1n },
  { numerator: 1, denominator: 1 },
  { numerator: 0n, denominator: 1n },
  { numerator: -1n, denominator: 1n },
  { numerator: 1n, denominator: 0n },
  { numerator: 1n, denominator: -1n },
];

describe("the published unbonding transactions", () => {
  interface Case {
    readonly name: string;
    readonly parameters: {
      readonly staker_public_key: string;
      readonly finality_provider_public_keys: readonly string[];
      readonly covenant_public_keys: readonly string[];
      readonly covenant_quorum: number;
      readonly staking_time: number;
      readonly staking_value: number;
      readonly staking_tx_hash: string;
      readonly staking_output_index: number;
      readonly unbonding_time: number;
      readonly unbonding_fee: number;
    };
    readonly expected: { readonly unbonding_transaction_hex: string };
  }
  const { vectors } = JSON.parse(readVectors("staking.json")) as { vectors: Case[] };
  const xOnly = (key: string) => hex.decode(key).slice(-32);

  it.each(vectors)("$name", ({ parameters: p, expected }) => {
    const published = {
      staker: xOnly(p.staker_public_key),
      finalityProviders: p.finality_provider_public_keys.map(xOnly),
      covenant: { keys: p.covenant_public_keys.map(xOnly), quorum: p.covenant_quorum },
      timelock: p.staking_time,
    };
    const params = paramsFor(published, {
      network: "mainnet",
      unbondingTime: p.unbonding_time,
      unbondingFee: BigInt(p.unbonding_fee),
    });
    const stake = {
      outpoint: { txid: p.staking_tx_hash, vout: p.staking_output_index },
      value: BigInt(p.staking_value),
    };
    const { transaction, psbt } = buildUnbonding(published, params, stake);
    expect(transaction.toHex()).toBe(expected.unbonding_transaction_hex);
    expect(hex.encode(psbt.data.globalMap.unsignedTx.toBuffer())).toBe(expected.unbonding_transaction_hex);
  });
});

describe("slashing", () => {
  const withRate = (rate: Rate, script = P2WPKH, minFee = 1000n) =>
    paramsFor(terms, { slashing: { script, rate, minFee } });
  const slash = (params: ProtocolParams, value: bigint) =>
    buildSlashing(terms, params, "staking", coinOf(value));

  it.each([
    ["0.1", 1_000_000n, 100_000n],
    ["0.1", 1_000_005n, 100_001n],
    ["0.1", 1_000_004n, 100_000n],
    ["0.5", 1_000_001n, 500_001n],
    ["0.0001", 15_005_000n, 1501n],
    ["0.3333", 999_999n, 333_300n],
    ["0.001", 2_099_999_999_999_500n, 2_100_000_000_000n],
  ])("at a rate of %s takes of %i satoshi exactly %i: halves are rounded up", (rate, value, slashed) => {
    const built = slash(withRate(parseRate(rate)), value);
    expect(built.slashed).toBe(slashed);
    expect(built.transaction.outs.map((out) => out.value)).toEqual([slashed, value - slashed - 1000n]);
  });

  it("pays exactly the minimum fee, loses no satoshi, and is within half a satoshi of the rate", () => {
    fc.assert(
      fc.property(
        // Of larger stakes the chain's floats can ask for a satoshi more: test/stake/slashing.test.ts.
        fc.bigInt({ min: 1_000_000n, max: 1_000_000_000_000n }),
        fc.bigInt({ min: 100n, max: 5000n }),
        fc.bigInt({ min: 1n, max: 100_000n }),
        (value, numerator, minFee) => {
          const rate = { numerator, denominator: 10_000n };
          const { transaction, slashed, refunded, fee } = slash(withRate(rate, P2WPKH, minFee), value);
          expect(slashed + refunded + fee).toBe(value);
          expect(fee).toBe(minFee);
          expect(transaction.outs.map((out) => out.value)).toEqual([slashed, refunded]);
          const error = 10_000n * slashed - value * numerator;
          expect(error > -5000n && error <= 5000n).toBe(true);
        },
      ),
      { numRuns: runs(30) },
    );
  });

  it.each([
    ["P2WPKH", P2WPKH, 294n],
    ["P2TR", P2TR, 330n],
    ["P2PKH", P2PKH, 546n],
  ])("to a %s script is dust below %i satoshi", (_, script, threshold) => {
    const params = withRate(parseRate("0.5"), script, 1n);
    // The refund, P2TR, must not be what is dust.
    const asym = { ...params, slashing: { ...params.slashing!, rate: parseRate("0.1") } };
    expect(slash(asym, threshold * 10n).slashed).toBe(threshold);
    const error = refusal("dust-output", () => slash(asym, (threshold - 1n) * 10n));
    expect(error.details).toEqual({ value: threshold - 1n, threshold });
  });

  it("into an OP_RETURN is never dust", () => {
    expect(slash(withRate(parseRate("0.0001"), hex.decode("6a"), 1n), 1000n).slashed).toBe(0n);
  });

  it("leaves a refund of 330 satoshi and not of 329", () => {
    const params = withRate(parseRate("0.5"), P2WPKH, 1000n);
    expect(slash(params, 2660n).refunded).toBe(330n);
    refusal("dust-output", () => slash(params, 2658n));
    // Less than nothing is left.
    refusal("dust-output", () => slash(params, 1500n));
  });

  it("does not exist in phase 1", () => {
    const { slashing: _, ...phase1 } = paramsFor(terms);
    refusal("unsupported-params", () => slash(phase1, 1_000_000n));
  });
});

describe("unbonding", () => {
  it("pays the parameter's fee exactly and is dust at 329 satoshi", () => {
    const params = paramsFor(terms, { unbondingFee: 2000n });
    const built = buildUnbonding(terms, params, coinOf(2330n));
    expect([built.value, built.fee, built.transaction.outs]).toEqual([
      330n,
      2000n,
      [{ script: built.output.script, value: 330n }],
    ]);
    refusal("dust-output", () => buildUnbonding(terms, params, coinOf(2329n)));
    refusal("dust-output", () => buildUnbonding(terms, params, coinOf(1999n)));
  });
});

describe("a withdrawal", () => {
  const withdraw = (changes: Partial<Parameters<typeof buildWithdrawal>[0]> = {}) =>
    buildWithdrawal({
      terms,
      params: paramsFor(terms),
      from: "staking",
      coin: COIN,
      destination: P2WPKH,
      feeRate: feeRate("1"),
      ...changes,
    });

  it("is refused for a coin with the script of another output, or of other terms", () => {
    const params = paramsFor(terms);
    const { script } = withdraw().prevouts[0]!;
    const coin = { ...COIN, script };
    expect(withdraw({ coin }).transaction.getId()).toBe(withdraw().transaction.getId());
    for (const wrong of [
      { from: "unbonding" },
      { from: "refund" },
      { terms: { ...terms, timelock: terms.timelock + 1 } },
      { coin: { ...COIN, script: P2WPKH } },
    ] as const) {
      refusal("staking-output-mismatch", () => withdraw({ coin, params, ...wrong }));
    }
    refusal("invalid-bytes", () => withdraw({ coin: { ...COIN, script: "5120" as never } }));
    const address = refusal("invalid-bytes", () => withdraw({ destination: "bcrt1q" as never }));
    expect(address.message).toContain("use scriptOfAddress");
  });

  /** The witness of a wallet that writes SIGHASH_ALL behind each signature. */
  const longest = (witness: readonly Uint8Array[]) =>
    witness.map((element) => (element.length === 64 ? Uint8Array.of(...element, 1) : element));

  it("pays the rate for its largest size, which is at most a virtual byte above the usual", () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Withdrawable>("staking", "unbonding", "refund"),
        fc.constantFrom(P2WPKH, P2TR, P2PKH),
        fc.bigInt({ min: 1_000n, max: 50_000n }),
        fc.integer({ min: 1, max: 4 }),
        (from, destination, numerator, stakers) => {
          const each = termsOf({ stakers, stakerQuorum: stakers });
          const rate = { numerator, denominator: 1000n };
          const built = withdraw({ terms: each, params: paramsFor(each), from, destination, feeRate: rate });
          const signed = finishSpend(built, signEnough(built));
          const largest = withWitness(built, longest(signed.ins[0]!.witness)).virtualSize();
          expect(largest - signed.virtualSize()).toBeLessThanOrEqual(1);
          const size = BigInt(largest);
          expect(built.value + built.fee).toBe(COIN.value);
          expect(built.transaction.outs).toEqual([{ script: destination, value: built.value }]);
          expect(built.fee * 1000n >= numerator * size).toBe(true);
          expect(built.fee * 1000n < numerator * size + 1000n).toBe(true);
        },
      ),
      { numRuns: runs(25) },
    );
  });

  it("pays 10 satoshi per virtual byte where 10 are asked for, with signatures of 65 bytes too", () => {
    const built = withdraw({ feeRate: feeRate("10") });
    const signed = finishSpend(built, signEnough(built));
    expect(built.fee).toBe(10n * BigInt(signed.virtualSize()));
    const longer = withWitness(built, longest(signed.ins[0]!.witness));
    expect(built.fee).toBe(10n * BigInt(longer.virtualSize()));
  });

  it("is refused below the relay minimum, unless the caller's node relays less", () => {
    const error = refusal("fee-rate-too-low", () => withdraw({ feeRate: feeRate("0.999") }));
    expect(error.details).toEqual({ got: "0.999", least: "1" });
    expect(withdraw({ feeRate: feeRate("0.1"), minFeeRate: feeRate("0.1") }).fee).toBe(
      (withdraw({ feeRate: feeRate("1") }).fee + 9n) / 10n,
    );
    refusal("fee-rate-too-low", () => withdraw({ feeRate: feeRate("4.9"), minFeeRate: feeRate("5") }));
    refusal("invalid-rate", () => withdraw({ minFeeRate: 1 as unknown as Rate }));
  });

  it("is refused above the absurd fee rate, unless the caller allows it", () => {
    const most = withdraw({ feeRate: feeRate("1000") });
    expect(most.fee).toBe(1000n * BigInt(most.vsize));
    const error = refusal("fee-rate-too-high", () => withdraw({ feeRate: feeRate("1000.001") }));
    expect(error.details).toEqual({ got: "1000.001", most: "1000" });
    refusal("fee-rate-too-high", () => withdraw({ feeRate: feeRate("5.1"), maxFeeRate: feeRate("5") }));
    expect(withdraw({ feeRate: feeRate("1001"), maxFeeRate: feeRate("1001") }).fee).toBeGreaterThan(0n);
    refusal("invalid-rate", () => withdraw({ maxFeeRate: 1 as unknown as Rate }));
  });

  it("has the time lock as its sequence, and returns it", () => {
    const params = paramsFor(terms, { unbondingTime: 77 });
    for (const [from, blocks] of [
      ["staking", 1000],
      ["unbonding", 77],
      ["refund", 77],
    ] as const) {
      const built = withdraw({ from, params });
      expect([built.timelock, built.transaction.ins[0]!.sequence]).toEqual([blocks, blocks]);
    }
  });

  it.each([
    ["P2WPKH", P2WPKH],
    ["P2TR", P2TR],
    ["P2PKH", P2PKH],
  ])("to %s is refused below its dust threshold", (_, destination) => {
    const { fee } = withdraw({ destination });
    const threshold = dustThreshold(destination);
    expect(withdraw({ destination, coin: coinOf(fee + threshold) }).value).toBe(threshold);
    refusal("dust-output", () => withdraw({ destination, coin: coinOf(fee + threshold - 1n) }));
    refusal("dust-output", () => withdraw({ destination, coin: coinOf(fee + 1n) }));
    const error = refusal("insufficient-funds", () => withdraw({ destination, coin: coinOf(fee) }));
    expect(error.details).toEqual({ fee });
  });

  it("is refused with an invalid rate or destination", () => {
    for (const rate of NOT_RATES) refusal("invalid-rate", () => withdraw({ feeRate: rate as Rate }));
    for (const script of NOT_BYTES.filter((value) => !(value instanceof Uint8Array) || value.length === 0)) {
      refusal("invalid-bytes", () => withdraw({ destination: script as Uint8Array }));
    }
  });
});

describe("an output outside a stake's life", () => {
  const ways = ["foo", "constructor", "__proto__", "", 0, null, undefined] as unknown as "staking"[];

  it.each(ways)("is refused for slashing and withdrawal: %j", (from) => {
    const params = paramsFor(terms);
    refusal("invalid-argument", () => buildSlashing(terms, params, from, COIN));
    refusal("invalid-argument", () =>
      buildWithdrawal({ terms, params, from, coin: COIN, destination: P2WPKH, feeRate: feeRate("2") }),
    );
  });

  it("is refused for slashing when it is the refund", () => {
    refusal("invalid-argument", () => buildSlashing(terms, paramsFor(terms), "refund" as "staking", COIN));
  });
});

describe("every builder", () => {
  const params = paramsFor(terms);
  const builders = [
    (coin: UnspentOutput) => buildUnbonding(terms, params, coin),
    (coin: UnspentOutput) => buildSlashing(terms, params, "staking", coin),
    (coin: UnspentOutput) => buildSlashing(terms, params, "unbonding", coin),
    (coin: UnspentOutput) =>
      buildWithdrawal({ terms, params, from: "staking", coin, destination: P2WPKH, feeRate: feeRate("1") }),
  ];

  it("refuses an invalid coin: its amount, its outpoint, or the whole", () => {
    for (const build of builders) {
      for (const value of NOT_SATOSHI)
        refusal("invalid-amount", () => build({ ...COIN, value: value as bigint }));
      for (const outpoint of NOT_OUTPOINTS)
        refusal("invalid-coin", () => build({ ...COIN, outpoint: outpoint as UnspentOutput["outpoint"] }));
      refusal("invalid-coin", () => build(undefined as unknown as UnspentOutput));
      for (const outpoint of ["aa:0", { txid: "aa".repeat(31), vout: 0 }])
        refusal("invalid-hex", () => build({ ...COIN, outpoint }));
    }
  });

  it("refuses terms without keys", () => {
    const none = { ...terms, staker: { keys: [], quorum: 1 } };
    refusal("no-keys", () => buildUnbonding(none, params, COIN));
    refusal("invalid-public-key", () =>
      buildUnbonding({ ...terms, staker: new Uint8Array(31) }, params, COIN),
    );
    refusal("invalid-timelock", () => buildUnbonding({ ...terms, timelock: Number.NaN }, params, COIN));
  });
});

describe("invalid parameters from an untyped caller", () => {
  const params = paramsFor(terms);
  const changed = (change: object) => ({ ...params, ...change }) as ProtocolParams;
  const slashing = (change: object) => changed({ slashing: { ...params.slashing, ...change } });
  const punish = (given: ProtocolParams) => buildSlashing(terms, given, "staking", COIN);
  const check = (given: ProtocolParams) => checkStake(given, terms, COIN.value);

  it("are refused when they are no object", () => {
    const destination = P2WPKH;
    for (const none of [undefined, null, "v0", 1] as unknown as ProtocolParams[]) {
      refusal("invalid-params", () => punish(none));
      refusal("invalid-params", () => check(none));
      refusal("invalid-params", () => buildUnbonding(terms, none, COIN));
      const withdrawal = { terms, params: none, from: "staking", coin: COIN, destination } as const;
      refusal("invalid-params", () => buildWithdrawal({ ...withdrawal, feeRate: feeRate("1") }));
    }
  });

  it("are refused for a slashing that would pay to a script's digits, or by an invalid rate or fee", () => {
    for (const script of [hex.encode(P2WPKH), [...P2WPKH], undefined, null]) {
      refusal("invalid-bytes", () => punish(slashing({ script })));
    }
    refusal("invalid-params", () => punish(slashing({ script: new Uint8Array(0) })));
    for (const rate of [...NOT_RATES, { numerator: 3n, denominator: 2n }]) {
      refusal("invalid-rate", () => punish(slashing({ rate })));
    }
    for (const minFee of NOT_SATOSHI) refusal("invalid-amount", () => punish(slashing({ minFee })));
    refusal("invalid-params", () => punish(changed({ slashing: "0.1" })));
  });

  it("are refused for an unbonding that would pay more than the stake's value", () => {
    for (const unbondingFee of NOT_SATOSHI) {
      refusal("invalid-amount", () => buildUnbonding(terms, changed({ unbondingFee }), COIN));
    }
  });

  it("are refused with an invalid limit, which would admit every value or time", () => {
    for (const limit of NOT_SATOSHI) {
      refusal("invalid-amount", () => check(changed({ minValue: limit })));
      refusal("invalid-amount", () => check(changed({ maxValue: limit })));
    }
    for (const limit of [undefined, null, Number.NaN, "1", 1n, 0, 65_536, {}]) {
      refusal("invalid-timelock", () => check(changed({ minTime: limit })));
      refusal("invalid-timelock", () => check(changed({ maxTime: limit })));
    }
    for (const covenant of [undefined, null, {}, { keys: "aa" }, { keys: [null], quorum: 1 }]) {
      refusal("invalid-params", () => check(changed({ covenant })));
    }
  });
});

it("every builder: leaves its arguments unchanged", () => {
  const params = paramsFor(terms);
  const before = structuredClone({ terms, params, coin: COIN });
  lifeOf(terms, params);
  expect({ terms, params, coin: COIN }).toEqual(before);
});
