import { describe, expect, it, vi } from "vitest";
import type { Protection } from "../../../src/finality/protection/protection.js";
import type { CommittedContext } from "../../../src/finality/protection/store.js";
import { commitStored, proveCommitted } from "../../../src/finality/randomness/commit.js";
import { Voter } from "../../../src/finality/voter.js";
import type { ChainConfig } from "../../../src/vote/chain.js";
import { voteMessage } from "../../../src/vote/messages.js";
import { refusal } from "../../support/refusal.js";
import {
  answerOf,
  CHAIN,
  commitmentOf,
  hash,
  inHome,
  newHome,
  newSigner,
  testKey,
  voterOf,
} from "../../support/signer.js";

const key = testKey();
const V4 = CHAIN;
const V3: ChainConfig = { ...CHAIN, voteContext: "ab".repeat(32), commitContext: "cd".repeat(32) };
const MOVED: ChainConfig = { ...V3, commitContext: "ef".repeat(32) };

const commit = (protection: Protection, chain: ChainConfig, start: bigint) =>
  commitStored({ key, chain, protection, start, count: 10 });

const cases: readonly (readonly [string, ChainConfig, ChainConfig])[] = [
  ["under a context, and the chain has none", V3, V4],
  ["under no context, and the chain has one", V4, V3],
  ["under a context, and the chain has another", V3, MOVED],
];

