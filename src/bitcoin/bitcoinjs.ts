/**
 * bitcoinjs-lib, given its curve once. Every other module imports it from here, so that using the package
 * needs no init call.
 */
import { crypto, initEccLib, networks, script, type Network as BitcoinNetwork } from "bitcoinjs-lib";
import { curve } from "../core/curve/index.js";
import type { Network } from "../core/network.js";

initEccLib(curve);

export { address, Block, Psbt, Transaction } from "bitcoinjs-lib";

/** RIPEMD-160 of SHA-256: what a P2WPKH output names its key by. */
export const hash160 = (data: Uint8Array): Uint8Array => crypto.hash160(data);

/** A DER signature with its hash type behind (BIP-66), as r ‖ s; null when it is none. */
export function decodeEcdsaSignature(bytes: Uint8Array): { signature: Uint8Array; hashType: number } | null {
  try {
    return script.signature.decode(bytes);
  } catch {
    return null;
  }
}

/** r ‖ s as a DER signature with its hash type behind (BIP-66). */
export const encodeEcdsaSignature = (signature: Uint8Array, hashType: number): Uint8Array =>
  script.signature.encode(signature, hashType);

/** The address prefixes of a network. */
export function bitcoinNetwork(network: Network): BitcoinNetwork {
  return {
    mainnet: networks.bitcoin,
    testnet: networks.testnet,
    signet: networks.testnet,
    regtest: networks.regtest,
  }[network];
}
