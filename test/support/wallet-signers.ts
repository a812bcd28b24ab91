import { createRequire } from "node:module";
import { base64, hex as scureHex } from "@scure/base";
import { Transaction as ScureTransaction } from "@scure/btc-signer";
import type * as WasmUtxo from "@bitgo/wasm-utxo";
import { ECPairFactory, type ECPairInterface } from "ecpair";
import * as tiny from "tiny-secp256k1";
import { equalBytes, hex } from "../../src/core/bytes.js";
import { taggedHash } from "../../src/core/hashes.js";
import type { ToSignInput } from "../../src/wallets/native.js";
import { BitcoinJsPsbt } from "./bitcoinjs.js";
import { root, type WalletLife } from "./wallet-life.js";

/** rust-bitcoin, which is Keystone's signer. */
const wasm = createRequire(import.meta.url)("@bitgo/wasm-utxo") as typeof WasmUtxo;
export const ECPair = ECPairFactory(tiny);

/** Keystone: by the origins in the PSBT alone; the answer is not finalised. */
export function keystone(psbtBase64: string): string {
  const psbt = wasm.descriptorWallet.Psbt.deserialize(base64.decode(psbtBase64));
  psbt.signWithXprv(root.toBase58());
  return base64.encode(psbt.serialize());
}

/** Xverse, Leather and the host of Ledger's app: each of these inputs by the account's key, with @scure/btc-signer. */
export function scure(
  psbt: Uint8Array,
  inputs: readonly number[],
  { secretKey }: WalletLife,
): ScureTransaction {
  const transaction = ScureTransaction.fromPSBT(psbt, {
    allowUnknownOutputs: true,
    // Without it the library does not finalise a stake's leaves; hosts of hardware wallets do.
    allowUnknownInputs: true,
  });
  for (const index of inputs) transaction.signIdx(secretKey, index);
  return transaction;
}

export const toHex = (transaction: ScureTransaction): string => scureHex.encode(transaction.toPSBT());
export const toBase64 = (transaction: ScureTransaction): string => base64.encode(transaction.toPSBT());

/** What UniSat's `signPsbt` takes. */
interface UnisatOptions {
  readonly autoFinalized?: boolean;
  readonly toSignInputs?: readonly (ToSignInput & { readonly disableTweakSigner?: boolean })[];
}

/**
 * UniSat's rule (extension 1.7.13), written anew: which key signs an input, what becomes of its internal key, and that a
 * failure to finalise is silent.
 */
export function unisat(life: WalletLife, psbtHex: string, options: UnisatOptions = {}): string {
  const { autoFinalized = true } = options;
  const account = ECPair.fromPrivateKey(life.secretKey);
  const psbt = BitcoinJsPsbt.fromHex(psbtHex);
  const toSign = options.toSignInputs ?? psbt.data.inputs.map((_, index): ToSignInput => ({ index }));
  for (const { index, publicKey, address, useTweakedSigner, disableTweakSigner } of toSign) {
    if (publicKey !== undefined && publicKey !== hex.encode(account.publicKey)) throw new Error("publicKey");
    if (address !== undefined && address !== life.account.address) throw new Error("address");
    const input = psbt.data.inputs[index]!;
    const isTaproot = input.witnessUtxo?.script[0] === 0x51;
    const isOwnCoin =
      isTaproot && equalBytes(input.witnessUtxo!.script.slice(2), tweaked(account).publicKey.slice(1));
    if (isTaproot && !isOwnCoin) delete input.tapInternalKey;
    if (isOwnCoin) input.tapInternalKey ??= account.publicKey.slice(1);
    const namesKey =
      input.tapLeafScript?.[0] && includes(input.tapLeafScript[0].script, account.publicKey.slice(1));
    const byTweaked = useTweakedSigner ?? (disableTweakSigner === true ? false : isTaproot && !namesKey);
    psbt.signInput(
      index,
      byTweaked ? tweaked(account) : account,
      input.sighashType ? [input.sighashType] : undefined,
    );
    if (!autoFinalized) continue;
    try {
      psbt.finalizeInput(index);
    } catch {
      // As the extension does.
    }
  }
  return psbt.toHex();
}

const tweaked = (key: ECPairInterface) => key.tweak(taggedHash("TapTweak", key.publicKey.slice(1)));
const includes = (script: Uint8Array, key: Uint8Array) => hex.encode(script).includes(hex.encode(key));
