import { outpointOf, spends } from "../../bitcoin/transaction.js";
import { containsBytes, equalBytes, hex } from "../../core/bytes.js";
import type { ProtocolParams } from "../../params/types.js";
import { checkTerms } from "../../script/terms.js";
import {
  appliedTo,
  type Create,
  described,
  heightOf,
  paramsNeeds,
  type Stake,
  termsOf,
  underParams,
} from "./described.js";
import { presigned, slashingRules } from "./presigned.js";
import {
  accountRule,
  inclusionRules,
  possessionRules,
  providerKnown,
  providerSlashed,
  refusedBy,
  releasesWhere,
  staking,
  transactionIn,
} from "./shared.js";
import type { ChainState, Finding, Rule, RuleOf } from "./types.js";

const MOST_BLOCKS = 65_535;
const ONE_PROVIDER = releasesWhere(({ forms }) => forms.maxFinalityProviders === 1);

/** Rules that hold of a stake whether it is new or an expansion. */
export const STAKE: readonly Rule<Stake>[] = [
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

export const PARAMS: readonly Rule<Stake>[] = [
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
