import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.js";
import { openHome } from "../../../src/finality/home.js";
import { killedAtEachStep } from "../../support/killed.js";
import { isLong, randomOf } from "../../support/runs.js";
import { begin, hash, inHome, newHome, signerProgram, testKey, voterOf } from "../../support/signer.js";

/** How often each of two homes has its signer killed. */
const KILLS = isLong ? 120 : 2;

/** When a signer is killed: so long after it was started, or when it has said so many lines. */
type Moment = { readonly afterMilliseconds: number } | { readonly afterLines: number };

/** Starts a signer on a home, kills it, and returns all that it said. */
async function killedSigner(path: string, from: bigint, printed: readonly string[], moment: Moment) {
  const child = spawn(process.execPath, [signerProgram(), "vote", path, String(from)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines: string[] = [];
  const kill = () => child.kill("SIGKILL");
  const timer = "afterMilliseconds" in moment ? setTimeout(kill, moment.afterMilliseconds) : undefined;
  const reader = createInterface({ input: child.stdout });
  const ended = Promise.all([once(child, "exit"), once(reader, "close")]);
  reader.on("line", (line) => {
    lines.push(line);
    if ("afterLines" in moment && lines.length === moment.afterLines) kill();
  });
  // The signer may be dead before it has read what it checks.
  child.stdin.on("error", () => {});
  child.stdin.end(printed.map((line) => `${line}\n`).join(""));
  await ended;
  clearTimeout(timer);
  return lines;
}

/** One home, whose signer is killed again and again; returns every signature that was printed. */
async function killedAgainAndAgain(name: string): Promise<{ signed: string[]; path: string }> {
  const home = newHome();
  begin(home, testKey().publicKey);
  const signed: string[] = [];
  let last: string[] = [];
  let next = 0n;
  const random = randomOf(name);
  for (let kill = 0; kill < KILLS; kill++) {
    // Of a long run, some are killed while they start; most while they sign.
    const moment =
      isLong && random.below(5) === 0
        ? { afterMilliseconds: random.below(400) }
        : { afterLines: 2 + random.below(40) };
    const lines = await killedSigner(home.path, next, last, moment);
    expect(lines.filter((line) => /^(LEAK|LOST|error)/.test(line))).toEqual([]);
    const printed = lines.filter((line) => line.startsWith("signed ")).map((line) => line.slice(7));
    last = lines.some((line) => line.startsWith("checked")) ? printed : [...last, ...printed];
    signed.push(...printed);
    const highest = printed.at(-1)?.split(" ")[0];
    if (highest !== undefined) next = BigInt(highest) + 1n;
  }
  return { signed, path: home.path };
}

describe("a killed signer", () => {
  it("at each of its writes, or while SQLite writes, keeps every signature that it printed", () => {
    const votingHome = () => {
      const home = newHome();
      begin(home, testKey().publicKey);
      return home.path;
    };
    let most = 0;
    for (const { path, printed } of killedAtEachStep(votingHome, ["votes", "40"])) {
      const lines = printed.split("\n").filter(Boolean);
      most = Math.max(most, lines.length);
      inHome(openHome(path), (protection) => {
        const voter = voterOf(protection);
        for (const line of lines) {
          const [height, appHash, signature] = line.split(" ") as [string, string, string];
          const again = voter.vote({ height: BigInt(height), appHash: hash(255) });
          expect(again).toMatchObject({ kind: "refused", code: "double-vote" });
          const same = voter.vote({ height: BigInt(height), appHash: hex.decode(appHash) });
          expect(same.kind).toBe("same");
          expect(hex.encode((same as { signature: Uint8Array }).signature)).toBe(signature);
        }
        // What was on its way out when the process died is never followed by another.
        const next = { height: BigInt(lines.length), appHash: hash(255) };
        expect(["new", "refused"]).toContain(voter.vote(next).kind);
      });
    }
    expect(most).toBeGreaterThan(30);
  });

  it("at random moments, repeatedly, keeps every signature that it printed", async () => {
    for (const { signed, path } of await Promise.all(["one home", "another"].map(killedAgainAndAgain))) {
      if (isLong) expect(signed.length).toBeGreaterThan(KILLS);
      const heights = signed.map((line) => line.split(" ")[0]);
      expect(new Set(heights).size).toBe(heights.length);
      inHome(openHome(path), (protection) => {
        const voter = voterOf(protection);
        for (const line of signed) {
          const [height, appHash, signature] = line.split(" ") as [string, string, string];
          const other = voter.vote({ height: BigInt(height), appHash: hash(1) });
          expect(other).toMatchObject({ kind: "refused", code: "double-vote" });
          const same = voter.vote({ height: BigInt(height), appHash: hex.decode(appHash) });
          expect(same.kind).toBe("same");
          expect(hex.encode((same as { signature: Uint8Array }).signature)).toBe(signature);
        }
      });
    }
  });
});
