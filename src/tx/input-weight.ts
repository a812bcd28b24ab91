import { compactSize } from "../core/bytes.js";
import type { WalletScript } from "../script/wallet-script.js";
import { type Coin, coinKind, spendingScript, walletScriptOf } from "./coin.js";

/**
 * The largest that signatures get, in bytes, hash type included: DER with a low s (BIP-66, BIP-146), and BIP-340
 * with a hash type that is not the default. Most come out a byte shorter; a fee must be enough for all.
 */
export const ECDSA_LENGTH = 72;
export const SCHNORR_LENGTH = 65;

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

function scriptLength(coin: Coin): number {
  const kind = coinKind(coin);
  if (kind === "p2pkh") return elementLength(ECDSA_LENGTH) + elementLength(KEY_LENGTH);
  return kind === "p2sh-p2wpkh" ? elementLength(coin.redeemScript!.length) : 0;
}

function witnessWeight(coin: Coin): number {
  if (coin.witnessWeight !== undefined) return coin.witnessWeight;
  const kind = coinKind(coin);
  if (kind === "p2pkh") return 0;
  if (kind === "p2wpkh" || kind === "p2sh-p2wpkh") return stackWeight([ECDSA_LENGTH, KEY_LENGTH]);
  const script = spendingScript(coin);
  if (!script) return stackWeight([SCHNORR_LENGTH]);
  const satisfied = walletScriptOf(coin)!;
  return coin.leaf
    ? stackWeight([...leafLengths(satisfied), script.length, coin.leaf.controlBlock.length])
    : stackWeight([...witnessScriptLengths(satisfied), script.length]);
}

function witnessScriptLengths(script: WalletScript): number[] {
  if (script.kind === "pk") return [ECDSA_LENGTH];
  if (script.kind === "pkh") return [ECDSA_LENGTH, KEY_LENGTH];
  // CHECKMULTISIG takes one element more than there are signatures (BIP-147).
  return [0, ...Array.from({ length: script.quorum }, () => ECDSA_LENGTH)];
}

function leafLengths(script: WalletScript): number[] {
  if (script.kind === "pk") return [SCHNORR_LENGTH];
  if (script.kind === "pkh") return [SCHNORR_LENGTH, KEY_LENGTH - 1];
  return script.keys.map((_, i) => (i < script.quorum ? SCHNORR_LENGTH : 0));
}

/** Bytes behind their length. */
const elementLength = (length: number): number => compactSize(length).length + length;
