import { decodeEcdsaSignature } from "../bitcoin/ecdsa-signature.js";
import { hash160 } from "../core/hashes.js";
import { Transaction } from "../bitcoin/transaction-class.js";
import { pushesOf } from "../bitcoin/opcodes.js";
import { keyHashScript, readKeyHash } from "../bitcoin/output-script.js";
import type { WalletScript } from "../bitcoin/wallet-script.js";
import { compactSize, concatBytes, equalBytes, hex, isBytes } from "../core/bytes.js";
import { curve } from "../core/curve/index.js";
import { TapstakeError } from "../core/errors.js";
import { stackWeight } from "../funding/coin-cost.js";
import { type Coin, coinKind, spendingScript, UNCOMPRESSED, walletScriptOf } from "../funding/coin.js";
import { tapleafHash } from "../script/taproot.js";
import { readWitnessStack } from "./read.js";

/** What a wallet leaves in a PSBT input that it signed. */
interface SignedInput {
  readonly finalScriptSig?: Uint8Array;
  readonly finalScriptWitness?: Uint8Array;
  readonly partialSig?: readonly { readonly pubkey: Uint8Array; readonly signature: Uint8Array }[];
  readonly tapKeySig?: Uint8Array;
  readonly tapScriptSig?: readonly {
    readonly pubkey: Uint8Array;
    readonly leafHash: Uint8Array;
    readonly signature: Uint8Array;
  }[];
}

/** What an input contains to spend its coin. */
export interface Spent {
  /** The input script (scriptSig). */
  readonly script: Uint8Array;
  readonly witness: readonly Uint8Array[];
}

/** The part of an input script that is known before signing: for P2SH, the push of the redeem script. */
export function fixedInputScript({ redeemScript }: Coin): Uint8Array {
  return redeemScript ? push(redeemScript) : new Uint8Array(0);
}

/**
 * How a signed PSBT input spends a wallet's coin: as its wallet finalised it, or assembled here from the owners'
 * signatures. Null if signatures are missing. The signatures are not verified.
 * @throws TapstakeError `psbt-mismatch` for an input script or a witness that the coin does not have; `invalid-psbt`
 */
export function readInput(coin: Coin, index: number, input: SignedInput): Spent | null {
  const { finalScriptSig = new Uint8Array(0), finalScriptWitness } = input;
  if (coinKind(coin) === "p2pkh") {
    if (finalScriptWitness) throw mismatch(index, "a witness", "none, as its coin is P2PKH");
    if (finalScriptSig.length > 0) return { script: finalScriptSig, witness: [] };
    const own = signatureOf(input, readKeyHash(coin.script)!);
    return own && { script: concatBytes(...own.map(push)), witness: [] };
  }
  const script = fixedInputScript(coin);
  const isFinal = finalScriptWitness !== undefined || finalScriptSig.length > 0;
  if (isFinal && !equalBytes(finalScriptSig, script)) {
    throw mismatch(
      index,
      `input script ${hex.encode(finalScriptSig) || "empty"}`,
      hex.encode(script) || "none",
    );
  }
  const witness = finalScriptWitness ? readWitnessStack(finalScriptWitness) : assembled(coin, input);
  return witness && { script, witness };
}

/**
 * Checks an input: its owners must have signed the whole transaction.
 * @param internalKey of a P2TR coin, if the answer says it: a signature by this untweaked key is then named
 * @throws TapstakeError `invalid-signature`, with `untweaked` in the details if a P2TR coin's signature is by its
 * internal key; `invalid-coin` for an uncompressed key; `witness-mismatch` for another
 * script, or a witness larger than the fee pays for; `unsupported-sighash` if others could still change the transaction
 */
export function checkInput(
  transaction: Transaction,
  index: number,
  coins: readonly Coin[],
  { script, witness }: Spent,
  internalKey?: Uint8Array,
): void {
  const coin = coins[index]!;
  const signed = { transaction, index, coins };
  const kind = coinKind(coin);
  if (kind === "p2pkh") checkKeyHash(signed, inputScriptElements(script, index), readKeyHash(coin.script)!);
  else if (kind === "p2wpkh") checkKeyHash(signed, witness, coin.script.slice(2));
  else if (kind === "p2sh-p2wpkh") checkKeyHash(signed, witness, coin.redeemScript!.slice(2));
  else if (spendingScript(coin)) checkScript(signed, witness);
  else checkKeyPath(signed, witness, coin.tapInternalKey ?? internalKey);
}

