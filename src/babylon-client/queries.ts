import { base64 } from "@scure/base";
import * as v from "valibot";
import { parseHeader } from "../bitcoin/header.js";
import { parseTransaction } from "../bitcoin/transaction.js";
import { assertBytes, assertInteger, hex, u64be } from "../core/bytes.js";
import { assertChoice } from "../core/text.js";
import * as form from "./forms.js";
import { nullAt, type Server } from "./lcd.js";
import { type Paging, pagesOf } from "./pages.js";

/** The chain's names for the states of a delegation (CHAIN 3). */
export const DELEGATION_STATUSES = ["PENDING", "VERIFIED", "ACTIVE", "UNBONDED", "EXPIRED", "ANY"] as const;
/** A status to ask delegations by; `ANY` is all. */
export type DelegationStatus = (typeof DELEGATION_STATUSES)[number];

export const BLOCK_STATUSES = ["ANY", "FINALIZED", "NON_FINALIZED"] as const;
/** A status to ask blocks by; `ANY` is all. */
export type BlockStatus = (typeof BLOCK_STATUSES)[number];

/** In a path, the chain's servers take the name of a status; in a query, only its number (v4.3.1). */
const BLOCK_STATUS_NUMBERS: Readonly<Record<BlockStatus, number>> = {
  NON_FINALIZED: 0,
  FINALIZED: 1,
  ANY: 2,
};

const STAKING = "babylon/btcstaking/v1";
const FINALITY = "babylon/finality/v1";

/** Every version of the parameters. */
export const paramsVersions = (server: Server, paging?: Paging) =>
  pagesOf(
    server,
    `${STAKING}/params_versions`,
    { params: v.array(form.paramsVersion) },
    ({ params }) => params,
    paging,
  );

/** The delegation of a staking transaction, which is the one that was asked for; null when the chain has none. */
export async function delegation(server: Server, txid: string): Promise<form.RawDelegation | null> {
  const name = textOf32(txid, "txid");
  const path = `${STAKING}/btc_delegation/${name}`;
  const answer = await nullAt(
    server.get(path, v.object({ btc_delegation: form.delegation })),
    ["btcstaking", 1102],
    ["btcstaking", 1101],
  );
  if (!answer) return null;
  const found = answer.btc_delegation;
  if (txidOf(found) !== name) throw server.mismatch(path, "btc_delegation.staking_tx_hex", name);
  return found;
}

/** Delegations in a state. */
export async function* delegationsByStatus(server: Server, status: DelegationStatus, paging?: Paging) {
  assertChoice(status, "status", DELEGATION_STATUSES);
  const path = `${STAKING}/btc_delegations/${status}`;
  const answer = { btc_delegations: form.list(form.delegation) };
  for await (const found of pagesOf(server, path, answer, (page) => page.btc_delegations, paging)) {
    if (status !== "ANY" && found.status_desc !== status) {
      throw server.mismatch(path, "btc_delegations.status_desc", status);
    }
    yield found;
  }
}

/** Delegations to a provider. A page of the chain holds so many delegators, each with all of its delegations. */
export async function* delegationsByProvider(server: Server, key: Uint8Array, paging?: Paging) {
  const name = keyText(key);
  const path = `${STAKING}/finality_providers/${name}/delegations`;
  const answer = { btc_delegator_delegations: form.list(v.object({ dels: form.list(form.delegation) })) };
  const pages = pagesOf(server, path, answer, (page) => page.btc_delegator_delegations, paging);
  for await (const { dels } of pages) {
    for (const found of dels) {
      if (!found.fp_btc_pk_list.some((each) => each.toLowerCase() === name)) {
        throw server.mismatch(path, "btc_delegator_delegations.dels.fp_btc_pk_list", name);
      }
      yield found;
    }
  }
}

/** Null when the chain does not know the provider. */
export async function provider(server: Server, key: Uint8Array): Promise<form.RawProvider | null> {
  const name = keyText(key);
  const path = `${STAKING}/finality_providers/${name}/finality_provider`;
  const answer = await nullAt(server.get(path, v.object({ finality_provider: form.provider })), [
    "btcstaking",
    1100,
  ]);
  if (!answer) return null;
  const found = answer.finality_provider;
  if (found.btc_pk.toLowerCase() !== name) throw server.mismatch(path, "finality_provider.btc_pk", name);
  return found;
}

/** Every provider that was registered. */
export const providers = (server: Server, paging?: Paging) =>
  pagesOf(
    server,
    `${STAKING}/finality_providers`,
    { finality_providers: form.list(form.provider) },
    (page) => page.finality_providers,
    paging,
  );

