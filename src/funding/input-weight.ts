import { compactSize } from "../core/bytes.js";
import type { WalletScript } from "../bitcoin/wallet-script.js";
import { type Coin, coinKind, spendingScript, walletScriptOf } from "./coin.js";
import { ECDSA_LENGTHS, SCHNORR_LENGTHS } from "../bitcoin/signature-length.js";

/** A compressed key. */
const KEY_LENGTH = 33;
/** Outpoint and sequence. */
const OUTPOINT_LENGTH = 36 + 4;

/**
 * The most weight units of an input once it is signed, its witness included (BIP-141). The one byte by which an
 * input without witness says so, in a transaction that has others, is not in it.
 */
export function inputWeight(coin: Coin): number {
  return 4 * (OUTPOINT_LENGTH + elementLength(scriptLength(coin))) + witnessWeight(coin);
}

/** Whether the coin is spent by a witness: all but P2PKH. */
export const hasWitness = (coin: Coin): boolean => coinKind(coin) !== "p2pkh";

/** The weight units of a witness whose elements have these lengths. */
export function stackWeight(lengths: readonly number[]): number {
  return lengths.reduce((sum, length) => sum + elementLength(length), compactSize(lengths.length).length);
}

const signatureLength = (coin: Coin): number =>
  coin.signatureLength ?? (coinKind(coin) === "p2tr" ? SCHNORR_LENGTHS : ECDSA_LENGTHS).most;

function scriptLength(coin: Coin): number {
  const kind = coinKind(coin);
  if (kind === "p2pkh") return elementLength(signatureLength(coin)) + elementLength(KEY_LENGTH);
  return kind === "p2sh-p2wpkh" ? elementLength(coin.redeemScript!.length) : 0;
}

function witnessWeight(coin: Coin): number {
  if (coin.witnessWeight !== undefined) return coin.witnessWeight;
  const kind = coinKind(coin);
  if (kind === "p2pkh") return 0;
  return stackWeight(witnessLengths(coin));
}

/** The lengths of the elements of a coin's witness, of a script whose witness has a known size. */
export function witnessLengths(coin: Coin): number[] {
  const kind = coinKind(coin);
  const signature = signatureLength(coin);
  if (kind === "p2wpkh" || kind === "p2sh-p2wpkh") return [signature, KEY_LENGTH];
  const script = spendingScript(coin);
  if (!script) return [signature];
  const satisfied = walletScriptOf(coin)!;
  return coin.leaf
    ? [...leafLengths(satisfied, signature), script.length, coin.leaf.controlBlock.length]
    : [...witnessScriptLengths(satisfied, signature), script.length];
}

function witnessScriptLengths(script: WalletScript, signature: number): number[] {
  if (script.kind === "pk") return [signature];
  if (script.kind === "pkh") return [signature, KEY_LENGTH];
  // CHECKMULTISIG takes one element more than there are signatures (BIP-147).
  return [0, ...Array.from({ length: script.quorum }, () => signature)];
}

function leafLengths(script: WalletScript, signature: number): number[] {
  if (script.kind === "pk") return [signature];
  if (script.kind === "pkh") return [signature, KEY_LENGTH - 1];
  return script.keys.map((_, i) => (i < script.quorum ? signature : 0));
}

/** Bytes behind their length. */
const elementLength = (length: number): number => compactSize(length).length + length;
