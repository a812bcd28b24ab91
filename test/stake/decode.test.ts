import { describe, expect, it } from "vitest";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { parseTransaction } from "../../src/bitcoin/transaction.js";
import { hex, utf8 } from "../../src/core/bytes.js";
import { TapstakeError } from "../../src/core/errors.js";
import { bbnTest5 } from "../../src/params/data/bbn-test-5.js";
import { mainnet, mainnetPhase1 } from "../../src/params/data/mainnet.js";
import { testnet } from "../../src/params/data/testnet.js";
import type { ParamSet } from "../../src/params/types.js";
import { encodeOpReturn } from "../../src/script/op-return.js";
import { stakingOutput } from "../../src/script/outputs.js";
import { finishSpend } from "../../src/spending/spend.js";
import { decodeSpends, decodeStaking } from "../../src/stake/decode.js";
import { buildStaking } from "../../src/stake/staking.js";
import {
  COIN,
  feeRate,
  keyOf,
  lifeOf,
  P2WPKH,
  paramsFor,
  PATHS,
  signEnough,
  termsOf,
} from "../support/lives.js";
import { refusal } from "../support/refusal.js";
import { readVectors } from "../support/vectors.js";

/** A copy of a transaction, changed. */
function changed(transaction: Transaction, change: (copy: Transaction) => void): Transaction {
  const copy = transaction.clone();
  change(copy);
  return copy;
}

describe("the observed stake of 300.004 BTC on mainnet", () => {
  const observed = () => {
    const file = JSON.parse(readVectors("observable-staking.json")) as Record<string, { hex: string }>;
    return parseTransaction(hex.decode(file["mainnet-300.004BTC"]!.hex));
  };

  it.each([mainnetPhase1, mainnet])("is decoded under $name by its lock time", (set) => {
    const decoded = decodeStaking(observed(), set);
    expect(decoded.value).toBe(30_000_400_000n);
    expect(decoded.outputIndex).toBe(0);
    expect(decoded.terms).toEqual({
      staker: hex.decode("0b93d2d388a2b89c2ba2ef28e99c0cfc20735b693cb8b2350fe8aceca2d0f393"),
      finalityProviders: [hex.decode("db9160428e401753dc1a9952ffd4fa3386c7609cf8411d2b6d79c42323ca9923")],
      timelock: 64_000,
      covenant: set.versions[1]!.covenant,
    });
    expect(decoded.output.script).toEqual(observed().outs[0]!.script);
    // Its lock time is 864,789: the block before version 1. Version 0 takes no stake of this size.
    expect(decoded.params.version).toBe(1);
    // A later version may be one that does not admit it any more.
    const later = decoded.alternatives.map(({ version }) => version);
    const known = set.versions.slice(2, 4).map(({ version }) => version);
    expect(later.slice(0, known.length)).toEqual(known);
  });

  it("has the version in force at its height, when that is given", () => {
    const at = (height: number) => decodeStaking(observed(), mainnetPhase1, { height });
    expect(at(864_790).params.version).toBe(1);
    expect(at(864_790).alternatives).toEqual([]);
    expect(at(874_088).params.version).toBe(2);
    refusal("staking-value-out-of-range", () => at(864_789));
    refusal("not-active", () => at(857_909));
  });

  it("is not decoded with anything in it changed", () => {
    const decode = (change: (copy: Transaction) => void) => () =>
      decodeStaking(changed(observed(), change), mainnetPhase1);
    const otherScript = (script: Uint8Array, at: number) => {
      const copy = script.slice();
      copy[at]! ^= 1;
      return copy;
    };
    const announcement = observed().outs[1]!.script;
    refusal(
      "output-not-found",
      decode((copy) => (copy.outs[0]!.script = P2WPKH)),
    );
    refusal(
      "output-not-found",
      decode((copy) => (copy.outs[1]!.script = otherScript(announcement, 72))),
    );
    refusal(
      "invalid-op-return",
      decode((copy) => (copy.outs[1]!.script = otherScript(announcement, 3))),
    );
    refusal(
      "invalid-op-return",
      decode((copy) => void copy.outs.splice(1, 1)),
    );
    refusal(
      "multiple-op-returns",
      decode((copy) => void copy.addOutput(announcement, 0n)),
    );
    refusal(
      "multiple-staking-outputs",
      decode((copy) => void copy.addOutput(copy.outs[0]!.script, 1000n)),
    );
    refusal(
      "staking-value-out-of-range",
      decode((copy) => (copy.outs[0]!.value = 499_999n)),
    );
  });

  it("is decoded with an OP_RETURN of another protocol beside its announcement", () => {
    const other = changed(observed(), (copy) => void copy.addOutput(hex.decode("6a0548656c6c6f"), 0n));
    expect(decodeStaking(other, mainnetPhase1).params.version).toBe(1);
  });

  it.each([testnet, bbnTest5])("is not of $name", (set) => {
    refusal("output-not-found", () => decodeStaking(observed(), set));
  });
});

