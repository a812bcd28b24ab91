import type { BabylonChain } from "../../src/babylon-client/index.js";
import type { NamedMessage } from "../../src/babylon/messages.js";
import type {
  BtcBlock,
  ChainState,
  CommitmentState,
  DelegationState,
  ProviderState,
} from "../../src/babylon/rules/types.js";
import type { InclusionProof } from "../../src/babylon/inclusion.js";
import { parseHeader } from "../../src/bitcoin/header.js";
import { parseTransaction, txidOf } from "../../src/bitcoin/transaction.js";
import type { Rpc } from "../../src/chain/index.js";
import { parseRate } from "../../src/core/amount.js";
import { equalBytes, hex } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { regtest } from "../../src/params/data/regtest.js";
import { COMMISSION_DECIMALS } from "../../src/params/types.js";
import { base64 } from "@scure/base";

/** Whom to ask for what `checkRules` needs to know. */
export interface Sources {
  readonly chain: BabylonChain;
  readonly rpc: Rpc;
  /** Stakes that were registered, by txid, with the light client's tip at that time, which the chain does not say. */
  readonly stakes: ReadonlyMap<string, { readonly delegation: Delegation; readonly btcTip: number }>;
  /** Votes that were sent, by provider and height: the chain says who voted, and not how. */
  readonly votes: ReadonlyMap<string, Uint8Array>;
  readonly chainTime: Date;
}

/** The facts of the chain that the rules of a message need, all of them asked for. */
export async function factsFor(sources: Sources, named: NamedMessage): Promise<ChainState> {
  const { chain, chainTime } = sources;
  const [tip, checkpointing, finality, chainHeight] = await Promise.all([
    chain.tip(),
    chain.checkpointParams(),
    chain.finalityParams(),
    chain.height(),
  ]);
  const common: ChainState = {
    chainId: chain.chainId,
    network: "regtest",
    chainHeight,
    chainTime,
    btcTip: { height: tip.height, hash: hex.decode(tip.hash).toReversed() },
    confirmationDepth: checkpointing.confirmationDepth,
    finalizationTimeout: checkpointing.finalizationTimeout,
    params: regtest,
    finalityActivationHeight: finality.activationHeight,
    minPubRand: finality.minRandomness,
    headerReporters: [],
  };
  return { ...common, ...(await factsOf(sources, named, checkpointing.tag)) };
}

async function factsOf(sources: Sources, named: NamedMessage, tag: Uint8Array): Promise<ChainState> {
  const { chain } = sources;
  switch (named.name) {
    case "MsgInsertHeaders":
      return headerFacts(sources, named.message.headers);
    case "MsgInsertBTCSpvProof":
      return checkpointFacts(sources, named.message, tag);
    case "MsgCreateFinalityProvider": {
      const providers: string[] = [];
      for await (const { addr } of chain.raw.providers()) providers.push(addr);
      const accountHasProvider = providers.includes(named.message.addr);
      return { ...(await providerFacts(sources, named.message.btcPk)), accountHasProvider };
    }
    case "MsgEditFinalityProvider":
      return providerFacts(sources, named.message.btcPk);
    case "MsgUnjailFinalityProvider":
      return providerFacts(sources, named.message.fpBtcPk);
    case "MsgSelectiveSlashingEvidence":
      return providerFacts(sources, publicKeyOf(named.message.recoveredFpBtcSk));
    case "MsgCommitPubRandList": {
      const [last] = await commitmentsOf(sources, named.message.fpBtcPk);
      return {
        ...(await providerFacts(sources, named.message.fpBtcPk)),
        lastCommittedHeight: last ? last.startHeight + last.count - 1n : null,
      };
    }
    case "MsgAddFinalitySig":
      return voteFacts(sources, named.message);
    case "MsgCreateBTCDelegation":
      return {
        ...(await providerFacts(sources, named.message.fpBtcPkList[0])),
        ...(await blockFacts(sources, named.message.stakingTxInclusionProof)),
        stakeKnown: (await chain.raw.delegation(parseTransaction(named.message.stakingTx).getId())) !== null,
      };
    case "MsgBtcStakeExpand": {
      const funding = parseTransaction(named.message.fundingTx).getId();
      return {
        ...(await providerFacts(sources, named.message.fpBtcPkList[0])),
        stakeKnown: (await chain.raw.delegation(parseTransaction(named.message.stakingTx).getId())) !== null,
        previous: await stakeFacts(sources, named.message.previousStakingTxHash),
        fundingIsStake: (await chain.raw.delegation(funding)) !== null,
      };
    }
    case "MsgAddCovenantSigs": {
      const stake = await stakeFacts(sources, named.message.stakingTxHash);
      const { expansion, staking } = stake?.delegation ?? {};
      const previous = expansion && (await stakeFacts(sources, txidOf(staking!.transaction.ins[0]!.hash)));
      return { delegation: stake, ...(previous !== undefined && { previous }) };
    }
    case "MsgAddBTCDelegationInclusionProof":
      return {
        delegation: await stakeFacts(sources, named.message.stakingTxHash),
        ...(await blockFacts(sources, named.message.stakingTxInclusionProof)),
      };
    case "MsgBTCUndelegate": {
      const spend = parseTransaction(named.message.stakeSpendingTx).getId();
      return {
        delegation: await stakeFacts(sources, named.message.stakingTxHash),
        expansionChild: await stakeFacts(sources, spend),
        ...(await blockFacts(sources, named.message.stakeSpendingTxInclusionProof)),
      };
    }
    default:
      throw new Error(`no facts for ${named.name}`);
  }
}

