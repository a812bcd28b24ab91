import type { Transaction } from "../../bitcoin/transaction-class.js";
import { equalBytes } from "../../core/bytes.js";
import { paramsAt } from "../../params/in-force.js";
import type { ProtocolParams } from "../../params/types.js";
import { outputsOf, type StakeOutputs } from "../../script/outputs.js";
import { checkTerms, type StakeTerms } from "../../script/terms.js";
import type { MessageOf } from "../schema.js";
import { refusedBy, staking, transactionIn } from "./shared.js";
import type { ChainState, Fact, Rule } from "./types.js";

export type Create = MessageOf<"MsgCreateBTCDelegation">;
export type Expand = MessageOf<"MsgBtcStakeExpand">;
/** What both messages hold. */
export type Stake = Omit<Expand, "previousStakingTxHash" | "fundingTx"> &
  Pick<Create, "stakingTxInclusionProof">;

/** A stake as the message describes it, under the parameters that the chain applies. */
export interface Described {
  readonly staking: Transaction;
  readonly unbonding: Transaction;
  readonly params: ProtocolParams;
  readonly outputs: StakeOutputs;
  /** Where the staking output is; -1 where it is not. */
  readonly index: number;
}

/** The chain applies the parameters of the block that holds the stake, or of its light client's tip. */
export const heightOf = (message: Stake, { inclusionBlock, btcTip }: ChainState): number | undefined =>
  message.stakingTxInclusionProof ? inclusionBlock?.height : btcTip?.height;

export const paramsNeeds = (message: Stake): readonly Fact[] => [
  "params",
  message.stakingTxInclusionProof ? "inclusionBlock.height" : "btcTip.height",
];

export function appliedTo(message: Stake, state: ChainState): ProtocolParams | undefined {
  const height = heightOf(message, state);
  const set = state.params!;
  if (height === undefined || height < set.versions[0]!.activationHeight) return undefined;
  return paramsAt(set, height);
}

export const termsOf = (message: Stake, { covenant }: ProtocolParams): StakeTerms => ({
  staker: message.btcPk,
  finalityProviders: message.fpBtcPkList,
  covenant,
  timelock: message.stakingTime,
});

/** Null where an earlier rule refuses what is needed for it. */
export function described(
  message: Stake,
  state: ChainState,
  params = appliedTo(message, state),
): Described | null {
  const [stakingTx, unbonding] = [message.stakingTx, message.unbondingTx].map(transactionIn);
  if (!params || !stakingTx || !unbonding) return null;
  if (refusedBy(() => checkTerms(termsOf(message, params)))) return null;
  const { network } = params;
  const outputs = outputsOf(termsOf(message, params), { network, unbondingTime: message.unbondingTime });
  const index = stakingTx.outs.findIndex(
    ({ script, value }) => equalBytes(script, outputs.staking.script) && value === message.stakingValue,
  );
  return { staking: stakingTx, unbonding, params, outputs, index };
}

/** A rule of the stake under its parameters. */
export const underParams = (
  rule: string,
  code: number,
  find: (stake: Described, message: Stake) => string | undefined,
): Rule<Stake> => ({
  rule,
  error: staking(code),
  needs: paramsNeeds,
  check(message, state) {
    const stake = described(message, state);
    const reason = stake ? find(stake, message) : undefined;
    return reason === undefined ? undefined : { reason };
  },
});
