import {
  type ChainDelegation,
  expandedTxid,
  readChainDelegation,
  readChainStake,
} from "../babylon/lcd/delegation.js";
import {
  type ChainCommit,
  type ChainEvidence,
  type ChainProvider,
  readChainCommit,
  readChainEvidence,
  readChainProvider,
} from "../babylon/lcd/finality.js";
import { contextOf } from "../babylon/releases.js";
import { TapstakeError } from "../core/errors.js";
import type { Network } from "../core/network.js";
import { parseParamSet } from "../params/read.js";
import { paramSets } from "../params/sets.js";
import type { Release } from "../params/rules.js";
import type { ParamSet } from "../params/types.js";
import type { RawDelegation } from "./forms.js";
import type { Server } from "./lcd.js";
import type { Paging } from "./pages.js";
import * as query from "./queries.js";

/** What answers do not say, and reading them needs. */
export interface Reading {
  readonly chainId: string;
  /** That the chain stakes on; undefined for a chain that no shipped set is of. */
  readonly network: Network | undefined;
  readonly release: Release;
}

/** The parameters that stakes are read under. */
export interface ParamsChoice {
  /**
   * Your own copy of the chain's parameters. By default the server is asked for them: then one that lies about a stake
   * can lie about its parameters too.
   */
  readonly params?: ParamSet;
}

/** Every version of the chain's parameters. */
export async function paramSetOf(server: Server, { chainId, network }: Reading): Promise<ParamSet> {
  const versions: unknown[] = [];
  for await (const version of query.paramsVersions(server)) versions.push(version);
  const of = network ?? [...paramSets.values()].find((set) => set.chainId === chainId)?.network;
  if (of) return reading(server, () => parseParamSet(versions, { name: chainId, network: of, chainId }));
  const text = `no shipped set is of ${chainId}, so the Bitcoin network that it stakes on has to be given`;
  throw new TapstakeError("invalid-network", text, { chainId });
}

export async function delegation(
  server: Server,
  about: Reading,
  txid: string,
  choice: ParamsChoice = {},
): Promise<ChainDelegation | null> {
  const raw = await query.delegation(server, txid);
  return raw && (await verified(server, raw, choice.params ?? (await paramSetOf(server, about))));
}

export async function* delegations(
  server: Server,
  about: Reading,
  list: AsyncGenerator<RawDelegation, void, undefined>,
  choice: ParamsChoice = {},
): AsyncGenerator<ChainDelegation, void, undefined> {
  let { params } = choice;
  for await (const raw of list)
    yield await verified(server, raw, (params ??= await paramSetOf(server, about)));
}

async function verified(server: Server, raw: RawDelegation, params: ParamSet): Promise<ChainDelegation> {
  const txid = reading(server, () => expandedTxid(raw));
  if (txid === null) return reading(server, () => readChainDelegation(raw, { params }));
  const before = await query.delegation(server, txid);
  if (!before)
    throw server.mismatch("btc_delegation", "stk_exp.previous_staking_tx_hash_hex", "a known stake");
  return reading(server, () =>
    readChainDelegation(raw, { params, previous: readChainStake(before, { params }) }),
  );
}

export async function provider(server: Server, key: Uint8Array): Promise<ChainProvider | null> {
  const raw = await query.provider(server, key);
  return raw && reading(server, () => readChainProvider(raw));
}

export async function* providers(
  server: Server,
  paging?: Paging,
): AsyncGenerator<ChainProvider, void, undefined> {
  for await (const raw of query.providers(server, paging))
    yield reading(server, () => readChainProvider(raw));
}

export async function* commits(
  server: Server,
  key: Uint8Array,
  paging?: Paging,
): AsyncGenerator<ChainCommit, void, undefined> {
  for await (const { startHeight, commit } of query.commits(server, key, paging)) {
    yield reading(server, () => readChainCommit(`${startHeight}`, commit));
  }
}

export async function evidence(
  server: Server,
  about: Reading,
  key: Uint8Array,
): Promise<ChainEvidence | null> {
  const raw = await query.evidence(server, key);
  return raw && reading(server, () => readChainEvidence(raw, contextOfVotes(about)));
}

export async function* evidences(
  server: Server,
  about: Reading,
  startHeight?: bigint,
  paging?: Paging,
): AsyncGenerator<ChainEvidence, void, undefined> {
  const context = contextOfVotes(about);
  for await (const raw of query.evidences(server, startHeight, paging)) {
    yield reading(server, () => readChainEvidence(raw, context));
  }
}

const contextOfVotes = ({ chainId, release }: Reading) => contextOf("fp_fin_vote", chainId, release);

/** Reads an answer; an error names the server. */
function reading<T>({ url }: Server, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    const { code, message, details } = error;
    throw new TapstakeError(code, `${url}: ${message}`, { ...details, url }, { cause: error });
  }
}
