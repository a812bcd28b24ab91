import { describeType, TapstakeError } from "./errors.js";

/** The Bitcoin networks, by the names that Bitcoin Core uses in its documentation. */
export const NETWORKS = ["mainnet", "testnet", "signet", "regtest"] as const;
/** A Bitcoin network. Testnet and signet share their address form. */
export type Network = (typeof NETWORKS)[number];

/** @throws TapstakeError `invalid-network` */
export function assertNetwork(value: unknown): asserts value is Network {
  if (!(NETWORKS as readonly unknown[]).includes(value)) {
    const got = typeof value === "string" ? JSON.stringify(value) : describeType(value);
    throw new TapstakeError("invalid-network", `network: expected one of ${NETWORKS.join(", ")}, got ${got}`);
  }
}
