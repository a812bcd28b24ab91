import { describe, expect, it, vi } from "vitest";
import { hex } from "../../../src/core/bytes.js";
import { curve } from "../../../src/core/curve/index.js";
import { TapstakeError } from "../../../src/core/errors.js";
import { sha256 } from "../../../src/core/hashes.js";
import { publicKeyOf } from "../../../src/core/keys.js";
import { scalar } from "../../../src/core/scalar.js";
import { eots } from "../../../src/crypto/eots.js";
import { randomness } from "../../../src/crypto/randomness.js";
import { openProtection } from "../../../src/finality/protection/protection.js";
import { covers } from "../../../src/finality/protection/store.js";
import { RandomnessCache } from "../../../src/finality/randomness/cache.js";
import { Voter, type VoteResult } from "../../../src/finality/voter.js";
import { commitmentMessage, voteMessage } from "../../../src/vote/messages.js";
import { refusal } from "../../support/refusal.js";
import { CHAIN, hash, inHome, newHome, newSigner, testKey, voterOf } from "../../support/signer.js";
import { bytes, eotsVectors } from "../../support/vectors.js";

const key = testKey();
const CONTEXT = "ab".repeat(32);

/** A commitment to one height, which this store takes without checks. */
const commitmentTo = (startHeight: bigint) => ({
  startHeight,
  count: 1,
  root: hash(1),
  signature: new Uint8Array(64),
  subtrees: null,
});

type Signed = Extract<VoteResult, { kind: "new" | "same" }>;

