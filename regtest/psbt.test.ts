import { randomUUID } from "node:crypto";
import { createBase58check } from "@scure/base";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Rpc } from "../src/chain/index.js";
import { applyRateUp, parseRate } from "../src/core/amount.js";
import { concatBytes, hex } from "../src/core/bytes.js";
import { sha256 } from "../src/core/hashes.js";
import { type Delegation, stakeCoin, unbondedCoin, unbondingSpend } from "../src/delegation/delegation.js";
import { scriptOfAddress } from "../src/script/address.js";
import { stakingOutput, unbondingOutput } from "../src/script/outputs.js";
import { signaturesFromPsbt, spendPsbt } from "../src/tx/psbt.js";
import { finishSpend } from "../src/tx/spend.js";
import { buildStaking, finishStaking } from "../src/tx/staking.js";
import { parseTransaction, type StakeCoin } from "../src/tx/transaction.js";
import { buildWithdrawal, type Withdrawable, type Withdrawal } from "../src/tx/withdrawal.js";
import { type Troupe, troupeOf } from "../test/support/troupe.js";
import { expectTooEarly } from "../test/support/verdicts.js";
import { coSign, mineToOneBlockEarly, type Party, type RegtestNode, stakeMany, startNode } from "./index.js";

const UNBONDING_TIME = 18;
const TIMELOCK = 30;
const VALUE = 300_000n;

let node: RegtestNode;
beforeAll(async () => {
  node = await startNode();
});
afterAll(() => node?.stop());

describe("a wallet that knows nothing of staking funds a stake from P2WPKH and P2TR coins", () => {
  const troupe = troupeOf("funding", { stakers: [1, 1], providers: 1, committee: [2, 3] }, UNBONDING_TIME);

  test.each([
    ["1", true],
    ["2.5", true],
    ["11.37", false],
    ["100", false],
  ])("at %s satoshi per virtual byte, finalising: %s", async (rate, finalise) => {
    const feeRate = parseRate(rate);
    const types = ["bech32", "bech32m", "bech32", "bech32m", "bech32"] as const;
    const payments = await Promise.all(
      types.map(async (type, i) => ({
        to: await node.rpc.getnewaddress(type),
        satoshi: 60_000n + BigInt(i),
      })),
    );
    const coins = (await node.fundMany(payments)).map(({ txid, vout, value, script }) => ({
      outpoint: { hash: hex.decode(txid).toReversed(), index: vout },
      value,
      script,
    }));
    const changeScript = scriptOfAddress(await node.rpc.getnewaddress("bech32m"), "regtest");
    const staking = buildStaking({
      terms: troupe.terms(TIMELOCK),
      params: troupe.params,
      value: 125_000n,
      coins,
      changeScript,
      feeRate,
    });
    expect(new Set(staking.coins.map(({ script }) => script.length))).toEqual(new Set([22, 34]));

    const signed = await node.rpc.call<{ psbt: string }>(
      "walletprocesspsbt",
      staking.psbt.toBase64(),
      true,
      "DEFAULT",
      true,
      finalise,
    );
    const transaction = finishStaking(staking, signed.psbt);
    const txid = await node.send(transaction.toBuffer());
    const { fee, vsize } = await node.rpc.getmempoolentry(txid);
    expect(fee).toBe(staking.fee);
    expect(vsize).toBe(transaction.virtualSize());
    // Never below what was asked, and above it by no more than signatures that came out a byte shorter.
    expect(fee).toBeGreaterThanOrEqual(applyRateUp(BigInt(vsize), feeRate));
    expect(fee).toBeLessThanOrEqual(applyRateUp(BigInt(vsize) + 1n, feeRate));
    await node.mine();
  });
});

describe("a staker's key in a wallet of bitcoind that knows only descriptors", () => {
  const troupe = troupeOf("wallet", { stakers: [1, 1], providers: 2, committee: [3, 5] }, UNBONDING_TIME);
  let wallet: Rpc;
  let unbonding: Delegation, complete: Delegation, bare: Delegation, left: Delegation;

  beforeAll(async () => {
    const opened = await stakes(troupe, 4);
    [unbonding, complete, bare, left] = opened as [Delegation, Delegation, Delegation, Delegation];
    wallet = await walletOf(troupe.stakers[0]!, [unbonding, complete, bare, left]);
  });

  test("signs its part of the unbonding; the committee's signatures complete it", async () => {
    const spend = unbondingSpend(unbonding);
    const { psbt, complete: done } = await wallet.walletprocesspsbt(spendPsbt(spend).toBase64());
    expect(done).toBe(false);
    const own = signaturesFromPsbt(spend, psbt);
    expect(own.map(({ publicKey }) => publicKey)).toEqual([troupe.stakers[0]!.publicKey]);
    const transaction = finishSpend(spend, [...own, ...unbonding.unbonding.covenantSignatures]);
    await node.send(transaction.toBuffer());
  });

  test("completes and finalises an unbonding that has the committee's signatures", async () => {
    const spend = unbondingSpend(complete);
    const { covenantSignatures } = complete.unbonding;
    const {
      psbt,
      complete: done,
      hex: raw,
    } = await wallet.walletprocesspsbt(spendPsbt(spend, covenantSignatures).toBase64());
    expect(done).toBe(true);
    expect(signaturesFromPsbt(spend, psbt)).toHaveLength(1 + covenantSignatures.length);
    const ours = finishSpend(spend, signaturesFromPsbt(spend, psbt));
    expect(hex.encode(ours.toBuffer())).toBe(raw);
    await node.send(raw!);
  });

  test("is not even needed as a descriptor: key and PSBT are enough", async () => {
    const spend = unbondingSpend(bare);
    const { psbt } = await node.rpc.call<{ psbt: string }>(
      "descriptorprocesspsbt",
      spendPsbt(spend).toBase64(),
      [await checksummed(`tr(${wifOf(troupe.stakers[0]!)})`)],
    );
    const own = signaturesFromPsbt(spend, psbt);
    expect(own).toHaveLength(1);
    const transaction = finishSpend(spend, [...own, ...bare.unbonding.covenantSignatures]);
    await node.send(transaction.toBuffer());
    await node.mine();
  });

  test("signs and finalises withdrawals once the lock has run out, at exactly the fee rate", async () => {
    await expectWithdrawn("unbonding", unbonding, unbondedCoin(unbonding), [wallet]);
    await expectWithdrawn("staking", left, stakeCoin(left), [wallet]);
  });
});

