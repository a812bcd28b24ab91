import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { waitFor } from "../../regtest/wait.js";
import { hex } from "../../src/core/bytes.js";
import { commitRandomness } from "../../src/finality/randomness/commit.js";
import { commitmentToJson, merkleProofToJson, voteToJson } from "../../src/vote/json.js";
import { signVoteUnprotected } from "../../src/vote/vote.js";
import { isLong } from "../support/runs.js";
import { secretOf } from "../support/stake.js";
import {
  block,
  chain,
  expectDone,
  expectRefused,
  expectVoted,
  expectWrote,
  fp,
  homeWithKey,
  named,
  passphrase,
  publicKey,
  secretKey,
  voteFor,
} from "./fp-support.js";
import { inProcess } from "./in-process.js";
import { hasTerminal, onTerminal, parsed, tapstake, temporaryFile, temporaryFolder } from "./support.js";

/** Heights of two commitments whose memory is compared. */
const [FEW, MANY] = isLong ? [50_000, 1_000_000] : [20_000, 100_000];

const range = { secretKey, chainId: chain, startHeight: 100n, count: 40 };
const committed = commitRandomness(range);
const commit = (home: string, start: bigint | number, count: number, more: readonly string[] = []) =>
  fp(home, ["commit", ...named, "--start", `${start}`, "--count", `${count}`, "--json", ...more]);

interface Listed {
  readonly finalityProvider: string;
  readonly chain: string;
  readonly commitments: readonly { readonly startHeight: string }[];
}

const listedIn = async (home: string, args: readonly string[]): Promise<readonly Listed[]> =>
  parsed<{ subjects: Listed[] }>(expectDone(await fp(home, ["commitments", ...args, "--json"]))).subjects;

const without = ({ code, stdout, stderr }: { code: number | null; stdout: string; stderr: string }) => {
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  return (JSON.parse(stderr) as { error: { code: string } }).error.code;
};

