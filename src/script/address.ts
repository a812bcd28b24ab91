import { address as addresses, bitcoinNetwork } from "../core/bitcoin.js";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { assertNetwork, type Network } from "../core/network.js";

/**
 * The output script that an address stands for.
 * @throws TapstakeError `invalid-address` also when it is an address of another network
 */
export function scriptOfAddress(address: string, network: Network): Uint8Array {
  assertNetwork(network);
  try {
    return addresses.toOutputScript(address, bitcoinNetwork(network));
  } catch (cause) {
    throw new TapstakeError(
      "invalid-address",
      `${JSON.stringify(address)} is not an address of ${network}`,
      {},
      { cause },
    );
  }
}

/** The address of an output script, or null when it has none (an OP_RETURN, a bare script). */
export function addressOfScript(script: Uint8Array, network: Network): string | null {
  assertNetwork(network);
  try {
    return addresses.fromOutputScript(script, bitcoinNetwork(network));
  } catch {
    return null;
  }
}

/** The address of a Taproot output key (BIP-350). */
export function taprootAddress(outputKey: Uint8Array, network: Network): string {
  assertNetwork(network);
  const { bech32 } = bitcoinNetwork(network);
  if (outputKey.length !== 32) {
    throw new TapstakeError("invalid-address", `${hex.encode(outputKey)} is not a Taproot output key`);
  }
  return addresses.toBech32(outputKey, 1, bech32);
}
