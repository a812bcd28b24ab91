import type { Transaction } from "../bitcoin/transaction-class.js";
import { outputAt, toOutpoint, txidOf } from "../bitcoin/transaction.js";
import { TapstakeError } from "../core/errors.js";
import { checkDelegation } from "../delegation/check.js";
import {
  type Delegation,
  expandedStake,
  type FundingOutput,
  type PresignedSlashing,
  stakeCoin,
  unbondedCoin,
} from "../delegation/delegation.js";
import { checkInForce, type OwnParams } from "../params/in-force.js";
import type { ProtocolParams } from "../params/types.js";
import { stakingOutput } from "../script/outputs.js";
import { checkTerms, stakerKeys, type StakeTerms } from "../script/terms.js";
import type { LeafSignature } from "../spending/spend.js";
import { findOutput } from "../stake/decode.js";
import { type PreviousStake, previousStake } from "../stake/expansion.js";
import {
  ACCOUNT,
  type Codec,
  fields,
  INCLUSION,
  optional,
  POP,
  signatureBy,
  txid,
  WITHOUT_WITNESS,
} from "./codec.js";
import type { InclusionProof } from "./inclusion.js";
import { account, checkProofOfPossession, type ProofOfPossession } from "./pop.js";
import type { MessageOf } from "./schema.js";
import { assertMessage } from "./shape.js";

/** Who registers a stake, and that the key and the account are one's own. */
export interface Registrant {
  /** The account that registers and is rewarded, in bech32. */
  readonly stakerAddress: string;
  readonly proof: ProofOfPossession;
  /** The signing context of the proof, where the chain uses one. */
  readonly context?: string | undefined;
}

/** A stake and its registrant. */
export interface StakeRegistration extends Registrant {
  readonly delegation: Delegation;
  /** Of a stake that is registered after its confirmation; without it the chain wants the proof later. */
  readonly inclusion?: InclusionProof | undefined;
}

/** An expansion and its registrant. */
export interface ExpansionRegistration extends Registrant {
  /** The new stake, with what it expands. Its funding coin has the transaction that it is of: the chain asks for it. */
  readonly delegation: Delegation;
}

/** How a message is read. */
export interface ReadOptions {
  /** The signing context that proofs of possession must have, where the chain uses one. */
  readonly context?: string | undefined;
}

/**
 * The message that registers a stake. The delegation and the proof of possession are checked first, as the chain will.
 * Transactions go without witnesses, so that nothing is sent that could already be broadcast.
 * @param own your copy of the parameters, and the tip of Bitcoin: the chain refuses a stake under another version
 * @throws TapstakeError the codes of `checkDelegation`; where `own` is given, those of `checkInForce`;
 * `invalid-address`, `invalid-possession`, `invalid-proof`;
 * `unsupported-message` for several stakers and for expansions, `unsupported-sighash` for a slashing signature of 65
 * bytes; `invalid-coin` for a coinbase
 */
export function createDelegationMessage(
  registration: StakeRegistration,
  own?: OwnParams,
): MessageOf<"MsgCreateBTCDelegation"> {
  const { delegation, inclusion } = registration;
  if (own !== undefined) checkInForce(delegation.params, own);
  // The chain would register a new stake, and the committee would not sign the spend of the previous one.
  if (delegation.expansion) {
    const text = "MsgCreateBTCDelegation has no field for the stake that is expanded: MsgBtcStakeExpand has";
    throw new TapstakeError("unsupported-message", text);
  }
  return { ...statedStake(registration), stakingTxInclusionProof: INCLUDED.write(inclusion) };
}

/**
 * The inverse of {@link createDelegationMessage}, checked in the same way.
 * @param params the version that the chain applies (PROTOCOL 8): the message does not hold the committee
 * @throws TapstakeError `message-mismatch`, `invalid-message`, `invalid-transaction`, `output-not-found`,
 * `multiple-staking-outputs`, and as {@link createDelegationMessage}
 */