describe("the observed stake on signet", () => {
  const observed = () => {
    const file = JSON.parse(readVectors("observable-staking.json")) as Record<string, { hex: string }>;
    return parseTransaction(hex.decode(file["signet-tag-bbt4"]!.hex));
  };

  it.each([
    [bbnTest5, [2, 3, 4, 5, 6]],
    // Version 5 had a committee of three.
    [{ ...testnet, versions: testnet.versions.slice(0, 7) }, [2, 3, 4, 6]],
  ])("matches the committee of $name since version 2", (set, versions) => {
    const decoded = decodeStaking(observed(), set);
    expect(decoded.value).toBe(5_000_000n);
    expect([decoded.params.version, ...decoded.alternatives.map(({ version }) => version)]).toEqual(versions);
    expect(decoded.terms.timelock).toBe(64_000);
  });

  it.each([testnet, bbnTest5])("does not match the earlier committees of $name", (set) => {
    refusal("output-not-found", () => decodeStaking(observed(), set, { height: 200_664 }));
  });
});

describe("a stake without an announcement", () => {
  const terms = termsOf({ providers: 3 });
  const params = paramsFor(terms);
  const set: ParamSet = { name: "own", network: "regtest", versions: [params] };
  const { transaction } = buildStaking({
    terms,
    params,
    value: 100_000n,
    coins: [{ ...COIN, script: P2WPKH }],
    changeScript: P2WPKH,
    feeRate: feeRate("1"),
  });
  const { covenant: _, ...given } = terms;

  it("is decoded with its terms, and not without", () => {
    const decoded = decodeStaking(transaction, set, { terms: given });
    expect(decoded).toMatchObject({ terms, value: 100_000n, outputIndex: 0, alternatives: [] });
    refusal("invalid-op-return", () => decodeStaking(transaction, set));
  });

  it("is not found with other terms", () => {
    for (const other of [
      { ...given, timelock: 999 },
      { ...given, staker: keyOf(-20) },
      { ...given, finalityProviders: given.finalityProviders.slice(1) },
    ]) {
      refusal("output-not-found", () => decodeStaking(transaction, set, { terms: other }));
    }
    refusal("no-keys", () => decodeStaking(transaction, set, { terms: { ...given, finalityProviders: [] } }));
    expect(() => decodeStaking(transaction, set, { terms: {} as typeof given })).toThrow(TapstakeError);
    refusal("unknown-params", () => decodeStaking(transaction, { ...set, versions: [] }, { terms: given }));
    refusal("invalid-number", () => decodeStaking(transaction, set, { terms: given, height: Number.NaN }));
  });

  it("is refused as a phase-1 stake, with any terms", () => {
    const phase1 = { ...params, phase1: { tag: utf8("bbn1"), confirmationDepth: 10 } };
    const phase1Set = { ...set, versions: [phase1] };
    refusal("invalid-op-return", () => decodeStaking(transaction, phase1Set, { terms: given }));
    const announced = (finalityProvider: Uint8Array) =>
      changed(transaction, (copy) => {
        const { staker, timelock } = terms;
        const script = encodeOpReturn({
          tag: utf8("bbn1"),
          staker: staker as Uint8Array,
          finalityProvider,
          timelock,
        });
        copy.addOutput(script, 0n);
      });
    refusal("invalid-op-return", () =>
      decodeStaking(announced(terms.finalityProviders[0]!), phase1Set, { terms: given }),
    );
  });
});

