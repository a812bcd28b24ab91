import type { ChainDelegation } from "../babylon/lcd/delegation.js";
import type { ChainCommit, ChainEvidence, ChainProvider } from "../babylon/lcd/finality.js";
import type { AnyMessage } from "../babylon/messages.js";
import { DEFAULT_TIMEOUT } from "../chain/http.js";
import { TapstakeError } from "../core/errors.js";
import type { Network } from "../core/network.js";
import { NEWEST_RELEASE, type Release, RELEASES } from "../params/rules.js";
import type { ParamSet } from "../params/types.js";
import type {
  ChainBlock,
  LightClientHeader,
  RawCommit,
  RawDelegation,
  RawEvidence,
  RawParamsVersion,
  RawProvider,
  SigningInfo,
} from "./forms.js";
import { type Clock, createServer, type Server } from "./lcd.js";
import {
  account,
  type ChainAccount,
  type ChainTransaction,
  latestBlock,
  latestHeight,
  type NodeInfo,
  nodeInfo,
  transaction,
} from "./node.js";
import type { Paging } from "./pages.js";
import * as query from "./queries.js";
import * as typed from "./typed.js";
import { checkedSend, inTurn, send, type SendOptions, type SentTransaction } from "./send.js";
import type { DirectSigner } from "./signer.js";

/** The servers and the chain that a client speaks to. */
export interface BabylonOptions {
  /** The LCD (REST) server of a node, for example `https://host/api`. */
  readonly lcd: string;
  /** The CometBFT RPC server of a node: transactions are handed in there, where it is given. */
  readonly rpc?: string;
  /** For example `bbn-1`. */
  readonly chainId: string;
  /** The Bitcoin network that it stakes on: by default that of the shipped parameters of the chain. */
  readonly network?: Network;
  /** Of the chain's messages and errors: `v4` by default. Also of a server that does not state its version. */
  readonly release?: Release;
  /** How long to wait for an answer, in milliseconds: 30000 by default. */
  readonly timeout?: number;
  /** The most bytes of an answer: 16 MiB by default. */
  readonly maxAnswer?: number;
  /** How often to look for a transaction, in milliseconds: 2000 by default. */
  readonly pollInterval?: number;
  /** Time: that of the system by default. */
  readonly clock?: Clock;
}

/** The JSON of the chain, with its form checked, and nothing else of it. The reader of a list asks page by page. */
export interface RawQueries {
  params(paging?: Paging): AsyncGenerator<RawParamsVersion, void, undefined>;
  delegation(txid: string): Promise<RawDelegation | null>;
  delegations(of: DelegationsOf, paging?: Paging): AsyncGenerator<RawDelegation, void, undefined>;
  provider(key: Uint8Array): Promise<RawProvider | null>;
  providers(paging?: Paging): AsyncGenerator<RawProvider, void, undefined>;
  commits(
    key: Uint8Array,
    paging?: Paging,
  ): AsyncGenerator<{ readonly startHeight: bigint; readonly commit: RawCommit }, void, undefined>;
  evidence(key: Uint8Array): Promise<RawEvidence | null>;
  evidences(startHeight?: bigint, paging?: Paging): AsyncGenerator<RawEvidence, void, undefined>;
}

/** Delegations in a state, or to a provider. */
export type DelegationsOf = { readonly status: query.DelegationStatus } | { readonly provider: Uint8Array };

/**
 * Questions to the chain. Keys are x-only, of 32 bytes. Heights of the chain are bigints, those of Bitcoin are numbers.
 * Hashes are text, as people write them. The reader of a list asks for the next page when it comes to it. Everything
 * throws `node-unreachable`, `unexpected-answer`, `node-error` and `chain-refused`; what is read from an answer also
 * throws the codes of its reader, with the field in `details.path`.
 */
