import { randomUUID } from "node:crypto";
import { createRpc, type RpcOptions } from "../src/chain/index.js";
import { TapstakeError } from "../src/core/errors.js";

/** Where docker-compose.yml puts its node, and its user. */
const COMPOSE_URL = "http://127.0.0.1:18443";
const COMPOSE_USER = { username: "tapstake", password: "tapstake" };

/** The address (without its user) of a running node to attach to, or undefined when none answers. */
export async function attachableUrl(): Promise<string | undefined> {
  const { connection } = attachTarget();
  try {
    const rpc = createRpc({ ...connection, timeout: 5_000 });
    await rpc.getblockchaininfo();
    return rpc.url;
  } catch (error) {
    if (error instanceof TapstakeError) return undefined;
    throw error;
  }
}

/** The node of TAPSTAKE_REGTEST_URL (a user in it wins over the compose file's), or the compose file's. */
export function attachTarget(): { connection: RpcOptions; isExplicit: boolean } {
  const asked = process.env["TAPSTAKE_REGTEST_URL"];
  return { connection: connectionOf({ url: asked || COMPOSE_URL }), isExplicit: Boolean(asked) };
}

/** Where a running node is, and as whom to ask it: without a user, as that of docker-compose.yml. */
export function connectionOf(options: RpcOptions): RpcOptions {
  const { url, username, password, cookieFile } = options;
  const hasUser = URL.canParse(url) && new URL(url).username !== "";
  if (hasUser || username !== undefined || cookieFile !== undefined) {
    return {
      url,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      ...(cookieFile !== undefined && { cookieFile }),
    };
  }
  return { url, ...COMPOSE_USER };
}

/** A node that was there before, and a wallet there for one user: test files that share a node share no wallet. */
export interface Attached {
  readonly connection: RpcOptions;
  readonly wallet: string;
  stop(): Promise<void>;
}

/**
 * Blocks are mined and coins spent without asking: never on a chain where they are worth something.
 * @throws TapstakeError `wrong-network`, `node-unreachable`, `node-error`
 */
export async function attach(connection: RpcOptions): Promise<Attached> {
  const { chain } = await createRpc(connection).getblockchaininfo();
  if (chain !== "regtest") {
    throw new TapstakeError(
      "wrong-network",
      `the node must be of chain regtest, not ${chain}: give the address of a regtest node`,
      { chain },
    );
  }
  const wallet = `tapstake-${randomUUID()}`;
  const stop = async () => {
    await createRpc(connection).unloadwallet(wallet);
  };
  return { connection, wallet, stop };
}
