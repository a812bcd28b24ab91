import * as v from "valibot";
import { parseRate, type Rate } from "../../core/amount.js";
import { equalBytes, hex } from "../../core/bytes.js";
import type { CastVote, Evidence } from "../../extract/evidence.js";
import { COMMISSION_DECIMALS } from "../../params/types.js";
import * as form from "./forms.js";
import { at, bytesOf, keyOf, readAnswer, wrong } from "./read.js";

/** A finality provider as the chain has it. */
export interface ChainProvider {
  /** X-only EOTS key. */
  readonly key: Uint8Array;
  /** Its account, in bech32. */
  readonly account: string;
  /** The name that it chose: anyone can choose any. */
  readonly moniker: string;
  readonly commission?: Rate;
  /** When it was slashed: the height of the chain, and Bitcoin's. Its stakes can be slashed too. */
  readonly slashed?: { readonly height: bigint; readonly bitcoinHeight: number };
  /** It must not vote until it was unjailed. */
  readonly jailed: boolean;
  /** 0 before its first vote. */
  readonly highestVotedHeight: bigint;
  /** The chain takes no new stake to it, and no vote of it. Absent where the server does not say it. */
  readonly softDeleted?: boolean;
}

/**
 * Reads a finality provider: `/babylon/btcstaking/v1/finality_providers/{key}/finality_provider`.
 * @throws TapstakeError `invalid-json`, `invalid-hex`, `invalid-rate`, with the field in `details.path`
 */
export function readChainProvider(answer: unknown): ChainProvider {
  const name = "finality_provider";
  const raw = readAnswer(form.provider, answer, name);
  const { commission, soft_deleted: softDeleted } = raw;
  const slashed = {
    height: BigInt(raw.slashed_babylon_height),
    bitcoinHeight: Number(raw.slashed_btc_height),
  };
  return {
    key: keyOf(raw.btc_pk, `${name}.btc_pk`),
    account: raw.addr,
    moniker: raw.description?.moniker ?? "",
    ...(typeof commission === "string" && {
      commission: at(`${name}.commission`, () => parseRate(commission, COMMISSION_DECIMALS, "commission")),
    }),
    ...((slashed.height > 0n || slashed.bitcoinHeight > 0) && { slashed }),
    jailed: raw.jailed,
    highestVotedHeight: BigInt(raw.highest_voted_height),
    ...(softDeleted !== undefined && { softDeleted }),
  };
}

/** A commitment to randomness as the chain has it: without its signature, which the chain verified. */
export interface ChainCommit {
  readonly startHeight: bigint;
  /** How many heights, from the first. */
  readonly count: bigint;
  /** Merkle root of the public randomness, 32 bytes. */
  readonly root: Uint8Array;
  /** It counts once the chain's checkpoint of this epoch is final. */
  readonly epoch: bigint;
}

/**
 * Reads commitments to randomness: `/babylon/finality/v1/finality_providers/{key}/pub_rand_commit_list`.
 * @returns the earliest first, whatever their order in the answer
 * @throws TapstakeError `invalid-json`, `invalid-bytes`, `duplicate-key` for one height in two spellings
 */
export function readChainCommits(answer: unknown): readonly ChainCommit[] {
  const name = "pub_rand_commit_map";
  const map = readAnswer(v.nullish(v.record(v.string(), form.commit)), answer, name) ?? {};
  return Object.entries(map)
    .map(([height, commit]) => readChainCommit(height, commit, `${name}.${height}`))
    .sort((a, b) => (a.startHeight < b.startHeight ? -1 : 1));
}

/** One commitment. @param height that it begins at, as the answer names it */
export function readChainCommit(height: string, commit: unknown, path = "commit"): ChainCommit {
  const raw = readAnswer(form.commit, commit, path);
  if (!/^(0|[1-9]\d{0,19})$/.test(height) || BigInt(height) >= 2n ** 64n) {
    throw wrong("invalid-json", path, "must be a height below 2^64");
  }
  return {
    startHeight: BigInt(height),
    count: BigInt(raw.num_pub_rand),
    root: bytesOf(raw.commitment, `${path}.commitment`, 32),
    epoch: BigInt(raw.epoch_num),
  };
}

/**
 * Reads which providers voted for a height: `/babylon/finality/v1/votes/{height}`. The chain gives no signatures of
 * them.
 * @returns x-only keys, each once
 * @throws TapstakeError `invalid-json`, `invalid-hex`, `duplicate-key`
 */
export function readChainVotes(answer: unknown): readonly Uint8Array[] {
  const name = "btc_pks";
  const keys = readAnswer(form.list(v.string()), answer, name).map((text, i) => keyOf(text, `${name}[${i}]`));
  const twice = keys.findIndex((key, i) => keys.slice(0, i).some((other) => equalBytes(other, key)));
  if (twice >= 0)
    throw wrong("duplicate-key", `${name}[${twice}]`, `${hex.encode(keys[twice]!)} is there twice`);
  return keys;
}

/** What the chain keeps of a vote for another block than its own. */
export interface ChainEvidence {
  readonly finalityProvider: Uint8Array;
  readonly height: bigint;
  readonly publicRandomness: Uint8Array;
  readonly fork: CastVote;
  /** The block that the chain has at this height. */
  readonly canonicalAppHash: Uint8Array;
  /** Both votes: `extractFromVotes` has the key from them. Absent while the provider has not voted for the chain's block. */
  readonly evidence?: Evidence;
}

/**
 * Reads evidence: `/babylon/finality/v1/finality_providers/{key}/evidence`.
 * @param context that votes of the chain are signed under: `contextOf("fp_fin_vote", …)` says it
 * @throws TapstakeError `invalid-json`, `invalid-hex`, `invalid-bytes`, with the field in `details.path`;
 * `same-message` when both votes are for one block
 */
export function readChainEvidence(answer: unknown, context?: string): ChainEvidence {
  const name = "evidence";
  const raw = readAnswer(form.evidence, answer, name);
  const bytes = (field: keyof typeof raw & string) => bytesOf(raw[field] as string, `${name}.${field}`, 32);
  const vote = (appHash: Uint8Array, signature: Uint8Array): CastVote => ({
    appHash,
    signature,
    ...(context !== undefined && { context }),
  });
  const of = {
    finalityProvider: keyOf(raw.fp_btc_pk_hex, `${name}.fp_btc_pk_hex`),
    height: BigInt(raw.block_height),
    publicRandomness: bytes("pub_rand"),
  };
  const canonicalAppHash = bytes("canonical_app_hash");
  const fork = vote(bytes("fork_app_hash"), bytes("fork_finality_sig"));
  if (equalBytes(canonicalAppHash, fork.appHash)) {
    throw wrong("same-message", `${name}.fork_app_hash`, "must name another block than the chain's own");
  }
  const isDouble = (raw.canonical_finality_sig ?? "") !== "";
  const canonical = isDouble ? vote(canonicalAppHash, bytes("canonical_finality_sig")) : undefined;
  return { ...of, fork, canonicalAppHash, ...(canonical && { evidence: { ...of, canonical, fork } }) };
}
