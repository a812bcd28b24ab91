import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressOfScript } from "../../src/bitcoin/address.js";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { dustThreshold } from "../../src/bitcoin/output-script.js";
import {
  createTransaction,
  FINAL_SEQUENCE,
  formatOutpoint,
  outpointOf,
  parseTransaction,
  spentBy,
  toOutpoint,
} from "../../src/bitcoin/transaction.js";
import { hex } from "../../src/core/bytes.js";
import type { ErrorCode } from "../../src/core/errors.js";
import type { Coin } from "../../src/funding/coin.js";
import { ruleSet } from "../../src/params/rules.js";
import type { ProtocolParams } from "../../src/params/types.js";
import { parsePsbt } from "../../src/psbt/read.js";
import { type Leaf, stakingOutput } from "../../src/script/outputs.js";
import type { KeySet, StakeTerms } from "../../src/script/terms.js";
import { finishSpend } from "../../src/spending/spend.js";
import { assembleWitness } from "../../src/spending/witness.js";
import { decodeStaking } from "../../src/stake/decode.js";
import {
  buildExpansion,
  type Expansion,
  type ExpansionRequest,
  fundExpansion,
  type PreviousStake,
} from "../../src/stake/expansion.js";
import { fundingWitness } from "../../src/stake/funding-coin.js";
import { explainSpends } from "../../src/stake/explain.js";
import { ownedCoin } from "../support/coins.js";
import { FUNDING, fundingCoin, type FundingKind, walletSigned, withFunding } from "../support/expansion.js";
import { verdict } from "../support/interpreter.js";
import {
  anyLife,
  COIN,
  feeRate,
  keyOf,
  P2PKH,
  P2TR,
  P2WPKH,
  paramsFor,
  sign,
  signEnough,
  termsOf,
} from "../support/lives.js";
import { peer, peerNetworks, peerScripts } from "../support/peer.js";
import { refusal } from "../support/refusal.js";
import { runs, some } from "../support/runs.js";
import { anyTerms } from "../support/stakes.js";

const terms = termsOf();
const params = paramsFor(terms);
const PREVIOUS_VALUE = 1_000_000n;

/** A stake as its staking transaction: of one input, behind another output. */
function staked(of: StakeTerms, under: ProtocolParams, value = PREVIOUS_VALUE): PreviousStake {
  const outputs = [
    { script: P2WPKH, value: 5_000n },
    { script: stakingOutput(of, under.network).script, value },
  ];
  const transaction = createTransaction([{ outpoint: COIN.outpoint, sequence: FINAL_SEQUENCE }], outputs);
  return { terms: of, params: under, staking: { transaction, outputIndex: 1 } };
}

const previous = staked(terms, params);
/** The coin that paid the previous stake. */
const spent = { ...fundingCoin(300_000n), outpoint: COIN.outpoint };
const request = (changes: Partial<ExpansionRequest> = {}): ExpansionRequest => ({
  previous,
  terms: { ...terms, timelock: 2_000 },
  params,
  value: 1_200_000n,
  coin: fundingCoin(300_000n),
  changeScript: P2WPKH,
  feeRate: feeRate("2"),
  ...changes,
});

/** Every signature on both inputs. */
function finish(built: Expansion): Transaction {
  const signed = finishSpend(built, signEnough(built));
  signed.setWitness(1, fundingWitness(built, walletSigned(built)));
  return signed;
}

