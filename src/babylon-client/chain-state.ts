import { base64 } from "@scure/base";
import type { NamedMessage } from "../babylon/messages.js";
import { checkRules } from "../babylon/rules/check.js";
import { isSameAccount } from "../babylon/rules/shared.js";
import type { ChainState, CommitmentState } from "../babylon/rules/types.js";
import { txidOf } from "../bitcoin/transaction.js";
import { equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { publicKeyOf } from "../core/keys.js";
import type { Network } from "../core/network.js";
import type { Release } from "../params/rules.js";
import { paramSets } from "../params/sets.js";
import type { ParamSet } from "../params/types.js";
import { checkpoint, headers, inclusionBlock, readTransaction } from "./bitcoin-states.js";
import type { BabylonChain } from "./client.js";
import {
  type About,
  delegationState,
  type MessageRecords,
  paramsOf,
  previousState,
  providerState,
} from "./states.js";

export type { MessageRecords } from "./states.js";

/** What {@link chainState} takes. */
export interface ChainStateOptions {
  /** The release whose rules are meant: that of the server by default. */
  readonly release?: Release;
  /** What a server does not say, or says in part. */
  readonly records?: MessageRecords;
  /** Rules that are passed over, as for `checkRules`. */
  readonly except?: readonly string[];
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
  const known: { params?: Promise<ParamSet> } = {};
  const params = async () =>
    network === undefined ? undefined : await (known.params ??= paramsOf(chain, network));
  const about: About = { chain, named, records, params };
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
  params: async ({ params }) => {
    const set = await params();
    return set && { params: set };
  },
  maxFinalityProviders: async ({ chain }) => {
    let most: number | undefined;
    for await (const { params } of chain.raw.params()) {
      most = Number(params["max_finality_providers"] ?? Number.NaN);
    }
    return Number.isSafeInteger(most) ? { maxFinalityProviders: most! } : undefined;
  },
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
  delegation: async ({ chain, named, records, params }) => {
    const txid = stakeOf(named);
    if (txid === undefined) return undefined;
    return { delegation: await delegationState(chain, txid, { known: records.delegation, params }) };
  },
  previous: async ({ chain, named, records, params }) => {
    const txid = await previousOf(chain, named);
    if (txid === undefined) return undefined;
    return { previous: await previousState(chain, txid, { known: records.previous, params }) };
  },
  fundingIsStake: async ({ chain, named }) => {
    if (named.name !== "MsgBtcStakeExpand") return undefined;
    const input = readTransaction(named.message.stakingTx)?.ins[1];
    if (!input) return undefined;
    const stake = await chain.raw.delegation(txidOf(input.hash));
    return { fundingIsStake: stake !== null && Number(stake.staking_output_idx) === input.index };
  },
  expansionChild: async ({ chain, named, params }) => {
    const txid = named.name === "MsgBTCUndelegate" ? txidIn(named.message.stakeSpendingTx) : undefined;
    if (txid === undefined) return undefined;
    return { expansionChild: await delegationState(chain, txid, { known: undefined, params }) };
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
    const { blockHeight } = named.message;
    const block = await chain.block(blockHeight);
    if (!block) return { votedBlock: null };
    const { appHash, finalized } = block;
    return { votedBlock: { appHash, finalized, epochFinal: blockHeight <= (await chain.finalHeight()) } };
  },
  power: async ({ chain, named }) => {
    if (named.name !== "MsgAddFinalitySig") return undefined;
    const { fpBtcPk, blockHeight } = named.message;
    // The chain has no power of a provider that it does not know.
    const isKnown = (await chain.raw.provider(fpBtcPk)) !== null;
    return { power: isKnown ? await chain.powerAt(fpBtcPk, blockHeight) : 0n };
  },
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

/** The epoch of the genesis block needs no checkpoint. */
const isFinal = async (chain: BabylonChain, epoch: bigint): Promise<boolean> =>
  epoch === 0n || (await chain.rawCheckpoint(epoch))?.status === "CKPT_STATUS_FINALIZED";

const txidIn = (bytes: Uint8Array): string | undefined => readTransaction(bytes)?.getId();
