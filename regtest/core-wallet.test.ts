import { randomUUID } from "node:crypto";
import { createBase58check } from "@scure/base";
import { HDKey } from "@scure/bip32";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scriptOfAddress } from "../src/bitcoin/address.js";
import {
  formatOutpoint,
  parseOutpoint,
  parseTransaction,
  type UnspentOutput,
} from "../src/bitcoin/transaction.js";
import type { Rpc } from "../src/chain/index.js";
import { applyRateUp, parseRate } from "../src/core/amount.js";
import { concatBytes, hex, u64be, utf8 } from "../src/core/bytes.js";
import { sha256 } from "../src/core/hashes.js";
import { checkDelegation } from "../src/delegation/check.js";
import { createDelegation, type Delegation, stakeCoin, unbondedCoin } from "../src/delegation/delegation.js";
import { addStakerPsbts, stakerPsbts } from "../src/delegation/psbt.js";
import { finishUnbonding } from "../src/delegation/sign.js";
import { slashingSpend, unbondingSpend } from "../src/delegation/spends.js";
import { finishSlashing } from "../src/extract/slashing.js";
import { regtest } from "../src/params/data/regtest.js";
import { signaturesFromPsbt, signaturesFromPsbts } from "../src/psbt/signatures.js";
import { spendPsbt } from "../src/psbt/write.js";
import { importableDescriptor, parseDescriptor } from "../src/script/descriptor-parse.js";
import { parseKeyOrigin } from "../src/script/key-expression.js";
import type { KeyOrigin } from "../src/script/key-origin.js";
import { slashingChangeOutput, stakingOutput, unbondingOutput } from "../src/script/outputs.js";
import type { StakeTerms } from "../src/script/terms.js";
import { finishSpend } from "../src/spending/spend.js";
import { decodeStaking } from "../src/stake/decode.js";
import { buildStaking, finishStaking } from "../src/stake/staking.js";
import { buildWithdrawal, type Withdrawable } from "../src/stake/withdrawal.js";
import { type Participants, participantsOf } from "../test/support/participants.js";
import { expectTooEarly } from "../test/support/verdicts.js";
import {
  coSign,
  mineToOneBlockEarly,
  type Party,
  refundCoin,
  type RegtestNode,
  sendAndMine,
  stakeMany,
  startNode,
} from "./index.js";

/** Bitcoin Core's wallet, which has never heard of staking, as the one that signs for the stakers. */

const UNBONDING_TIME = 12;
const TIMELOCK = 25;
const VALUE = 300_000n;

let node: RegtestNode;
beforeAll(async () => {
  node = await startNode();
});
afterAll(() => node?.stop());

