import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { openHome } from "../../src/finality/home.js";
import { initProtection } from "../../src/finality/protection/protection.js";
import { commitRandomness } from "../../src/finality/randomness/commit.js";
import { voteFromJson } from "../../src/vote/json.js";
import { verifyVote } from "../../src/vote/vote.js";
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
  vote,
  voteFor,
  type VoteJson,
  type Votes,
} from "./fp-support.js";
import { inProcess } from "./in-process.js";
import { type Outcome, parsed, temporaryFile, temporaryFolder } from "./support.js";

const committed = commitRandomness({ secretKey, chainId: chain, startHeight: 100n, count: 20 });
const counts = (json: VoteJson) => {
  const read = voteFromJson(JSON.stringify(json));
  return verifyVote(committed.commitment, read, committed.proof(read.height));
};

/** The one answer of an outcome. */
const only = (outcome: Outcome) => {
  const { votes } = parsed<Votes>(outcome);
  expect(votes).toHaveLength(1);
  return votes[0]!;
};

/** The one answer of an outcome that refused it, which exits with 1 and says so on standard error too. */
function expectRefusedVote(outcome: Outcome, code: string) {
  expect(outcome.code).toBe(1);
  const { error } = JSON.parse(outcome.stderr) as { error: { code: string; details: object } };
  const answer = only(outcome);
  expect(error).toMatchObject({ code, details: { heights: [answer.height], codes: [code] } });
  expect(answer).toMatchObject({ kind: "refused", code });
  expect(answer).not.toHaveProperty("vote");
  return answer;
}

describe.concurrent("a height of a batch that is a number", () => {
  it.each(["1010.5", "9007199254740993", "-1"])(
    "is refused with the reason when it is %s",
    async (height) => {
      const input = `{"height": ${height}, "hash": "${block(1)}"}`;
      const said = expectRefused(await vote(homeWithKey(), ["--batch", "-"], { input }), "invalid-json");
      expect(said).toContain("a whole number below 2^53");
    },
  );
});

