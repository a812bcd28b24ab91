import { encodeEcdsaSignature } from "../bitcoin/ecdsa-signature.js";
import { hash160 } from "../core/hashes.js";
import { Transaction } from "../bitcoin/transaction-class.js";
import { OP } from "../bitcoin/opcodes.js";
import { assertOutputScript, keyHashScript } from "../bitcoin/output-script.js";
import { createTransaction, outpointOf, parseTransaction, spentBy } from "../bitcoin/transaction.js";
import { assertBytes, compactSize, concatBytes, isBytes, utf8 } from "../core/bytes.js";
import { curve } from "../core/curve/index.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { taggedHash } from "../core/hashes.js";
import { assertPublicKey, assertSecretKey, evenSecret } from "../core/keys.js";
import { scalar } from "../core/scalar.js";
import { assertChoice, assertText, show } from "../core/text.js";
import { schnorr } from "../crypto/schnorr.js";
import { type Coin, coinKind } from "../funding/coin.js";
import type { Psbt } from "../psbt/psbt.js";
import { checkInput, readInput } from "../psbt/input-check.js";
import { decodeText, isPsbt, parsePsbt, type PsbtLike, readWitnessStack, writtenText } from "../psbt/read.js";
import { assertSameTransaction } from "../psbt/returned.js";
import { unsignedPsbt } from "../psbt/write.js";

/** The outputs whose owner can sign a text here: paying to a key's hash, or to a key tweaked by nothing (BIP-86). */
export const SIGNING_OUTPUTS = ["p2wpkh", "p2tr"] as const;
/** The kind of address that signs a message. */
export type SigningOutput = (typeof SIGNING_OUTPUTS)[number];

/** PSBT_GLOBAL_GENERIC_SIGNED_MESSAGE (BIP-322): the text that is signed, in UTF-8. */
const SIGNED_MESSAGE = 0x09;

/**
 * Texts signed by the owner of an output script (BIP-322), in the "simple" form: the witness of a transaction that
 * could never be mined. Of the many scripts that the BIP knows, two: P2WPKH, and P2TR with the key of BIP-86.
 */
