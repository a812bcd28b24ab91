import { describe, expect, it } from "vitest";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { parseTransaction } from "../../src/bitcoin/transaction.js";
import { hex } from "../../src/core/bytes.js";
import { mainnet, mainnetPhase1 } from "../../src/params/data/mainnet.js";
import { checkForm, ruleSet } from "../../src/params/rules.js";
import type { ParamSet, ProtocolParams } from "../../src/params/types.js";
import { stakingOutput } from "../../src/script/outputs.js";
import { checkPhase1Stake, type Phase1Observation } from "../../src/stake/phase1.js";
import { buildStaking } from "../../src/stake/staking.js";
import { COIN, feeRate, keyOf, P2WPKH, termsOf } from "../support/lives.js";
import { refusal } from "../support/refusal.js";
import { readCase, readVectors } from "../support/vectors.js";

const set = mainnetPhase1;
const [v0, v1] = set.versions as [ProtocolParams, ProtocolParams];
const CAP = v0.phase1!.cap!;

/** A stake of phase 1 as the builder makes it under a version. */
function stakeOf(params = v0, value = params.minValue, changes = {}): Transaction {
  const terms = { ...termsOf(), covenant: params.covenant, timelock: params.minTime, ...changes };
  const coin = { ...COIN, value: value + 100_000n, script: P2WPKH };
  const request = { terms, params, value, coins: [coin], changeScript: P2WPKH, feeRate: feeRate("2") };
  checkForm(ruleSet("phase1"), terms, { params });
  return buildStaking({ ...request, rules: "any" }).transaction;
}

/** The verdict on a transaction, by default deep in the chain, with nothing staked before. */
function judge(transaction: Transaction, seen: Partial<Phase1Observation> = {}, of: ParamSet = set): string {
  const height = seen.height ?? v0.activationHeight;
  const found = checkPhase1Stake(transaction, of, { height, tip: height + 100, staked: 0n, ...seen });
  return found.status === "invalid" ? `invalid: ${found.refusal.code}` : found.status;
}

function changed(transaction: Transaction, change: (copy: Transaction) => void): Transaction {
  const copy = transaction.clone();
  change(copy);
  return copy;
}

describe("the observed stake of 300.004 BTC", () => {
  const file = JSON.parse(readVectors("observable-staking.json")) as Record<string, { hex: string }>;
  const observed = parseTransaction(hex.decode(file["mainnet-300.004BTC"]!.hex));
  const at = (height: number, staked = 0n) => judge(observed, { height, staked });

  it("is active in the ten blocks of the second cap, whatever was staked before, and overflows after them", () => {
    expect(v1.phase1).toMatchObject({ capHeight: 864_799 });
    expect(at(864_790)).toBe("active");
    expect(at(864_799, 20_000_000_000_000n)).toBe("active");
    expect(at(864_800)).toBe("overflow");
    // The third version begins, and has a cap height of its own.
    expect([at(874_088), at(875_087), at(875_088)]).toEqual(["active", "active", "overflow"]);
  });

  it("is too large for the first version, and invalid before it", () => {
    expect(at(864_789)).toBe("invalid: staking-value-out-of-range");
    expect(at(857_909)).toBe("invalid: not-active");
  });

  it("is pending until it has its confirmations", () => {
    const height = 864_790;
    const seen = (tip: number) => judge(observed, { height, tip });
    expect([seen(height), seen(height + 8), seen(height + 9)]).toEqual(["pending", "pending", "active"]);
  });
});

describe("the cap of 1000 BTC", () => {
  const transaction = stakeOf();
  const after = (total: bigint) => judge(transaction, { staked: total });

  it("is reached by the stakes before: a stake that crosses it is active", () => {
    expect(CAP).toBe(100_000_000_000n);
    expect([after(0n), after(CAP - 1n), after(CAP), after(CAP + 1n)]).toEqual([
      "active",
      "active",
      "overflow",
      "overflow",
    ]);
  });

  it("is absent where the version has none, and a cap height of 0 means no cap height", () => {
    const { cap: _, ...uncapped } = v0.phase1!;
    const under = (phase1: typeof v0.phase1 & {}, staked = 0n) => {
      const own: ParamSet = { ...set, versions: [{ ...v0, phase1 }] };
      return judge(transaction, { staked }, own);
    };
    expect(under(uncapped, CAP)).toBe("active");
    expect(under({ ...uncapped, capHeight: 0 }, CAP)).toBe("active");
    expect(under({ ...v0.phase1!, capHeight: 0 }, CAP)).toBe("overflow");
    // A cap height goes before a cap.
    expect(under({ ...v0.phase1!, capHeight: v0.activationHeight }, CAP)).toBe("active");
    expect(under({ ...v0.phase1!, capHeight: v0.activationHeight - 1 })).toBe("overflow");
    expect(under({ ...uncapped, cap: 0n })).toBe("overflow");
  });
});

