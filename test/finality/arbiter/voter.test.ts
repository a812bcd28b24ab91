import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { concatBytes, hex } from "../../../src/core/bytes.js";
import { Arbiter } from "../../../src/finality/arbiter/arbiter.js";
import { enrolSigner, initArbiter, renewArbiter, retireSigner } from "../../../src/finality/arbiter/store.js";
import { readState, writeState } from "../../../src/finality/arbiter/state.js";
import { bindKey, createKey, showKey, unlockKey } from "../../../src/finality/keys/keystore.js";
import type { ClaimedVote } from "../../../src/finality/arbiter/claim.js";
import { LAST_HEIGHT } from "../../../src/finality/protection/decide.js";
import { Voter, type VoteResult } from "../../../src/finality/voter.js";
import { clientOf, codeOf, digestOf, of, storeOf } from "../../support/arbiter.js";
import { Cluster, hasEtcd } from "../../support/etcd.js";
import { LIGHT } from "../../support/home.js";
import { refusal } from "../../support/refusal.js";
import { CHAIN, hash, newSigner, testKey } from "../../support/signer.js";

const key = testKey();
const STORE = "11111111-2222-3333-4444-555555555555 1";
const bound = { ...key, arbiter: STORE, secretKey: key.secretKey, wipe: () => {} };
const ballot = (height: number, fill = 1) => ({ height: BigInt(height), appHash: hash(fill) });
const words = (results: readonly VoteResult[]) =>
  results.map((result) => (result.kind === "refused" ? result.code : result.kind));

/** An arbiter that answers as the test says. */
function signerWith(claim: Arbiter["claim"]) {
  const { protection } = newSigner(key);
  const arbiter = { store: STORE, claim };
  const voter = new Voter({ key: bound, protection, chain: CHAIN, arbiter, uncommitted: "a test" });
  return { protection, voter };
}

