import { base64 } from "@scure/base";
import type { Transaction } from "../bitcoin/transaction-class.js";
import { createReader } from "../bitcoin/byte-reader.js";
import { createWriter } from "../bitcoin/byte-writer.js";
import { pushesOf } from "../bitcoin/opcodes.js";
import { assertPossible, outputAt, parseTransaction, type Prevout, spentBy } from "../bitcoin/transaction.js";
import { assertBytes, equalBytes, hex } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import {
  assertCoins,
  type Coin,
  coinKind,
  type CoinLeaf,
  MOST_WITNESS_WEIGHT,
  walletScriptOf,
} from "../funding/coin.js";
import { tapleafHash } from "../script/taproot.js";
import { withoutAnnex } from "../spending/witness.js";
import { type AnswerObject, isText, unwrapped } from "./answer-form.js";
import { Psbt } from "./psbt.js";
import { asVersion0, PSBT_MAGIC } from "./v2.js";
import { withoutSignatures } from "./write.js";

/**
 * A PSBT in any form: the object, even if another copy of bitcoinjs made it; bytes, even those of a text file; or text
 * in base64 or in hexadecimal of any case. Text may have quotes around it, and white space anywhere. It may also be the
 * object in which a wallet answers (`{ psbt }`, `{ hex }`, `{ result }`), a list of one, or the JSON of these.
 */
export type PsbtLike =
  Psbt | { toBuffer(): Uint8Array } | Uint8Array | string | AnswerObject | readonly string[];

/**
 * Reads a PSBT in any form: browser wallets answer in hexadecimal, hardware wallets in base64, `jq` in quotes. It
 * converts version 2 (BIP-370) to version 0, which every signer reads.
 * @throws TapstakeError `invalid-psbt`; `invalid-transaction` if no node could accept its transaction
 */
export function parsePsbt(psbt: PsbtLike): Psbt {
  return psbt instanceof Psbt ? psbt : psbtOfBytes(bytesOf(psbt));
}

function psbtOfBytes(raw: Uint8Array): Psbt {
  if (!isPsbt(raw)) {
    const got = transactionIn(raw)
      ? "a transaction"
      : `${raw.length} bytes that do not begin with 70736274ff`;
    throw new TapstakeError("invalid-psbt", `this must be a PSBT, not ${got}`);
  }
  const psbt = orInvalid(() => Psbt.fromBuffer(asVersion0(raw)));
  assertPossible(psbt.data.globalMap.unsignedTx);
  return psbt;
}

function orInvalid<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof TapstakeError && cause.code === "invalid-transaction") throw cause;
    throw new TapstakeError("invalid-psbt", `not a PSBT: ${(cause as Error).message}`, {}, { cause });
  }
}

/**
 * Reads a wallet's answer: a PSBT, or the whole signed transaction from wallets that finalise by themselves. A
 * transaction becomes a PSBT with final inputs.
 * @throws TapstakeError `invalid-psbt`; `invalid-transaction` if no node could accept its transaction
 */
export function parseAnswer(answer: PsbtLike): Psbt {
  if (answer instanceof Psbt) return answer;
  const bytes = bytesOf(answer);
  const transaction = transactionIn(bytes);
  return transaction ? finalPsbt(transaction) : psbtOfBytes(bytes);
}

function finalPsbt(transaction: Transaction): Psbt {
  const inputs = transaction.ins.map(({ script, witness }) => ({
    ...(script.length > 0 && { finalScriptSig: script }),
    ...(witness.length > 0 && { finalScriptWitness: createWriter().stack(witness).done() }),
  }));
  return new Psbt(withoutSignatures(transaction), inputs);
}

/** The unsigned transaction of a PSBT. @throws TapstakeError `invalid-transaction` */
export const transactionOf = (psbt: Psbt): Transaction =>
  parseTransaction(psbt.data.globalMap.unsignedTx.toBuffer());

/**
 * The outputs that a PSBT says it spends, as far as it names them. Only the chain knows whether they exist; Taproot
 * signatures commit to them.
 * @throws TapstakeError `psbt-mismatch` if a previous transaction is not the one of the outpoint
 */
export function prevoutsOf(psbt: Psbt): readonly (Prevout | undefined)[] {
  return psbt.data.inputs.map(({ witnessUtxo, nonWitnessUtxo }, i) => {
    if (!nonWitnessUtxo) return witnessUtxo;
    const previous = parseTransaction(nonWitnessUtxo);
    const { hash, index } = psbt.txInputs[i]!;
    if (!equalBytes(previous.getHash(), hash)) {
      const text = `input ${i}: the previous transaction in the PSBT is ${previous.getId()}, not the one that is spent`;
      throw new TapstakeError("psbt-mismatch", text, { what: `input ${i}: previous transaction` });
    }
    return outputAt(previous, index);
  });
}

/** @throws TapstakeError `invalid-psbt` */
function bytesOf(answer: PsbtLike): Uint8Array {
  const psbt = unwrapped(answer) as Exclude<PsbtLike, AnswerObject | readonly string[]>;
  return orInvalid(() => {
    const text = writtenText(psbt);
    if (text !== undefined) return decodeText(text);
    if (typeof psbt !== "object" || psbt === null) throw new TypeError(`got ${describeType(psbt)}`);
    const bytes = "toBuffer" in psbt ? psbt.toBuffer() : psbt;
    assertBytes(bytes, "PSBT");
    // A copy: slices of a Node Buffer would share its memory.
    return Uint8Array.from(bytes);
  });
}

