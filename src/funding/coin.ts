import { hash160 } from "../core/hashes.js";
import type { Transaction } from "../bitcoin/transaction-class.js";
import { assertStatedLength, ECDSA_LENGTHS, SCHNORR_LENGTHS } from "../bitcoin/fee.js";
import { outputKind } from "../bitcoin/output-script.js";
import {
  assertUnspentOutput,
  formatOutpoint,
  parseTransaction,
  toOutpoint,
  type UnspentOutput,
} from "../bitcoin/transaction.js";
import { readWalletScript, type WalletScript } from "../bitcoin/wallet-script.js";
import { assertBytes, assertInteger, equalBytes, hex, isBytes } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { sha256 } from "../core/hashes.js";
import { assertPublicKey } from "../core/keys.js";
import { counted } from "../core/text.js";
import { type KeyOrigin, normalPath } from "../script/key-origin.js";
import { outputKeyOf } from "../script/taproot.js";

/**
 * A coin of a wallet that can fund a stake. Its owner signs, and need not be the staker; a stake can use coins of
 * several owners and kinds. All keys must be compressed.
 */
export interface Coin extends UnspentOutput {
  /** The output script that holds the coin: P2PKH, P2SH-P2WPKH, P2WPKH, P2WSH or P2TR. */
  readonly script: Uint8Array;
  /**
   * The whole transaction that made the coin. P2PKH needs it, as its signature does not commit to the amount; some
   * signers want it for every coin. Checked against the outpoint, the value and the script.
   */
  readonly previousTransaction?: Transaction | Uint8Array;
  /** For P2SH-P2WPKH, which needs it: the P2WPKH script inside, 22 bytes. */
  readonly redeemScript?: Uint8Array;
  /** For P2WSH, which needs it: the script whose hash the output holds. */
  readonly witnessScript?: Uint8Array;
  /** For P2TR: the x-only internal key, 32 bytes, which some signers need. */
  readonly tapInternalKey?: Uint8Array;
  /** For P2TR spent by a script; without it, by its key. */
  readonly leaf?: CoinLeaf;
  /**
   * For a P2WSH script or a leaf other than one key, a key by its hash, or M of N: the most weight units of its
   * witness. They include the script, the control block and the count of elements. The fee pays for this weight, so a
   * larger witness is refused.
   */
  readonly witnessWeight?: number;
  /**
   * Bytes of each of its signatures, hash type included. ECDSA: 71 if the wallet grinds a low r, as Bitcoin Core does,
   * else 72. Taproot: 64, or 65 with a hash type. The default is the longest: then an input of more than four
   * signatures can end up more than a virtual byte smaller than the size its fee pays for.
   */
  readonly signatureLength?: number;
  /** The origins of the keys (BIP-32), for signers that find their keys by them. */
  readonly derivations?: readonly CoinKeyOrigin[];
  /**
   * The coin's confirmations, its own block included; 0 while it is unconfirmed. An unknown number counts as confirmed.
   */
  readonly confirmations?: number;
}

/** A script in a P2TR output, and its proof. */
export interface CoinLeaf {
  readonly script: Uint8Array;
  /** What proves that the output contains the script (BIP-341). */
  readonly controlBlock: Uint8Array;
}

/** The origin of one of a coin's keys. The key is compressed, 33 bytes; in a P2TR coin it is x-only, 32 bytes. */
export interface CoinKeyOrigin extends KeyOrigin {
  /** In a P2TR coin: the hashes of the leaves that name the key; none for the internal key (BIP-371). */
  readonly leafHashes?: readonly Uint8Array[];
}

/**
 * Why a coin of an uncompressed key is refused: its fee would be too low, and nodes relay no segwit spend by such a
 * key.
 */
export const UNCOMPRESSED =
  "its key is uncompressed (65 bytes), and tapstake spends coins of compressed keys only";

/** The kind of a coin, by its output script. */
export type CoinKind = "p2pkh" | "p2sh-p2wpkh" | "p2wpkh" | "p2wsh" | "p2tr";

/** @throws TapstakeError `invalid-coin` for an output script of an unknown kind */
export function coinKind({ outpoint, script }: Coin): CoinKind {
  const kind = outputKind(script);
  if (kind) return kind === "p2sh" ? "p2sh-p2wpkh" : kind;
  throw new TapstakeError(
    "invalid-coin",
    `coin ${formatOutpoint(outpoint)} must be P2PKH, P2SH-P2WPKH, P2WPKH, P2WSH or P2TR, not script ${hex.encode(script)}`,
  );
}

