import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scriptOfAddress } from "../src/bitcoin/address.js";
import { Transaction } from "../src/bitcoin/transaction-class.js";
import { parseOutpoint, type UnspentOutput } from "../src/bitcoin/transaction.js";
import { applyRateUp, parseRate, type Rate } from "../src/core/amount.js";
import { schnorr } from "../src/crypto/schnorr.js";
import { createDelegation, type Delegation, stakeCoin, unbondedCoin } from "../src/delegation/delegation.js";
import {
  finishExpansion,
  finishUnbonding,
  signExpansion,
  signSlashings,
  signUnbonding,
} from "../src/delegation/sign.js";
import { finishSlashing } from "../src/extract/slashing.js";
import type { Coin } from "../src/funding/coin.js";
import { mainnetPhase1 } from "../src/params/data/mainnet.js";
import type { ProtocolParams } from "../src/params/types.js";
import type { StakeTerms } from "../src/script/terms.js";
import {
  finishSpend,
  keySigner,
  leafSighash,
  type LeafSignature,
  type LeafSpend,
  signLeaf,
} from "../src/spending/spend.js";
import { buildExpansion } from "../src/stake/expansion.js";
import { buildStaking, finishStaking } from "../src/stake/staking.js";
import { buildWithdrawal, type Withdrawable } from "../src/stake/withdrawal.js";
import { participantsOf, type Shape } from "../test/support/participants.js";
import { some } from "../test/support/runs.js";
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
/** So many that the lengths of their signatures differ by more than a virtual byte. */
const MANY = [
  { stakers: [8, 8], providers: 1, committee: [6, 9] },
  { stakers: [20, 20], providers: 1, committee: [3, 5] },
] as const satisfies readonly Shape[];
/** Fee rates in sat/vB. */
const RATES = ["1", "1.001", "7.77", "10", "123.4"];
const ALL: readonly { shape: Shape; rate: string }[] = [
  ...STAKERS.flatMap((shape) => RATES.map((rate) => ({ shape, rate }))),
  ...MANY.map((shape) => ({ shape, rate: "1" })),
];
const CASES = some(ALL, 1);

const VALUE = 400_000n;
const TIMELOCK = 20;
const UNBONDING_TIME = 5;

let node: RegtestNode;
beforeAll(async () => {
  node = await startNode({ corePolicy: true });
});
afterAll(() => node?.stop());

interface Reckoned {
  readonly fee: bigint;
  readonly vsize: number;
}

/**
 * The mempool accepts the transaction, which pays exactly the rate for its estimated size. By the node's own count,
 * this is the size with the longest signatures. With shorter ones the estimate is larger by at most a virtual byte for
 * each input, and one for each four signatures beyond four in one input.
 */
async function expectAtRate(
  what: string,
  transaction: Transaction,
  { fee, vsize }: Reckoned,
  rate: Rate,
  { longest = false, signers = 1 } = {},
): Promise<void> {
  expect(fee, what).toBe(applyRateUp(BigInt(vsize), rate));
  const real = await expectStandard(what, transaction, fee);
  expect(vsize - real, what).toBeGreaterThanOrEqual(0);
  const unknown = Math.max(0, Math.ceil(signers / 4) - 1);
  expect(vsize - real, what).toBeLessThanOrEqual(longest ? 0 : transaction.ins.length + unknown);
}

/** The mempool accepts the transaction, finds exactly this fee, and relays it. Returns its virtual size. */
async function expectStandard(what: string, transaction: Transaction, fee: bigint): Promise<number> {
  const verdict = await node.accepts(transaction.toBuffer());
  expect({ what, ...verdict }).toMatchObject({ what, allowed: true, reason: null, fee });
  expect(Number(fee), what).toBeGreaterThanOrEqual(verdict.vsize!);
  return verdict.vsize!;
}

const home = async () => scriptOfAddress(await node.rpc.getnewaddress(), "regtest");

async function coinOf(value: bigint, type: "bech32" | "bech32m"): Promise<Coin> {
  const { txid, vout, script } = await node.fund(await node.rpc.getnewaddress(type), value);
  return { outpoint: parseOutpoint(`${txid}:${vout}`), value, script };
}

/** A stake of two coins, signed by the node's wallet. */
async function stakeAt(rate: Rate, terms: StakeTerms, params: ProtocolParams): Promise<Transaction> {
  const staking = buildStaking({
    terms,
    params,
    value: VALUE,
    coins: [await coinOf(VALUE / 2n, "bech32"), await coinOf(VALUE, "bech32m")],
    changeScript: await home(),
    feeRate: rate,
  });
  expect(staking.coins).toHaveLength(2);
  const { psbt } = await node.rpc.walletprocesspsbt(staking.psbt.toBase64());
  const transaction = finishStaking(staking, psbt);
  await expectAtRate("staking", transaction, staking, rate);
  return transaction;
}

/** A signature with its hash type, as some wallets write it: 65 bytes. */
function explicitly(spend: LeafSpend, secretKey: Uint8Array): LeafSignature {
  const signature = schnorr.sign(secretKey, leafSighash(spend, Transaction.SIGHASH_ALL));
  const publicKey = keySigner(secretKey).publicKey;
  return { publicKey, signature: Uint8Array.of(...signature, Transaction.SIGHASH_ALL) };
}

