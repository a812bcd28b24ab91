import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TapstakeError } from "../../src/core/errors.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { type Home, openHome } from "../../src/finality/home.js";
import type { UnlockedKey } from "../../src/finality/keys/keystore.js";
import type { InterchangeCommitment } from "../../src/finality/protection/interchange.js";
import { openProtection, type Protection } from "../../src/finality/protection/protection.js";
import { RandomnessCache } from "../../src/finality/randomness/cache.js";
import { commitRandomness } from "../../src/finality/randomness/commit.js";
import { Voter } from "../../src/finality/voter.js";
import type { ChainConfig } from "../../src/vote/chain.js";
import { type CommitmentJson, commitmentToJson } from "../../src/vote/json.js";
import { afterFile } from "./after-file.js";
import { bundled } from "./bundled.js";

export const CHAIN: ChainConfig = { id: "bbn-test", minCount: 1 };

/** A home of its own for a test, removed after the file. */
export function newHome(parent = tmpdir()): Home {
  const path = mkdtempSync(join(parent, "tapstake-home-"));
  afterFile(() => rmSync(path, { recursive: true, force: true }));
  return openHome(path);
}

/** A key as the keystore unlocks it; its secret is `fill` 32 times. */
export function testKey(
  fill = 7,
  origin: UnlockedKey["origin"] = "generated",
  secretKey: Uint8Array = new Uint8Array(32).fill(fill),
): UnlockedKey {
  return {
    name: `key-${fill}`,
    publicKey: publicKeyOf(secretKey),
    createdAt: "2026-01-01T00:00:00.000Z",
    origin,
    derivationVersion: 1,
    secretKey,
    wipe: () => {},
  };
}

/** 32 bytes: a block's hash. */
export const hash = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);

// Tests vote at the same heights over and over.
const cache = new RandomnessCache();

export const voterOf = (
  protection: Protection,
  key: UnlockedKey = testKey(),
  chain: ChainConfig = CHAIN,
): Voter => new Voter({ key, protection, chain, cache, uncommitted: "a test of something else" });

/** The answer to a vote: "new", "same", or the code of its refusal. */
export function answerOf(voter: Voter, height: bigint, fill: number): string {
  try {
    const result = voter.vote({ height, appHash: hash(fill) });
    return result.kind === "refused" ? result.code : result.kind;
  } catch (error) {
    if (error instanceof TapstakeError) return error.code;
    throw error;
  }
}

/** A home in which the test's key votes from height 0, and what is open there. */
export function newSigner(
  key: UnlockedKey = testKey(),
  from: bigint | null = 0n,
): {
  home: Home;
  protection: Protection;
  voter: Voter;
} {
  const home = newHome();
  const protection = openProtection(home);
  if (from !== null) protection.init(key.publicKey, CHAIN.id, from);
  return { home, protection, voter: voterOf(protection, key) };
}

/** A commitment as in an interchange file, signed by a test key. */
export function commitmentOf(
  startHeight: bigint,
  count: number,
  { context, key = testKey() }: { context?: string; key?: UnlockedKey } = {},
): InterchangeCommitment {
  const range = { secretKey: key.secretKey, chainId: CHAIN.id, startHeight, count };
  const { commitment } = commitRandomness({ ...range, ...(context !== undefined && { context }) });
  const { finalityProvider: _, ...json } = JSON.parse(commitmentToJson(commitment)) as CommitmentJson;
  return json;
}

/** Opens a home for as long as `work` runs. */
export function inHome<T>(home: Home, work: (protection: Protection) => T): T {
  const protection = openProtection(home);
  try {
    return work(protection);
  } finally {
    protection.close();
  }
}

/** Begins votes of a key at height 0. */
export const begin = (home: Home, publicKey: Uint8Array): void =>
  void inHome(home, (protection) => protection.init(publicKey, CHAIN.id, 0n));

/** The program that tests run as a process of its own. */
export const signerProgram = (): string => bundled(new URL("signer-process.mjs", import.meta.url));
