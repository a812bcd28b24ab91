import { outpointOf, spends } from "../../bitcoin/transaction.js";
import { containsBytes, hex } from "../../core/bytes.js";
import { counted } from "../../core/text.js";
import { readCovenantSignatures } from "../lifecycle.js";
import type { MessageOf } from "../schema.js";
import { checkStakeSpend, prevoutsOf, stakeInput } from "../undelegation.js";
import {
  accountRule,
  headerRule,
  type Included,
  inclusionRules,
  isIncluded,
  refusedBy,
  staking,
  transactionIn,
} from "./shared.js";
import type {
  ChainState,
  DelegationState,
  Fact,
  Finding,
  PreviousState,
  Rule,
  RuleError,
  RuleOf,
} from "./types.js";

type AboutStake = { readonly stakingTxHash: string };
type Undelegate = MessageOf<"MsgBTCUndelegate">;

const TXID: Rule<AboutStake> = {
  rule: "txid",
  check: ({ stakingTxHash }) =>
    /^[0-9a-fA-F]{64}$/.test(stakingTxHash)
      ? undefined
      : { reason: "stakingTxHash is not a txid of 64 hexadecimal digits" },
};

const KNOWN: Rule<AboutStake> = {
  rule: "delegation-known",
  error: staking(1102),
  needs: ["delegation"],
  check: (_, { delegation }) => (delegation === null ? { reason: "the stake is not registered" } : undefined),
};

/** After its end, a stake takes neither signatures nor the report of a spend. */
const open = (error: RuleError): Rule<AboutStake> => ({
  rule: "delegation-open",
  error,
  needs: ["delegation.status"],
  check(_, { delegation }) {
    const status = delegation?.status;
    return status === "UNBONDED" || status === "EXPIRED"
      ? { reason: `the stake is ${status} already` }
      : undefined;
  },
});

/** What a proof must show of a registered stake before it becomes active. */
function activationRules<M>(
  of: (state: ChainState, message: M) => DelegationState | null | undefined,
  fact: "delegation" | "expansionChild",
  error: (code?: number) => RuleError | undefined,
): readonly Rule<M>[] {
  const rule = (
    name: string,
    needs: readonly Fact[],
    find: (stake: DelegationState, state: ChainState) => Finding,
    code?: number,
  ): Rule<M> => {
    const chainError = error(code);
    return {
      rule: name,
      ...(chainError && { error: chainError }),
      needs: [fact, ...needs],
      check(message, state) {
        const stake = of(state, message);
        return stake ? find(stake, state) : undefined;
      },
    };
  };
  const at = <K extends keyof DelegationState & string>(key: K) => `${fact}.${key}` as Fact;
  return [
    rule("inclusion-unknown", [at("hasInclusion")], ({ hasInclusion }) =>
      hasInclusion ? { reason: "the stake is shown to be in a block already" } : undefined,
    ),
    rule("covenant-quorum", [at("hasQuorum")], ({ hasQuorum }) =>
      hasQuorum
        ? undefined
        : {
            reason: "the committee's quorum has not signed the stake yet",
            until: { kind: "state", state: "covenant-quorum" },
          },
    ),
    rule("delegation-not-unbonded", [at("isUnbonded")], ({ isUnbonded }) =>
      isUnbonded ? { reason: "the stake is unbonded already" } : undefined,
    ),
    rule(
      "registered-before-inclusion",
      [at("btcTipAtRegistration"), "inclusionBlock.height"],
      ({ btcTipAtRegistration }, { inclusionBlock }) =>
        inclusionBlock && inclusionBlock.height < btcTipAtRegistration!
          ? {
              reason: `the stake is in block ${inclusionBlock.height}, and was registered at Bitcoin height ${btcTipAtRegistration}: it never becomes active this way`,
            }
          : undefined,
      1124,
    ),
  ];
}

