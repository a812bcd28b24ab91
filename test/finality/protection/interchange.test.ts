import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.js";
import { sha256 } from "../../../src/core/hashes.js";
import { openHome } from "../../../src/finality/home.js";
import { previewImport } from "../../../src/finality/protection/import.js";
import { type Interchange, parseInterchange } from "../../../src/finality/protection/interchange.js";
import { openProtection, type Protection } from "../../../src/finality/protection/protection.js";
import { commitStored } from "../../../src/finality/randomness/commit.js";
import { voteMessage } from "../../../src/vote/messages.js";
import { verifyCommitment } from "../../../src/vote/vote.js";
import { killedAtEachStep } from "../../support/killed.js";
import { refusal } from "../../support/refusal.js";
import {
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
const KEY = hex.encode(key.publicKey);
const digestOf = (height: bigint, fill: number) =>
  hex.encode(sha256(voteMessage({ height, appHash: hash(fill) })));

/** A file about the test's key. */
const file = (changes: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}) => ({
  metadata: {
    format: "tapstake-protection",
    version: 1,
    exportedAt: "2026-01-01T00:00:00.000Z",
    ...metadata,
  },
  data: [{ key: KEY, chain: CHAIN.id, lowest: "0", highest: null, votes: [], ...changes }],
});

const vote = (height: bigint, fill: number) => ({ height: String(height), digest: digestOf(height, fill) });

function inNewHome<T>(work: (protection: Protection) => T): T {
  const protection = openProtection(newHome());
  try {
    return work(protection);
  } finally {
    protection.close();
  }
}

const answer = (protection: Protection, height: bigint, fill = 1) => {
  const result = voterOf(protection).vote({ height, appHash: hash(fill) });
  return result.kind === "refused" ? result.code : result.kind;
};