/**
 * The text of an answer or of a file's bytes, without white space and the quotes around it. Undefined for other bytes
 * and objects: a PSBT has 0xff as fifth byte, a transaction has zeros, a signature has bytes that are not letters.
 */
export function writtenText(answer: PsbtLike): string | undefined {
  const isFile = answer instanceof Uint8Array && answer.length > 0 && answer.every(isText);
  const text = isFile ? new TextDecoder().decode(answer) : answer;
  return typeof text === "string" ? text.replace(/\s/g, "").replace(/^"(.*)"$/, "$1") : undefined;
}

/** The bytes in {@link writtenText}: hexadecimal in any case, or base64. It throws the decoder's errors. */
export function decodeText(text: string): Uint8Array {
  if (/^(?:[0-9a-f]{2})+$/i.test(text)) return hex.decode(text.toLowerCase());
  return base64.decode(text);
}

function transactionIn(bytes: Uint8Array): Transaction | undefined {
  if (isPsbt(bytes)) return undefined;
  try {
    return parseTransaction(bytes);
  } catch {
    return undefined;
  }
}

/** Whether bytes begin like a PSBT. */
export const isPsbt = (bytes: Uint8Array): boolean =>
  equalBytes(bytes.subarray(0, PSBT_MAGIC.length), PSBT_MAGIC);

type Input = Psbt["data"]["inputs"][number];

/**
 * The coins that a signed PSBT spends, as it describes them itself. Each script must lead to the output that holds the
 * coin; only the chain knows whether that output exists.
 * @throws TapstakeError `invalid-psbt` if it does not say what it spends; `psbt-mismatch` as `prevoutsOf`;
 * `invalid-coin` if its fields contradict each other, or are not enough to spend a coin
 */
export function coinsOfPsbt(psbt: Psbt): Coin[] {
  const coins = prevoutsOf(psbt).map((prevout, i): Coin => {
    if (!prevout) throw new TapstakeError("invalid-psbt", `input ${i} does not say what it spends`);
    return coinOfPsbt(psbt, i, prevout);
  });
  assertCoins(coins);
  return coins;
}

/** One of {@link coinsOfPsbt}, not checked. @throws TapstakeError `invalid-psbt`, `invalid-coin` */
export function coinOfPsbt(psbt: Psbt, index: number, prevout: Prevout): Coin {
  const outpoint = spentBy(psbt.txInputs[index]!);
  return described({ ...prevout, outpoint }, psbt.data.inputs[index]!);
}

function described(plain: Coin, input: Input): Coin {
  const previousTransaction = input.nonWitnessUtxo;
  const coin = { ...plain, ...(previousTransaction && { previousTransaction }), ...scriptsOf(plain, input) };
  const isUnknown = (coin.leaf ?? coin.witnessScript) && walletScriptOf(coin) === null;
  // What its owner said when the fee was reckoned is not in a PSBT: what came back is what is paid for.
  return isUnknown ? { ...coin, witnessWeight: MOST_WITNESS_WEIGHT } : coin;
}

/** Wallets that finalise an input drop what its witness and its input script show as well (BIP-174). */
function scriptsOf(coin: Coin, input: Input): Pick<Coin, "redeemScript" | "witnessScript" | "leaf"> {
  const witness = input.finalScriptWitness && readWitnessStack(input.finalScriptWitness);
  switch (coinKind(coin)) {
    case "p2sh-p2wpkh": {
      const redeemScript = input.redeemScript ?? pushesOf(input.finalScriptSig ?? new Uint8Array(0))?.at(-1);
      return redeemScript ? { redeemScript } : {};
    }
    case "p2wsh": {
      const witnessScript = input.witnessScript ?? witness?.at(-1);
      return witnessScript ? { witnessScript } : {};
    }
    case "p2tr": {
      const leaf = witness ? shownLeaf(witness) : signedLeaf(input);
      return leaf ? { leaf } : {};
    }
    default:
      return {};
  }
}

/** A witness of one element is a signature by the output's key. */
function shownLeaf(witness: readonly Uint8Array[]): CoinLeaf | undefined {
  const [script, controlBlock] = withoutAnnex(witness).slice(-2);
  return controlBlock && { script: script!, controlBlock };
}

function signedLeaf({ tapKeySig, tapLeafScript = [], tapScriptSig = [] }: Input): CoinLeaf | undefined {
  if (tapKeySig) return undefined;
  return tapLeafScript.find(({ script }) =>
    tapScriptSig.some(({ leafHash }) => equalBytes(leafHash, tapleafHash(script))),
  );
}

/**
 * The stack in a PSBT's final witness: a count, then each element behind its length.
 * @throws TapstakeError `invalid-psbt`
 */
export function readWitnessStack(bytes: Uint8Array): Uint8Array[] {
  const reader = createReader(bytes, malformedWitness);
  const count = reader.size();
  // Each element takes a byte at least, so a list cannot be longer than the bytes left.
  if (count > reader.left) throw malformedWitness();
  const stack = Array.from({ length: count }, () => reader.sized());
  if (reader.left > 0) throw malformedWitness();
  return stack;
}

const malformedWitness = () => new TapstakeError("invalid-psbt", "malformed final witness");
