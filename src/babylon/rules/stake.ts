import type { Transaction } from "../../bitcoin/transaction-class.js";
import { dustThreshold } from "../../bitcoin/output-script.js";
import { FINAL_SEQUENCE, outpointOf, spends, txidOf } from "../../bitcoin/transaction.js";
import { containsBytes, equalBytes, hex } from "../../core/bytes.js";
import { paramsAt } from "../../params/in-force.js";
import type { ProtocolParams } from "../../params/types.js";
import { outputsOf, type StakeOutputs, type TaprootOutput } from "../../script/outputs.js";
import { checkTerms, type StakeTerms } from "../../script/terms.js";
import { verifyLeafSignature } from "../../spending/spend.js";
import { leastSlashed } from "../../stake/slashing.js";
import type { MessageOf } from "../schema.js";
import {
  accountRule,
  inclusionRules,
  isSameAccount,
  possessionRules,
  providerKnown,
  providerSlashed,
  refusedBy,
  releasesWhere,
  staking,
  transactionIn,
} from "./shared.js";
import type { ChainState, PreviousState, Fact, Finding, Rule, RuleOf } from "./types.js";

type Create = MessageOf<"MsgCreateBTCDelegation">;
type Expand = MessageOf<"MsgBtcStakeExpand">;
/** What both messages hold. */
type Stake = Omit<Expand, "previousStakingTxHash" | "fundingTx"> & Pick<Create, "stakingTxInclusionProof">;

/** A stake as the message describes it, under the parameters that the chain applies. */
interface Described {
  readonly staking: Transaction;
  readonly unbonding: Transaction;
  readonly params: ProtocolParams;
  readonly outputs: StakeOutputs;
  /** Where the staking output is; -1 where it is not. */
  readonly index: number;
}

/** The chain applies the parameters of the block that holds the stake, or of its light client's tip. */
const heightOf = (message: Stake, { inclusionBlock, btcTip }: ChainState): number | undefined =>
  message.stakingTxInclusionProof ? inclusionBlock?.height : btcTip?.height;

const paramsNeeds = (message: Stake): readonly Fact[] => [
  "params",
  message.stakingTxInclusionProof ? "inclusionBlock.height" : "btcTip.height",
];

function appliedTo(message: Stake, state: ChainState): ProtocolParams | undefined {
  const height = heightOf(message, state);
  const set = state.params!;
  if (height === undefined || height < set.versions[0]!.activationHeight) return undefined;
  return paramsAt(set, height);
}

const termsOf = (message: Stake, { covenant }: ProtocolParams): StakeTerms => ({
  staker: message.btcPk,
  finalityProviders: message.fpBtcPkList,
  covenant,
  timelock: message.stakingTime,
});