export const bip322 = {
  /**
   * The output script of a key.
   * @param publicKey P2WPKH: 33 bytes, as the parity is hashed too; P2TR: 32 or 33 bytes
   * @throws TapstakeError `invalid-public-key`, `invalid-argument`
   */
  script(publicKey: Uint8Array, output: SigningOutput): Uint8Array {
    assertChoice(output, "output", SIGNING_OUTPUTS);
    if (output === "p2tr") {
      const internalKey = isBytes(publicKey, 33) ? publicKey.slice(1) : publicKey;
      assertPublicKey(internalKey, "public key");
      return concatBytes(Uint8Array.of(OP.ONE, 32), tweak(internalKey).xOnlyPubkey);
    }
    if (!isBytes(publicKey, 33) || !curve.isPoint(publicKey)) {
      const text = `public key must be 33 bytes of a point for P2WPKH, not ${describeType(publicKey)}; give the compressed key, 66 hexadecimal digits that begin with 02 or 03`;
      throw new TapstakeError("invalid-public-key", text);
    }
    return concatBytes(Uint8Array.of(0, 20), hash160(publicKey));
  },

  /**
   * The transaction that is signed, which spends an output of the script that commits to the text.
   * @throws TapstakeError `invalid-argument` unless the text is text, `invalid-bytes`
   */
  toSign(text: string, script: Uint8Array): Transaction {
    const signed = createTransaction(
      [{ outpoint: outpointOf(bip322.toSpend(text, script), 0), sequence: 0 }],
      [{ script: Uint8Array.of(OP.RETURN), value: 0n }],
    );
    signed.version = 0;
    return signed;
  },

  /**
   * The transaction whose output is spent. Its own input spends nothing that exists.
   * @throws TapstakeError as {@link bip322.toSign}
   */
  toSpend(text: string, script: Uint8Array): Transaction {
    assertText(text, "message");
    assertOutputScript(script, "script");
    const hash = taggedHash("BIP0322-signed-message", utf8(text));
    const spent = createTransaction(
      [{ outpoint: { txid: "00".repeat(32), vout: 0xffff_ffff }, sequence: 0 }],
      [{ script, value: 0n }],
    );
    spent.version = 0;
    spent.ins[0]!.script = concatBytes(Uint8Array.of(0, 32), hash);
    return spent;
  },

  /**
   * What a wallet that signs PSBTs signs. It holds the text too, so that a device can show a message and not a
   * payment of nothing.
   * @param internalKey of P2TR, which some wallets ask for
   */
  psbt(text: string, script: Uint8Array, internalKey?: Uint8Array): Psbt {
    const psbt = unsignedPsbt(bip322.toSign(text, script), [{ script, value: 0n }]);
    psbt.addUnknownKeyValToGlobal({ key: Uint8Array.of(SIGNED_MESSAGE), value: utf8(text) });
    if (internalKey !== undefined) psbt.updateInput(0, { tapInternalKey: internalKey });
    return psbt;
  },

  /**
   * Signs a text; the signature is verified before it is returned.
   * @param secretKey 32 bytes
   * @returns the serialised witness
   * @throws TapstakeError `invalid-secret-key`, `invalid-argument`, `self-check-failed`
   */
  sign(secretKey: Uint8Array, output: SigningOutput, text: string): Uint8Array {
    assertSecretKey(secretKey);
    const publicKey = curve.pointFromScalar(secretKey)!;
    const script = bip322.script(publicKey, output);
    const transaction = bip322.toSign(text, script);
    const witness =
      output === "p2tr"
        ? signTaproot(transaction, script, secretKey)
        : signWitnessKeyHash(transaction, publicKey, secretKey);
    const signature = serializeWitness(witness);
    if (!bip322.verify(text, script, signature)) {
      throw new TapstakeError("self-check-failed", "a BIP-322 signature made here does not verify");
    }
    return signature;
  },

  /**
   * The signature in a PSBT of {@link bip322.psbt} that came back signed, finalised or not. Not verified.
   * @throws TapstakeError `invalid-psbt`, `psbt-mismatch`, `missing-signature`
   */
  fromPsbt(text: string, script: Uint8Array, returned: PsbtLike): Uint8Array {
    const psbt = parsePsbt(returned);
    const transaction = bip322.toSign(text, script);
    assertSameTransaction(transaction, psbt);
    const spent = readInput(coinOf(transaction, script), 0, psbt.data.inputs[0]!);
    if (!spent) throw new TapstakeError("missing-signature", "the PSBT came back unsigned");
    return serializeWitness(spent.witness);
  },

  /**
   * The serialised witness in what a wallet answered, whichever form it chose: base64 behind `smp`, or behind `ful`
   * the whole signed transaction; without a prefix the witness or the PSBT of {@link bip322.psbt}, as base64,
   * hexadecimal or bytes. White space and quotes may surround text. Not verified.
   * @throws TapstakeError `invalid-possession` if it has another form, or is a proof of funds (`pof`); and as
   * {@link bip322.fromPsbt}
   */
  fromAnswer(text: string, script: Uint8Array, answer: PsbtLike): Uint8Array {
    const written = writtenText(answer);
    const [, variant, behind] = /^(smp|ful|pof)(.*)$/.exec(written ?? "") ?? [];
    if (variant === "pof") {
      const why = "pof is a proof of funds, which the staking chain does not take";
      throw new TapstakeError("invalid-possession", `${why}: ask the wallet for a simple signature (smp)`);
    }
    if (variant === "ful") return fullWitness(bip322.toSign(text, script), signatureBytes(behind!));
    if (variant === "smp") return signatureBytes(behind!);
    if (written === undefined && !(answer instanceof Uint8Array))
      return bip322.fromPsbt(text, script, answer);
    const bytes = signatureBytes(answer);
    return isPsbt(bytes) ? bip322.fromPsbt(text, script, bytes) : bytes;
  },

  /**
   * Whether `signature`, a serialised witness, is one of a text by the owner of an output script. False on malformed
   * input, at other hash types than ALL (and DEFAULT for P2TR), and for any other script than {@link SIGNING_OUTPUTS}.
   */
  verify(text: string, script: Uint8Array, signature: Uint8Array): boolean {
    try {
      assertBytes(signature, "signature");
      const transaction = bip322.toSign(text, script);
      const coin = coinOf(transaction, script);
      assertChoice(coinKind(coin), "output", SIGNING_OUTPUTS);
      const witness = readWitnessStack(signature);
      checkInput(transaction, 0, [coin], { script: new Uint8Array(0), witness });
      return true;
    } catch {
      return false;
    }
  },

  /** The 33 bytes of the key in a P2WPKH signature, null in any other. */
  keyIn(signature: Uint8Array): Uint8Array | null {
    try {
      const [, key, ...more] = readWitnessStack(signature);
      return isBytes(key, 33) && more.length === 0 ? key : null;
    } catch {
      return null;
    }
  },
};

