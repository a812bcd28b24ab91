import { type BabylonChain, chainState } from "../../src/babylon-client/index.js";
import type { NamedMessage } from "../../src/babylon/messages.js";
import type { ChainState, DelegationState } from "../../src/babylon/rules/types.js";
import { parseTransaction } from "../../src/bitcoin/transaction.js";
import type { Rpc } from "../../src/chain/index.js";
import { hex } from "../../src/core/bytes.js";

/** Whom to ask for what `checkRules` needs to know. */
export interface Sources {
  readonly chain: BabylonChain;
  /** By txid, the light client's tip when a stake was registered, which the chain does not say. */
  readonly tips: ReadonlyMap<string, number>;
  /** Votes that were sent, by provider and height: the chain says who voted, and not how. */
  readonly votes: ReadonlyMap<string, Uint8Array>;
}

/** The facts of the chain that the rules of a message need: what it says, and what we alone know. */
export async function factsFor(sources: Sources, named: NamedMessage): Promise<ChainState> {
  const state = await chainState(sources.chain, named, { records: { network: "regtest" } });
  return { ...state, ...withTips(sources, named, state), ...storedVote(sources, named, state) };
}

function withTips({ tips }: Sources, { name, message }: NamedMessage, state: ChainState): ChainState {
  const registered = (stake: DelegationState | null | undefined, txid: string) => {
    const tip = tips.get(txid.toLowerCase());
    return stake && tip !== undefined ? { ...stake, btcTipAtRegistration: tip } : stake;
  };
  if (name !== "MsgAddBTCDelegationInclusionProof" && name !== "MsgBTCUndelegate") return {};
  const delegation = registered(state.delegation, message.stakingTxHash);
  const child =
    "stakeSpendingTx" in message
      ? registered(state.expansionChild, parseTransaction(message.stakeSpendingTx).getId())
      : undefined;
  return {
    ...(delegation !== undefined && { delegation }),
    ...(child !== undefined && { expansionChild: child }),
  };
}

function storedVote({ votes }: Sources, { name, message }: NamedMessage, state: ChainState): ChainState {
  if (name !== "MsgAddFinalitySig" || state.storedVote !== undefined) return {};
  const vote = votes.get(voteName(message.fpBtcPk, message.blockHeight));
  return vote ? { storedVote: vote } : {};
}

export async function headerAt(rpc: Rpc, height: number): Promise<Uint8Array> {
  return hex.decode(await rpc.call("getblockheader", await rpc.getblockhash(height), false), 80);
}

export const voteName = (key: Uint8Array, height: bigint): string => `${hex.encode(key)} ${height}`;
