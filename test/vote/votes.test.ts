import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes, hex } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { scalar } from "../../src/core/scalar.js";
import { eots } from "../../src/crypto/eots.js";
import type { MerkleProof } from "../../src/crypto/merkle.js";
import { randomness } from "../../src/crypto/randomness.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { extractFromVotes } from "../../src/extract/evidence.js";
import { commitRandomness } from "../../src/finality/randomness/commit.js";
import { commitmentDigest, signingContext, voteMessage } from "../../src/vote/messages.js";
import {
  type Commitment,
  type FinalityVote,
  signVoteUnprotected,
  verifyCommitment,
  verifyRandomness,
  verifyVote,
} from "../../src/vote/vote.js";
import { runs } from "../support/runs.js";
import { codeOf, secretOf } from "../support/stake.js";
import { eotsVectors } from "../support/vectors.js";

const secretKey = secretOf("provider");
const chainId = "chain-1";
const request = { secretKey, chainId, startHeight: 100n, count: 21 };
const { commitment, proof } = commitRandomness(request);
const appHash = sha256(new Uint8Array([1]));
const voteAt = (height: bigint, more: Partial<Parameters<typeof signVoteUnprotected>[0]> = {}) =>
  signVoteUnprotected({ secretKey, chainId, height, appHash, ...more });
const vote = voteAt(105n);
const context = signingContext("fp_fin_vote", chainId, "bbn1module");

describe("a commitment", () => {
  it("is signed over its first height, its count and its root", () => {
    expect(verifyCommitment(commitment)).toBe(true);
    const digest = commitmentDigest({ startHeight: 100n, count: 21n, root: commitment.root });
    expect(schnorr.verify(publicKeyOf(secretKey), digest, commitment.signature)).toBe(true);
  });

  it("is the same from the kernel and from the library alone, and names which computed it", () => {
    const long = { ...request, count: 1_200 };
    const [kernel, library] = [commitRandomness(long), commitRandomness({ ...long, constantTime: true })];
    expect(kernel.commitment.root).toEqual(library.commitment.root);
    expect(kernel.report).toEqual({ kernel: 1_200, library: 0, mismatches: 0, collisions: 0 });
    expect(library.report).toEqual({ kernel: 0, library: 1_200, mismatches: 0, collisions: 0 });
    expect(
      verifyRandomness(kernel.commitment, 1_299n, voteAt(1_299n).publicRandomness, kernel.proof(1_299n)),
    ).toBe(true);
  });

  it("proves the randomness of each of its heights, and of no other", () => {
    for (let height = 95n; height < 125n; height++) {
      const inside = height >= 100n && height < 121n;
      const { publicRandomness } = voteAt(height);
      if (inside) {
        expect(verifyRandomness(commitment, height, publicRandomness, proof(height))).toBe(true);
        expect(verifyRandomness(commitment, height + 1n, publicRandomness, proof(height))).toBe(false);
        expect(verifyRandomness(commitment, height, commitment.root, proof(height))).toBe(false);
      } else {
        expect(() => proof(height)).toThrow(expect.objectContaining({ code: "index-out-of-range" }));
      }
    }
    for (const height of [-1n, 0n, 2n ** 53n + 100n, 2n ** 64n + 105n]) {
      expect(() => proof(height)).toThrow(expect.objectContaining({ code: "index-out-of-range" }));
    }
  });

  it("randomness fetched by range for a batch with a gap: every vote keeps the randomness of its height", () => {
    for (const height of [100n, 101n, 104n, 105n, 110n, 120n]) {
      expect(verifyVote(commitment, voteAt(height), proof(height))).toBe(true);
    }
  });

  it("with a signing context verifies with that context only", () => {
    const v3 = signingContext("fp_rand_commit", chainId, "bbn1module");
    const { commitment: signed } = commitRandomness({ ...request, context: v3 });
    const { context: _, ...bare } = signed;
    expect(verifyCommitment(signed)).toBe(true);
    expect(verifyCommitment(bare)).toBe(false);
    expect(verifyCommitment({ ...signed, context })).toBe(false);
    expect(signed.root).toEqual(commitment.root);
  });

  it("is false for no heights, though it is signed", () => {
    const digest = commitmentDigest({ startHeight: 100n, count: 0, root: commitment.root });
    const signature = schnorr.sign(secretKey, digest);
    expect(verifyCommitment({ ...commitment, count: 0, signature })).toBe(false);
  });

  it("is false with any field changed", () => {
    const changes: Partial<Commitment>[] = [
      { startHeight: 101n },
      { count: 22 },
      { root: appHash },
      { finalityProvider: publicKeyOf(secretOf("b")) },
      { signature: flipped(commitment.signature) },
      { context },
    ];
    for (const change of changes) expect(verifyCommitment({ ...commitment, ...change })).toBe(false);
  });

  it.each([
    ["a count of 0", { count: 0 }, "invalid-number"],
    ["a count that is no integer", { count: 1.5 }, "invalid-number"],
    ["a start that is no bigint", { startHeight: 100 as never }, "invalid-number"],
    ["a start below 0", { startHeight: -1n }, "invalid-number"],
    ["heights beyond 64 bits", { startHeight: 2n ** 64n - 20n }, "invalid-number"],
    ["heights whose end does not fit 64 bits", { startHeight: 2n ** 64n - 21n }, "invalid-number"],
    ["a secret of zeros", { secretKey: new Uint8Array(32) }, "invalid-secret-key"],
    ["an invalid context", { context: "v3" }, "invalid-hex"],
  ])("of %s is refused", async (_, change, code) => {
    expect(await codeOf(() => commitRandomness({ ...request, ...change }))).toBe(code);
  });

  it("may end one height below the last, as the chain adds start and count in 64 bits", () => {
    const last = commitRandomness({ ...request, startHeight: 2n ** 64n - 22n });
    const height = 2n ** 64n - 2n;
    expect(verifyVote(last.commitment, voteAt(height), last.proof(height))).toBe(true);
  });
});