/**
 * The bytes of a signature as wallets write them: base64 or hexadecimal in any case, in quotes, with white space.
 * @throws TapstakeError `invalid-possession`
 */
export function signatureBytes(answer: PsbtLike): Uint8Array {
  const written = writtenText(answer);
  if (written === undefined) {
    if (answer instanceof Uint8Array) return Uint8Array.from(answer);
    const text = `the signature must be bytes or text, not ${describeType(answer)}`;
    throw new TapstakeError("invalid-possession", text);
  }
  try {
    return decodeText(written);
  } catch {
    const text = `the signature must be in base64 or hexadecimal, not ${show(answer)}`;
    throw new TapstakeError("invalid-possession", text);
  }
}

/** The witness of a signed transaction that is the expected one. Its id says that, as witnesses are not in it. */
function fullWitness(expected: Transaction, bytes: Uint8Array): Uint8Array {
  let signed: Transaction | undefined;
  try {
    signed = parseTransaction(bytes);
  } catch {
    // Said below, as the same mistake.
  }
  const [want, got] = [expected.getId(), signed?.getId() ?? "no transaction"];
  if (got === want) return serializeWitness(signed!.ins[0]!.witness);
  const what = `behind ful must be the signed transaction ${want} of this text and address, not ${got}`;
  throw new TapstakeError("invalid-possession", `${what}. Ask the wallet for a simple signature (smp)`);
}

const coinOf = (transaction: Transaction, script: Uint8Array): Coin => ({
  outpoint: spentBy(transaction.ins[0]!),
  value: 0n,
  script,
});

/** The key that a key alone is tweaked to (BIP-86): no scripts, which the tweak proves. */
function tweak(internalKey: Uint8Array): { parity: 0 | 1; xOnlyPubkey: Uint8Array } {
  const tweaked = curve.xOnlyPointAddTweak(internalKey, taggedHash("TapTweak", internalKey));
  if (!tweaked) throw new TapstakeError("invalid-public-key", "the key has no Taproot output key");
  return tweaked;
}

function signTaproot(transaction: Transaction, script: Uint8Array, secretKey: Uint8Array): Uint8Array[] {
  const { d, publicKey } = evenSecret(secretKey);
  const tweaked = scalar.add(d, scalar.reduce(taggedHash("TapTweak", publicKey)));
  const digest = transaction.hashForWitnessV1(0, [script], [0n], Transaction.SIGHASH_DEFAULT);
  return [schnorr.sign(scalar.toBytes(tweaked), digest)];
}

function signWitnessKeyHash(
  transaction: Transaction,
  publicKey: Uint8Array,
  secretKey: Uint8Array,
): Uint8Array[] {
  // BIP-143 has a P2WPKH signature commit to the script of its key's hash.
  const code = keyHashScript(hash160(publicKey));
  const digest = transaction.hashForWitnessV0(0, code, 0n, Transaction.SIGHASH_ALL);
  const { signature } = curve.signEcdsa(digest, secretKey);
  return [encodeEcdsaSignature(signature, Transaction.SIGHASH_ALL), publicKey];
}

function serializeWitness(stack: readonly Uint8Array[]): Uint8Array {
  const sized = stack.flatMap((element) => [compactSize(element.length), element]);
  return concatBytes(compactSize(stack.length), ...sized);
}
