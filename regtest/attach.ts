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
  const url = asked || COMPOSE_URL;
  const hasUser = URL.canParse(url) && new URL(url).username !== "";
  return { connection: { url, ...(!hasUser && COMPOSE_USER) }, isExplicit: Boolean(asked) };
}

/**
 * Blocks are mined and coins spent without asking: never on a chain where they are worth something.
 * @throws TapstakeError `wrong-network`
 */
export async function assertRegtest(connection: RpcOptions): Promise<void> {
  const { chain } = await createRpc(connection).getblockchaininfo();
  if (chain !== "regtest") {
    throw new TapstakeError(
      "wrong-network",
      `the node must be of chain regtest, not ${chain}: give the address of a regtest node`,
      { chain },
    );
  }
}
