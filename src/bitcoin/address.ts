import { address as addresses, bitcoinNetwork } from "./bitcoinjs.js";
import { assertBytes } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { assertNetwork, type Network } from "../core/network.js";
import { show } from "../core/text.js";
import { OP } from "./opcodes.js";

/**
 * The output script that an address stands for: P2PKH, P2SH, P2WPKH, P2WSH or P2TR. Testnet, signet and (in
 * Base58) regtest share their addresses.
 *
 * BIP-350 would have wallets accept witness versions above 1 as well. They are refused here: Bitcoin has no
 * rules for them yet, so whoever mines next could take what is sent there.
 * @throws TapstakeError `invalid-address` also when it is an address of another network, or a Taproot address
 * whose key is no point; `invalid-network`
 */
export function scriptOfAddress(address: string, network: Network): Uint8Array {
  assertNetwork(network);
  if (typeof address !== "string") {
    throw new TapstakeError("invalid-address", `expected an address as text, got ${describeType(address)}`);
  }
  if (witnessVersion(address) > 1) {
    throw new TapstakeError("invalid-address", `${show(address)} is an address that anyone could spend from`);
  }
  try {
    return addresses.toOutputScript(address, bitcoinNetwork(network));
  } catch {
    throw new TapstakeError("invalid-address", `${show(address)} is not an address of ${network}`);
  }
}

/** The address of an output script, or null when it is none of the kinds of {@link scriptOfAddress}. */
export function addressOfScript(script: Uint8Array, network: Network): string | null {
  assertNetwork(network);
  // A pay-to-witness script begins with its version: 0, or OP_1 to OP_16 (BIP-141).
  if (script[0]! > OP.ONE && script[0]! <= OP.SIXTEEN) return null;
  try {
    return addresses.fromOutputScript(script, bitcoinNetwork(network));
  } catch {
    return null;
  }
}

/**
 * The address of a Taproot output key (BIP-350).
 * @throws TapstakeError `invalid-bytes`, `invalid-network`
 */
export function taprootAddress(outputKey: Uint8Array, network: Network): string {
  assertNetwork(network);
  assertBytes(outputKey, "output key", 32);
  return addresses.toBech32(outputKey, 1, bitcoinNetwork(network).bech32);
}

/** The witness version of a segwit address, -1 of anything else. */
function witnessVersion(address: string): number {
  try {
    return addresses.fromBech32(address).version;
  } catch {
    return -1;
  }
}