describe("an expansion", () => {
  const built = buildExpansion(request());

  it("is refused where the new stake's unbonding output would be dust", () => {
    const dear = { ...params, unbondingFee: 1_200_000n - 329n };
    const { details } = refusal("dust-output", () => buildExpansion(request({ params: dear })));
    expect(details).toMatchObject({ value: 329n, threshold: 330n });
  });

  it("spends the previous stake and one coin, pays the new stake and change, has version 2 and final sequences", () => {
    const { transaction, output, outputIndex, change, fee } = built;
    expect([transaction.version, transaction.locktime, outputIndex]).toEqual([2, 0, 0]);
    expect(transaction.ins.map((input) => [spentBy(input), input.sequence])).toEqual([
      [outpointOf(previous.staking.transaction, 1), FINAL_SEQUENCE],
      [request().coin.outpoint, FINAL_SEQUENCE],
    ]);
    expect(transaction.outs).toEqual([
      { script: stakingOutput({ ...terms, timelock: 2_000 }, "regtest").script, value: 1_200_000n },
      { script: P2WPKH, value: change },
    ]);
    expect(output.script).toEqual(transaction.outs[0]!.script);
    expect(fee + change).toBe(100_000n);
  });

  it("is decoded as a stake that expands another, and explained as an expansion", () => {
    const signed = finish(built);
    const set = { name: "own", network: params.network, versions: [params] };
    const announced = { staker: terms.staker, finalityProviders: terms.finalityProviders, timelock: 2_000 };
    const decoded = decodeStaking(signed, set, { terms: announced });
    expect(decoded.expands).toMatchObject({ inputIndex: 0, leaf: { kind: "unbonding" }, depth: 2 });
    expect(decoded.expands!.script).toEqual(stakingOutput(terms, "regtest").script);
    expect(explainSpends(signed, [set])).toMatchObject([
      { role: "expansion", from: "staking", signed: { staker: [terms.staker] }, invalid: [] },
    ]);
    const slots = signed.clone();
    slots.setWitness(0, signed.ins[0]!.witness.slice(1));
    refusal("witness-mismatch", () => explainSpends(slots, [set]));
    // Unsigned, or of other stakers, it is a stake and shows nothing else.
    expect(decodeStaking(built.transaction, set, { terms: announced })).not.toHaveProperty("expands");
    const swapped = signed.clone();
    swapped.ins.reverse();
    expect(decodeStaking(swapped, set, { terms: announced })).not.toHaveProperty("expands");
    expect(explainSpends(swapped, [set])).toMatchObject([{ role: "unbonding", inputIndex: 1 }]);
  });

  it("may renew a stake with the same terms, and shorten it: the new time lock starts again", () => {
    for (const timelock of [terms.timelock, 1]) {
      const { output } = buildExpansion(request({ terms: { ...terms, timelock }, value: PREVIOUS_VALUE }));
      expect(output.leaves.timelock.timelock).toBe(timelock);
    }
  });

  it("may change to other parameters, while the new committee contains a quorum of the previous one", () => {
    const [a, b, c, d, e] = terms.covenant.keys as [Uint8Array, ...Uint8Array[]] as Uint8Array[];
    const members = (keys: readonly Uint8Array[]) => {
      const covenant = { keys, quorum: 3 };
      return { terms: { ...terms, covenant }, params: { ...params, covenant, unbondingFee: 5n } };
    };
    const next = buildExpansion(request(members([a!, b!, c!, keyOf(-20), keyOf(-21)])));
    // Input 0 is of the previous committee, whatever the new one is.
    expect(verdict(finish(next), 0, next.prevouts)).toBe("ok");
    expect(next.leaf.signers[1]!.keys).toHaveLength(5);
    const left = members([d!, e!, keyOf(-20), keyOf(-21), keyOf(-22)]);
    const { details } = refusal("covenant-mismatch", () => buildExpansion(request(left)));
    expect(details).toEqual({ expected: 3, got: 2 });
  });

  it("is a PSBT that wallets sign without knowledge of staking", () => {
    const coin = { ...fundingCoin(300_000n, "p2tr"), tapInternalKey: FUNDING.p2tr.slice(2) };
    const psbt = parsePsbt(buildExpansion(request({ coin })).psbt.toBuffer());
    expect(psbt.data.inputs[0]!.tapLeafScript).toHaveLength(1);
    expect(psbt.data.inputs[1]).toMatchObject({
      witnessUtxo: { script: FUNDING.p2tr, value: 300_000n },
      tapInternalKey: coin.tapInternalKey,
    });
  });
});