export const INCLUSION: readonly RuleOf<"MsgAddBTCDelegationInclusionProof">[] = [
  accountRule(({ signer }) => signer),
  TXID,
  KNOWN,
  {
    rule: "no-expansion",
    needs: ["delegation.isExpansion"],
    check: (_, { delegation }) =>
      delegation?.isExpansion
        ? { reason: "an expansion becomes active by MsgBTCUndelegate of the stake that it expands" }
        : undefined,
  },
  ...activationRules<AboutStake>(
    ({ delegation }) => delegation,
    "delegation",
    (code) => (code === undefined ? undefined : staking(code)),
  ),
  ...inclusionRules<MessageOf<"MsgAddBTCDelegationInclusionProof">>(
    ({ stakingTxInclusionProof: inclusion }, { delegation: state }) => {
      const stake = state?.delegation;
      if (!stake) return undefined;
      const { staking: transaction, terms, params } = stake;
      return {
        inclusion,
        transaction: transaction.transaction,
        timelock: terms.timelock,
        unbondingTime: params.unbondingTime,
      };
    },
    ({ stakingTxInclusionProof }) => stakingTxInclusionProof,
    ["delegation.delegation"],
  ),
];

const committeeOf = (state: DelegationState | PreviousState | null | undefined) =>
  (state?.params ?? state?.delegation?.params)?.covenant.keys;

type Signatures = MessageOf<"MsgAddCovenantSigs">;

export const COVENANT: readonly RuleOf<"MsgAddCovenantSigs">[] = [
  accountRule(({ signer }) => signer),
  TXID,
  {
    rule: "signatures-present",
    check: ({ slashingTxSigs, slashingUnbondingTxSigs }) =>
      slashingTxSigs.length > 0 && slashingUnbondingTxSigs.length > 0
        ? undefined
        : { reason: "it has no adaptor signatures of a slashing" },
  },
  KNOWN,
  {
    rule: "committee-member",
    error: staking(1107),
    needs: ["delegation.delegation"],
    check: ({ pk }, { delegation }) => notIn(committeeOf(delegation), pk, "the stake's committee"),
  },
  {
    rule: "signatures-unknown",
    error: staking(1123),
    needs: ["delegation.signedBy"],
    check: ({ pk }, { delegation }) =>
      delegation && containsBytes(delegation.signedBy!, pk)
        ? { reason: "the chain has this member's signatures already" }
        : undefined,
  },
  open(staking(1110)),
  {
    rule: "signature-count",
    error: staking(1110),
    needs: ["delegation.delegation"],
    check({ slashingTxSigs, slashingUnbondingTxSigs }, { delegation }) {
      const expected = delegation?.delegation?.terms.finalityProviders.length;
      const got = [slashingTxSigs.length, slashingUnbondingTxSigs.length];
      if (expected === undefined || got.every((count) => count === expected)) return undefined;
      return {
        reason: `each slashing must have ${counted(expected, "adaptor signature")}, not ${got.join(" and ")}`,
      };
    },
  },
  {
    rule: "expansion-signature",
    error: staking(1110),
    needs: ["delegation.isExpansion"],
    check({ stakeExpansionTxSig }, { delegation }) {
      if (!delegation || (stakeExpansionTxSig !== undefined) === delegation.isExpansion) return undefined;
      return delegation.isExpansion
        ? { reason: "the signature of the previous stake's spend is missing" }
        : { reason: "the message has a signature of an expansion, and the stake is none" };
    },
  },
  {
    rule: "previous-member",
    error: staking(1110),
    needs: ({ stakeExpansionTxSig }) => (stakeExpansionTxSig ? ["previous.delegation"] : []),
    check: ({ pk, stakeExpansionTxSig }, { previous }) =>
      stakeExpansionTxSig && notIn(committeeOf(previous), pk, "the committee of the previous stake"),
  },
  {
    rule: "signatures",
    error: staking(1110),
    needs: ["delegation.delegation"],
    check: (message: Signatures, { delegation }) =>
      delegation?.delegation && refusedBy(() => readCovenantSignatures(message, delegation.delegation!)),
  },
];

function notIn(keys: readonly Uint8Array[] | undefined, pk: Uint8Array, where: string): Finding {
  if (!keys || containsBytes(keys, pk)) return undefined;
  return { reason: `${hex.encode(pk)} is not in ${where}` };
}

