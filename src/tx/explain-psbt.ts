import type { Psbt, Transaction } from "../core/bitcoin.js";
import { equalBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { parseLeaf } from "../script/parse.js";
import { leafOf } from "./explain.js";
import { prevoutsOf, readWitnessStack, transactionOf } from "./psbt.js";
import type { Prevout } from "./transaction.js";
import { assembleWitness } from "./witness.js";

/** What a PSBT says, as a transaction. */
export interface ShownPsbt {
  /**
   * With the witnesses that the PSBT has: final ones, and of a stake's leaf the signatures so far, with empty slots for
   * those that are missing. It need not be valid.
   */
  readonly transaction: Transaction;
  /** What it spends by its own account, when it says so of every input. */
  readonly prevouts?: readonly Prevout[];
  /** How many inputs have a signature, or are finished. */
  readonly signedInputs: number;
}

/**
 * A PSBT as far as it is signed, for explaining it. Nothing is verified here.
 * @throws TapstakeError `invalid-transaction`, `invalid-psbt`, `psbt-mismatch`, `unexpected-signer`
 */
export function shownPsbt(psbt: Psbt): ShownPsbt {
  const transaction = transactionOf(psbt);
  const { inputs } = psbt.data;
  for (const [i, input] of inputs.entries()) {
    const witness = input.finalScriptWitness
      ? readWitnessStack(input.finalScriptWitness)
      : openedWitness(input);
    if (witness) transaction.setWitness(i, witness);
  }
  const prevouts = prevoutsOf(psbt).filter((prevout) => prevout !== undefined);
  return {
    transaction,
    ...(prevouts.length === inputs.length && { prevouts }),
    signedInputs: inputs.filter(isSigned).length,
  };
}

type Input = Psbt["data"]["inputs"][number];

const isSigned = (input: Input): boolean =>
  input.finalScriptWitness !== undefined ||
  input.finalScriptSig !== undefined ||
  input.tapKeySig !== undefined ||
  (input.tapScriptSig ?? input.partialSig ?? []).length > 0;

/** Undefined where the input opens no leaf of a stake. */
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
