import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { expect, onTestFinished } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { type Home, openHome } from "../../src/finality/home.js";
import { createKey, type KeyInfo } from "../../src/finality/keys/keystore.js";
import { openProtection } from "../../src/finality/protection/protection.js";
import { covers } from "../../src/finality/protection/store.js";
import { createEotsClient, type EotsClient, type EotsClientOptions } from "../../src/signer-client/client.js";
import type { Method } from "../../src/signer-client/wire.js";
import { AnonymousLog } from "../../src/signerd/anonymous-log.js";
import { AnonymousCalls, LIMITS } from "../../src/signerd/connections.js";
import type { Handlers } from "../../src/signerd/handlers.js";
import { createLog } from "../../src/signerd/log.js";
import { createMetrics } from "../../src/signerd/metrics.js";
import { type RunningSigner, serve, type ServeOptions } from "../../src/signerd/serve.js";
import { eotsHandlers } from "../../src/signerd/service.js";
import { voteMessage } from "../../src/vote/messages.js";
import { afterFile } from "../support/after-file.js";
import { eventually } from "../support/eventually.js";

export const CHAIN = "bbn-test";
/** The chains of the tests that need no commitments. */
const CHAINS = [CHAIN, "bsn-1", "chain-a", "chain-b", "another", "old", "third"];
export const PASSPHRASE = "correct horse battery staple";
export const HMAC_KEY = "what both of them know";
const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export const text = (message: string): Uint8Array => new TextEncoder().encode(message);

/** The message of a vote at a height for a block that has a name. */
export const ballot = (height: bigint, block = "a"): Uint8Array =>
  voteMessage({ height, appHash: sha256(text(block)) });

export interface TestHome {
  readonly home: Home;
  readonly key: KeyInfo;
  readonly secretKey: Uint8Array;
}

/** A home with one key, which may vote on some chains from height 0. Its passphrase is quick to try. */
export function homeWithKey(
  secretKey: Uint8Array = crypto.getRandomValues(new Uint8Array(32)),
  chains: readonly string[] = [CHAIN],
  folder: string = newFolder(),
): TestHome {
  const home = openHome(join(folder, "home"));
  const key = addKey(home, "validator-1", secretKey);
  const protection = openProtection(home);
  for (const chain of chains) protection.init(key.publicKey, chain, 0n);
  protection.close();
  return { home, key, secretKey };
}

/** Has the home know a commitment to some heights, whose root and signature do not matter. */
export function knowCommitment(
  home: Home,
  key: Uint8Array,
  chain: string,
  startHeight: bigint,
  count = 1,
): void {
  const protection = openProtection(home);
  const [root, signature] = [new Uint8Array(32), new Uint8Array(64)];
  if (!protection.committed(key, chain).some((range) => covers(range, startHeight)))
    protection.addCommitment(key, chain, { startHeight, count, root, signature, subtrees: null });
  protection.close();
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "tapstake-signerd-"));
  afterFile(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function addKey(home: Home, name: string, secretKey: Uint8Array): KeyInfo {
  const scrypt = { n: 16, r: 1, p: 1 };
  return createKey(home, { name, passphrase: PASSPHRASE, secretKey, origin: "imported", scrypt });
}

export interface TestSigner extends RunningSigner {
  /** What was logged, as text. */
  readonly logged: () => string;
}

/** A signer within this process, on a free port, with its key open; it ends with the test. */
export async function startSigner(
  { home, key }: TestHome,
  options: Partial<ServeOptions> = {},
): Promise<TestSigner> {
  let logged = "";
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      logged += chunk.toString();
      done();
    },
  });
  const signer = await serve({
    home,
    address: "127.0.0.1:0",
    metricsAddress: "127.0.0.1:0",
    unlock: [{ key: key.name, passphrase: PASSPHRASE }],
    // Most tests are of something else than the heights of votes.
    uncommitted: new Map(CHAINS.map((chain) => [chain, "a test of something else"])),
    log: createLog("debug", sink),
    ...options,
  });
  onTestFinished(() => signer.stop());
  return { ...signer, logged: () => logged };
}

export interface DaemonProcess {
  readonly address: string;
  readonly metricsAddress: string;
  readonly pid: number;
  readonly logged: () => string;
  kill(signal: NodeJS.Signals): void;
  /** Closes the reading end of its standard error. */
  closeLog(): void;
  /** The code or signal by which it ends. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

interface DaemonOptions {
  readonly locked?: boolean;
  /** Names of further keys to unlock. */
  readonly unlock?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** When it ends: with the test, if it is not said. */
  readonly end?: (work: () => Promise<void>) => void;
}

