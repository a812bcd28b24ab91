import { rmSync } from "node:fs";
import fc from "fast-check";
import { expect } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { TapstakeError } from "../../src/core/errors.js";
import type { Home } from "../../src/finality/home.js";
import type { Interchange } from "../../src/finality/protection/interchange.js";
import { initProtection, openProtection, type Protection } from "../../src/finality/protection/protection.js";
import type { VoteResult } from "../../src/finality/voter.js";
import { CHAIN, hash, newHome, testKey, voterOf } from "./signer.js";

const keys = [testKey(7), testKey(8)];
const chains = [CHAIN, { id: "another-chain/2", minCount: 1 }];

/** All that ever left: what a watchtower has seen. Two messages under one name would be a lost key. */
type Released = Map<string, { fill: number; signature: string }>;

/** A signer that everything happens to. */
class Real {
  readonly home: Home = newHome();
  readonly exports: Interchange[] = [];
  chainHeight: bigint | undefined;
  protection: Protection;
  constructor() {
    this.protection = openProtection(this.home, { roomForWatermarks: 600 });
    // The others begin by an init or an import.
    this.protection.init(keys[0]!.publicKey, chains[0]!.id, 0n);
    this.protection.init(keys[1]!.publicKey, chains[1]!.id, 0n);
  }
  voter(key: number, chain: number) {
    const voter = voterOf(this.protection, keys[key], chains[chain]);
    if (this.chainHeight !== undefined) voter.noteChainHeight(this.chainHeight);
    return voter;
  }
  reopen(): void {
    this.protection.close();
    this.protection = openProtection(this.home, { roomForWatermarks: 600 });
  }
}

type Command = fc.Command<Released, Real>;

const command = (name: string, run: (released: Released, real: Real) => void): Command => ({
  check: () => true,
  run,
  toString: () => name,
});

function release(released: Released, place: string, fill: number, result: VoteResult): void {
  if (result.kind === "refused") return;
  const name = `${place} ${result.height}`;
  const signature = hex.encode(result.signature);
  const earlier = released.get(name);
  if (earlier)
    expect({ name, fill, signature, kind: result.kind }).toEqual({ name, ...earlier, kind: "same" });
  released.set(name, { fill, signature });
}

function batch(
  released: Released,
  real: Real,
  [k, c]: [key: number, chain: number],
  heights: bigint[],
  f: number,
): void {
  const results = real.voter(k, c).batch(heights.map((h) => ({ height: h, appHash: hash(f) })));
  expect(results.map((result) => result.height)).toEqual(heights);
  for (const result of results) release(released, `${k} ${c}`, f, result);
}

/** The store is lost, and the operator begins anew as the refusal says. */
function lose(real: Real, k: number, c: number): void {
  real.protection.close();
  rmSync(real.home.protectionFile);
  expect(() => openProtection(real.home)).toThrow("protection init");
  const request = { key: keys[k]!.publicKey, chainId: chains[c]!.id };
  if (!attempt(() => initProtection(real.home, { ...request, fromHeight: 8n }))) {
    initProtection(real.home, { ...request, fromHeight: 15n });
  }
  real.protection = openProtection(real.home, { roomForWatermarks: 600 });
}

const key = fc.nat(keys.length - 1);
const chain = fc.nat(chains.length - 1);
const height = fc.bigInt({ min: 0n, max: 14n });
const fill = fc.integer({ min: 1, max: 3 });

const commands = [
  fc.tuple(key, chain, height, fill).map(([k, c, h, f]) =>
    command(`vote(${k}, ${c}, ${h}, ${f})`, (released, real) => {
      attempt(() => {
        release(released, `${k} ${c}`, f, real.voter(k, c).vote({ height: h, appHash: hash(f) }));
      });
    }),
  ),
  fc.tuple(key, chain, fc.uniqueArray(height, { maxLength: 8 }), fill).map(([k, c, heights, f]) =>
    command(`batch(${k}, ${c}, [${heights.join(", ")}], ${f})`, (released, real) => {
      attempt(() => {
        batch(released, real, [k, c], heights, f);
      });
    }),
  ),
  fc.constant(command("restart", (_, real) => real.reopen())),
  fc.tuple(key, fc.boolean()).map(([k, isMove]) =>
    command(`${isMove ? "retire" : "lock"}(${k})`, (_, real) => {
      if (isMove) real.protection.retire(keys[k]!.publicKey);
      else real.protection.lock(keys[k]!.publicKey);
    }),
  ),
  fc.tuple(key, chain, height).map(([k, c, h]) =>
    command(`prune(${k}, ${c}, ${h})`, (_, real) => {
      attempt(() => real.protection.prune(keys[k]!.publicKey, chains[c]!.id, h));
    }),
  ),
  fc.tuple(key, chain, height).map(([k, c, h]) =>
    command(`init(${k}, ${c}, ${h})`, (_, real) => {
      attempt(() => real.protection.init(keys[k]!.publicKey, chains[c]!.id, h));
    }),
  ),
  fc.constant(command("export", (_, real) => void real.exports.push(real.protection.exportInterchange()))),
  fc.nat(9).map((i) =>
    command(`import(${i})`, (_, real) => {
      const file = real.exports[i % Math.max(real.exports.length, 1)];
      if (file) real.protection.importInterchange(JSON.parse(JSON.stringify(file)), { begin: true });
    }),
  ),
  height.map((h) =>
    command(`chainHeight(${h})`, (_, real) => {
      real.chainHeight = h;
    }),
  ),
  fc.tuple(key, chain).map(([k, c]) => command(`lose(${k}, ${c})`, (_, real) => lose(real, k, c))),
];

/**
 * Lets all that can happen to a signer happen in some order, and compares with what left it.
 * @throws where two messages left it at one height
 */
export function live(run: Iterable<Command>): void {
  const real = new Real();
  try {
    fc.modelRun(() => ({ model: new Map() as Released, real }), run);
  } finally {
    real.protection.close();
    rmSync(real.home.path, { recursive: true });
  }
}

export const lives = fc.commands(commands, { maxCommands: 40 });

/** Whether it was allowed. */
function attempt(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    expect(["would-lower-mark", "invalid-number", "protection-uninitialised"]).toContain(error.code);
    return false;
  }
}
