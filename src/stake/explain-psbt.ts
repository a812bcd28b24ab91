import type { Transaction } from "../bitcoin/transaction-class.js";
import { type Prevout, spentBy } from "../bitcoin/transaction.js";
import { equalBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { assertCoin, type Coin } from "../funding/coin.js";
import type { Psbt } from "../psbt/psbt.js";
import { checkInput, readInput } from "../psbt/input-check.js";
import {
  coinOfPsbt,
  parsePsbt,
  prevoutsOf,
  type PsbtLike,
  readWitnessStack,
  transactionOf,
} from "../psbt/read.js";
import { parseLeaf } from "../script/leaf.js";
import { assembleWitness } from "../spending/witness.js";
import { type ExplainedSpend, explainSpends, leafOf, quorumsOf } from "./explain.js";

/** A PSBT as a transaction. */
export interface ShownPsbt {
  /**
   * With the witnesses that the PSBT has: final ones; for a leaf of a stake, the signatures so far, with empty slots
   * for missing ones. It need not be valid.
   */
  readonly transaction: Transaction;
  /** What it spends, as the caller or else the PSBT says. Absent unless every input is known. */
  readonly prevouts?: readonly Prevout[];
  /** How many inputs are `signed`. */
  readonly signedInputs: number;
  /** How far each input is signed. */
  readonly inputs: readonly ShownInput[];
}

/** How far one input of a PSBT is signed. Signatures are verified with {@link ShownPsbt.prevouts}. */
export interface ShownInput {
  /**
   * `signed`: all who must have signed; for a stake, each quorum that the leaf requires. `in-part`: some have.
   * `invalid`: a signature does not verify. `unverified`: the PSBT lacks what verifying needs.
   */
  readonly state: "signed" | "in-part" | "unsigned" | "invalid" | "unverified";
  /** Why it is `invalid` or `unverified`. */
  readonly reason?: string;
}

/**
 * What a PSBT shows of its transaction and of its signatures so far.
 * @param known what inputs spend, from another source than the PSBT
 * @throws TapstakeError `invalid-transaction`, `invalid-psbt`, `psbt-mismatch`, `unexpected-signer`; `witness-mismatch`
 * if a final witness opens a leaf with too few or too many slots
 */
export function shownPsbt(given: PsbtLike, known: readonly (Prevout | undefined)[] = []): ShownPsbt {
  const psbt = parsePsbt(given);
  const transaction = transactionOf(psbt);
  for (const [i, input] of psbt.data.inputs.entries()) {
    const witness = input.finalScriptWitness
      ? readWitnessStack(input.finalScriptWitness)
      : openedWitness(input);
    if (witness) transaction.setWitness(i, witness);
  }
  const told = prevoutsOf(psbt).flatMap((own, i) => known[i] ?? own ?? []);
  const prevouts = told.length === transaction.ins.length ? told : undefined;
  const spends = explainSpends(transaction, [], prevouts);
  const inputs = psbt.data.inputs.map((input, i) => {
    const spend = spends.find(({ inputIndex }) => inputIndex === i);
    return spend ? stakeInput(spend, input) : walletInput(psbt, transaction, i, prevouts);
  });
  return {
    transaction,
    ...(prevouts && { prevouts }),
    signedInputs: inputs.filter(({ state }) => state === "signed").length,
    inputs,
  };
}

type Input = Psbt["data"]["inputs"][number];

/** An input that opens a leaf of a stake. */
function stakeInput(spend: ExplainedSpend, { tapKeySig, finalScriptWitness }: Input): ShownInput {
  if (tapKeySig)
    return {
      state: "invalid",
      reason: "it has a signature by the output's key, whose secret does not exist",
    };
  const quorums = quorumsOf(spend);
  if (spend.invalid.length === 0 && quorums.every(({ signed }) => signed === 0)) return { state: "unsigned" };
  if (!spend.verified) {
    const reason = spend.annex ? "it has an annex" : "the PSBT does not say that it spends the leaf's output";
    return { state: "unverified", reason };
  }
  if (spend.invalid.length > 0) return { state: "invalid", reason: "a signature does not verify" };
  // NUMEQUAL: in a final witness, one signature too many is as wrong as one too few (PROTOCOL 4).
  const tooMany = finalScriptWitness && quorums.some(({ signed, quorum }) => signed > quorum);
  if (tooMany) return { state: "invalid", reason: "it has more signatures than the leaf takes" };
  return { state: quorums.every(({ missing }) => missing === 0) ? "signed" : "in-part" };
}

/** Any other input: the wallet that has its coin signs it. */
function walletInput(
  psbt: Psbt,
  transaction: Transaction,
  index: number,
  prevouts: readonly Prevout[] | undefined,
): ShownInput {
  const input = psbt.data.inputs[index]!;
  if (!hasSignature(input)) return { state: "unsigned" };
  if (!prevouts) return { state: "unverified", reason: "the PSBT does not say what every input spends" };
  try {
    const coins = prevouts.map((prevout, i): Coin => ({
      ...prevout,
      outpoint: spentBy(transaction.ins[i]!),
    }));
    coins[index] = coinOfPsbt(psbt, index, prevouts[index]!);
    assertCoin(coins[index]);
    const spent = readInput(coins[index], index, input);
    if (!spent) return { state: "in-part" };
    checkInput(transaction, index, coins, spent);
    return { state: "signed" };
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    return { state: error.code === "invalid-coin" ? "unverified" : "invalid", reason: error.message };
  }
}

const hasSignature = ({ partialSig = [], tapScriptSig = [], ...input }: Input): boolean =>
  [input.finalScriptWitness, input.finalScriptSig, input.tapKeySig].some((each) => each !== undefined) ||
  partialSig.length + tapScriptSig.length > 0;

/** Undefined if the input opens no leaf of a stake. */
function openedWitness({ tapLeafScript, tapScriptSig = [] }: Input): Uint8Array[] | undefined {
  const [opened, ...others] = tapLeafScript ?? [];
  const terms = opened && others.length === 0 ? tryParseLeaf(opened.script) : undefined;
  if (!terms) return undefined;
  const leaf = leafOf(terms, opened!.script, opened!.controlBlock);
  const signatures = tapScriptSig
    .filter(({ leafHash }) => equalBytes(leafHash, leaf.hash))
    .map(({ pubkey, signature }) => ({ publicKey: pubkey, signature }));
  return assembleWitness(leaf, signatures);
}

function tryParseLeaf(script: Uint8Array) {
  try {
    return parseLeaf(script);
  } catch (error) {
    if (error instanceof TapstakeError) return undefined;
    throw error;
  }
}
