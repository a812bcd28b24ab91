import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { status } from "../../src/cli/commands/fp/status.js";
import { hex } from "../../src/core/bytes.js";
import { setChain } from "../../src/finality/chains.js";
import { inProcess } from "../cli/in-process.js";
import { examplesOf, hasBash, shell, temporaryFile, temporaryFolder } from "../cli/support.js";
import {
  ballot,
  CHAIN,
  connect,
  HMAC_KEY,
  homeWithKey,
  knowCommitment,
  PASSPHRASE,
  startDaemon,
} from "./support.js";

/** For what is refused before anything runs. */
const serve = (home: string, args: readonly string[], env = {}) =>
  inProcess(["fp", "serve", "--home", home, "--address", "127.0.0.1:0", "--no-metrics", ...args], { env });

/** What a daemon logged, but for the warning of every daemon of these tests. */
const withoutUncommitted = (logged: string) => logged.replace(/^.*"--uncommitted.*\n/gm, "");

/** A program that starts many signers must not gather them. */
const listeners = () => ["exit", "SIGHUP", "SIGINT", "SIGTERM"].map((name) => process.listenerCount(name));

describe("tapstake fp serve", () => {
  it("is explained by its help and by the topic signer", async () => {
    const outcomes = [await inProcess(["fp", "serve", "--help"]), await inProcess(["help", "signer"])];
    expect(outcomes).toMatchObject([{ code: 0 }, { code: 0 }]);
    const said = outcomes.map(({ stdout }) => stdout).join("");
    for (const word of [
      "--unlock",
      "--hmac-key-file",
      "--open-schnorr",
      "--open-messages",
      "UnsafeSignEOTS",
      "/healthz",
    ]) {
      expect(said).toContain(word);
    }
  });

  it.skipIf(!hasBash)("has examples that run as they stand", async () => {
    const example = examplesOf((await inProcess(["fp", "serve", "--help"])).stdout);
    expect(example).toBe("tapstake fp serve --unlock validator-1");
    const cwd = temporaryFolder();
    // On a free port, and asked to stop once it has said where it is.
    const lines = `tapstake fp keys new validator-1
      exec {said}< <(exec ${example} --address 127.0.0.1:0 --no-metrics)
      signer=$!
      read -r line <&$said
      echo "$line"
      kill $signer
      wait $signer`;
    const env = { HOME: cwd, TAPSTAKE_PASSPHRASE: "correct horse battery staple" };
    const { code, stdout, stderr } = await shell(lines, { cwd, env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/"msg":"stopped"\}\n$/) });
    expect(stdout).toMatch(/^serving on 127\.0\.0\.1:\d+$/m);
  });

  it.each<[string, string[], number, RegExp]>([
    ["an address for all", ["--address", "0.0.0.0:0"], 1, /^tapstake: insecure-address: /],
    [
      "no address",
      ["--address", "localhost"],
      2,
      /^tapstake: usage: --address must be host:port .*localhost/,
    ],
    [
      "a port above the highest",
      ["--address", "127.0.0.1:99999"],
      2,
      /^tapstake: usage: --address must be host:port .*127\.0\.0\.1:99999/,
    ],
    ["a wrong passphrase", ["--unlock", "validator-1"], 1, /^tapstake: wrong-passphrase: /],
    ["an unknown key", ["--unlock", "other"], 1, /^tapstake: key-not-found: /],
    [
      "a certificate without its key",
      ["--tls-cert", "a"],
      2,
      /^tapstake: usage: TLS needs --tls-cert and --tls-key/,
    ],
    ["no certificate", ["--tls-cert", "a", "--tls-key", "b"], 1, /^tapstake: file-error: /],
    ["an address for no page", ["--metrics-address", "127.0.0.1:0"], 2, /^tapstake: usage: .*--no-metrics/],
    ["a passphrase for nothing", ["--passphrase-file", "a"], 2, /^tapstake: usage: --passphrase-file is for/],
  ])("refuses %s, and says only what to do", async (_what, args, exit, message) => {
    const { home } = homeWithKey();
    const before = listeners();
    const { code, stdout, stderr } = await serve(home.path, args, { TAPSTAKE_PASSPHRASE: "wrong" });
    expect({ code, stdout }).toEqual({ code: exit, stdout: "" });
    expect(listeners()).toEqual(before);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^.*\n(Do: .*\n)?(More: .*\n)?$/);
  });

  it("reads the HMAC key from a file or the environment, and refuses an empty one", async () => {
    const made = homeWithKey();
    const file = temporaryFile("hmac-key", `${HMAC_KEY}\n`);
    const daemon = await startDaemon(made, ["--hmac-key-file", file]);
    const vote = { key: made.key.publicKey, chainId: CHAIN, height: 1n, message: ballot(1n) };
    await expect(connect(daemon.address).signEots(vote)).rejects.toMatchObject({ code: "unauthenticated" });
    await connect(daemon.address, { hmacKey: HMAC_KEY }).signEots(vote);
    const { code, stderr } = await serve(homeWithKey().home.path, [], { TAPSTAKE_HMAC_KEY: "" });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^tapstake: unauthenticated: /),
    });
  });

  it("names the file, or the variable, of an HMAC key that is too short for other machines", async () => {
    const { path } = homeWithKey().home;
    const file = temporaryFile("hmac-key", "short\n");
    const open = ["--address", "0.0.0.0:0"];
    const fromFile = await serve(path, [...open, "--hmac-key-file", file]);
    expect(fromFile.code).toBe(1);
    expect(fromFile.stderr).toMatch(/^tapstake: insecure-address: /m);
    expect(fromFile.stderr).toContain(`the HMAC key (--hmac-key-file ${file}) must have 16 bytes or more`);
    const fromVariable = await serve(path, open, { TAPSTAKE_HMAC_KEY: "short" });
    expect(fromVariable.code).toBe(1);
    expect(fromVariable.stderr).toContain("the HMAC key (TAPSTAKE_HMAC_KEY) must have 16 bytes or more");
  });

  it("signs nothing anew at or below the last vote known on each chain", async () => {
    const made = homeWithKey(undefined, [CHAIN, "odd=id", "third"]);
    knowCommitment(made.home, made.key.publicKey, "odd=id", 0n, 10);
    setChain(made.home, "configured", { minCount: 1 });
    const heights = [`${CHAIN}=50`, "odd=id=7", "configured=1"].flatMap((each) => ["--chain-height", each]);
    const daemon = await startDaemon(made, heights);
    const client = connect(daemon.address);
    const ask = (chainId: string, height: bigint) =>
      client.signEots({ key: made.key.publicKey, chainId, height, message: ballot(height) });
    for (const [chainId, last] of [
      [CHAIN, 50n],
      ["odd=id", 7n],
    ] as const) {
      await expect(ask(chainId, last)).rejects.toMatchObject({ code: "at-or-below-chain-height" });
      await expect(ask(chainId, last + 1n)).resolves.toMatchObject({ outcome: "new" });
    }
    await expect(ask("third", 1n)).resolves.toMatchObject({ outcome: "new" });
    daemon.kill("SIGTERM");
    await daemon.ended;
    // Each of these chains has a record here, or is configured.
    const warnings = daemon
      .logged()
      .split("\n")
      .filter((line) => line.includes('"level":"warn"'));
    expect(warnings.filter((line) => !/"--uncommitted|"height":/.test(line))).toEqual([]);
  });

  it("warns of a last vote on a chain without any record: its name may be mistyped", async () => {
    const made = homeWithKey();
    setChain(made.home, "configured", { minCount: 1 });
    const heights = [`${CHAIN}=50`, "configured=1", `${CHAIN.toUpperCase()}=50`];
    const mistyped = heights.flatMap((each) => ["--chain-height", each]);
    const warning = `chain "${CHAIN.toUpperCase()}" is neither configured nor known here`;
    const stopped = async (args: readonly string[]) => {
      const daemon = await startDaemon(made, args);
      daemon.kill("SIGTERM");
      await daemon.ended;
      return withoutUncommitted(daemon.logged());
    };
    const logged = (await stopped(mistyped)).split("\n").filter((line) => line.includes('"level":"warn"'));
    expect(logged.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      expect.stringContaining(warning),
    ]);
    const file = join(made.home.path, "log");
    expect(JSON.parse(await stopped([...mistyped, "--log-file", file]))).toMatchObject({
      warning: { code: "unknown-chain", message: expect.stringContaining(warning) as string },
    });
    expect(readFileSync(file, "utf8")).toContain('"level":"warn"');
    expect(await stopped([...mistyped, "--log-level", "error"])).toContain(
      JSON.stringify(warning).slice(1, -1),
    );
  });

  it.each([
    [2, "usage", ["--chain-height", CHAIN]],
    [2, "usage", ["--chain-height", `${CHAIN}=`]],
    [2, "usage", ["--chain-height", `${CHAIN}=-1`]],
    [2, "usage", ["--chain-height", `${CHAIN}=1`, "--chain-height", `${CHAIN}=2`]],
    [1, "invalid-chain-id", ["--chain-height", "=1"]],
  ])("refuses with %i and %s an invalid height of a chain: %j", async (exit, error, args) => {
    const { code, stdout, stderr } = await serve(homeWithKey().home.path, args);
    expect({ code, stdout }).toEqual({ code: exit, stdout: "" });
    expect(stderr).toMatch(new RegExp(`^tapstake: ${error}: `));
  });
});