describe("the fee of an expansion", () => {
  it("is at least the rate for the final size, at most a virtual byte an input above, and change is above dust", () => {
    fc.assert(
      fc.property(
        anyLife,
        fc.constantFrom<FundingKind>("p2wpkh", "p2tr"),
        fc.constantFrom(P2WPKH, P2TR, P2PKH),
        fc.bigInt({ min: 0n, max: 40_000n }),
        fc.bigInt({ min: 0n, max: 20_000n }),
        fc.integer({ min: 100, max: 2_000 }),
        (life, kind, changeScript, added, spare, hundredths) => {
          const rate = { numerator: BigInt(hundredths), denominator: 100n };
          const coin = fundingCoin(added + spare, kind);
          let built: Expansion;
          try {
            const before = staked(life.terms, life.params);
            const value = PREVIOUS_VALUE + added;
            built = buildExpansion({ ...life, previous: before, value, coin, changeScript, feeRate: rate });
          } catch (error) {
            expect(error).toMatchObject({ code: "insufficient-funds", details: { available: spare } });
            expect((error as { details: { needed: bigint } }).details.needed).toBeGreaterThan(spare);
            return;
          }
          const signed = finish(built);
          expect(verdict(signed, 0, built.prevouts)).toBe("ok");
          expect(verdict(signed, 1, built.prevouts)).toBe("ok");
          const paid = built.prevouts.reduce((sum, { value }) => sum + value, 0n);
          const out = signed.outs.reduce((sum, { value }) => sum + value, 0n);
          expect(paid - out).toBe(built.fee);
          expect(built.fee + built.change).toBe(spare);
          const size = BigInt(signed.virtualSize());
          const atRate = (bytes: bigint) => (bytes * rate.numerator + 99n) / 100n;
          expect(built.fee).toBeGreaterThanOrEqual(atRate(size));
          if (built.change > 0n) {
            expect(built.change).toBeGreaterThanOrEqual(dustThreshold(changeScript));
            expect(built.fee).toBeLessThanOrEqual(atRate(size + 2n));
          } else {
            // What is left over would not have paid for a change output that is no dust.
            const output = BigInt(9 + changeScript.length);
            expect(spare).toBeLessThan(atRate(size + output + 2n) + dustThreshold(changeScript));
          }
        },
      ),
      { numRuns: runs(60) },
    );
  });

  it("has no cliff: a satoshi more never makes a payable expansion fail", () => {
    let payable = false;
    const spares = Array.from({ length: 1_200 }, (_, i) => BigInt(300 + i));
    for (const spare of some(spares, 150)) {
      const coin = fundingCoin(200_000n + spare);
      let built = true;
      try {
        buildExpansion(request({ coin }));
      } catch (error) {
        expect(error).toMatchObject({ code: "insufficient-funds" });
        built = false;
      }
      expect(built || !payable).toBe(true);
      payable ||= built;
    }
    expect(payable).toBe(true);
  });
});

