import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { createTransaction, FINAL_SEQUENCE } from "../../src/bitcoin/transaction.js";
import { applyRateUp } from "../../src/core/amount.js";
import { stakingOutput } from "../../src/script/outputs.js";
import { finishSpend, type LeafSignature, type LeafSpend, withWitness } from "../../src/spending/spend.js";
import { leafWitness } from "../../src/spending/witness.js";
import { buildExpansion, type Expansion } from "../../src/stake/expansion.js";
import { fundingWitness } from "../../src/stake/funding-coin.js";
import { finishStaking } from "../../src/stake/staking.js";
import { buildWithdrawal } from "../../src/stake/withdrawal.js";
import {
  multisigCoin,
  type OwnedCoin,
  ownedCoin,
  signedPsbt,
  type Signing,
  stakeFrom,
  type Wallet,
  WALLETS,
} from "../support/coins.js";
import { fundingCoin, type FundingKind, walletSigned } from "../support/expansion.js";
import { executes } from "../support/interpreter.js";
import { COIN, feeRate, P2WPKH, paramsFor, sign, termsOf } from "../support/lives.js";
import { refusal } from "../support/refusal.js";
import { runs, some } from "../support/runs.js";

const RATE = feeRate("2");
const LENGTHS = [64, 65];
/** How many stakers sign: up to as many as can. */
const STAKERS = some([1, 2, 3, 4, 5, 6, 7, 8, 12, 15, 16, 17, 20], 1);

/** Signatures by a quorum of each set, of the stakers' the first with their hash type behind, the rest without. */
const signed = (spend: LeafSpend, explicit: number): LeafSignature[] =>
  spend.leaf.signers.flatMap(({ keys, quorum }, set) =>
    keys.slice(0, quorum).map((key, i) => sign(spend, key, set === 0 && i < explicit ? 1 : 0)),
  );

describe("the size that a withdrawal's fee is computed from", () => {
  const withdraw = (stakers: number, signatureLength?: number) => {
    const terms = termsOf({ stakers, stakerQuorum: stakers });
    const length = signatureLength === undefined ? {} : { signatureLength };
    const request = { terms, params: paramsFor(terms), coin: COIN, destination: P2WPKH, feeRate: RATE };
    return buildWithdrawal({ ...request, from: "staking", ...length });
  };

  it.each(STAKERS)("suffices for %i signatures of 64 and 65 bytes in any mix", (stakers) => {
    const built = withdraw(stakers);
    const sizes = [stakers, Math.ceil(stakers / 2), 0].map((explicit) => {
      const transaction = finishSpend(built, signed(built, explicit));
      expect(executes(transaction, 0, built.prevouts)).toBe(true);
      expect(built.fee).toBeGreaterThanOrEqual(applyRateUp(BigInt(transaction.virtualSize()), RATE));
      return transaction.virtualSize();
    });
    expect(built.vsize).toBe(sizes[0]);
    // The exception that signatureLength is for: the lengths of more than four signatures are unknown.
    expect(built.vsize - sizes[2]!).toBeLessThanOrEqual(Math.ceil(stakers / 4));
  });

  it.each(STAKERS)("is exact for %i signatures whose length is given", (stakers) => {
    for (const length of LENGTHS) {
      const built = withdraw(stakers, length);
      expect(finishSpend(built, signed(built, length === 65 ? stakers : 0)).virtualSize()).toBe(built.vsize);
    }
  });

  it("is enforced: longer signatures than given are refused where the fee would be too low for them", () => {
    const { fee, vsize } = withdraw(8, 64);
    for (let explicit = 0; explicit <= 8; explicit++) {
      const built = withdraw(8, 64);
      const signatures = signed(built, explicit);
      const size = withWitness(built, leafWitness(built.leaf, signatures)).virtualSize();
      if (size <= vsize) {
        expect(fee).toBeGreaterThanOrEqual(applyRateUp(BigInt(size), RATE));
        expect(finishSpend(built, signatures).virtualSize()).toBe(size);
      } else {
        const { details } = refusal("size-above-estimate", () => finishSpend(built, signatures));
        expect(details).toEqual({ expected: vsize, got: size });
      }
    }
    refusal("size-above-estimate", () => {
      const built = withdraw(8, 64);
      finishSpend(built, signed(built, 8));
    });
  });

  it("refuses a length that signatures do not have", () => {
    for (const length of [63, 66, 64.5, "64", null]) {
      refusal("invalid-number", () => withdraw(1, length as number));
    }
  });
});