/** Voting power of a provider at a height. A height at which no provider has power has no table: that is 0. */
export async function powerAt(server: Server, key: Uint8Array, height: bigint): Promise<bigint> {
  const path = `${FINALITY}/finality_providers/${keyText(key)}/power/${heightText(height)}`;
  const answer = await nullAt(server.get(path, v.object({ voting_power: form.u64 })), ["finality", 1113]);
  return answer?.voting_power ?? 0n;
}

/** Voting power of a provider in the newest table; height and power are 0 where there is none. */
export async function power(server: Server, key: Uint8Array): Promise<{ height: bigint; power: bigint }> {
  const path = `${FINALITY}/finality_providers/${keyText(key)}/power`;
  const answer = await server.get(path, v.object({ height: form.u64, voting_power: form.u64 }));
  return { height: answer.height, power: answer.voting_power };
}

/** A provider's commitments to randomness, each with the height that it begins at; the newest first by default. */
export function commits(server: Server, key: Uint8Array, { reverse = true, ...paging }: Paging = {}) {
  const heights = v.pipe(v.string(), v.regex(/^(0|[1-9]\d{0,19})$/, "a height as text"));
  return pagesOf(
    server,
    `${FINALITY}/finality_providers/${keyText(key)}/pub_rand_commit_list`,
    { pub_rand_commit_map: v.nullish(v.record(heights, form.commit)) },
    ({ pub_rand_commit_map: map }) => {
      const entries = Object.entries(map ?? {}).map(([height, commit]) => ({
        startHeight: BigInt(height),
        commit,
      }));
      // JSON has no order of names.
      const direction = reverse ? -1 : 1;
      return entries.sort((a, b) => (a.startHeight < b.startHeight ? -direction : direction));
    },
    { reverse, ...paging },
  );
}

/** The keys, x-only, of the providers that voted for a height. */
export async function votesAt(server: Server, height: bigint): Promise<readonly Uint8Array[]> {
  const path = `${FINALITY}/votes/${heightText(height)}`;
  const { btc_pks } = await server.get(path, v.object({ btc_pks: form.list(form.key) }));
  return btc_pks;
}

/** A height as providers vote for it; null for a height that has not come yet. */
export async function block(server: Server, height: bigint): Promise<form.ChainBlock | null> {
  const path = `${FINALITY}/blocks/${heightText(height)}`;
  const answer = await nullAt(server.get(path, v.object({ block: form.block })), ["finality", 1100]);
  if (!answer) return null;
  if (answer.block.height !== height) throw server.mismatch(path, "block.height", `${height}`);
  return answer.block;
}

/** Heights as providers vote for them. */
export function blocks(server: Server, status: BlockStatus = "ANY", paging?: Paging) {
  assertChoice(status, "status", BLOCK_STATUSES);
  const path = `${FINALITY}/blocks?status=${BLOCK_STATUS_NUMBERS[status]}`;
  return pagesOf(server, path, { blocks: form.list(form.block) }, (page) => page.blocks, paging);
}

/** The newest Bitcoin block that the chain knows. */
export async function tip(server: Server): Promise<form.LightClientHeader> {
  return (await server.get("babylon/btclightclient/v1/tip", v.object({ header: form.header }))).header;
}

/**
 * Headers of Bitcoin's chain as the light client has it: a block and those below it, the newest first.
 * @param hash of the first, as people write it
 * @returns null when the light client does not have it in its chain; fewer than `count` at its lowest header
 */
export async function headersFrom(
  server: Server,
  hash: string,
  count: number,
): Promise<readonly form.LightClientHeader[] | null> {
  assertInteger(count, "count", 1, MOST_HEADERS);
  const bytes = hex.decode(hash, 32, "hash").toReversed();
  const path = `babylon/btclightclient/v1/mainchain?pagination.limit=${count}&pagination.key=${encodeURIComponent(base64.encode(bytes))}`;
  const answer = await nullAt(
    server.get(path, v.object({ headers: form.list(form.header) })),
    ["grpc", INVALID_ARGUMENT],
    ["btclightclient", 1100],
  );
  if (!answer) return null;
  let expected = hex.encode(bytes.toReversed());
  for (const [i, { header, hash: stated }] of answer.headers.entries()) {
    const { hash: actual, previous } = parseHeader(header);
    if (i >= count || stated !== expected || hex.encode(actual.toReversed()) !== expected) {
      throw server.mismatch(path, `headers.${i}.hash_hex`, expected);
    }
    expected = hex.encode(previous.toReversed());
  }
  if (answer.headers.length === 0) throw server.mismatch(path, "headers", `the header ${hash}`);
  return answer.headers;
}

/** In one answer, by the chain. */
const MOST_HEADERS = 1000;
/** gRPC's code for what a server does not take: here a header that it does not know. */
const INVALID_ARGUMENT = 3;