describe("a transaction is invalid as a stake of phase 1 when only this is wrong:", () => {
  const good = stakeOf();
  const announcement = good.outs.find(({ script }) => script[0] === 0x6a);
  const cases: readonly [name: string, code: string, transaction: Transaction][] = [
    ["no OP_RETURN", "invalid-op-return", changed(good, ({ outs }) => void outs.splice(1, 1))],
    [
      "two OP_RETURNs",
      "multiple-op-returns",
      changed(good, (tx) => void tx.addOutput(announcement!.script, 0n)),
    ],
    [
      "another tag",
      "invalid-op-return",
      changed(good, ({ outs }) => {
        outs[1]!.script = Uint8Array.from(outs[1]!.script);
        outs[1]!.script[2]! ^= 1;
      }),
    ],
    [
      "a satoshi too little",
      "staking-value-out-of-range",
      changed(good, ({ outs }) => (outs[0]!.value = v0.minValue - 1n)),
    ],
    [
      "a satoshi too much",
      "staking-value-out-of-range",
      changed(good, ({ outs }) => (outs[0]!.value = v0.maxValue + 1n)),
    ],
    ["another time", "staking-time-out-of-range", stakeOf({ ...v0, minTime: 1_000, maxTime: 1_000 })],
    [
      "another committee",
      "output-not-found",
      stakeOf({ ...v0, covenant: { keys: [keyOf(-40), keyOf(-41), keyOf(-42)], quorum: 2 } }),
    ],
    [
      "the staking output twice",
      "multiple-staking-outputs",
      changed(good, (tx) => void tx.addOutput(tx.outs[0]!.script, v0.minValue)),
    ],
    [
      "another output than announced",
      "output-not-found",
      changed(good, ({ outs }) => {
        const terms = { ...termsOf(), covenant: v0.covenant, timelock: v0.minTime - 1 };
        outs[0]!.script = stakingOutput(terms, "mainnet").script;
      }),
    ],
  ];
  it.each(cases)("%s", (_, code, transaction) => {
    expect(judge(transaction)).toBe(`invalid: ${code}`);
  });

  it("the chain's own case of a second OP_RETURN, like the first but with time 0", () => {
    const { input } = readCase<string>("30-op-return-of-time-0");
    const both = parseTransaction(hex.decode(input));
    expect(judge(both)).toBe("invalid: multiple-op-returns");
    expect(judge(changed(both, ({ outs }) => void outs.pop()))).toBe("active");
    // Alone, it announces nothing.
    expect(judge(changed(both, ({ outs }) => void outs.splice(1, 1)))).toBe("invalid: invalid-op-return");
  });

  it("no rule: data of another protocol beside its announcement is accepted", () => {
    const beside = changed(good, (tx) => void tx.addOutput(hex.decode("6a056f74686572"), 0n));
    expect(judge(beside)).toBe("active");
  });
});

describe("an invalid observation", () => {
  const transaction = stakeOf();
  const seen = (changes: object) => () => judge(transaction, changes);
  it("is refused without a verdict on the transaction", () => {
    const height = v0.activationHeight;
    refusal("invalid-number", seen({ tip: height - 1 }));
    refusal("invalid-number", seen({ height: -1 }));
    refusal("invalid-number", seen({ height: 1.5 }));
    refusal("invalid-number", seen({ tip: undefined }));
    refusal("invalid-amount", seen({ staked: -1n }));
    refusal("invalid-amount", seen({ staked: 5 }));
    refusal("unsupported-params", () => judge(transaction, {}, mainnet));
  });
});

describe("a stake of phase 1", () => {
  it("is built with one OP_RETURN, for one staker and one finality provider", () => {
    const { outs } = stakeOf(v1);
    expect(outs.filter(({ script }) => script[0] === 0x6a)).toHaveLength(1);
    const two = [keyOf(-50), keyOf(-51)];
    const { details } = refusal("unsupported-by-release", () =>
      stakeOf(v0, v0.minValue, { finalityProviders: two }),
    );
    expect(details).toMatchObject({ release: "phase1", rule: "maxFinalityProviders" });
    refusal("unsupported-by-release", () => stakeOf(v0, v0.minValue, { staker: { keys: two, quorum: 1 } }));
    refusal("unsupported-by-release", () => stakeOf(mainnet.versions[3]!, 500_000n));
  });
});
