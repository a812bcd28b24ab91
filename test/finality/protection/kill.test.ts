import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { recordGenerated } from "../../../src/finality/keys/provenance.js";
import { openHome } from "../../../src/finality/home.js";
import { hex } from "../../../src/core/bytes.js";
import { hash, inHome, newHome, signerProgram, testKey, voterOf } from "../../support/signer.js";

/** When a signer is killed: so long after it was started, or when it has said so many lines. */
type Moment = { readonly afterMilliseconds: number } | { readonly afterLines: number };

/** Starts a signer, kills it, and returns all that it said. */
async function killedSigner(path: string, from: bigint, printed: readonly string[], moment: Moment) {
  const child = spawn(process.execPath, [signerProgram(), "vote", path, String(from)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines: string[] = [];
  const kill = () => child.kill("SIGKILL");
  const timer = "afterMilliseconds" in moment ? setTimeout(kill, moment.afterMilliseconds) : undefined;
  const reader = createInterface({ input: child.stdout });
  reader.on("line", (line) => {
    lines.push(line);
    if ("afterLines" in moment && lines.length === moment.afterLines) kill();
  });
  // The signer may be dead before it has read what it is to check.
  child.stdin.on("error", () => {});
  child.stdin.end(printed.map((line) => `${line}\n`).join(""));
  await Promise.all([once(child, "exit"), once(reader, "close")]);
  clearTimeout(timer);
  return lines;
}

const KILLS = 120;

/** One home, whose signer is killed again and again; returns every signature that was printed. */
async function lane(seed: number): Promise<{ signed: string[]; kills: number; path: string }> {
  const home = newHome();
  recordGenerated(home, testKey().publicKey);
  const signed: string[] = [];
  let last: string[] = [];
  let next = 0n;
  let random = seed;
  const pick = (below: number) => {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    return random % below;
  };
  for (let kill = 0; kill < KILLS; kill++) {
    // Some are killed while they start, most while they sign.
    const moment = pick(5) === 0 ? { afterMilliseconds: pick(400) } : { afterLines: 2 + pick(40) };
    const lines = await killedSigner(home.path, next, last, moment);
    expect(lines.filter((line) => /^(LEAK|LOST|error)/.test(line))).toEqual([]);
    const printed = lines.filter((line) => line.startsWith("signed ")).map((line) => line.slice(7));
    if (lines.some((line) => line.startsWith("checked"))) last = printed;
    else last = [...last, ...printed];
    signed.push(...printed);
    const highest = printed.at(-1)?.split(" ")[0];
    if (highest !== undefined) next = BigInt(highest) + 1n;
  }
  return { signed, kills: KILLS, path: home.path };
}

describe("a signer that is killed", () => {
  it(
    "at random moments, hundreds of times, forgets no signature that it printed",
    { timeout: 300_000 },
    async () => {
      const lanes = await Promise.all([lane(1), lane(2)]);
      for (const { signed, path } of lanes) {
        expect(signed.length).toBeGreaterThan(KILLS);
        const heights = signed.map((line) => line.split(" ")[0]);
        expect(new Set(heights).size).toBe(heights.length);
        const home = openHome(path);
        inHome(home, (protection) => {
          const voter = voterOf(protection);
          for (const line of signed) {
            const [height, appHash, signature] = line.split(" ");
            const other = voter.vote({ height: BigInt(height!), appHash: hash(1) });
            expect(other).toMatchObject({ kind: "refused", code: "double-vote" });
            const record = protection.record(voter.publicKey, "bbn-test", BigInt(height!));
            expect(hex.encode(record!.signature!)).toBe(signature);
            expect(appHash).toHaveLength(64);
          }
        });
      }
    },
  );
});
