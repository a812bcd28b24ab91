import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { addressOfScript, scriptOfAddress } from "../../src/bitcoin/address.js";
import { OP, pushNumber } from "../../src/bitcoin/opcodes.js";
import { compareBytes, hex } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { NETWORKS } from "../../src/core/network.js";
import { outputsOf, slashingChangeOutput, stakingOutput, unbondingOutput } from "../../src/script/outputs.js";
import { LEAF_VERSION, NUMS_KEY, outputKeyOf } from "../../src/script/taproot.js";
import { type KeySet, stakerKeys, type StakeTerms } from "../../src/script/terms.js";
import { runs } from "../support/runs.js";
import { anyTerms, anyTimelock, keyOf, refusalOf, termsOf } from "../support/stakes.js";

const builtFrom = (terms: StakeTerms, time: number) => [
  stakingOutput(terms, "regtest"),
  unbondingOutput(terms, time, "regtest"),
  slashingChangeOutput(terms.staker, time, "regtest"),
];
const sizes = { stakers: 4, providers: 4, members: 7 };

describe("an output of a stake", () => {
  it("does not depend on the order of keys", () => {
    const shuffled = (keys: readonly Uint8Array[]) =>
      fc.shuffledSubarray([...keys], { minLength: keys.length, maxLength: keys.length });
    const shuffledSet = (set: KeySet) =>
      fc.record({ keys: shuffled(set.keys), quorum: fc.constant(set.quorum) });
    const twoOrders = anyTerms(sizes).chain((terms) =>
      fc.tuple(
        fc.constant(terms),
        fc.record({
          staker: terms.staker instanceof Uint8Array ? fc.constant(terms.staker) : shuffledSet(terms.staker),
          finalityProviders: shuffled(terms.finalityProviders),
          covenant: shuffledSet(terms.covenant),
          timelock: fc.constant(terms.timelock),
        }),
      ),
    );
    fc.assert(
      fc.property(twoOrders, anyTimelock, ([one, other], time) => {
        expect(builtFrom(other, time)).toEqual(builtFrom(one, time));
      }),
      { numRuns: runs(30) },
    );
  });

  it("is the same for one staker and for 1 of 1 stakers", () => {
    fc.assert(
      fc.property(anyTerms({ ...sizes, stakers: 1 }), anyTimelock, (terms, time) => {
        const set = { ...terms, staker: stakerKeys(terms.staker) };
        expect(builtFrom(set, time)).toEqual(builtFrom(terms, time));
      }),
      { numRuns: runs(20) },
    );
  });

  it("has control blocks that lead from each leaf to the output key, under the unspendable internal key", () => {
    fc.assert(
      fc.property(anyTerms(sizes), anyTimelock, (terms, time) => {
        for (const { script, leaves } of builtFrom(terms, time)) {
          expect(hex.encode(script.slice(0, 2))).toBe("5120");
          for (const leaf of Object.values(leaves)) {
            expect(leaf.controlBlock[0]! & 0xfe).toBe(LEAF_VERSION);
            expect(leaf.controlBlock.slice(1, 33)).toEqual(NUMS_KEY);
            expect(outputKeyOf(leaf.script, leaf.controlBlock)).toEqual(script.slice(2));
          }
        }
      }),
      { numRuns: runs(20) },
    );
  });

  it("has the tree of PROTOCOL 2", () => {
    const terms = termsOf(1, 1, 3, 2);
    const depths = builtFrom(terms, 100).map(({ leaves }) =>
      Object.fromEntries(
        Object.entries(leaves).map(([kind, { controlBlock }]) => [kind, (controlBlock.length - 33) / 32]),
      ),
    );
    expect(depths).toEqual([
      { timelock: 2, unbonding: 2, slashing: 1 },
      { timelock: 1, slashing: 1 },
      { timelock: 0 },
    ]);
  });

  it("lists the signers of each leaf: sets in script order, keys ascending in each", () => {
    fc.assert(
      fc.property(anyTerms(sizes), (terms) => {
        const ascending = (set: KeySet) => ({ ...set, keys: [...set.keys].sort(compareBytes) });
        const staker = ascending(stakerKeys(terms.staker));
        const providers = ascending({ keys: terms.finalityProviders, quorum: 1 });
        const covenant = ascending(terms.covenant);
        const { timelock, unbonding, slashing } = stakingOutput(terms, "regtest").leaves;
        expect(timelock.signers).toEqual([staker]);
        expect(unbonding.signers).toEqual([staker, covenant]);
        expect(slashing.signers).toEqual([staker, providers, covenant]);
        expect(timelock.timelock).toBe(terms.timelock);
      }),
      { numRuns: runs(20) },
    );
  });

  it("leaves its terms unchanged", () => {
    const terms = termsOf(2, 3, 5, 3);
    const before = structuredClone(terms);
    builtFrom(terms, 100);
    expect(terms).toEqual(before);
  });

  it("has an address on each network that decodes to its script", () => {
    const terms = termsOf(1, 1, 3, 2);
    const prefixes = { mainnet: "bc1p", testnet: "tb1p", signet: "tb1p", regtest: "bcrt1p" };
    for (const network of NETWORKS) {
      const { script, address } = stakingOutput(terms, network);
      expect(address.startsWith(prefixes[network])).toBe(true);
      expect(scriptOfAddress(address, network)).toEqual(script);
      expect(addressOfScript(script, network)).toBe(address);
    }
  });
});