/** The accounts that may report headers; none where everybody may; null where the server does not say. */
export async function headerReporters(server: Server): Promise<readonly string[] | null> {
  const { params } = await server.get(
    "babylon/btclightclient/v1/params",
    v.object({ params: v.looseObject({ insert_headers_allow_list: v.nullish(v.array(v.string())) }) }),
  );
  return params.insert_headers_allow_list ?? null;
}

/** How many Bitcoin blocks the chain knows above a block (its hash as people write it); null for an unknown one. */
export async function depth(server: Server, hash: string): Promise<number | null> {
  const path = `babylon/btclightclient/v1/depth/${textOf32(hash, "hash")}`;
  const answer = await nullAt(server.get(path, v.object({ depth: form.u32 })), ["btclightclient", 1100]);
  return answer && answer.depth;
}

/** Two votes of a provider for one height; null when there are none. */
export async function evidence(server: Server, key: Uint8Array): Promise<form.RawEvidence | null> {
  const name = keyText(key);
  const path = `${FINALITY}/finality_providers/${name}/evidence`;
  const answer = await nullAt(
    server.get(path, v.object({ evidence: form.evidence })),
    ["finality", 1110],
    ["finality", 1107],
  );
  if (!answer) return null;
  if (answer.evidence.fp_btc_pk_hex.toLowerCase() !== name) {
    throw server.mismatch(path, "evidence.fp_btc_pk_hex", name);
  }
  return answer.evidence;
}

/** Evidence from a height on. A provider is there once for each that the chain stored. */
export const evidences = (server: Server, startHeight = 0n, paging?: Paging) =>
  pagesOf(
    server,
    `${FINALITY}/evidences?start_height=${heightText(startHeight)}`,
    { evidences: form.list(form.evidence) },
    (page) => page.evidences,
    paging,
  );

/** How many votes a provider missed; null before it was active for the first time. */
export async function signingInfo(server: Server, key: Uint8Array): Promise<form.SigningInfo | null> {
  const name = keyText(key);
  const path = `${FINALITY}/signing_infos/${name}`;
  const answer = await nullAt(server.get(path, v.object({ signing_info: form.signingInfo })));
  if (!answer) return null;
  const info = answer.signing_info;
  if (hex.encode(info.provider) !== name) throw server.mismatch(path, "signing_info.fp_btc_pk_hex", name);
  return info;
}

export const signingInfos = (server: Server, paging?: Paging) =>
  pagesOf(
    server,
    `${FINALITY}/signing_infos`,
    { signing_infos: form.list(form.signingInfo) },
    (page) => page.signing_infos,
    paging,
  );

/** The parameters of Bitcoin checkpoints: depths in Bitcoin blocks, and the tag. */
export type CheckpointParams = Awaited<ReturnType<typeof checkpointParams>>;

/** How deep Bitcoin's blocks must be, and the tag of checkpoints in them. */
export async function checkpointParams(server: Server) {
  const answer = await server.get(
    "babylon/btccheckpoint/v1/params",
    v.object({
      params: v.object({
        btc_confirmation_depth: form.u32,
        checkpoint_finalization_timeout: form.u32,
        checkpoint_tag: form.hexadecimal,
      }),
    }),
  );
  const { btc_confirmation_depth, checkpoint_finalization_timeout, checkpoint_tag } = answer.params;
  return {
    confirmationDepth: btc_confirmation_depth,
    finalizationTimeout: checkpoint_finalization_timeout,
    tag: hex.decode(checkpoint_tag),
  };
}

/** The checkpoint of an epoch in the LCD's JSON. */
export type RawCheckpoint = NonNullable<Awaited<ReturnType<typeof rawCheckpoint>>>;

/** The checkpoint of an epoch, with its state: `CKPT_STATUS_SEALED` can be sent to Bitcoin. Null when there is none yet. */
export async function rawCheckpoint(server: Server, number: bigint) {
  const path = `babylon/checkpointing/v1/raw_checkpoint/${heightText(number)}`;
  const answer = await nullAt(
    server.get(
      path,
      v.object({
        raw_checkpoint: v.object({
          ckpt: v.object({
            epoch_num: form.u64,
            block_hash_hex: form.hex32,
            bitmap: form.bytes,
            bls_multi_sig: form.bytes,
          }),
          status: v.string(),
        }),
      }),
    ),
    ["checkpointing", 1201],
  );
  if (!answer) return null;
  const { ckpt, status } = answer.raw_checkpoint;
  if (ckpt.epoch_num !== number) throw server.mismatch(path, "raw_checkpoint.ckpt.epoch_num", `${number}`);
  return {
    epoch: number,
    blockHash: hex.decode(ckpt.block_hash_hex),
    bitmap: ckpt.bitmap,
    signature: ckpt.bls_multi_sig,
    status,
  };
}