/** An input of a transaction, and what its signatures commit to. */
interface Signed {
  readonly transaction: Transaction;
  readonly index: number;
  readonly coins: readonly Coin[];
}

/** The witness of a segwit coin from its owners' signatures, or null while some are missing. */
function assembled(coin: Coin, input: SignedInput): Uint8Array[] | null {
  const { redeemScript, script, leaf, witnessScript } = coin;
  if (witnessScript) {
    const elements = witnessScriptElements(walletScriptOf(coin), input);
    return elements && [...elements, witnessScript];
  }
  if (leaf) {
    const elements = leafElements(walletScriptOf(coin), tapleafHash(leaf.script), input);
    return elements && [...elements, leaf.script, leaf.controlBlock];
  }
  if (coinKind(coin) === "p2tr") return input.tapKeySig ? [input.tapKeySig] : null;
  return signatureOf(input, (redeemScript ?? script).slice(2));
}

/** The signature by the key of this hash, and the key. */
function signatureOf({ partialSig = [] }: SignedInput, keyHash: Uint8Array): Uint8Array[] | null {
  const own = partialSig.find(({ pubkey }) => equalBytes(hash160(pubkey), keyHash));
  return own ? [own.signature, own.pubkey] : null;
}

function witnessScriptElements(script: WalletScript | null, input: SignedInput): Uint8Array[] | null {
  if (!script) return null;
  if (script.kind === "pkh") return signatureOf(input, script.keyHash);
  const { partialSig = [] } = input;
  const by = (key: Uint8Array) => partialSig.find(({ pubkey }) => equalBytes(pubkey, key))?.signature;
  if (script.kind === "pk") {
    const signature = by(script.key);
    return signature ? [signature] : null;
  }
  // CHECKMULTISIG needs the signatures in the order of the keys, after an empty element (BIP-147).
  const signatures = script.keys.flatMap((key) => by(key) ?? []).slice(0, script.quorum);
  return signatures.length === script.quorum ? [new Uint8Array(0), ...signatures] : null;
}

function leafElements(
  script: WalletScript | null,
  leafHash: Uint8Array,
  input: SignedInput,
): Uint8Array[] | null {
  if (!script) return null;
  const given = (input.tapScriptSig ?? []).filter((each) => equalBytes(each.leafHash, leafHash));
  if (script.kind === "pkh") {
    const own = given.find(({ pubkey }) => equalBytes(hash160(pubkey), script.keyHash));
    return own ? [own.signature, own.pubkey] : null;
  }
  const keys = script.kind === "pk" ? [script.key] : script.keys;
  const quorum = script.kind === "pk" ? 1 : script.quorum;
  let missing = quorum;
  const slots = keys.map((key) => {
    const signature = given.find(({ pubkey }) => equalBytes(pubkey, key))?.signature;
    return signature && missing-- > 0 ? signature : new Uint8Array(0);
  });
  // The first key's signature is on top of the stack: the last element.
  return missing > 0 ? null : slots.toReversed();
}

/** A P2PKH input script: exactly two pushes, each in its shortest form. */
function inputScriptElements(script: Uint8Array, index: number): Uint8Array[] {
  const elements = pushesOf(script);
  const isExact =
    elements?.length === 2 &&
    elements.every(({ length }) => length <= LONGEST_SHORT_PUSH) &&
    equalBytes(concatBytes(...elements.map(push)), script);
  if (!isExact) throw invalid(index, "its input script must push a signature and a key");
  return elements;
}

/** BIP-141, BIP-143, and the older rules: a DER signature, and the key whose hash the coin names. */
function checkKeyHash(signed: Signed, elements: readonly Uint8Array[], keyHash: Uint8Array): void {
  const [signature, key] = elements;
  if (isBytes(key, 65) && equalBytes(hash160(key), keyHash)) {
    throw new TapstakeError("invalid-coin", `input ${signed.index}: ${UNCOMPRESSED}`, {
      input: signed.index,
    });
  }
  if (elements.length !== 2 || !signature || !isBytes(key, 33) || !equalBytes(hash160(key), keyHash)) {
    throw invalid(signed.index, "its witness must be a signature and the compressed key of the coin");
  }
  checkEcdsa(signed, signature, key, keyHashScript(keyHash));
}