describe("an interchange file, exported and imported", () => {
  it("is complete: the last vote again is the same, another message is refused, watermarks and commitments are kept", async () => {
    const { protection, voter } = newSigner();
    for (let height = 10n; height < 20n; height++) voter.vote({ height, appHash: hash(1) });
    protection.prune(key.publicKey, CHAIN.id, 12n);
    await commitStored({
      key,
      chain: { ...CHAIN, voteContext: "cd".repeat(32), commitContext: "ab".repeat(32) },
      protection,
      start: 30n,
      count: 20,
    });
    const exported = JSON.parse(JSON.stringify(protection.exportInterchange())) as Interchange;
    const last = voter.vote({ height: 19n, appHash: hash(1) });
    protection.close();

    const home = newHome();
    inHome(home, (next) => {
      const [report] = next.importInterchange(exported, { begin: true });
      expect(report).toMatchObject({
        chainId: CHAIN.id,
        lowWatermark: 19n,
        highWatermark: 19n,
        added: 8,
        conflicts: [],
        commitments: 1,
      });
      expect(next.importInterchange(exported, { begin: true })[0]).toMatchObject({
        added: 0,
        conflicts: [],
        commitments: 0,
        commitmentsSkipped: 0,
      });
    });
    inHome(home, (next) => {
      expect(voterOf(next).vote({ height: 19n, appHash: hash(1) })).toEqual(last);
      expect(answer(next, 19n, 2)).toBe("double-vote");
      expect(answer(next, 15n, 2)).toBe("double-vote");
      expect(answer(next, 15n, 1)).toBe("below-watermark");
      expect(answer(next, 11n)).toBe("below-watermark");
      expect(answer(next, 20n)).toBe("new");
      const [again] = next.exportInterchange().data;
      expect(again!.commitments).toEqual(exported.data[0]!.commitments);
      expect(
        again!.votes.slice(0, 8).map(({ height, digest, signature }) => ({ height, digest, signature })),
      ).toEqual(
        exported.data[0]!.votes.map(({ height, digest, signature }) => ({ height, digest, signature })),
      );
    });
  });

  it("signs nothing new at an omitted height, where its signer may have voted after the export", () => {
    inNewHome((protection) => {
      protection.importInterchange(
        file({ lowest: "0", highest: "200", votes: [vote(100n, 1), vote(200n, 1)] }),
        { begin: true },
      );
      expect(answer(protection, 150n)).toBe("below-watermark");
      expect(answer(protection, 200n, 2)).toBe("double-vote");
      expect(answer(protection, 201n)).toBe("new");
    });
    // Nor where a person has said where to begin, or this signer has voted beyond.
    inNewHome((protection) => {
      protection.init(key.publicKey, CHAIN.id, 101n);
      expect(answer(protection, 110n)).toBe("new");
      expect(answer(protection, 300n)).toBe("new");
      protection.importInterchange(
        file({ lowest: "0", highest: "200", votes: [vote(100n, 1), vote(200n, 1)] }),
        { begin: true },
      );
      for (const height of [110n, 150n]) expect(answer(protection, height)).toBe("below-watermark");
      expect(answer(protection, 201n)).toBe("new");
    });
  });

  it("initialises a key that had no watermarks", () => {
    inNewHome((protection) => {
      refusal("protection-uninitialised", () => answer(protection, 5n));
      protection.importInterchange(file({ lowest: "5", highest: "4" }), { begin: true });
      expect(answer(protection, 4n)).toBe("below-watermark");
      expect(answer(protection, 5n)).toBe("new");
    });
  });

  it("never lowers a watermark", () => {
    inNewHome((protection) => {
      protection.init(key.publicKey, CHAIN.id, 50n);
      protection.append(key.publicKey, CHAIN.id, [{ height: 80n, digest: hash(1), signature: null }]);
      protection.importInterchange(file({ lowest: "10", highest: "20", votes: [vote(20n, 1)] }), {
        begin: true,
      });
      expect(protection.watermarks(key.publicKey, CHAIN.id)).toEqual({
        lowWatermark: 50n,
        highWatermark: 80n,
        locked: false,
      });
      protection.importInterchange(file({ lowest: "60", highest: "90", votes: [vote(90n, 1)] }), {
        begin: true,
      });
      expect(protection.watermarks(key.publicKey, CHAIN.id)).toEqual({
        lowWatermark: 90n,
        highWatermark: 90n,
        locked: false,
      });
    });
  });

  it("adds the signature to a record of the same message, which then gives the same vote", () => {
    const { protection, voter } = newSigner();
    const signed = voter.vote({ height: 5n, appHash: hash(1) });
    const exported = JSON.parse(JSON.stringify(protection.exportInterchange())) as Interchange;
    protection.close();
    inNewHome((next) => {
      next.importInterchange(file({ lowest: "0", highest: "5", votes: [vote(5n, 1)] }), { begin: true });
      expect(answer(next, 5n)).toBe("unknown-earlier-vote");
      expect(next.importInterchange(exported, { begin: true })).toMatchObject([
        { added: 0, conflicts: [], blocked: [] },
      ]);
      expect(voterOf(next).vote({ height: 5n, appHash: hash(1) })).toEqual({ ...signed, kind: "same" });
      // What a later file has no signature of stays.
      next.importInterchange(file({ lowest: "0", highest: "5", votes: [vote(5n, 1)] }), { begin: true });
      expect(answer(next, 5n)).toBe("same");
      expect(answer(next, 5n, 2)).toBe("double-vote");
    });
  });

  it("restores nothing that was pruned", () => {
    const { protection, voter } = newSigner();
    for (let height = 10n; height < 20n; height++) voter.vote({ height, appHash: hash(1) });
    const exported = JSON.parse(JSON.stringify(protection.exportInterchange())) as Interchange;
    protection.prune(key.publicKey, CHAIN.id, 15n);
    expect(protection.importInterchange(exported, { begin: true })).toMatchObject([
      { added: 0, lowWatermark: 19n },
    ]);
    expect(protection.records(key.publicKey, CHAIN.id).map(({ height }) => height)).toEqual([
      15n,
      16n,
      17n,
      18n,
      19n,
    ]);
    protection.close();
  });

  it("a record without a digest matches no message, so it only blocks", () => {
    inNewHome((protection) => {
      protection.importInterchange(
        file({
          highest: "7",
          votes: [
            { height: "5" },
            { height: "6", digest: null, signature: "aa".repeat(32) },
            { height: "7", digest: null },
          ],
        }),
        { begin: true },
      );
      for (const height of [5n, 6n, 7n]) {
        expect(answer(protection, height, 1)).toBe("unknown-earlier-vote");
        expect(answer(protection, height, 2)).toBe("unknown-earlier-vote");
      }
      expect(answer(protection, 8n)).toBe("new");
    });
  });

  it("a record without a digest blocks what was signed here at its height, for good", () => {
    const { home, protection, voter } = newSigner();
    for (const height of [5n, 6n]) voter.vote({ height, appHash: hash(1) });
    const exported = JSON.parse(JSON.stringify(protection.exportInterchange())) as Interchange;
    const [report] = protection.importInterchange(file({ highest: "5", votes: [{ height: "5" }] }), {
      begin: true,
    });
    expect(report).toMatchObject({ added: 0, conflicts: [], blocked: [5n] });
    expect([5n, 6n].map((height) => answer(protection, height))).toEqual(["unknown-earlier-vote", "same"]);
    expect(protection.importInterchange(exported, { begin: true })).toMatchObject([
      { conflicts: [], blocked: [5n] },
    ]);
    protection.close();
    inHome(home, (next) => expect(answer(next, 5n)).toBe("unknown-earlier-vote"));
  });

  it("a record without a digest blocks what the same file has at its height, in either order", () => {
    const { protection, voter } = newSigner();
    voter.vote({ height: 5n, appHash: hash(1) });
    const [{ votes } = { votes: [] }] = protection.exportInterchange().data;
    protection.close();
    for (const twice of [
      [...votes, { height: "5" }],
      [{ height: "5" }, ...votes],
    ]) {
      inNewHome((next) => {
        const [report] = next.importInterchange(file({ highest: "5", votes: twice }), { begin: true });
        expect(report).toMatchObject({ added: 1, blocked: [5n] });
        expect(answer(next, 5n)).toBe("unknown-earlier-vote");
      });
    }
  });

  it("a record with a digest and without a signature blocks every message", () => {
    inNewHome((protection) => {
      protection.importInterchange(file({ highest: "5", votes: [vote(5n, 1)] }), { begin: true });
      expect(answer(protection, 5n, 1)).toBe("unknown-earlier-vote");
      expect(answer(protection, 5n, 2)).toBe("double-vote");
    });
  });

  it("a signature that does not verify is not returned", () => {
    inNewHome((protection) => {
      protection.importInterchange(
        file({ highest: "5", votes: [{ ...vote(5n, 1), signature: "11".repeat(32) }] }),
        { begin: true },
      );
      expect(answer(protection, 5n, 1)).toBe("unknown-earlier-vote");
    });
  });

  it("another message than the recorded one blocks both, and is reported", () => {
    const { protection, voter } = newSigner();
    voter.vote({ height: 5n, appHash: hash(1) });
    voter.vote({ height: 6n, appHash: hash(1) });
    const [report] = protection.importInterchange(file({ highest: "6", votes: [vote(5n, 2), vote(6n, 1)] }), {
      begin: true,
    });
    expect(report).toMatchObject({ conflicts: [5n], added: 0 });
    expect(answer(protection, 5n, 1)).toBe("unknown-earlier-vote");
    expect(answer(protection, 5n, 2)).toBe("unknown-earlier-vote");
    expect(answer(protection, 6n, 1)).toBe("same");
    const { home } = protection;
    protection.close();
    inHome(home, (next) => expect(answer(next, 5n, 1)).toBe("unknown-earlier-vote"));
  });

  it("duplicate entries for a key, chain or height are merged; two messages at one height block both", () => {
    inNewHome((protection) => {
      const one = file({ lowest: "3", highest: "9", votes: [vote(9n, 1), vote(8n, 1), vote(8n, 2)] })
        .data[0]!;
      const two = {
        ...one,
        key: KEY.toUpperCase(),
        lowest: "4",
        highest: "11",
        votes: [vote(9n, 2), vote(11n, 1)],
      };
      protection.importInterchange({ ...file(), data: [one, two] }, { begin: true });
      expect(protection.keyChains()).toHaveLength(1);
      for (const height of [8n, 9n]) expect(answer(protection, height)).toBe("unknown-earlier-vote");
      expect(protection.watermarks(key.publicKey, CHAIN.id)).toEqual({
        lowWatermark: 11n,
        highWatermark: 11n,
        locked: false,
      });
    });
  });

  it("duplicate entries for a key and chain are locked where one of them is", () => {
    for (const helds of [
      [false, true],
      [true, false],
    ]) {
      inNewHome((protection) => {
        const data = helds.map((held) => file({ held }).data[0]!);
        protection.importInterchange({ ...file(), data }, { begin: true });
        refusal("protection-uninitialised", () => answer(protection, 5n));
      });
    }
  });

  it("where the highest vote is not among the votes, nothing up to it is signed", () => {
    inNewHome((protection) => {
      protection.importInterchange(file({ highest: "20", votes: [vote(5n, 1)] }), { begin: true });
      for (const height of [0n, 4n, 6n, 20n]) expect(answer(protection, height)).toBe("below-watermark");
      expect(answer(protection, 21n)).toBe("new");
    });
  });

  it("leaves out what is above the last height, so that one absurd vote does not end the key", () => {
    const absurd = 2n ** 64n - 1n;
    const votes = [vote(5n, 1), vote(9n, 1), vote(absurd, 1)];
    inNewHome((protection) => {
      const [report] = protection.importInterchange(file({ highest: String(absurd), votes }), {
        begin: true,
      });
      expect(report).toMatchObject({ beyond: 1, added: 2, lowWatermark: 9n, highWatermark: 9n });
      expect(answer(protection, 10n)).toBe("new");
      expect(answer(protection, absurd)).toBe("height-too-high");
    });
    inNewHome((protection) => {
      protection.init(key.publicKey, CHAIN.id, 0n);
      expect(answer(protection, 7n)).toBe("new");
      // As an earlier release has signed it.
      protection.append(key.publicKey, CHAIN.id, [{ height: absurd, digest: hash(1), signature: null }]);
      const exported = protection.exportInterchange();
      expect(exported.data[0]!.highest).toBe(`${absurd}`);
      inNewHome((next) => {
        next.importInterchange(exported, { begin: true });
        expect(next.watermarks(key.publicKey, CHAIN.id)).toMatchObject({
          lowWatermark: 7n,
          highWatermark: 7n,
        });
        expect(answer(next, 8n)).toBe("new");
      });
    });
    inNewHome((protection) => {
      for (const changes of [{ highest: `${absurd}` }, { lowest: "1000000000001" }]) {
        refusal("height-too-high", () => protection.importInterchange(file(changes), { begin: true }));
      }
      expect(protection.keyChains()).toEqual([]);
    });
  });

  it("a highest height below the highest vote is raised to it", () => {
    inNewHome((protection) => {
      protection.importInterchange(file({ highest: "5", votes: [vote(5n, 1), vote(9n, 1)] }), {
        begin: true,
      });
      expect(protection.watermarks(key.publicKey, CHAIN.id)?.highWatermark).toBe(9n);
    });
  });

  it("commitments that overlap others serve no proof, and are counted", async () => {
    const { protection } = newSigner();
    await commitStored({ key, chain: CHAIN, protection, start: 10n, count: 20 });
    const [report] = protection.importInterchange(
      file({ commitments: [commitmentOf(25n, 5), commitmentOf(30n, 5)] }),
    );
    expect(report).toMatchObject({ commitments: 1, commitmentsSkipped: 1 });
    expect(protection.commitments(key.publicKey, CHAIN.id)).toHaveLength(2);
    expect(protection.overlapping(key.publicKey, CHAIN.id)).toEqual([]);
    protection.close();
  });

  describe("a commitment that its key has not signed", () => {
    const good = commitmentOf(10n, 5);
    const context = "ab".repeat(32);
    it.each<[string, object]>([
      ["of another range", { ...good, startHeight: "11" }],
      ["to more heights", { ...good, count: 6 }],
      ["to another root", { ...good, root: "11".repeat(32) }],
      ["with another signature", { ...good, signature: "22".repeat(64) }],
      ["with a context that is not signed", { ...good, context }],
      ["without the context that is signed", { ...commitmentOf(10n, 5, { context }), context: undefined }],
      ["by another key", commitmentOf(10n, 5, { key: testKey(8) })],
    ])("is refused with its place, and nothing of the file is stored: %s", (_, bad) => {
      inNewHome((protection) => {
        const commitments = [commitmentOf(1n, 2), JSON.parse(JSON.stringify(bad))];
        const whole = file({ highest: "5", votes: [vote(5n, 1)], commitments });
        const { details, message } = refusal("invalid-signature", () =>
          protection.importInterchange(whole, { begin: true }),
        );
        expect(details).toEqual({ path: "interchange.data[0].commitments[1]" });
        expect(message).toContain("interchange.data[0].commitments[1]: its signature is not one by ");
        refusal("invalid-signature", () => previewImport(protection, whole));
        expect([protection.keyChains(), protection.committers()]).toEqual([[], []]);
      });
    });

    it("is refused beyond the last height", () => {
      inNewHome((protection) => {
        const beyond = file({ commitments: [{ ...good, startHeight: String(2n ** 64n - 4n) }] });
        const { details } = refusal("invalid-json", () => protection.importInterchange(beyond));
        expect(details).toEqual({ path: "interchange.data[0].commitments[0]" });
      });
    });
  });

  it("does not begin a key that is unknown here unless begin is set, and stores nothing of the file", () => {
    inNewHome((protection) => {
      const known = { key: hex.encode(testKey(8).publicKey), chain: CHAIN.id };
      protection.init(testKey(8).publicKey, CHAIN.id, 5n);
      const one = file({ highest: "5", votes: [vote(5n, 1)] });
      const both = { ...one, data: [{ ...file({ ...known, lowest: "9" }).data[0]! }, ...one.data] };
      for (const options of [undefined, {}, { begin: false }]) {
        const { details } = refusal("protection-uninitialised", () =>
          protection.importInterchange(both, options),
        );
        expect(details).toEqual({ key: KEY, chain: CHAIN.id });
      }
      expect(protection.watermarks(testKey(8).publicKey, CHAIN.id)).toMatchObject({ lowWatermark: 5n });
      expect(protection.keyChains()).toHaveLength(1);
      protection.importInterchange(both, { begin: true });
      expect(protection.watermarks(key.publicKey, CHAIN.id)).toMatchObject({ highWatermark: 5n });
      // Known by now, it only learns.
      protection.importInterchange(file({ highest: "6", votes: [vote(6n, 1)] }));
      expect(protection.watermarks(key.publicKey, CHAIN.id)).toMatchObject({ highWatermark: 6n });
    });
  });

  it("a key with commitments and no votes keeps its commitments, and is not initialised by them", async () => {
    const { protection } = newSigner(key, null);
    await commitStored({ key, chain: CHAIN, protection, start: 10n, count: 20 });
    const exported = JSON.parse(JSON.stringify(protection.exportInterchange())) as Interchange;
    expect(exported.data).toMatchObject([{ key: KEY, lowest: null, highest: null, votes: [] }]);
    protection.close();
    inNewHome((next) => {
      expect(next.importInterchange(exported, { begin: true })).toMatchObject([
        { lowWatermark: null, highWatermark: null, commitments: 1 },
      ]);
      expect(next.commitments(key.publicKey, CHAIN.id)).toHaveLength(1);
      expect(next.watermarks(key.publicKey, CHAIN.id)).toBeNull();
      refusal("protection-uninitialised", () => answer(next, 10n));
    });
  });

  it("a file in another form is refused whole, and nothing changes", () => {
    inNewHome((protection) => {
      const bad: unknown[] = [
        null,
        [],
        {},
        { data: [] },
        file({}, { format: "eip-3076" }),
        { ...file(), more: 1 },
        file({ key: KEY.slice(2) }),
        file({ key: "00".repeat(32) }),
        file({ chain: "" }),
        file({ chain: "\ud800" }),
        file({ lowest: 0 }),
        file({ lowest: null, highest: "1" }),
        file({ lowest: null, votes: [{ height: "1" }] }),
        file({ lowest: "-1" }),
        file({ lowest: "01" }),
        file({ lowest: String(2n ** 64n) }),
        file({ highest: undefined }),
        file({ votes: [{ height: "1" }, { height: "2", digest: "zz" }] }),
        file({ votes: [{ height: "1", digest: "00".repeat(31) }] }),
        file({ votes: [{ height: "1", signature: "00" }] }),
        file({ votes: [{ height: "1", other: true }] }),
        file({
          commitments: [{ startHeight: "1", count: 0, root: "11".repeat(32), signature: "22".repeat(64) }],
        }),
      ];
      for (const value of bad)
        refusal("invalid-json", () => protection.importInterchange(value, { begin: true }));
      refusal("unknown-version", () =>
        protection.importInterchange(file({}, { version: 2 }), { begin: true }),
      );
      expect(protection.keyChains()).toEqual([]);
      expect(protection.importInterchange({ ...file(), data: [] }, { begin: true })).toEqual([]);
    });
  });

  it("is atomic: many keys and chains are stored in one write, and survive a restart together", () => {
    const home = newHome();
    const chains = Array.from({ length: 30 }, (_, i) => ({
      ...file({ lowest: String(i), highest: "100", votes: [vote(100n, 1)] }).data[0]!,
      chain: `chain-${i}`,
    }));
    inHome(home, (protection) => {
      expect(protection.importInterchange({ ...file(), data: chains }, { begin: true })).toHaveLength(30);
    });
    inHome(home, (protection) => {
      expect(protection.keyChains().map(({ votes }) => votes)).toEqual(Array(30).fill(1));
      expect(
        parseInterchange(JSON.parse(JSON.stringify(protection.exportInterchange()))).keyChains,
      ).toHaveLength(30);
    });
  });
});