describe("a bitcoind wallet with an extended key that imported a stake's descriptors", () => {
  const participants = participantsOf(
    "core",
    { stakers: [1, 1], providers: 1, committee: [2, 3] },
    UNBONDING_TIME,
  );
  const owner = extendedKey("core staker");
  const { params } = participants;
  const termsOf = (timelock: number): StakeTerms => ({
    ...participants.terms(timelock),
    staker: owner.publicKey,
  });
  const [built, funded, slashed, unbondingSlashed] = [0, 75, 1, 2].map((more) =>
    termsOf(TIMELOCK + more),
  ) as [StakeTerms, StakeTerms, StakeTerms, StakeTerms];
  let wallet: Rpc;
  const delegations = new Map<StakeTerms, Delegation>();
  const delegationOf = (terms: StakeTerms) => delegations.get(terms)!;
  /** The wallet takes a stake for a coin like any other, and would try to fund the next one with it. */
  const keep = async (terms: StakeTerms, delegation: Delegation) => {
    delegations.set(terms, delegation);
    const [txid, vout] = formatOutpoint(stakeCoin(delegation).outpoint).split(":");
    await wallet.call("lockunspent", false, [{ txid, vout: Number(vout) }]);
  };

  beforeAll(async () => {
    wallet = await newWallet();
    await node.fundMany(
      await Promise.all(
        (["bech32", "bech32m", "bech32", "bech32m"] as const).map(async (type) => ({
          to: await wallet.getnewaddress(type),
          satoshi: 700_000n,
        })),
      ),
    );
    const descriptors = [built, funded, slashed, unbondingSlashed].flatMap((terms) =>
      outputsOf(terms).map(({ descriptor }) => descriptor),
    );
    await importAll(wallet, descriptors, owner.expression);
  });

  test("recognises each output as its own and solvable, under the same address", async () => {
    for (const { address, descriptor } of outputsOf(built)) {
      const info = await wallet.call<{ ismine: boolean; solvable: boolean; parent_desc: string }>(
        "getaddressinfo",
        address,
      );
      expect(info).toMatchObject({ ismine: true, solvable: true });
      expect(await node.deriveAddress(importableDescriptor(descriptor, [owner.expression]))).toBe(address);
    }
  });

  test("returns descriptors that name its key by its origin, which are read as derivations", async () => {
    const { descriptors } = await wallet.call<{ descriptors: { desc: string }[] }>("listdescriptors");
    const { descriptor, script } = stakingOutput(built, "regtest");
    const address = await node.deriveAddress(descriptor);
    expect(descriptors.length).toBeGreaterThan(outputsOf(built).length);
    const { desc } = await wallet.call<{ desc: string }>("getaddressinfo", address);
    const read = parseDescriptor(desc);
    expect(read.kind).toBe("staking");
    // Of keys without an origin it says that they are their own master.
    expect(read.derivations).toContainEqual(owner.derivation);
    expect(read.kind === "staking" && stakingOutput(read.terms, "regtest").script).toEqual(script);
  });

  test("funds and signs a stake that buildStaking made from its coins", async () => {
    const unspent = (await wallet.listunspent()).slice(0, 2);
    const coins = unspent.map(({ txid, vout, value, scriptPubKey }) => ({
      outpoint: parseOutpoint(`${txid}:${vout}`),
      value,
      script: hex.decode(scriptPubKey),
    }));
    const changeScript = scriptOfAddress(await wallet.getnewaddress("bech32m"), "regtest");
    const feeRate = parseRate("3");
    const staking = buildStaking({ terms: built, params, value: VALUE, coins, changeScript, feeRate });
    const { psbt } = await wallet.walletprocesspsbt(staking.psbt.toBase64());
    const transaction = finishStaking(staking, psbt);
    expect(await node.send(transaction.toBuffer())).toBe(transaction.getId());
    await node.mine();
    await keep(built, createDelegation(built, params, transaction));
  });

  test.each([
    ["a stake", () => funded],
    ["a second stake", () => slashed],
    ["a third stake", () => unbondingSlashed],
  ])("funds and signs %s as a payment to the address, which decodes as a stake", async (_, which) => {
    const terms = which();
    const { address } = stakingOutput(terms, "regtest");
    const created = await wallet.call<{ psbt: string }>(
      "walletcreatefundedpsbt",
      [],
      [{ [address]: "0.00300000" }],
      0,
      { fee_rate: 3 },
    );
    const { psbt } = await wallet.walletprocesspsbt(created.psbt);
    const { hex: raw, complete } = await node.rpc.finalizepsbt(psbt);
    expect(complete).toBe(true);
    const transaction = parseTransaction(hex.decode(raw!));
    await node.send(raw!);
    await node.mine();
    const set = { ...regtest, versions: [params] };
    const { value, terms: decoded } = decodeStaking(transaction, set, { terms });
    expect({ value, timelock: decoded.timelock }).toEqual({ value: VALUE, timelock: terms.timelock });
    await keep(terms, createDelegation(terms, params, transaction));
  });

  test("signs its part of the unbonding and of both slashings, which a committee accepts", async () => {
    for (const [terms, unsigned] of delegations) {
      const out = stakerPsbts(unsigned, [owner.derivation]);
      const back = async (psbt: { toBase64(): string }) => {
        const processed = await wallet.walletprocesspsbt(psbt.toBase64());
        expect(processed.complete).toBe(false);
        return processed.psbt;
      };
      const signed = addStakerPsbts(
        unsigned,
        [await back(out.unbonding), await back(out.slashing), await back(out.unbondingSlashing)],
        [],
        ["unbonding", "slashing", "unbondingSlashing"],
      );
      expect(() => checkDelegation(signed)).not.toThrow();
      delegations.set(terms, await coSign(signed, participants.committee.slice(0, 2)));
    }
  });

  test("withdraws the stake, the unbonded and the slashed rest when their locks end, and no block sooner", async () => {
    const [provider] = participants.providers as [Party];
    const unbonded = delegationOf(built);
    await sendAndMine(node, finishUnbonding(unbonded));
    await expectWithdrawn("unbonding", unbonded, unbondedCoin(unbonded), [wallet], [owner.derivation]);

    const slashing = finishSlashing(delegationOf(slashed), "staking", provider.secretKey);
    await sendAndMine(node, slashing);
    await expectWithdrawn("refund", delegationOf(slashed), refundCoin(slashing), [wallet]);

    const early = delegationOf(unbondingSlashed);
    await sendAndMine(node, finishUnbonding(early));
    const late = finishSlashing(early, "unbonding", provider.secretKey);
    await sendAndMine(node, late);
    await expectWithdrawn("refund", early, refundCoin(late), [wallet]);

    await expectWithdrawn("staking", delegationOf(funded), stakeCoin(delegationOf(funded)), [wallet]);
  });
});

