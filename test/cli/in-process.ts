import { syncBuiltinESMExports } from "node:module";
import { PassThrough, Readable, Writable } from "node:stream";
import { type Answer, type Outcome, type Surroundings, typing } from "./support.js";

interface Here extends Surroundings {
  /** The variables are all of the environment, and not more of it. */
  readonly onlyEnv?: boolean;
  readonly umask?: number;
  /** What is typed at a terminal of that many columns, by all that was said. It has standard output and error together. */
  readonly terminal?: { readonly columns: number; readonly type: (said: string) => string | undefined };
}

/**
 * As `onTerminal`, in the test's own process: its streams say that they are a terminal. What only a real one shows
 * (echo, signals of its keys) is not seen here.
 */
export function onTerminalHere(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  ...answers: readonly Answer[]
): Promise<Outcome> {
  const columns = Number(env["COLUMNS"] ?? 100);
  return inProcess(args, { env, terminal: { columns, type: typing(answers) } });
}

/**
 * Runs the command in the test's own process, from the sources: it sees other streams and variables, and
 * everything else is the process's. What only a process shows (signals, terminals, its end) is not seen here.
 */
export function inProcess(args: readonly string[], surroundings: Here = {}): Promise<Outcome> {
  // Streams, variables and folders belong to the whole process: tests at the same time take turns.
  const outcome = turn.then(() => runHere(args, surroundings));
  turn = outcome.catch(() => {});
  return outcome;
}

let turn: Promise<unknown> = Promise.resolve();

async function runHere(args: readonly string[], surroundings: Here): Promise<Outcome> {
  const { input = "", env = {}, onlyEnv = false, cwd, umask, terminal } = surroundings;
  const screen = terminal && new Terminal(terminal.columns, terminal.type);
  const [stdout, stderr] = [screen ?? new Captured(), screen ?? new Captured()];
  const given = {
    env: { ...(onlyEnv ? {} : process.env), NO_COLOR: "1", ...env },
    stdin: screen?.keyboard ?? Readable.from(input.length === 0 ? [] : [Buffer.from(input)]),
    stdout,
    stderr,
  };
  const names = Object.keys(given) as (keyof typeof given)[];
  const before = names.map((name) => [name, Object.getOwnPropertyDescriptor(process, name)!] as const);
  for (const name of names) {
    Object.defineProperty(process, name, { value: given[name], configurable: true, writable: true });
  }
  // Prompts import the streams by name.
  if (screen) syncBuiltinESMExports();
  const folder = process.cwd();
  const mask = umask === undefined ? undefined : process.umask(umask);
  try {
    if (cwd !== undefined) process.chdir(cwd);
    const { run } = await import("../../src/cli/run.js");
    const code = await run(args);
    return { code, stdout: stdout.text, stderr: screen ? "" : stderr.text };
  } finally {
    process.chdir(folder);
    if (mask !== undefined) process.umask(mask);
    for (const [name, descriptor] of before) Object.defineProperty(process, name, descriptor);
    if (screen) syncBuiltinESMExports();
  }
}

/** A stream that is no terminal. */
class Captured extends Writable {
  readonly #chunks: Buffer[] = [];

  get text(): string {
    return Buffer.concat(this.#chunks).toString("utf8");
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#chunks.push(chunk);
    this.wrote();
    done();
  }

  protected wrote(): void {}
}

/** A terminal's screen and its keyboard. */
class Terminal extends Captured {
  readonly isTTY = true;
  readonly rows = 30;
  readonly keyboard = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });

  constructor(
    public columns: number,
    private readonly type: (said: string) => string | undefined,
  ) {
    super();
  }

  protected override wrote(): void {
    const typed = this.type(this.text);
    // Whoever asks has yet to listen.
    if (typed !== undefined) setImmediate(() => this.keyboard.write(typed));
  }
}
