import { decodeEcdsaSignature, hash160, Transaction } from "../core/bitcoin.js";
import { concatBytes, equalBytes, isBytes } from "../core/bytes.js";
import { curve } from "../core/curve/index.js";
import { TapstakeError } from "../core/errors.js";
import { type Coin, coinKind } from "./coins.js";
import { readWitnessStack } from "./psbt.js";

/** What a wallet leaves in a PSBT input that it signed. */
interface SignedInput {
  readonly finalScriptSig?: Uint8Array;
  readonly finalScriptWitness?: Uint8Array;
  readonly partialSig?: readonly { readonly pubkey: Uint8Array; readonly signature: Uint8Array }[];
  readonly tapKeySig?: Uint8Array;
}

/**
 * The witness of a wallet's coin as a signed PSBT input gives it, or null when it gives none. Not verified.
 * @throws TapstakeError `psbt-mismatch` at an input script, which would change the txid; `invalid-psbt`
 */
export function keyPathWitness(coin: Coin, input: SignedInput): Uint8Array[] | null {
  if (input.finalScriptSig && input.finalScriptSig.length > 0) {
    throw new TapstakeError(
      "psbt-mismatch",
      "the PSBT came back with an input script on a native segwit input",
      {
        what: "input script",
      },
    );
  }
  if (input.finalScriptWitness) return readWitnessStack(input.finalScriptWitness);
  if (coinKind(coin) === "p2tr") return input.tapKeySig ? [input.tapKeySig] : null;
  const own = input.partialSig?.find(({ pubkey }) => equalBytes(hash160(pubkey), keyHash(coin)));
  return own ? [own.signature, own.pubkey] : null;
}

/**
 * A witness by which the owner of a coin has signed the whole transaction.
 * @throws TapstakeError `invalid-signature`; `unsupported-sighash` when others could still change the transaction
 */
export function checkKeyPathWitness(
  transaction: Transaction,
  index: number,
  coins: readonly Coin[],
  witness: readonly Uint8Array[],
): void {
  const check = coinKind(coins[index]!) === "p2tr" ? checkTaproot : checkWitnessKeyHash;
  check(transaction, index, coins, witness);
}

/** BIP-341, key path: one element, 64 bytes, or 65 with the hash type behind. */
function checkTaproot(
  transaction: Transaction,
  index: number,
  coins: readonly Coin[],
  witness: readonly Uint8Array[],
): void {
  const [signature] = witness;
  if (witness.length !== 1 || !(isBytes(signature, 64) || isBytes(signature, 65))) {
    throw invalid(index, "expected one Schnorr signature in the witness");
  }
  const hashType = signature.length === 65 ? signature[64]! : Transaction.SIGHASH_DEFAULT;
  if (signature.length === 65) assertAll(hashType, index);
  const digest = transaction.hashForWitnessV1(
    index,
    coins.map(({ script }) => script),
    coins.map(({ value }) => value),
    hashType,
  );
  if (!curve.verifySchnorr(digest, coins[index]!.script.slice(2), signature.slice(0, 64))) {
    throw invalid(index, "the signature does not verify over this transaction");
  }
}

/** BIP-141, BIP-143: a DER signature with its hash type, and the key that the output names by its hash. */
function checkWitnessKeyHash(
  transaction: Transaction,
  index: number,
  coins: readonly Coin[],
  witness: readonly Uint8Array[],
): void {
  const coin = coins[index]!;
  const [der, key] = witness;
  if (witness.length !== 2 || !der || !isBytes(key, 33) || !equalBytes(hash160(key), keyHash(coin))) {
    throw invalid(index, "expected a signature and the compressed key of the coin in the witness");
  }
  const decoded = decodeEcdsaSignature(der);
  if (!decoded) throw invalid(index, "the signature is not DER with a hash type");
  assertAll(decoded.hashType, index);
  // OP_DUP OP_HASH160 <hash> OP_EQUALVERIFY OP_CHECKSIG: what BIP-143 has a P2WPKH signature commit to.
  const script = concatBytes(Uint8Array.of(0x76, 0xa9, 20), keyHash(coin), Uint8Array.of(0x88, 0xac));
  const digest = transaction.hashForWitnessV0(index, script, coin.value, decoded.hashType);
  if (!curve.verifyEcdsa(digest, key, decoded.signature)) {
    throw invalid(index, "the signature does not verify over this transaction");
  }
}

const keyHash = (coin: Coin): Uint8Array => coin.script.slice(2);

function assertAll(hashType: number, input: number): void {
  if (hashType === Transaction.SIGHASH_ALL) return;
  const text = `input ${input}: expected a signature of the whole transaction, got hash type ${hashType}`;
  throw new TapstakeError("unsupported-sighash", text, { input });
}

function invalid(input: number, message: string): TapstakeError {
  return new TapstakeError("invalid-signature", `input ${input}: ${message}`, { input });
}
