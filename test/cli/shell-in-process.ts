import { existsSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterFile } from "../support/after-file.js";
import { inProcess } from "./in-process.js";
import { lineOnTerminal, type Outcome, shell, type Surroundings, temporaryFolder } from "./support.js";

interface AtTerminal extends Surroundings {
  /** What is typed at the questions of each command, by all that it said: it finds itself at a terminal. */
  readonly type?: (said: string) => string | undefined;
}

/**
 * Runs lines in a shell whose `tapstake` is this process: each call hands over its arguments, folder, umask, variables
 * and standard input, and prints what came of it. Where the system does not show a process's files, as on macOS, the
 * built command runs in their place.
 */
export async function shellInProcess(
  script: string,
  { type, ...surroundings }: AtTerminal = {},
): Promise<Outcome> {
  if (!existsSync("/proc/self/fd"))
    return type ? lineOnTerminal(script, surroundings, type) : shell(script, surroundings);
  server ??= listen();
  const { port } = (await server).address() as AddressInfo;
  const terminal = type ? `${terminals.push(type)}` : "";
  return shell(`${handOver(port, terminal)}\n${script}`, surroundings);
}

let server: Promise<Server> | undefined;

/** What is typed, for each shell with a terminal. */
const terminals: NonNullable<AtTerminal["type"]>[] = [];

const handOver = (port: number, terminal: string) => `
tapstake() {
  local connection code out err
  exec {connection}<>/dev/tcp/127.0.0.1/${port}
  { printf '%s\\0' "${terminal}" "$BASHPID" "$PWD" "$(umask)" "$#" "$@"; env -0; printf '\\0'; } >&$connection
  read -r -u $connection code out err
  exec {connection}>&-
  [ ! -s "$err" ] || cat "$err" >&2
  cat "$out"
  return "$code"
}`;

const listen = () =>
  new Promise<Server>((resolve, reject) => {
    afterFile(async () => {
      (await server)?.close();
      server = undefined;
    });
    const listening = createServer((socket) => void serve(socket)).on("error", reject);
    listening.listen(0, "127.0.0.1", () => resolve(listening));
  });

async function serve(socket: Socket): Promise<void> {
  socket.on("error", () => {});
  const asked = await readAsked(socket);
  const { code, stdout, stderr } = await answerTo(asked);
  const folder = temporaryFolder();
  const [out, err] = [join(folder, "out"), join(folder, "err")];
  writeFileSync(out, stdout);
  writeFileSync(err, stderr);
  socket.end(`${code} ${out} ${err}\n`);
}

interface Asked {
  /** The number of the shell's terminal, from 1; 0 without one. */
  readonly terminal: number;
  readonly pid: string;
  readonly cwd: string;
  readonly umask: number;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

async function readAsked(socket: Socket): Promise<Asked> {
  let text = "";
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += (chunk as Buffer).toString("latin1");
    const asked = parseAsked(text);
    if (asked) return asked;
  }
  throw new Error("the shell ended without a question");
}

/** Undefined while something is missing. */
function parseAsked(bytes: string): Asked | undefined {
  const words = Buffer.from(bytes, "latin1").toString("utf8").split("\0");
  const [terminal, pid, cwd, umask, count] = words;
  if (count === undefined) return undefined;
  const rest = words.slice(5 + Number(count));
  const end = rest.indexOf("");
  // What comes after the last NUL is no word.
  if (end === -1 || end === rest.length - 1) return undefined;
  const args = words.slice(5, 5 + Number(count));
  const variables = rest
    .slice(0, end)
    .map((line) => [line.split("=", 1)[0]!, line.slice(line.indexOf("=") + 1)]);
  const env = Object.fromEntries(variables) as Record<string, string>;
  const mask = Number.parseInt(umask!, 8);
  return { terminal: Number(terminal), pid: pid!, cwd: cwd!, umask: mask, args, env };
}

async function answerTo({ terminal, pid, args, ...surroundings }: Asked): Promise<Outcome> {
  const files = `/proc/${pid}/fd`;
  // What Bash passes as a file of its own, such as <(echo).
  const seen = args.map((each) => each.replace(/^\/dev\/fd(?=\/\d+$)/, files));
  const type = terminals[terminal - 1];
  if (type) {
    return inProcess(seen, { ...surroundings, onlyEnv: true, terminal: { columns: 100, type } });
  }
  // Before it is this command's turn: what it reads may come from another one. No command reads a socket here.
  const input = await readFile(`${files}/0`).catch(() => "");
  return inProcess(seen, { ...surroundings, input, onlyEnv: true });
}
