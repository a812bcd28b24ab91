import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.js";
import { sha256 } from "../../../src/core/hashes.js";
import { openHome } from "../../../src/finality/home.js";
import { voteMessage } from "../../../src/vote/messages.js";
import { killedAtEachStep } from "../../support/killed.js";
import { isLong, randomOf } from "../../support/runs.js";
import {
  begin,
  CHAIN,
  hash,
  inHome,
  newHome,
  signerProgram,
  testKey,
  voterOf,
} from "../../support/signer.js";

/** How often each of two homes has its signer killed; the arbiter's test adds the rest of 10,000. */
const KILLS = isLong ? 4_500 : 2;

/** More than the kills of a long run take, in milliseconds. */
const HOURS = 6 * 3_600_000;

/** When a signer is killed: so long after it has said so many lines. The first line says that it opens its home. */
interface Moment {
  readonly lines: number;
  readonly milliseconds: number;
}

/** Starts a signer on a home, kills it, and returns all that it said. */
async function killedSigner(path: string, from: bigint, printed: readonly string[], moment: Moment) {
  const child = spawn(process.execPath, [signerProgram(), "vote", path, String(from)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines: string[] = [];
  const kill = () => child.kill("SIGKILL");
  let timer: NodeJS.Timeout | undefined;
  const reader = createInterface({ input: child.stdout });
  const ended = Promise.all([once(child, "exit"), once(reader, "close")]);
  reader.on("line", (line) => {
    lines.push(line);
    if (lines.length !== moment.lines) return;
    if (moment.milliseconds === 0) kill();
    else timer = setTimeout(kill, moment.milliseconds);
  });
  // The signer may be dead before it has read what it checks.
  child.stdin.on("error", () => {});
  child.stdin.end(printed.map((line) => `${line}\n`).join(""));
  const [[, signal]] = (await ended) as [[number | null, string | null], unknown];
  clearTimeout(timer);
  expect(signal, lines.join("\n")).toBe("SIGKILL");
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
    // A fifth are killed while they open their home or check; most while they sign.
    const moment =
      random.below(5) === 0
        ? { lines: 1, milliseconds: random.below(40) }
        : { lines: 4 + random.below(12), milliseconds: random.below(3) };
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

  it(
    "at random moments, repeatedly, keeps every signature that it printed",
    async () => {
      for (const { signed, path } of await Promise.all(["one home", "another"].map(killedAgainAndAgain))) {
        if (isLong) expect(signed.length).toBeGreaterThan(KILLS);
        const votes = signed.map((line) => line.split(" ") as [string, string, string]);
        expect(new Set(votes.map(([height]) => height)).size).toBe(votes.length);
        inHome(openHome(path), (protection) => {
          const { publicKey } = testKey();
          const heights = votes.map(([height]) => BigInt(height));
          const records = protection.recordsAt(publicKey, CHAIN.id, heights);
          for (const [height, appHash, signature] of votes) {
            const record = records.get(BigInt(height));
            const message = voteMessage({ height: BigInt(height), appHash: hex.decode(appHash) });
            expect(record?.digest, height).toEqual(sha256(message));
            expect(hex.encode(record!.signature!), height).toBe(signature);
          }
        });
      }
    },
    HOURS,
  );
});
