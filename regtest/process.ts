import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRpc, type RpcOptions } from "../src/chain/index.js";
import { TapstakeError } from "../src/core/errors.js";
import { waitFor } from "./wait.js";

/** A running bitcoind, and how to end it. */
export interface NodeProcess {
  readonly connection: RpcOptions;
  readonly datadir: string;
  /** Ends the node and removes its datadir. */
  stop(): Promise<void>;
}

/** Another process may take the port between our check and bitcoind's bind: then the next port is tried. */
const PORT_ATTEMPTS = 5;

/**
 * Starts bitcoind on a free port with a datadir of its own.
 * @throws TapstakeError `node-start-failed`, with bitcoind's own words, or if no datadir can be made; `wait-timeout`
 */
export async function startProcess(
  bitcoind: string,
  args: readonly string[],
  deadline: number,
): Promise<NodeProcess> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    try {
      return await startOn(port, bitcoind, args, deadline);
    } catch (error) {
      if (attempt === PORT_ATTEMPTS || !isPortTaken(error)) throw error;
    }
  }
}

/**
 * The shell between us and bitcoind. Its standard input is a pipe that closes when this process ends, even by kill -9.
 * Then it kills bitcoind and removes the datadir, which has no further use; it does the same if bitcoind ends by
 * itself. `read` is a builtin: no third process is left over.
 */
const SUPERVISOR = `
bitcoind=$1 datadir=$2
shift 2
exec 3<&0 </dev/null
"$bitcoind" "-datadir=$datadir" "$@" 3<&- &
node=$!
{ while read -r _ <&3; do :; done; kill -9 "$node"; } 2>/dev/null >/dev/null &
watcher=$!
wait "$node" 2>/dev/null
status=$?
kill "$watcher" 2>/dev/null
rm -rf "$datadir"
exit "$status"
`;

async function startOn(
  port: number,
  bitcoind: string,
  args: readonly string[],
  deadline: number,
): Promise<NodeProcess> {
  const datadir = await createDatadir();
  const flags = [
    "-regtest",
    "-printtoconsole=0",
    "-listen=0",
    "-fallbackfee=0.0001",
    "-changetype=bech32",
    "-txindex=1",
    `-rpcport=${port}`,
    "-rpcbind=127.0.0.1",
    "-rpcallowip=127.0.0.1",
    ...args,
  ];
  // A process group of its own: Ctrl-C in the terminal must not end the supervisor before it has cleaned up.
  const shell = spawn("/bin/sh", ["-c", SUPERVISOR, "supervisor", bitcoind, datadir, ...flags], {
    detached: true,
    stdio: ["pipe", "ignore", "pipe"],
  });
  let said = "";
  shell.stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-4000)));
  const ended = once(shell, "close");
  // A node that is not stopped must not keep the program alive; it ends with the program.
  shell.unref();
  for (const pipe of [shell.stdin, shell.stderr]) (pipe as unknown as { unref(): void }).unref();

  const stop = async (): Promise<void> => {
    shell.ref();
    (shell.stderr as unknown as { ref(): void }).ref();
    shell.stdin.destroy();
    await ended;
  };
  const connection = { url: `http://127.0.0.1:${port}`, cookieFile: join(datadir, "regtest", ".cookie") };
  const rpc = createRpc({ ...connection, timeout: 5_000 });
  try {
    await waitFor(
      async () => {
        if (shell.exitCode !== null || shell.signalCode !== null) {
          await ended;
          throw startFailed(said, shell.exitCode);
        }
        return isReady(rpc);
      },
      { deadline, what: "bitcoind to answer" },
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { connection, datadir, stop };
}

async function createDatadir(): Promise<string> {
  const folder = tmpdir();
  try {
    return await mkdtemp(join(folder, "tapstake-regtest-"));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const text = `cannot make a folder for the node in ${folder} (${code}): set TMPDIR to one that can be written`;
    throw new TapstakeError("node-start-failed", text, { folder }, { cause });
  }
}

/** A node is not ready while it does not listen, or while it warms up (code -28). */
async function isReady(rpc: ReturnType<typeof createRpc>): Promise<boolean> {
  try {
    await rpc.getblockchaininfo();
    return true;
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    if (error.code === "node-unreachable" || error.details["code"] === -28) return false;
    throw error;
  }
}

function startFailed(said: string, exitCode: number | null): TapstakeError {
  const why = said.trim() || `it ended with exit code ${exitCode}`;
  return new TapstakeError("node-start-failed", `bitcoind did not start: ${why}`, { said });
}

/** 401 comes from another node on the port: ours could not bind it and is about to end. */
function isPortTaken(error: unknown): boolean {
  if (!(error instanceof TapstakeError)) return false;
  return (
    (error.code === "node-start-failed" && /unable to (bind|start http server)/i.test(error.message)) ||
    (error.code === "node-error" && error.details["code"] === 401)
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