describe("the size that an expansion's fee is computed from", () => {
  const expand = (
    stakers: number,
    [quorum, members]: readonly [number, number],
    kind: FundingKind,
    length?: number,
  ) => {
    const terms = termsOf({ stakers, stakerQuorum: stakers, members, quorum });
    const params = paramsFor(terms);
    const { script } = stakingOutput(terms, params.network);
    const inputs = [{ outpoint: COIN.outpoint, sequence: FINAL_SEQUENCE }];
    const transaction = createTransaction(inputs, [{ script, value: 1_000_000n }]);
    const told = length === undefined ? {} : { signatureLength: length };
    const coin = fundingCoin(300_000n, kind);
    return buildExpansion({
      previous: { terms, params, staking: { transaction, outputIndex: 0 } },
      terms,
      params,
      value: 1_200_000n,
      coin: kind === "p2tr" ? { ...coin, ...told } : coin,
      changeScript: P2WPKH,
      feeRate: RATE,
      ...told,
    });
  };
  /** With every signature; the funding coin is signed by a P2TR wallet that does as the stakers do. */
  const finish = (built: Expansion, explicit: number): Transaction => {
    const transaction = withWitness(built, leafWitness(built.leaf, signed(built, explicit)));
    const [signature, ...key] = fundingWitness(built, walletSigned(built));
    const longest = key.length > 0 ? 72 : explicit > 0 ? 65 : 64;
    transaction.setWitness(1, [
      Uint8Array.of(...signature!, ...new Uint8Array(longest - signature!.length)),
      ...key,
    ]);
    return transaction;
  };

  it.each([
    [3, 5],
    [6, 9],
    [11, 20],
  ] as const)("suffices for the longest signatures, with a committee of %i of %i", (...committee) => {
    for (const stakers of STAKERS) {
      for (const kind of ["p2wpkh", "p2tr"] as const) {
        const built = expand(stakers, committee, kind);
        const largest = finish(built, stakers).virtualSize();
        expect(built.vsize).toBe(largest);
        expect(built.fee).toBe(applyRateUp(BigInt(largest), RATE));
        const above = built.vsize - finish(built, 0).virtualSize();
        expect(above).toBeLessThanOrEqual(stakers <= 7 ? 2 : Math.ceil((stakers + 1) / 4));
        for (const length of LENGTHS) {
          const told = expand(stakers, committee, kind, length);
          expect(told.vsize).toBe(finish(told, length === 65 ? stakers : 0).virtualSize());
        }
      }
    }
  });

  it("refuses a length that signatures do not have", () => {
    refusal("invalid-number", () => expand(1, [3, 5], "p2wpkh", 71));
  });
});