describe.concurrent("tapstake fp vote", () => {
  it("signs a vote that counts under the key's commitment", async () => {
    const home = homeWithKey();
    const outcome = expectVoted(await voteFor(home, 105, block(1)));
    expect(parsed(outcome)).toMatchObject({ finalityProvider: publicKey, chain });
    const answer = only(outcome);
    expect(answer).toMatchObject({ height: "105", kind: "new", vote: { height: "105", appHash: block(1) } });
    expect(counts(answer.vote!)).toBe(true);
  });

  it("refuses another block at the height, and keeps the first vote", async () => {
    const home = homeWithKey();
    const { vote: first } = only(expectVoted(await voteFor(home, 105, block(1))));
    const { message } = expectRefusedVote(await voteFor(home, 105, block(2)), "double-vote");
    expect(message).toContain("height 105");
    const again = only(expectVoted(await voteFor(home, 105, block(1))));
    expect(again).toEqual({ height: "105", kind: "same", vote: first });
  });

  it("explains a refusal, what to do and what never to do", async () => {
    const home = homeWithKey();
    expectVoted(await voteFor(home, 105, block(1)));
    const outcome = await vote(home, ["--height", "105", "--hash", block(2)]);
    expect(outcome.code).toBe(1);
    expect(outcome.stdout).toBe("105  refused  double-vote\n");
    expect(outcome.stderr).toMatch(
      /^tapstake: double-vote: .*height 105.*\nWhat it means: .*\nCauses: .*\nWhat to do: .*\nWhat not to do: .*\nMore: tapstake help double-vote\n$/,
    );
  });

  it("refuses the same block with a signing context, which is another message", async () => {
    const home = homeWithKey();
    expectVoted(await voteFor(home, 105, block(1)));
    const module = "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu";
    expectDone(await fp(home, ["chains", "set", chain, "--contexts", "v3", "--module-address", module]));
    expectRefusedVote(await voteFor(home, 105, block(1)), "double-vote");
    const { vote: cast } = only(expectVoted(await voteFor(home, 106, block(1))));
    expect(cast!.context).toMatch(/^[0-9a-f]{64}$/);
    expect(counts(cast!)).toBe(true);
  });

  it("refuses a height that was committed with another context than the chain has here, unless an option allows it", async () => {
    const home = homeWithKey();
    const chains = (...args: string[]) => fp(home, ["chains", ...args]);
    const commit = (start: number) => fp(home, ["commit", ...named, "--start", `${start}`, "--count", "10"]);
    const module = "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu";
    const v3 = ["set", chain, "--contexts", "v3", "--module-address"];
    const refused = async (height: number) =>
      expectRefused(await vote(home, ["--height", `${height}`, "--hash", block(1)]), "context-mismatch");
    expectDone(await chains(...v3, module));
    expectDone(await commit(100));
    await chains(...v3, "cosmos1jhg0e7s6gn44tfc5k37kr04sznyhedtc9rzys5");
    expect(await refused(105)).toMatch(
      /commitment to heights 100 to 109 has the signing context [0-9a-f]{64} /,
    );
    await chains("remove", chain);
    const said = await refused(105);
    expect(said).toContain(`${chain} has no signing context here`);
    expect(said).toContain(`tapstake fp chains set ${chain} --contexts v3 --module-address`);
    const outside = await vote(home, ["--height", "200", "--hash", block(1)]);
    expect(outside.stderr).toContain("They have a signing context, and these votes have none");
    expectDone(await chains("set", chain));
    expect(await refused(105)).toContain("has no signing context here");
    expectDone(await commit(110));
    await chains(...v3, module);
    expect(await refused(115)).toContain("has no signing context, and");
    // One such height refuses the batch, and nothing in it is signed.
    const batch = JSON.stringify([105, 115].map((height) => ({ height, hash: block(1) })));
    expectRefused(await vote(home, ["--batch", "-"], { input: batch }), "context-mismatch");
    expect(only(expectDone(await voteFor(home, 105, block(2))))).toMatchObject({ kind: "new" });
    const told = await voteFor(home, 115, block(2), ["--other-context"]);
    expect(only(expectDone(told))).toMatchObject({ kind: "new", vote: { context: expect.any(String) } });
  });

  it("separates chains, as each has its randomness", async () => {
    const home = homeWithKey();
    expectVoted(await voteFor(home, 105, block(1)));
    initProtection(openHome(home), { key: hex.decode(publicKey), chainId: "bsn-2", fromHeight: 0n });
    const elsewhere = await voteFor(home, 105, block(2), ["--chain", "bsn-2"]);
    expect(only(expectVoted(elsewhere))).toMatchObject({ kind: "new" });
  });

  it("refuses a height far above the last vote, which would end the key", async () => {
    const home = homeWithKey();
    expectVoted(await voteFor(home, 105, block(1)));
    for (const height of [100_107, 2n ** 64n - 1n]) {
      expectRefusedVote(await voteFor(home, height, block(1)), "height-too-high");
    }
    expectVoted(await voteFor(home, 100_106, block(1)));
    const committing = ["commit", ...named, "--start", "5000000", "--count", "5"];
    expectDone(await fp(home, committing));
    const unreasoned = (height: number) =>
      fp(home, ["vote", ...named, "--height", `${height}`, "--hash", block(1), "--json"]);
    expectRefusedVote(await unreasoned(5_000_005), "no-commitment");
    expectDone(await unreasoned(5_000_004));
    const outcome = await vote(home, ["--height", `${2n ** 64n}`, "--hash", block(1)]);
    expect(expectRefused(outcome, "usage")).toContain("below 2^64");
  });

  it("signs no height at or below the last vote known on the chain anew", async () => {
    const home = homeWithKey();
    expectVoted(await voteFor(home, 105, block(1)));
    const known = ["--chain-height", "110"];
    expectRefusedVote(await voteFor(home, 110, block(1), known), "at-or-below-chain-height");
    expect(only(expectVoted(await voteFor(home, 105, block(1), known)))).toMatchObject({ kind: "same" });
    expect(only(expectVoted(await voteFor(home, 111, block(1), known)))).toMatchObject({ kind: "new" });
  });

  it("writes a vote to a file, in the form that verify-vote reads", async () => {
    const home = homeWithKey();
    const out = join(temporaryFolder(), "vote.json");
    expectDone(await fp(home, ["commit", ...named, "--start", "100", "--count", "10"]));
    const outcome = await voteFor(home, 105, block(1), ["--out", out]);
    expect(expectWrote(outcome, out)).toBe("the vote for height 105");
    expect(JSON.parse(readFileSync(out, "utf8"))).toEqual(only(outcome).vote);
  });

  it("signs nothing when its file cannot be written, or exists", async () => {
    const home = homeWithKey();
    const there = temporaryFile("words", "zoo wrong");
    const args = ["--height", "105", "--hash", block(1), "--out"];
    expect(expectRefused(await vote(home, [...args, there]), "file-error")).toContain("exists already");
    expect(readFileSync(there, "utf8")).toBe("zoo wrong");
    const nowhere = join(temporaryFolder(), "nowhere", "vote.json");
    expect(expectRefused(await vote(home, [...args, nowhere]), "file-error")).toContain("no folder");
    expectRefused(await vote(home, [...args, join(there, "vote.json")]), "file-error");
    expect(only(expectVoted(await voteFor(home, 105, block(2))))).toMatchObject({ kind: "new" });
  });

  it("warns where no commitment of the key and chain is stored, and of a chain without configuration", async () => {
    const home = homeWithKey();
    const args = ["--height", "105", "--hash", block(1)];
    const warning = `tapstake: warning: this home has no commitment of this key on ${chain}. The chain accepts votes at 105 only if you committed to these heights elsewhere`;
    const { code, stderr } = await vote(home, args);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: `${warning}. ${chain} is not configured either: check the id with tapstake fp chains list\n`,
    });
    expectDone(await fp(home, ["chains", "set", chain]));
    expect((await vote(home, args)).stderr).toBe(`${warning}\n`);
  });

  it("warns of heights that no stored commitment covers", async () => {
    const home = homeWithKey();
    const commit = (start: number, more: readonly string[] = []) =>
      fp(home, ["commit", ...named, "--start", `${start}`, "--count", "5", ...more]);
    expectDone(await commit(900, ["--chain", "bsn-2"]));
    for (const start of [105, 100, 120]) expectDone(await commit(start));
    for (const height of [100, 109, 120, 124]) expectDone(await voteFor(home, height, block(1)));
    const heights = [99, 104, 110, 111, 112, 125, 130];
    const batch = (byte: number, args: readonly string[] = []) =>
      vote(home, ["--batch", "-", ...args], {
        input: JSON.stringify(heights.map((height) => ({ height, hash: block(byte) }))),
      });
    const outcome = await batch(1);
    expect(outcome.code).toBe(0);
    expect(outcome.stderr).toBe(
      "tapstake: warning: the chain will not accept votes at 99, 110 to 112, 125, 130: " +
        "the commitments of this key in this home cover 100 to 109, 120 to 124\n",
    );
    const asJson = await batch(1, ["--json"]);
    expect(JSON.parse(asJson.stderr)).toMatchObject({
      warning: { code: "no-commitment", heights: ["99", "110", "111", "112", "125", "130"] },
    });
    // What was refused was not signed.
    expect((await batch(2)).stderr).not.toContain("warning");
  });

  it("does not vote with an imported key before protection init", async () => {
    const home = homeWithKey("imported");
    const said = expectRefused(
      await vote(home, ["--height", "105", "--hash", block(1)]),
      "protection-uninitialised",
    );
    expect(said).toContain(`tapstake fp protection init --key ${publicKey} --chain ${chain} --from-height`);
    expectDone(await fp(home, ["protection", "init", ...named, "--from-height", "105", "--yes"]));
    expectRefusedVote(await voteFor(home, 104, block(1)), "below-watermark");
    expect(only(expectVoted(await voteFor(home, 105, block(1))))).toMatchObject({ kind: "new" });
  });

  it.each([
    ["usage", ["--height", "1", "--hash", "00"]],
    ["usage", ["--height", "1", "--hash", `zz${block(1).slice(2)}`]],
    ["key-not-found", ["--height", "1", "--hash", block(1), "--key", "nobody"]],
    ["invalid-chain-id", ["--height", "1", "--hash", block(1), "--chain", ""]],
    ["file-error", ["--batch", "/nowhere"]],
    ["usage", []],
    ["usage", ["--height", "1"]],
    ["usage", ["--hash", block(1)]],
    ["usage", ["--height", "-1", "--hash", block(1)]],
    ["usage", ["--height", "1", "--hash", block(1), "--batch", "-"]],
    ["usage", ["--batch", "-", "--passphrase-file", "-"]],
  ])("refuses with %s: %j", async (code, args) => {
    expectRefused(await vote(homeWithKey(), args), code);
  });

  it("refuses a wrong passphrase, and a missing one", async () => {
    const home = homeWithKey();
    const args = ["--height", "1", "--hash", block(1)];
    expectRefused(await vote(home, args, { env: { TAPSTAKE_PASSPHRASE: "wrong" } }), "wrong-passphrase");
    const none = await inProcess(["fp", "vote", ...named, ...args, "--home", home]);
    expect(expectRefused(none, "usage")).toContain("TAPSTAKE_PASSPHRASE");
    const file = temporaryFile("passphrase", `${passphrase}\n`);
    const fromFile = [
      "fp",
      "vote",
      ...named,
      ...args,
      "--home",
      home,
      "--passphrase-file",
      file,
      "--uncommitted",
      "a test",
    ];
    expect((await inProcess(fromFile)).code).toBe(0);
  });
});

