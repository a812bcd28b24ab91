import { Readable, Writable } from "node:stream";
import type { Outcome, Surroundings } from "./support.js";

interface Here extends Surroundings {
  /** The variables are all of the environment, and not more of it. */
  readonly onlyEnv?: boolean;
  readonly umask?: number;
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
  const { input = "", env = {}, onlyEnv = false, cwd, umask } = surroundings;
  const [stdout, stderr] = [new Captured(), new Captured()];
  const given = {
    env: { ...(onlyEnv ? {} : process.env), NO_COLOR: "1", ...env },
    stdin: Readable.from(input.length === 0 ? [] : [Buffer.from(input)]),
    stdout,
    stderr,
  };
  const names = Object.keys(given) as (keyof typeof given)[];
  const before = names.map((name) => [name, Object.getOwnPropertyDescriptor(process, name)!] as const);
  for (const name of names) {
    Object.defineProperty(process, name, { value: given[name], configurable: true, writable: true });
  }
  const folder = process.cwd();
  const mask = umask === undefined ? undefined : process.umask(umask);
  try {
    if (cwd !== undefined) process.chdir(cwd);
    const { run } = await import("../../src/cli/run.js");
    const code = await run(args);
    return { code, stdout: stdout.text, stderr: stderr.text };
  } finally {
    process.chdir(folder);
    if (mask !== undefined) process.umask(mask);
    for (const [name, descriptor] of before) Object.defineProperty(process, name, descriptor);
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
    done();
  }
}