/**
 * Checks that a coin can be spent in the way it is described.
 * @throws TapstakeError `invalid-coin`, `invalid-hex`, `invalid-amount`, `invalid-bytes`, `invalid-number`,
 * `invalid-public-key`, `invalid-path`, `invalid-transaction`
 */
export function assertCoin(coin: Coin): void {
  assertUnspentOutput(coin);
  assertBytes(coin.script, "coin's script");
  const kind = coinKind(coin);
  if (coin.confirmations !== undefined) {
    assertInteger(coin.confirmations, "coin's confirmations", 0, 0xffff_ffff);
  }
  assertBelongs(coin, kind);
  if (coin.previousTransaction !== undefined) assertPrevious(coin);
  else if (kind === "p2pkh") throw invalid(coin, "a P2PKH coin needs its previous transaction");
  if (kind === "p2sh-p2wpkh") assertRedeemScript(coin);
  if (kind === "p2wsh") assertWitnessScript(coin);
  if (kind === "p2tr") assertTaproot(coin);
  assertSized(coin);
  assertSignatures(coin, kind);
  if (coin.derivations === undefined) return;
  assertList(coin.derivations, "derivations");
  for (const origin of coin.derivations) assertOrigin(coin, kind, origin);
}

/**
 * A list of coins, each coin given once: `seen` has those of other lists.
 * @param name of the list: messages say which of its coins is wrong, from 0
 * @throws TapstakeError the codes of {@link assertCoin}, with `index` in the details
 */
export function assertCoins(
  coins: readonly Coin[],
  name = "coins",
  seen: Set<string> = new Set<string>(),
): void {
  assertList(coins, name);
  for (const [index, coin] of coins.entries()) {
    inList(name, index, () => {
      assertCoin(coin);
      const outpoint = formatOutpoint(coin.outpoint);
      if (seen.has(outpoint)) throw invalid(coin, "it is given twice");
      seen.add(outpoint);
    });
  }
}

function inList(name: string, index: number, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    const { code, message, details } = error;
    throw new TapstakeError(code, `${name}[${index}]: ${message}`, { index, ...details }, { cause: error });
  }
}

/** The script of a P2WSH coin, or of the leaf of a P2TR coin; undefined if the coin has neither. */
export function spendingScript({ witnessScript, leaf }: Coin): Uint8Array | undefined {
  return witnessScript ?? leaf?.script;
}

/** How the {@link spendingScript} of a coin is satisfied; null if only its owner knows. */
export function walletScriptOf(coin: Coin): WalletScript | null {
  const script = spendingScript(coin);
  return script ? readWalletScript(script, coin.leaf ? "tapscript" : "witness-v0") : null;
}

/** The bytes of a coin's previous transaction, if it is given. */
export function previousBytes({ previousTransaction }: Coin): Uint8Array | undefined {
  return previousTransaction instanceof Uint8Array ? previousTransaction : previousTransaction?.toBuffer();
}

const KIND_OF_FIELD = {
  redeemScript: "p2sh-p2wpkh",
  witnessScript: "p2wsh",
  tapInternalKey: "p2tr",
  leaf: "p2tr",
} as const satisfies Partial<Record<keyof Coin, CoinKind>>;

function assertBelongs(coin: Coin, kind: CoinKind): void {
  for (const [field, of] of Object.entries(KIND_OF_FIELD)) {
    if (coin[field as keyof Coin] !== undefined && kind !== of) {
      throw invalid(coin, `${field} is for ${of.toUpperCase()}, and this is a ${kind.toUpperCase()} coin`);
    }
  }
}

function assertPrevious(coin: Coin): void {
  const { previousTransaction } = coin;
  const isOne = typeof (previousTransaction as Partial<Transaction> | null)?.toBuffer === "function";
  const bytes = isOne ? previousBytes(coin) : previousTransaction;
  assertBytes(bytes, "coin's previous transaction");
  const transaction = parseTransaction(bytes);
  const { txid, vout } = toOutpoint(coin.outpoint);
  if (transaction.getId() !== txid) {
    throw invalid(coin, `the previous transaction given is ${transaction.getId()}`);
  }
  const output = transaction.outs[vout];
  if (!output)
    throw invalid(coin, `the previous transaction has ${counted(transaction.outs.length, "output")}`);
  if (output.value !== coin.value) {
    throw invalid(
      coin,
      `the coin says ${coin.value} sat, but its previous transaction pays ${output.value} sat`,
    );
  }
  if (!equalBytes(output.script, coin.script)) {
    throw invalid(coin, `the script in the previous transaction is ${hex.encode(output.script)}`);
  }
}

