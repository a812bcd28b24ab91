// A wallet of Babylon's shape (WALLETS 2), as strict as one may be: hexadecimal only, no PSBT without its contracts and
// its action, several by one confirmation, the account's key for each input. It finalises unless asked not to.
import { ask } from "./window.js";
import { finalise, type Key, readHex, writeHex } from "./key.js";

interface Options {
  readonly autoFinalized?: boolean;
  readonly contracts?: readonly { readonly id: string; readonly params: object }[];
  readonly action?: { readonly name: string };
  readonly signInputs?: readonly {
    readonly index: number;
    readonly publicKey?: string;
    readonly address?: string;
    readonly useTweakedSigner?: boolean;
  }[];
}

export function babylon(key: Key): object {
  function signed(
    text: string,
    { autoFinalized = true, contracts, action, signInputs }: Options = {},
  ): string {
    if (!contracts?.length || !action?.name.startsWith("sign-btc-"))
      throw new Error("contracts and action are required");
    if (contracts.some(({ id }) => !id.startsWith("babylon:"))) throw new Error("unknown contract");
    const psbt = readHex(text);
    const indexes = [...Array(psbt.inputsLength).keys()];
    const toSign = signInputs ?? indexes.map((index) => ({ index }));
    for (const { index, ...asked } of toSign) {
      const {
        publicKey = key.publicKey,
        address = key.address,
        useTweakedSigner,
      } = asked as NonNullable<Options["signInputs"]>[number];
      if (publicKey !== key.publicKey || address !== key.address)
        throw new Error("wrong account in signInputs");
      const isTaproot = psbt.getInput(index).witnessUtxo?.script[0] === 0x51;
      key.sign(psbt, index, useTweakedSigner ?? (isTaproot && key.owns(psbt, index)));
      if (autoFinalized) finalise(psbt, index);
    }
    return writeHex(psbt);
  }
  return {
    btcwallet: {
      connectWallet: () => Promise.resolve(),
      getAddress: () => Promise.resolve(key.address),
      getPublicKeyHex: () => Promise.resolve(key.publicKey),
      getNetwork: () => Promise.resolve("signet"),
      getInscriptions: () => Promise.resolve([]),
      getWalletProviderName: () => Promise.resolve("Injectable"),
      on() {},
      off() {},
      signMessage(text: string, type: string) {
        ask("signMessage");
        if (type !== "bip322-simple") throw new Error("this wallet plays BIP-322 only");
        return Promise.resolve(key.signMessage(text));
      },
      signPsbt(text: string, options?: Options) {
        ask("signPsbt");
        return Promise.resolve(signed(text, options));
      },
      signPsbts(texts: string[], options: Options[] = []) {
        ask("signPsbts");
        return Promise.resolve(texts.map((text, i) => signed(text, options[i])));
      },
    },
  };
}
