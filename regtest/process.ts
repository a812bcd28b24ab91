import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRpc, type RpcOptions } from "../src/chain/index.js";
import { TapstakeError } from "../src/core/errors.js";
import { freePorts } from "./ports.js";
import { waitFor } from "./wait.js";

/** A bitcoind, its folder, and how to end both. */
export interface NodeProcess {
  readonly connection: RpcOptions;
  /** Where it listens for other nodes, for example `127.0.0.1:23456`. */
  readonly p2p: string;
  /** Holds `data`, bitcoind's datadir, and what else belongs to the node; it goes with the node. */
  readonly folder: string;
  isRunning(): boolean;
  /** Ends bitcoind and keeps its data: in order, or with `kill` as a power cut does (SIGKILL). */
  halt(options?: { readonly kill?: boolean }): Promise<void>;
  /** Starts bitcoind again on its data and ports, with more flags. @throws TapstakeError `node-start-failed` */
  start(args?: readonly string[]): Promise<void>;
  /** Ends the node and removes its folder. */
  stop(): Promise<void>;
}

/** How a process is started. */
export interface ProcessOptions {
  /** Flags beside those that every node has, asked for at each start. */
  readonly args: () => readonly string[];
  /** The longest wait for bitcoind's first answer, in milliseconds. */
  readonly deadline: number;
  /** A datadir whose copy the node begins with. */
  readonly from?: string | undefined;
}

/** Another process may take a port between our check and bitcoind's bind: then other ports are tried. */
const PORT_ATTEMPTS = 5;
/** The longest wait for a bitcoind that ends in order, in milliseconds. */
const HALT_DEADLINE = 120_000;

/**
 * Starts bitcoind on free ports with a folder of its own.
 * @throws TapstakeError `node-start-failed`, with bitcoind's own words, or if no folder can be made; `wait-timeout`
 */
export async function startProcess(bitcoind: string, options: ProcessOptions): Promise<NodeProcess> {
  for (let attempt = 1; ; attempt++) {
    const [rpc, p2p, onion] = (await freePorts(3)) as [number, number, number];
    const folder = await createFolder(options.from);
    const process = createProcess(bitcoind, { ...options, rpc, p2p, onion, folder });
    try {
      await process.start();
      return process;
    } catch (error) {
      await process.stop();
      if (attempt === PORT_ATTEMPTS || !isPortTaken(error)) throw error;
    }
  }
}

/**
 * The shell between us and bitcoind. Its standard input is a pipe that closes when this process ends, even by kill -9:
 * then it kills bitcoind and removes the folder. While bitcoind runs, each line is the name of a signal for it. When
 * bitcoind has ended, the shell says so, and a line lets it go without removing anything. `read` is a builtin: no third
 * process is left over.
 */
const SUPERVISOR = `
bitcoind=$1 folder=$2
shift 2
exec 3<&0 </dev/null
"$bitcoind" "-datadir=$folder/data" "$@" 3<&- >/dev/null &
node=$!
{ while read -r signal <&3; do kill -s "$signal" "$node"; done; kill -s KILL "$node"; } 2>/dev/null >/dev/null &
watcher=$!
wait "$node" 2>/dev/null
status=$?
kill "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
trap '' PIPE
echo "$status" 2>/dev/null
read -r _ <&3 || rm -rf "$folder"
exit 0
`;

/** One run of bitcoind, and the shell that removes the folder if this process ends. */
interface Run {
  readonly shell: ChildProcess;
  /** bitcoind's exit code, once it has ended. */
  status: number | undefined;
  said: string;
  readonly closed: Promise<unknown>;
}

interface Ports {
  readonly rpc: number;
  readonly p2p: number;
  /** Without it, some versions bind the same port in each node. */
  readonly onion: number;
}