function assertRedeemScript(coin: Coin): void {
  const { redeemScript, script } = coin;
  if (redeemScript === undefined) throw invalid(coin, "a P2SH-P2WPKH coin needs its redeem script");
  assertBytes(redeemScript, "coin's redeem script");
  if (redeemScript.length !== 22 || redeemScript[0] !== 0 || redeemScript[1] !== 20) {
    throw invalid(coin, `the redeem script must be P2WPKH, not ${hex.encode(redeemScript)}`);
  }
  if (!equalBytes(hash160(redeemScript), script.slice(2, 22))) {
    throw invalid(coin, "the redeem script is not the one of the output");
  }
}

function assertWitnessScript(coin: Coin): void {
  const { witnessScript, script } = coin;
  if (witnessScript === undefined) throw invalid(coin, "a P2WSH coin needs its witness script");
  assertBytes(witnessScript, "coin's witness script");
  if (!equalBytes(sha256(witnessScript), script.slice(2))) {
    throw invalid(coin, "the witness script is not the one of the output");
  }
}

function assertTaproot(coin: Coin): void {
  const { tapInternalKey, leaf, script } = coin;
  if (tapInternalKey !== undefined) assertPublicKey(tapInternalKey, "coin's internal key");
  if (leaf === undefined) return;
  assertBytes(leaf?.script, "coin's leaf script");
  assertBytes(leaf.controlBlock, "coin's control block");
  const outputKey = outputKeyOf(leaf.script, leaf.controlBlock);
  if (!outputKey || !equalBytes(outputKey, script.slice(2))) {
    throw invalid(coin, "the leaf and its control block do not lead to the output");
  }
  if (tapInternalKey && !equalBytes(tapInternalKey, leaf.controlBlock.slice(1, 33))) {
    throw invalid(coin, "the internal key is not the one of the control block");
  }
}

/** Nodes do not relay a witness of 400,000 weight units or more. */
export const MOST_WITNESS_WEIGHT = 400_000;

function assertSized(coin: Coin): void {
  const { witnessWeight } = coin;
  const needed = spendingScript(coin) !== undefined && walletScriptOf(coin) === null;
  if (witnessWeight === undefined) {
    if (needed) {
      throw invalid(
        coin,
        "the size of this script's witness is unknown: give it as witnessWeight (known are one key, a key by its hash, and M of N)",
      );
    }
    return;
  }
  if (!needed) throw invalid(coin, "witnessWeight is for scripts whose witness has no known size");
  assertInteger(witnessWeight, "coin's witness weight", 1, MOST_WITNESS_WEIGHT);
}

function assertSignatures(coin: Coin, kind: CoinKind): void {
  const { signatureLength, witnessWeight } = coin;
  if (signatureLength === undefined) return;
  if (witnessWeight !== undefined) throw invalid(coin, "signatureLength says nothing beside witnessWeight");
  assertStatedLength(signatureLength, kind === "p2tr" ? SCHNORR_LENGTHS : ECDSA_LENGTHS);
}

function assertOrigin(coin: Coin, kind: CoinKind, origin: CoinKeyOrigin): void {
  if (kind === "p2tr") assertPublicKey(origin?.publicKey, "derivation's key");
  else if (isBytes(origin?.publicKey, 65)) throw invalid(coin, UNCOMPRESSED);
  else assertBytes(origin?.publicKey, "derivation's key", 33);
  assertBytes(origin.fingerprint, "derivation's fingerprint", 4);
  normalPath(origin.path);
  if (origin.leafHashes === undefined) return;
  if (kind !== "p2tr") throw invalid(coin, "leafHashes are for P2TR");
  assertList(origin.leafHashes, "leaf hashes");
  for (const hash of origin.leafHashes) assertBytes(hash, "derivation's leaf hash", 32);
}

function assertList(list: unknown, name: string): void {
  if (Array.isArray(list)) return;
  throw new TapstakeError("invalid-coin", `${name} must be a list, not ${describeType(list)}`);
}

function invalid({ outpoint }: Coin, message: string): TapstakeError {
  const name = formatOutpoint(outpoint);
  return new TapstakeError("invalid-coin", `${name}: ${message}`, { outpoint: name });
}