const proofOf = ({ stakeSpendingTxInclusionProof }: Undelegate) => stakeSpendingTxInclusionProof;
const REQUEST = staking(1119);

/** The expansion that the spend makes; undefined where it makes none, or one that is unbonded itself. */
const childOf = ({ expansionChild: child }: ChainState): DelegationState | undefined =>
  child && !child.isUnbonded ? child : undefined;

const isChildAwaited = (_: Undelegate, { expansionChild: child }: ChainState): boolean =>
  child === undefined || (child !== null && !child.isUnbonded);

function includedChild(message: Undelegate, state: ChainState): Included | undefined {
  const [stake, transaction] = [childOf(state)?.delegation, transactionIn(message.stakeSpendingTx)];
  if (!stake || !transaction) return undefined;
  const { terms, params } = stake;
  return {
    inclusion: proofOf(message),
    transaction,
    timelock: terms.timelock,
    unbondingTime: params.unbondingTime,
  };
}

export const UNDELEGATE: readonly RuleOf<"MsgBTCUndelegate">[] = [
  accountRule(({ signer }) => signer),
  TXID,
  {
    rule: "transactions",
    error: REQUEST,
    check({ stakeSpendingTx, fundingTransactions }) {
      const all = [stakeSpendingTx, ...fundingTransactions];
      return all.every(transactionIn) ? undefined : { reason: "it holds bytes that are no transaction" };
    },
  },
  {
    rule: "funding-transactions",
    error: REQUEST,
    check({ stakeSpendingTx, fundingTransactions }) {
      const parents = fundingTransactions.flatMap((bytes) => transactionIn(bytes) ?? []);
      if (parents.length === 0) return { reason: "it holds no funding transaction" };
      return refusedBy(() => prevoutsOf(transactionIn(stakeSpendingTx)!, parents));
    },
  },
  KNOWN,
  open(REQUEST),
  headerRule(["inclusionBlock"], proofOf, REQUEST),
  {
    rule: "inclusion",
    error: REQUEST,
    needs: ["inclusionBlock.header"],
    check(message, { inclusionBlock }) {
      const transaction = transactionIn(message.stakeSpendingTx)!;
      if (!inclusionBlock) return undefined;
      return isIncluded({ inclusion: proofOf(message), transaction }, inclusionBlock.header!)
        ? undefined
        : { reason: `the proof does not show ${transaction.getId()} to be in its block` };
    },
  },
  ...activationRules<Undelegate>(childOf, "expansionChild", () => REQUEST),
  ...inclusionRules<Undelegate>(
    includedChild,
    // The block itself, and the proof, are checked above.
    proofOf,
    ["expansionChild"],
    REQUEST,
  )
    .filter(({ rule }) => rule === "confirmation-depth" || rule === "time-left")
    .map((each) => ({ ...each, when: isChildAwaited })),
  {
    rule: "spends-stake",
    error: REQUEST,
    needs: ["delegation.delegation"],
    check({ stakeSpendingTx }, { delegation }) {
      const stake = delegation?.delegation;
      if (!stake) return undefined;
      const outpoint = outpointOf(stake.staking.transaction, stake.staking.outputIndex);
      return transactionIn(stakeSpendingTx)!.ins.some((input) => spends(input, outpoint))
        ? undefined
        : { reason: "the transaction does not spend the stake" };
    },
  },
  {
    rule: "staker-signature",
    error: REQUEST,
    needs: ["delegation.delegation"],
    check({ stakeSpendingTx, fundingTransactions }, { delegation }) {
      const stake = delegation?.delegation;
      if (!stake) return undefined;
      const transaction = transactionIn(stakeSpendingTx)!;
      const parents = fundingTransactions.flatMap((bytes) => transactionIn(bytes) ?? []);
      return refusedBy(() =>
        checkStakeSpend(stake, transaction, stakeInput(stake, transaction), prevoutsOf(transaction, parents)),
      );
    },
  },
];