describe("a vote", () => {
  it("is the EOTS of its message under the randomness of its height", () => {
    const { voter, protection } = newSigner();
    const result = voter.vote({ height: 12n, appHash: hash(3) }) as Signed;
    const derived = randomness.derive(key.secretKey, CHAIN.id, 12n);
    const message = voteMessage({ height: 12n, appHash: hash(3) });
    expect(result).toEqual({
      height: 12n,
      kind: "new",
      signature: eots.sign(key.secretKey, derived.secret, message),
      publicRandomness: derived.public,
    });
    expect(voter.voteMessage({ height: 12n, message })).toEqual({ ...result, kind: "same" });
    protection.close();
  });

  it("again is the same signature, after a restart and from another instance too", () => {
    const { home, protection, voter } = newSigner();
    const first = voter.vote({ height: 5n, appHash: hash(1) }) as Signed;
    protection.close();
    inHome(home, (next) => {
      expect(voterOf(next).vote({ height: 5n, appHash: hash(1) })).toEqual({ ...first, kind: "same" });
    });
  });

  it("at the first and the last height of all", () => {
    const { voter, protection } = newSigner();
    protection.addCommitment(key.publicKey, CHAIN.id, commitmentTo(1_000_000_000_000n));
    for (const height of [0n, 1_000_000_000_000n]) {
      expect(voter.vote({ height, appHash: hash(1) }).kind).toBe("new");
      expect(voter.vote({ height, appHash: hash(2) })).toMatchObject({ code: "double-vote" });
    }
    expect(protection.watermarks(key.publicKey, CHAIN.id)).toEqual({
      lowWatermark: 0n,
      highWatermark: 1_000_000_000_000n,
      locked: false,
    });
    protection.close();
  });

  it("of one key and chain does not affect another", () => {
    const other = testKey(8);
    const { protection, voter } = newSigner();
    protection.init(other.publicKey, CHAIN.id, 0n);
    protection.init(key.publicKey, "BBN-TEST", 0n);
    voter.vote({ height: 5n, appHash: hash(1) });
    expect(voterOf(protection, other).vote({ height: 5n, appHash: hash(2) }).kind).toBe("new");
    const chain = { id: "BBN-TEST", minCount: 1 };
    expect(voterOf(protection, key, chain).vote({ height: 5n, appHash: hash(2) }).kind).toBe("new");
    protection.close();
  });

  it("does not change with the bytes that were passed in or returned", () => {
    const { voter, protection } = newSigner();
    const message = voteMessage({ height: 5n, appHash: hash(1) });
    const result = voter.voteMessage({ height: 5n, message }) as Signed;
    const signature = result.signature.slice();
    result.signature.fill(0);
    message.fill(2, 8);
    expect(voter.voteMessage({ height: 5n, message }).kind).toBe("refused");
    expect(
      voter.voteMessage({ height: 5n, message: voteMessage({ height: 5n, appHash: hash(1) }) }),
    ).toMatchObject({
      signature,
    });
    protection.close();
  });

  it("refuses malformed input before it reads the store", () => {
    const { voter, protection } = newSigner(key, null);
    refusal("invalid-number", () => voter.vote({ height: -1n, appHash: hash(1) }));
    refusal("invalid-number", () => voter.vote({ height: 2n ** 64n, appHash: hash(1) }));
    refusal("invalid-number", () => voter.vote({ height: 5 as unknown as bigint, appHash: hash(1) }));
    refusal("invalid-bytes", () => voter.vote({ height: 5n, appHash: hash(1).subarray(1) }));
    refusal("invalid-bytes", () => voter.voteMessage({ height: 5n, message: "x" as unknown as Uint8Array }));
    for (const id of [
      "",
      "x".repeat(129),
      "two words",
      "line\n",
      "\x7f",
      "ü",
      "\ud800",
      5 as unknown as string,
    ]) {
      refusal("invalid-chain-id", () => voterOf(protection, key, { id, minCount: 1 }));
    }
    expect(protection.keyChains()).toEqual([]);
    protection.close();
    refusal("protection-closed", () => voter.vote({ height: 5n, appHash: hash(1) }));
  });

  it("is recorded with a digest and a signature of 32 bytes, or without a signature", () => {
    const { protection } = newSigner();
    protection.init(key.publicKey, CHAIN.id, 0n);
    const entry = { height: 5n, digest: hash(1), signature: hash(2) };
    for (const wrong of [
      { digest: hash(1).subarray(1) },
      { signature: new Uint8Array(33) },
      { signature: "a text of thirty-two characters." as unknown as Uint8Array },
      { digest: undefined as unknown as null },
    ]) {
      const entries = [
        { ...entry, height: 4n },
        { ...entry, ...wrong },
      ];
      refusal("invalid-bytes", () => protection.append(key.publicKey, CHAIN.id, entries));
    }
    expect(protection.records(key.publicKey, CHAIN.id)).toEqual([]);
    protection.append(key.publicKey, CHAIN.id, [entry, { height: 6n, digest: null, signature: null }]);
    protection.close();
  });

  it("refuses a secret that does not belong to its key", () => {
    const { protection } = newSigner();
    refusal("key-mismatch", () => voterOf(protection, { ...key, publicKey: publicKeyOf(hash(8)) }));
    protection.close();
  });
});