function createProcess(
  bitcoind: string,
  { args, deadline, rpc, p2p, onion, folder }: ProcessOptions & Ports & { readonly folder: string },
): NodeProcess {
  const connection = {
    url: `http://127.0.0.1:${rpc}`,
    cookieFile: join(folder, "data/regtest/.cookie"),
  };
  const binds = [`-bind=127.0.0.1:${p2p}`, `-bind=127.0.0.1:${onion}=onion`];
  const flags = [...BASE_FLAGS, ...binds, `-rpcport=${rpc}`];
  const asked = createRpc({ ...connection, timeout: 5_000 });
  let run: Run | undefined;
  let stopping: Promise<void> | undefined;

  const isRunning = () => run !== undefined && run.status === undefined;
  const start: NodeProcess["start"] = async (more = []) => {
    if (stopping)
      throw new TapstakeError("node-start-failed", "the node is stopped, and its data is removed");
    if (isRunning()) return;
    const before = run;
    // Left by a bitcoind that was killed: its successor must not be asked with it.
    await rm(connection.cookieFile, { force: true });
    const next = launch(bitcoind, folder, [...flags, ...args(), ...more]);
    run = next;
    try {
      await waitFor(() => assertAlive(next) && isReady(asked), { deadline, what: "bitcoind to answer" });
    } catch (error) {
      // The folder outlives a start that fails, if there was a run before.
      run = before;
      await release(next, before !== undefined);
      throw next.status === undefined || isTimeout(error) ? error : startFailed(next);
    }
    if (before) await release(before, true);
  };
  return {
    connection,
    p2p: `127.0.0.1:${p2p}`,
    folder,
    isRunning,
    start,
    async halt({ kill = false } = {}) {
      const current = run;
      if (!current || current.status !== undefined) return;
      current.shell.stdin!.write(kill ? "KILL\n" : "TERM\n");
      await waitFor(() => current.status !== undefined, { deadline: HALT_DEADLINE, what: "bitcoind to end" });
    },
    stop: () =>
      (stopping ??= (async () => {
        if (run) await release(run, false);
        await rm(folder, { recursive: true, force: true });
      })()),
  };
}

const BASE_FLAGS = [
  "-regtest",
  "-printtoconsole=0",
  "-listen=1",
  "-listenonion=0",
  "-natpmp=0",
  "-discover=0",
  // The tests' own nodes: what one of them has, the others get at once.
  "-whitelist=noban,relay,in,out@127.0.0.1",
  "-fallbackfee=0.0001",
  "-changetype=bech32",
  "-txindex=1",
  // bitcoind's own 1000 keys for each of eight descriptors are most of the time that a node takes to start.
  "-keypool=100",
  "-rpcbind=127.0.0.1",
  "-rpcallowip=127.0.0.1",
];

function launch(bitcoind: string, folder: string, flags: readonly string[]): Run {
  // A process group of its own: Ctrl-C in the terminal must not end the supervisor before it has cleaned up.
  const shell = spawn("/bin/sh", ["-c", SUPERVISOR, "supervisor", bitcoind, folder, ...flags], {
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const run: Run = { shell, status: undefined, said: "", closed: once(shell, "close") };
  shell.stdout.setEncoding("utf8").on("data", (line: string) => (run.status = Number(line)));
  shell.stderr.setEncoding("utf8").on("data", (text: string) => (run.said = (run.said + text).slice(-4000)));
  // The shell may be gone when it is written to.
  shell.stdin.on("error", () => {});
  // A node that is not stopped must not keep the program alive; it ends with the program.
  holdProgram(run, false);
  return run;
}

/** Lets the shell of a run end. It kills a bitcoind that still runs, and removes the folder unless that is kept. */
async function release(run: Run, keep: boolean): Promise<void> {
  const { shell } = run;
  holdProgram(run, true);
  if (keep) {
    if (run.status === undefined) shell.stdin!.write("KILL\n");
    await waitFor(() => run.status !== undefined, { deadline: HALT_DEADLINE, what: "bitcoind to end" });
    shell.stdin!.end("keep\n");
  } else {
    shell.stdin!.destroy();
  }
  await run.closed;
}

function holdProgram({ shell }: Run, hold: boolean): void {
  for (const each of [shell, shell.stdin, shell.stdout, shell.stderr]) {
    const handle = each as unknown as { ref(): void; unref(): void };
    if (hold) handle.ref();
    else handle.unref();
  }
}

async function createFolder(from: string | undefined): Promise<string> {
  const parent = tmpdir();
  try {
    const folder = await mkdtemp(join(parent, "tapstake-regtest-"));
    if (from === undefined) await mkdir(join(folder, "data"));
    else await cp(from, join(folder, "data"), { recursive: true });
    return folder;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const text = `cannot make a folder for the node in ${parent} (${code}): set TMPDIR to one that can be written`;
    throw new TapstakeError("node-start-failed", text, { folder: parent }, { cause });
  }
}

function assertAlive(run: Run): true {
  if (run.status !== undefined || run.shell.exitCode !== null || run.shell.signalCode !== null) {
    throw startFailed(run);
  }
  return true;
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

const isTimeout = (error: unknown): boolean =>
  error instanceof TapstakeError && error.code === "wait-timeout";

function startFailed({ said, status }: Run): TapstakeError {
  const why = said.trim() || `it ended with exit code ${status}`;
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
