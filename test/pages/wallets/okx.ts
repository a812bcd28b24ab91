// OKX, by the rule of its published signer 1.2.1 (WALLETS 3 and 6): a Merkle root makes it sign the key path.
import { ask } from "./window.js";
import { finalise, type Key, readEither, writeHex } from "./key.js";

interface Options {
  readonly autoFinalized?: boolean;
  readonly toSignInputs?: readonly {
    readonly index: number;
    readonly publicKey?: string;
    readonly address?: string;
    readonly disableTweakSigner?: boolean;
    /** The published SDK's name; it reads no `useTweakedSigner`. */
    readonly useTweakSigner?: boolean;
  }[];
}

export function okx(key: Key): object {
  const wallet = {
    connect: () =>
      Promise.resolve({ address: key.address, publicKey: key.xOnly, compressedPublicKey: key.publicKey }),
    signMessage(text: string, type = "ecdsa") {
      ask("signMessage");
      if (type !== "bip322-simple") throw new Error("this wallet plays BIP-322 only");
      return Promise.resolve(key.signMessage(text));
    },
    signPsbt(text: string, { autoFinalized = true, toSignInputs }: Options = {}) {
      ask("signPsbt");
      const psbt = readEither(text);
      for (let index = 0; index < psbt.inputsLength; index++) {
        const asked = toSignInputs?.find((each) => each.index === index);
        if (toSignInputs && !asked) continue;
        const { publicKey = key.publicKey, address = key.address } = asked ?? {};
        if (publicKey !== key.publicKey || address !== key.address)
          throw new Error("wrong account in toSignInputs");
        const { witnessUtxo, tapLeafScript, tapMerkleRoot } = psbt.getInput(index);
        const isTaproot = witnessUtxo?.script[0] === 0x51;
        const isScriptPath = tapLeafScript !== undefined && tapMerkleRoot === undefined;
        const isOff = asked?.disableTweakSigner === true || asked?.useTweakSigner === false;
        key.sign(psbt, index, isTaproot && !isScriptPath && !isOff);
        if (autoFinalized) finalise(psbt, index);
      }
      return Promise.resolve(writeHex(psbt));
    },
  };
  // There is an object for each network, and none for regtest.
  return { okxwallet: { bitcoinSignet: wallet } };
}