async function headerFacts({ chain, rpc }: Sources, headers: readonly Uint8Array[]): Promise<ChainState> {
  const first = parseHeader(headers[0]!);
  const parent = hex.encode(first.previous.toReversed());
  const [firstDepth, parentDepth, tip] = await Promise.all([
    chain.depth(hex.encode(first.hash.toReversed())),
    chain.depth(parent),
    chain.tip(),
  ]);
  const known = { firstKnown: firstDepth !== null, parentKnown: parentDepth !== null };
  if (parentDepth === null) return { headers: { ...known, recent: [] } };
  const parentHeight = tip.height - parentDepth;
  const from = Math.max(0, parentHeight - 10);
  const recent = await Promise.all(
    Array.from({ length: parentHeight - from + 1 }, (_, i) => headerAt(rpc, from + i)),
  );
  return { headers: { ...known, parentHeight, recent } };
}

async function checkpointFacts(
  { chain }: Sources,
  { proofs }: Extract<NamedMessage, { name: "MsgInsertBTCSpvProof" }>["message"],
  tag: Uint8Array,
): Promise<ChainState> {
  const data = parseTransaction(proofs[0]!.btcTransaction).outs.find(
    ({ script }) => script[0] === 0x6a,
  )!.script;
  const epoch = data.slice(-73, -65).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const depths = await Promise.all(
    proofs.map(({ confirmingBtcHeader: header }) =>
      chain.depth(hex.encode(parseHeader(header).hash.toReversed())),
    ),
  );
  const [own, before] = await Promise.all([
    chain.rawCheckpoint(epoch),
    epoch === 1n ? undefined : chain.rawCheckpoint(epoch - 1n),
  ]);
  return {
    checkpoint: {
      tag,
      headersKnown: depths.every((depth) => depth !== null),
      epochFinal: own?.status === "CKPT_STATUS_FINALIZED",
      previousKnown: before === undefined || REPORTED.has(before?.status ?? ""),
      known: false,
      ...(own && { blockHash: own.blockHash }),
    },
  };
}

const REPORTED = new Set(["CKPT_STATUS_SUBMITTED", "CKPT_STATUS_CONFIRMED", "CKPT_STATUS_FINALIZED"]);

async function providerFacts(
  { chain }: Sources,
  key: Uint8Array | undefined,
): Promise<{ provider?: ProviderState | null }> {
  if (!key) return {};
  const [found, info] = await Promise.all([chain.raw.provider(key), chain.signingInfo(key)]);
  if (!found) return { provider: null };
  const provider: ProviderState = {
    address: found.addr,
    slashed: Number(found.slashed_btc_height) > 0 || Number(found.slashed_babylon_height) > 0,
    jailed: found.jailed,
    softDeleted: found.soft_deleted ?? false,
    commission: parseRate(found.commission!, COMMISSION_DECIMALS),
    jailedUntil: info && info.jailedUntil.startsWith("2") ? new Date(info.jailedUntil) : new Date(0),
  };
  return { provider };
}

