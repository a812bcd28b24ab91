import { bech32 } from "@scure/base";
import { beforeAll, describe, expect, it } from "vitest";
import { contextOf } from "../../src/babylon/releases.js";
import { checkRules, RULES } from "../../src/babylon/rules/check.js";
import type { ChainState } from "../../src/babylon/rules/types.js";
import { proofOfPossession } from "../../src/babylon/pop.js";
import type { MessageOf } from "../../src/babylon/schema.js";
import { createDelegationMessage, expandMessage } from "../../src/babylon/stake.js";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { hex } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { createDelegation, type Delegation } from "../../src/delegation/delegation.js";
import { signSlashings } from "../../src/delegation/sign.js";
import { mainnet } from "../../src/params/data/mainnet.js";
import { keySigner } from "../../src/spending/spend.js";
import { buildStaking } from "../../src/stake/staking.js";
import { expand } from "../support/expansion.js";
import { blockOf, testRules } from "../support/rules.js";
import {
  type Changes,
  delegate,
  makeStake,
  nobodysScript,
  secretOf,
  withSlashing,
} from "../support/stake.js";

const account = (name: string) => bech32.encodeFromBytes("bbn", secretOf(name).slice(0, 20));
const stakerAddr = account("staker");
const plain = makeStake();
// A slashing script that can be dust.
const stake = { ...plain, params: withSlashing(plain.params, { script: nobodysScript() }) };
const { params } = stake;
const secret = stake.stakerSecrets[0]!;
const proof = proofOfPossession(secret, { kind: "bip340", address: stakerAddr });

/** The message of an unchecked delegation. */
function rawCreate(delegation: Delegation): MessageOf<"MsgCreateBTCDelegation"> {
  const { terms, staking, unbonding, slashing, unbondingSlashing, unbondingTime } = delegation;
  const bytes = (transaction: Transaction) => Uint8Array.from(transaction.toBuffer());
  return {
    stakerAddr,
    pop: { btcSigType: 0, btcSig: proof.signature },
    btcPk: terms.staker as Uint8Array,
    fpBtcPkList: terms.finalityProviders,
    stakingTime: terms.timelock,
    stakingValue: staking.transaction.outs[staking.outputIndex]!.value,
    stakingTx: bytes(staking.transaction),
    slashingTx: bytes(slashing.transaction),
    delegatorSlashingSig: slashing.stakerSignatures[0]!.signature,
    unbondingTime,
    unbondingTx: bytes(unbonding.transaction),
    unbondingValue: unbonding.transaction.outs[0]!.value,
    unbondingSlashingTx: bytes(unbondingSlashing.transaction),
    delegatorUnbondingSlashingSig: unbondingSlashing.stakerSignatures[0]!.signature,
  };
}

/** What the message says once the delegation is changed; only what the stake itself says. */
async function changed(changes: Changes) {
  return rawCreate(await delegate(stake, changes));
}

const TIP = 130;
const facts: ChainState = {
  chainHeight: 1000n,
  btcTip: { height: TIP },
  confirmationDepth: 10,
  params: { name: "own", network: params.network, versions: [params] },
  provider: { slashed: false, jailed: false, softDeleted: false },
  stakeKnown: false,
  allowList: null,
  chainId: "bbn-1",
};

const PROVIDER_BREAKS = [
  { rule: "provider-known", state: { provider: null } },
  { rule: "provider-slashed", state: { provider: { slashed: true } } },
  { rule: "provider-jailed", state: { provider: { jailed: true } }, warns: true },
  { rule: "provider-deleted", state: { provider: { softDeleted: true } }, warns: true },
  { rule: "stake-unknown", state: { stakeKnown: true } },
] as const;

const STAKE_BREAKS = [
  { rule: "account", message: { stakerAddr: "bbn1" } },
  { rule: "transactions", message: { slashingTx: new Uint8Array(3) } },
  { rule: "blocks", message: { stakingTime: 65_536 } },
  { rule: "providers", message: { fpBtcPkList: [] } },
  {
    rule: "providers-distinct",
    message: { fpBtcPkList: [plain.terms.finalityProviders[0]!, plain.terms.finalityProviders[0]!] },
  },
  {
    rule: "provider-count",
    message: { fpBtcPkList: [plain.terms.finalityProviders[0]!, publicKeyOf(secretOf("other"))] },
  },
  { rule: "values", message: { unbondingValue: -1n } },
  { rule: "possession-kind", message: { pop: { btcSigType: 3, btcSig: proof.signature } } },
  { rule: "possession-form", message: { pop: { btcSigType: 0, btcSig: new Uint8Array(65) } } },
  { rule: "possession", message: { stakerAddr: account("another") } },
] as const;