export interface BabylonQueries {
  /** The answers as they are, in place of what is read from them. */
  readonly raw: RawQueries;
  /** Every version of the parameters. @throws TapstakeError `invalid-network`, and the codes of `parseParamSet` */
  params(): Promise<ParamSet>;
  /** A stake, verified. Of an expansion the stake before it is asked for too. @throws as `readChainDelegation` */
  delegation(txid: string, params?: typed.ParamsChoice): Promise<ChainDelegation | null>;
  /** Stakes, each verified: the first that is not right ends the list. */
  delegations(
    of: DelegationsOf,
    paging?: Paging,
    params?: typed.ParamsChoice,
  ): AsyncGenerator<ChainDelegation, void, undefined>;
  provider(key: Uint8Array): Promise<ChainProvider | null>;
  providers(paging?: Paging): AsyncGenerator<ChainProvider, void, undefined>;
  commits(key: Uint8Array, paging?: Paging): AsyncGenerator<ChainCommit, void, undefined>;
  evidence(key: Uint8Array): Promise<ChainEvidence | null>;
  evidences(startHeight?: bigint, paging?: Paging): AsyncGenerator<ChainEvidence, void, undefined>;
  powerAt(key: Uint8Array, height: bigint): Promise<bigint>;
  power(key: Uint8Array): Promise<{ readonly height: bigint; readonly power: bigint }>;
  votesAt(height: bigint): Promise<readonly Uint8Array[]>;
  block(height: bigint): Promise<ChainBlock | null>;
  blocks(status?: query.BlockStatus, paging?: Paging): AsyncGenerator<ChainBlock, void, undefined>;
  tip(): Promise<LightClientHeader>;
  depth(hash: string): Promise<number | null>;
  /** A Bitcoin header and those below it, the newest first; null when the chain does not know it. At most 1000. */
  headers(hash: string, count: number): Promise<readonly LightClientHeader[] | null>;
  signingInfo(key: Uint8Array): Promise<SigningInfo | null>;
  signingInfos(paging?: Paging): AsyncGenerator<SigningInfo, void, undefined>;
  checkpointParams(): Promise<query.CheckpointParams>;
  rawCheckpoint(epoch: bigint): Promise<query.RawCheckpoint | null>;
  /** Where Bitcoin has the checkpoint of an epoch, as far as it was reported. */
  submissions(epoch: bigint): Promise<readonly query.Submission[]>;
  /** The last height of the newest epoch that is final on Bitcoin; 0 before there is one. */
  finalHeight(): Promise<bigint>;
  epoch(): Promise<{ readonly epoch: bigint; readonly boundary: bigint }>;
  activatedHeight(): Promise<bigint | null>;
  finalityParams(): Promise<query.FinalityParams>;
  /** The accounts that may report headers; none where everybody may; null where the server does not say. */
  headerReporters(): Promise<readonly string[] | null>;
  account(address: string): Promise<ChainAccount | null>;
  transaction(txhash: string): Promise<ChainTransaction | null>;
}

/** The staking chain, by one of its servers. */
export interface BabylonChain extends BabylonQueries {
  /** The LCD server, without credentials. */
  readonly url: string;
  readonly chainId: string;
  /** The same questions about the state of a height. Most servers keep few: an older one is refused. */
  at(height: bigint): BabylonQueries;
  node(): Promise<NodeInfo>;
  /**
   * The release that the server runs. Where its version is not known or not stated, as with programs that were built from
   * source, it is the `release` of the options.
   * @throws TapstakeError `wrong-chain`; `unsupported-by-release` without that
   */
  release(): Promise<Release>;
  /** The newest height of the server. */
  height(): Promise<bigint>;
  /** The newest block whose state the server answers from. */
  latestBlock(): Promise<{ readonly height: bigint; readonly time: Date }>;
  /**
   * Simulates, signs and sends messages as one transaction, and waits until it is in a block. What is sent for an account
   * waits for what was sent before.
   * @param messages of one account, which the signer has
   * @throws TapstakeError before a signature `invalid-argument`, `not-in-release`, `refund-lost`, `account-mismatch`, `wrong-chain`,
   * `node-catching-up`, `account-not-found`, `gas-above-limit`, `fee-above-limit`, `chain-refused`; by the signer
   * `signer-failed`, `transaction-changed`, `invalid-signature`; after a signature only `chain-refused`,
   * `transaction-expired` (send again) and `outcome-unknown` (do not)
   */
  send(messages: readonly AnyMessage[], signer: DirectSigner, options: SendOptions): Promise<SentTransaction>;
}

const MAX_ANSWER = 16 * 1024 * 1024;
const POLL_INTERVAL = 2000;

const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds) => new Promise((resolve) => void setTimeout(resolve, milliseconds)),
};

/**
 * A client of the staking chain. It keeps no secret and opens no connection until it is asked.
 * @throws TapstakeError `node-unreachable` when a URL is none
 */
