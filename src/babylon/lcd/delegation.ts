import type { Transaction } from "../../bitcoin/transaction-class.js";
import { createReader } from "../../bitcoin/byte-reader.js";
import { outputAt, type Prevout, spentBy } from "../../bitcoin/transaction.js";
import {
  checkDelegation,
  checkEach,
  checkExpansionTransaction,
  checkSlashing,
  checkStaking,
  checkUnbonding,
} from "../../delegation/check.js";
import { type Delegation, type ExpandedStake, outputsIn } from "../../delegation/delegation.js";
import { slashingSpend } from "../../delegation/spends.js";
import { paramsVersion } from "../../params/in-force.js";
import type { ParamSet } from "../../params/types.js";
import { checkTerms, stakerKeys, type StakeTerms } from "../../script/terms.js";
import type { PreviousStake } from "../../stake/expansion.js";
import type { DelegationStatus } from "../rules/types.js";
import { committeeSignatures } from "./committee.js";
import { delegation as form, type RawDelegation } from "./forms.js";
import { at, hexOf, keyOf, readAnswer, transactionOf, wrong } from "./read.js";

/** The chain's names for the states of a delegation (CHAIN 3). */
const STATUSES = ["PENDING", "VERIFIED", "ACTIVE", "UNBONDED", "EXPIRED"] as const;

/** A stake as the chain has it. */
export interface ChainDelegation {
  /** As `checkDelegation` accepts it. An expansion lacks the staker's signature of its spend, which the chain has not. */
  readonly delegation: Delegation;
  /**
   * As the server says, for an answer proves no state. `PENDING`: registered, and the committee must still sign.
   * `VERIFIED`: a quorum has signed, and the staking transaction can be sent. `ACTIVE`: it counts for its finality
   * provider. `UNBONDED`: it was left early. `EXPIRED`: its time lock ends within the unbonding time.
   */
  readonly status: DelegationStatus;
  /** The staker's account, in bech32. */
  readonly account: string;
  /** The Bitcoin heights from which and to which it counts; absent before the chain knows a block with it. */
  readonly heights?: { readonly start: number; readonly end: number };
  /** How the stake was left: by its own unbonding transaction, or by another one. Absent while it was not. */
  readonly leftBy?: "unbonding" | Transaction;
}

/** What the answer of a server does not hold. */
export interface ChainSources {
  /** The parameters of the chain, from a source that you trust: the answer only names their version. */
  readonly params: ParamSet;
  /** For an expansion the stake that it expands: see {@link expandedTxid} and {@link readChainStake}. */
  readonly previous?: PreviousStake;
}

const NAME = "btc_delegation";

/**
 * Reads a delegation as the chain's servers write it: `/babylon/btcstaking/v1/btc_delegation/{txid}`. It is verified as
 * any other delegation, with every signature in it. Witnesses of the staking transaction are left out: the chain keeps
 * what the staker sent, and they are no part of the txid.
 * @param answer the JSON text, the parsed answer, or what it has under `btc_delegation`
 * @throws TapstakeError with the field in `details.path`: `invalid-json`, `invalid-hex`, `invalid-bytes`,
 * `invalid-transaction`; `unknown-params` for a version that is not in the set; `message-mismatch` where two fields
 * contradict each other; `duplicate-signature`, `not-a-member`, `invalid-covenant-signature`; `invalid-argument` without
 * the stake that it expands; and the codes of `checkDelegation`
 */
export function readChainDelegation(answer: unknown, { params, previous }: ChainSources): ChainDelegation {
  const raw = readAnswer(form, answer, NAME);
  const stake = stakeOf(raw, params);
  const undelegation = raw.undelegation_response;
  const path = `${NAME}.undelegation_response`;
  if (!undelegation) throw wrong("invalid-json", path, "must be an object, not nothing");
  const { terms } = stake;
  const expansion = expansionOf(raw, stake, previous);
  const signatures = committeeSignatures(raw, terms, expansion?.params, NAME);
  const delegation: Delegation = {
    ...stake,
    unbondingTime: Number(raw.unbonding_time),
    unbonding: {
      transaction: transactionOf(undelegation.unbonding_tx_hex, `${path}.unbonding_tx_hex`),
      stakerSignatures: [],
      covenantSignatures: signatures.unbonding,
    },
    slashing: {
      transaction: transactionOf(raw.slashing_tx_hex, `${NAME}.slashing_tx_hex`),
      stakerSignatures: stakerSignature(
        terms,
        raw.delegator_slash_sig_hex,
        `${NAME}.delegator_slash_sig_hex`,
      ),
      covenantSignatures: signatures.slashing,
    },
    unbondingSlashing: {
      transaction: transactionOf(undelegation.slashing_tx_hex, `${path}.slashing_tx_hex`),
      stakerSignatures: stakerSignature(
        terms,
        undelegation.delegator_slashing_sig_hex,
        `${path}.delegator_slashing_sig_hex`,
      ),
      covenantSignatures: signatures.unbondingSlashing,
    },
    ...(expansion && { expansion: { ...expansion, covenantSignatures: signatures.expansion } }),
  };
  try {
    checkDelegation(delegation);
  } catch (error) {
    // The same rules again, field by field: the error that they throw says which field breaks the rule.
    checkEachField(delegation);
    signatures.check(delegation);
    throw error;
  }
  return { delegation, ...statusOf(raw) };
}

/**
 * The stake alone, without what was signed for it: what an expansion must know of the stake before it.
 * @throws TapstakeError as {@link readChainDelegation}; the output is not compared with the terms
 */