describe("the size that a stake's fee is computed from", () => {
  const finished = (owned: readonly OwnedCoin[], signing: Signing, built = stakeFrom(owned)) =>
    finishStaking(built, signedPsbt(built.psbt, owned, signing));
  /** With the longest signatures, and with the shortest that a signer can make them. */
  const LONGEST: Signing = { explicit: true, ecdsaLength: 72 };
  const SHORTEST: Signing = { explicit: false, ecdsaLength: 71 };
  const told = (owned: OwnedCoin, signatureLength: number): OwnedCoin => ({
    ...owned,
    coin: { ...owned.coin, signatureLength },
  });

  const anyCoins = fc
    .array(fc.constantFrom(...WALLETS), { minLength: 1, maxLength: 8 })
    .map((wallets) => wallets.map((wallet, i) => ownedCoin(wallet, 30_000n, i)));

  it("is never below the final size, and at most a virtual byte an input above", () => {
    fc.assert(
      fc.property(anyCoins, fc.boolean(), fc.boolean(), fc.boolean(), (owned, explicit, lowR, all) => {
        const value = all ? "all" : BigInt(owned.length) * 25_000n;
        const built = stakeFrom(owned, { value, changeScript: P2WPKH });
        const transaction = finished(owned, { explicit, ecdsaLength: lowR ? 71 : 72 }, built);
        const above = built.vsize - transaction.virtualSize();
        expect(above).toBeGreaterThanOrEqual(0);
        expect(above).toBeLessThanOrEqual(built.coins.length);
        const paid = built.coins.reduce((sum, coin) => sum + coin.value, 0n);
        expect(built.fee + built.value + built.change).toBe(paid);
        expect(built.fee).toBeGreaterThanOrEqual(2n * BigInt(transaction.virtualSize()));
      }),
      { numRuns: runs(60) },
    );
  });

  it.each(WALLETS)("is exact when signatures have their maximum length: %s", (wallet) => {
    const owned = [ownedCoin(wallet, 100_000n)];
    expect(finished(owned, LONGEST).virtualSize()).toBe(stakeFrom(owned).vsize);
  });

  it.each(WALLETS)("is exact when signatures have the length that their coin gives: %s", (wallet) => {
    const isTaproot = wallet.startsWith("P2TR");
    for (const [length, signing] of [
      [isTaproot ? 64 : 71, SHORTEST],
      [isTaproot ? 65 : 72, LONGEST],
    ] as const) {
      const owned = [told(ownedCoin(wallet, 100_000n), length)];
      expect(finished(owned, signing).virtualSize()).toBe(stakeFrom(owned).vsize);
    }
  });

  it.each([
    ["P2WSH", some([4, 5, 8, 12, 15], 1), 15, 71],
    ["P2TR leaf", some([4, 5, 8, 12, 16], 1), 16, 64],
  ] as const)(
    "suffices for many signatures, and is close when their coin gives their length: %s",
    (of, quorums, keys, short) => {
      for (const quorum of quorums) {
        const owned = [multisigCoin(of, quorum, keys)];
        const { vsize } = stakeFrom(owned);
        expect(finished(owned, LONGEST).virtualSize()).toBe(vsize);
        const smallest = finished(owned, SHORTEST).virtualSize();
        // Beyond four signatures the bound of a virtual byte an input needs the coin to say.
        expect(vsize - smallest).toBeLessThanOrEqual(quorum <= 4 ? 1 : Math.ceil(quorum / 4));
        if (quorum > 8) expect(vsize - smallest).toBeGreaterThan(1);
        const shorter = [told(owned[0]!, short)];
        expect(stakeFrom(shorter).vsize).toBe(smallest);
        const built = stakeFrom(shorter);
        expect(executes(finished(shorter, SHORTEST), 0, built.coins)).toBe(true);
      }
    },
  );

  it("is enforced: longer signatures than their coins give are refused where the fee would be too low for them", () => {
    const owned = [told(multisigCoin("P2WSH", 8, 15), 71)];
    const built = stakeFrom(owned);
    const { details } = refusal("size-above-estimate", () => finished(owned, LONGEST));
    expect(details).toEqual({ expected: built.vsize, got: built.vsize + 2 });
  });

  it.each<[Wallet, unknown[]]>([
    ["P2WPKH", [64, 65, 70, 73, 71.5, "71", null]],
    ["P2TR key", [63, 66, 71, 72]],
  ])("refuses a length that signatures of a %s coin do not have", (wallet, lengths) => {
    for (const length of lengths) {
      refusal("invalid-number", () => stakeFrom([told(ownedCoin(wallet, 100_000n), length as number)]));
    }
  });
});
