// What the wallets of these tests have in common: a key, and @scure/btc-signer, which signs with it. Nothing of tapstake.
import { base64, hex } from "@scure/base";
import { p2tr, p2wpkh, RawWitness, Script, TEST_NETWORK, Transaction } from "@scure/btc-signer";
import { pubECDSA, pubSchnorr, sha256 } from "@scure/btc-signer/utils.js";

export type Output = "p2tr" | "p2wpkh";

const REGTEST = { ...TEST_NETWORK, bech32: "bcrt" };
/** A stake's leaves are scripts that the library does not know. */
const KNOWN = { allowUnknownInputs: true, allowUnknownOutputs: true } as const;

/** One account of a wallet. */
export class Key {
  readonly publicKey: string;
  readonly xOnly: string;
  readonly address: string;
  readonly script: Uint8Array;
  readonly #secret: Uint8Array;
  readonly #isTaproot: boolean;

  constructor(secret: Uint8Array, output: Output) {
    this.#secret = secret;
    this.#isTaproot = output === "p2tr";
    this.publicKey = hex.encode(pubECDSA(secret));
    this.xOnly = hex.encode(pubSchnorr(secret));
    const payment = this.#isTaproot
      ? p2tr(pubSchnorr(secret), undefined, REGTEST)
      : p2wpkh(pubECDSA(secret), REGTEST);
    this.address = payment.address!;
    this.script = payment.script;
  }

  /** Whether an input is paid to the account's own address. */
  owns(psbt: Transaction, index: number): boolean {
    const { witnessUtxo } = psbt.getInput(index);
    return witnessUtxo !== undefined && hex.encode(witnessUtxo.script) === hex.encode(this.script);
  }

  /** Whether a leaf of an input names the key. */
  isNamedIn(psbt: Transaction, index: number): boolean {
    const leaves = psbt.getInput(index).tapLeafScript ?? [];
    return leaves.some(([, script]) => hex.encode(script).includes(this.xOnly));
  }

  /**
   * Signs an input as bitcoinjs-lib does for these wallets: a Taproot coin of the account by the tweaked key, a leaf by
   * the key that it names.
   */
  sign(psbt: Transaction, index: number, byTweaked: boolean): void {
    const isOwn = this.owns(psbt, index);
    const fits = isOwn ? byTweaked === this.#isTaproot : !byTweaked && this.isNamedIn(psbt, index);
    if (!fits) throw new Error(`Can not sign for input #${index} with the key ${this.publicKey}`);
    if (isOwn && this.#isTaproot) psbt.updateInput(index, { tapInternalKey: hex.decode(this.xOnly) });
    psbt.signIdx(this.#secret, index);
  }

  /** BIP-322, simple, in base64 without a prefix. */
  signMessage(message: string): string {
    const tag = sha256(new TextEncoder().encode("BIP0322-signed-message"));
    const digest = sha256(Uint8Array.of(...tag, ...tag, ...new TextEncoder().encode(message)));
    const versioned = { ...KNOWN, version: 0 };
    const toSpend = new Transaction({ ...versioned, disableScriptCheck: true });
    const finalScriptSig = Uint8Array.of(0x00, 0x20, ...digest);
    toSpend.addOutput({ script: this.script, amount: 0n });
    toSpend.addInput({ txid: new Uint8Array(32), index: 0xffffffff, sequence: 0, finalScriptSig });
    const toSign = new Transaction(versioned);
    const witnessUtxo = { script: this.script, amount: 0n };
    toSign.addInput({ txid: toSpend.id, index: 0, sequence: 0, witnessUtxo });
    toSign.addOutput({ script: Script.encode(["RETURN"]), amount: 0n });
    this.sign(toSign, 0, this.#isTaproot);
    toSign.finalizeIdx(0);
    return base64.encode(RawWitness.encode(toSign.getInput(0).finalScriptWitness!));
  }
}

/** UniSat, OKX and OneKey read both text forms. */
export const readEither = (psbt: string): Transaction =>
  Transaction.fromPSBT(
    /^[0-9a-f]+$/i.test(psbt) ? hex.decode(psbt.toLowerCase()) : base64.decode(psbt),
    KNOWN,
  );

/** Babylon's interface has hexadecimal only. */
export const readHex = (psbt: string): Transaction => Transaction.fromPSBT(hex.decode(psbt), KNOWN);

export const writeHex = (psbt: Transaction): string => hex.encode(psbt.toPSBT());

/** Of a leaf with several keys this gives a witness of one signature: the wallets take no notice. */
export function finalise(psbt: Transaction, index: number): void {
  try {
    psbt.finalizeIdx(index);
  } catch {
    // As the extensions do.
  }
}