describe("a bitcoind wallet that imported nothing, given derivations", () => {
  const participants = participantsOf(
    "own",
    { stakers: [1, 1], providers: 1, committee: [2, 3] },
    UNBONDING_TIME,
  );
  let wallet: Rpc;
  let derivation: KeyOrigin;
  let delegation: Delegation;

  beforeAll(async () => {
    wallet = await newWallet();
    const address = await wallet.getnewaddress("bech32m");
    const { desc } = await wallet.call<{ desc: string }>("getaddressinfo", address);
    derivation = parseKeyOrigin(/^tr\((.*)\)/.exec(desc)![1]!);
    const terms = { ...participants.terms(TIMELOCK), staker: derivation.publicKey };
    [delegation] = (await stakeMany(node, [
      { terms, params: participants.params, value: VALUE, stakers: [] },
    ])) as [Delegation];
  });

  test("signs everything of a stake whose key is that of one of its addresses", async () => {
    const { unbonding, slashing, unbondingSlashing } = stakerPsbts(delegation, [derivation]);
    const signed = addStakerPsbts(
      delegation,
      await Promise.all(
        [unbondingSlashing, unbonding, slashing].map(
          async (psbt) => (await wallet.walletprocesspsbt(psbt.toBase64())).psbt,
        ),
      ),
      [derivation.publicKey],
      ["unbonding", "slashing", "unbondingSlashing"],
    );
    expect(() => checkDelegation(signed)).not.toThrow();
    await expectWithdrawn("staking", signed, stakeCoin(signed), [wallet], [derivation]);
  });

  test("recognises in the PSBTs what stays its owner's", async () => {
    const { unbonding, slashing } = stakerPsbts(delegation, [derivation]);
    const decode = async (psbt: { toBase64(): string }) =>
      (
        await wallet.call<{ outputs: { taproot_tree?: unknown[]; taproot_bip32_derivs?: unknown[] }[] }>(
          "decodepsbt",
          psbt.toBase64(),
        )
      ).outputs;
    const [unbonded] = await decode(unbonding);
    const [burnt, refund] = await decode(slashing);
    expect(unbonded!.taproot_tree).toHaveLength(2);
    expect(refund!.taproot_tree).toHaveLength(1);
    expect(refund!.taproot_bip32_derivs).toEqual([
      expect.objectContaining({
        pubkey: hex.encode(derivation.publicKey),
        master_fingerprint: hex.encode(derivation.fingerprint),
        path: derivation.path.replaceAll("'", "h"),
      }),
    ]);
    expect(burnt).toEqual({});
  });

  test("leaves a PSBT without derivations unchanged", async () => {
    const spend = slashingSpend(delegation, "staking");
    const { psbt } = await wallet.walletprocesspsbt(spendPsbt(spend).toBase64());
    expect(signaturesFromPsbt(spend, psbt)).toEqual([]);
  });
});