export function readCreateDelegation(
  message: MessageOf<"MsgCreateBTCDelegation">,
  params: ProtocolParams,
  options: ReadOptions = {},
): StakeRegistration {
  assertMessage("MsgCreateBTCDelegation", message);
  const inclusion = INCLUDED.read(message.stakingTxInclusionProof);
  const { delegation, ...registrant } = readStake(message, params, options);
  checkRegistration(delegation, registrant);
  return { ...registrant, delegation, ...(inclusion && { inclusion }) };
}

/**
 * The message that registers an expansion.
 * @param own as in {@link createDelegationMessage}
 * @throws TapstakeError `not-an-expansion`; `invalid-coin` without the transaction of the funding coin; and as
 * {@link createDelegationMessage}
 */
export function expandMessage(
  registration: ExpansionRegistration,
  own?: OwnParams,
): MessageOf<"MsgBtcStakeExpand"> {
  const { delegation } = registration;
  if (own !== undefined) checkInForce(delegation.params, own);
  const { funding } = expandedStake(delegation);
  if (!funding.transaction) {
    const text = "the funding coin has no previous transaction, and the chain asks for it";
    throw new TapstakeError("invalid-coin", text);
  }
  return {
    ...statedStake(registration),
    previousStakingTxHash: txidOf(delegation.staking.transaction.ins[0]!.hash),
    fundingTx: WITHOUT_WITNESS.write(funding.transaction),
  };
}

/**
 * The inverse of {@link expandMessage}, checked in the same way.
 * @param params of the new stake
 * @param previous the stake that is expanded, as the chain knows it by its txid
 * @throws TapstakeError `staking-output-mismatch` when that is not where it is said to be; and as
 * {@link readCreateDelegation} and {@link expandMessage}
 */
export function readExpand(
  message: MessageOf<"MsgBtcStakeExpand">,
  params: ProtocolParams,
  previous: PreviousStake,
  options: ReadOptions = {},
): ExpansionRegistration {
  assertMessage("MsgBtcStakeExpand", message);
  const { outpoint } = previousStake(previous).coin;
  txid(toOutpoint(outpoint).txid, "previous staking transaction").read(message.previousStakingTxHash);
  const { delegation: stake, ...registrant } = readStake(message, params, options);
  const expansion = {
    terms: previous.terms,
    params: previous.params,
    staking: previous.staking,
    funding: readFunding(stake, WITHOUT_WITNESS.read(message.fundingTx)),
    stakerSignatures: [],
    covenantSignatures: [],
  };
  const delegation = { ...stake, expansion };
  checkRegistration(delegation, registrant);
  return { ...registrant, delegation };
}

const INCLUDED = optional(INCLUSION);

/** What both messages say of a stake and of its registrant. */
interface StatedStake extends Omit<Registrant, "context"> {
  readonly terms: Omit<StakeTerms, "covenant">;
  readonly unbondingTime: number;
  readonly staking: { readonly transaction: Transaction };
  readonly unbonding: { readonly transaction: Transaction };
  readonly slashing: Omit<PresignedSlashing, "covenantSignatures">;
  readonly unbondingSlashing: Omit<PresignedSlashing, "covenantSignatures">;
}

/** Both messages, but for what each has alone, and for what follows from the transactions. */
type StakeMessage = Omit<MessageOf<"MsgBtcStakeExpand">, "previousStakingTxHash" | "fundingTx">;
type Stated = Omit<StakeMessage, "stakingValue" | "unbondingValue">;

/** @param staker the one key that the message has room for */
function stakeFields(staker: Uint8Array) {
  const signature = stakerSignature(staker);
  return fields<Stated, StatedStake>({
    stakerAddr: ["stakerAddress", ACCOUNT],
    pop: ["proof", POP],
    btcPk: ["terms.staker", { write: () => staker, read: (key) => key }],
    fpBtcPkList: "terms.finalityProviders",
    stakingTime: "terms.timelock",
    stakingTx: ["staking.transaction", WITHOUT_WITNESS],
    slashingTx: ["slashing.transaction", WITHOUT_WITNESS],
    delegatorSlashingSig: ["slashing.stakerSignatures", signature],
    unbondingTime: "unbondingTime",
    unbondingTx: ["unbonding.transaction", WITHOUT_WITNESS],
    unbondingSlashingTx: ["unbondingSlashing.transaction", WITHOUT_WITNESS],
    delegatorUnbondingSlashingSig: ["unbondingSlashing.stakerSignatures", signature],
  });
}