/** `tapstake fp serve` as a process of its own, with its key open; it ends with the test. */
export async function startDaemon(
  { home, key }: { readonly home: { readonly path: string }; readonly key: { readonly name: string } },
  args: readonly string[] = [],
  {
    locked = false,
    unlock: others = [],
    env: more = {},
    cwd = process.cwd(),
    end = onTestFinished,
  }: DaemonOptions = {},
): Promise<DaemonProcess> {
  if (!existsSync(main)) throw new Error("the command is not built: npm run build");
  const free = ["--address", "127.0.0.1:0", "--metrics-address", "127.0.0.1:0"];
  const unlock = locked ? [] : ["--unlock", key.name, ...others];
  const uncommitted = CHAINS.flatMap((chain) => ["--uncommitted", `${chain}=a test of something else`]);
  const own = [...unlock, ...free, ...uncommitted];
  const command = [main, "fp", "serve", "--json", "--home", home.path, ...own, ...args];
  const env = { ...process.env, TAPSTAKE_PASSPHRASE: PASSPHRASE, ...more };
  const child = spawn(process.execPath, command, { env, cwd, stdio: ["ignore", "pipe", "pipe"] });
  let logged = "";
  child.stderr.setEncoding("utf8").on("data", (part: string) => (logged += part));
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal }));
  });
  end(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  let answer = "";
  for await (const line of createInterface(child.stdout)) {
    answer += line;
    if (line === "}") break;
  }
  child.stdout.resume();
  if (answer === "") throw new Error(`the signer did not start: ${logged}`);
  const { address, metricsAddress } = JSON.parse(answer) as { address: string; metricsAddress: string };
  const kill = (signal: NodeJS.Signals) => void child.kill(signal);
  const closeLog = () => void child.stderr.destroy();
  return { address, metricsAddress, pid: child.pid!, logged: () => logged, kill, closeLog, ended };
}

/** A client that is closed with the test. */
export function connect(address: string, options: EotsClientOptions = {}): EotsClient {
  const client = createEotsClient({ address, timeout: 600_000, ...options });
  onTestFinished(() => client.close());
  return client;
}

/** One call of the service itself, without a network: `peer` is where gRPC says that the call is from. */
export function callService(
  parts: Partial<Parameters<typeof eotsHandlers>[0]>,
  method: Method,
  request: Uint8Array,
  peer = "127.0.0.1:4000",
): Promise<Partial<ServiceError> | null> {
  const log = parts.log ?? createLog("silent", { write: () => {} });
  const handlers = eotsHandlers({
    handlers: {} as Handlers,
    hmacKey: undefined,
    encrypted: false,
    metrics: createMetrics({ up: () => true, unlockedKeys: () => 0 }),
    stopping: () => false,
    log,
    anonymousLog: new AnonymousLog(log),
    anonymousCalls: new AnonymousCalls(LIMITS),
    ...parts,
  });
  const metadata = new Metadata();
  const call = { request: Buffer.from(request), metadata, cancelled: false };
  return new Promise((resolve) =>
    handlers[method]({ ...call, getPeer: () => peer, prove: () => {} }, resolve),
  );
}

export interface RawAnswer {
  readonly status: string;
  readonly details: string;
  readonly bytes: string | undefined;
  readonly trailer: Record<string, string>;
}

/** One call with bytes and metadata as they are, without any of the client's own code. */
export function rawCall(
  address: string,
  path: string,
  bytes: Uint8Array,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): Promise<RawAnswer> {
  const client = new Client(address, credentials.createInsecure());
  const metadata = new Metadata();
  for (const [name, values] of Object.entries(headers)) {
    for (const value of [values].flat()) metadata.add(name, value);
  }
  const asIs = (each: Uint8Array) => Buffer.from(each);
  return new Promise((resolve) => {
    let reply: Buffer | undefined;
    client
      .makeUnaryRequest(
        path,
        asIs,
        (each: Buffer) => each,
        bytes,
        metadata,
        (_error: ServiceError | null, value?: Buffer) => (reply = value),
      )
      .on("status", (end) => {
        client.close();
        const trailer = Object.fromEntries(
          Object.entries(end.metadata.getMap()).map(([name, value]) => [name, value.toString()]),
        );
        const got = reply && hex.encode(reply);
        resolve({ status: status[end.code]!, details: end.details, bytes: got, trailer });
      });
  });
}

/** Waits until some votes of a batch were signed, on a signer that has signed nothing else. */
export function untilBatchBegan(metricsAddress: string): Promise<void> {
  return eventually(async () => {
    const metrics = await readMetrics(metricsAddress);
    expect(metrics.get('tapstake_signatures_total{outcome="new",code=""}')).toBeGreaterThan(0);
  });
}

/** The metrics page as `name{labels}` → value; fails on a line that is not Prometheus' text format. */
export async function readMetrics(address: string): Promise<Map<string, number>> {
  const page = await (await fetch(`http://${address}/metrics`)).text();
  const samples = page
    .split("\n")
    .filter((line) => line !== "" && !/^# (HELP|TYPE) tapstake_\w+ /.test(line));
  return new Map(
    samples.map((line) => {
      const match = /^(tapstake_[a-z_]+(?:\{(?:\w+="[^"\\]*",?)*\})?) (\S+)$/.exec(line);
      if (!match || Number.isNaN(Number(match[2]))) throw new Error(`not a sample: ${line}`);
      return [match[1]!, Number(match[2])];
    }),
  );
}
