import { base64 } from "@scure/base";
import { bip322 } from "../babylon/bip322.js";
import { encodeEcdsaSignature } from "../bitcoin/ecdsa-signature.js";
import { hash160 } from "../core/hashes.js";
import { Transaction } from "../bitcoin/transaction-class.js";
import { keyHashScript } from "../bitcoin/output-script.js";
import { type Prevout, spentBy } from "../bitcoin/transaction.js";
import { compactSize, concatBytes, equalBytes, hex, isBytes, joinBytes } from "../core/bytes.js";
import { curve } from "../core/curve/index.js";
import { TapstakeError } from "../core/errors.js";
import { assertObject } from "../core/objects.js";
import { taggedHash } from "../core/hashes.js";
import { evenSecret } from "../core/keys.js";
import { scalar } from "../core/scalar.js";
import { assertChoice } from "../core/text.js";
import { bitcoinMessage } from "../crypto/bitcoin-message.js";
import { schnorr } from "../crypto/schnorr.js";
import type { Coin } from "../funding/coin.js";
import type { Psbt } from "../psbt/psbt.js";
import { checkInput } from "../psbt/input-check.js";
import { parsePsbt, prevoutsOf, transactionOf } from "../psbt/read.js";
import { type LeafTerms, parseLeaf, policyOf } from "../script/leaf.js";
import { tapleafHash } from "../script/taproot.js";
import {
  assertSigner,
  isNamed,
  keySigner,
  type LeafSpend,
  type Signer,
  signLeaf,
  xOnly,
} from "../spending/spend.js";
import { type CheckedAccount, checkAccount } from "./account.js";
import type { BtcProvider, MessageKind, SignPsbtOptions, WalletAccount } from "./types.js";

/**
 * A signer of all that a wallet signs. `Signer` alone is enough for the leaves of a stake. Keys of ecpair and nodes of
 * bip32 fit without change.
 */
