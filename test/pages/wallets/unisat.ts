// UniSat, by the rule of its extension 1.7.13 (WALLETS 3).
import { ask } from "./window.js";
import { finalise, type Key, readEither, writeHex } from "./key.js";

interface ToSignInput {
  readonly index: number;
  readonly publicKey?: string;
  readonly address?: string;
  readonly useTweakedSigner?: boolean;
  readonly disableTweakSigner?: boolean;
}

interface Options {
  readonly autoFinalized?: boolean;
  readonly toSignInputs?: readonly ToSignInput[];
}

export function unisat(key: Key): object {
  const wallet = {
    requestAccounts: () => Promise.resolve([key.address]),
    getPublicKey: () => Promise.resolve(key.publicKey),
    getChain: () => Promise.resolve({ enum: "BITCOIN_SIGNET" }),
    signMessage(text: string, type = "ecdsa") {
      ask("signMessage");
      if (type !== "bip322-simple") throw new Error("this wallet plays BIP-322 only");
      return Promise.resolve(key.signMessage(text));
    },
    signPsbt(text: string, { autoFinalized = true, toSignInputs }: Options = {}) {
      const psbt = readEither(text);
      const indexes = [...Array(psbt.inputsLength).keys()];
      // Without options: what is the account's own, or names its key. What is signed by others counts as signed.
      const toSign: readonly ToSignInput[] =
        toSignInputs ??
        indexes.filter((i) => key.owns(psbt, i) || key.isNamedIn(psbt, i)).map((index) => ({ index }));
      for (const { publicKey, address } of toSign) {
        if (publicKey === undefined && address === undefined && toSignInputs) {
          throw new Error("no address or public key in toSignInput");
        }
        if (publicKey !== undefined && publicKey !== key.publicKey)
          throw new Error("invalid public key in toSignInput");
        if (address !== undefined && address !== key.address)
          throw new Error("invalid address in toSignInput");
      }
      ask("signPsbt");
      for (const { index, useTweakedSigner, disableTweakSigner } of toSign) {
        const { witnessUtxo, tapScriptSig } = psbt.getInput(index);
        const isTaproot = witnessUtxo?.script[0] === 0x51;
        // It deletes the internal key of what is not its own key path.
        if (isTaproot && !key.owns(psbt, index))
          psbt.updateInput(index, { tapInternalKey: undefined } as object, true);
        const byLeaf = !tapScriptSig && key.isNamedIn(psbt, index);
        const guess = disableTweakSigner ? false : isTaproot && !byLeaf;
        key.sign(psbt, index, useTweakedSigner ?? guess);
        if (autoFinalized) finalise(psbt, index);
      }
      return Promise.resolve(writeHex(psbt));
    },
    signPsbts: () => Promise.reject(new Error("asked for more than one PSBT")),
  };
  return { unisat_wallet: wallet, unisat: wallet };
}