describe("vote: the commitment's signing context", () => {
  it.each(cases)("refuses a height committed %s", async (_, made, chain) => {
    const { protection } = newSigner();
    await commit(protection, made, 100n);
    const voter = voterOf(protection, key, chain);
    for (const height of [100n, 109n]) {
      const { details, message } = refusal("context-mismatch", () =>
        voter.vote({ height, appHash: hash(1) }),
      );
      expect(details).toEqual({ chain: CHAIN.id });
      expect(message).toContain("the commitment to heights 100 to 109 has ");
    }
    // Nothing was signed or recorded.
    expect(protection.watermarks(key.publicKey, CHAIN.id)).toMatchObject({ highWatermark: null });
    expect(answerOf(voterOf(protection, key, made), 100n, 2)).toBe("new");
    protection.close();
  });

  it("refuses a message that the caller made, and the whole batch for one such height", async () => {
    const { protection } = newSigner();
    await commit(protection, V3, 100n);
    const voter = voterOf(protection, key, V4);
    for (const context of [{}, { context: V3.voteContext! }]) {
      const message = voteMessage({ height: 105n, appHash: hash(1), ...context });
      refusal("context-mismatch", () => voter.voteMessage({ height: 105n, message }));
    }
    const votes = [99n, 105n].map((height) => ({ height, appHash: hash(1) }));
    refusal("context-mismatch", () => voter.batch(votes));
    refusal("context-mismatch", () => voter.check(votes));
    expect(answerOf(voter, 99n, 2)).toBe("new");
    protection.close();
  });

  it("refuses it also for a voter with anyMessage", async () => {
    const { protection } = newSigner();
    await commit(protection, V3, 100n);
    const voter = new Voter({ uncommitted: "a test", key, protection, chain: V4, anyMessage: true });
    refusal("context-mismatch", () => voter.voteMessage({ height: 105n, message: hash(1) }));
    protection.close();
  });

  it("accepts heights outside every commitment, or of another key or chain", async () => {
    const { protection } = newSigner();
    await commit(protection, V3, 100n);
    await commit(protection, { ...V3, id: "bbn-other" }, 200n);
    await commitStored({ key: testKey(8), chain: V3, protection, start: 300n, count: 10 });
    const voter = voterOf(protection, key, V4);
    for (const height of [99n, 110n, 205n, 305n]) expect(answerOf(voter, height, 1)).toBe("new");
    protection.close();
  });

  it("is looked up without reading commitments, and includes one that is added after the voter was made", async () => {
    const { protection } = newSigner();
    const voter = voterOf(protection, key, V4);
    expect(answerOf(voter, 100n, 1)).toBe("new");
    await commit(protection, V3, 101n);
    const read = vi.spyOn(protection, "commitments");
    expect(answerOf(voter, 101n, 1)).toBe("context-mismatch");
    expect(answerOf(voter, 111n, 1)).toBe("new");
    expect(read).not.toHaveBeenCalled();
    protection.close();
  });

  it("is known after a restart, and for imported commitments", async () => {
    const { home, protection } = newSigner();
    await commit(protection, V3, 100n);
    const history = protection.exportInterchange();
    protection.close();
    inHome(home, (next) => expect(answerOf(voterOf(next, key, V4), 105n, 1)).toBe("context-mismatch"));
    inHome(newHome(), (other) => {
      const voter = voterOf(other, testKey(7, "imported"), V4);
      expect(answerOf(voter, 105n, 1)).toBe("protection-uninitialised");
      other.importInterchange(history, { begin: true });
      expect(answerOf(voter, 105n, 1)).toBe("context-mismatch");
      expect(other.committed(key.publicKey, CHAIN.id)).toEqual([
        { startHeight: 100n, count: 10, context: V3.commitContext },
      ]);
    });
  });

  it("refuses a message with a context at a height committed without one, where the chain has none", async () => {
    const { protection } = newSigner();
    await commit(protection, V4, 100n);
    const voter = voterOf(protection, key, V4);
    const message = (height: bigint) => voteMessage({ height, appHash: hash(1), context: V3.voteContext! });
    for (const height of [100n, 109n]) {
      const { details } = refusal("context-mismatch", () =>
        voter.voteMessage({ height, message: message(height) }),
      );
      expect(details).toEqual({ height, chain: CHAIN.id });
    }
    expect(answerOf(voter, 100n, 1)).toBe("new");
    expect(voter.voteMessage({ height: 110n, message: message(110n) }).kind).toBe("new");
    protection.close();
  });

  it("makes an imported commitment another one, which is skipped and counted", async () => {
    const { protection } = newSigner();
    await commit(protection, V4, 100n);
    const file = protection.exportInterchange();
    const [data] = file.data;
    const commitments = [commitmentOf(100n, 10, { context: V3.commitContext! })];
    const other = { ...file, data: [{ ...data!, commitments }] };
    expect(protection.importInterchange(other)[0]).toMatchObject({ commitments: 0, commitmentsSkipped: 1 });
    expect(protection.importInterchange(file)[0]).toMatchObject({ commitments: 0, commitmentsSkipped: 0 });
    const shouted = {
      ...file,
      data: [{ ...data!, commitments: [{ ...commitments[0]!, context: "CD".repeat(32) }] }],
    };
    refusal("invalid-json", () => protection.importInterchange(shouted));
    protection.close();
  });

  describe("of an imported commitment that overlaps a stored one", () => {
    /** A store with 100 to 109 and 120 to 124 without a context, and a file that says 95 to 129 with one. */
    async function overlapped() {
      const { home, protection } = newSigner();
      await commit(protection, V4, 100n);
      await commitStored({ key, chain: V4, protection, start: 120n, count: 5 });
      const file = protection.exportInterchange();
      const commitments = [commitmentOf(95n, 35, { context: V3.commitContext! })];
      const other = { ...file, data: [{ ...file.data[0]!, commitments }] };
      expect(protection.importInterchange(other)[0]).toMatchObject({
        commitments: 0,
        commitmentsSkipped: 1,
      });
      return { home, protection, other };
    }

    const alone = [95n, 99n, 110n, 119n, 125n, 129n];
    const answers = (protection: Protection, heights: readonly bigint[]) => {
      const voter = voterOf(protection, key, V4);
      return heights.map((height) => answerOf(voter, height, 1));
    };

    it("refuses the heights that it alone covers, and no others", async () => {
      const { protection } = await overlapped();
      expect(answers(protection, alone)).toEqual(alone.map(() => "context-mismatch"));
      expect(answers(protection, [94n, 130n, 100n, 109n, 120n, 124n])).toEqual(Array(6).fill("new"));
      expect(answerOf(voterOf(protection, key, V3), 110n, 1)).toBe("new");
      protection.close();
    });

    it("refuses them after a restart, another import, and an import into another home", async () => {
      const { home, protection, other } = await overlapped();
      expect(protection.importInterchange(other)[0]).toMatchObject({ commitmentsSkipped: 0 });
      const exported = protection.exportInterchange();
      const committed = protection.committed(key.publicKey, CHAIN.id);
      protection.close();
      const inOrder = (all: readonly CommittedContext[]) =>
        [...all].sort((a, b) => (a.startHeight < b.startHeight ? -1 : 1));
      for (const place of [home, newHome()]) {
        inHome(place, (next) => {
          next.importInterchange(exported, { begin: true });
          expect(inOrder(next.committed(key.publicKey, CHAIN.id))).toEqual(inOrder(committed));
          next.init(key.publicKey, CHAIN.id, 0n);
          expect(answers(next, alone)).toEqual(alone.map(() => "context-mismatch"));
          expect(next.overlapping(key.publicKey, CHAIN.id)).toMatchObject([
            { startHeight: 95n, count: 35, context: V3.commitContext },
          ]);
          expect(next.exportInterchange().data[0]!.commitments).toEqual(exported.data[0]!.commitments);
        });
      }
    });

    it("serves no proof, and refuses an overlapping commitment", async () => {
      const { protection } = await overlapped();
      expect(protection.commitments(key.publicKey, CHAIN.id)).toMatchObject([
        { startHeight: 100n, count: 10 },
        { startHeight: 120n, count: 5 },
      ]);
      await expect(proveCommitted({ key, chain: V3, protection, height: 110n })).rejects.toMatchObject({
        code: "no-commitment",
      });
      await expect(commit(protection, V4, 110n)).rejects.toMatchObject({ code: "commitment-overlap" });
      protection.close();
    });
  });

  it("may differ for a voter that is made so", async () => {
    const { protection } = newSigner();
    await commit(protection, V4, 100n);
    const voter = new Voter({ uncommitted: "a test", key, protection, chain: V3, otherContext: true });
    expect(answerOf(voter, 105n, 1)).toBe("new");
    protection.close();
  });
});

describe("chain configuration: one signing context without the other", () => {
  const { commitContext: _, ...voteAlone } = V3;
  const { voteContext: __, ...commitAlone } = V3;
  const halves = [voteAlone, commitAlone].map((half) => half as ChainConfig);

  it("refuses to make a voter", () => {
    const { protection } = newSigner();
    for (const chain of halves)
      refusal("invalid-argument", () => new Voter({ uncommitted: "a test", key, protection, chain }));
    protection.close();
  });

  it("refuses to make a commitment", async () => {
    const { protection } = newSigner();
    for (const chain of halves) {
      await expect(commit(protection, chain, 100n)).rejects.toMatchObject({ code: "invalid-argument" });
    }
    expect(protection.commitments(key.publicKey, CHAIN.id)).toEqual([]);
    protection.close();
  });
});
