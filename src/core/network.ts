import { TapstakeError } from "./errors.js";
import { show } from "./text.js";

/** The Bitcoin networks, by the names that Bitcoin Core uses in its documentation. */
export const NETWORKS = ["mainnet", "testnet", "signet", "regtest"] as const;
/** A Bitcoin network. Testnet and signet share their address form. */
export type Network = (typeof NETWORKS)[number];

/** @throws TapstakeError `invalid-network` */
export function assertNetwork(value: unknown): asserts value is Network {
  if (!(NETWORKS as readonly unknown[]).includes(value)) {
    const text = `network must be one of ${NETWORKS.join(", ")}, not ${show(value)}`;
    throw new TapstakeError("invalid-network", text);
  }
}

/** Testnet and signet write addresses alike. */
export function sharesAddresses(a: Network, b: Network): boolean {
  const isTest = (network: Network) => network === "testnet" || network === "signet";
  return a === b || (isTest(a) && isTest(b));
}