/** BIP-341, key path: one element, 64 bytes, or 65 with a hash type. */
function checkKeyPath(signed: Signed, witness: readonly Uint8Array[], internalKey?: Uint8Array): void {
  const { index, coins } = signed;
  const [signature] = witness;
  if (witness.length !== 1) throw invalid(index, "its witness must be one Schnorr signature");
  const outputKey = coins[index]!.script.slice(2);
  if (isSchnorr(signed, signature!, outputKey)) return;
  if (!internalKey || !isSchnorr(signed, signature!, internalKey)) throw notBy(index, outputKey);
  const text = `input ${index}: the wallet signed with its untweaked key, and its coin is spent by the tweaked key: ask it with useTweakedSigner true (OKX: disableTweakSigner false)`;
  throw new TapstakeError("invalid-signature", text, { input: index, untweaked: true });
}

/** The script of a P2WSH coin, or of a leaf with its control block, after the elements that satisfy it. */
function checkScript(signed: Signed, witness: readonly Uint8Array[]): void {
  const { index, coins } = signed;
  const coin = coins[index]!;
  const shown = coin.leaf ? [coin.leaf.script, coin.leaf.controlBlock] : [coin.witnessScript!];
  const elements = witness.slice(0, -shown.length);
  if (
    witness.length < shown.length ||
    !shown.every((expected, i) => equalBytes(expected, witness[elements.length + i]!))
  ) {
    const text = `input ${index}: the witness does not end in the script of the coin${coin.leaf ? " and its control block" : ""}`;
    throw new TapstakeError("witness-mismatch", text, { input: index });
  }
  const script = walletScriptOf(coin);
  if (!script) checkOther(signed, elements, stackWeight(witness.map(({ length }) => length)));
  else if (script.kind === "pkh") checkScriptKeyHash(signed, elements, script.keyHash);
  else if (coin.leaf) checkSlots(signed, elements, script);
  else checkMulti(signed, elements, script);
}

function checkScriptKeyHash(signed: Signed, elements: readonly Uint8Array[], keyHash: Uint8Array): void {
  const { leaf } = signed.coins[signed.index]!;
  if (!leaf) return checkKeyHash(signed, elements, keyHash);
  const [signature, key] = elements;
  if (elements.length !== 2 || !key || !equalBytes(hash160(key), keyHash)) {
    throw invalid(
      signed.index,
      `its witness must be a signature and the key that ${hex.encode(leaf.script)} names`,
    );
  }
  return checkSchnorr(signed, signature!, key, tapleafHash(leaf.script));
}

/** One slot for each key, the first key's last; a quorum of the slots is filled (BIP-342). */
function checkSlots(
  signed: Signed,
  elements: readonly Uint8Array[],
  script: Exclude<WalletScript, { kind: "pkh" }>,
): void {
  const [keys, quorum] = script.kind === "pk" ? [[script.key], 1] : [script.keys, script.quorum];
  const filled = elements.filter(({ length }) => length > 0).length;
  if (elements.length !== keys.length || filled !== quorum) {
    const text = `the script needs ${quorum} signatures in ${keys.length} slots; the witness has ${filled} in ${elements.length}`;
    throw invalid(signed.index, text);
  }
  const leafHash = tapleafHash(signed.coins[signed.index]!.leaf!.script);
  for (const [i, signature] of elements.toReversed().entries()) {
    if (signature.length > 0) checkSchnorr(signed, signature, keys[i]!, leafHash);
  }
}

/** One signature; or, after an empty element, the quorum in the order of the keys (BIP-147). */
function checkMulti(
  signed: Signed,
  elements: readonly Uint8Array[],
  script: Exclude<WalletScript, { kind: "pkh" }>,
): void {
  const code = signed.coins[signed.index]!.witnessScript!;
  if (script.kind === "pk") {
    if (elements.length !== 1) throw invalid(signed.index, "one signature must stand before the script");
    return checkEcdsa(signed, elements[0]!, script.key, code);
  }
  const [dummy, ...signatures] = elements;
  if (dummy?.length !== 0 || signatures.length !== script.quorum) {
    const text = `an empty element and ${script.quorum} signatures must stand before the script`;
    throw invalid(signed.index, text);
  }
  let keys = [...script.keys];
  for (const signature of signatures) {
    const at = keys.findIndex((key) => isEcdsa(signed, signature, key, code));
    if (at < 0) throw invalid(signed.index, "a signature is not by one of the keys, or not in their order");
    keys = keys.slice(at + 1);
  }
}

/**
 * A script that tapstake does not understand; bitcoind runs it. Each element in the form of a signature must be one of
 * the whole transaction, by a key that the script names. At least one must be there.
 */