describe("a voter with an arbiter", () => {
  it("voter: releases and records what the arbiter took, and asks it once for each height", async () => {
    const asked: bigint[] = [];
    const { voter, protection } = signerWith((_, votes) => {
      asked.push(...votes.map(({ height }) => height));
      return Promise.resolve(
        votes.map(({ height }) =>
          height === 3n
            ? { kind: "refused", code: "double-vote", message: "taken" }
            : { kind: height === 2n ? "same" : "new" },
        ),
      );
    });
    const first = await voter.batchAsync([ballot(1), ballot(2), ballot(3)]);
    expect(words(first)).toEqual(["new", "new", "double-vote"]);
    const again = await voter.batchAsync([ballot(1), ballot(2), ballot(2 + 2)]);
    expect(words(again)).toEqual(["same", "same", "new"]);
    expect(asked).toEqual([1n, 2n, 3n, 4n]);
    expect(protection.record(key.publicKey, CHAIN.id, 3n)).toBeNull();
    expect(words(await voter.batchAsync([ballot(1, 2)]))).toEqual(["double-vote"]);
    protection.close();
  });

  it("voter: releases and records nothing after an unclear answer, and still gives out what it knows", async () => {
    let isStopped = false;
    const { voter, protection } = signerWith((_, votes: readonly ClaimedVote[]) =>
      isStopped
        ? Promise.reject(new Error("unclear"))
        : Promise.resolve(votes.map(() => ({ kind: "new" }) as const)),
    );
    await voter.batchAsync([ballot(1)]);
    isStopped = true;
    await expect(voter.batchAsync([ballot(1), ballot(2)])).rejects.toThrow("unclear");
    expect(protection.record(key.publicKey, CHAIN.id, 2n)).toBeNull();
    expect(words(await voter.batchAsync([ballot(1)]))).toEqual(["same"]);
    protection.close();
  });

  it("voter: takes a missing answer for no yes", async () => {
    const { voter, protection } = signerWith(() => Promise.resolve([]));
    expect(await codeOf(() => voter.batchAsync([ballot(1)]))).toBe("arbiter-unclear");
    expect(protection.record(key.publicKey, CHAIN.id, 1n)).toBeNull();
    protection.close();
  });

  it("voter: decides again by its own store after the arbiter's answer", async () => {
    const { voter, protection } = signerWith((_, votes) => {
      protection.init(key.publicKey, CHAIN.id, 10n);
      return Promise.resolve(votes.map(() => ({ kind: "new" }) as const));
    });
    expect(words(await voter.batchAsync([ballot(5)]))).toEqual(["below-watermark"]);
    protection.close();
  });

  it("voter: never votes with a bound key alone, nor with an unbound key through an arbiter", () => {
    const { protection } = newSigner(key);
    const arbiter = { store: STORE, claim: () => Promise.resolve([]) };
    const parts = { protection, chain: CHAIN };
    refusal("arbiter-required", () => new Voter({ ...parts, key: bound }));
    refusal("arbiter-required", () => new Voter({ ...parts, key, arbiter }));
    refusal(
      "arbiter-required",
      () => new Voter({ ...parts, key: { ...bound, arbiter: "other 1" }, arbiter }),
    );
    const voter = new Voter({ ...parts, key: bound, arbiter });
    refusal("arbiter-required", () => voter.batch([ballot(1)]));
    refusal("arbiter-required", () => voter.vote(ballot(1)));
    protection.close();
  });

  it("voter: a key that was enrolled in its home stays bound when its file is made anew", () => {
    const { home, protection } = newSigner(key);
    const session = "0123456789abcdef";
    writeState(home, {
      prefix: "/p",
      store: STORE,
      clusterId: 1n,
      members: [1n],
      signer: session,
      revision: 1n,
      seal: { counter: 0n, session },
      sessions: [],
      hold: undefined,
      keys: [{ key: hex.encode(key.publicKey), store: STORE }],
    });
    const arbiter = { store: STORE, claim: () => Promise.resolve([]) };
    const parts = { protection, chain: CHAIN, key };
    refusal("arbiter-required", () => new Voter(parts));
    expect(new Voter({ ...parts, arbiter }).publicKey).toEqual(key.publicKey);
    writeFileSync(join(home.path, "arbiter.json"), "torn");
    refusal("arbiter-state-damaged", () => new Voter(parts));
    protection.close();
  });

  it("key: keeps the arbiter that it is bound to in its file, under its passphrase", () => {
    const { home, protection } = newSigner(key, null);
    protection.close();
    const secretKey = new Uint8Array(32).fill(9);
    createKey(home, { name: "k", passphrase: "passphrase", secretKey, origin: "imported", scrypt: LIGHT });
    refusal("wrong-passphrase", () => bindKey(home, "k", "wrong", STORE));
    expect(bindKey(home, "k", "passphrase", STORE).arbiter).toBe(STORE);
    expect(showKey(home, "k").arbiter).toBe(STORE);
    expect(unlockKey(home, "k", "passphrase").arbiter).toBe(STORE);
  });
});