/** Of a delegation that was checked: there is one signature, by the one staker. */
function stakerSignature(staker: Uint8Array): Codec<readonly LeafSignature[], Uint8Array> {
  const { write, read } = signatureBy(staker, "slashing signature of the staker");
  return { write: ([own]) => write(own!), read: (signature) => [read(signature)] };
}

function statedStake(registration: Registrant & { readonly delegation: Delegation }): StakeMessage {
  const { delegation, ...registrant } = registration;
  const staker = onlyStaker(delegation.terms);
  checkRegistration(delegation, registrant);
  return {
    ...stakeFields(staker).write({ ...delegation, ...registrant }),
    stakingValue: stakeCoin(delegation).value,
    unbondingValue: unbondedCoin(delegation).value,
  };
}

/** The stake that a message describes, and its registrant. */
function readStake(message: StakeMessage, params: ProtocolParams, { context }: ReadOptions) {
  const { stakerAddress, proof, ...stated } = stakeFields(message.btcPk).read(message);
  const terms = { ...stated.terms, covenant: params.covenant };
  checkTerms(terms);
  const { transaction } = stated.staking;
  const outputIndex = findOutput(transaction, stakingOutput(terms, params.network).script);
  const delegation: Delegation = {
    ...stated,
    terms,
    params,
    staking: { transaction, outputIndex },
    unbonding: { ...stated.unbonding, stakerSignatures: [], covenantSignatures: [] },
    slashing: { ...stated.slashing, covenantSignatures: [] },
    unbondingSlashing: { ...stated.unbondingSlashing, covenantSignatures: [] },
  };
  assertSame("staking value", stakeCoin(delegation).value, message.stakingValue);
  assertSame("unbonding value", unbondedCoin(delegation).value, message.unbondingValue);
  return { stakerAddress, proof, context, delegation };
}

/** What input 1 spends: the message holds all of the transaction that it is of. */
function readFunding({ staking }: Delegation, transaction: Transaction): FundingOutput {
  const [, input] = staking.transaction.ins;
  if (!input) {
    const text = "the expansion has 1 input; it must have 2, the previous stake and one coin";
    throw new TapstakeError("wrong-input-count", text, { expected: 2, got: 1 });
  }
  const { script, value } = outputAt(transaction, input.index);
  return { script, value, transaction };
}

function checkRegistration(
  delegation: Delegation,
  { stakerAddress: address, proof, context }: Registrant,
): void {
  assertNoCoinbase(delegation.staking.transaction);
  checkDelegation(delegation);
  account(address);
  const { network } = delegation.params;
  checkProofOfPossession(onlyStaker(delegation.terms), proof, { address, context, network });
}

/**
 * Only an unreleased branch of the chain has a field for more (`multisig_info`); a chain without it cannot decode it.
 * @throws TapstakeError `unsupported-message`
 */
function onlyStaker({ staker }: StakeTerms): Uint8Array {
  const { keys } = stakerKeys(staker);
  if (keys.length === 1) return keys[0]!;
  const text = `the stake has ${keys.length} stakers, and no release of the chain registers more than one: make the stake with one staker`;
  throw new TapstakeError("unsupported-message", text);
}

/** Whatever it pays, a coinbase can stake nothing: the chain takes no proof of index 0. */
function assertNoCoinbase(transaction: Transaction): void {
  if (!transaction.isCoinbase()) return;
  const text = `the staking transaction ${transaction.getId()} is a coinbase, and the chain registers none: send the coins to a staking output first`;
  throw new TapstakeError("invalid-coin", text);
}

function assertSame(what: string, expected: bigint, got: bigint): void {
  if (expected === got) return;
  throw new TapstakeError("message-mismatch", `${what} must be ${expected}, not ${got}`, { what });
}
