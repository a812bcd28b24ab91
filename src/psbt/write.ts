import type { Transaction } from "../bitcoin/bitcoinjs.js";
import type { Psbt } from "./bitcoinjs.js";
import { concatBytes } from "../core/bytes.js";
import { type KeyOrigin, normalPath } from "../script/key-origin.js";
import { LEAF_VERSION } from "../script/taproot.js";
import { type Coin, coinKind, previousBytes } from "../funding/coin.js";
import { unsignedPsbt } from "./psbt.js";

type InputFields = Psbt["data"]["inputs"][number];

/**
 * A PSBT (BIP-174, BIP-371) that the wallets of these coins can sign: for each coin the output that it spends, the
 * previous transaction where it is given, the scripts, and where the keys come from.
 */
export function fundingPsbt(transaction: Transaction, coins: readonly Coin[]): Psbt {
  const psbt = unsignedPsbt(transaction, coins);
  for (const [i, coin] of coins.entries()) {
    const input = psbt.data.inputs[i]!;
    // BIP-174: the output alone is for segwit coins. Of a P2PKH coin signers must see the whole transaction.
    if (coinKind(coin) === "p2pkh") delete input.witnessUtxo;
    // Set as they are: the library's own way parses each previous transaction again for each of the others.
    Object.assign(input, fieldsOf(coin));
  }
  return psbt;
}

/** Adds to a PSBT the previous transactions of its coins, in the order of its inputs, where a coin has one. */
export function addPrevious(psbt: Psbt, coins: readonly Coin[], firstInput = 0): void {
  for (const [i, coin] of coins.entries()) {
    const nonWitnessUtxo = previousBytes(coin);
    if (nonWitnessUtxo) psbt.data.inputs[firstInput + i]!.nonWitnessUtxo = Uint8Array.from(nonWitnessUtxo);
  }
}

/** What a PSBT says of a coin beside the output that holds it. The coin is one that was checked. */
export function fieldsOf(coin: Coin): Partial<InputFields> {
  const { redeemScript, witnessScript, leaf } = coin;
  const nonWitnessUtxo = previousBytes(coin);
  const tapInternalKey = coin.tapInternalKey ?? leaf?.controlBlock.slice(1, 33);
  return {
    ...(nonWitnessUtxo && { nonWitnessUtxo: Uint8Array.from(nonWitnessUtxo) }),
    ...(redeemScript && { redeemScript: Uint8Array.from(redeemScript) }),
    ...(witnessScript && { witnessScript: Uint8Array.from(witnessScript) }),
    ...(tapInternalKey && { tapInternalKey: Uint8Array.from(tapInternalKey) }),
    ...(leaf && {
      tapLeafScript: [
        {
          leafVersion: LEAF_VERSION,
          script: Uint8Array.from(leaf.script),
          controlBlock: Uint8Array.from(leaf.controlBlock),
        },
      ],
    }),
    ...derivationsOf(coin),
  };
}

function derivationsOf(coin: Coin): Partial<InputFields> {
  const { derivations = [] } = coin;
  if (derivations.length === 0) return {};
  const plain = ({ publicKey, fingerprint, path }: KeyOrigin) => ({
    pubkey: Uint8Array.from(publicKey),
    masterFingerprint: Uint8Array.from(fingerprint),
    path: normalPath(path),
  });
  return coinKind(coin) === "p2tr"
    ? {
        tapBip32Derivation: derivations.map((origin) => ({
          ...plain(origin),
          leafHashes: (origin.leafHashes ?? []).map((hash) => concatBytes(hash)),
        })),
      }
    : { bip32Derivation: derivations.map(plain) };
}
