import type { Transaction } from "../bitcoin/transaction-class.js";
import {
  formatOutpoint,
  type Outpoint,
  outputAt,
  type Prevout,
  spends,
  txidOf,
  spentBy,
} from "../bitcoin/transaction.js";
import { equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { publicKeyOf } from "../core/keys.js";
import { addCovenantSignatures, type CovenantSignatures } from "../covenant/member.js";
import { adaptor } from "../crypto/adaptor.js";
import { type AdaptorSignature, type Delegation, stakeCoin } from "../delegation/delegation.js";
import { type Leaf, stakingOutput } from "../script/outputs.js";
import { finishSpend } from "../spending/spend.js";
import { readWitness } from "../spending/witness.js";
import {
  ACCOUNT,
  chainSignature,
  type Codec,
  fields,
  INCLUSION,
  listOf,
  optional,
  type Sent,
  signatureBy,
  TRANSACTION,
  txid,
} from "./codec.js";
import type { InclusionProof } from "./inclusion.js";
import type { MessageOf } from "./schema.js";

/**
 * The message that shows a registered stake to be in a block.
 * @param signer the account that sends it, in bech32
 * @throws TapstakeError `invalid-address`, `invalid-proof` when it is malformed: `verifyInclusionProof` judges it
 */
export function addInclusionProofMessage(
  delegation: Delegation,
  signer: string,
  inclusion: InclusionProof,
): MessageOf<"MsgAddBTCDelegationInclusionProof"> {
  return inclusionFields(delegation).write({ signer, inclusion });
}

/**
 * The inverse of {@link addInclusionProofMessage}.
 * @throws TapstakeError `message-mismatch` when it is about another stake, `invalid-hex`, and as there
 */
export function readAddInclusionProof(
  message: MessageOf<"MsgAddBTCDelegationInclusionProof">,
  delegation: Delegation,
): Sent<{ readonly inclusion: InclusionProof }> {
  return inclusionFields(delegation).read(message);
}

const inclusionFields = (delegation: Delegation) =>
  fields<MessageOf<"MsgAddBTCDelegationInclusionProof">, Sent<{ readonly inclusion: InclusionProof }>>({
    stakingTxHash: about(delegation),
    signer: ["signer", ACCOUNT],
    stakingTxInclusionProof: ["inclusion", INCLUSION],
  });

/** That a stake was spent: by its unbonding transaction, or by any other. */
export interface Undelegation {
  /** The account that sends the message, in bech32. */
  readonly signer: string;
  /** Signed, as in its block. */
  readonly transaction: Transaction;
  readonly inclusion: InclusionProof;
  /** The transactions of all outputs that it spends besides the stake: its signatures are over these too. */
  readonly fundingTransactions: readonly Transaction[];
}

/**
 * The message that reports a spent stake.
 * @throws TapstakeError `wrong-outpoint` when the transaction does not spend the stake, or nothing of a funding
 * transaction; `message-mismatch` when the funding transaction of another input is not there, `output-not-found` when
 * that has no such output; `missing-signature`, `witness-mismatch`, `invalid-signature`, `unsupported-sighash` when the
 * stake is not spent as one of its leaves asks; `invalid-address`, `invalid-proof`
 */
export function undelegateMessage(
  delegation: Delegation,
  undelegation: Undelegation,
): MessageOf<"MsgBTCUndelegate"> {
  checkUndelegation(delegation, undelegation);
  return undelegationFields(delegation).write(undelegation);
}

/**
 * The inverse of {@link undelegateMessage}, checked in the same way.
 * @throws TapstakeError `message-mismatch` when it is about another stake, `invalid-hex`, `invalid-transaction`, and as
 * there
 */
export function readUndelegate(message: MessageOf<"MsgBTCUndelegate">, delegation: Delegation): Undelegation {
  const undelegation = undelegationFields(delegation).read(message);
  checkUndelegation(delegation, undelegation);
  return undelegation;
}

const undelegationFields = (delegation: Delegation) =>
  fields<MessageOf<"MsgBTCUndelegate">, Undelegation>({
    stakingTxHash: about(delegation),
    signer: ["signer", ACCOUNT],
    stakeSpendingTx: ["transaction", TRANSACTION],
    stakeSpendingTxInclusionProof: ["inclusion", INCLUSION],
    fundingTransactions: ["fundingTransactions", listOf(TRANSACTION)],
  });

/** A committee member's signatures as the chain takes them. */
export interface CovenantSubmission {
  /** The account that sends the message, in bech32. */
  readonly signer: string;
  readonly signatures: CovenantSignatures;
}

/**
 * The message by which a committee member hands in its signatures. They are verified first, of an expansion also the
 * one of the spend of the previous stake.
 * @throws TapstakeError the codes of `addCovenantSignatures`; `unsupported-sighash`, `invalid-address`
 */
export function covenantSignaturesMessage(
  delegation: Delegation,
  { signer, signatures }: CovenantSubmission,
): MessageOf<"MsgAddCovenantSigs"> {
  addCovenantSignatures(delegation, signatures);
  const { publicKey } = signatures.unbonding;
  return submissionFields(delegation, publicKey).write({ ...signatures, signer });
}

/**
 * The inverse of {@link covenantSignaturesMessage}, checked in the same way.
 * @throws TapstakeError `message-mismatch` when it is about another stake or has not one signature for each finality
 * provider, `invalid-hex`, and as there
 */
export function readCovenantSignatures(
  message: MessageOf<"MsgAddCovenantSigs">,
  delegation: Delegation,
): CovenantSubmission {
  const { signer, ...signatures } = submissionFields(delegation, message.pk).read(message);
  addCovenantSignatures(delegation, signatures);
  return { signer, signatures };
}

/** @param publicKey of the member */
function submissionFields(delegation: Delegation, publicKey: Uint8Array) {
  const adaptors = adaptorSignatures(delegation.terms.finalityProviders, publicKey);
  return fields<MessageOf<"MsgAddCovenantSigs">, Sent<CovenantSignatures>>({
    stakingTxHash: about(delegation),
    signer: ["signer", ACCOUNT],
    pk: "unbonding.publicKey",
    slashingTxSigs: ["slashing", adaptors],
    unbondingTxSig: ["unbonding.signature", chainSignature("unbonding signature of a member")],
    slashingUnbondingTxSigs: ["unbondingSlashing", adaptors],
    stakeExpansionTxSig: ["expansion", optional(signatureBy(publicKey, "expansion signature of a member"))],
  });
}

/** In the order of the finality providers, 65 bytes each. */
const adaptorSignatures = (
  providers: readonly Uint8Array[],
  publicKey: Uint8Array,
): Codec<readonly AdaptorSignature[], readonly Uint8Array[]> => ({
  write: (signatures) =>
    providers.map((provider) => {
      const own = signatures.find(({ finalityProvider }) => equalBytes(finalityProvider, provider));
      return adaptor.fromLegacy(own!.signature);
    }),
  read(list) {
    if (list.length !== providers.length) {
      const text = `the message has ${list.length} adaptor signatures for ${providers.length} finality providers; each needs one`;
      throw new TapstakeError("message-mismatch", text);
    }
    return list.map((signature, i) => ({ publicKey, finalityProvider: providers[i]!, signature }));
  },
});

/**
 * The message that reports a finality provider's key which a slashing of this one stake gave away. It makes the secret
 * public.
 * @param secretKey as `extractFromSlashing` gives it: 32 bytes
 * @throws TapstakeError `invalid-secret-key`, `invalid-address`; `unknown-finality-provider` when the stake is not with
 * this key
 */
export function selectiveSlashingMessage(
  delegation: Delegation,
  signer: string,
  secretKey: Uint8Array,
): MessageOf<"MsgSelectiveSlashingEvidence"> {
  assertProvider(delegation, secretKey);
  return recoveredKeyFields(delegation).write({ signer, secretKey });
}

/**
 * The inverse of {@link selectiveSlashingMessage}, checked in the same way.
 * @throws TapstakeError `message-mismatch` when it is about another stake, `invalid-hex`, and as there
 */
export function readSelectiveSlashing(
  message: MessageOf<"MsgSelectiveSlashingEvidence">,
  delegation: Delegation,
): Sent<{ readonly secretKey: Uint8Array }> {
  const recovered = recoveredKeyFields(delegation).read(message);
  assertProvider(delegation, recovered.secretKey);
  return recovered;
}

const recoveredKeyFields = (delegation: Delegation) =>
  fields<MessageOf<"MsgSelectiveSlashingEvidence">, Sent<{ readonly secretKey: Uint8Array }>>({
    stakingTxHash: about(delegation),
    signer: ["signer", ACCOUNT],
    recoveredFpBtcSk: "secretKey",
  });

/** Which stake a message is about: a field for its checking, and nothing of a record. */
const about = ({ staking }: Delegation) =>
  [null, txid(staking.transaction.getId(), "staking transaction")] as const;

function checkUndelegation(delegation: Delegation, { transaction, fundingTransactions }: Undelegation): void {
  const { outpoint } = stakeCoin(delegation);
  const inputIndex = transaction.ins.findIndex((input) => spends(input, outpoint));
  const spend = transaction.ins[inputIndex];
  if (!spend) {
    const text = `${transaction.getId()} does not spend the stake, ${formatOutpoint(outpoint)}`;
    throw new TapstakeError("wrong-outpoint", text);
  }
  if (spend.witness.length === 0) {
    throw new TapstakeError("missing-signature", `${transaction.getId()} is not signed`);
  }
  for (const funding of fundingTransactions) {
    const hash = funding.getHash();
    if (transaction.ins.some((input) => equalBytes(input.hash, hash))) continue;
    const text = `${transaction.getId()} spends nothing of the funding transaction ${txidOf(hash)}`;
    throw new TapstakeError("wrong-outpoint", text);
  }
  const prevouts = transaction.ins.map((input, i) =>
    i === inputIndex
      ? stakedOutput(delegation)
      : fundingOutput(transaction, spentBy(input), fundingTransactions),
  );
  checkWitness(delegation, transaction, inputIndex, prevouts);
}

const stakedOutput = ({ staking }: Delegation): Prevout => outputAt(staking.transaction, staking.outputIndex);

/** The chain verifies the staker's signature, which is over all that is spent. */
function fundingOutput(transaction: Transaction, spent: Outpoint, given: readonly Transaction[]): Prevout {
  const funding = given.find((one) => one.getId() === spent.txid);
  if (funding) return outputAt(funding, spent.vout);
  const name = formatOutpoint(spent);
  const text = `${transaction.getId()} spends ${name}: expected its funding transaction, got none`;
  throw new TapstakeError("message-mismatch", text, { what: "fundingTransactions", outpoint: name });
}

/** As Bitcoin took it: a leaf of the stake, and of each key set exactly the quorum, whose signatures verify. */
function checkWitness(
  { terms, params }: Delegation,
  transaction: Transaction,
  inputIndex: number,
  prevouts: readonly Prevout[],
): void {
  const { witness } = transaction.ins[inputIndex]!;
  const leaves: readonly Leaf[] = Object.values(stakingOutput(terms, params.network).leaves);
  const leaf = leaves.find(({ script }) => equalBytes(script, witness.at(-2) ?? new Uint8Array(0)));
  const refuse = (what: string) =>
    new TapstakeError("witness-mismatch", `the witness of ${transaction.getId()} ${what}`);
  if (!leaf) throw refuse("opens no leaf of the stake");
  const signatures = readWitness(leaf, witness);
  finishSpend({ transaction, inputIndex, prevouts, leaf }, signatures);
  const quorums = leaf.signers.reduce((sum, { quorum }) => sum + quorum, 0);
  if (signatures.length > quorums) throw refuse("has more signatures than the leaf takes");
}

function assertProvider({ terms }: Delegation, secretKey: Uint8Array): void {
  const publicKey = publicKeyOf(secretKey);
  if (terms.finalityProviders.some((provider) => equalBytes(provider, publicKey))) return;
  const key = hex.encode(publicKey);
  throw new TapstakeError("unknown-finality-provider", `${key} is not a finality provider of this stake`, {
    key,
  });
}