function checkOther(signed: Signed, elements: readonly Uint8Array[], weight: number): void {
  const { index, coins } = signed;
  const coin = coins[index]!;
  if (weight > coin.witnessWeight!) {
    const text = `input ${index}: the witness has ${weight} weight units, above the ${coin.witnessWeight} of witnessWeight`;
    throw new TapstakeError("witness-mismatch", text, { input: index });
  }
  const script = spendingScript(coin)!;
  const named = pushesOf(script) ?? [];
  const isNamed = (key: Uint8Array) => named.some((push) => equalBytes(push, hash160(key)));
  const keys = [...named, ...elements.filter(isNamed)].filter(
    ({ length }) => length === (coin.leaf ? 32 : 33),
  );
  const signatures = elements.filter((element) =>
    coin.leaf ? element.length === 64 || element.length === 65 : decodeEcdsaSignature(element) !== null,
  );
  if (signatures.length === 0) throw invalid(index, "its witness has no signature: sign this input");
  for (const signature of signatures) {
    const isGood = keys.some((key) =>
      coin.leaf
        ? isSchnorr(signed, signature, key, tapleafHash(script))
        : isEcdsa(signed, signature, key, script),
    );
    if (!isGood) throw invalid(index, "a signature in the witness is not by a key of the script");
  }
}

function checkEcdsa(signed: Signed, signature: Uint8Array, key: Uint8Array, code: Uint8Array): void {
  if (isEcdsa(signed, signature, key, code)) return;
  throw notBy(signed.index, key);
}

/** A DER signature followed by its hash type, over the BIP-143 digest, or for P2PKH over the original one. */
function isEcdsa(
  { transaction, index, coins }: Signed,
  signature: Uint8Array,
  key: Uint8Array,
  code: Uint8Array,
): boolean {
  const decoded = decodeEcdsaSignature(signature);
  if (!decoded) throw invalid(index, "the signature is not DER with a hash type");
  const { hashType } = decoded;
  assertAll(hashType, index);
  const coin = coins[index]!;
  const digest =
    coinKind(coin) === "p2pkh"
      ? transaction.hashForSignature(index, code, hashType)
      : transaction.hashForWitnessV0(index, code, coin.value, hashType);
  return curve.verifyEcdsa(digest, key, decoded.signature);
}

function checkSchnorr(signed: Signed, signature: Uint8Array, key: Uint8Array, leafHash?: Uint8Array): void {
  if (isSchnorr(signed, signature, key, leafHash)) return;
  throw notBy(signed.index, key);
}

function isSchnorr(
  { transaction, index, coins }: Signed,
  signature: Uint8Array,
  key: Uint8Array,
  leafHash?: Uint8Array,
): boolean {
  if (signature.length !== 64 && signature.length !== 65) {
    throw invalid(index, `its Schnorr signature must be 64 or 65 bytes, not ${signature.length}`);
  }
  // BIP-341: a 65th byte of 0 (DEFAULT) is invalid.
  if (signature.length === 65) assertAll(signature[64]!, index);
  const digest = transaction.hashForWitnessV1(
    index,
    coins.map(({ script }) => script),
    coins.map(({ value }) => value),
    signature.length === 65 ? Transaction.SIGHASH_ALL : Transaction.SIGHASH_DEFAULT,
    leafHash,
  );
  return curve.verifySchnorr(digest, key, signature.slice(0, 64));
}

function assertAll(hashType: number, input: number): void {
  if (hashType === Transaction.SIGHASH_ALL) return;
  const text = `input ${input}: the signature must cover the whole transaction, but has hash type ${hashType}`;
  throw new TapstakeError("unsupported-sighash", text, { input });
}

/** A longer push has a length byte of its own. */
const LONGEST_SHORT_PUSH = 75;

const push = (element: Uint8Array): Uint8Array => concatBytes(compactSize(element.length), element);

function mismatch(input: number, got: string, expected: string): TapstakeError {
  const what = `input ${input}: input script`;
  const text = `the PSBT came back with ${got} at input ${input}, but must have ${expected}`;
  return new TapstakeError("psbt-mismatch", text, { what, input });
}

const notBy = (input: number, key: Uint8Array) =>
  invalid(input, `the signature by ${hex.encode(key)} does not verify over this transaction`);

function invalid(input: number, message: string): TapstakeError {
  return new TapstakeError("invalid-signature", `input ${input}: ${message}`, { input });
}
