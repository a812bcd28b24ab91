import * as fc from "fast-check";
import { outpointOf, type UnspentOutput } from "../../src/bitcoin/transaction.js";
import { parseRate } from "../../src/core/amount.js";
import { hex, utf8 } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import type { ProtocolParams } from "../../src/params/types.js";
import type { Leaf } from "../../src/script/outputs.js";
import type { StakeTerms } from "../../src/script/terms.js";
import { leafSighash, type LeafSignature, type LeafSpend } from "../../src/spending/spend.js";
import { buildSlashing } from "../../src/stake/slashing.js";
import { buildUnbonding } from "../../src/stake/unbonding.js";
import { buildWithdrawal } from "../../src/stake/withdrawal.js";
import { anyTimelock } from "./stakes.js";

/** A P2WPKH script and a P2TR script whose secrets are unknown. */
export const P2WPKH = hex.decode(`0014${"11".repeat(20)}`);
export const P2TR = hex.decode(`5120${"0b93d2d388a2b89c2ba2ef28e99c0cfc20735b693cb8b2350fe8aceca2d0f393"}`);
export const P2PKH = hex.decode(`76a914${"22".repeat(20)}88ac`);

const secrets = new Map<string, Uint8Array>();

/**
 * The x-only key of a number, whose secret {@link secretOf} knows. It does not start with a zero byte: bitcore-lib
 * reads such keys wrongly and refuses every signature by them.
 */
export function keyOf(n: number, attempt = 0): Uint8Array {
  const secret = sha256(utf8(`life ${n} ${attempt}`));
  const publicKey = publicKeyOf(secret);
  if (publicKey[0] === 0) return keyOf(n, attempt + 1);
  secrets.set(hex.encode(publicKey), secret);
  return publicKey;
}

/** The secret of a key made by {@link keyOf}. */
export const secretOf = (publicKey: Uint8Array): Uint8Array => secrets.get(hex.encode(publicKey))!;

export const feeRate = (text: string) => parseRate(text, 8);

export const COIN: UnspentOutput = {
  outpoint: { txid: "07".repeat(32), vout: 1 },
  value: 1_000_000n,
};

/** Parameters for any terms: wide ranges, slashed coins burnt. */
export function paramsFor(terms: StakeTerms, changes: Partial<ProtocolParams> = {}): ProtocolParams {
  return {
    version: 0,
    network: "regtest",
    activationHeight: 0,
    covenant: terms.covenant,
    minValue: 10_000n,
    maxValue: 100_000_000_000n,
    minTime: 1,
    maxTime: 65_535,
    unbondingTime: 20,
    unbondingFee: 1_000n,
    slashing: { script: hex.decode("6a087461707374616b65"), rate: parseRate("0.1"), minFee: 1_000n },
    ...changes,
  };
}

/** Terms whose secrets are known: keys are numbered from `from`. */
export function termsOf(
  { stakers = 1, stakerQuorum = 1, providers = 1, members = 5, quorum = 3, timelock = 1000 } = {},
  from = 0,
): StakeTerms {
  const keys = Array.from({ length: stakers + providers + members }, (_, i) => keyOf(from + i));
  return {
    staker: stakers === 1 ? keys[0]! : { keys: keys.slice(0, stakers), quorum: stakerQuorum },
    finalityProviders: keys.slice(stakers, stakers + providers),
    covenant: { keys: keys.slice(stakers + providers), quorum },
    timelock,
  };
}

/** Random terms with known secrets: committees of up to 20, up to 4 providers, up to 4 stakers. */
export const anyLife: fc.Arbitrary<{ terms: StakeTerms; params: ProtocolParams }> = fc
  .record({
    from: fc.nat(1_000_000),
    stakers: fc.integer({ min: 1, max: 4 }),
    stakerShare: fc.double({ min: 0, max: 1, noNaN: true }),
    providers: fc.integer({ min: 1, max: 4 }),
    members: fc.integer({ min: 1, max: 20 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    timelock: anyTimelock,
    unbondingTime: anyTimelock,
  })
  .map(({ from, stakers, stakerShare, providers, members, share, timelock, unbondingTime }) => {
    const part = (of: number, ratio: number) => 1 + Math.round((of - 1) * ratio);
    const stakerQuorum = part(stakers, stakerShare);
    const quorum = part(members, share);
    const terms = termsOf({ stakers, stakerQuorum, providers, members, quorum, timelock }, from);
    return { terms, params: paramsFor(terms, { unbondingTime }) };
  });

export const PATHS = [
  "staking timelock",
  "staking unbonding",
  "staking slashing",
  "unbonding timelock",
  "unbonding slashing",
  "refund timelock",
] as const;

/** The six ways in which coins of a stake move, each as the builders make it. */
export function lifeOf(terms: StakeTerms, params: ProtocolParams): Record<(typeof PATHS)[number], LeafSpend> {
  const unbonding = buildUnbonding(terms, params, COIN);
  const unbonded = { outpoint: outpointOf(unbonding.transaction, 0), value: unbonding.value };
  const slashing = buildSlashing(terms, params, "staking", COIN);
  const refund = { outpoint: outpointOf(slashing.transaction, 1), value: slashing.refunded };
  const withdraw = (from: "staking" | "unbonding" | "refund", coin: UnspentOutput) =>
    buildWithdrawal({ terms, params, from, coin, destination: P2WPKH, feeRate: feeRate("2") });
  return {
    "staking timelock": withdraw("staking", COIN),
    "staking unbonding": unbonding,
    "staking slashing": slashing,
    "unbonding timelock": withdraw("unbonding", unbonded),
    "unbonding slashing": buildSlashing(terms, params, "unbonding", unbonded),
    "refund timelock": withdraw("refund", refund),
  };
}

/** A signature by a known key, over the digest of this hash type. */
export function sign(spend: LeafSpend, publicKey: Uint8Array, hashType = 0): LeafSignature {
  const signature = schnorr.sign(secretOf(publicKey), leafSighash(spend, hashType));
  return { publicKey, signature: hashType === 0 ? signature : Uint8Array.of(...signature, hashType) };
}

/** Signatures by every key that a leaf names. */
export const signAll = (spend: LeafSpend): LeafSignature[] =>
  spend.leaf.signers.flatMap(({ keys }) => keys.map((key) => sign(spend, key)));

/** Signatures by the first of each key set, in the order of the set: exactly the quorums. */
export const signEnough = (spend: LeafSpend): LeafSignature[] =>
  spend.leaf.signers.flatMap(({ keys, quorum }) => keys.slice(0, quorum).map((key) => sign(spend, key)));

/** How many slots a leaf's witness has. */
export const slotsOf = (leaf: Leaf): number => leaf.signers.reduce((sum, { keys }) => sum + keys.length, 0);