describe("an import of many chains", () => {
  it("that is killed at any step is stored whole or not at all", () => {
    const chains = Array.from({ length: 20 }, (_, i) => ({ ...file().data[0]!, chain: `chain-${i}` }));
    const source = join(newHome().path, "interchange.json");
    writeFileSync(source, JSON.stringify({ ...file(), data: chains }));
    const deed = ["command", "fp", "protection", "import", source, "--yes"] as const;
    const begun = () => {
      const home = newHome();
      inHome(home, (protection) => protection.init(key.publicKey, CHAIN.id, 5n));
      return home.path;
    };
    const counts = new Set<number>();
    for (const { path } of killedAtEachStep(begun, deed)) {
      counts.add(inHome(openHome(path), (protection) => protection.keyChains().length));
    }
    expect([...counts]).toEqual([1, 1 + chains.length]);
  });
});

describe("the example in docs/protection.md", () => {
  const docs = readFileSync(new URL("../../../docs/protection.md", import.meta.url), "utf8");
  const example: unknown = JSON.parse(/```json\n([^`]*)```/.exec(docs)![1]!);

  it("is an interchange file, and has every field except the lock", () => {
    const { keyChains, exportedAt } = parseInterchange(example);
    expect(keyChains).toMatchObject([
      { chainId: "bbn-1", lowWatermark: 1000n, highWatermark: 1002n, locked: false },
    ]);
    expect([exportedAt, keyChains[0]!.votes.size]).toEqual(["2026-01-01T00:00:00.000Z", 1]);
  });

  it("has a vote and a commitment with valid signatures", () => {
    inNewHome((protection) => {
      protection.importInterchange(example, { begin: true });
      const voter = voterOf(protection, key, { id: "bbn-1", minCount: 1 });
      expect(voter.vote({ height: 1002n, appHash: hash(1) }).kind).toBe("same");
      const commitments = protection.commitments(key.publicKey, "bbn-1");
      expect(
        commitments.map((each) => verifyCommitment({ ...each, finalityProvider: key.publicKey })),
      ).toEqual([true]);
    });
  });
});

describe("the preview of an import", () => {
  const commitment = commitmentOf(10n, 5);
  const only = (protection: Protection, changes: Record<string, unknown> = {}) => {
    const [preview] = previewImport(protection, file(changes));
    return preview!;
  };

  it("says that a key begins where it has no record", () => {
    inNewHome((protection) => {
      expect(only(protection, { lowest: "7" })).toEqual({
        key: key.publicKey,
        chainId: CHAIN.id,
        before: null,
        after: { lowWatermark: 7n, highWatermark: null, locked: false },
        votes: 0,
        commitments: 0,
        begins: true,
        retired: false,
      });
      expect(protection.keyChains()).toEqual([]);
    });
  });

  it.each<[string, Record<string, unknown>, boolean, bigint | null]>([
    ["one where the file has a vote: there may be later ones", { votes: [{ height: "5" }] }, true, 5n],
    ["one where the file has the height of a vote", { highest: "5" }, true, 5n],
    ["none where the file has the key locked until its init", { held: true }, false, null],
    ["none where the file has commitments alone", { lowest: null, commitments: [commitment] }, false, null],
  ])("says whether a key begins: %s", (_, changes, begins, highest) => {
    inNewHome((protection) => {
      const preview = only(protection, changes);
      expect(preview.begins).toBe(begins);
      expect(preview.after?.highWatermark ?? null).toBe(highest);
    });
  });

  it("says that a key that is known here does not begin", () => {
    const { protection } = newSigner();
    expect(only(protection)).toMatchObject({ before: { lowWatermark: 0n }, begins: false });
    const other = testKey(8);
    protection.init(other.publicKey, CHAIN.id, 50n);
    expect(only(protection, { key: hex.encode(other.publicKey) })).toMatchObject({
      before: { lowWatermark: 50n, highWatermark: null, locked: false },
      after: { lowWatermark: 50n, highWatermark: null, locked: false },
      begins: false,
    });
    protection.close();
  });

  const files: Record<string, unknown>[] = [
    { lowest: "3" },
    { lowest: "30", votes: [vote(30n, 1)] },
    { lowest: "3", highest: "12" },
    { lowest: "3", held: true },
    { lowest: "30", held: true, votes: [vote(30n, 1)] },
    { lowest: null, commitments: [commitment] },
  ];

  it("has the watermarks after the import", () => {
    for (const changes of files) {
      const { protection, voter } = newSigner();
      voter.vote({ height: 20n, appHash: hash(1) });
      const { before, after } = only(protection, changes);
      expect(before).toEqual({ lowWatermark: 0n, highWatermark: 20n, locked: false });
      protection.importInterchange(file(changes), { begin: true });
      expect(protection.watermarks(key.publicKey, CHAIN.id)).toEqual(after);
      protection.close();
    }
  });

  it("has the watermarks after the import where there were none", () => {
    for (const changes of files) {
      inNewHome((protection) => {
        const { before, after } = only(protection, changes);
        expect(before).toBeNull();
        protection.importInterchange(file(changes), { begin: true });
        expect(protection.watermarks(key.publicKey, CHAIN.id)).toEqual(after);
      });
    }
  });

  it("is refused for what is not an interchange file", () => {
    inNewHome((protection) => {
      refusal("invalid-json", () => previewImport(protection, {}));
      refusal("unknown-version", () => previewImport(protection, file({}, { version: 2 })));
    });
  });
});