describe("an output's descriptor", () => {
  it("is that of the output's script, after the terms or the leaves were changed", () => {
    const expected = builtFrom(termsOf(2, 3, 5, 3), 100).map(({ descriptor }) => descriptor);
    const terms = termsOf(2, 3, 5, 3);
    const outputs = builtFrom(terms, 100);
    const { staker, finalityProviders, covenant } = terms;
    for (const key of [stakerKeys(staker).keys, finalityProviders, covenant.keys].flat()) key.fill(0);
    Object.assign(covenant, { quorum: 1 });
    Object.assign(terms, { timelock: 7, finalityProviders: [keyOf(-1)] });
    for (const { signers, script } of outputs.flatMap(({ leaves }) => Object.values(leaves))) {
      for (const { keys } of signers) for (const key of keys) key.fill(0);
      script.fill(0);
    }
    expect(outputs.map(({ descriptor }) => descriptor)).toEqual(expected);
  });

  it("is copied with the output", () => {
    const output = stakingOutput(termsOf(1, 1, 3, 2), "regtest");
    for (const copy of [{ ...output }, structuredClone(output), JSON.parse(JSON.stringify(output))]) {
      expect(copy.descriptor).toBe(output.descriptor);
    }
  });
});

describe("the outputs of a stake", () => {
  const rules = { network: "regtest", unbondingTime: 100 } as const;

  it("equal those that are built one by one", () => {
    fc.assert(
      fc.property(anyTerms(sizes), anyTimelock, (terms, unbondingTime) => {
        const { staking, unbonding, refund } = outputsOf(terms, { network: "regtest", unbondingTime });
        expect([staking, unbonding, refund]).toEqual(builtFrom(terms, unbondingTime));
      }),
      { numRuns: 20 },
    );
  });

  it("check each key once, and are built once", () => {
    const check = vi.spyOn(curve, "isXOnlyPoint");
    const tweak = vi.spyOn(curve, "xOnlyPointAddTweak");
    const outputs = outputsOf(termsOf(2, 3, 5, 3), rules);
    expect(tweak).not.toHaveBeenCalled();
    for (let i = 0; i < 3; i++) expect([outputs.staking, outputs.unbonding, outputs.refund]).toHaveLength(3);
    expect(check).toHaveBeenCalledTimes(10);
    expect(tweak).toHaveBeenCalledTimes(3);
    vi.restoreAllMocks();
  });

  it("do not change with the caller's terms", () => {
    const expected = builtFrom(termsOf(2, 3, 5, 3), 100);
    const terms = termsOf(2, 3, 5, 3);
    const { terms: own, ...outputs } = Object.getOwnPropertyDescriptors(outputsOf(terms, rules));
    Object.assign(terms.covenant, { quorum: 6 });
    for (const key of terms.finalityProviders) key.fill(0);
    expect(Object.values(outputs).map(({ get }) => get!())).toEqual(expected);
    expect(own.value).toEqual(termsOf(2, 3, 5, 3));
  });

  it("refuse invalid terms at once, an invalid time or network at the outputs that have it", () => {
    expect(refusalOf(() => outputsOf(termsOf(1, 1, 3, 4), rules))).toBe("invalid-quorum");
    const outputs = outputsOf(termsOf(1, 1, 3, 2), { ...rules, unbondingTime: 0 });
    expect(outputs.staking.script).toHaveLength(34);
    expect(refusalOf(() => outputs.unbonding)).toBe("invalid-timelock");
    expect(refusalOf(() => outputs.refund)).toBe("invalid-timelock");
    const elsewhere = outputsOf(termsOf(1, 1, 3, 2), { ...rules, network: "moon" as never });
    expect(refusalOf(() => elsewhere.staking)).toBe("invalid-network");
  });
});

describe("a number in a script", () => {
  it.each([
    [1, "51"],
    [2, "52"],
    [15, "5f"],
    [16, "60"],
    [17, "0111"],
    [127, "017f"],
    [128, "028000"],
    [255, "02ff00"],
    [256, "020001"],
    [32_767, "02ff7f"],
    [32_768, "03008000"],
    [65_535, "03ffff00"],
  ])("is minimal: %s", (value, expected) => {
    expect(hex.encode(pushNumber(value))).toBe(expected);
    const { script } = stakingOutput({ ...termsOf(1, 1, 1), timelock: value }, "regtest").leaves.timelock;
    expect(hex.encode(script.slice(34))).toBe(`${expected}b2`);
  });

  it("is minimal as a quorum too", () => {
    for (const [quorum, expected] of [
      [16, "60"],
      [17, "0111"],
      [127, "017f"],
      [128, "028000"],
    ] as const) {
      const { script } = stakingOutput(termsOf(1, 1, 130, quorum), "regtest").leaves.unbonding;
      expect(hex.encode(script.slice(34 + 34 * 130))).toBe(expected + OP.NUMEQUAL.toString(16));
    }
  });
});