describe("the order of a vote", () => {
  it("is look up, sign, write, watermark log, return; a failed write returns nothing", () => {
    const { protection } = newSigner();
    protection.init(key.publicKey, CHAIN.id, 0n);
    const order: string[] = [];
    const spied = new Proxy(protection, {
      get(target, name) {
        const value = Reflect.get(target, name, target) as unknown;
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          order.push(String(name));
          if (name === "append") {
            expect((args[2] as unknown[]).length).toBe(2);
            throw new TapstakeError("protection-unwritable", "the disk is full");
          }
          return (value as (...all: unknown[]) => unknown).apply(target, args);
        };
      },
    });
    const voter = voterOf(spied);
    const votes = [1n, 2n].map((height) => ({ height, appHash: hash(1) }));
    refusal("protection-unwritable", () => voter.batch(votes));
    expect(order).toEqual(["committed", "watermarks", "committed", "recordsAt", "append"]);
    expect(protection.record(key.publicKey, CHAIN.id, 1n)).toBeNull();
    protection.close();
  });

  it("of twenty different messages at one height, requested at once, exactly one is signed", async () => {
    const { protection, voter } = newSigner();
    const another = voterOf(protection);
    const results = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        await Promise.resolve();
        return (i % 2 ? voter : another).vote({ height: 7n, appHash: hash(i) });
      }),
    );
    expect(results.filter(({ kind }) => kind === "new")).toHaveLength(1);
    expect(
      results.filter((result) => result.kind === "refused" && result.code === "double-vote"),
    ).toHaveLength(19);
    protection.close();
  });

  it("costs no multiplication on the curve where the randomness is cached, but that of the verification", () => {
    const { protection } = newSigner();
    const cache = new RandomnessCache();
    const voter = new Voter({ uncommitted: "a test", key, protection, chain: CHAIN, cache });
    for (const height of [5n, 6n]) cache.pair(key, CHAIN.id, height);
    const spies = (["pointFromScalar", "pointMultiply", "xOnlyPointAddTweak", "signSchnorr"] as const).map(
      (name) => vi.spyOn(curve, name),
    );
    const verify = vi.spyOn(curve, "verifySchnorr");
    voter.vote({ height: 5n, appHash: hash(1) });
    voter.vote({ height: 6n, appHash: hash(1) });
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
    expect(verify).toHaveBeenCalledTimes(2);
    voter.vote({ height: 7n, appHash: hash(1) });
    expect(spies[0]).toHaveBeenCalledTimes(1);
    vi.restoreAllMocks();
    protection.close();
  });

  it("withholds a signature under wrong randomness of the cache", () => {
    const { protection } = newSigner();
    const cache = new RandomnessCache();
    const { point } = cache.pair(key, CHAIN.id, 5n);
    const negated = point.slice();
    negated[0]! ^= 1;
    const voter = new Voter({ uncommitted: "a test", key, protection, chain: CHAIN, cache });
    for (const wrong of [negated, cache.pair(key, CHAIN.id, 6n).point]) {
      cache.set(key.publicKey, CHAIN.id, 5n, wrong);
      refusal("self-check-failed", () => voter.vote({ height: 5n, appHash: hash(1) }));
    }
    expect(protection.record(key.publicKey, CHAIN.id, 5n)).toBeNull();
    protection.close();
  });

  it("withholds a recorded signature that does not verify, and signs nothing else instead", () => {
    const { protection, voter } = newSigner();
    const vote = { height: 5n, appHash: hash(1) };
    protection.init(key.publicKey, CHAIN.id, 0n);
    const digest = sha256(voteMessage(vote));
    protection.append(key.publicKey, CHAIN.id, [{ height: 5n, digest, signature: hash(3) }]);
    expect(voter.vote(vote)).toMatchObject({ kind: "refused", code: "unknown-earlier-vote" });
    expect(voter.vote({ ...vote, appHash: hash(2) })).toMatchObject({ code: "double-vote" });
    protection.close();
  });
});