/** Where the two transactions of a checkpoint are on Bitcoin, part 0 first. */
export interface Submission {
  /** The block's hash as people write it, and the index of the transaction. */
  readonly parts: readonly [SubmittedPart, SubmittedPart];
}
interface SubmittedPart {
  readonly blockHash: string;
  readonly index: number;
}

/** What was reported of the checkpoint of an epoch. */
export async function submissions(server: Server, number: bigint): Promise<readonly Submission[]> {
  const path = `babylon/btccheckpoint/v1/${heightText(number)}/submissions`;
  const key = v.object({
    first_tx_block_hash: form.lowerHex32,
    first_tx_index: form.u32,
    second_tx_block_hash: form.lowerHex32,
    second_tx_index: form.u32,
  });
  const { keys } = await server.get(path, v.object({ keys: form.list(key) }));
  return (keys ?? []).map((one) => ({
    parts: [
      { blockHash: one.first_tx_block_hash, index: one.first_tx_index },
      { blockHash: one.second_tx_block_hash, index: one.second_tx_index },
    ],
  }));
}

/** The last height of the newest epoch that is final on Bitcoin; 0 before there is one. */
export async function finalHeight(server: Server): Promise<bigint> {
  const answer = await nullAt(
    server.get(
      "babylon/checkpointing/v1/last_raw_checkpoint/CKPT_STATUS_FINALIZED",
      v.object({ raw_checkpoint: v.object({ epoch_num: form.u64 }) }),
    ),
    ["checkpointing", 1201],
  );
  const number = answer?.raw_checkpoint.epoch_num ?? 0n;
  // The genesis block is an epoch of its own.
  if (number === 0n) return 0n;
  const path = `babylon/epoching/v1/epochs/${number}`;
  const numbers = v.object({
    epoch_number: form.u64,
    current_epoch_interval: form.u64,
    first_block_height: form.u64,
  });
  const { epoch: found } = await server.get(path, v.object({ epoch: numbers }));
  if (found.epoch_number !== number) throw server.mismatch(path, "epoch.epoch_number", `${number}`);
  return found.first_block_height + found.current_epoch_interval - 1n;
}

/** The current epoch, and the last height of it. */
export async function epoch(server: Server): Promise<{ epoch: bigint; boundary: bigint }> {
  const answer = await server.get(
    "babylon/epoching/v1/current_epoch",
    v.object({ current_epoch: form.u64, epoch_boundary: form.u64 }),
  );
  return { epoch: answer.current_epoch, boundary: answer.epoch_boundary };
}

/** The height from which stakes counted; null before. */
export async function activatedHeight(server: Server): Promise<bigint | null> {
  const path = `${FINALITY}/activated_height`;
  const answer = await nullAt(server.get(path, v.object({ height: form.u64 })), ["finality", 1114]);
  return answer && answer.height;
}

/** The parameters of the finality module; heights are the chain's. */
export type FinalityParams = Awaited<ReturnType<typeof finalityParams>>;

/** The rules of voting: who votes, how late, how much randomness a commitment has, when a provider is jailed. */
export async function finalityParams(server: Server) {
  const { params } = await server.get(
    `${FINALITY}/params`,
    v.object({
      params: v.object({
        max_active_finality_providers: form.u32,
        signed_blocks_window: form.u64,
        finality_sig_timeout: form.u64,
        min_signed_per_window: form.decimal,
        min_pub_rand: form.u64,
        jail_duration: v.string(),
        finality_activation_height: form.u64,
      }),
    }),
  );
  return {
    maxActiveProviders: params.max_active_finality_providers,
    signedBlocksWindow: params.signed_blocks_window,
    signatureTimeout: params.finality_sig_timeout,
    /** A decimal number from 0 to 1. */
    minSignedPerWindow: params.min_signed_per_window,
    minRandomness: params.min_pub_rand,
    /** Such as `600s`. */
    jailDuration: params.jail_duration,
    activationHeight: params.finality_activation_height,
  };
}

function txidOf({ staking_tx_hex }: form.RawDelegation): string | null {
  try {
    return parseTransaction(hex.decode(staking_tx_hex)).getId();
  } catch {
    return null;
  }
}

function keyText(key: Uint8Array): string {
  assertBytes(key, "key", 32);
  return hex.encode(key);
}

const textOf32 = (text: string, name: string): string => hex.encode(hex.decode(text, 32, name));

function heightText(height: bigint): string {
  u64be(height, "height");
  return `${height}`;
}