describe.each(CASES)(
  "$shape.stakers.0 of $shape.stakers.1 stakers at $rate sat/vB",
  ({ shape, rate: text }) => {
    test("every transaction of a stake is standard, at the given rate or the fixed fee", async () => {
      const participants = participantsOf(`rates ${text} ${shape.committee[1]}`, shape, UNBONDING_TIME);
      const { params } = participants;
      const terms = participants.terms(TIMELOCK);
      const feeRate = parseRate(text, 3);
      const secrets = participants.stakers.slice(0, shape.stakers[0]).map(({ secretKey }) => secretKey);
      const signing = secrets.map(keySigner);
      const signers = secrets.length;
      const members = participants.committee.slice(0, shape.committee[0]);

      const signedInAdvance = async (unsigned: Delegation): Promise<Delegation> => {
        let delegation = unsigned;
        for (const signer of signing) delegation = await signSlashings(delegation, signer);
        delegation = await coSign(delegation, members);
        for (const signer of signing) delegation = await signUnbonding(delegation, signer);
        return delegation;
      };
      const staked = async () => {
        const transaction = await stakeAt(feeRate, terms, params);
        await sendAndMine(node, transaction);
        return signedInAdvance(createDelegation(terms, params, transaction));
      };
      const expectWithdrawal = async (from: Withdrawable, coin: UnspentOutput) => {
        const request = { terms, params, from, coin, destination: await home(), feeRate };
        const built = buildWithdrawal(request);
        await mineToOneBlockEarly(node, coin, built.timelock);
        await node.mine();
        const usual = await Promise.all(signing.map((signer) => signLeaf(built, signer)));
        const longest = secrets.map((secret) => explicitly(built, secret));
        const what = `withdrawal from ${from}`;
        await expectAtRate(what, finishSpend(built, usual), built, feeRate, { signers });
        await expectAtRate(what, finishSpend(built, longest), built, feeRate, { longest: true });
        const told = buildWithdrawal({ ...request, signatureLength: 64 });
        const exact = await Promise.all(signing.map((signer) => signLeaf(told, signer)));
        await expectAtRate(what, finishSpend(told, exact), told, feeRate, { longest: true });
      };

      const delegation = await staked();
      const unbonding = finishUnbonding(delegation);
      const slashed = (from: "staking" | "unbonding", of = delegation) =>
        finishSlashing(of, from, participants.providers.at(-1)!.secretKey);
      const { minFee } = params.slashing!;
      await expectStandard("unbonding", unbonding, params.unbondingFee);
      await expectStandard("slashing of the stake", slashed("staking"), minFee);

      const longer = { ...terms, timelock: TIMELOCK + 1 };
      const expansion = buildExpansion({
        previous: delegation,
        terms: longer,
        params,
        value: VALUE + 50_000n,
        coin: await coinOf(200_000n, "bech32"),
        changeScript: await home(),
        feeRate,
      });
      let expanded = await signedInAdvance(
        createDelegation(longer, params, expansion.transaction, expansion),
      );
      for (const signer of signing) expanded = await signExpansion(expanded, signer);
      const owned = await node.rpc.walletprocesspsbt(expansion.psbt.toBase64());
      const byAll = finishExpansion(expanded, owned.psbt, expansion);
      await expectAtRate("expansion", byAll, expansion, feeRate, { signers });
      const stakerSignatures = secrets.map((secret) => explicitly(expansion, secret));
      const explicit = { ...expanded, expansion: { ...expanded.expansion!, stakerSignatures } };
      const largest = finishExpansion(explicit, owned.psbt, expansion);
      // Except the coin's own signature, which the wallet makes.
      await expectAtRate("expansion", largest, expansion, feeRate);

      await expectWithdrawal("staking", stakeCoin(delegation));
      await sendAndMine(node, unbonding);
      await expectStandard("slashing of what unbonds", slashed("unbonding"), minFee);
      await expectWithdrawal("unbonding", unbondedCoin(delegation));
      await sendAndMine(node, slashed("unbonding"));
      await expectWithdrawal("refund", refundCoin(slashed("unbonding")));

      const direct = slashed("staking", await staked());
      await sendAndMine(node, direct);
      await expectWithdrawal("refund", refundCoin(direct));
    });
  },
);

test.each(some(RATES, 1))(
  "a stake of phase 1: is standard, OP_RETURN included, at %s sat/vB",
  async (text) => {
    const participants = participantsOf(`phase 1 ${text}`, STAKERS[0], UNBONDING_TIME);
    const { slashing: _, ...params } = participants.params;
    const { phase1 } = mainnetPhase1.versions[0]!;
    const terms = participants.terms(TIMELOCK);
    const transaction = await stakeAt(parseRate(text, 3), terms, { ...params, phase1: phase1! });
    expect(transaction.outs[1]!.script).toHaveLength(73);
    await sendAndMine(node, transaction);
  },
);
