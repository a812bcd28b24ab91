import { txidOf } from "../../bitcoin/transaction.js";
import { containsBytes, equalBytes, hex } from "../../core/bytes.js";
import { appliedTo, type Expand } from "./described.js";
import { isSameAccount, staking, transactionIn } from "./shared.js";
import { PARAMS, STAKE } from "./stake.js";
import type { ChainState, Finding, PreviousState, RuleOf } from "./types.js";

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