describe("a vote", () => {
  it("counts with the proof of its height, with and without a context", () => {
    expect(verifyVote(commitment, vote, proof(105n))).toBe(true);
    expect(verifyVote(commitment, voteAt(105n, { context }), proof(105n))).toBe(true);
  });

  const index = proof(105n);
  const other = commitRandomness({ ...request, startHeight: 101n });
  const elsewhere = commitRandomness({ ...request, chainId: "chain-2" });
  const strangers = commitRandomness({ ...request, secretKey: secretOf("b") });
  const { context: _, ...withoutContext } = voteAt(105n, { context });
  const cases: readonly [name: string, by: Commitment, vote: FinalityVote, proof: MerkleProof][] = [
    ["of another height", commitment, { ...vote, height: 106n }, index],
    ["of another height, with that height's proof", commitment, { ...vote, height: 106n }, proof(106n)],
    ["with another height's proof", commitment, vote, proof(106n)],
    [
      "with another height's randomness",
      commitment,
      { ...vote, publicRandomness: voteAt(106n).publicRandomness },
      index,
    ],
    ["with a proof that names another index", commitment, vote, { ...index, index: 6 }],
    ["with a proof of another total", commitment, vote, { ...index, total: 22 }],
    ["under a commitment of another count", { ...commitment, count: 22 }, vote, { ...index, total: 22 }],
    ["with an aunt short", commitment, vote, { ...index, aunts: index.aunts.slice(1) }],
    ["with an aunt more", commitment, vote, { ...index, aunts: [...index.aunts, appHash] }],
    ["under a commitment of other heights", other.commitment, vote, index],
    ["under a commitment of another chain", elsewhere.commitment, vote, elsewhere.proof(105n)],
    ["under a stranger's commitment", strangers.commitment, vote, strangers.proof(105n)],
    [
      "in a stranger's name",
      commitment,
      { ...vote, finalityProvider: strangers.commitment.finalityProvider },
      index,
    ],
    ["under a commitment that is not signed", { ...commitment, signature: new Uint8Array(64) }, vote, index],
    [
      "under a commitment signed for another root",
      { ...commitment, root: other.commitment.root },
      vote,
      index,
    ],
    ["with an altered signature", commitment, { ...vote, signature: flipped(vote.signature) }, index],
    ["with another vote's signature", commitment, { ...vote, signature: voteAt(106n).signature }, index],
    ["for another hash", commitment, { ...vote, appHash: sha256(appHash) }, index],
    ["without the context that it was signed with", commitment, withoutContext, index],
    ["with a context that it was not signed with", commitment, { ...vote, context }, index],
    ["with an invalid context", commitment, { ...vote, context: "v3" }, index],
  ];
  it.each(cases)("does not count %s", (_name, by, bad, with_) => {
    expect(verifyVote(by, bad, with_)).toBe(false);
  });

  it("does not count for another provider, though signed under randomness of the commitment", () => {
    const stranger = secretOf("b");
    const { secret } = randomness.derive(secretKey, chainId, 105n);
    const theirs: FinalityVote = {
      ...vote,
      finalityProvider: publicKeyOf(stranger),
      signature: eots.sign(stranger, secret, voteMessage(vote)),
    };
    expect(
      eots.verify(theirs.finalityProvider, vote.publicRandomness, voteMessage(vote), theirs.signature),
    ).toBe(true);
    expect(verifyVote(commitment, theirs, index)).toBe(false);
  });

  it("counts twice at one height, and the two votes reveal the key", () => {
    const fork = voteAt(105n, { appHash: sha256(appHash) });
    expect(verifyVote(commitment, fork, proof(105n))).toBe(true);
    const { finalityProvider, height, publicRandomness } = vote;
    const secret = extractFromVotes({ finalityProvider, height, publicRandomness, canonical: vote, fork });
    expect(publicKeyOf(secret)).toEqual(finalityProvider);
  });

  it("is refused with an invalid secret, hash or height when it is signed", async () => {
    expect(await codeOf(() => voteAt(105n, { secretKey: new Uint8Array(32) }))).toBe("invalid-secret-key");
    expect(await codeOf(() => voteAt(105n, { appHash: new Uint8Array(31) }))).toBe("invalid-bytes");
    expect(await codeOf(() => voteAt(-1n))).toBe("invalid-number");
    expect(await codeOf(() => voteAt(105 as never))).toBe("invalid-number");
  });
});

