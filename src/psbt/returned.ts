import { Transaction } from "../bitcoin/transaction-class.js";
import { type Prevout, txidOf } from "../bitcoin/transaction.js";
import { equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import type { Coin } from "../funding/coin.js";
import { LEAF_VERSION, merkleRootOf, NUMS_KEY, outputKeyOf } from "../script/taproot.js";
import type { LeafSpend } from "../spending/spend.js";
import type { Psbt } from "./psbt.js";

/**
 * Checks that the returned transaction is ours: only signatures may differ.
 * @throws TapstakeError `psbt-mismatch` with the first difference: version, lock time, an input, an output
 */
export function assertSameTransaction(expected: Transaction, psbt: Psbt): void {
  const got = Transaction.fromBuffer(psbt.data.globalMap.unsignedTx.toBuffer());
  const compare = (what: string, want: Value, is: Value, where?: { input?: number; output?: number }) => {
    if (want !== is) throw psbtMismatch(what, want, is, where);
  };
  compare("version", expected.version, got.version);
  compare("lock time", expected.locktime, got.locktime);
  compare("number of inputs", expected.ins.length, got.ins.length);
  compare("number of outputs", expected.outs.length, got.outs.length);
  for (const [input, { hash, index, sequence }] of expected.ins.entries()) {
    const other = got.ins[input]!;
    compare(`input ${input}: previous transaction`, txidOf(hash), txidOf(other.hash), { input });
    compare(`input ${input}: previous output`, index, other.index, { input });
    compare(`input ${input}: sequence`, sequence, other.sequence, { input });
  }
  for (const [output, { script, value }] of expected.outs.entries()) {
    const other = got.outs[output]!;
    compare(`output ${output}: script`, hex.encode(script), hex.encode(other.script), { output });
    compare(`output ${output}: value`, value, other.value, { output });
  }
}

type Value = string | number | bigint;
type PsbtInput = Psbt["data"]["inputs"][number];

/**
 * Checks that what a returned PSBT says of its coins is true, and that it asks for signatures of the whole transaction.
 * @throws TapstakeError `psbt-mismatch` with the first input that differs and what differs
 */
export function assertSameCoins(expected: Transaction, prevouts: readonly Prevout[], psbt: Psbt): void {
  for (const [i, { script, value }] of prevouts.entries()) {
    const input = psbt.data.inputs[i]!;
    const compareCoin = (coin: Prevout) => {
      compareInput(i, "script of its coin", hex.encode(script), hex.encode(coin.script));
      compareInput(i, "value of its coin", value, coin.value);
    };
    if (input.witnessUtxo) compareCoin(input.witnessUtxo);
    if (input.nonWitnessUtxo) {
      const previous = readPrevious(i, input.nonWitnessUtxo);
      const { hash, index } = expected.ins[i]!;
      compareInput(i, "whole previous transaction", txidOf(hash), txidOf(previous.getHash()));
      const output = previous.outs[index];
      if (!output) throw differs(i, "whole previous transaction", `output ${index}`, previous.outs.length);
      compareCoin(output);
    }
    const { sighashType = Transaction.SIGHASH_DEFAULT } = input;
    if (sighashType !== Transaction.SIGHASH_DEFAULT && sighashType !== Transaction.SIGHASH_ALL) {
      throw differs(i, "sighash type", "DEFAULT (0) or ALL (1)", sighashType);
    }
  }
}

/**
 * Checks that a returned PSBT opens the expected leaf of the expected coin, as far as it says so. Wallets may add other
 * leaves of the same output.
 * @throws TapstakeError `psbt-mismatch` with what differs
 */
export function assertSameLeaf({ leaf, inputIndex: i, prevouts }: LeafSpend, input: PsbtInput): void {
  const { tapInternalKey, tapMerkleRoot, tapLeafScript = [], finalScriptSig } = input;
  if (finalScriptSig && finalScriptSig.length > 0) {
    throw differs(i, "input script", "none", `${finalScriptSig.length} bytes`);
  }
  if (tapInternalKey) {
    compareInput(i, "internal key", hex.encode(NUMS_KEY), hex.encode(tapInternalKey));
  }
  if (tapMerkleRoot) {
    const root = merkleRootOf(leaf.script, leaf.controlBlock)!;
    compareInput(i, "Merkle root", hex.encode(root), hex.encode(tapMerkleRoot));
  }
  assertOwnLeaves(i, prevouts[i]!.script, tapLeafScript, leaf.script);
  if (tapLeafScript.length > 0 && !tapLeafScript.some(({ script }) => equalBytes(script, leaf.script))) {
    throw differs(i, "leaf script", hex.encode(leaf.script), hex.encode(tapLeafScript[0]!.script));
  }
}

/**
 * Checks that a returned PSBT still says how a coin is spent: its scripts and its internal key. What a PSBT leaves out
 * counts as altered too, unless its wallet finalised the input, which drops these fields (BIP-174).
 * @param coin what is known of it; an internal key that it does not name is not checked
 * @throws TapstakeError `psbt-mismatch` with what differs
 */
export function assertSameScripts(coin: Coin, i: number, input: PsbtInput): void {
  const { redeemScript, witnessScript, leaf } = coin;
  const isFinal = input.finalScriptWitness !== undefined || input.finalScriptSig !== undefined;
  const compare = (what: string, want: Uint8Array | undefined, got: Uint8Array | undefined) => {
    if (!got && (isFinal || !want)) return;
    compareInput(i, what, want ? hex.encode(want) : "none", got ? hex.encode(got) : "none");
  };
  compare("redeem script", redeemScript, input.redeemScript);
  compare("witness script", witnessScript, input.witnessScript);
  const internalKey = coin.tapInternalKey ?? leaf?.controlBlock.slice(1, 33);
  if (internalKey) compare("internal key", internalKey, input.tapInternalKey);
  if (leaf && input.tapMerkleRoot) {
    compare("Merkle root", merkleRootOf(leaf.script, leaf.controlBlock)!, input.tapMerkleRoot);
  }
  const { tapLeafScript = [] } = input;
  assertOwnLeaves(i, coin.script, tapLeafScript, leaf?.script);
  const isThere = ({ script, controlBlock }: TapLeaf) =>
    equalBytes(script, leaf!.script) && equalBytes(controlBlock, leaf!.controlBlock);
  if (!leaf || tapLeafScript.some(isThere) || (isFinal && tapLeafScript.length === 0)) return;
  const got = tapLeafScript[0] ? hex.encode(tapLeafScript[0].script) : "none";
  throw differs(i, "leaf script", hex.encode(leaf.script), got);
}

type TapLeaf = NonNullable<PsbtInput["tapLeafScript"]>[number];

/** Each leaf must be of the spent output: wallets may add other leaves of it. */
function assertOwnLeaves(
  i: number,
  output: Uint8Array,
  leaves: readonly TapLeaf[],
  example: Uint8Array | undefined,
): void {
  for (const { leafVersion, script, controlBlock } of leaves) {
    const key = outputKeyOf(script, controlBlock);
    if (leafVersion === LEAF_VERSION && key && equalBytes(key, output.slice(2))) continue;
    const expected = `one of the spent output${example ? `, such as ${hex.encode(example)}` : ""}`;
    throw differs(i, "leaf script", expected, hex.encode(script));
  }
}

function readPrevious(input: number, bytes: Uint8Array): Transaction {
  try {
    return Transaction.fromBuffer(bytes);
  } catch {
    throw differs(
      input,
      "whole previous transaction",
      "a transaction",
      `${bytes.length} bytes of another kind`,
    );
  }
}

function compareInput(input: number, what: string, expected: Value, got: Value): void {
  if (expected !== got) throw differs(input, what, expected, got);
}

function differs(input: number, what: string, expected: Value, got: Value): TapstakeError {
  return psbtMismatch(`input ${input}: ${what}`, expected, got, { input });
}

/** @param where the input or output that differs */
export function psbtMismatch(
  what: string,
  expected: Value,
  got: Value,
  where: { readonly input?: number; readonly output?: number } = {},
): TapstakeError {
  const text = `the PSBT came back with ${what} ${got}, but it must be ${expected}`;
  return new TapstakeError("psbt-mismatch", text, { what, expected, got, ...where });
}
