import { initEccLib, Psbt as BitcoinJsPsbt, Transaction as BitcoinJsTransaction } from "bitcoinjs-lib";
import * as tiny from "tiny-secp256k1";
import type { TransactionLike } from "../../src/bitcoin/transaction.js";
import type { Psbt } from "../../src/psbt/psbt.js";

initEccLib(tiny);

export { BitcoinJsPsbt };

/** A PSBT of ours as bitcoinjs-lib reads it: a second opinion, and a wallet's way to sign. */
export const inBitcoinJs = (psbt: Pick<Psbt, "toBuffer">): BitcoinJsPsbt =>
  BitcoinJsPsbt.fromBuffer(psbt.toBuffer());

/** A transaction of ours as bitcoinjs-lib reads it: what tests sign is its digest, so that it judges ours. */
export const asBitcoinJs = (transaction: TransactionLike): BitcoinJsTransaction =>
  BitcoinJsTransaction.fromBuffer(transaction.toBuffer());
