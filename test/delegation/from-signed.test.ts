import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../src/core/errors.js";
import { type SignedStake, delegationFromSigned } from "../../src/delegation/psbt.js";
import { Psbt } from "../../src/psbt/psbt.js";
import { finishStaking, type Staking, buildStaking } from "../../src/stake/staking.js";
import { type OwnedCoin, ownedCoin, signedPsbt, type Wallet } from "../support/coins.js";
import { feeRate } from "../support/lives.js";
import { refusal } from "../support/refusal.js";
import { makeStake, nobodysScript } from "../support/stake.js";

const { terms, params } = makeStake({ seed: "signed" });

interface Signed {
  readonly owned: readonly OwnedCoin[];
  readonly staking: Staking;
  readonly psbt: Psbt;
}

/** A stake that coins of these wallets pay, of 60,000 satoshi each, signed by all of them. */
function signed(wallets: readonly Wallet[], of = { terms, params }): Signed {
  const owned = wallets.map((wallet, i) => ownedCoin(wallet, 60_000n, i));
  const coins = owned.map(({ coin }) => coin);
  const change = { value: 70_000n, changeScript: nobodysScript() };
  const staking = buildStaking({ ...of, ...change, coins, feeRate: feeRate("2") });
  return { owned, staking, psbt: signedPsbt(staking.psbt, owned) };
}

const made = signed(["P2PKH", "P2WPKH"]);

/** The signed PSBT with something changed in it. */
function changed(alter: (psbt: Psbt) => void, from = made.psbt): Psbt {
  const psbt = Psbt.fromBuffer(from.toBuffer());
  alter(psbt);
  return psbt;
}

describe("the delegation of a signed PSBT", () => {
  it.each<[Wallet[], boolean]>([
    [["P2PKH", "P2WPKH"], false],
    [["P2TR key", "P2WSH 2-of-3"], false],
    [["P2PKH", "P2PKH"], true],
  ])("of coins %j has the final txid and no witnesses; it can be sent: %s", (wallets, sendable) => {
    const { staking, psbt } = signed(wallets);
    const final = finishStaking(staking, psbt);
    const result: SignedStake = delegationFromSigned(terms, params, psbt.toBase64(), staking.psbt);
    const { transaction } = result.delegation.staking;
    expect(transaction.getId()).toBe(final.getId());
    for (const { witness } of transaction.ins) expect(witness).toEqual([]);
    const { fee } = staking;
    expect(result).toMatchObject({ fee, vsize: final.virtualSize(), sendable });
    expect(delegationFromSigned(terms, params, psbt)).toEqual(result);
  });

  it.each<[string, ErrorCode, () => unknown]>([
    [
      "whose transaction signing altered",
      "psbt-mismatch",
      () => delegationFromSigned(terms, params, made.psbt, signed(["P2WPKH", "P2PKH"]).staking.psbt),
    ],
    ["that is not signed", "missing-signature", () => delegationFromSigned(terms, params, made.staking.psbt)],
    ["that is not one", "invalid-psbt", () => delegationFromSigned(terms, params, "AAAA")],
    [
      "whose signature does not hold",
      "invalid-signature",
      () =>
        delegationFromSigned(
          terms,
          params,
          changed((psbt) => {
            psbt.data.inputs[0]!.partialSig![0]!.signature = psbt.data.inputs[1]!.partialSig![0]!.signature;
          }),
        ),
    ],
    [
      "that does not say what a coin is worth",
      "invalid-psbt",
      () =>
        delegationFromSigned(
          terms,
          params,
          changed((psbt) => {
            for (const input of psbt.data.inputs) {
              delete input.nonWitnessUtxo;
              delete input.witnessUtxo;
            }
          }),
        ),
    ],
    [
      "that stakes nothing by these terms",
      "output-not-found",
      () => delegationFromSigned({ ...terms, timelock: terms.timelock + 1 }, params, made.psbt),
    ],
    [
      "that stakes less than the parameters allow",
      "staking-value-out-of-range",
      () => delegationFromSigned(terms, { ...params, minValue: 70_001n }, made.psbt),
    ],
    [
      "that stakes more than the parameters allow",
      "staking-value-out-of-range",
      () => delegationFromSigned(terms, { ...params, maxValue: 69_999n }, made.psbt),
    ],
  ])("is refused from a PSBT %s: %s", (_what, code, make) => {
    refusal(code, make);
  });
});