describe.runIf(hasEtcd)("two machines", async () => {
  const cluster = hasEtcd ? await Cluster.start({ size: 1 }) : undefined!;

  it("machines: two homes of one key never sign two votes at a height, and each can go on alone", async () => {
    const client = clientOf(cluster);
    const prefix = await storeOf(client);
    await initArbiter(client, prefix, { key: key.publicKey, chainId: CHAIN.id, fromHeight: 1n });
    const machine = async () => {
      const { protection, home } = newSigner(key, 1n);
      const { store } = await enrolSigner(protection, client, prefix, key);
      const arbiter = new Arbiter(home, client, prefix);
      const own = { ...bound, arbiter: store };
      return {
        voter: new Voter({ key: own, protection, chain: CHAIN, arbiter, uncommitted: "a test" }),
        home,
        protection,
      };
    };
    const [one, other] = [await machine(), await machine()];
    const [a, b] = await Promise.all([
      one.voter.batchAsync([ballot(1, 1)]),
      other.voter.batchAsync([ballot(1, 2)]),
    ]);
    expect(words([...a, ...b]).toSorted()).toEqual(["double-vote", "new"]);
    const [c, d] = await Promise.all([
      one.voter.batchAsync([ballot(2)]),
      other.voter.batchAsync([ballot(2)]),
    ]);
    expect(words([...c, ...d])).toEqual(["new", "new"]);
    const signatures = [...c, ...d].map((result) =>
      result.kind === "refused" ? new Uint8Array() : result.signature,
    );
    expect(concatBytes(signatures[0]!)).toEqual(concatBytes(signatures[1]!));
    one.protection.close();
    expect(words(await other.voter.batchAsync([ballot(3), ballot(4)]))).toEqual(["new", "new"]);
    expect(readState(other.home)!.seal.counter).toBeGreaterThan(0n);
    other.protection.close();
  });

  it("enrolment: closes what the home has signed for every other machine", async () => {
    const client = clientOf(cluster);
    const prefix = await storeOf(client);
    const { protection, voter, home } = newSigner(key, 1n);
    expect(voter.vote(ballot(7)).kind).toBe("new");
    const enrol = () => enrolSigner(protection, client, prefix, key);
    expect(await codeOf(enrol)).toBe("arbiter-uninitialised");
    await initArbiter(client, prefix, { key: key.publicKey, chainId: CHAIN.id, fromHeight: 1n });
    const { signer, keys } = await enrol();
    expect(keys).toMatchObject([{ key: hex.encode(key.publicKey) }]);
    const keyChain = { key: key.publicKey, chainId: CHAIN.id };
    const claimed = await new Arbiter(home, client, prefix).claim(
      keyChain,
      [7n, 8n].map((height) => ({ height, digest: digestOf("b") })),
    );
    expect(claimed.map(({ kind }) => kind)).toEqual(["refused", "new"]);
    // A second time, its signer id stays unless a person asks for another one. A further key has the same one.
    expect(await codeOf(enrol)).toBe("arbiter-conflict");
    const again = (publicKey: Uint8Array, endHold: boolean) =>
      enrolSigner(protection, client, prefix, { publicKey }, { endHold });
    const further = new Uint8Array(32).fill(1);
    expect((await again(further, true)).signer).toBe(signer);
    expect(readState(home)!.keys).toHaveLength(2);
    const renamed = (await again(key.publicKey, true)).signer;
    expect(renamed).not.toBe(signer);
    // Another arbiter would end this one for the keys that have it.
    const elsewhere = { publicKey: new Uint8Array(32).fill(2) };
    const other = await storeOf(client);
    expect(await codeOf(() => enrolSigner(protection, client, other, elsewhere))).toBe("arbiter-conflict");
    // The key's file remembers the enrolment of a home that has lost its own memory of it, and of a hold.
    const { store } = readState(home)!;
    const memory = readFileSync(join(home.path, "arbiter.json"));
    rmSync(join(home.path, "arbiter.json"));
    const inFile = { publicKey: key.publicKey, arbiter: store };
    expect(await codeOf(() => enrolSigner(protection, client, prefix, inFile))).toBe("arbiter-conflict");
    writeFileSync(join(home.path, "arbiter.json"), memory, { mode: 0o600 });
    // One that was retired meanwhile takes no further key.
    await retireSigner(client, prefix, renamed);
    expect(await codeOf(() => again(new Uint8Array(32).fill(2), false))).toBe("arbiter-held");
    protection.close();
  });

  it("arbiter: refuses a first height that no chain reaches, as nothing lower could be signed again", async () => {
    const client = clientOf(cluster);
    const prefix = await storeOf(client);
    const start = { key: key.publicKey, chainId: CHAIN.id, fromHeight: LAST_HEIGHT + 1n };
    expect(await codeOf(() => initArbiter(client, prefix, start))).toBe("height-too-high");
    expect(await codeOf(() => renewArbiter(client, prefix, [{ ...of, fromHeight: 2n ** 63n }]))).toBe(
      "height-too-high",
    );
  });
});