describe("choosing an expansion's funding coin", () => {
  const { coin: _one, ...rest } = request();
  const small = ownedCoin("P2WPKH", 200_050n, 1).coin;
  const enough = ownedCoin("P2WPKH", 250_000n, 2).coin;
  const large = ownedCoin("P2WPKH", 9_000_000n, 3).coin;

  it("takes the smallest of those with equal cost, in any order", () => {
    for (const coins of [
      [large, small, enough],
      [enough, large, small],
    ]) {
      expect(fundExpansion({ ...rest, coins })).toMatchObject({ coin: enough, reason: "cheapest" });
    }
    expect(fundExpansion({ ...rest, coins: [small, large] }).coin).toEqual(large);
  });

  it("takes the cheapest, and reports the real cost of each", () => {
    const { fee, vsize } = fundExpansion({ ...rest, coins: [enough] });
    const perByte = (paid: bigint, size: number) => (paid * 1000n) / BigInt(size);
    const changeless = vsize - 31;
    const spare = (satoshi: bigint) =>
      ownedCoin("P2WPKH", 200_000n + 2n * BigInt(changeless) + satoshi, Number(satoshi)).coin;
    // A change output costs 62 satoshi: what is given away instead is less than that, or more.
    const [exact, wasteful] = [spare(61n), spare(63n)];
    const chosen = fundExpansion({ ...rest, coins: [exact, wasteful, enough] });
    expect(chosen).toMatchObject({ coin: exact, change: 0n, fee: fee - 1n, vsize: changeless });
    expect(chosen.reason).toBe("changeless");
    expect(chosen.feeRate).toEqual({ numerator: perByte(fee - 1n, changeless), denominator: 1000n });
    expect(fundExpansion({ ...rest, coins: [wasteful, enough] })).toMatchObject({
      coin: enough,
      fee,
      vsize,
      feeRate: { numerator: perByte(fee, vsize), denominator: 1000n },
      reason: "cheapest",
    });
    // Where it is the only one that pays, it says that it pays more than was asked.
    const alone = fundExpansion({ ...rest, coins: [spare(300n)] });
    expect(alone.feeRate.numerator).toBe(perByte(2n * BigInt(changeless) + 300n, changeless));
    expect(alone.reason).toBe("changeless");
    // An input that is lighter costs less.
    const byKey = ownedCoin("P2TR key", 8_000_000n, 4).coin;
    expect(fundExpansion({ ...rest, coins: [enough, byKey] }).coin).toEqual(byKey);
    expect(buildExpansion(request()).reason).toBe("given");
  });

  it("takes an unconfirmed one only if the caller allows it, and reports the coins left aside", () => {
    const waiting = { ...enough, confirmations: 0 };
    expect(fundExpansion({ ...rest, coins: [waiting], allowUnconfirmed: true }).coin).toEqual(waiting);
    const none = refusal("insufficient-funds", () => fundExpansion({ ...rest, coins: [waiting] }));
    expect(none.details).toEqual({ coins: 1, unconfirmed: 250_000n });
    const { details } = refusal("insufficient-funds", () =>
      fundExpansion({ ...rest, coins: [waiting, small] }),
    );
    expect(details).toMatchObject({ available: 50n, unconfirmed: 250_000n });
  });

  it("skips unconfirmed coins, coins that cannot fund an expansion, and the previous stake itself", () => {
    const stake = {
      outpoint: { txid: previous.staking.transaction.getId(), vout: 1 },
      value: 1_000_000n,
      script: P2TR,
    };
    const others = [
      { ...enough, confirmations: 0 },
      ownedCoin("P2PKH", 300_000n).coin,
      ownedCoin("P2TR pk", 300_000n).coin,
      stake,
    ];
    expect(fundExpansion({ ...rest, coins: [...others, large] }).coin).toEqual(large);
    expect(refusal("insufficient-funds", () => fundExpansion({ ...rest, coins: others })).message).toContain(
      "not one of the 4 coins",
    );
  });

  it("refuses when no coin suffices, and an invalid coin as buildExpansion does", () => {
    const { details } = refusal("insufficient-funds", () => fundExpansion({ ...rest, coins: [small] }));
    expect(details).toMatchObject({ available: 200_050n - 200_000n });
    refusal("insufficient-funds", () => fundExpansion({ ...rest, coins: [] }));
    refusal("invalid-coin", () => fundExpansion({ ...rest, coins: [large, large] }));
    const taken = refusal("invalid-coin", () => fundExpansion({ ...rest, coins: [large, spent] }));
    expect(taken.details).toEqual({ outpoint: formatOutpoint(COIN.outpoint) });
    refusal("invalid-amount", () => fundExpansion({ ...rest, coins: [{ ...large, value: -1n }] }));
    refusal("invalid-bytes", () => fundExpansion({ ...rest, coins: [{ ...large, script: "00" as never }] }));
    refusal("expansion-value-too-low", () => fundExpansion({ ...rest, value: 999_999n, coins: [large] }));
  });
});