describe.concurrent("tapstake fp commit", () => {
  it("commits to the key's randomness, stores the commitment and writes it", async () => {
    const home = homeWithKey();
    const out = join(temporaryFolder(), "commitment.json");
    const outcome = await commit(home, 100, 40, ["--out", out]);
    expect(expectWrote(outcome, out)).toBe("the commitment to 100 to 139");
    const made = parsed(outcome);
    const root = hex.encode(committed.commitment.root);
    const facts = { finalityProvider: publicKey, startHeight: "100", lastHeight: "139", count: 40, root };
    expect(made).toMatchObject({ chain, ...facts });
    const { signature, ...file } = JSON.parse(readFileSync(out, "utf8")) as Record<string, unknown>;
    expect(file).toEqual({ finalityProvider: publicKey, startHeight: "100", count: 40, root });
    expect(signature).toBe(made["signature"]);
    expect(expectDone(await fp(home, ["verify-commit", out])).stdout).toContain("good");
  });

  it("lists what can be published: the input of verify-commit, and root and signature as text", async () => {
    const home = homeWithKey();
    const { signature, root } = parsed<Record<string, string>>(expectDone(await commit(home, 100, 40)));
    const [listed] = await listedIn(home, named);
    const file = { finalityProvider: publicKey, startHeight: "100", count: 40, root, signature };
    expect(listed).toMatchObject({ finalityProvider: publicKey, chain, commitments: [file] });
    const input = JSON.stringify(listed!.commitments[0]);
    expectDone(await fp(home, ["verify-commit", "-"], { input }));
    const beside = await fp(home, ["commit", ...named, "--start", "140", "--count", "5"]);
    expect(beside.stdout).toMatch(/signature +[0-9a-f]{128}\n/);
    const text = expectDone(await fp(home, ["commitments", ...named])).stdout;
    for (const part of ["100 to 139", root, signature]) expect(text).toContain(part);
  });

  it("lists everything unless a key or chain is given", async () => {
    const home = homeWithKey();
    expect(expectDone(await fp(home, ["commitments"])).stdout).toContain("no such commitment");
    expectDone(await commit(home, 100, 5));
    expectDone(await commit(home, 200, 5, ["--chain", "bsn-2"]));
    const chains = async (args: readonly string[]) => (await listedIn(home, args)).map((one) => one.chain);
    expect(await chains([])).toEqual([chain, "bsn-2"]);
    expect(await chains(["--key", publicKey])).toEqual([chain, "bsn-2"]);
    expect(await chains(["--chain", "bsn-2"])).toEqual(["bsn-2"]);
    expect(await chains(["--chain", "bsn-3"])).toEqual([]);
  });

  it("derives nothing when its file exists, and says where a commitment is whose file could not be written", async () => {
    const home = homeWithKey();
    const there = temporaryFile("words", "zoo wrong");
    expect(without(await commit(home, 100, 5, ["--out", there]))).toBe("file-error");
    expect(readFileSync(there, "utf8")).toBe("zoo wrong");
    expect(await listedIn(home, named)).toEqual([]);
    const tooLong = join(temporaryFolder(), "x".repeat(300));
    const failed = await commit(home, 100, 5, ["--out", tooLong]);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain(`tapstake fp commitments --key validator-1 --chain ${chain} --json`);
    expect(await listedIn(home, named)).toHaveLength(1);
  });

  it("refuses heights that are committed already, and accepts those beside them", async () => {
    const home = homeWithKey();
    expectDone(await commit(home, 100, 10));
    for (const [start, count] of [
      [100, 10],
      [91, 10],
      [109, 1],
      [104, 2],
      [90, 100],
    ] as const) {
      expect(without(await commit(home, start, count))).toBe("commitment-overlap");
    }
    const allowed = await commit(home, 100, 10, ["--allow-overlap"]);
    expect(allowed.code).toBe(2);
    expect(allowed.stderr).toContain("--allow-overlap needs --remote");
    expectDone(await commit(home, 110, 5));
    expectDone(await commit(home, 99, 1));
    const [listed] = await listedIn(home, named);
    expect(listed!.commitments.map(({ startHeight }) => startHeight)).toEqual(["99", "100", "110"]);
  });

  it("refuses heights beyond 64 bits and above the last height, and accepts that one", async () => {
    const home = homeWithKey();
    expect(without(await commit(home, 2n ** 64n - 5n, 5))).toBe("invalid-number");
    expect((await commit(home, 1, 0)).code).toBe(2);
    expect(without(await commit(home, 1_000_000_000_000n, 2))).toBe("height-too-high");
    expectDone(await commit(home, 1_000_000_000_000n - 1n, 2));
  });

  it("prints and lists the input of verify-commit, and refuses unknown fields", async () => {
    const home = homeWithKey();
    const printed = expectDone(await commit(home, 100, 5)).stdout;
    const [listed] = await listedIn(home, named);
    const [entry] = listed!.commitments;
    expect(entry).toMatchObject({ made: expect.stringMatching(/^\d{4}-/) });
    const verify = (input: string) => fp(home, ["verify-commit", "-"], { input });
    for (const input of [printed, JSON.stringify(entry)]) expectDone(await verify(input));
    for (const more of [{ valid: true }, { lastHeight: "105" }]) {
      const input = JSON.stringify({ ...(JSON.parse(printed) as object), ...more });
      expectRefused(await verify(input), "invalid-json");
    }
  });

  it("proves a height with and without --json", async () => {
    const home = homeWithKey();
    expectDone(await commit(home, 100, 5));
    const proof = (...more: string[]) => fp(home, ["proof", ...named, "--height", "101", ...more]);
    expect(expectDone(await proof("--json"))).toEqual(await proof());
  });

  it("reports in one line of JSON what went wrong, the risk, and what was done", async () => {
    const home = homeWithKey();
    const out = join(temporaryFolder(), "commitment.json");
    expect(JSON.parse((await commit(home, 100, 5, ["--out", out])).stderr)).toEqual({
      note: expect.stringContaining("wrote the commitment"),
    });
    const voted = await voteFor(home, 200, block(1));
    const refused = await voteFor(home, 200, block(2));
    for (const { stderr } of [voted, refused, await commit(home, 104, 5), await commit(home, 1, 0)]) {
      expect(stderr).toMatch(/^\{"(error|warning)":.*\}\n$/);
      expect(JSON.parse(stderr)).toBeTypeOf("object");
    }
  });

  it("refuses fewer heights than the chain's minimum", async () => {
    const home = homeWithKey();
    expectDone(await fp(home, ["chains", "set", chain, "--min-count", "20"]));
    expect(without(await commit(home, 100, 19))).toBe("count-too-small");
    expectDone(await commit(home, 100, 20));
  });

  it("signs with the context of a configured chain", async () => {
    const home = homeWithKey();
    const module = "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu";
    expectDone(await fp(home, ["chains", "set", chain, "--contexts", "v3", "--module-address", module]));
    const out = join(temporaryFolder(), "commitment.json");
    expect(parsed(await commit(home, 100, 5, ["--out", out]))).toHaveProperty("context");
    expectDone(await fp(home, ["verify-commit", out]));
  });

  it("stores nothing when Ctrl-C stops it, and the home is free again", async () => {
    const home = homeWithKey();
    const { code, stdout, stderr } = await interruptedCommit(home);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^tapstake: cancelled: /);
    expect(await listedIn(home, named)).toEqual([]);
    expectDone(await commit(home, 100, 5));
  });

  it.skipIf(!hasTerminal)("shows its progress on a terminal, and stops at Ctrl-C", async () => {
    const home = homeWithKey();
    const env = { TAPSTAKE_HOME: home, TAPSTAKE_PASSPHRASE: passphrase };
    const short = ["fp", "commit", ...named, "--start", "1", "--count", "500"];
    const whole = await onTerminal(short, env);
    expect(whole.code).toBe(0);
    expect(whole.stdout).toContain("deriving heights");
    expect(whole.stdout).toContain("1 to 500");
    const stopped = await onTerminal(["fp", ...ENDLESS, "--chain", "bsn-2"], env, [
      "deriving heights",
      "\u0003",
    ]);
    expect(stopped.code).not.toBe(0);
    expect(stopped.stdout).toContain("tapstake: cancelled: ");
    expect(await listedIn(home, ["--chain", "bsn-2"])).toEqual([]);
  });

  it.skipIf(process.platform !== "linux")(
    `to ${MANY} heights uses as much memory as to ${FEW}, and less than 300 MB`,
    async () => {
      const home = homeWithKey();
      const probe = new URL("../bench/support/peak-memory.mjs", import.meta.url);
      const peakOf = async (count: number, start: number): Promise<number> => {
        // A process of its own: what is measured is its memory.
        const env = {
          TAPSTAKE_HOME: home,
          TAPSTAKE_PASSPHRASE: passphrase,
          NODE_OPTIONS: `--import=${probe}`,
        };
        const heights = ["--start", `${start}`, "--count", `${count}`];
        const outcome = await tapstake(["fp", "commit", ...named, ...heights], { env });
        expect(outcome.code).toBe(0);
        expect(outcome.stdout).toContain(`${start} to ${start + count - 1}`);
        return Number(/^peak memory: (\d+) kB$/m.exec(outcome.stderr)?.[1]);
      };
      const few = await peakOf(FEW, 1);
      const many = await peakOf(MANY, FEW + 1);
      expect(many - few).toBeLessThan(48 << 10);
      expect(many).toBeLessThan(300_000);
    },
  );

  it("two signer processes on one home: the second is refused at once, with the name of the first", async () => {
    const home = homeWithKey();
    const long = startCommit(home);
    try {
      await long.holding;
      for (const args of [
        ["vote", ...named, "--height", "1", "--hash", block(1)],
        ["commit", ...named, "--start", "1", "--count", "5"],
        ["protection", "show"],
      ]) {
        // Without a passphrase: the refusal comes before the question.
        const said = expectRefused(await inProcess(["fp", ...args, "--home", home]), "signer-running");
        expect(said).toContain(`process ${long.process.pid}`);
        expect(said).toContain("fp commit");
      }
    } finally {
      long.process.kill("SIGINT");
      await long.ended;
    }
    expectVoted(await voteFor(home, 1, block(1)));
  });
});

