import { spawn } from "node:child_process";
import { utf8 } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { counted } from "../core/text.js";
import { passphraseBytes } from "../finality/keys/keyfile.js";
import { UsageError } from "./errors.js";

/** A person may have to touch a token, or confirm on a telephone. */
const SECONDS = 60;
const MAX_BYTES = 4096;
const MAX_SAID = 1 << 16;
const SHOWN = 200;

/**
 * The passphrase that a command prints: all bytes of its standard output, without one line feed (or carriage return and
 * line feed) at the end. No shell runs. A shell would hide the failure of all but the last command of a pipe, and an
 * empty passphrase would follow.
 *
 * The command gets no standard input, and an environment without tapstake's variables. The caller must wipe the result.
 * @param option the option's name, for messages
 * @param isForeign for a passphrase of the Go daemons: white space around it does not count, and it is not normalised
 * @throws TapstakeError `passphrase-command-failed`, `invalid-passphrase`; UsageError for a text that is no command
 */
export async function passphraseFrom(
  commandLine: string,
  option: string,
  { seconds = SECONDS, isForeign = false }: { seconds?: number; isForeign?: boolean | undefined } = {},
): Promise<Uint8Array> {
  const words = wordsOf(commandLine, option);
  const { output, ...ended } = await run(words, seconds * 1000);
  const failed = (why: string) => {
    const said = firstLine(ended.said, output);
    const text = `${words[0]} gave no passphrase: ${why}${said === "" ? "" : `. It said: ${said}`}`;
    return new TapstakeError("passphrase-command-failed", text, { command: words[0]! });
  };
  try {
    if (ended.failure !== undefined) throw failed(ended.failure);
    const line = withoutNewline(output);
    if (line.length === 0) throw failed("its standard output is empty");
    if (line.includes(LINE_FEED)) throw failed("its standard output has more than one line");
    return asPassphrase(line, isForeign) ?? raise(failed("its standard output is not UTF-8"));
  } finally {
    output.fill(0);
  }
}

/**
 * The words of a command line. White space separates them. Quotes of either kind keep it, and nothing else has a
 * meaning: no variable, no backslash, no pipe.
 * @throws UsageError
 */
export function wordsOf(commandLine: string, option: string): string[] {
  const words = commandLine.match(/(?:[^\s"']|"[^"]*"|'[^']*')+|["']/g) ?? [];
  if (words.length === 0) throw new UsageError(`${option} is empty: give a command`);
  // A quote alone is one that does not end.
  if (words.some((word) => word === '"' || word === "'")) {
    throw new UsageError(`${option} has a quote that does not end`);
  }
  return words.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, (_, double, single) => double ?? single));
}

interface Ended {
  readonly output: Buffer;
  readonly said: Buffer;
  /** Undefined if it ended with exit code 0. */
  readonly failure: string | undefined;
}

function run([program, ...args]: readonly string[], limit: number): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(program!, args, { env: withoutOwn(process.env), stdio: ["ignore", "pipe", "pipe"] });
    const output = Buffer.alloc(MAX_BYTES);
    let length = 0;
    let said = Buffer.alloc(0);
    const end = (failure: string | undefined) => {
      clearTimeout(timer);
      // A process that the command left behind may still have them open.
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ output: output.subarray(0, length), said, failure });
    };
    const kill = (failure: string) => {
      child.kill("SIGKILL");
      end(failure);
    };
    const timer = setTimeout(() => kill(`it did not end within ${limit / 1000} seconds`), limit);
    child.stdout.on("data", (part: Buffer) => {
      if (length + part.length > MAX_BYTES) kill(`it printed more than ${MAX_BYTES} bytes`);
      else length += part.copy(output, length);
      part.fill(0);
    });
    child.stderr.on("data", (part: Buffer) => {
      if (said.length < MAX_SAID) said = Buffer.concat([said, part]);
    });
    child.on("error", ({ code = "unknown error" }: NodeJS.ErrnoException) =>
      end(code === "ENOENT" ? "there is no such program" : `it cannot be started: ${code}`),
    );
    child.on("close", (code, signal) => end(failureOf(code, signal)));
  });
}

const failureOf = (code: number | null, signal: string | null): string | undefined =>
  code === 0 ? undefined : signal === null ? `it ended with exit code ${code}` : `${signal} ended it`;

/** Secrets that are given to tapstake are not for the command. */
const withoutOwn = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("TAPSTAKE_")));

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

function withoutNewline(output: Buffer): Buffer {
  if (output.at(-1) !== LINE_FEED) return output;
  return output.subarray(0, output.at(-2) === CARRIAGE_RETURN ? -2 : -1);
}

/** Undefined if it is not UTF-8. ASCII never becomes a text, which could not be wiped. */
function asPassphrase(line: Buffer, isForeign: boolean): Uint8Array | undefined {
  if (!isForeign && line.every((byte) => byte < 0x80)) return passphraseBytes(line);
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(line);
    return isForeign ? utf8(text.trim()) : passphraseBytes(text);
  } catch (error) {
    if (error instanceof TapstakeError) throw error;
    return undefined;
  }
}

/** The first line that the command wrote to standard error, without what it wrote to standard output. */
function firstLine(said: Buffer, output: Buffer): string {
  const secret = withoutNewline(output).toString("utf8").trim();
  const line = said.toString("utf8").trim().split(/\r?\n/, 1)[0]!.replace(/\p{C}/gu, "");
  const safe = secret === "" ? line : line.replaceAll(secret, "[passphrase]");
  return safe.length > SHOWN ? `${safe.slice(0, SHOWN)}… (${counted(safe.length, "character")})` : safe;
}

function raise(error: Error): never {
  throw error;
}