describe("an expansion is refused when only this is wrong:", () => {
  const other = termsOf({}, 500);
  const coin = fundingCoin(300_000n);
  const twoOfThree = termsOf({ stakers: 3, stakerQuorum: 2 });
  const several = paramsFor(twoOfThree);
  const rotated = { keys: other.covenant.keys, quorum: 3 };
  const cases: readonly [name: string, code: ErrorCode, changes: Partial<ExpansionRequest>][] = [
    ["a satoshi less than before", "expansion-value-too-low", { value: PREVIOUS_VALUE - 1n }],
    ["another staker", "staker-mismatch", { terms: { ...terms, staker: keyOf(-30) } }],
    [
      "a staker more",
      "staker-mismatch",
      { terms: { ...terms, staker: { keys: [terms.staker as Uint8Array, keyOf(-30)], quorum: 1 } } },
    ],
    [
      "another quorum of the same stakers",
      "staker-mismatch",
      {
        previous: staked(twoOfThree, several),
        params: several,
        terms: { ...twoOfThree, staker: { ...(twoOfThree.staker as KeySet), quorum: 1 } },
      },
    ],
    [
      "a committee without a previous quorum",
      "covenant-mismatch",
      { terms: { ...terms, covenant: rotated }, params: { ...params, covenant: rotated } },
    ],
    [
      "a committee that is not of the parameters",
      "covenant-mismatch",
      { terms: { ...terms, covenant: rotated } },
    ],
    ["parameters of another network", "wrong-network", { params: { ...params, network: "signet" } }],
    [
      "a value above the parameters'",
      "staking-value-out-of-range",
      { params: { ...params, maxValue: 1_100_000n } },
    ],
    ["a time below the parameters'", "staking-time-out-of-range", { params: { ...params, minTime: 3_000 } }],
    ["a coin that does not reach", "insufficient-funds", { coin: fundingCoin(200_100n) }],
    ["a coin of nothing", "insufficient-funds", { coin: { ...coin, value: 0n }, value: PREVIOUS_VALUE }],
    ["a negative coin", "invalid-amount", { coin: { ...coin, value: -1n } }],
    [
      "a coin of more than all bitcoin",
      "invalid-amount",
      { coin: { ...coin, value: 2_100_000_000_000_001n } },
    ],
    ["a P2PKH coin, whose spend changes the txid", "invalid-coin", { coin: { ...coin, script: P2PKH } }],
    [
      "a P2SH-P2WPKH coin, whose input script the committee would have to know",
      "invalid-coin",
      { coin: { ...ownedCoin("P2SH-P2WPKH", 300_000n).coin } },
    ],
    ["a P2WSH coin", "invalid-coin", { coin: ownedCoin("P2WSH pk", 300_000n).coin }],
    ["a P2TR coin spent by a leaf", "invalid-coin", { coin: ownedCoin("P2TR pk", 300_000n).coin }],
    ["a rate that nodes do not relay", "fee-rate-too-low", { feeRate: feeRate("0.99") }],
    ["an absurd rate", "fee-rate-too-high", { feeRate: feeRate("1001") }],
    ["a coin without script", "invalid-bytes", { coin: { ...coin, script: undefined as never } }],
    ["a coin that the previous stake's transaction spends", "invalid-coin", { coin: spent }],
    ["no coin", "invalid-coin", { coin: undefined as never }],
    ["an internal key of a P2WPKH coin", "invalid-coin", { coin: { ...coin, tapInternalKey: keyOf(-1) } }],
    [
      "an invalid internal key",
      "invalid-public-key",
      { coin: { ...fundingCoin(300_000n, "p2tr"), tapInternalKey: new Uint8Array(32) } },
    ],
    [
      "the previous stake as its own coin",
      "invalid-coin",
      { coin: { ...coin, outpoint: { txid: previous.staking.transaction.getId(), vout: 1 } } },
    ],
    ["no parameters", "invalid-params", { params: undefined as never }],
    ["no terms", "no-keys", { terms: undefined as never }],
    ["invalid rules", "invalid-argument", { rules: "v4" as never }],
    ["a value of 0", "staking-value-out-of-range", { value: 0n }],
    ["a negative value", "invalid-amount", { value: -1n }],
    ["a value that is no bigint", "invalid-amount", { value: 1_200_000 as never }],
    ["a fee rate of 0", "invalid-rate", { feeRate: feeRate("0") }],
    ["no change script", "invalid-bytes", { changeScript: new Uint8Array() }],
    [
      "change that would return to the stake",
      "multiple-staking-outputs",
      { changeScript: stakingOutput({ ...terms, timelock: 2_000 }, "regtest").script },
    ],
    ["no previous stake", "invalid-argument", { previous: undefined as never }],
    ["a previous stake without transaction", "invalid-argument", { previous: { terms, params } as never }],
    [
      "the previous stake in another output",
      "staking-output-mismatch",
      { previous: { ...previous, staking: { ...previous.staking, outputIndex: 0 } } },
    ],
    [
      "the previous stake in no output",
      "output-not-found",
      { previous: { ...previous, staking: { ...previous.staking, outputIndex: 2 } } },
    ],
    [
      "previous terms that are not of the previous output",
      "staking-output-mismatch",
      { previous: { ...previous, terms: { ...terms, timelock: 999 } } },
    ],
    [
      "a previous stake that its parameters do not admit",
      "staking-value-out-of-range",
      { previous: { ...previous, params: { ...params, minValue: 2_000_000n } } },
    ],
    ["a release without expansions", "unsupported-by-release", { rules: ruleSet("v1") }],
    [
      "another finality provider, for v4",
      "unsupported-by-release",
      { rules: ruleSet("v4"), terms: { ...terms, finalityProviders: other.finalityProviders } },
    ],
  ];
  it.each(cases)("%s", (_, code, changes) => {
    refusal(code, () => buildExpansion(request(changes)));
  });

  it("a change of the finality provider on networks with real coins, unless the rules are any", () => {
    const moved = (network: "regtest" | "signet", more: Partial<ExpansionRequest> = {}) => {
      const own = { ...params, network };
      const changes = { previous: staked(terms, own), params: own };
      return request({
        ...changes,
        terms: { ...terms, finalityProviders: other.finalityProviders },
        ...more,
      });
    };
    const { details } = refusal("unsupported-by-release", () => buildExpansion(moved("signet")));
    expect(details).toMatchObject({ release: "v4", rule: "expansion" });
    const { coin: first, ...rest } = moved("signet");
    refusal("unsupported-by-release", () => fundExpansion({ ...rest, coins: [first] }));
    for (const each of [moved("regtest"), moved("signet", { rules: "any" })]) buildExpansion(each);
  });

  it("no rule is broken: by default it is built under the rules of v4", () => {
    const { transaction } = buildExpansion(request({ rules: ruleSet("v4") }));
    expect(transaction.toHex()).toBe(buildExpansion(request()).transaction.toHex());
  });
});