describe("malformed votes, commitments and proofs are false, and throw no error", () => {
  const index = proof(105n);
  const junk = fc.oneof(
    fc.anything({ withBigInt: true, withTypedArray: true, withNullPrototype: true }),
    fc.constantFrom(
      undefined,
      null,
      0n,
      -1n,
      2n ** 64n,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      new Uint8Array(32),
      new Uint8Array(33),
    ),
  );
  const verifiers: readonly ((by: unknown, vote: unknown, proof: unknown) => boolean)[] = [
    (by, bad, with_) => verifyVote(by as never, bad as never, with_ as never),
    (by, bad, with_) =>
      verifyRandomness(
        by as never,
        (bad as FinalityVote)?.height,
        (bad as FinalityVote)?.publicRandomness,
        with_ as never,
      ),
  ];

  it("in whole", () => {
    fc.assert(
      fc.property(junk, (value) => {
        expect(verifyCommitment(value as never)).toBe(false);
        for (const verify of verifiers) {
          expect(verify(value, vote, index)).toBe(false);
          expect(verify(commitment, value, index)).toBe(false);
          expect(verify(commitment, vote, value)).toBe(false);
        }
      }),
      { numRuns: runs(200) },
    );
  });

  it("in any one field", () => {
    const field = <T extends object>(good: T) =>
      fc
        .tuple(fc.constantFrom(...(Object.keys(good) as (keyof T)[])), junk)
        .filter(([key, value]) => !same(good[key], value));
    fc.assert(
      fc.property(field(commitment), field(vote), field(index), (a, b, c) => {
        const [badCommitment, badVote, badProof] = [
          { ...commitment, [a[0]]: a[1] },
          { ...vote, [b[0]]: b[1] },
          { ...index, [c[0]]: c[1] },
        ];
        expect(verifyCommitment(badCommitment as never)).toBe(false);
        expect(verifyVote(badCommitment as never, vote, index)).toBe(false);
        expect(verifyVote(commitment, badVote as never, index)).toBe(false);
        expect(verifyVote(commitment, vote, badProof as never)).toBe(false);
        expect(typeof verifiers[1]!(badCommitment, vote, index)).toBe("boolean");
        expect(verifiers[1]!(commitment, vote, badProof)).toBe(false);
      }),
      { numRuns: runs(300) },
    );
  });
});

describe("the votes and randomness of the reference", () => {
  it("are signed and verified the same", () => {
    for (const vector of eotsVectors()) {
      const [secret, height] = [hex.decode(vector.Sk), BigInt(vector.Height)];
      const { commitment: by, proof: proofOf } = commitRandomness({
        secretKey: secret,
        chainId: vector.ChainId,
        startHeight: height,
        count: 3,
      });
      const messages = [
        [vector.Msg1, vector.Sig1],
        // The reference negated it in place while extracting, before the file was written.
        [vector.Msg2, negated(vector.Sig2)],
      ] as const;
      for (const [message, signature] of messages) {
        const signed = signVoteUnprotected({
          secretKey: secret,
          chainId: vector.ChainId,
          height,
          appHash: hex.decode(message.slice(16)),
        });
        expect(hex.encode(signed.finalityProvider)).toBe(vector.Pk);
        expect(hex.encode(signed.publicRandomness)).toBe(vector.PubRand);
        expect(verifyRandomness(by, height, signed.publicRandomness, proofOf(height))).toBe(true);
        expect(hex.encode(voteMessage(signed))).toBe(message);
        expect(hex.encode(signed.signature)).toBe(signature);
        expect(verifyVote(by, signed, proofOf(height))).toBe(true);
      }
    }
  });
});

const negated = (text: string) =>
  hex.encode(scalar.toBytes(scalar.negate(scalar.reduce(hex.decode(text, 32)))));

function flipped(bytes: Uint8Array): Uint8Array {
  return concatBytes(bytes.slice(0, -1), Uint8Array.of(bytes.at(-1)! ^ 1));
}

const same = (a: unknown, b: unknown) => Object.is(a, b) || (a === undefined && b === undefined);
