import type { Home } from "../home.js";
import { Arbiter } from "./arbiter.js";
import { EtcdClient, type EtcdTls } from "./client.js";
import { parseArbiter } from "./endpoints.js";

/** How to reach an arbiter. */
export interface ArbiterOptions {
  /** `etcd://a:2379,b:2379,c:2379`, with `/prefix` after it if several arbiters share a cluster. */
  readonly arbiter: string;
  /** Needed unless all members are on this machine. */
  readonly tls?: EtcdTls | undefined;
  /** Milliseconds for each send; 2,000 by default. A request is sent three times at most. */
  readonly timeout?: number | undefined;
}

/**
 * A connection to an arbiter, for the commands of an operator.
 * @throws TapstakeError `invalid-address`, `insecure-address`, `invalid-certificate`, `package-missing`
 */
export function connectArbiter({ arbiter, tls, timeout }: ArbiterOptions): {
  readonly client: EtcdClient;
  readonly prefix: string;
} {
  const { addresses, prefix } = parseArbiter(arbiter, tls !== undefined);
  return { client: new EtcdClient({ addresses, tls, timeout }), prefix };
}

/**
 * The arbiter of an enrolled home, for a `Voter`. The caller holds the home's lock: it has its protection open.
 * @throws TapstakeError as {@link connectArbiter} and `Arbiter`
 */
export function openArbiter(home: Home, options: ArbiterOptions): { arbiter: Arbiter; close: () => void } {
  const { client, prefix } = connectArbiter(options);
  try {
    return { arbiter: new Arbiter(home, client, prefix), close: () => client.close() };
  } catch (error) {
    client.close();
    throw error;
  }
}
