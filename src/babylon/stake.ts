import type { Transaction } from "../bitcoin/bitcoinjs.js";
import { outputAt, parseTransaction } from "../bitcoin/transaction.js";
import { equalBytes } from "../core/bytes.js";
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
import type { ProtocolParams } from "../params/types.js";
import { stakingOutput } from "../script/outputs.js";
import { checkTerms } from "../script/terms.js";
import { findOutput } from "../stake/decode.js";
import { type PreviousStake, previousStake } from "../stake/expansion.js";
import {
  assertInclusionForm,
  assertSame,
  bytesWithoutWitness,
  chainSignature,
  fromPop,
  onlyStaker,
  toPop,
  txidOf,
} from "./fields.js";
import type { InclusionProof } from "./inclusion.js";
import { assertTxid } from "./messages.js";
import { account, checkProofOfPossession, type ProofOfPossession } from "./pop.js";
import type { MessageOf } from "./schema.js";

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
 * @throws TapstakeError the codes of `checkDelegation`; `invalid-address`, `invalid-possession`, `invalid-proof`;
 * `unsupported-message` for several stakers and for expansions, `unsupported-sighash` for a slashing signature of 65 bytes
 */
export function createDelegationMessage(
  registration: StakeRegistration,
): MessageOf<"MsgCreateBTCDelegation"> {
  const { delegation, inclusion } = registration;
  if (inclusion) assertInclusionForm(inclusion);
  // The chain would take it for a stake of its own, and ask nobody to sign the spend of the previous one.
  if (delegation.expansion) {
    const text = "MsgCreateBTCDelegation has no field for the stake that is expanded: MsgBtcStakeExpand has";
    throw new TapstakeError("unsupported-message", text);
  }
  return { ...stakeFields(registration), stakingTxInclusionProof: inclusion };
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
  const inclusion = message.stakingTxInclusionProof;
  if (inclusion) assertInclusionForm(inclusion);
  const delegation = readStake(message, params);
  return { ...readRegistrant(message, delegation, options), delegation, ...(inclusion && { inclusion }) };
}

/**
 * The message that registers an expansion.
 * @throws TapstakeError `not-an-expansion`; `invalid-coin` without the transaction of the funding coin; and as
 * {@link createDelegationMessage}
 */
export function expandMessage(registration: ExpansionRegistration): MessageOf<"MsgBtcStakeExpand"> {
  const { delegation } = registration;
  const { funding } = expandedStake(delegation);
  if (!funding.transaction) {
    const text = "expected the transaction that the funding coin is of, which the chain asks for, got none";
    throw new TapstakeError("invalid-coin", text);
  }
  return {
    ...stakeFields(registration),
    previousStakingTxHash: txidOf(delegation.staking.transaction.ins[0]!.hash),
    fundingTx: bytesWithoutWitness(funding.transaction),
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
  const { hash } = previousStake(previous).coin.outpoint;
  assertTxid(message.previousStakingTxHash, txidOf(hash), "previous staking transaction");
  const stake = readStake(message, params);
  const expansion = {
    terms: previous.terms,
    params: previous.params,
    staking: previous.staking,
    funding: readFunding(stake, parseTransaction(message.fundingTx)),
    stakerSignatures: [],
    covenantSignatures: [],
  };
  const delegation = { ...stake, expansion };
  return { ...readRegistrant(message, delegation, options), delegation };
}

/** What both messages say of a stake, by names that they share. */
type StakeFields = Omit<MessageOf<"MsgBtcStakeExpand">, "previousStakingTxHash" | "fundingTx">;

function stakeFields({ delegation, ...registrant }: Registrant & { delegation: Delegation }): StakeFields {
  const { terms, unbondingTime, staking, unbonding, slashing, unbondingSlashing } = delegation;
  const btcPk = onlyStaker(terms);
  checkRegistration(delegation, btcPk, registrant);
  return {
    stakerAddr: account(registrant.stakerAddress).text,
    pop: toPop(registrant.proof),
    btcPk,
    fpBtcPkList: terms.finalityProviders,
    stakingTime: terms.timelock,
    stakingValue: stakeCoin(delegation).value,
    stakingTx: bytesWithoutWitness(staking.transaction),
    slashingTx: bytesWithoutWitness(slashing.transaction),
    delegatorSlashingSig: stakerSignature(slashing, btcPk),
    unbondingTime,
    unbondingTx: bytesWithoutWitness(unbonding.transaction),
    unbondingValue: unbondedCoin(delegation).value,
    unbondingSlashingTx: bytesWithoutWitness(unbondingSlashing.transaction),
    delegatorUnbondingSlashingSig: stakerSignature(unbondingSlashing, btcPk),
  };
}

/** The stake that a message describes; no rule of it is checked yet. */
function readStake(message: StakeFields, params: ProtocolParams): Delegation {
  const { btcPk: publicKey, fpBtcPkList, unbondingTime, unbondingTx } = message;
  const terms = {
    staker: publicKey,
    finalityProviders: fpBtcPkList,
    covenant: params.covenant,
    timelock: message.stakingTime,
  };
  checkTerms(terms);
  const staking = parseTransaction(message.stakingTx);
  const outputIndex = findOutput(staking, stakingOutput(terms, params.network).script);
  const presigned = (bytes: Uint8Array, signature: Uint8Array): PresignedSlashing => ({
    transaction: parseTransaction(bytes),
    stakerSignatures: [{ publicKey, signature }],
    covenantSignatures: [],
  });
  const unbonding = parseTransaction(unbondingTx);
  const delegation: Delegation = {
    terms,
    params,
    unbondingTime,
    staking: { transaction: staking, outputIndex },
    unbonding: { transaction: unbonding, stakerSignatures: [], covenantSignatures: [] },
    slashing: presigned(message.slashingTx, message.delegatorSlashingSig),
    unbondingSlashing: presigned(message.unbondingSlashingTx, message.delegatorUnbondingSlashingSig),
  };
  assertSame("staking value", stakeCoin(delegation).value, message.stakingValue);
  assertSame("unbonding value", outputAt(unbonding, 0).value, message.unbondingValue);
  return delegation;
}

function readRegistrant(
  { btcPk, stakerAddr, pop }: StakeFields,
  delegation: Delegation,
  { context }: ReadOptions,
): Registrant {
  const registrant = { stakerAddress: stakerAddr, proof: fromPop(pop), context };
  checkRegistration(delegation, btcPk, registrant);
  return registrant;
}

/** What input 1 spends: the message holds all of the transaction that it is of. */
function readFunding({ staking }: Delegation, transaction: Transaction): FundingOutput {
  const [, input] = staking.transaction.ins;
  if (!input) {
    const text = "an expansion spends the previous stake and one coin: expected 2 inputs, got 1";
    throw new TapstakeError("wrong-input-count", text, { expected: 2, got: 1 });
  }
  const { script, value } = outputAt(transaction, input.index);
  return { script, value, transaction };
}

function checkRegistration(
  delegation: Delegation,
  publicKey: Uint8Array,
  { stakerAddress: address, proof, context }: Registrant,
): void {
  checkDelegation(delegation);
  account(address);
  checkProofOfPossession(publicKey, proof, { address, context, network: delegation.params.network });
}

function stakerSignature({ stakerSignatures }: PresignedSlashing, staker: Uint8Array): Uint8Array {
  const own = stakerSignatures.find(({ publicKey }) => equalBytes(publicKey, staker));
  if (!own) throw new TapstakeError("missing-signature", "the staker has not signed a slashing transaction");
  return chainSignature(own.signature, "slashing signature of the staker");
}
