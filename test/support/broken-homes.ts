import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import type { Home } from "../../src/finality/home.js";
import { CHAIN, hash, newHome, newSigner, testKey, voterOf } from "./signer.js";

export const key = testKey();
/** Votes at height 105 of another chain, once. */
export const other = testKey(8, "imported");
export const OTHER_CHAIN = { id: "other-chain", minCount: 1 };

/** Where the key of the test has voted for `hash(1)`. */
export const HEIGHTS: readonly bigint[] = Array.from({ length: 60 }, (_, i) => BigInt(i));

/** One home at different moments. */
export interface Moments {
  /** 20 votes before the others. */
  readonly earlier: Home;
  /** As a crash leaves it: with a write-ahead log. */
  readonly crashed: Home;
  readonly closed: Home;
}

export function liveThrough(): Moments {
  const { home, protection, voter } = newSigner();
  protection.init(other.publicKey, OTHER_CHAIN.id, 100n);
  voterOf(protection, other, OTHER_CHAIN).vote({ height: 105n, appHash: hash(1) });
  for (const height of HEIGHTS.slice(0, 40)) voter.vote({ height, appHash: hash(1) });
  const earlier = copyOf(home);
  for (const height of HEIGHTS.slice(40)) voter.vote({ height, appHash: hash(1) });
  const crashed = copyOf(home);
  protection.close();
  return { earlier, crashed, closed: copyOf(home) };
}

/** A home of its own with the same content; the lock is that of this process, and stays behind. */
export function copyOf(home: Home): Home {
  const copy = newHome();
  cpSync(home.path, copy.path, { recursive: true, filter: (file) => !basename(file).startsWith("signer.") });
  return copy;
}

/** Takes the store and its watermark log away. */
export function loseMemory(home: Home): void {
  rmSync(home.protectionFile);
  rmSync(home.watermarkFile);
}

export const walOf = (home: Home): string => `${home.protectionFile}-wal`;

export function replace(home: Home, from: Home, ...files: ("protectionFile" | "watermarkFile")[]): void {
  for (const file of files) {
    rmSync(home[file], { force: true });
    cpSync(from[file], home[file]);
  }
}

export function flip(path: string, at: number): void {
  const content = readFileSync(path);
  content[at]! ^= 1 << (at % 8);
  writeFileSync(path, content);
}

/** The request to go on with the key of the test. */
export const request = { key: key.publicKey, chainId: CHAIN.id };
