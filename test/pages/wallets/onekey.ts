// OneKey, by the published code of its app of October 2024 (WALLETS 3 and 6). It reads no `toSignInputs`: it signs what
// is paid to the account, and other inputs only where `isBtcWalletProvider` is set.
import { ask } from "./window.js";
import { finalise, type Key, readEither, writeHex } from "./key.js";

interface Options {
  readonly autoFinalized?: boolean;
  readonly isBtcWalletProvider?: boolean;
}

const WITHOUT_OPTIONS: Options = { autoFinalized: true, isBtcWalletProvider: true };

export function onekey(key: Key): object {
  const btcwallet = {
    connectWallet: () => Promise.resolve(btcwallet),
    getAddress: () => Promise.resolve(key.address),
    getPublicKeyHex: () => Promise.resolve(key.publicKey),
    /** On signet it says so too. */
    getNetwork: () => Promise.resolve("testnet"),
    signMessage(text: string, type = "ecdsa") {
      ask("signMessage");
      if (type !== "bip322-simple") throw new Error("this wallet plays BIP-322 only");
      return Promise.resolve(key.signMessage(text));
    },
    signPsbt(text: string, options: Options = WITHOUT_OPTIONS) {
      ask("signPsbt");
      const psbt = readEither(text);
      for (let index = 0; index < psbt.inputsLength; index++) {
        const isOwn = key.owns(psbt, index);
        if (!isOwn && !options.isBtcWalletProvider) continue;
        const { witnessUtxo, tapInternalKey, tapMerkleRoot } = psbt.getInput(index);
        const isTaproot = witnessUtxo?.script[0] === 0x51;
        if (isTaproot && !tapInternalKey) throw new Error("Need Schnorr Signer");
        key.sign(psbt, index, isTaproot && (isOwn || tapMerkleRoot !== undefined));
        if (options.autoFinalized !== false) finalise(psbt, index);
      }
      return Promise.resolve(writeHex(psbt));
    },
    signPsbts: () => Promise.reject(new Error("a blank window")),
  };
  // It puts itself under UniSat's older name too.
  return { $onekey: { btcwallet }, unisat: { ...btcwallet, isOneKey: true } };
}
