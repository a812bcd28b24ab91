import { initEccLib, Psbt as BitcoinJsPsbt } from "bitcoinjs-lib";
import * as tiny from "tiny-secp256k1";
import type { Psbt } from "../../src/psbt/psbt.js";

initEccLib(tiny);

export { BitcoinJsPsbt };

/** A PSBT of ours as bitcoinjs-lib reads it: a second opinion, and a wallet's way to sign. */
export const inBitcoinJs = (psbt: Pick<Psbt, "toBuffer">): BitcoinJsPsbt =>
  BitcoinJsPsbt.fromBuffer(psbt.toBuffer());
