/**
 * bitcoinjs-lib, given its curve once. Every other module imports it from here, so that using the package
 * needs no init call.
 */
import { initEccLib, networks, type Network as BitcoinNetwork } from "bitcoinjs-lib";
import { curve } from "./curve/index.js";
import type { Network } from "./network.js";

initEccLib(curve);

export { address, Psbt, Transaction } from "bitcoinjs-lib";

/** The address prefixes of a network. */
export function bitcoinNetwork(network: Network): BitcoinNetwork {
  return {
    mainnet: networks.bitcoin,
    testnet: networks.testnet,
    signet: networks.testnet,
    regtest: networks.regtest,
  }[network];
}
