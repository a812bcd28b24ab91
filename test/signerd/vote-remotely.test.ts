import { describe, expect, it, onTestFinished } from "vitest";
import { sha256 } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { commitRandomness } from "../../src/finality/randomness/commit.js";
import { commitRemotely } from "../../src/signer-client/commit.js";
import { type VoteAnswer, voteRemotely } from "../../src/signer-client/votes.js";
import type { ChainConfig } from "../../src/vote/chain.js";
import { verifyVote } from "../../src/vote/vote.js";
import { failure as expectFailure } from "../support/errors.js";
import { honest, startFalseSigner } from "../support/false-signer.js";
import { CHAIN, connect, homeWithKey, startSigner, text } from "./support.js";

const block = (name: string) => sha256(text(name));
const chain = { id: CHAIN, minCount: 1 };
const kindsOf = (answers: readonly VoteAnswer[]) =>
  answers.map((answer) => [answer.height, answer.kind === "refused" ? answer.code : answer.kind]);

describe("voteRemotely, with a signer of this project", () => {
  it("votes once for each height, in the given order; each vote counts under the key's commitment", async () => {
    const made = homeWithKey();
    const signer = connect((await startSigner(made)).address);
    const key = made.key.publicKey;
    const { commitment, proof } = commitRandomness({
      secretKey: made.secretKey,
      chainId: CHAIN,
      startHeight: 0n,
      count: 100,
    });
    // Neighbours and one that is apart: the randomness of each is asked for by ranges.
    const heights = [7n, 5n, 6n, 50n];
    const votes = heights.map((height) => ({ height, appHash: block(`${height}`) }));
    const answers = await voteRemotely(signer, { key, chain, votes });
    expect(kindsOf(answers)).toEqual(heights.map((height) => [height, "new"]));
    for (const answer of answers) {
      if (answer.kind === "refused") expect.unreachable();
      else {
        expect(answer.vote).toMatchObject({ finalityProvider: key, height: answer.height });
        expect(verifyVote(commitment, answer.vote, proof(answer.height))).toBe(true);
      }
    }
    expect(kindsOf(await voteRemotely(signer, { key, chain, votes }))).toEqual(
      heights.map((height) => [height, "same"]),
    );
  });

  it("returns refused heights one by one, alone and in a batch", async () => {
    const made = homeWithKey();
    const signer = connect((await startSigner(made)).address);
    const vote = (chainHeight: bigint | undefined, name: string, ...heights: bigint[]) => {
      const votes = heights.map((height) => ({ height, appHash: block(name) }));
      return voteRemotely(signer, { key: made.key.publicKey, chain, votes, chainHeight });
    };
    expect(kindsOf(await vote(undefined, "a", 5n))).toEqual([[5n, "new"]]);
    const [alone] = await vote(undefined, "b", 5n);
    expect(alone).toMatchObject({ kind: "refused", code: "double-vote" });
    expect(kindsOf(await vote(undefined, "b", 5n, 6n))).toEqual([
      [5n, "double-vote"],
      [6n, "new"],
    ]);
    expect(kindsOf(await vote(8n, "c", 8n))).toEqual([[8n, "at-or-below-chain-height"]]);
    expect(kindsOf(await vote(8n, "c", 8n, 9n))).toEqual([
      [8n, "at-or-below-chain-height"],
      [9n, "new"],
    ]);
  });

  it("signs under the chain's context, and returns it with the vote", async () => {
    const made = homeWithKey();
    const voteContext = "ab".repeat(32);
    const signer = connect((await startSigner(made)).address);
    const votes = [{ height: 5n, appHash: block("a") }];
    const [answer] = await voteRemotely(signer, {
      key: made.key.publicKey,
      chain: { ...chain, voteContext, commitContext: "cd".repeat(32) },
      votes,
    });
    expect(answer).toMatchObject({ kind: "new", vote: { context: voteContext } });
  });

  it("refuses a chain with one signing context only, before it calls the signer, and so does commitRemotely", async () => {
    const made = homeWithKey();
    const signer = connect((await startSigner(made)).address);
    const half = { ...chain, voteContext: "ab".repeat(32) } as ChainConfig;
    const request = { key: made.key.publicKey, chain: half };
    const votes = [{ height: 5n, appHash: block("a") }];
    await expectFailure(voteRemotely(signer, { ...request, votes }), "invalid-argument");
    await expectFailure(commitRemotely(signer, { ...request, start: 1n, count: 2 }), "invalid-argument");
  });

  it("throws for errors that do not concern one height", async () => {
    const made = homeWithKey();
    const signer = connect((await startSigner(made)).address);
    const votes = [{ height: 5n, appHash: block("a") }];
    const key = publicKeyOf(text("b".repeat(32)));
    await expectFailure(voteRemotely(signer, { key, chain, votes }), "key-not-found");
  });
});

describe("voteRemotely, with a signer that breaks the interface", () => {
  const secretKey = text("a".repeat(32));
  const key = publicKeyOf(secretKey);
  const own = honest(secretKey);
  const other = honest(text("b".repeat(32)));
  const ask = async (changed: Parameters<typeof startFalseSigner>[1], ...heights: bigint[]) => {
    const { address, stop } = await startFalseSigner(secretKey, changed);
    onTestFinished(stop);
    const votes = heights.map((height) => ({ height, appHash: block("a") }));
    return voteRemotely(connect(address), { key, chain, votes });
  };

  it("accepts signatures without the list of heights that were signed before", async () => {
    expect(kindsOf(await ask({}, 5n))).toEqual([[5n, "signed"]]);
    expect(kindsOf(await ask({}, 5n, 9n))).toEqual([
      [5n, "signed"],
      [9n, "signed"],
    ]);
  });

  it.each<[string, Parameters<typeof startFalseSigner>[1], bigint[]]>([
    ["another key's signature", { SignEOTS: other.SignEOTS }, [5n]],
    ["another key's signatures", { SignBatchEOTS: other.SignBatchEOTS }, [5n, 6n]],
    ["another key's randomness", { CreateRandomnessPairList: other.CreateRandomnessPairList }, [5n]],
    [
      "a signature of another height",
      { SignEOTS: (asked) => own.SignEOTS({ ...asked, height: asked.height + 1n }) },
      [5n],
    ],
    [
      "a signature of another block",
      { SignEOTS: (asked) => own.SignEOTS({ ...asked, msg: block("b") }) },
      [5n],
    ],
  ])("refuses %s with signer-error", async (_what, changed, heights) => {
    const { message } = await expectFailure(ask(changed, ...heights), "signer-error");
    expect(message).toContain("at height 5 does not verify");
  });
});
