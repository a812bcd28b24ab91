import { join } from "node:path";
import { expect } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { openHome } from "../../src/finality/home.js";
import { createKey, type KeyInfo } from "../../src/finality/keys/keystore.js";
import { initProtection } from "../../src/finality/protection/protection.js";
import { LIGHT } from "../support/home.js";
import { lightenScrypt } from "../support/light-scrypt.mjs";
import { secretOf } from "../support/stake.js";
import { inProcess } from "./in-process.js";
import { type Outcome, temporaryFolder } from "./support.js";

lightenScrypt();

export const passphrase = "correct horse battery staple";
export const secretKey = secretOf("key");
export const publicKey = hex.encode(publicKeyOf(secretKey));
export const chain = "bsn-1";

/** A block's hash: 32 times one byte. */
export const block = (byte: number): string => hex.encode(new Uint8Array(32).fill(byte));

/** A home with the key `validator-1`, which is quick to open. It has not begun to vote. */
export function homeWithNewKey(origin: KeyInfo["origin"] = "generated", secret = secretKey): string {
  const home = join(temporaryFolder(), "home");
  createKey(openHome(home), { name: "validator-1", passphrase, secretKey: secret, origin, scrypt: LIGHT });
  return home;
}

/** The same; a generated key votes on the chain from height 0 on. */
export function homeWithKey(origin: KeyInfo["origin"] = "generated", secret = secretKey): string {
  const home = homeWithNewKey(origin, secret);
  const key = publicKeyOf(secret);
  if (origin === "generated") initProtection(openHome(home), { key, chainId: chain, fromHeight: 0n });
  return home;
}

/** Runs `tapstake fp` where the passphrase is known. */
export function fp(home: string, args: readonly string[], { input = "", env = {} } = {}): Promise<Outcome> {
  return inProcess(["fp", ...args], {
    input,
    env: { TAPSTAKE_HOME: home, TAPSTAKE_PASSPHRASE: passphrase, ...env },
  });
}

/** The options that name the key and the chain. */
export const named = ["--key", "validator-1", "--chain", chain] as const;

/** Runs `tapstake fp vote` with the key of the home, at heights that need no commitment. */
export const vote = (home: string, args: readonly string[], surroundings = {}): Promise<Outcome> =>
  fp(home, ["vote", ...named, ...(args.includes("--remote") ? [] : uncommitted), ...args], surroundings);

const uncommitted = ["--uncommitted", "a test of something else"];

/** A vote for one block. */
export const voteFor = (home: string, height: bigint | number, hash: string, more: readonly string[] = []) =>
  vote(home, ["--height", `${height}`, "--hash", hash, "--json", ...more]);

export interface VoteJson {
  readonly finalityProvider: string;
  readonly height: string;
  readonly appHash: string;
  readonly publicRandomness: string;
  readonly signature: string;
  readonly context?: string;
}

export interface Votes {
  readonly finalityProvider: string;
  readonly chain: string;
  readonly votes: readonly {
    readonly height: string;
    readonly kind: string;
    readonly vote?: VoteJson;
    readonly code?: string;
    readonly message?: string;
  }[];
}

/** Expects success, and nothing on standard error. */
export function expectDone(outcome: Outcome): Outcome {
  expect({ code: outcome.code, stderr: outcome.stderr }).toEqual({ code: 0, stderr: "" });
  return outcome;
}

/** Expects success, and nothing on standard error but that votes are in no commitment of the home. */
export function expectVoted(outcome: Outcome): Outcome {
  expect(outcome.code).toBe(0);
  if (outcome.stderr !== "") {
    expect(JSON.parse(outcome.stderr)).toMatchObject({ warning: { code: "no-commitment" } });
  }
  return outcome;
}

/** Expects success, and nothing on standard error but that a file was written; returns what was. */
export function expectWrote({ code, stderr }: Outcome, path: string): string {
  expect(code).toBe(0);
  const said = stderr.startsWith("{") ? `${(JSON.parse(stderr) as { note: string }).note}\n` : stderr;
  expect(said).toMatch(/^wrote .* to .*\n$/);
  const [, what, to] = /^wrote (.*) to (.*)\n$/.exec(said)!;
  expect(to).toBe(path);
  return what!;
}

/** The code of a refusal that was asked for as JSON. */
export function codeOf({ code, stderr }: Outcome): string {
  expect(code).toBe(1);
  return (JSON.parse(stderr) as { error: { code: string } }).error.code;
}

/** Expects a refusal with a code, and nothing on standard output; returns what standard error says. */
export function expectRefused({ code, stdout, stderr }: Outcome, error: string): string {
  expect(stderr).toMatch(new RegExp(`^tapstake: ${error}: `));
  expect({ code, stdout }).toEqual({ code: error === "usage" ? 2 : 1, stdout: "" });
  return stderr;
}