export const readChainStake = (answer: unknown, { params }: Pick<ChainSources, "params">): PreviousStake =>
  stakeOf(readAnswer(form, answer, NAME), params);

/** The txid of the stake that a delegation expands, as people write it; null for any other. */
export function expandedTxid(answer: unknown): string | null {
  const { stk_exp } = readAnswer(form, answer, NAME);
  return stk_exp ? stk_exp.previous_staking_tx_hash_hex.toLowerCase() : null;
}

function stakeOf(raw: RawDelegation, set: ParamSet): PreviousStake {
  const params = at(`${NAME}.params_version`, () => paramsVersion(set, Number(raw.params_version)));
  const terms: StakeTerms = {
    staker: keyOf(raw.btc_pk, `${NAME}.btc_pk`),
    finalityProviders: raw.fp_btc_pk_list.map((key, i) => keyOf(key, `${NAME}.fp_btc_pk_list[${i}]`)),
    covenant: params.covenant,
    timelock: Number(raw.staking_time),
  };
  at(NAME, () => checkTerms(terms));
  const transaction = transactionOf(raw.staking_tx_hex, `${NAME}.staking_tx_hex`);
  transaction.stripWitnesses();
  const outputIndex = Number(raw.staking_output_idx);
  const { value } = at(`${NAME}.staking_output_idx`, () => outputAt(transaction, outputIndex));
  if (value !== BigInt(raw.total_sat)) {
    const text = `must be ${value}, the value of output ${outputIndex}, not ${raw.total_sat}`;
    throw wrong("message-mismatch", `${NAME}.total_sat`, text);
  }
  return { terms, params, staking: { transaction, outputIndex } };
}

/** The chain takes stakes of one key only. */
function stakerSignature({ staker }: StakeTerms, text: string, path: string) {
  return [{ publicKey: stakerKeys(staker).keys[0]!, signature: hexOf(text, path, 64) }];
}

function expansionOf(
  raw: RawDelegation,
  { staking }: PreviousStake,
  previous: PreviousStake | undefined,
): Omit<ExpandedStake, "covenantSignatures"> | undefined {
  if (!raw.stk_exp) return undefined;
  const { previous_staking_tx_hash_hex: name, other_funding_tx_out_hex } = raw.stk_exp;
  const path = `${NAME}.stk_exp`;
  const [field, txid] = [`${path}.previous_staking_tx_hash_hex`, name.toLowerCase()];
  if (staking.transaction.ins[0] && spentBy(staking.transaction.ins[0]).txid !== txid) {
    throw wrong("message-mismatch", field, "it is not what input 0 of the staking transaction spends");
  }
  const given = previous?.staking.transaction.getId();
  if (given !== txid) {
    const text = `names the stake ${txid}, and ${given ?? "none"} is given beside the answer`;
    throw wrong("invalid-argument", field, text);
  }
  const { terms, params, staking: expanded } = previous!;
  const funding = outputOf(hexOf(other_funding_tx_out_hex, `${path}.other_funding_tx_out_hex`), path);
  return { terms, params, staking: expanded, funding, stakerSignatures: [] };
}

/** A transaction's output, as Bitcoin writes it. */
function outputOf(bytes: Uint8Array, path: string): Prevout {
  const field = `${path}.other_funding_tx_out_hex`;
  const malformed = () => wrong("invalid-transaction", field, "must be an output: its value, and its script");
  const reader = createReader(bytes, malformed);
  const output = { value: reader.int64(), script: reader.sized() };
  if (reader.left > 0 || output.value < 0n) throw malformed();
  return output;
}

/** The parts of `checkDelegation` that a field of the answer decides, in its order: the error names the field. */
function checkEachField(delegation: Delegation): void {
  const outputs = outputsIn(delegation);
  const { terms } = delegation;
  const check = (field: string, run: () => void) => at(`${NAME}.${field}`, run);
  const signed = (from: "staking" | "unbonding") => {
    const { stakerSignatures } = from === "staking" ? delegation.slashing : delegation.unbondingSlashing;
    const spend = slashingSpend(delegation, from, outputs);
    checkEach(spend, stakerSignatures, stakerKeys(terms.staker), "invalid-staker-signature");
  };
  check("staking_tx_hex", () => checkStaking(delegation, outputs));
  check("stk_exp", () => checkExpansionTransaction(delegation));
  check("undelegation_response.unbonding_tx_hex", () => checkUnbonding(delegation, outputs));
  check("slashing_tx_hex", () => checkSlashing(delegation, outputs, "staking"));
  check("undelegation_response.slashing_tx_hex", () => checkSlashing(delegation, outputs, "unbonding"));
  check("delegator_slash_sig_hex", () => signed("staking"));
  check("undelegation_response.delegator_slashing_sig_hex", () => signed("unbonding"));
}

function statusOf(raw: RawDelegation): Omit<ChainDelegation, "delegation"> {
  const status = STATUSES.find((name) => name === raw.status_desc);
  if (!status) {
    const text = `must be one of ${STATUSES.join(", ")}`;
    throw wrong("invalid-json", `${NAME}.status_desc`, text);
  }
  const [start, end] = [Number(raw.start_height), Number(raw.end_height)];
  const left = raw.undelegation_response?.delegator_unbonding_info_response;
  const path = `${NAME}.undelegation_response.delegator_unbonding_info_response.spend_stake_tx_hex`;
  return {
    status,
    account: raw.staker_addr,
    ...(end > 0 && { heights: { start, end } }),
    ...(left && {
      leftBy: left.spend_stake_tx_hex === "" ? "unbonding" : transactionOf(left.spend_stake_tx_hex, path),
    }),
  };
}
