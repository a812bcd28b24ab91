import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { honest, startFalseSigner } from "../support/false-signer.js";
import { block, chain, expectVoted, homeWithKey, passphrase, publicKey, secretKey } from "./fp-support.js";
import { interrupted, tapstake, temporaryFile, temporaryFolder } from "./support.js";

/**
 * What a command's own process, and one that it starts, find in their environment when it ends. The program is the
 * built one: Node loads this before it.
 */
const WITNESS = `
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
if (isMainThread && process.env.WITNESS) {
  const { WITNESS } = process.env;
  delete process.env.WITNESS;
  const seen = (env) => Object.keys(env).filter((name) => /^TAPSTAKE_(.*PASSPHRASE|HMAC_KEY)$/.test(name)).sort();
  const atStart = seen(process.env);
  process.on("exit", () => {
    const child = execFileSync("env", ["-0"], { encoding: "utf8" }).split("\\0").map((line) => line.split("="));
    writeFileSync(WITNESS, JSON.stringify({ atStart, own: seen(process.env), child: seen(Object.fromEntries(child)) }));
  });
}
`;
const witness = pathToFileURL(temporaryFile("witness.mjs", WITNESS)).href;

/** The environment in which a command is watched, and what was found of its secrets. */
function watched(env: Readonly<Record<string, string>>) {
  const path = join(temporaryFolder(), "seen.json");
  return {
    env: { ...env, NODE_OPTIONS: `--import ${witness}`, WITNESS: path },
    seen: () => JSON.parse(readFileSync(path, "utf8")) as unknown,
  };
}

const PASSPHRASE = { TAPSTAKE_PASSPHRASE: passphrase };
const HMAC = { TAPSTAKE_HMAC_KEY: "what both of them know" };
const vote = ["vote", "--key", publicKey, "--chain", chain, "--height", "5", "--hash", block(1), "--json"];

const uncommitted = ["--uncommitted", "a test of something else"];

describe.concurrent("a secret in the environment", () => {
  it("of a command that reads its passphrase from it is removed for itself and its children", async () => {
    const { env, seen } = watched({ ...PASSPHRASE, TAPSTAKE_HOME: homeWithKey() });
    expectVoted(await tapstake(["fp", ...vote, ...uncommitted], { env }));
    expect(seen()).toEqual({ atStart: ["TAPSTAKE_PASSPHRASE"], own: [], child: [] });
  });

  it("is removed, too, where a file replaces it", async () => {
    const { env, seen } = watched({ TAPSTAKE_PASSPHRASE: "unused", TAPSTAKE_HOME: homeWithKey() });
    const file = temporaryFile("passphrase", passphrase);
    expectVoted(await tapstake(["fp", ...vote, ...uncommitted, "--passphrase-file", file], { env }));
    expect(seen()).toEqual({ atStart: ["TAPSTAKE_PASSPHRASE"], own: [], child: [] });
  });

  it("for a change of passphrases is removed: the old one and the new one", async () => {
    const next = { TAPSTAKE_NEW_PASSPHRASE: "another passphrase" };
    const { env, seen } = watched({ ...PASSPHRASE, ...next, TAPSTAKE_HOME: homeWithKey() });
    const { code } = await tapstake(["fp", "keys", "passphrase", "validator-1"], { env });
    expect(code).toBe(0);
    const atStart = ["TAPSTAKE_NEW_PASSPHRASE", "TAPSTAKE_PASSPHRASE"];
    expect(seen()).toEqual({ atStart, own: [], child: [] });
  });

  it("that callers and signer share is removed for the caller", async () => {
    const { address, stop } = await startFalseSigner(secretKey, honest(secretKey));
    const { env, seen } = watched({ ...HMAC, TAPSTAKE_HOME: homeWithKey() });
    const { code } = await tapstake(["fp", ...vote, "--remote", address], { env });
    stop();
    expect(code).toBe(0);
    expect(seen()).toEqual({ atStart: ["TAPSTAKE_HMAC_KEY"], own: [], child: [] });
  });

  it("is removed for the daemon: HMAC key and passphrase", async () => {
    const { env, seen } = watched({ ...PASSPHRASE, ...HMAC, TAPSTAKE_HOME: homeWithKey() });
    const args = ["fp", "serve", "--unlock", "validator-1", "--address", "127.0.0.1:0", "--no-metrics"];
    expect(await interrupted(args, env)).toEqual({ code: 0, signal: null });
    const atStart = ["TAPSTAKE_HMAC_KEY", "TAPSTAKE_PASSPHRASE"];
    expect(seen()).toEqual({ atStart, own: [], child: [] });
  });
});