async function commitmentsOf({ chain }: Sources, key: Uint8Array) {
  const found: { startHeight: bigint; count: bigint; root: Uint8Array; epoch: bigint }[] = [];
  for await (const { startHeight, commit } of chain.raw.commits(key)) {
    const count = BigInt(commit.num_pub_rand);
    const root = base64.decode(commit.commitment);
    found.push({ startHeight, count, root, epoch: BigInt(commit.epoch_num) });
  }
  return found;
}

async function voteFacts(
  sources: Sources,
  { fpBtcPk, blockHeight }: Extract<NamedMessage, { name: "MsgAddFinalitySig" }>["message"],
): Promise<ChainState> {
  const { chain } = sources;
  const commits = await commitmentsOf(sources, fpBtcPk);
  const covering = commits.find(
    ({ startHeight, count }) => startHeight <= blockHeight && blockHeight < startHeight + count,
  );
  const isFinal = async (epoch: bigint) =>
    epoch === 0n || (await chain.rawCheckpoint(epoch))?.status === "CKPT_STATUS_FINALIZED";
  const commitment: CommitmentState | null = covering
    ? { ...covering, epochFinal: await isFinal(covering.epoch) }
    : null;
  const block = await chain.block(blockHeight);
  const hasVoted = isAmong(await chain.votesAt(blockHeight), fpBtcPk);
  const storedVote = hasVoted ? sources.votes.get(voteName(fpBtcPk, blockHeight)) : null;
  const about = await providerFacts(sources, fpBtcPk);
  return {
    ...about,
    commitment,
    ...(storedVote !== undefined && { storedVote }),
    votedBlock: block && {
      appHash: block.appHash,
      finalized: block.finalized,
      epochFinal: await isFinal((blockHeight + 9n) / 10n),
    },
    ...(about.provider && { power: await chain.powerAt(fpBtcPk, blockHeight) }),
  };
}

async function blockFacts(
  { chain, rpc }: Sources,
  inclusion: InclusionProof | undefined,
): Promise<{ inclusionBlock?: BtcBlock | null }> {
  if (!inclusion) return {};
  const hash = hex.encode(inclusion.key.hash.toReversed());
  const [depth, tip] = await Promise.all([chain.depth(hash), chain.tip()]);
  if (depth === null) return { inclusionBlock: null };
  const height = tip.height - depth;
  return { inclusionBlock: { height, header: await headerAt(rpc, height) } };
}

async function stakeFacts({ chain, stakes }: Sources, txid: string): Promise<DelegationState | null> {
  const found = await chain.raw.delegation(txid);
  if (!found) return null;
  const known = stakes.get(txid);
  const signers = found.covenant_sigs.map(({ cov_pk }) => hex.decode(cov_pk));
  const { quorum } = regtest.versions[0]!.covenant;
  const before = found.stk_exp?.previous_stk_covenant_sigs;
  return {
    status: found.status_desc as NonNullable<DelegationState["status"]>,
    stakerAddress: found.staker_addr,
    isExpansion: found.stk_exp != null,
    hasInclusion: Number(found.start_height) > 0,
    hasQuorum: signers.length >= quorum && (before === undefined || before.length >= quorum),
    isUnbonded: found.undelegation_response?.delegator_unbonding_info_response != null,
    signedBy: signers,
    ...(known && { delegation: known.delegation, btcTipAtRegistration: known.btcTip }),
  };
}

export async function headerAt(rpc: Rpc, height: number): Promise<Uint8Array> {
  return hex.decode(await rpc.call("getblockheader", await rpc.getblockhash(height), false), 80);
}

export const voteName = (key: Uint8Array, height: bigint): string => `${hex.encode(key)} ${height}`;

const isAmong = (keys: readonly Uint8Array[], key: Uint8Array): boolean =>
  keys.some((each) => equalBytes(each, key));