describe("the lock time of a staking transaction", () => {
  const terms = termsOf();
  const versions = [0, 100, 200].map((activationHeight, version) => ({
    ...paramsFor(terms),
    version,
    activationHeight,
  }));
  const set: ParamSet = { name: "own", network: "regtest", versions };
  const { covenant: _, ...given } = terms;
  const stake = (locktime: number, sequence: number) =>
    changed(lifeOf(terms, versions[0]!)["staking unbonding"].transaction, (copy) => {
      copy.locktime = locktime;
      copy.ins[0]!.sequence = sequence;
      copy.outs[0]!.script = stakingOutput(terms, "regtest").script;
    });
  const version = (locktime: number, sequence = 0xffff_fffe) =>
    decodeStaking(stake(locktime, sequence), set, { terms: given }).params.version;

  it("excludes the blocks up to that height, and so the earlier versions", () => {
    expect([0, 98, 99, 100, 198, 199, 5000].map((locktime) => version(locktime))).toEqual([
      0, 0, 1, 1, 1, 2, 2,
    ]);
  });

  it("is ignored when it is a time, or when every sequence is final", () => {
    expect(version(1_700_000_000)).toBe(0);
    expect(version(150, 0xffff_ffff)).toBe(0);
  });
});

describe("decodeSpends", () => {
  const terms = termsOf({ providers: 2, stakers: 2 });
  const life = lifeOf(terms, paramsFor(terms));
  const depths = {
    staking: { timelock: 2, unbonding: 2, slashing: 1 },
    unbonding: { timelock: 1, slashing: 1 },
    refund: { timelock: 0 },
  };

  it.each(PATHS)("recognises %s from its witness", (path) => {
    const spend = life[path];
    const [output, kind] = path.split(" ") as [keyof typeof depths, "timelock"];
    const decoded = decodeSpends(finishSpend(spend, signEnough(spend)));
    expect(decoded).toMatchObject([
      { inputIndex: 0, script: spend.prevouts[0]!.script, depth: depths[output][kind], leaf: { kind } },
    ]);
  });

  it("recognises a spend with an annex", () => {
    const spend = life["staking timelock"];
    const withAnnex = changed(finishSpend(spend, signEnough(spend)), (copy) => {
      copy.setWitness(0, [...copy.ins[0]!.witness, Uint8Array.of(0x50, 1, 2)]);
    });
    expect(decodeSpends(withAnnex)).toHaveLength(1);
  });

  it("leaves out spends of other outputs", () => {
    const spend = life["staking slashing"];
    const signed = finishSpend(spend, signEnough(spend));
    const { witness } = signed.ins[0]!;
    const controlBlock = witness.at(-1)!;
    const other = (stack: Uint8Array[]) => decodeSpends(changed(signed, (copy) => copy.setWitness(0, stack)));
    const flipped = (at: number) => controlBlock.map((byte, i) => (i === at ? byte ^ 1 : byte));
    expect(decodeSpends(spend.transaction)).toEqual([]);
    for (const stack of [
      [new Uint8Array(64)],
      [new Uint8Array(72), new Uint8Array(33)],
      [new Uint8Array(64), Uint8Array.of(0x51), controlBlock],
      [...witness.slice(0, -1), flipped(0)],
      [...witness.slice(0, -1), flipped(5)],
      [...witness.slice(0, -1), controlBlock.slice(0, -1)],
      [...witness.slice(0, -1), new Uint8Array(0)],
      [...witness.slice(0, -2), new Uint8Array(0), controlBlock],
    ]) {
      expect(other(stack)).toEqual([]);
    }
  });
});
