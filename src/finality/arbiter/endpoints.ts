import { TapstakeError } from "../../core/errors.js";
import { isLoopback, parseAddress } from "../../signer-client/endpoint.js";

/** Where an arbiter is: the members of an etcd cluster, and where in it the votes are. */
export interface ArbiterAddress {
  /** `host:port` of each member. */
  readonly addresses: readonly [string, ...string[]];
  /** Before the name of every key, with a slash at its beginning and none at its end. */
  readonly prefix: string;
}

const DEFAULT_PREFIX = "/tapstake";

/**
 * `etcd://a:2379,b:2379,c:2379`, with `/prefix` after it if several arbiters share a cluster.
 * @param isEncrypted whether the connection has TLS: without it, only this machine may be asked
 * @throws TapstakeError `invalid-address`, `insecure-address`
 */
export function parseArbiter(text: string, isEncrypted: boolean): ArbiterAddress {
  const match = /^etcd:\/\/([^/]+)((?:\/[A-Za-z0-9._-]+)*)\/?$/.exec(text);
  if (!match) {
    throw new TapstakeError(
      "invalid-address",
      `the arbiter must be such as etcd://10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379, not ${text === "" ? "empty" : text}`,
      { address: text },
    );
  }
  const addresses = match[1]!.split(",");
  for (const address of addresses) {
    const { host } = parseAddress(address, "invalid-address");
    if (isEncrypted || isLoopback(host)) continue;
    throw new TapstakeError(
      "insecure-address",
      `the arbiter at ${address} must be asked with TLS and a client certificate: without them anyone in the network could answer, or change votes. Give --arbiter-tls`,
      { address },
    );
  }
  if (new Set(addresses).size !== addresses.length) {
    throw new TapstakeError("invalid-address", `the arbiter ${text} names a member twice`, { address: text });
  }
  return { addresses: addresses as [string], prefix: match[2] || DEFAULT_PREFIX };
}