describe("a staker's private key in bitcoind", () => {
  const participants = participantsOf(
    "wallet",
    { stakers: [1, 1], providers: 2, committee: [3, 5] },
    UNBONDING_TIME,
  );
  const [owner] = participants.stakers as [Party];
  let wallet: Rpc;
  let complete: Delegation, bare: Delegation;

  beforeAll(async () => {
    [complete, bare] = (await stakes(participants, 2)) as [Delegation, Delegation];
    wallet = await newWallet({ blank: true });
    await importAll(wallet, [stakingOutput(complete.terms, "regtest").descriptor], wifOf(owner));
  });

  test("completes and finalises an unbonding that has the committee's signatures", async () => {
    const spend = unbondingSpend(complete);
    const { covenantSignatures } = complete.unbonding;
    const processed = await wallet.walletprocesspsbt(spendPsbt(spend, covenantSignatures).toBase64());
    expect(processed.complete).toBe(true);
    const signatures = signaturesFromPsbt(spend, processed.psbt, [owner.publicKey]);
    expect(signatures).toHaveLength(1 + covenantSignatures.length);
    expect(hex.encode(finishSpend(spend, signatures).toBuffer())).toBe(processed.hex);
    await node.send(processed.hex!);
  });

  test("signs without a wallet: key and PSBT suffice", async () => {
    const spend = unbondingSpend(bare);
    const { descriptor } = await node.rpc.getdescriptorinfo(`tr(${wifOf(owner)})`);
    expect(descriptor).not.toContain(wifOf(owner));
    const key = `tr(${wifOf(owner)})`;
    const { checksum } = await node.rpc.getdescriptorinfo(key);
    const { psbt } = await node.rpc.call<{ psbt: string }>(
      "descriptorprocesspsbt",
      spendPsbt(spend).toBase64(),
      [`${key}#${checksum}`],
    );
    const own = signaturesFromPsbt(spend, psbt, [owner.publicKey]);
    const transaction = finishSpend(spend, [...own, ...bare.unbonding.covenantSignatures]);
    await node.send(transaction.toBuffer());
    await node.mine();
  });

  test("signs with SIGHASH_ALL, 65 bytes, when the PSBT asks for it", async () => {
    const spend = slashingSpend(bare, "unbonding");
    await importAll(
      wallet,
      [unbondingOutput(bare.terms, UNBONDING_TIME, "regtest").descriptor],
      wifOf(owner),
    );
    const { psbt } = await wallet.call<{ psbt: string }>(
      "walletprocesspsbt",
      spendPsbt(spend).toBase64(),
      true,
      "ALL",
    );
    const [signature] = signaturesFromPsbt(spend, psbt, [owner.publicKey]);
    expect(signature!.signature).toHaveLength(65);
  });
});

describe("two of three stakers, each with a separate wallet", () => {
  const participants = participantsOf(
    "wallets",
    { stakers: [2, 3], providers: 1, committee: [6, 9] },
    UNBONDING_TIME,
  );
  const [first, , third] = participants.stakers as [Party, Party, Party];
  const keys = [first.publicKey, third.publicKey];
  let wallets: [Rpc, Rpc];
  let unbonding: Delegation, left: Delegation;

  beforeAll(async () => {
    [unbonding, left] = (await stakes(participants, 2)) as [Delegation, Delegation];
    const descriptors = [unbonding, left].flatMap(({ terms }) =>
      outputsOf(terms).map(({ descriptor }) => descriptor),
    );
    wallets = [await newWallet({ blank: true }), await newWallet({ blank: true })];
    await importAll(wallets[0], descriptors, wifOf(first));
    await importAll(wallets[1], descriptors, wifOf(third));
  });

  test("sign one unbonding and one slashing apart", async () => {
    const apart = async (psbt: string) =>
      Promise.all(wallets.map(async (wallet) => (await wallet.walletprocesspsbt(psbt)).psbt));
    const slashing = slashingSpend(left, "staking");
    expect(signaturesFromPsbts(slashing, await apart(spendPsbt(slashing).toBase64()), keys)).toHaveLength(2);

    const spend = unbondingSpend(unbonding);
    const returned = await apart(spendPsbt(spend).toBase64());
    const own = signaturesFromPsbts(spend, returned, keys);
    expect(own).toHaveLength(2);
    // bitcoind combines them to the same.
    const combined = await node.rpc.call<string>("combinepsbt", returned);
    const { covenantSignatures } = unbonding.unbonding;
    const transaction = finishSpend(spend, [...own, ...covenantSignatures]);
    const theirs = finishSpend(spend, [...signaturesFromPsbt(spend, combined, keys), ...covenantSignatures]);
    expect(hex.encode(theirs.toBuffer())).toBe(hex.encode(transaction.toBuffer()));
    await node.send(transaction.toBuffer());
    await node.mine();
  });

  test("sign withdrawals one after the other, and apart", async () => {
    await expectWithdrawn("unbonding", unbonding, unbondedCoin(unbonding), wallets);
    await expectWithdrawn("staking", left, stakeCoin(left), wallets);
  });
});

/**
 * Wallets complete a withdrawal by passing its PSBT on. bitcoind's finaliser and ours make the same transaction of it.
 * The node accepts it at the fee rate, but not a block early.
 */