describe("the first height of votes", () => {
  it("an imported key is protection-uninitialised until protection init, and the error says what to do", () => {
    const imported = testKey(9, "imported");
    const { protection } = newSigner();
    const voter = voterOf(protection, imported);
    const error = refusal("protection-uninitialised", () => voter.vote({ height: 100n, appHash: hash(1) }));
    expect(error.message).toContain(
      `tapstake fp protection init --key ${hex.encode(imported.publicKey)} --chain bbn-test --from-height`,
    );
    protection.init(imported.publicKey, CHAIN.id, 100n);
    expect(voter.vote({ height: 99n, appHash: hash(1) })).toMatchObject({ code: "below-watermark" });
    expect(voter.vote({ height: 100n, appHash: hash(1) }).kind).toBe("new");
    protection.close();
  });

  it("no height at or below the chain's last known height is signed anew; it only rises", () => {
    const { protection } = newSigner();
    const voter = new Voter({ uncommitted: "a test", key, protection, chain: CHAIN, chainHeight: 50n });
    expect(voter.vote({ height: 50n, appHash: hash(1) })).toMatchObject({ code: "at-or-below-chain-height" });
    const first = voter.vote({ height: 51n, appHash: hash(1) });
    voter.noteChainHeight(60n);
    voter.noteChainHeight(40n);
    expect(voter.vote({ height: 51n, appHash: hash(1) })).toEqual({ ...first, kind: "same" });
    expect(voter.vote({ height: 60n, appHash: hash(1) })).toMatchObject({ code: "at-or-below-chain-height" });
    expect(voter.vote({ height: 61n, appHash: hash(1) }).kind).toBe("new");
    protection.close();
  });

  it("no height at or below a call's known height is signed anew by that call, and the higher of both counts", () => {
    const { protection } = newSigner();
    const voter = new Voter({ uncommitted: "a test", key, protection, chain: CHAIN, chainHeight: 50n });
    const vote = (height: bigint, chainHeight: bigint) =>
      voter.vote({ height, appHash: hash(1) }, { chainHeight });
    expect(vote(50n, 40n)).toMatchObject({ code: "at-or-below-chain-height" });
    expect(vote(60n, 60n)).toMatchObject({ code: "at-or-below-chain-height" });
    expect(vote(60n, 59n).kind).toBe("new");
    expect(vote(60n, 99n).kind).toBe("same");
    expect(voter.vote({ height: 51n, appHash: hash(1) }).kind).toBe("new");
    for (const wrong of [-1n, 1n << 64n, 5 as unknown as bigint]) {
      refusal("invalid-number", () => vote(70n, wrong));
    }
    protection.close();
  });

  it("pruning raises the low watermark, removes votes, and never lowers it", () => {
    const { home, protection, voter } = newSigner();
    for (let height = 10n; height < 20n; height++) voter.vote({ height, appHash: hash(1) });
    expect(protection.prune(key.publicKey, CHAIN.id, 15n)).toBe(5);
    expect(voter.vote({ height: 12n, appHash: hash(1) })).toMatchObject({ code: "below-watermark" });
    expect(voter.vote({ height: 15n, appHash: hash(1) }).kind).toBe("same");
    refusal("would-lower-mark", () => protection.prune(key.publicKey, CHAIN.id, 14n));
    refusal("would-lower-mark", () => protection.init(key.publicKey, CHAIN.id, 14n));
    refusal("invalid-number", () => protection.prune(key.publicKey, CHAIN.id, 21n));
    refusal("protection-uninitialised", () => protection.prune(key.publicKey, "elsewhere", 1n));
    expect(protection.prune(key.publicKey, CHAIN.id, 20n)).toBe(5);
    protection.close();
    inHome(home, (next) => {
      expect(next.watermarks(key.publicKey, CHAIN.id)).toEqual({
        lowWatermark: 20n,
        highWatermark: 19n,
        locked: false,
      });
      expect(voterOf(next).vote({ height: 19n, appHash: hash(2) })).toMatchObject({
        code: "below-watermark",
      });
      expect(voterOf(next).vote({ height: 20n, appHash: hash(2) }).kind).toBe("new");
    });
  });
});