describe("the rules of MsgCreateBTCDelegation", () => {
  let good: MessageOf<"MsgCreateBTCDelegation">;
  let block: ReturnType<typeof blockOf>;
  let mutated: Readonly<Record<string, MessageOf<"MsgCreateBTCDelegation">>>;
  beforeAll(async () => {
    const delegation = await delegate(stake);
    good = rawCreate(delegation);
    block = blockOf(delegation.staking.transaction.getId());
    const out0 = (change: (output: Transaction["outs"][number]) => void) => (transaction: Transaction) =>
      change(transaction.outs[0]!);
    const slashing = {
      form: (transaction: Transaction) => void (transaction.locktime = 1),
      input: (transaction: Transaction) => void (transaction.ins[0]!.index = 7),
      script: out0((output) => (output.script = Uint8Array.of(...output.script.slice(0, -1), 1))),
      amount: out0((output) => (output.value -= 1n)),
      refund: (transaction: Transaction) => void (transaction.outs[1]!.script = nobodysScript()),
      dust: (transaction: Transaction) => void (transaction.outs[1]!.value = 1n),
      fee: (transaction: Transaction) => void (transaction.outs[1]!.value += 1n),
    };
    const all: [string, MessageOf<"MsgCreateBTCDelegation">][] = [];
    for (const [suffix, change] of Object.entries(slashing)) {
      all.push([`slashing-${suffix}`, await changed({ slashing: change })]);
      all.push([`unbonding-slashing-${suffix}`, await changed({ unbondingSlashing: change })]);
    }
    all.push(["unbonding-form", await changed({ unbonding: (tx) => void (tx.version = 1) })]);
    all.push([
      "unbonding-output",
      await changed({ unbonding: (tx) => void (tx.outs[0]!.script = nobodysScript()) }),
    ]);
    all.push(["unbonding-input", await changed({ unbonding: (tx) => void (tx.ins[0]!.index = 1) })]);
    all.push(["unbonding-fee", await changed({ builtWith: { ...params, unbondingFee: 999n } })]);
    all.push(["staking-value", await changed({ value: params.minValue - 1n })]);
    all.push(["staking-time", await changed({ terms: { ...stake.terms, timelock: 9 } })]);
    all.push([
      "staking-output-once",
      await changed({ staking: (tx) => void tx.addOutput(tx.outs[0]!.script, tx.outs[0]!.value) }),
    ]);
    mutated = Object.fromEntries(all);
  });

  describe("without a proof of inclusion", () => {
    testRules<"MsgCreateBTCDelegation">(() => ({
      name: "MsgCreateBTCDelegation",
      releases: ["v1", "v2", "v4"],
      message: good,
      state: facts,
      breaks: [
        ...STAKE_BREAKS,
        ...PROVIDER_BREAKS,
        ...Object.entries(mutated).map(([rule, message]) => ({ rule, message })),
        { rule: "unbonding-time", message: { unbondingTime: 21 } },
        { rule: "staking-output", message: { stakingValue: good.stakingValue + 1n } },
        { rule: "unbonding-output", message: { unbondingValue: good.unbondingValue + 1n } },
        { rule: "slashing-signature", message: { delegatorSlashingSig: new Uint8Array(64) } },
        {
          rule: "unbonding-slashing-signature",
          message: { delegatorUnbondingSlashingSig: new Uint8Array(64) },
        },
        { rule: "keys", message: { fpBtcPkList: [params.covenant.keys[0]!] } },
        {
          rule: "no-coinbase",
          message: { stakingTx: coinbaseOf(good.stakingTx) },
        },
        {
          rule: "params-version",
          state: {
            params: {
              name: "own",
              network: params.network,
              versions: [params, { ...params, version: 1, activationHeight: TIP, unbondingTime: 30 }],
            },
          },
        },
        {
          rule: "params-version",
          state: {
            params: {
              name: "own",
              network: params.network,
              versions: [{ ...params, activationHeight: TIP + 1 }],
            },
          },
        },
        {
          rule: "allow-list",
          release: "v1",
          state: { allowList: { expirationHeight: 2000n, listed: false } },
          until: { kind: "chain-height", height: 2000n },
        },
        // Of a proof, below.
        ...["inclusion-form", "coinbase", "header-known", "inclusion", "confirmation-depth", "time-left"].map(
          (rule) => proofBreak(rule),
        ),
      ],
    }));
  });

  /** The message and facts with a proof, one of whose rules is broken. */
  function proofBreak(rule: string) {
    const { inclusion, header } = block;
    const message = { stakingTxInclusionProof: inclusion };
    const state = { inclusionBlock: { height: 110, header } };
    const key = { ...inclusion.key, index: 0 };
    switch (rule) {
      case "inclusion-form":
        return {
          rule,
          state,
          message: { stakingTxInclusionProof: { ...inclusion, proof: new Uint8Array() } },
        };
      case "coinbase":
        return { rule, state, message: { stakingTxInclusionProof: { ...inclusion, key } } };
      case "header-known":
        const until = { kind: "state", state: "header-reported" } as const;
        return { rule, message, state: { inclusionBlock: null }, until };
      case "inclusion":
        return {
          rule,
          state,
          message: { stakingTxInclusionProof: { ...inclusion, proof: new Uint8Array(32) } },
        };
      case "confirmation-depth":
        return {
          rule,
          message,
          state: { inclusionBlock: { height: 121, header } },
          until: { kind: "btc-height", height: 131 } as const,
        };
      default:
        return { rule, message, state: { inclusionBlock: { height: 50, header } } };
    }
  }

  it("accept a stake with its proof, under the parameters of its block", () => {
    const message = { ...good, stakingTxInclusionProof: block.inclusion };
    const state = { ...facts, inclusionBlock: { height: 110, header: block.header } };
    expect(checkRules("v4", { name: "MsgCreateBTCDelegation", message }, state)).toMatchObject({
      ok: true,
      unchecked: [],
    });
  });

  it("limit finality providers by a parameter of v3", () => {
    const fpBtcPkList = [...good.fpBtcPkList, publicKeyOf(secretOf("other"))];
    const message = { ...good, fpBtcPkList };
    const named = { name: "MsgCreateBTCDelegation", message } as const;
    const answer = checkRules("v3", named, { maxFinalityProviders: 1 });
    expect(answer).toMatchObject({ rule: "provider-count", verdict: "never" });
    expect(checkRules("v3", named, { maxFinalityProviders: 2 })).toMatchObject({ ok: true });
    expect(checkRules("v3", named).unchecked).toContainEqual({
      rule: "provider-count",
      needs: ["maxFinalityProviders"],
    });
  });

  it("require a proof of possession under the context of v3, which depends on the chain", () => {
    const context = contextOf("staker_pop", "bbn-test-5", "v3");
    const { signature: btcSig } = proofOfPossession(secret, {
      kind: "bip340",
      address: stakerAddr,
      context,
    });
    const message = { ...good, pop: { btcSigType: 0, btcSig } };
    const named = { name: "MsgCreateBTCDelegation", message } as const;
    expect(checkRules("v3", named, { ...facts, chainId: "bbn-test-5" })).toMatchObject({ ok: true });
    for (const [release, chainId] of [
      ["v3", "bbn-1"],
      ["v4", "bbn-test-5"],
    ] as const) {
      expect(checkRules(release, named, { ...facts, chainId })).toMatchObject({ rule: "possession" });
    }
    expect(checkRules("v3", named).unchecked).toContainEqual({ rule: "possession", needs: ["chainId"] });
  });

  it("accept a stake under mainnet's current parameters, with the tip's height", async () => {
    const today = mainnet.versions.at(-1)!;
    const owner = secretOf("mainnet staker");
    const terms = {
      staker: publicKeyOf(owner),
      finalityProviders: [publicKeyOf(secretOf("mainnet provider"))],
      covenant: today.covenant,
      timelock: today.minTime,
    };
    const coin = {
      outpoint: { txid: hex.encode(secretOf("coin")), vout: 0 },
      value: 1_000_000n,
      script: Uint8Array.of(0, 20, ...secretOf("key hash").slice(0, 20)),
    };
    const built = buildStaking({
      terms,
      params: today,
      value: 600_000n,
      coins: [coin],
      changeScript: coin.script,
      feeRate: { numerator: 2n, denominator: 1n },
    } as never);
    const delegation = await signSlashings(createDelegation(terms, today, built), keySigner(owner));
    const address = account("mainnet");
    const own = proofOfPossession(owner, { kind: "bip340", address });
    const message = createDelegationMessage({ delegation, stakerAddress: address, proof: own });
    const named = { name: "MsgCreateBTCDelegation", message } as const;
    const at = (height: number) => checkRules("v4", named, { params: mainnet, btcTip: { height } });
    expect(at(today.activationHeight)).toMatchObject({ ok: true });
    expect(at(today.activationHeight - 1)).toMatchObject({ rule: "params-version", verdict: "never" });
  });
});