export function babylonChain(options: BabylonOptions): BabylonChain {
  const {
    chainId,
    network,
    release = NEWEST_RELEASE,
    timeout = DEFAULT_TIMEOUT,
    maxAnswer = MAX_ANSWER,
  } = options;
  const { clock = SYSTEM_CLOCK, pollInterval = POLL_INTERVAL } = options;
  const server = (url: string) => createServer({ url, timeout, limit: maxAnswer, clock, release });
  const lcd = server(options.lcd);
  const rpc = options.rpc === undefined ? undefined : server(options.rpc);
  const sending = { lcd, rpc, chainId, release, clock, pollInterval };
  const about = { chainId, network, release };
  return {
    ...queriesOf(lcd, about),
    url: lcd.url,
    chainId,
    at: (height) => queriesOf(lcd.at(height), about),
    node: () => nodeInfo(lcd),
    async release() {
      const info = await nodeInfo(lcd);
      if (info.chainId !== chainId) {
        const text = `${lcd.url} is a server of ${info.chainId}, not of ${chainId}`;
        throw new TapstakeError("wrong-chain", text, { expected: chainId, got: info.chainId });
      }
      const runs = info.release ?? options.release;
      if (runs) return runs;
      const { version } = info;
      const what =
        version === ""
          ? "does not state the version of the chain that it runs"
          : `runs version ${version} of the chain, which tapstake does not know`;
      const text = `${lcd.url} ${what}. Do: name its release, one of ${RELEASES.join(", ")}`;
      throw new TapstakeError("unsupported-by-release", text, { version });
    },
    height: () => latestHeight(lcd),
    latestBlock: () => latestBlock(lcd),
    async send(messages, signer, how) {
      const by = await checkedSend(messages, signer, release, how);
      return inTurn(`${chainId} ${by.address}`, () => send(sending, messages, signer, by, how));
    },
  };
}

function queriesOf(lcd: Server, about: typed.Reading): BabylonQueries {
  const raw = rawQueriesOf(lcd);
  return {
    raw,
    params: () => typed.paramSetOf(lcd, about),
    delegation: (txid, params) => typed.delegation(lcd, about, txid, params),
    delegations: (of, paging, params) => typed.delegations(lcd, about, raw.delegations(of, paging), params),
    provider: (key) => typed.provider(lcd, key),
    providers: (paging) => typed.providers(lcd, paging),
    commits: (key, paging) => typed.commits(lcd, key, paging),
    evidence: (key) => typed.evidence(lcd, about, key),
    evidences: (startHeight, paging) => typed.evidences(lcd, about, startHeight, paging),
    powerAt: (key, height) => query.powerAt(lcd, key, height),
    power: (key) => query.power(lcd, key),
    votesAt: (height) => query.votesAt(lcd, height),
    block: (height) => query.block(lcd, height),
    blocks: (status, paging) => query.blocks(lcd, status, paging),
    tip: () => query.tip(lcd),
    depth: (hash) => query.depth(lcd, hash),
    headers: (hash, count) => query.headersFrom(lcd, hash, count),
    signingInfo: (key) => query.signingInfo(lcd, key),
    signingInfos: (paging) => query.signingInfos(lcd, paging),
    checkpointParams: () => query.checkpointParams(lcd),
    rawCheckpoint: (epoch) => query.rawCheckpoint(lcd, epoch),
    submissions: (epoch) => query.submissions(lcd, epoch),
    finalHeight: () => query.finalHeight(lcd),
    epoch: () => query.epoch(lcd),
    activatedHeight: () => query.activatedHeight(lcd),
    finalityParams: () => query.finalityParams(lcd),
    headerReporters: () => query.headerReporters(lcd),
    account: (address) => account(lcd, address),
    transaction: (txhash) => transaction(lcd, txhash),
  };
}

const rawQueriesOf = (lcd: Server): RawQueries => ({
  params: (paging) => query.paramsVersions(lcd, paging),
  delegation: (txid) => query.delegation(lcd, txid),
  delegations: (of, paging) =>
    "status" in of
      ? query.delegationsByStatus(lcd, of.status, paging)
      : query.delegationsByProvider(lcd, of.provider, paging),
  provider: (key) => query.provider(lcd, key),
  providers: (paging) => query.providers(lcd, paging),
  commits: (key, paging) => query.commits(lcd, key, paging),
  evidence: (key) => query.evidence(lcd, key),
  evidences: (startHeight, paging) => query.evidences(lcd, startHeight, paging),
});