export interface WalletSigner extends Signer {
  /** ECDSA over a digest: r ‖ s, 64 bytes, with a low s. For P2WPKH coins, their messages and messages of ECDSA. */
  sign?(digest: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** The signer with the key that a tweak leads to (BIP-341). For P2TR coins and their messages. */
  tweak?(tweak: Uint8Array): Pick<Signer, "signSchnorr">;
}

/**
 * A {@link WalletSigner} that holds its key in memory.
 * @param secretKey 32 bytes
 * @throws TapstakeError `invalid-secret-key`
 */
export function walletSigner(secretKey: Uint8Array): WalletSigner {
  const signer = keySigner(secretKey);
  const secret = Uint8Array.from(secretKey);
  return {
    ...signer,
    sign: (digest) => curve.signEcdsa(digest, secret).signature,
    tweak: (tweak) => {
      const tweaked = scalar.toBytes(scalar.add(evenSecret(secret).d, scalar.reduce(tweak)));
      return { signSchnorr: (digest) => schnorr.sign(tweaked, digest) };
    },
  };
}

/** How a provider acts beside its account and key. */
export interface ProvidedBy {
  /** A transaction by its txid, in hexadecimal: btc-staking-ts needs that of an expansion's funding coin. */
  readonly getTransactionHex?: (txid: string) => Promise<string>;
}

/**
 * A key as a wallet in Babylon's shape: the `btcProvider` of btc-staking-ts' manager, or the object that a page injects
 * as `window.btcwallet`. It signs the leaves of stakes that name its key, and coins of the account.
 *
 * As wallets do, it finalises what it signed unless `autoFinalized` is false; a leaf is finalised with its own
 * signature alone. It asks for no confirmation: pass it only PSBTs of your own program.
 * @throws TapstakeError `account-mismatch` if the account's network, address and key disagree, or the key is not the
 * signer's
 */
export function provideSigner(
  signer: WalletSigner,
  account: WalletAccount,
  by: ProvidedBy = {},
): Required<BtcProvider> {
  assertObject(by, "the third argument", "give { getTransactionHex } or nothing");
  const { getTransactionHex } = by;
  assertSigner(signer);
  assertObject(account, "account", "give { publicKey, address, network }");
  const checked = checkAccount(account, account.network, { stakers: [xOnly(signer.publicKey)] });
  const own: Own = { signer, account: checked };
  const signPsbt = (psbtHex: string, options?: SignPsbtOptions) => signed(own, psbtHex, options);
  return {
    signPsbt,
    async signPsbts(psbtsHexes, options = []) {
      const all: string[] = [];
      for (const [i, psbt] of psbtsHexes.entries()) all.push(await signPsbt(psbt, options[i]));
      return all;
    },
    signMessage: (message, type) => signedMessage(own, message, type),
    async getTransactionHex(txid) {
      if (getTransactionHex) return getTransactionHex(txid);
      const text = `the transaction ${txid} is asked for: give getTransactionHex to provideSigner`;
      throw new TapstakeError("invalid-argument", text);
    },
  };
}

interface Own {
  readonly signer: WalletSigner;
  readonly account: CheckedAccount;
}

async function signed(own: Own, psbtHex: string, options: SignPsbtOptions = {}): Promise<string> {
  const psbt = parsePsbt(psbtHex);
  const asked = options.signInputs?.map(({ index }) => index) ?? [...psbt.data.inputs.keys()];
  let count = 0;
  for (const index of asked)
    count += (await signInput(own, psbt, index, options.autoFinalized !== false)) ? 1 : 0;
  if (count > 0) return psbt.toHex();
  const { address, xOnlyKey } = own.account;
  const text = `no input of the PSBT is signed by ${hex.encode(xOnlyKey)}, in a stake's leaf or in a coin of ${address}`;
  throw new TapstakeError("unexpected-signer", text, { key: hex.encode(xOnlyKey) });
}

type Input = Psbt["data"]["inputs"][number];

/** The signature of one input: the fields of an unfinalised input, and the witness of a final one. */
interface InputSignature {
  readonly fields: Partial<Input>;
  readonly witness: readonly Uint8Array[];
}

async function signInput(own: Own, psbt: Psbt, index: number, isFinal: boolean): Promise<boolean> {
  const input = psbt.data.inputs[index];
  if (!input) {
    const text = `input ${index} is asked for, and the PSBT has ${psbt.data.inputs.length}`;
    throw new TapstakeError("invalid-argument", text, { input: index });
  }
  const transaction = transactionOf(psbt);
  const prevouts = prevoutsOf(psbt);
  const signature = input.tapLeafScript
    ? await leafSignature(own, transaction, index, prevouts, input)
    : await coinSignature(own, transaction, index, prevouts, input);
  if (!signature) return false;
  if (isFinal) finalise(input, signature.witness);
  else Object.assign(input, signature.fields);
  return true;
}

/** BIP-174: a final input keeps the fields of what it spends, and no others. */
function finalise(input: Input, witness: readonly Uint8Array[]): void {
  for (const field of Object.keys(input)) {
    if (field !== "witnessUtxo" && field !== "nonWitnessUtxo") delete input[field as keyof Input];
  }
  const sized = witness.flatMap((element) => [compactSize(element.length), element]);
  input.finalScriptWitness = joinBytes([compactSize(witness.length), ...sized]);
}

async function leafSignature(
  { signer, account }: Own,
  transaction: Transaction,
  inputIndex: number,
  prevouts: readonly (Prevout | undefined)[],
  { tapLeafScript, sighashType }: Input,
): Promise<InputSignature | null> {
  for (const { script, controlBlock } of tapLeafScript!) {
    const leaf = leafOf(script, controlBlock);
    if (!leaf || !isNamed(leaf, account.xOnlyKey)) continue;
    assertType(sighashType, Transaction.SIGHASH_DEFAULT, inputIndex);
    const spend = { transaction, inputIndex, prevouts: known(prevouts), leaf };
    const { publicKey, signature } = await signLeaf(spend, signer);
    const mine = { pubkey: publicKey, leafHash: leaf.hash, signature };
    return { fields: { tapScriptSig: [mine] }, witness: [signature, script, controlBlock] };
  }
  return null;
}

/** Null if it is not a leaf of a stake. */
function leafOf(script: Uint8Array, controlBlock: Uint8Array): LeafSpend["leaf"] | null {
  let terms: LeafTerms;
  try {
    terms = parseLeaf(script);
  } catch {
    return null;
  }
  const { signers } = policyOf(terms);
  return { kind: terms.kind, signers, script, controlBlock, hash: tapleafHash(script) };
}

async function coinSignature(
  { signer, account }: Own,
  transaction: Transaction,
  index: number,
  prevouts: readonly (Prevout | undefined)[],
  { sighashType }: Input,
): Promise<InputSignature | null> {
  const spent = prevouts[index];
  if (!spent || !equalBytes(spent.script, account.script)) return null;
  const isTaproot = account.output === "p2tr";
  assertType(sighashType, isTaproot ? Transaction.SIGHASH_DEFAULT : Transaction.SIGHASH_ALL, index);
  const all = isTaproot ? known(prevouts) : prevouts.map((each) => each ?? spent);
  const signature = isTaproot
    ? await byOutputKey(signer, account, transaction, index, all)
    : await byKeyHash(signer, account, transaction, index, spent);
  const coins: Coin[] = transaction.ins.map((input, i) => ({ outpoint: spentBy(input), ...all[i]! }));
  checkInput(transaction, index, coins, { script: new Uint8Array(0), witness: signature.witness });
  return signature;
}

async function byOutputKey(
  signer: WalletSigner,
  { xOnlyKey }: CheckedAccount,
  transaction: Transaction,
  index: number,
  prevouts: readonly Prevout[],
): Promise<InputSignature> {
  if (!signer.tweak) throw unable("tweak, which a P2TR coin or message needs");
  const digest = transaction.hashForWitnessV1(
    index,
    prevouts.map(({ script }) => script),
    prevouts.map(({ value }) => value),
    Transaction.SIGHASH_DEFAULT,
  );
  const signature = await signer.tweak(taggedHash("TapTweak", xOnlyKey)).signSchnorr(digest);
  return { fields: { tapKeySig: Uint8Array.from(signature) }, witness: [Uint8Array.from(signature)] };
}

async function byKeyHash(
  signer: WalletSigner,
  { publicKey }: CheckedAccount,
  transaction: Transaction,
  index: number,
  { value }: Prevout,
): Promise<InputSignature> {
  // BIP-143: a P2WPKH signature commits to the script of its key's hash.
  const code = keyHashScript(hash160(publicKey));
  const digest = transaction.hashForWitnessV0(index, code, value, Transaction.SIGHASH_ALL);
  const signature = encodeEcdsaSignature(await ecdsa(signer, digest), Transaction.SIGHASH_ALL);
  return { fields: { partialSig: [{ pubkey: publicKey, signature }] }, witness: [signature, publicKey] };
}

async function signedMessage(own: Own, message: string, type: MessageKind): Promise<string> {
  assertChoice(type, "type", ["ecdsa", "bip322-simple"]);
  if (type === "ecdsa") return base64.encode(await ecdsaMessage(own, message));
  const { script, output, xOnlyKey } = own.account;
  const psbt = bip322.psbt(message, script, output === "p2tr" ? xOnlyKey : undefined);
  await signInput(own, psbt, 0, true);
  return base64.encode(psbt.data.inputs[0]!.finalScriptWitness!);
}

/** The header of a signature by a compressed key, without the parity of its R, which only recovery finds. */
const COMPRESSED_HEADER = 31;

async function ecdsaMessage({ signer, account }: Own, message: string): Promise<Uint8Array> {
  const signature = await ecdsa(signer, bitcoinMessage.digest(message));
  const ofAccount = [0, 1]
    .map((parity) => concatBytes(Uint8Array.of(COMPRESSED_HEADER + parity), signature))
    .find((each) => {
      const key = bitcoinMessage.recover(message, each);
      return key && equalBytes(key.slice(1), account.xOnlyKey);
    });
  if (ofAccount) return ofAccount;
  throw new TapstakeError("signer-failed", "the ECDSA signature of the signer does not verify");
}

async function ecdsa(signer: WalletSigner, digest: Uint8Array): Promise<Uint8Array> {
  if (!signer.sign) throw unable("sign, which a P2WPKH coin or an ECDSA message needs");
  const signature = await signer.sign(digest);
  if (isBytes(signature, 64)) return Uint8Array.from(signature);
  throw new TapstakeError("signer-failed", "the signer returned no ECDSA signature of 64 bytes");
}

const unable = (what: string) =>
  new TapstakeError("signer-failed", `the signer has no ${what}; walletSigner, ecpair and bip32 have it`);

/** @throws TapstakeError `unsupported-sighash` */
function assertType(asked: number | undefined, signedWith: number, index: number): void {
  if (asked === undefined || asked === signedWith) return;
  const text = `input ${index} asks for the hash type ${asked}; this signer signs with ${signedWith}`;
  throw new TapstakeError("unsupported-sighash", text, { input: index, type: asked });
}

/** Taproot signatures commit to every coin of the transaction. */
function known(prevouts: readonly (Prevout | undefined)[]): Prevout[] {
  return prevouts.map((prevout, i) => {
    if (prevout) return prevout;
    throw new TapstakeError("invalid-psbt", `input ${i} does not say what it spends`);
  });
}