describe.concurrent("tapstake fp vote --batch", () => {
  const item = (height: number, byte: number) => ({ height: `${height}`, hash: block(byte) });
  const batch = (home: string, input: string) => vote(home, ["--batch", "-", "--json"], { input });

  it.each([
    ["an array", (items: object[]) => JSON.stringify(items, null, 2)],
    ["lines", (items: object[]) => items.map((each) => JSON.stringify(each)).join("\n\n")],
  ])("answers every height in the given order: %s", async (_, write) => {
    const home = homeWithKey();
    const items = [item(110, 1), item(105, 2), { height: 107, hash: block(3) }];
    const { votes } = parsed<Votes>(expectVoted(await batch(home, write(items))));
    expect(votes.map(({ height, kind }) => [height, kind])).toEqual([
      ["110", "new"],
      ["105", "new"],
      ["107", "new"],
    ]);
    for (const { vote: cast } of votes) expect(counts(cast!)).toBe(true);
  });

  it("omits no height: new, same and refused stand beside each other", async () => {
    const home = homeWithKey();
    expectVoted(await batch(home, JSON.stringify([item(105, 1), item(106, 1)])));
    const outcome = await batch(home, JSON.stringify([item(105, 1), item(106, 2), item(107, 1)]));
    expect(outcome.code).toBe(1);
    expect(parsed<Votes>(outcome).votes).toMatchObject([
      { height: "105", kind: "same" },
      { height: "106", kind: "refused", code: "double-vote" },
      { height: "107", kind: "new" },
    ]);
    const said = await vote(home, ["--batch", "-"], {
      input: JSON.stringify([item(105, 2), item(106, 2), item(107, 1)]),
    });
    expect(said.stdout).toMatch(
      /^105 {2}refused {2}double-vote\n106 {2}refused {2}double-vote\n107 {2}same {5}[0-9a-f]{64}\n$/,
    );
    expect(said.stderr).toContain("2 of 3 heights were refused");
    expect(said.stderr.match(/What to do/g)).toHaveLength(1);
    // Of the other height that would not be true.
    expect(said.stderr).toContain("so tapstake did not sign this one");
    expect(said.stderr).not.toContain("Nothing was signed");
  });

  it("duplicate heights in one batch: nothing is signed", async () => {
    const home = homeWithKey();
    for (const items of [
      [item(105, 1), item(106, 1), item(105, 2)],
      [item(105, 1), { height: 105, hash: block(1) }],
    ]) {
      const outcome = await batch(home, JSON.stringify(items));
      expect({ code: outcome.code, stdout: outcome.stdout }).toEqual({ code: 1, stdout: "" });
      expect(JSON.parse(outcome.stderr)).toMatchObject({ error: { code: "duplicate-height" } });
    }
    // No height has a vote.
    expect(only(expectVoted(await voteFor(home, 105, block(3))))).toMatchObject({ kind: "new" });
    expect(only(expectVoted(await voteFor(home, 106, block(3))))).toMatchObject({ kind: "new" });
  });

  it.each([
    ["invalid-json", ""],
    ["invalid-json", "[]"],
    ["invalid-json", "{"],
    ["invalid-json", `[{"height": 1}]`],
    ["invalid-json", `[{"height": -1, "hash": "${block(1)}"}]`],
    ["invalid-json", `[{"height": "18446744073709551616", "hash": "${block(1)}"}]`],
    ["invalid-json", `[{"height": 1, "hash": "${block(1)}", "more": 1}]`],
    ["invalid-hex", `[{"height": 1, "hash": "00"}]`],
  ])("refuses an invalid batch with %s: %s", async (code, input) => {
    expectRefused(await vote(homeWithKey(), ["--batch", "-"], { input }), code);
  });
});
