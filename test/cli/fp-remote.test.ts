import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { adviceOf } from "../../src/core/error-codes.js";
import { openHome } from "../../src/finality/home.js";
import { createKey } from "../../src/finality/keys/keystore.js";
import { commitRandomness } from "../../src/finality/randomness/commit.js";
import { merkleProofFromJson, voteFromJson } from "../../src/vote/json.js";
import { verifyVote } from "../../src/vote/vote.js";
import { LIGHT } from "../support/home.js";
import { secretOf } from "../support/stake.js";
import {
  block,
  chain,
  expectDone,
  expectRefused,
  expectWrote,
  fp,
  homeWithKey,
  homeWithNewKey,
  named,
  passphrase,
  publicKey,
  secretKey,
  voteFor,
  type VoteJson,
  type Votes,
} from "./fp-support.js";
import { inProcess } from "./in-process.js";
import { type Outcome, parsed, temporaryFile, temporaryFolder } from "./support.js";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const hmac = "a key that callers share";
const committed = commitRandomness({ secretKey, chainId: chain, startHeight: 100n, count: 20 });

interface Daemon {
  readonly address: string;
  readonly pid: number;
  readonly home: string;
  stop(): Promise<number | null>;
}

/** A daemon with the key unlocked. */
async function startDaemon(
  more: readonly string[] = [],
  prepare?: (home: string) => Promise<unknown>,
): Promise<Daemon> {
  const home = homeWithKey();
  await prepare?.(home);
  const free = ["--address", "127.0.0.1:0", "--no-metrics", "--uncommitted", `${chain}=a test`];
  const args = ["fp", "serve", ...free, "--json", ...more];
  const child = spawn(process.execPath, [main, ...args, "--unlock", "validator-1"], {
    env: { ...process.env, TAPSTAKE_HOME: home, TAPSTAKE_PASSPHRASE: passphrase },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  let answer = "";
  for await (const line of createInterface({ input: child.stdout })) {
    answer += line;
    if (line === "}") break;
  }
  if (answer === "") throw new Error(`the daemon did not start: ${log}`);
  const { address } = JSON.parse(answer) as { address: string };
  return {
    address,
    pid: child.pid!,
    home,
    stop() {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

let daemon: Daemon;
beforeAll(async () => {
  daemon = await startDaemon(["--hmac-key-file", temporaryFile("hmac", `${hmac}\n`)]);
});
afterAll(() => daemon?.stop());

/** Asks the daemon from a machine that has neither the key nor its passphrase. */
const remote = (
  command: string,
  args: readonly string[],
  more: { key?: string; input?: string } = {},
): Promise<Outcome> =>
  inProcess(
    [
      "fp",
      command,
      "--key",
      publicKey,
      "--chain",
      chain,
      "--remote",
      daemon.address,
      ...args,
      "--json",
    ].concat("--hmac-key-file", temporaryFile("hmac", more.key ?? hmac)),
    {
      env: { TAPSTAKE_HOME: openHome(join(temporaryFolder(), "home")).path },
      ...(more.input !== undefined && { input: more.input }),
    },
  );

/** A daemon that nothing else asks, which ends with the test. */
async function ownDaemon(
  ...started: Parameters<typeof startDaemon>
): Promise<Daemon & { ask: typeof inProcess }> {
  const own = await startDaemon(...started);
  onTestFinished(async () => void (await own.stop()));
  const ask = ([command, ...args]: readonly string[]) =>
    inProcess(["fp", command!, "--remote", own.address, ...args], { env: { TAPSTAKE_HOME: own.home } });
  return { ...own, ask };
}

const counts = (json: VoteJson) => {
  const read = voteFromJson(JSON.stringify(json));
  return verifyVote(committed.commitment, read, committed.proof(read.height));
};

describe("with --remote, and a daemon on another home", () => {
  it("a key that has not begun is refused with the advice to stop the daemon first", async () => {
    const { ask, home, address } = await ownDaemon();
    const moved = { name: "moved", passphrase, secretKey: secretOf("another"), origin: "imported" } as const;
    createKey(openHome(home), { ...moved, scrypt: LIGHT });
    expectDone(await fp(home, ["unlock", "moved", "--remote", address]));
    const vote = ["vote", "--key", "moved", "--chain", chain, "--height", "1", "--hash", block(1)];
    expect(expectRefused(await ask(vote), "protection-uninitialised")).toContain(
      "Stop it first: while it runs, tapstake fp protection init and import are refused there",
    );
  });

  it("status reports a failed store of a running daemon, and what to do", async () => {
    const { ask, home } = await ownDaemon();
    expect(parsed(expectDone(await ask(["status", "--json"])))).toMatchObject({ health: "serving" });
    rmSync(join(home, "marks"));
    const vote = ["vote", "--key", "validator-1", "--chain", chain, "--height", "1", "--hash", block(1)];
    expectRefused(await ask(vote), "protection-replaced");
    const said = expectRefused(await ask(["status"]), "signer-unhealthy");
    for (const hint of ["log", "/healthz", "start it again"]) expect(said).toContain(hint);
  });

  it("a commitment is stored in the daemon's home, and its heights are proved there once it is stopped", async () => {
    const { ask, home, stop } = await ownDaemon();
    const commit = (start: number, count: number, ...more: string[]) =>
      ask(["commit", ...named, "--start", `${start}`, "--count", `${count}`, ...more]);
    const out = join(temporaryFolder(), "commitment.json");
    expectWrote(await commit(100, 20, "--out", out), out);
    expectDone(await commit(100, 20));
    const refused = expectRefused(await commit(110, 30), "commitment-overlap");
    for (const hint of ["100-119", "--allow-overlap"]) expect(refused).toContain(hint);
    const overlapping = await commit(110, 30, "--allow-overlap");
    expect({ code: overlapping.code, stderr: overlapping.stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(
        /^tapstake: warning: this commitment overlaps the signer's earlier commitment to 100-119\..*\n$/,
      ),
    });
    const asData = await commit(110, 30, "--allow-overlap", "--json");
    expect(JSON.parse(asData.stderr)).toMatchObject({
      warning: { code: "commitment-overlap", overlaps: "100-119" },
    });
    const proofOf = async (...more: string[]) => {
      const printed = expectDone(await fp(home, ["proof", ...named, "--height", "105", ...more])).stdout;
      return merkleProofFromJson(printed);
    };
    // From its file, while the daemon has the store.
    const meanwhile = await proofOf("--commitment", out);
    const missed = await fp(home, ["proof", ...named, "--height", "120", "--commitment", out]);
    expectRefused(missed, "no-commitment");
    expect(await stop()).toBe(0);
    const listed = parsed(await fp(home, ["commitments", ...named, "--json"]));
    expect(listed).toMatchObject({ subjects: [{ commitments: [{ startHeight: "100", count: 20 }] }] });
    const proof = await proofOf();
    expect(meanwhile).toEqual(proof);
    const [covered] = parsed<Votes>(expectDone(await voteFor(home, 105, block(1)))).votes;
    expect(verifyVote(committed.commitment, voteFromJson(JSON.stringify(covered!.vote)), proof)).toBe(true);
    const uncovered = await voteFor(home, 130, block(1));
    expect(JSON.parse(uncovered.stderr)).toMatchObject({
      warning: { code: "no-commitment", heights: ["130"] },
    });
  });
});

describe("with --remote, and a daemon whose chain has contexts and a minimum count", () => {
  const module = "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu";

  it("a shell without that configuration is refused with the reason", async () => {
    const here = homeWithKey();
    const set = (home: string, ...more: string[]) =>
      fp(home, ["chains", "set", chain, "--contexts", "v3", "--module-address", module, ...more]);
    const there = await ownDaemon([], (home) => set(home, "--min-count", "20"));
    const ask = ([command, ...args]: readonly string[]) =>
      fp(here, [command!, ...named, "--remote", there.address, ...args]);
    const commit = (count: number) => ask(["commit", "--start", "100", "--count", `${count}`]);
    const vote = (hash: string) => ask(["vote", "--height", "105", "--hash", hash]);
    expectRefused(await vote(block(1)), "context-mismatch");
    const batch = temporaryFile(
      "batch",
      JSON.stringify([
        { height: 105, hash: block(1) },
        { height: 106, hash: block(1) },
      ]),
    );
    expectRefused(await ask(["vote", "--batch", batch]), "context-mismatch");
    expect(expectRefused(await commit(20), "not-permitted")).toContain(
      "with no signing context: it started with another configuration",
    );
    expectDone(await set(here));
    const said = expectRefused(await commit(10), "not-permitted");
    expect(said).toContain("a commitment to 10 heights of bsn-1 with the signing context");
    expect(said).toContain("(more heights, or another signing context)");
    expectDone(await commit(20));
    expect(expectDone(await vote(block(2))).stdout).toContain("new");
  });
});

describe.concurrent("with --remote", () => {
  it("a vote is signed by the daemon, once per height", async () => {
    const args = (byte: number) => ["--height", "105", "--hash", block(byte)];
    const [first] = parsed<Votes>(expectDone(await remote("vote", args(1)))).votes;
    expect(first).toMatchObject({ height: "105", kind: "new" });
    expect(counts(first!.vote!)).toBe(true);
    const second = await remote("vote", args(2));
    expect(second.code).toBe(1);
    expect(JSON.parse(second.stderr)).toMatchObject({ error: { code: "double-vote" } });
    expect(parsed<Votes>(second).votes).toMatchObject([
      { height: "105", kind: "refused", code: "double-vote" },
    ]);
    const [again] = parsed<Votes>(expectDone(await remote("vote", args(1)))).votes;
    expect(again).toEqual({ ...first, kind: "same" });
  });

  it("PROTOCOL 11: randomness fetched by range misaligned a batch with a gap: every height has an answer, and each vote counts", async () => {
    const item = (height: number, byte: number) => ({ height, hash: block(byte) });
    const ask = (items: object[]) => remote("vote", ["--batch", "-"], { input: JSON.stringify(items) });
    const first = parsed<Votes>(expectDone(await ask([item(110, 1), item(107, 1), item(111, 1)])));
    expect(first.votes.map(({ height }) => height)).toEqual(["110", "107", "111"]);
    for (const { vote } of first.votes) expect(counts(vote!)).toBe(true);
    const second = await ask([item(110, 2), item(112, 1), item(107, 1)]);
    expect(second.code).toBe(1);
    expect(parsed<Votes>(second).votes.map(({ height, kind, code }) => [height, kind, code])).toEqual([
      ["110", "refused", "double-vote"],
      ["112", "new", undefined],
      ["107", "same", undefined],
    ]);
  });

  it("a commitment is derived and signed by the daemon", async () => {
    const out = join(temporaryFolder(), "commitment.json");
    const outcome = await remote("commit", ["--start", "100", "--count", "20", "--out", out]);
    expectWrote(outcome, out);
    const made = parsed(outcome);
    expect(made).toMatchObject({ finalityProvider: publicKey, startHeight: "100", lastHeight: "119" });
    expectDone(await inProcess(["fp", "verify-commit", out]));
  });

  it("status reports whether the daemon answers, and whether it accepts the HMAC key", async () => {
    const alone = await inProcess(["fp", "status", "--remote", daemon.address, "--json"]);
    expect(parsed(expectDone(alone))).toMatchObject({ address: daemon.address, answers: true });
    expect(parsed(expectDone(await remote("status", [])))).toMatchObject({ key: publicKey, unlocked: true });
    const stranger = await remote("status", [], { key: "another key than theirs" });
    expect(JSON.parse(stranger.stderr)).toMatchObject({ error: { code: "unauthenticated" } });
    const nobody = await inProcess(["fp", "status", "--remote", "127.0.0.1:1"]);
    expectRefused(nobody, "signer-unreachable");
  });

  it("requests without the HMAC key are refused", async () => {
    const outcome = await remote("vote", ["--height", "118", "--hash", block(1)], {
      key: "another key than theirs",
    });
    expect({ code: outcome.code, stdout: outcome.stdout }).toEqual({ code: 1, stdout: "" });
    expect(JSON.parse(outcome.stderr)).toMatchObject({ error: { code: "unauthenticated" } });
  });

  it("a short HMAC key gives a warning", async () => {
    const { stderr } = await remote("vote", ["--height", "118", "--hash", block(1)], {
      key: "15 characters..",
    });
    const { warning } = JSON.parse(stderr.split("\n")[0]!) as { warning: { message: string } };
    expect(warning.message).toMatch(/^the HMAC key has fewer than 16 bytes/);
    expect(stderr).not.toContain("15 characters..");
  });

  it("TAPSTAKE_REMOTE alone sends votes and commitments to the daemon, and signs nothing here", async () => {
    const home = homeWithNewKey();
    const env = { TAPSTAKE_REMOTE: daemon.address, TAPSTAKE_HMAC_KEY: hmac };
    const there = (height: number, more: readonly string[] = []) =>
      fp(home, ["vote", ...named, "--height", `${height}`, "--hash", block(1), "--json", ...more], { env });
    expectDone(await there(160));
    expectDone(await there(161, ["--remote"]));
    expectDone(await fp(home, ["commit", ...named, "--start", "900", "--count", "5", "--json"], { env }));
    for (const height of ["160", "161"]) {
      const again = await remote("vote", ["--height", height, "--hash", block(2)]);
      expect(parsed<Votes>(again).votes).toMatchObject([{ kind: "refused", code: "double-vote" }]);
    }
    expect(parsed(await fp(home, ["protection", "show", "--json"]))).toEqual({ subjects: [] });
    expect(parsed(await fp(home, ["commitments", "--json"]))).toEqual({ subjects: [] });
  });

  it.each([
    ["vote", ["--height", "1", "--hash", block(1)], "--passphrase-file"],
    ["commit", ["--start", "1", "--count", "1"], "--passphrase-file"],
    ["commit", ["--start", "1", "--count", "1", "--constant-time"], "--constant-time"],
  ])("%s refuses options for signing here while TAPSTAKE_REMOTE is set", async (command, args, option) => {
    const more = option === "--constant-time" ? [] : [option, "p"];
    const env = { TAPSTAKE_REMOTE: daemon.address };
    const said = expectRefused(
      await fp(homeWithKey(), [command, ...named, ...args, ...more], { env }),
      "usage",
    );
    for (const name of [option, "TAPSTAKE_REMOTE"]) expect(said).toContain(name);
  });

  it.each(["--hmac-key-file", "--tls-ca"])("%s without --remote is refused", async (option) => {
    const args = ["vote", ...named, "--height", "1", "--hash", block(1), option, "x"];
    expect(expectRefused(await fp(homeWithKey(), args), "usage")).toContain("--remote");
  });

  it("a refused height of a batch has the meaning of its code as its message", async () => {
    const of = (byte: number) => ({
      input: JSON.stringify([
        { height: 170, hash: block(byte) },
        { height: 170 + byte, hash: block(9) },
      ]),
    });
    expectDone(await remote("vote", ["--batch", "-"], of(1)));
    const { stderr } = await remote("vote", ["--batch", "-"], of(2));
    const { error } = JSON.parse(stderr) as { error: { message: string } };
    expect(error.message).toContain(adviceOf("double-vote").means);
  });

  it("a passphrase is refused as useless", async () => {
    const args = ["--height", "1", "--hash", block(1), "--passphrase-file", "p"];
    expect((await remote("vote", args)).code).toBe(2);
  });

  it("no height at or below the chain's last known vote is signed anew, in one vote or a batch", async () => {
    const known = ["--chain-height", "151"];
    const answersOf = (outcome: Outcome) =>
      parsed<Votes>(outcome).votes.map(({ height, kind, code }) => [height, kind, code]);
    const single = (height: number, more: readonly string[]) =>
      remote("vote", ["--height", `${height}`, "--hash", block(1), ...more]);
    expect(answersOf(expectDone(await single(150, [])))).toEqual([["150", "new", undefined]]);
    expect(answersOf(await single(151, known))).toEqual([["151", "refused", "at-or-below-chain-height"]]);
    expect(answersOf(expectDone(await single(150, known)))).toEqual([["150", "same", undefined]]);
    const input = JSON.stringify([150, 151, 152].map((height) => ({ height, hash: block(1) })));
    const batch = await remote("vote", ["--batch", "-", ...known], { input });
    expect(batch.code).toBe(1);
    expect(answersOf(batch)).toEqual([
      ["150", "same", undefined],
      ["151", "refused", "at-or-below-chain-height"],
      ["152", "new", undefined],
    ]);
    // It was said for these calls only.
    expect(answersOf(expectDone(await single(151, [])))).toEqual([["151", "new", undefined]]);
  });

  it.each([
    ["vote", "--key", "validator-1", "--chain", chain, "--height", "1", "--hash", block(1)],
    ["proof", "--key", "validator-1", "--chain", chain, "--height", "1"],
    ["protection", "init", "--key", "validator-1", "--chain", chain, "--from-height", "1", "--yes"],
  ])("%s on the daemon's home is refused, with the daemon's name and what to do", async (...args) => {
    const said = expectRefused(await inProcess(["fp", ...args, "--home", daemon.home]), "signer-running");
    expect(said).toContain(`process ${daemon.pid}`);
    expect(said).toContain("fp serve");
    expect(said).toContain("--remote (tapstake fp vote, commit, unlock and status)");
    expect(said).toContain("or --commitment (tapstake fp proof)");
    expect(said).toContain(
      `stop the service (systemctl stop <its unit>), as systemd would start it again; else kill ${daemon.pid}.`,
    );
  });

  it("a key that the daemon may have open cannot be deleted", async () => {
    const args = ["fp", "keys", "delete", "validator-1", "--yes", "--home", daemon.home];
    const outcome = await inProcess(args, { env: { TAPSTAKE_PASSPHRASE: passphrase } });
    expect(expectRefused(outcome, "signer-running")).toContain(`process ${daemon.pid}`);
    const shown = await inProcess(["fp", "keys", "show", "validator-1", "--home", daemon.home, "--json"]);
    expect(parsed(expectDone(shown))).toMatchObject({ publicKey });
  });
});