describe.concurrent("tapstake fp proof", () => {
  it("proves every committed height, so that its vote counts", async () => {
    const home = homeWithKey();
    const folder = temporaryFolder();
    const [commitment, vote] = [join(folder, "commitment"), join(folder, "vote")];
    expectWrote(await commit(home, 100, 40, ["--out", commitment]), commitment);
    expectWrote(await voteFor(home, 117, block(1), ["--out", vote]), vote);
    const proof = expectDone(await fp(home, ["proof", ...named, "--height", "117"])).stdout;
    expect(JSON.parse(proof)).toEqual(JSON.parse(merkleProofToJson(committed.proof(117n))));
    const out = join(folder, "proof");
    const written = await fp(home, ["proof", ...named, "--height", "117", "--out", out]);
    expect(expectWrote(written, out)).toBe("the proof of height 117");
    expect(readFileSync(out, "utf8")).toBe(proof);
    const args = ["--commitment", commitment, "--vote", vote, "--proof", "-", "--json"];
    expect(parsed(expectDone(await fp(home, ["verify-vote", ...args], { input: proof })))).toMatchObject({
      valid: true,
      height: "117",
      committed: { startHeight: "100", lastHeight: "139" },
      appHash: block(1),
    });
  });

  it("refuses a height that no commitment covers", async () => {
    const home = homeWithKey();
    expectDone(await commit(home, 100, 10));
    for (const height of ["99", "110"]) {
      expectRefused(await fp(home, ["proof", ...named, "--height", height]), "no-commitment");
    }
  });
});