/** The same transaction as a coinbase. */
function coinbaseOf(bytes: Uint8Array): Uint8Array {
  const coinbase = Uint8Array.from(bytes);
  coinbase.fill(0, 5, 37);
  coinbase.fill(0xff, 37, 41);
  // In place of an empty one: a coinbase's input script has 2 bytes at least.
  return Uint8Array.of(...coinbase.subarray(0, 41), 2, 0x51, 0x51, ...coinbase.subarray(42));
}

describe("the rules of MsgBtcStakeExpand", () => {
  let delegation: Delegation;
  let good: MessageOf<"MsgBtcStakeExpand">;
  let before: Delegation;
  const message = (of: Delegation) =>
    expandMessage({ delegation: of, stakerAddress: stakerAddr, proof: expandProof });
  const expandProof = proof;
  beforeAll(async () => {
    delegation = await expand(plain);
    good = message(delegation);
    before = await delegate(plain);
  });
  const changedTx = (change: (transaction: Transaction) => void) => {
    const transaction = delegation.staking.transaction.clone();
    change(transaction);
    return Uint8Array.from(transaction.toBuffer());
  };
  const emptied = () => {
    const funding = delegation.expansion!.funding.transaction!.clone();
    funding.outs[1]!.value = 0n;
    return funding;
  };

  testRules<"MsgBtcStakeExpand">(() => {
    const own = { name: "own", network: plain.params.network, versions: [plain.params] };
    const state: ChainState = {
      ...facts,
      params: own,
      previous: { status: "ACTIVE", stakerAddress: stakerAddr, delegation: before },
      fundingIsStake: false,
    };
    const funding = emptied();
    const withStake = (change: object) => ({ previous: { delegation: { ...before, ...change } } });
    const covenant = { keys: [1, 2, 3].map((i) => publicKeyOf(secretOf(`old ${i}`))), quorum: 2 };
    return {
      name: "MsgBtcStakeExpand",
      releases: ["v4"],
      message: good,
      state,
      // What holds of every stake.
      elsewhere: RULES.MsgCreateBTCDelegation.map(({ rule }) => rule),
      breaks: [
        { rule: "previous-known", state: { previous: null } },
        {
          rule: "previous-active",
          state: { previous: { status: "VERIFIED" } },
          until: { kind: "state", state: "previous-active" },
        },
        { rule: "previous-active", state: { previous: { status: "UNBONDED" } } },
        { rule: "previous-account", state: { previous: { stakerAddress: account("another") } } },
        ...STAKE_BREAKS.filter(({ rule }) => rule !== "possession"),
        { rule: "possession", message: { pop: { btcSigType: 0, btcSig: new Uint8Array(64) } } },
        ...PROVIDER_BREAKS,
        { rule: "expansion-inputs", message: { previousStakingTxHash: "00".repeat(32) } },
        { rule: "expansion-inputs", message: { fundingTx: new Uint8Array(4) } },
        {
          rule: "expansion-inputs",
          message: { stakingTx: changedTx(({ ins }) => void (ins.length = 1)) },
        },
        {
          rule: "funding-output",
          message: {
            fundingTx: Uint8Array.from(funding.toBuffer()),
            stakingTx: changedTx(({ ins }) => void (ins[1]!.hash = funding.getHash())),
          },
        },
        { rule: "funding-output", message: { stakingTx: changedTx(({ ins }) => void (ins[1]!.index = 9)) } },
        {
          rule: "previous-provider",
          state: withStake({
            terms: { ...before.terms, finalityProviders: [publicKeyOf(secretOf("dropped"))] },
          }),
        },
        { rule: "funding-is-no-stake", state: { fundingIsStake: true } },
        {
          rule: "previous-output",
          state: withStake({ staking: { ...before.staking, outputIndex: 1 } }),
        },
        { rule: "expansion-value", message: { stakingValue: 999_999n } },
        {
          rule: "expansion-fee",
          message: { stakingTx: changedTx(({ outs }) => void (outs[1]!.value = 600_000n)) },
        },
        {
          rule: "committee-overlap",
          state: withStake({ params: { ...before.params, covenant } }),
        },
        {
          rule: "previous-staker",
          state: withStake({ terms: { ...before.terms, staker: publicKeyOf(secretOf("other")) } }),
        },
        { rule: "unbonding-time", message: { unbondingTime: 21 } },
      ],
    };
  });
});
