import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../src/core/errors.js";
import { sha256 } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import type { MerkleProof } from "../../src/crypto/merkle.js";
import { commitRandomness } from "../../src/finality/randomness/commit.js";
import {
  checkVote,
  type Commitment,
  type FinalityVote,
  signVoteUnprotected,
  verifyVote,
} from "../../src/vote/vote.js";
import { refusal } from "../support/refusal.js";
import { secretOf } from "../support/stake.js";

const secretKey = secretOf("provider");
const range = { secretKey, chainId: "chain-1", startHeight: 100n, count: 21 };
const { commitment, proof } = commitRandomness(range);
const request = { secretKey, chainId: "chain-1", appHash: sha256(new Uint8Array([1])) };
const voteAt = (height: bigint, more = {}) => signVoteUnprotected({ ...request, height, ...more });
const stranger = publicKeyOf(secretOf("stranger"));
const flipped = (bytes: Uint8Array) => bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1);

interface Checked {
  readonly commitment: Commitment;
  readonly vote: FinalityVote;
  readonly proof: MerkleProof;
}

const good: Checked = { commitment, vote: voteAt(105n), proof: proof(105n) };
const withVote = (changed: Partial<FinalityVote>) => ({ ...good, vote: { ...good.vote, ...changed } });

describe("checkVote", () => {
  it.each([100n, 105n, 120n])("accepts a vote for height %i of 100 to 120", (height) => {
    expect(checkVote(commitment, voteAt(height), proof(height))).toBeUndefined();
    expect(verifyVote(commitment, voteAt(height), proof(height))).toBe(true);
  });

  it.each<[string, Checked, ErrorCode, string]>([
    [
      "a vote of another provider than the commitment's",
      withVote({ finalityProvider: stranger }),
      "key-mismatch",
      "the commitment is of",
    ],
    [
      "a commitment that its provider has not signed",
      { ...good, commitment: { ...commitment, signature: flipped(commitment.signature) } },
      "invalid-signature",
      "the commitment is not signed",
    ],
    [
      "a height below the commitment's first",
      { ...good, vote: voteAt(99n) },
      "index-out-of-range",
      "covers 100 to 120",
    ],
    [
      "a height above the commitment's last",
      { ...good, vote: voteAt(121n) },
      "index-out-of-range",
      "covers 100 to 120",
    ],
    ["the proof of another height", { ...good, proof: proof(106n) }, "invalid-proof", "at height 105"],
    [
      "other randomness than the commitment's",
      withVote({ publicRandomness: voteAt(106n).publicRandomness }),
      "invalid-proof",
      "at height 105",
    ],
    [
      "a signature that was altered",
      withVote({ signature: flipped(good.vote.signature) }),
      "invalid-signature",
      "the vote is not signed",
    ],
    [
      "a signature for another block",
      withVote({ appHash: sha256(new Uint8Array([2])) }),
      "invalid-signature",
      "the vote is not signed",
    ],
    [
      "a signature under another context",
      withVote({ context: "ab".repeat(32) }),
      "invalid-signature",
      "the vote is not signed",
    ],
  ])("refuses %s, for which verifyVote is false", (_what, checked, code, text) => {
    const { message } = refusal(code, () => checkVote(checked.commitment, checked.vote, checked.proof));
    expect(message).toContain(text);
    expect(verifyVote(checked.commitment, checked.vote, checked.proof)).toBe(false);
  });
});