describe("PROTOCOL 11: batches", () => {
  it("duplicate heights in one batch leaked the key: the batch is refused before anything is signed", () => {
    const { protection, voter } = newSigner();
    const votes = [1n, 2n, 3n, 2n].map((height, i) => ({ height, appHash: hash(i) }));
    const spy = vi.spyOn(eots, "signKnown");
    expect(refusal("duplicate-height", () => voter.batch(votes)).details["height"]).toBe(2n);
    refusal("duplicate-height", () => voter.batch([votes[0]!, votes[0]!]));
    expect(spy).not.toHaveBeenCalled();
    vi.restoreAllMocks();
    expect(protection.keyChains()).toMatchObject([{ votes: 0 }]);
    protection.close();
  });

  it("batches that silently drop a refused height: here every height has an answer, in order", () => {
    const { protection, voter } = newSigner();
    protection.init(key.publicKey, CHAIN.id, 3n);
    voter.vote({ height: 5n, appHash: hash(1) });
    voter.vote({ height: 7n, appHash: hash(1) });
    const votes = [9n, 7n, 2n, 5n, 4n].map((height) => ({
      height,
      appHash: height === 5n ? hash(2) : hash(1),
    }));
    const answers = voter
      .batch(votes)
      .map((each) => [each.height, each.kind === "refused" ? each.code : each.kind]);
    expect(answers).toEqual([
      [9n, "new"],
      [7n, "same"],
      [2n, "below-watermark"],
      [5n, "double-vote"],
      [4n, "new"],
    ]);
    expect(voter.batch([])).toEqual([]);
    protection.close();
  });

  it("randomness fetched by range for a batch with a gap: every vote is under the randomness of its own height", () => {
    const { protection, voter } = newSigner();
    const heights = [10n, 11n, 14n, 12n, 90n, 2000n];
    for (const result of voter.batch(heights.map((height) => ({ height, appHash: hash(1) })))) {
      const { height, publicRandomness, signature } = result as Signed;
      expect(publicRandomness).toEqual(randomness.derive(key.secretKey, CHAIN.id, height).public);
      const message = voteMessage({ height, appHash: hash(1) });
      expect(eots.verify(key.publicKey, publicRandomness, message, signature)).toBe(true);
    }
    protection.close();
  });

  it("mixes whole messages and blocks, and records them in one write", () => {
    const { home, protection, voter } = newSigner();
    const message = voteMessage({ height: 2n, appHash: hash(1) });
    expect(
      voter
        .batch([
          { height: 1n, appHash: hash(1) },
          { height: 2n, message },
        ])
        .map(({ kind }) => kind),
    ).toEqual(["new", "new"]);
    expect(voter.vote({ height: 2n, appHash: hash(1) }).kind).toBe("same");
    protection.close();
    inHome(home, (next) => expect(next.records(key.publicKey, CHAIN.id)).toHaveLength(2));
  });
});

describe("a message that the caller made", () => {
  const commitment = commitmentMessage({ startHeight: 5n, count: 1n, root: hash(1) });

  it("is signed as the vote that it is, with any context where the chain has none configured", () => {
    const { protection, voter } = newSigner();
    const message = voteMessage({ height: 5n, appHash: hash(1), context: CONTEXT });
    expect(voter.voteMessage({ height: 5n, message }).kind).toBe("new");
    protection.close();
  });

  it("is refused unless it is a vote for its height, with its whole batch", () => {
    const { protection, voter } = newSigner();
    const vote = { height: 6n, message: voteMessage({ height: 6n, appHash: hash(1) }) };
    for (const message of [new Uint8Array(), hash(1), commitment, vote.message]) {
      refusal("not-a-vote", () => voter.voteMessage({ height: 5n, message }));
      refusal("not-a-vote", () => voter.batch([vote, { height: 5n, message }]));
    }
    expect(voter.vote({ height: 6n, appHash: hash(2) }).kind).toBe("new");
    protection.close();
  });

  it("is signed in any form by a voter with anyMessage", () => {
    const { protection } = newSigner();
    const open = new Voter({ uncommitted: "a test", key, protection, chain: CHAIN, anyMessage: true });
    expect(open.voteMessage({ height: 5n, message: commitment }).kind).toBe("new");
    expect(open.vote({ height: 5n, appHash: hash(1) })).toMatchObject({ code: "double-vote" });
    protection.close();
  });
});

describe("a message for a chain that is configured with a signing context", () => {
  const chain = { ...CHAIN, voteContext: CONTEXT, commitContext: CONTEXT };
  const of = (height: bigint, context?: string) => ({
    height,
    message: voteMessage({ height, appHash: hash(1), ...(context !== undefined && { context }) }),
  });

  it("is signed with that context, or nothing of its call is signed", () => {
    const { protection } = newSigner();
    const voter = voterOf(protection, key, chain);
    for (const context of [undefined, "cd".repeat(32)]) {
      const { message } = refusal("context-mismatch", () => voter.voteMessage(of(5n, context)));
      expect(message).toContain(`, not ${context ?? "none"}.`);
      refusal("context-mismatch", () => voter.batch([of(4n, CONTEXT), of(5n, context)]));
    }
    expect(protection.records(key.publicKey, CHAIN.id)).toEqual([]);
    expect(voter.voteMessage(of(5n, CONTEXT)).kind).toBe("new");
    expect(voter.vote({ height: 5n, appHash: hash(1) }).kind).toBe("same");
    protection.close();
  });

  it("is refused when it is not a vote, and signed in any form by a voter with anyMessage", () => {
    const { protection } = newSigner();
    const other = refusal("not-a-vote", () =>
      voterOf(protection, key, chain).voteMessage({ ...of(5n), height: 6n }),
    );
    expect(other.message).toContain("that came for height 6 is a vote for height 5");
    expect(other.details).toMatchObject({ height: 6n, messageHeight: 5n });
    const open = new Voter({ uncommitted: "a test", key, protection, chain, anyMessage: true });
    expect(open.voteMessage(of(5n)).kind).toBe("new");
    protection.close();
  });
});