describe.concurrent("tapstake fp verify-commit and verify-vote", () => {
  const commitment = commitmentToJson(committed.commitment);
  const vote = signVoteUnprotected({
    secretKey,
    chainId: chain,
    height: 105n,
    appHash: hex.decode(block(1)),
  });
  const other = commitRandomness({ ...range, secretKey: secretOf("b") });
  const late = signVoteUnprotected({ ...vote, secretKey, chainId: chain, height: 140n });
  const verify = (files: { commitment?: string; proof?: string; vote?: string }, ...more: string[]) =>
    inProcess([
      "fp",
      "verify-vote",
      "--commitment",
      temporaryFile("c", files.commitment ?? commitment),
      "--proof",
      temporaryFile("p", files.proof ?? merkleProofToJson(committed.proof(105n))),
      "--vote",
      temporaryFile("v", files.vote ?? voteToJson(vote)),
      ...more,
    ]);

  it("accept valid input, without a home or key", async () => {
    const { stdout } = expectDone(await inProcess(["fp", "verify-commit", "-"], { input: commitment }));
    expect(stdout).toContain("100 to 139");
    expect(expectDone(await verify({})).stdout).toContain("good: it counts");
  });

  it("warn where only the commitment or only the vote has a signing context", async () => {
    const context = "ab".repeat(32);
    const inContext = commitRandomness({ ...range, context });
    const votes = [vote, signVoteUnprotected({ ...vote, secretKey, chainId: chain, context })];
    const files = { commitment: commitmentToJson(inContext.commitment), vote: voteToJson(votes[1]!) };
    expectDone(await verify(files));
    for (const [one, outcome] of [
      ["vote", await verify({ vote: files.vote })],
      ["commitment", await verify({ commitment: files.commitment })],
    ] as const) {
      expect(outcome).toMatchObject({ code: 0, stdout: expect.stringContaining("good: it counts") });
      expect(outcome.stderr).toMatch(
        new RegExp(`^tapstake: warning: the ${one} has a signing context and the`),
      );
    }
    const asJson = await verify({ commitment: files.commitment }, "--json");
    expect(parsed(asJson)).toMatchObject({ valid: true, committed: { context } });
    expect(JSON.parse(asJson.stderr)).toMatchObject({ warning: { code: "context-mismatch" } });
  });

  it.each([
    ["invalid-signature", commitment.replace(`"100"`, `"101"`)],
    ["invalid-signature", commitment.replace(`"count": 40`, `"count": 41`)],
    ["invalid-hex", commitment.replace(publicKey, "00")],
    ["invalid-json", "{}"],
    ["invalid-json", commitment.replace("{", `{"more": 1,`)],
  ])("refuse a commitment: %s", async (code, input) => {
    expectRefused(await inProcess(["fp", "verify-commit", "-"], { input }), code);
  });

  it.each([
    ["key-mismatch", "of another provider", { commitment: commitmentToJson(other.commitment) }],
    [
      "invalid-signature",
      "under a commitment that is not signed",
      { commitment: commitment.replace(`"count": 40`, `"count": 41`) },
    ],
    ["index-out-of-range", "of a height that is not committed", { vote: voteToJson(late) }],
    ["invalid-proof", "with another height's proof", { proof: merkleProofToJson(committed.proof(106n)) }],
    ["invalid-proof", "of another height", { vote: voteToJson({ ...vote, height: 106n }) }],
    ["invalid-signature", "for another block", { vote: voteToJson(vote).replace(block(1), block(2)) }],
    ["invalid-json", "that is not one", { vote: "{}" }],
    ["invalid-json", "with an invalid proof", { proof: "{}" }],
  ])("refuse with %s a vote %s", async (code, _, files) => {
    expectRefused(await verify(files), code);
  });
});

/** Longer than any test waits. */
const ENDLESS = ["commit", ...named, "--start", "1", "--count", "2000000"] as const;
const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** Starts a commit that takes minutes; `holding` is when it has become the signer of the home. */
function startCommit(home: string) {
  const env = { ...process.env, TAPSTAKE_HOME: home, TAPSTAKE_PASSPHRASE: passphrase };
  const child = spawn(process.execPath, [main, "fp", ...ENDLESS], { env });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
  const isHolder = () => {
    const lock = join(home, "signer.lock");
    return existsSync(lock) && readFileSync(lock, "utf8").includes(`"pid": ${child.pid}`);
  };
  return {
    process: child,
    ended,
    holding: waitFor(isHolder, { deadline: 600_000, what: "the commit to hold the home" }),
  };
}

async function interruptedCommit(home: string) {
  const { process: child, ended, holding } = startCommit(home);
  await holding;
  child.kill("SIGINT");
  return ended;
}
