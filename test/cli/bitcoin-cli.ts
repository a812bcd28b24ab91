import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findBitcoind, type RegtestNode } from "../../regtest/index.js";

/** A node as documented sessions reach it. */
export interface Reached {
  /** Shell lines that make `bitcoin-cli` ask the node, with its wallet. */
  readonly prelude: string;
  /** The address of the node, with the password in it. */
  readonly url: string;
  /** What the prelude needs in the environment. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * How a shell reaches a node: by the real bitcoin-cli where one came with the bitcoind that runs, as with every release
 * and package, and else by a stand-in for the few calls that the sessions make.
 */
export async function reach(node: RegtestNode): Promise<Reached> {
  const { url, username, password, cookieFile } = node.connection;
  const [user = "", secret = ""] = cookieFile
    ? readFileSync(cookieFile, "utf8").trim().split(":")
    : [username, password];
  const { walletname } = await node.rpc.call<{ walletname: string }>("getwalletinfo");
  const asUser = (address: URL) => Object.assign(address, { username: user, password: secret }).href;
  const reached = (command: string, env: Reached["env"]) => {
    return { prelude: `bitcoin-cli() { ${command} "$@"; }`, url: asUser(new URL(url)), env };
  };
  const real = node.attached ? undefined : realCli();
  if (real !== undefined) {
    const { hostname, port } = new URL(url);
    const server = `-rpcconnect=${hostname} -rpcport=${port} -rpcwallet=${walletname}`;
    // Without the configuration of the user who runs the tests.
    const command = `"${real}" -regtest -conf=/dev/null ${server} -rpcuser="$BITCOIN_USER" -rpcpassword="$BITCOIN_PASSWORD"`;
    return reached(command, { BITCOIN_USER: user, BITCOIN_PASSWORD: secret });
  }
  const standIn = fileURLToPath(new URL("bitcoin-cli.mjs", import.meta.url));
  const wallet = asUser(new URL(`wallet/${walletname}`, node.rpc.url));
  return reached(`"${process.execPath}" "${standIn}"`, { BITCOIN_RPC: wallet });
}

/** The one beside the bitcoind that the harness starts. */
function realCli(): string | undefined {
  const bitcoind = findBitcoind();
  const path = bitcoind && join(dirname(bitcoind.path), "bitcoin-cli");
  return path !== undefined && existsSync(path) ? path : undefined;
}