describe("tapstake fp unlock", () => {
  it("refuses a wrong address of its metrics as wrong usage", async () => {
    const args = ["--home", homeWithKey().home.path, "--metrics-address", "localhost"];
    const { code, stderr } = await inProcess(["fp", "serve", ...args]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^tapstake: usage: --metrics-address must be host:port .*, not localhost/);
  });

  it("says that a key of --unlock is unknown before it asks for a passphrase", async () => {
    const { home } = homeWithKey();
    const { code, stderr } = await serve(home.path, ["--unlock", "nope"], {});
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tapstake: key-not-found: .*nope/);
  });

  it("opens a key of a running signer", async () => {
    const made = homeWithKey();
    const hmac = temporaryFile("hmac-key", HMAC_KEY);
    const daemon = await startDaemon(made, ["--hmac-key-file", hmac], { locked: true });
    const key = hex.encode(made.key.publicKey);
    const passphrase = join(made.home.path, "passphrase");
    const unlock = (which: string, ...more: string[]) =>
      inProcess([
        "fp",
        "unlock",
        which,
        "--remote",
        daemon.address,
        "--passphrase-file",
        passphrase,
        ...more,
      ]);
    writeFileSync(passphrase, `${PASSPHRASE}\n`, { mode: 0o600 });
    const refused = await unlock(key);
    expect({ code: refused.code, stderr: refused.stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^tapstake: unauthenticated: /),
    });
    const done = await unlock(key, "--hmac-key-file", hmac, "--json");
    expect(done).toEqual({ code: 0, stderr: "", stdout: expect.stringContaining('"unlocked": true') });
    const here = ["--home", made.home.path, "--hmac-key-file", hmac];
    expect((await unlock(made.key.name, ...here)).code).toBe(0);
    const elsewhere = await unlock("nobody", ...here);
    expect(elsewhere.stderr).toMatch(/^tapstake: key-not-found: .*give the public key/);
    const vote = { key: made.key.publicKey, chainId: CHAIN, height: 1n, message: ballot(1n) };
    await expect(connect(daemon.address, { hmacKey: HMAC_KEY }).signEots(vote)).resolves.toMatchObject({
      outcome: "new",
    });
  });

  it("gives up on a signer that hangs", async () => {
    const daemon = await startDaemon(homeWithKey());
    const args = ["--remote", daemon.address];
    expect(await inProcess(["fp", "status", ...args])).toMatchObject({ code: 0 });
    daemon.kill("SIGSTOP");
    const asked = status(50).parseAsync(args, { from: "user" });
    await expect(asked).rejects.toMatchObject({
      code: "signer-unreachable",
      message: expect.stringMatching(/^no signer answers at /) as string,
    });
  });

  it("reports that no signer listens, before it asks for a passphrase", async () => {
    const { code, stderr } = await inProcess(["fp", "unlock", "ab".repeat(32), "--remote", "127.0.0.1:1"]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^tapstake: signer-unreachable: no signer answers at 127\.0\.0\.1:1: /),
    });
  });
});