async function expectWithdrawn(
  from: Withdrawable,
  { terms, params }: Delegation,
  coin: UnspentOutput,
  wallets: readonly Rpc[],
  derivations: readonly KeyOrigin[] = [],
): Promise<void> {
  const feeRate = parseRate("3.3");
  const destination = scriptOfAddress(await node.rpc.getnewaddress(), "regtest");
  const built = buildWithdrawal({ terms, params, from, coin, destination, feeRate, derivations });
  const unsigned = built.psbt.toBase64();
  let psbt = unsigned;
  for (const wallet of wallets) {
    ({ psbt } = await wallet.call<{ psbt: string }>("walletprocesspsbt", psbt, true, "DEFAULT", true, false));
  }
  const { hex: raw, complete } = await node.rpc.finalizepsbt(psbt);
  expect(complete).toBe(true);
  expect(hex.encode(finishSpend(built, signaturesFromPsbt(built, psbt)).toBuffer())).toBe(raw);

  const apart = await Promise.all(
    wallets.map(async (wallet) => (await wallet.walletprocesspsbt(unsigned)).psbt),
  );
  const transaction = finishSpend(built, signaturesFromPsbts(built, apart));
  await mineToOneBlockEarly(node, coin, built.timelock);
  await expectTooEarly(node, transaction);
  await node.mine();
  const verdict = await node.accepts(transaction.toBuffer());
  expect(verdict).toMatchObject({ allowed: true, fee: built.fee });
  // Each signature could have come with its hash type, a byte longer.
  expect(built.fee).toBeGreaterThanOrEqual(applyRateUp(BigInt(verdict.vsize!), feeRate));
  expect(built.fee).toBeLessThanOrEqual(applyRateUp(BigInt(verdict.vsize!) + 1n, feeRate));
  await node.mineTransactions([transaction.toBuffer()]);
}

/** All the outputs of a stake. */
const outputsOf = (terms: StakeTerms) => [
  stakingOutput(terms, "regtest"),
  unbondingOutput(terms, UNBONDING_TIME, "regtest"),
  slashingChangeOutput(terms.staker, UNBONDING_TIME, "regtest"),
];

/** Stakes that the committee has co-signed, each with its own time lock. */
async function stakes(participants: Participants, count: number): Promise<Delegation[]> {
  const requests = Array.from({ length: count }, (_, i) => ({
    terms: participants.terms(TIMELOCK + i),
    params: participants.params,
    value: VALUE,
    stakers: participants.stakers,
  }));
  const members = participants.committee.slice(0, participants.params.covenant.quorum);
  return Promise.all((await stakeMany(node, requests)).map((delegation) => coSign(delegation, members)));
}

async function newWallet({ blank = false } = {}): Promise<Rpc> {
  const name = randomUUID();
  await node.rpc.call("createwallet", name, false, blank);
  return node.rpc.wallet(name);
}

/** Imports descriptors, each once, with a key of theirs as this expression says it. */
async function importAll(wallet: Rpc, descriptors: readonly string[], expression: string): Promise<void> {
  const requests = [...new Set(descriptors)].map((descriptor) => ({
    desc: importableDescriptor(descriptor, [expression]),
    timestamp: "now" as const,
  }));
  const results = await wallet.importdescriptors(requests);
  expect(results.map(({ success, error }) => error?.message ?? success)).toEqual(requests.map(() => true));
}

/** A key below an extended one: as descriptors write it, and as PSBTs do. */
function extendedKey(name: string) {
  const versions = { private: 0x04358394, public: 0x043587cf };
  const master = HDKey.fromMasterSeed(sha256(utf8(name)), versions);
  const account = master.derive("m/86'/1'/7'");
  const publicKey = account.derive("m/0/5").publicKey!.slice(1);
  const fingerprint = u64be(BigInt(master.fingerprint)).slice(4);
  const path = "86h/1h/7h";
  const derivation: KeyOrigin = { publicKey, fingerprint, path: "m/86'/1'/7'/0/5" };
  const expression = `[${hex.encode(fingerprint)}/${path}]${account.privateExtendedKey}/0/5`;
  return { publicKey, expression, derivation };
}

/** A secret as wallets import it: of a test network, for a compressed key. */
function wifOf({ secretKey }: Party): string {
  return createBase58check(sha256).encode(concatBytes(Uint8Array.of(0xef), secretKey, Uint8Array.of(1)));
}