describe("the spend of the previous stake", () => {
  const several = termsOf({ stakers: 3, stakerQuorum: 2, providers: 2 });
  const built = buildExpansion(
    request({ previous: staked(several, paramsFor(several)), terms: several, params: paramsFor(several) }),
  );
  const witness = fundingWitness(built, walletSigned(built));
  const verdictOn = (signed: Transaction, prevouts = built.prevouts) => verdict(signed, 0, prevouts);
  const [stakers, members] = built.leaf.signers as [Leaf["signers"][number], Leaf["signers"][number]];
  const by = (keys: readonly Uint8Array[]) => keys.map((key) => sign(built, key));
  const judged = (staker: number, covenant: number) =>
    verdictOn(
      withFunding(
        built,
        assembleWitness(built.leaf, [
          ...by(stakers.keys.slice(0, staker)),
          ...by(members.keys.slice(0, covenant)),
        ]),
        witness,
      ),
    );

  it("requires exactly M of N stakers and exactly the quorum: one signature fewer or more fails", () => {
    expect([judged(2, 3), judged(1, 3), judged(3, 3), judged(2, 2), judged(2, 4), judged(0, 3)]).toEqual([
      "ok",
      ...Array.from({ length: 5 }, () => expect.not.stringMatching(/^ok$/)),
    ]);
  });

  it("may have stakers' signatures of 65 bytes, beside others of 64", () => {
    for (const types of [
      [1, 1, 0, 0, 0],
      [0, 1, 0, 0, 0],
    ]) {
      const keys = [...stakers.keys.slice(1, 3), ...members.keys.slice(2, 5)];
      const signatures = keys.map((key, i) => sign(built, key, types[i]));
      const signed = finishSpend(built, signatures);
      signed.setWitness(1, witness);
      expect([0, 1].map((i) => verdict(signed, i, built.prevouts))).toEqual(["ok", "ok"]);
    }
  });

  it("commits to both coins: another value or script of the funding coin invalidates every signature", () => {
    const signed = finish(built);
    expect(verdictOn(signed)).toBe("ok");
    const [stake, coin] = built.prevouts;
    expect(verdictOn(signed, [stake!, { ...coin!, value: coin!.value + 1n }])).not.toBe("ok");
    expect(verdictOn(signed, [stake!, { ...coin!, script: P2WPKH }])).not.toBe("ok");
    expect(verdictOn(signed, [{ ...stake!, value: stake!.value + 1n }, coin!])).not.toBe("ok");
  });
});