/** Null where an earlier rule refuses what is needed for it. */
function described(message: Stake, state: ChainState, params = appliedTo(message, state)): Described | null {
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
const underParams = (
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

const MOST_BLOCKS = 65_535;
const ONE_PROVIDER = releasesWhere(({ forms }) => forms.maxFinalityProviders === 1);

/** Rules that hold of a stake whether it is new or an expansion. */
const STAKE: readonly Rule<Stake>[] = [
  accountRule(({ stakerAddr }) => stakerAddr),
  {
    rule: "transactions",
    check(message) {
      const parts = ["stakingTx", "slashingTx", "unbondingTx", "unbondingSlashingTx"] as const;
      const wrong = parts.find((part) => !transactionIn(message[part]));
      return wrong && { reason: `${wrong} is no transaction` };
    },
  },
  {
    rule: "blocks",
    check: ({ stakingTime, unbondingTime }) =>
      Math.max(stakingTime, unbondingTime) > MOST_BLOCKS
        ? { reason: `a time lock has at most ${MOST_BLOCKS} blocks, got ${stakingTime} and ${unbondingTime}` }
        : undefined,
  },
  {
    // The chain registers an error for it (1115), and refuses the message before it could say so.
    rule: "providers",
    check: ({ fpBtcPkList }) =>
      fpBtcPkList.length === 0 ? { reason: "the stake names no finality provider" } : undefined,
  },
  {
    rule: "providers-distinct",
    error: staking(1118),
    check({ fpBtcPkList }) {
      const doubled = fpBtcPkList.find((key, i) => containsBytes(fpBtcPkList.slice(0, i), key));
      return doubled && { reason: `the stake names the finality provider ${hex.encode(doubled)} twice` };
    },
  },
  {
    rule: "provider-count",
    error: staking(1116),
    releases: ONE_PROVIDER,
    check: ({ fpBtcPkList }) =>
      fpBtcPkList.length > 1
        ? { reason: `the chain takes exactly one finality provider, got ${fpBtcPkList.length}` }
        : undefined,
  },
  {
    rule: "provider-count",
    error: staking(1116),
    releases: ["v3"],
    needs: ({ fpBtcPkList }) => (fpBtcPkList.length > 1 ? ["maxFinalityProviders"] : []),
    check: ({ fpBtcPkList }, { maxFinalityProviders }) =>
      fpBtcPkList.length > 1 && fpBtcPkList.length > maxFinalityProviders!
        ? { reason: `the chain takes ${maxFinalityProviders} finality providers, got ${fpBtcPkList.length}` }
        : undefined,
  },
  {
    rule: "values",
    check: ({ stakingValue, unbondingValue }) =>
      stakingValue < 0n || unbondingValue < 0n ? { reason: "a value is negative" } : undefined,
  },
  ...possessionRules<Stake>("staker_pop", ({ stakerAddr, btcPk }) => ({
    address: stakerAddr,
    publicKey: btcPk,
  })),
  {
    rule: "stake-unknown",
    error: staking(1106),
    needs: ["stakeKnown"],
    check: (_, { stakeKnown }) => (stakeKnown ? { reason: "the stake is registered already" } : undefined),
  },
  providerKnown(),
  providerSlashed(),
];

const PROVIDER_WARNINGS: readonly Rule<Stake>[] = [
  {
    rule: "provider-jailed",
    warns: true,
    needs: ["provider.jailed"],
    check: (_, { provider }) =>
      provider?.jailed ? { reason: "the finality provider is jailed: the stake has no power" } : undefined,
  },
  {
    rule: "provider-deleted",
    warns: true,
    needs: ["provider.softDeleted"],
    check: (_, { provider }) =>
      provider?.softDeleted
        ? { reason: "the finality provider is deleted: it cannot vote for the stake" }
        : undefined,
  },
];

/** Which transactions are slashed, and what the chain calls an error in each. */
const slashingRules = (from: "staking" | "unbonding", code: number): readonly Rule<Stake>[] => {
  const name = from === "staking" ? "slashing" : "unbonding-slashing";
  const of = (stake: Described, message: Stake) => {
    const isStaking = from === "staking";
    const transaction = transactionIn(isStaking ? message.slashingTx : message.unbondingSlashingTx);
    const [funding, index] = isStaking ? [stake.staking, stake.index] : [stake.unbonding, 0];
    const coin = funding.outs[index];
    return transaction && coin ? { transaction, funding, index, coin } : null;
  };
  const rule = (
    suffix: string,
    find: (
      part: NonNullable<ReturnType<typeof of>>,
      stake: Described,
      message: Stake,
    ) => string | false | undefined,
    error = code,
  ) =>
    underParams(`${name}${suffix}`, error, (stake, message) => {
      const part = of(stake, message);
      return (part && find(part, stake, message)) || undefined;
    });
  return [
    rule("-form", ({ transaction }) => presigned(transaction, 2, [1, 2])),
    rule(
      "-input",
      ({ transaction, funding, index }) =>
        !spends(transaction.ins[0]!, outpointOf(funding, index)) && `it does not spend the ${from} output`,
    ),
    rule("-script", ({ transaction }, { params }) =>
      !equalBytes(transaction.outs[0]!.script, params.slashing!.script)
        ? "output 0 does not pay to the chain's slashing script"
        : undefined,
    ),
    rule("-amount", ({ transaction, coin }, { params }) => {
      const least = leastSlashed(coin.value, params.slashing!.rate);
      const got = transaction.outs[0]!.value;
      return got < least && `output 0 has ${got} sat; the chain asks for ${least} sat`;
    }),
    rule(
      "-refund",
      ({ transaction }, { outputs }) =>
        !equalBytes(transaction.outs[1]!.script, outputs.refund.script) &&
        "output 1 is not the staker's, locked for the unbonding time",
    ),
    rule("-dust", ({ transaction }) => {
      const dust = transaction.outs.find(({ script, value }) => value < dustThreshold(script));
      return dust && `an output of ${dust.value} sat is dust`;
    }),
    rule("-fee", ({ transaction, coin }, { params }) => {
      const fee = coin.value - transaction.outs.reduce((sum, { value }) => sum + value, 0n);
      const least = params.slashing!.minFee;
      return (fee <= 0n || fee < least) && `the fee is ${fee} sat; the chain asks for ${least} sat`;
    }),
    rule(
      "-signature",
      ({ transaction, coin }, { outputs }, message) => {
        const output: TaprootOutput<"slashing"> = outputs[from] as never;
        const spend = { transaction, inputIndex: 0, prevouts: [coin], leaf: output.leaves.slashing };
        const signature =
          from === "staking" ? message.delegatorSlashingSig : message.delegatorUnbondingSlashingSig;
        const isSigned = verifyLeafSignature(spend, { publicKey: message.btcPk, signature });
        return !isSigned && "the staker's signature does not verify";
      },
      1109,
    ),
  ];
};

const MOST_WEIGHT = 400_000;

/** Final, with one input and no script in it, of a size that nodes relay. */
function presigned(
  transaction: Transaction,
  outputs: number,
  versions: readonly number[],
): string | undefined {
  const { ins, outs, locktime, version } = transaction;
  if (ins.length !== 1) return `it has ${ins.length} inputs; the chain asks for 1`;
  if (outs.length !== outputs) return `it has ${outs.length} outputs; the chain asks for ${outputs}`;
  if (locktime !== 0 || ins[0]!.sequence !== FINAL_SEQUENCE) return "it is not final";
  if (!versions.includes(version))
    return `its version is ${version}; the chain asks for ${versions.join(" or ")}`;
  if (ins[0]!.script.length > 0) return "its input has a script";
  return transaction.weight() > MOST_WEIGHT ? `it weighs more than ${MOST_WEIGHT}` : undefined;
}

const PARAMS: readonly Rule<Stake>[] = [
  {
    rule: "params-version",
    needs: paramsNeeds,
    check(message, state): Finding {
      const params = appliedTo(message, state);
      const height = heightOf(message, state);
      if (!params) {
        return height === undefined
          ? undefined
          : { reason: `no parameters are in force at Bitcoin height ${height}` };
      }
      if (fits(message, state, params)) return undefined;
      const other = state.params!.versions.findLast((each) => fits(message, state, each));
      if (!other) return undefined;
      const reason = `the stake is made for parameters v${other.version}; at Bitcoin height ${height} the chain applies v${params.version}`;
      return { reason };
    },
  },
  underParams("unbonding-time", 1114, ({ params }, { unbondingTime }) =>
    unbondingTime === params.unbondingTime
      ? undefined
      : `unbonding takes ${unbondingTime} blocks; the chain asks for ${params.unbondingTime}`,
  ),
  {
    rule: "keys",
    error: staking(1108),
    needs: paramsNeeds,
    check(message, state) {
      const params = appliedTo(message, state);
      return params && refusedBy(() => checkTerms(termsOf(message, params)));
    },
  },
  underParams("staking-output", 1108, ({ index }, { stakingValue }) =>
    index < 0 ? `the staking transaction has no staking output of ${stakingValue} sat` : undefined,
  ),
  {
    ...underParams("staking-output-once", 1108, ({ staking: { outs }, outputs }, { stakingValue }) =>
      outs.filter(({ script, value }) => equalBytes(script, outputs.staking.script) && value === stakingValue)
        .length > 1
        ? "the staking transaction has the staking output more than once"
        : undefined,
    ),
    releases: ["v4"],
  },
  underParams("staking-time", 1108, ({ params: { minTime, maxTime } }, { stakingTime }) =>
    stakingTime < minTime || stakingTime > maxTime
      ? `the time lock has ${stakingTime} blocks; the chain takes ${minTime} to ${maxTime}`
      : undefined,
  ),
  underParams("staking-value", 1108, ({ params: { minValue, maxValue } }, { stakingValue }) =>
    stakingValue < minValue || stakingValue > maxValue
      ? `the stake has ${stakingValue} sat; the chain takes ${minValue} to ${maxValue}`
      : undefined,
  ),
  ...slashingRules("staking", 1108),
  underParams("unbonding-form", 1114, ({ unbonding }) => presigned(unbonding, 1, [2])),
  underParams("unbonding-output", 1114, ({ unbonding, outputs }, { unbondingValue }) => {
    const [output] = unbonding.outs;
    if (!equalBytes(output!.script, outputs.unbonding.script))
      return "its output is not the unbonding output";
    return output!.value === unbondingValue
      ? undefined
      : `its output has ${output!.value} sat, and the message says ${unbondingValue}`;
  }),
  ...slashingRules("unbonding", 1114),
  underParams("unbonding-input", 1114, ({ unbonding, staking: transaction, index }) =>
    index >= 0 && !spends(unbonding.ins[0]!, outpointOf(transaction, index))
      ? "it does not spend the staking output"
      : undefined,
  ),
  underParams("unbonding-fee", 1114, ({ unbonding, params }, { stakingValue }) => {
    const fee = stakingValue - unbonding.outs[0]!.value;
    return fee === params.unbondingFee
      ? undefined
      : `its fee is ${fee} sat; the chain asks for exactly ${params.unbondingFee}`;
  }),
  {
    rule: "allow-list",
    error: staking(1108),
    needs: (_, release) => (release === "v1" || release === "v2" ? ["allowList"] : []),
    check(_, { allowList, chainHeight }) {
      if (!allowList || allowList.listed) return undefined;
      const height = allowList.expirationHeight;
      if (chainHeight !== undefined && chainHeight >= height) return undefined;
      const reason = `the chain takes listed stakes only, until its height ${height}`;
      return { reason, until: { kind: "chain-height", height } };
    },
  },
  ...PROVIDER_WARNINGS,
];

/** Whether what differs between versions is as in this one. */
function fits(message: Stake, state: ChainState, params: ProtocolParams): boolean {
  const stake = described(message, state, params);
  return (
    stake !== null &&
    stake.index >= 0 &&
    message.unbondingTime === params.unbondingTime &&
    message.stakingValue - message.unbondingValue === params.unbondingFee
  );
}

export const CREATE: readonly RuleOf<"MsgCreateBTCDelegation">[] = [
  ...STAKE,
  ...inclusionRules<Create>(
    (message) => {
      const transaction = transactionIn(message.stakingTx);
      const { stakingTxInclusionProof: inclusion, stakingTime: timelock, unbondingTime } = message;
      return (transaction && inclusion && { inclusion, transaction, timelock, unbondingTime }) || undefined;
    },
    ({ stakingTxInclusionProof }) => stakingTxInclusionProof,
    [],
  ),
  {
    rule: "no-coinbase",
    error: staking(1108),
    check: ({ stakingTx }) =>
      transactionIn(stakingTx)?.isCoinbase()
        ? { reason: "the staking transaction is a coinbase, whose proof the chain never takes" }
        : undefined,
  },
  ...PARAMS,
];

const previousOf = ({ previous }: ChainState): PreviousState | null => previous ?? null;

/** What the previous stake's output holds, and where it is. */
const previousOutput = (state: ChainState) => {
  const stake = previousOf(state)?.delegation;
  return (
    stake && {
      index: stake.staking.outputIndex,
      value: stake.staking.transaction.outs[stake.staking.outputIndex]!.value,
    }
  );
};

/** What input 1 spends. */
function fundingOutput({ stakingTx, fundingTx }: Expand) {
  const [spending, funding] = [stakingTx, fundingTx].map(transactionIn);
  return funding?.outs[spending?.ins[1]?.index ?? -1];
}

export const EXPAND: readonly RuleOf<"MsgBtcStakeExpand">[] = [
  {
    rule: "expansion-inputs",
    check({ stakingTx, fundingTx, previousStakingTxHash }): Finding {
      const [transaction, funding] = [stakingTx, fundingTx].map(transactionIn);
      if (!funding) return { reason: "fundingTx is no transaction" };
      if (!transaction) return undefined;
      const inputs = transaction.ins;
      if (inputs.length !== 2) return { reason: `the expansion has ${inputs.length} inputs; it must have 2` };
      if (txidOf(inputs[0]!.hash) !== previousStakingTxHash.toLowerCase()) {
        return { reason: "input 0 does not spend the previous stake" };
      }
      return equalBytes(inputs[1]!.hash, funding.getHash())
        ? undefined
        : { reason: "input 1 does not spend the funding transaction" };
    },
  },
  {
    rule: "funding-output",
    check(message) {
      const output = fundingOutput(message);
      if (!output) return { reason: "the funding transaction has no output that input 1 could spend" };
      return output.value > 0n ? undefined : { reason: "the funding output holds nothing" };
    },
  },
  ...STAKE,
  {
    rule: "previous-known",
    error: staking(1102),
    needs: ["previous"],
    check: (_, { previous }) =>
      previous === null ? { reason: "the stake that is expanded is not registered" } : undefined,
  },
  {
    rule: "previous-active",
    needs: ["previous.status"],
    check(_, { previous }): Finding {
      const status = previous?.status;
      if (status === undefined || status === "ACTIVE") return undefined;
      const reason = `the stake that is expanded is ${status}; the chain asks for an active one`;
      const isToCome = status === "PENDING" || status === "VERIFIED";
      return { reason, ...(isToCome && { until: { kind: "state", state: "previous-active" } as const }) };
    },
  },
  {
    rule: "previous-account",
    needs: ["previous.stakerAddress"],
    check: ({ stakerAddr }, { previous }) =>
      !previous || isSameAccount(previous.stakerAddress!, stakerAddr)
        ? undefined
        : { reason: `only ${previous.stakerAddress} may expand the stake` },
  },
  {
    rule: "previous-provider",
    needs: ["previous.delegation"],
    check({ fpBtcPkList }, { previous }) {
      const before = previous?.delegation?.terms.finalityProviders ?? [];
      const dropped = before.find((key) => !containsBytes(fpBtcPkList, key));
      return dropped && { reason: `the expansion must keep the finality provider ${hex.encode(dropped)}` };
    },
  },
  {
    rule: "funding-is-no-stake",
    needs: ["fundingIsStake"],
    check: (_, { fundingIsStake }) =>
      fundingIsStake ? { reason: "the funding output is a registered stake" } : undefined,
  },
  {
    rule: "previous-output",
    needs: ["previous.delegation"],
    check({ stakingTx }, state) {
      const before = previousOutput(state);
      const index = transactionIn(stakingTx)!.ins[0]!.index;
      if (!before || before.index === index) return undefined;
      return { reason: `input 0 spends output ${index}; the previous stake is output ${before.index}` };
    },
  },
  {
    rule: "expansion-value",
    needs: ["previous.delegation"],
    check({ stakingValue }, state) {
      const before = previousOutput(state);
      if (!before || stakingValue >= before.value) return undefined;
      return { reason: `the stake shrinks from ${before.value} sat to ${stakingValue} sat` };
    },
  },
  {
    rule: "expansion-fee",
    needs: ["previous.delegation"],
    check(message, state) {
      const before = previousOutput(state);
      const { outs } = transactionIn(message.stakingTx)!;
      if (!before) return undefined;
      const paid = before.value + fundingOutput(message)!.value;
      const fee = paid - outs.reduce((sum, { value }) => sum + value, 0n);
      return fee > 0n ? undefined : { reason: `the fee is ${fee} sat; it must be positive` };
    },
  },
  {
    rule: "committee-overlap",
    needs: ["previous.delegation", "params", "btcTip.height"],
    check(message, state) {
      const before = previousOf(state)?.delegation?.params.covenant;
      const now = appliedTo({ ...message, stakingTxInclusionProof: undefined }, state)?.covenant;
      if (!before || !now) return undefined;
      const kept = before.keys.filter((key) => containsBytes(now.keys, key)).length;
      if (kept >= before.quorum) return undefined;
      return {
        reason: `${kept} members of the previous committee remain, and its quorum is ${before.quorum}`,
      };
    },
  },
  {
    // The chain accepts it, but no holder of the new key alone can spend the previous stake.
    rule: "previous-staker",
    needs: ["previous.delegation"],
    check({ btcPk }, { previous }) {
      const staker = previous?.delegation?.terms.staker;
      if (!(staker instanceof Uint8Array) || equalBytes(staker, btcPk)) return undefined;
      return { reason: `the staker of the previous stake is ${hex.encode(staker)}` };
    },
  },
  ...PARAMS,
];
