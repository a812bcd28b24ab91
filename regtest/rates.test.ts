import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { applyRateUp, parseRate, type Rate } from "../src/core/amount.js";
import type { Transaction } from "../src/core/bitcoin.js";
import {
  createDelegation,
  type Delegation,
  finishUnbonding,
  signSlashings,
  signUnbonding,
  stakeCoin,
  unbondedCoin,
} from "../src/delegation/delegation.js";
import { finishExpansion, signExpansion } from "../src/delegation/expansion.js";
import { finishSlashing } from "../src/extract/slashing.js";
import { scriptOfAddress } from "../src/script/address.js";
import type { Coin } from "../src/tx/coin.js";
import { buildExpansion } from "../src/tx/expansion.js";
import { keySigner } from "../src/tx/signer.js";
import { finishSpend, signLeaf } from "../src/tx/spend.js";
import { buildStaking, finishStaking } from "../src/tx/staking.js";
import { parseOutpoint, type StakeCoin } from "../src/tx/transaction.js";
import { buildWithdrawal, type Withdrawable } from "../src/tx/withdrawal.js";
import { type Shape, troupeOf } from "../test/support/troupe.js";
import {
  coSign,
  mineToOneBlockEarly,
  refundCoin,
  type RegtestNode,
  sendAndMine,
  startNode,
} from "./index.js";

const STAKERS = [
  { stakers: [1, 1], providers: 1, committee: [3, 5] },
  { stakers: [2, 3], providers: 3, committee: [6, 9] },
] as const satisfies readonly Shape[];
/** Satoshi per virtual byte. */
const RATES = ["1", "1.001", "7.77", "10", "123.4"];
const CASES = STAKERS.flatMap((shape) => RATES.map((rate) => ({ shape, rate })));

const VALUE = 400_000n;
const TIMELOCK = 20;
const UNBONDING_TIME = 5;

let node: RegtestNode;
beforeAll(async () => {
  node = await startNode({ corePolicy: true });
});
afterAll(() => node?.stop());

/**
 * That the mempool takes the transaction, by the node's own size: at the rate that was asked, and above it by no more
 * than a virtual byte for each input.
 */
async function expectAtRate(what: string, transaction: Transaction, fee: bigint, rate: Rate): Promise<void> {
  const { vsize } = await expectStandard(what, transaction, fee);
  expect(fee, what).toBeGreaterThanOrEqual(applyRateUp(BigInt(vsize), rate));
  expect(fee, what).toBeLessThanOrEqual(applyRateUp(BigInt(vsize + transaction.ins.length), rate));
}

/** That the mempool takes the transaction and finds exactly this fee, which relays. */
async function expectStandard(what: string, transaction: Transaction, fee: bigint) {
  const verdict = await node.accepts(transaction.toBuffer());
  expect({ what, ...verdict }).toMatchObject({ what, allowed: true, reason: null, fee });
  expect(Number(fee), what).toBeGreaterThanOrEqual(verdict.vsize!);
  return { vsize: verdict.vsize! };
}

describe.each(CASES)(
  "$shape.stakers.0 of $shape.stakers.1 stakers at $rate sat/vB",
  ({ shape, rate: text }) => {
    test("every transaction of a stake is standard, at the rate asked or the fee fixed", async () => {
      const troupe = troupeOf(`rates ${text} ${shape.providers}`, shape, UNBONDING_TIME);
      const { params } = troupe;
      const terms = troupe.terms(TIMELOCK);
      const feeRate = parseRate(text, 3);
      const signing = troupe.stakers.slice(0, shape.stakers[0]).map(({ secretKey }) => keySigner(secretKey));
      const members = troupe.committee.slice(0, shape.committee[0]);
      const home = async () => scriptOfAddress(await node.rpc.getnewaddress(), "regtest");

      const coin = async (value: bigint, type: "bech32" | "bech32m"): Promise<Coin> => {
        const { txid, vout, script } = await node.fund(await node.rpc.getnewaddress(type), value);
        // The wallet must not spend it for the next.
        await node.rpc.call("lockunspent", false, [{ txid, vout }]);
        return { outpoint: parseOutpoint(`${txid}:${vout}`), value, script };
      };
      const signedInAdvance = async (unsigned: Delegation): Promise<Delegation> => {
        let delegation = unsigned;
        for (const signer of signing) delegation = await signSlashings(delegation, signer);
        delegation = await coSign(delegation, members);
        for (const signer of signing) delegation = await signUnbonding(delegation, signer);
        return delegation;
      };
      const expectWithdrawal = async (of: Delegation, from: Withdrawable, spent: StakeCoin) => {
        const request = { terms: of.terms, params, from, coin: spent, destination: await home(), feeRate };
        const built = buildWithdrawal(request);
        const signatures = await Promise.all(signing.map((signer) => signLeaf(built, signer)));
        await mineToOneBlockEarly(node, spent, built.timelock);
        await node.mine();
        await expectAtRate(`withdrawal from ${from}`, finishSpend(built, signatures), built.fee, feeRate);
      };

      const coins = [await coin(VALUE / 2n, "bech32"), await coin(VALUE, "bech32m")];
      const staking = buildStaking({
        terms,
        params,
        value: VALUE,
        coins,
        changeScript: await home(),
        feeRate,
      });
      expect(staking.coins).toHaveLength(2);
      const funded = await node.rpc.walletprocesspsbt(staking.psbt.toBase64());
      const stakingTransaction = finishStaking(staking, funded.psbt);
      await expectAtRate("staking", stakingTransaction, staking.fee, feeRate);
      await sendAndMine(node, stakingTransaction);

      const delegation = await signedInAdvance(createDelegation(terms, params, stakingTransaction));
      const unbonding = finishUnbonding(delegation);
      const slashed = (from: "staking" | "unbonding") =>
        finishSlashing(delegation, from, troupe.providers.at(-1)!.secretKey);
      const { minFee } = params.slashing!;
      await expectStandard("unbonding", unbonding, params.unbondingFee);
      await expectStandard("slashing of the stake", slashed("staking"), minFee);

      const longer = { ...terms, timelock: TIMELOCK + 1 };
      const more = await coin(200_000n, "bech32");
      const expansion = buildExpansion({
        previous: delegation,
        terms: longer,
        params,
        value: VALUE + 50_000n,
        coin: more,
        changeScript: await home(),
        feeRate,
      });
      let expanded = await signedInAdvance(
        createDelegation(longer, params, expansion.transaction, expansion),
      );
      for (const signer of signing) expanded = await signExpansion(expanded, signer);
      const owned = await node.rpc.walletprocesspsbt(expansion.psbt.toBase64());
      await expectAtRate("expansion", finishExpansion(expanded, owned.psbt), expansion.fee, feeRate);

      await expectWithdrawal(delegation, "staking", stakeCoin(delegation));
      await sendAndMine(node, unbonding);
      await expectStandard("slashing of what unbonds", slashed("unbonding"), minFee);
      await expectWithdrawal(delegation, "unbonding", unbondedCoin(delegation));
      await sendAndMine(node, slashed("unbonding"));
      await expectWithdrawal(delegation, "refund", refundCoin(slashed("unbonding")));
    });
  },
);