describe("the funding coin's signature", () => {
  const built = buildExpansion(request());

  it("is refused when it is missing, forged, or of an altered transaction", () => {
    refusal("missing-signature", () => fundingWitness(built, built.psbt));
    const larger = buildExpansion(request({ value: 1_200_001n }));
    refusal("psbt-mismatch", () => fundingWitness(built, walletSigned(larger)));
    const forged = built.psbt.clone();
    forged.updateInput(1, { partialSig: walletSigned(larger).data.inputs[1]!.partialSig! });
    refusal("invalid-signature", () => fundingWitness(built, forged));
    refusal("invalid-psbt", () => fundingWitness(built, "no PSBT"));
  });
});

describe("btc-staking-ts", () => {
  const network = peerNetworks.regtest;
  const scriptsOf = (of: StakeTerms) => peerScripts(of, params.unbondingTime);
  const home = addressOfScript(P2WPKH, "regtest")!;
  const utxo = (coin: Coin & { transaction: Transaction }) => ({
    txid: coin.transaction.getId(),
    vout: 1,
    value: Number(coin.value),
    scriptPubKey: hex.encode(coin.script),
  });

  const amount = Number(PREVIOUS_VALUE);
  const funds = utxo(fundingCoin(PREVIOUS_VALUE + 50_000n));
  /** The peer's expansion of a stake that it made, and the same stake as ours expands it. */
  function expandBoth(
    from: StakeTerms,
    timelock: number,
    { rate = 2, amount: next = amount, coin = fundingCoin(300_000n), paidBy = utxo(coin) } = {},
  ) {
    const scripts = scriptsOf(from);
    const stakingTx = peer.stakingTransaction(scripts, amount, home, [funds], network, 1).transaction;
    const transaction = parseTransaction(hex.decode(stakingTx.toHex()));
    const renewed = { ...from, timelock };
    const theirs = () =>
      peer.stakingExpansionTransaction(network, scriptsOf(renewed), next, home, rate, [paidBy], {
        stakingTx,
        scripts,
      }).transaction;
    const under = { ...params, covenant: from.covenant };
    const ours = buildExpansion({
      ...request(),
      previous: { terms: from, params: under, staking: { transaction, outputIndex: 0 } },
      params: under,
      terms: renewed,
      value: BigInt(next),
      coin,
      feeRate: feeRate(`${rate}`),
    });
    return { theirs, ours };
  }

  it("makes the same expansion byte for byte, except the fee, in random cases", () => {
    fc.assert(
      fc.property(
        anyTerms({ stakers: 1, providers: 4, members: 9 }),
        fc.integer({ min: 1, max: 65_535 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 50_000, max: 900_000 }),
        (from, timelock, rate, value) => {
          const { theirs, ours } = expandBoth(from, timelock, { rate, coin: fundingCoin(BigInt(value)) });
          const built = theirs();
          const expected = ours.transaction.clone();
          expected.outs[1]!.value = BigInt(built.outs[1]!.value);
          expect(built.toHex()).toBe(expected.toHex());
        },
      ),
      { numRuns: runs(1_000) },
    );
  });

  it.each(["P2PKH", "P2SH-P2WPKH", "P2WSH pk", "P2TR pk"] as const)(
    "differs: it accepts a %s coin",
    (wallet) => {
      const { coin } = ownedCoin(wallet, 300_000n);
      const from = toOutpoint(coin.outpoint);
      const other = { ...from, value: Number(coin.value), scriptPubKey: hex.encode(coin.script) };
      const transaction = expandBoth(terms, 2_000, { paidBy: other }).theirs();
      expect(spentBy(transaction.ins[1]!)).toEqual(coin.outpoint);
      refusal("invalid-coin", () => buildExpansion(request({ coin })));
    },
  );

  it("differs: it expands to the same value only", () => {
    const { theirs, ours } = expandBoth(terms, 2_000, { amount: amount + 1 });
    expect(theirs).toThrow("must be equal to the previous staking amount");
    expect(ours.transaction.outs[0]!.value).toBe(PREVIOUS_VALUE + 1n);
  });
});