describe("PROTOCOL 6: signing contexts", () => {
  it("signing one height both with and without a context is a double sign, and refused", () => {
    const { protection, voter } = newSigner();
    const withContext = voterOf(protection, key, { ...CHAIN, voteContext: CONTEXT, commitContext: CONTEXT });
    expect(voter.vote({ height: 1n, appHash: hash(1) }).kind).toBe("new");
    expect(withContext.vote({ height: 1n, appHash: hash(1) })).toMatchObject({ code: "double-vote" });
    expect(withContext.vote({ height: 2n, appHash: hash(1) }).kind).toBe("new");
    expect(voter.vote({ height: 2n, appHash: hash(1) })).toMatchObject({ code: "double-vote" });
    const message = voteMessage({ height: 2n, appHash: hash(1), context: CONTEXT });
    expect(voter.voteMessage({ height: 2n, message }).kind).toBe("same");
    protection.close();
  });
});

describe("one public key with either of its two secrets stored", () => {
  it("n minus the secret derives other randomness, and is refused a second message all the same", () => {
    const { protection, voter } = newSigner();
    const negated = scalar.toBytes(scalar.negate(scalar.reduce(key.secretKey)));
    const twin = voterOf(protection, { ...key, secretKey: negated });
    expect(twin.publicKey).toEqual(voter.publicKey);
    voter.vote({ height: 1n, appHash: hash(1) });
    expect(
      new Voter({
        uncommitted: "a test",
        key: { ...key, secretKey: negated },
        protection,
        chain: CHAIN,
      }).vote({
        height: 1n,
        appHash: hash(2),
      }),
    ).toMatchObject({
      code: "double-vote",
    });
    const fresh = new Voter({
      uncommitted: "a test",
      key: { ...key, secretKey: negated },
      protection,
      chain: CHAIN,
    });
    expect(fresh.vote({ height: 1n, appHash: hash(1) })).toMatchObject({ code: "unknown-earlier-vote" });
    protection.close();
  });
});

describe("the votes of the Go reference", () => {
  it("are the voter's, and the second message of each is refused", () => {
    const protection = openProtection(newHome());
    for (const vector of eotsVectors()) {
      const secretKey = bytes(vector.Sk);
      const vectorKey = testKey(0, "imported", secretKey);
      const chain = { id: vector.ChainId, minCount: 1 };
      const height = BigInt(vector.Height);
      if (!protection.watermarks(vectorKey.publicKey, chain.id))
        protection.init(vectorKey.publicKey, chain.id, 0n);
      // The reference has random heights, wherever they are.
      if (!protection.committed(vectorKey.publicKey, chain.id).some((range) => covers(range, height)))
        protection.addCommitment(vectorKey.publicKey, chain.id, commitmentTo(height));
      const voter = new Voter({ key: vectorKey, protection, chain });
      const first = voter.voteMessage({ height, message: bytes(vector.Msg1) }) as Signed;
      expect(hex.encode(first.signature)).toBe(vector.Sig1);
      expect(hex.encode(first.publicRandomness)).toBe(vector.PubRand);
      expect(voter.voteMessage({ height, message: bytes(vector.Msg2) })).toMatchObject({
        code: "double-vote",
      });
      expect(voter.voteMessage({ height, message: bytes(vector.Msg1) })).toEqual({ ...first, kind: "same" });
    }
    protection.close();
  });
});