describe("two of three stakers, each with a wallet of their own", () => {
  const troupe = troupeOf("wallets", { stakers: [2, 3], providers: 1, committee: [6, 9] }, UNBONDING_TIME);
  let wallets: [Rpc, Rpc];
  let unbonding: Delegation, left: Delegation;

  beforeAll(async () => {
    [unbonding, left] = (await stakes(troupe, 2)) as [Delegation, Delegation];
    const [first, , third] = troupe.stakers as [Party, Party, Party];
    wallets = [await walletOf(first, [unbonding, left]), await walletOf(third, [unbonding, left])];
  });

  test("sign one unbonding apart", async () => {
    const spend = unbondingSpend(unbonding);
    const unsigned = spendPsbt(spend).toBase64();
    const returned = await Promise.all(wallets.map((wallet) => wallet.walletprocesspsbt(unsigned)));
    const own = returned.flatMap(({ psbt }) => signaturesFromPsbt(spend, psbt));
    expect(own).toHaveLength(2);
    const transaction = finishSpend(spend, [...own, ...unbonding.unbonding.covenantSignatures]);
    await node.send(transaction.toBuffer());
    await node.mine();
  });

  test("sign withdrawals one after the other, at exactly the fee rate", async () => {
    await expectWithdrawn("unbonding", unbonding, unbondedCoin(unbonding), wallets);
    await expectWithdrawn("staking", left, stakeCoin(left), wallets);
  });
});

/** That wallets complete a withdrawal by passing its PSBT on, and that the node takes it, but not a block early. */
async function expectWithdrawn(
  from: Withdrawable,
  { terms, params }: Delegation,
  coin: StakeCoin,
  wallets: readonly Rpc[],
): Promise<void> {
  const feeRate = parseRate("3.3");
  const destination = scriptOfAddress(await node.rpc.getnewaddress(), "regtest");
  const built: Withdrawal = buildWithdrawal({ terms, params, from, coin, destination, feeRate });
  let psbt = built.psbt.toBase64();
  let raw: string | undefined;
  for (const wallet of wallets) ({ psbt, hex: raw } = await wallet.walletprocesspsbt(psbt));
  const transaction = parseTransaction(hex.decode(raw!));
  expect(signaturesFromPsbt(built, psbt)).toHaveLength(wallets.length);

  await mineToOneBlockEarly(node, coin, built.timelock);
  await expectTooEarly(node, transaction);
  await node.mine();
  const verdict = await node.accepts(transaction.toBuffer());
  expect(verdict).toMatchObject({ allowed: true, fee: built.fee });
  expect(built.fee).toBe(applyRateUp(BigInt(verdict.vsize!), feeRate));
  await node.mineTransactions([transaction.toBuffer()]);
}

/** Stakes that the committee has co-signed, each with its own time lock. */
async function stakes(troupe: Troupe, count: number): Promise<Delegation[]> {
  const requests = Array.from({ length: count }, (_, i) => ({
    terms: troupe.terms(TIMELOCK + i),
    params: troupe.params,
    value: VALUE,
    stakers: troupe.stakers,
  }));
  const members = troupe.committee.slice(0, troupe.params.covenant.quorum);
  return Promise.all((await stakeMany(node, requests)).map((delegation) => coSign(delegation, members)));
}

/** A blank wallet with the outputs of these stakes, and the secret of one of their stakers. */
async function walletOf(owner: Party, delegations: readonly Delegation[]): Promise<Rpc> {
  const name = randomUUID();
  await node.rpc.call("createwallet", name, false, true);
  const wallet = node.rpc.wallet(name);
  const outputs = delegations.flatMap(({ terms, params }) => [
    stakingOutput(terms, "regtest"),
    unbondingOutput(terms, params.unbondingTime, "regtest"),
  ]);
  const descriptors = new Set(outputs.map(({ descriptor }) => descriptor));
  const requests = await Promise.all(
    [...descriptors].map(async (descriptor) => ({
      desc: await checksummed(withSecret(descriptor, owner)),
      timestamp: "now" as const,
    })),
  );
  const results = await wallet.importdescriptors(requests);
  expect(results.map(({ success }) => success)).toEqual(requests.map(() => true));
  return wallet;
}

/** The descriptor, as yet without checksum, with someone's secret in place of their key. */
function withSecret(descriptor: string, owner: Party): string {
  const [text] = descriptor.split("#") as [string];
  return text.replaceAll(hex.encode(owner.publicKey), wifOf(owner));
}

async function checksummed(descriptor: string): Promise<string> {
  return `${descriptor}#${(await node.rpc.getdescriptorinfo(descriptor)).checksum}`;
}

/** A secret as wallets import it: of a test network, for a compressed key. */
function wifOf({ secretKey }: Party): string {
  return createBase58check(sha256).encode(concatBytes(Uint8Array.of(0xef), secretKey, Uint8Array.of(1)));
}
