import { base64 } from "@scure/base";
import { checkpointOf } from "../babylon/checkpoint.js";
import type { NamedMessage } from "../babylon/messages.js";
import { checkRules } from "../babylon/rules/check.js";
import { isSameAccount } from "../babylon/rules/shared.js";
import type { ChainState, CheckpointState, CommitmentState, HeaderState } from "../babylon/rules/types.js";
import { HEADER_LENGTH, parseHeader } from "../bitcoin/header.js";
import { parseTransaction, txidOf } from "../bitcoin/transaction.js";
import { equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { hash256 } from "../core/hashes.js";
import type { Network } from "../core/network.js";
import type { Delegation } from "../delegation/delegation.js";
import { publicKeyOf } from "../core/keys.js";
import type { Release } from "../params/rules.js";
import { parseParamSet } from "../params/read.js";
import { paramSets } from "../params/sets.js";
import type { ParamSet } from "../params/types.js";
import type { PreviousStake } from "../stake/expansion.js";
import type { BabylonChain } from "./client.js";
import { delegationState, providerState } from "./states.js";

/** What {@link chainState} takes. */
export interface ChainStateOptions {
  /** The release whose rules are meant: that of the server by default. */
  readonly release?: Release;
  /** What a server does not say, or says in part. */
  readonly records?: MessageRecords;
  /** Rules that are passed over, as for `checkRules`. */
  readonly except?: readonly string[];
}

/** The records that a message is about, as far as the caller has them. */
export interface MessageRecords {
  /** The Bitcoin network: by default that of the published chain of this id. */
  readonly network?: Network | undefined;
  /** The registered stake. */
  readonly delegation?: Delegation | undefined;
  /** Of an expansion, the stake that it expands. */
  readonly previous?: PreviousStake | undefined;
  /** The header of the block in an inclusion proof, 80 bytes. */
  readonly header?: Uint8Array | undefined;
}

/**
 * Asks the chain for what {@link checkRules} has to know about a message: each fact that a rule lists as `unchecked`.
 * Facts that no server says stay away, and their rules stay unchecked.
 * @throws TapstakeError `wrong-chain`, and the codes of the client's questions; `unsupported-by-release` when no
 * release is given and the server's is not known
 * @example checkRules("v4", named, await chainState(chain, named))
 */
export async function chainState(
  chain: BabylonChain,
  named: NamedMessage,
  { release, records = {}, except = [] }: ChainStateOptions = {},
): Promise<ChainState> {
  const network = records.network ?? networkOf(chain.chainId);
  // Another chain's facts say nothing of this one: such a server is refused.
  const served = await chain.release().catch((error: unknown) => {
    if (release !== undefined && isUnknownRelease(error)) return release;
    throw error;
  });
  const asked = new Set<string>();
  const about = { chain, named, network, records };
  const state: ChainState = { chainId: chain.chainId, ...(network && { network }) };
  for (;;) {
    const { unchecked } = checkRules(release ?? served, named, state, { except });
    const names = new Set(unchecked.flatMap(({ needs }) => needs.map((fact) => fact.split(".")[0]!)));
    const next = [...names].filter((name) => !asked.has(name)) as (keyof ChainState)[];
    if (next.length === 0) return state;
    for (const name of next) {
      asked.add(name);
      const facts = await ASK[name]?.(about);
      Object.assign(state, facts);
    }
  }
}

const isUnknownRelease = (error: unknown) =>
  error instanceof TapstakeError && error.code === "unsupported-by-release";

const networkOf = (chainId: string): Network | undefined =>
  [...paramSets.values()].find((set) => set.chainId === chainId)?.network;

interface About {
  readonly chain: BabylonChain;
  readonly named: NamedMessage;
  readonly network: Network | undefined;
  readonly records: MessageRecords;
}

/** The question behind each fact of a state; what none stands for, no server says. */
const ASK: {
  readonly [Name in keyof ChainState]?: (about: About) => Promise<ChainState | undefined>;
} = {
  chainHeight: newestBlock,
  chainTime: newestBlock,
  btcTip: async ({ chain }) => {
    const { height, hash, work } = await chain.tip();
    return {
      btcTip: { height, hash: hex.decode(hash).toReversed(), ...(work !== undefined && { work }) },
    };
  },
  confirmationDepth: checkpointing,
  finalizationTimeout: checkpointing,
  params: async ({ chain, network }) =>
    network === undefined ? undefined : { params: await paramsOf(chain, network) },
  inclusionBlock,
  provider,
  accountHasProvider: async ({ chain, named }) => {
    if (named.name !== "MsgCreateFinalityProvider") return undefined;
    for await (const { addr } of chain.raw.providers()) {
      if (isSameAccount(addr, named.message.addr)) return { accountHasProvider: true };
    }
    return { accountHasProvider: false };
  },
  stakeKnown: async ({ chain, named }) => {
    const txid = "stakingTx" in named.message ? txidIn(named.message.stakingTx) : undefined;
    return txid === undefined ? undefined : { stakeKnown: (await chain.raw.delegation(txid)) !== null };
  },
  allowList: async ({ chain }) => {
    const { height } = await chain.latestBlock();
    let expiration = 0n;
    for await (const { params } of chain.raw.params()) {
      expiration = BigInt(`${(params["allow_list_expiration_height"] as string | number | undefined) ?? 0}`);
    }
    // Which stakes are on it, no question says.
    return height >= expiration ? { allowList: null } : undefined;
  },
  delegation: async ({ chain, named, records }) => {
    const txid = stakeOf(named);
    if (txid === undefined) return undefined;
    return { delegation: await delegationState(chain, txid, records.delegation) };
  },
  previous: async ({ chain, named, records }) => {
    const txid = await previousOf(chain, named);
    if (txid === undefined) return undefined;
    return { previous: await delegationState(chain, txid, records.previous) };
  },
  fundingIsStake: async ({ chain, named }) => {
    if (named.name !== "MsgBtcStakeExpand") return undefined;
    const input = readTransaction(named.message.stakingTx)?.ins[1];
    if (!input) return undefined;
    const stake = await chain.raw.delegation(txidOf(input.hash));
    return { fundingIsStake: stake !== null && Number(stake.staking_output_idx) === input.index };
  },
  expansionChild: async ({ chain, named }) => {
    const txid = named.name === "MsgBTCUndelegate" ? txidIn(named.message.stakeSpendingTx) : undefined;
    if (txid === undefined) return undefined;
    return { expansionChild: await delegationState(chain, txid, undefined as Delegation | undefined) };
  },
  finalityActivationHeight: voting,
  minPubRand: voting,
  lastCommittedHeight: async ({ chain, named }) => {
    if (named.name !== "MsgCommitPubRandList") return undefined;
    for await (const { startHeight, commit } of chain.raw.commits(named.message.fpBtcPk, { pageSize: 1 })) {
      return { lastCommittedHeight: startHeight + BigInt(commit.num_pub_rand) - 1n };
    }
    return { lastCommittedHeight: null };
  },
  commitment: async ({ chain, named }) =>
    named.name === "MsgAddFinalitySig"
      ? { commitment: await commitmentAt(chain, named.message.fpBtcPk, named.message.blockHeight) }
      : undefined,
  votedBlock: async ({ chain, named }) => {
    if (named.name !== "MsgAddFinalitySig") return undefined;
    const block = await chain.block(named.message.blockHeight);
    return { votedBlock: block && { appHash: block.appHash, finalized: block.finalized } };
  },
  power: async ({ chain, named }) =>
    named.name === "MsgAddFinalitySig"
      ? { power: await chain.powerAt(named.message.fpBtcPk, named.message.blockHeight) }
      : undefined,
  storedVote: async ({ chain, named }) => {
    if (named.name !== "MsgAddFinalitySig") return undefined;
    const { fpBtcPk, blockHeight } = named.message;
    const hasVoted = (await chain.votesAt(blockHeight)).some((key) => equalBytes(key, fpBtcPk));
    // The chain names who voted, and not the signature.
    return hasVoted ? undefined : { storedVote: null };
  },
  headerReporters: async ({ chain }) => {
    const reporters = await chain.headerReporters();
    return reporters ? { headerReporters: reporters } : undefined;
  },
  headers,
  checkpoint,
};

async function newestBlock({ chain }: About): Promise<ChainState> {
  const { height, time } = await chain.latestBlock();
  return { chainHeight: height, chainTime: time };
}

async function checkpointing({ chain }: About): Promise<ChainState> {
  const { confirmationDepth, finalizationTimeout } = await chain.checkpointParams();
  return { confirmationDepth, finalizationTimeout };
}

async function voting({ chain }: About): Promise<ChainState> {
  const { activationHeight, minRandomness } = await chain.finalityParams();
  return { finalityActivationHeight: activationHeight, minPubRand: minRandomness };
}

/** All versions, from the first on and without a gap. */
async function paramsOf(chain: BabylonChain, network: Network): Promise<ParamSet> {
  const found = [];
  for await (const each of chain.raw.params()) found.push(each);
  found.sort((a, b) => a.version - b.version);
  const gap = found.findIndex(({ version }, i) => version !== i);
  if (gap >= 0 || found.length === 0) {
    const text = `${chain.url}: its versions of the parameters do not begin at 0, or leave one out`;
    throw new TapstakeError("unexpected-answer", text, { url: chain.url, field: "params", reason: "form" });
  }
  const { chainId } = chain;
  return parseParamSet(
    found.map(({ params }) => params),
    { name: chainId, network, chainId },
  );
}

/** Where the block of an inclusion proof stands; its header is the caller's, if it is the right one. */
async function inclusionBlock({
  chain,
  named: { message },
  records: { header },
}: About): Promise<ChainState | undefined> {
  const inclusion =
    "stakingTxInclusionProof" in message
      ? message.stakingTxInclusionProof
      : "stakeSpendingTxInclusionProof" in message
        ? message.stakeSpendingTxInclusionProof
        : undefined;
  if (!inclusion) return undefined;
  const { hash } = inclusion.key;
  const height = await heightOf(chain, hash);
  if (height === null) return { inclusionBlock: null };
  const isRight = header?.length === HEADER_LENGTH && equalBytes(hash256(header), hash);
  return { inclusionBlock: { height, ...(isRight && { header }) } };
}

/** The height of a Bitcoin block that the chain knows. @param hash in internal byte order */
async function heightOf(chain: BabylonChain, hash: Uint8Array): Promise<number | null> {
  const name = hex.encode(hash.toReversed());
  for (;;) {
    const before = await chain.tip();
    const depth = await chain.depth(name);
    if (depth === null) return null;
    // Between two questions, the tip can be another one.
    if ((await chain.tip()).hash === before.hash) return before.height - depth;
  }
}

async function provider({ chain, named }: About): Promise<ChainState | undefined> {
  const keys = providersIn(named);
  const isUnjailing = named.name === "MsgUnjailFinalityProvider";
  const found = await Promise.all(keys.map((key) => providerState(chain, key, isUnjailing)));
  if (found.length === 0) return undefined;
  // One that is missing or slashed refuses the message, whatever the others are.
  const refusing = found.find((each) => each === null || each.slashed);
  return { provider: refusing === undefined ? found[0]! : refusing };
}

function providersIn({ name, message }: NamedMessage): readonly Uint8Array[] {
  switch (name) {
    case "MsgCreateFinalityProvider":
    case "MsgEditFinalityProvider":
      return [message.btcPk];
    case "MsgCreateBTCDelegation":
    case "MsgBtcStakeExpand":
      return message.fpBtcPkList;
    case "MsgCommitPubRandList":
    case "MsgAddFinalitySig":
    case "MsgUnjailFinalityProvider":
      return [message.fpBtcPk];
    case "MsgSelectiveSlashingEvidence":
      return [publicKeyOf(message.recoveredFpBtcSk)];
    case "MsgEquivocationEvidence":
      return [hex.decode(message.fpBtcPkHex, 32, "fpBtcPkHex")];
    default:
      return [];
  }
}

/** The txid of the registered stake that a message is about. */
function stakeOf({ name, message }: NamedMessage): string | undefined {
  switch (name) {
    case "MsgAddBTCDelegationInclusionProof":
    case "MsgBTCUndelegate":
    case "MsgAddCovenantSigs":
      return message.stakingTxHash.toLowerCase();
    default:
      return undefined;
  }
}

/** The txid of the stake that is expanded. */
async function previousOf(chain: BabylonChain, named: NamedMessage): Promise<string | undefined> {
  if (named.name === "MsgBtcStakeExpand") return named.message.previousStakingTxHash.toLowerCase();
  const txid = stakeOf(named);
  const stake = txid === undefined ? null : await chain.raw.delegation(txid);
  return stake?.stk_exp?.previous_staking_tx_hash_hex.toLowerCase();
}

async function commitmentAt(
  chain: BabylonChain,
  key: Uint8Array,
  height: bigint,
): Promise<CommitmentState | null> {
  for await (const { startHeight, commit } of chain.raw.commits(key)) {
    const count = BigInt(commit.num_pub_rand);
    if (height >= startHeight + count) return null;
    if (height < startHeight) continue;
    const epochFinal = await isFinal(chain, BigInt(commit.epoch_num));
    return { startHeight, count, root: base64.decode(commit.commitment), epochFinal };
  }
  return null;
}

const isFinal = async (chain: BabylonChain, epoch: bigint): Promise<boolean> =>
  (await chain.rawCheckpoint(epoch))?.status === "CKPT_STATUS_FINALIZED";

async function headers({ chain, named }: About): Promise<ChainState | undefined> {
  if (named.name !== "MsgInsertHeaders") return undefined;
  const [first] = named.message.headers;
  if (first?.length !== HEADER_LENGTH) return undefined;
  const { hash, previous } = parseHeader(first);
  const parentHeight = await heightOf(chain, previous);
  const tip = await chain.tip();
  const isTip = tip.hash === hex.encode(previous.toReversed());
  const found: HeaderState = {
    firstKnown: (await heightOf(chain, hash)) !== null,
    parentKnown: parentHeight !== null,
    ...(parentHeight !== null && { parentHeight }),
    ...(isTip && tip.work !== undefined && { parentWork: tip.work }),
  };
  return { headers: found };
}

async function checkpoint({ chain, named }: About): Promise<ChainState | undefined> {
  if (named.name !== "MsgInsertBTCSpvProof") return undefined;
  const { proofs } = named.message;
  const { tag } = await chain.checkpointParams();
  const heights = await Promise.all(
    proofs.map(({ confirmingBtcHeader }) => heightOf(chain, parseHeader(confirmingBtcHeader).hash)),
  );
  const [first, second] = proofs.map(({ btcTransaction }) => readTransaction(btcTransaction));
  const read = first && second && checkpointOf(first, second);
  const own = read ? await chain.rawCheckpoint(read.epoch) : null;
  const found: CheckpointState = {
    tag,
    headersKnown: heights.every((height) => height !== null),
    ...(own && { blockHash: own.blockHash, epochFinal: own.status === "CKPT_STATUS_FINALIZED" }),
  };
  return { checkpoint: found };
}

const txidIn = (bytes: Uint8Array): string | undefined => readTransaction(bytes)?.getId();

/** Undefined for bytes that are no transaction: a rule refuses them. */
function readTransaction(bytes: Uint8Array) {
  try {
    return parseTransaction(bytes);
  } catch {
    return undefined;
  }
}
