import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex, utf8 } from "../../../src/core/bytes.js";
import { type Claim, claimTxn } from "../../../src/finality/arbiter/claim.js";
import { parseArbiter } from "../../../src/finality/arbiter/endpoints.js";
import { judge, type Judgement, type Pins } from "../../../src/finality/arbiter/judge.js";
import { arbiterKeys, heightText, sealText } from "../../../src/finality/arbiter/keys.js";
import { refusedRelease } from "../../../src/finality/arbiter/releases.js";
import { decodeTxn, encodeRequest, type TxnResponse } from "../../../src/finality/arbiter/wire.js";
import { decide } from "../../../src/finality/protection/decide.js";
import { of, vote } from "../../support/arbiter.js";
import { applied, CLUSTER, MEMBER, type ModelStore } from "../../support/model-etcd.js";
import { refusal } from "../../support/refusal.js";
import { runs } from "../../support/runs.js";

const keys = arbiterKeys("/t");
const session = "00".repeat(8);
const seal = (counter: bigint) => ({ counter, session });
const STORE = "11111111-2222-3333-4444-555555555555 1";

function storeWith(low: bigint, last = seal(0n)): ModelStore {
  const rows = [
    [keys.store, STORE],
    [keys.low(of), heightText(low)],
    [keys.seal("s"), sealText(last)],
  ] as const;
  const cell = (value: string) => ({ value: hex.encode(utf8(value)), created: 1, modified: 1, version: 1 });
  return {
    revision: 1,
    rows: Object.fromEntries(rows.map(([key, value]) => [hex.encode(key), cell(value)])),
  };
}

const pins: Pins = { clusterId: CLUSTER, members: [MEMBER], revision: 0n, sessions: [session] };

const claimOf = (votes: Claim["votes"], last = seal(0n)): Claim => ({
  of,
  votes,
  signer: "s",
  store: STORE,
  last,
  next: seal(last.counter + 1n),
});

/** What becomes of a claim against a store. */
function judged(
  store: ModelStore,
  claim: Claim,
  known: Pins = pins,
): { store: ModelStore; judgement: Judgement } {
  const after = applied(store, claimTxn(keys, claim));
  return { store: after.store, judgement: judge(keys, claim, known, after.answer) };
}

describe("judge", () => {
  it("judge: decides as decide() does, over any history", () => {
    const step = fc.array(
      fc.record({ height: fc.bigInt({ min: 1n, max: 12n }), text: fc.constantFrom("a", "b", "c") }),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 4n }), fc.array(step, { maxLength: 12 }), (low, steps) => {
        let store = storeWith(low);
        let last = seal(0n);
        const known = new Map<bigint, Uint8Array>();
        for (const wanted of steps) {
          let open = [...new Map(wanted.map((each) => [each.height, vote(each.height, each.text)])).values()];
          for (let round = 0; open.length > 0; round++) {
            expect(round).toBeLessThan(3);
            const next = judged(store, claimOf(open, last));
            ({ store } = next);
            const { judgement } = next;
            if (judgement.kind !== "judged") throw new Error(JSON.stringify(judgement));
            last = judgement.seal as typeof last;
            for (const [i, { height, digest }] of open.entries()) {
              const outcome = judgement.outcomes[i]!;
              if (outcome.kind === "open") continue;
              const record = known.has(height)
                ? { digest: known.get(height)!, signature: new Uint8Array(32), at: "", instance: "" }
                : null;
              const watermarks = { lowWatermark: low + 1n, highWatermark: null };
              const input = { height, digest, record, watermarks, isCommitted: true };
              const expected = decide(input);
              const word = (one: { kind: string; code?: string }) => one.code ?? one.kind;
              expect(word(outcome)).toBe(word(expected));
              if (outcome.kind === "new") known.set(height, digest);
            }
            open = open.filter((_, i) => judgement.outcomes[i]!.kind === "open");
          }
        }
      }),
      { numRuns: runs(2_000) },
    );
  });

  it("judge: reads a claim of its own that an unclear answer hid as the same", () => {
    const claim = claimOf([vote(1), vote(2)]);
    const first = judged(storeWith(0n), claim);
    expect(first.judgement).toMatchObject({ kind: "judged", outcomes: [{ kind: "new" }, { kind: "new" }] });
    const again = judged(first.store, claim);
    expect(again.judgement).toEqual({
      kind: "judged",
      seal: claim.next,
      outcomes: [{ kind: "same" }, { kind: "same" }],
    });
  });

  it("judge: holds for whatever differs from what the signer knows", () => {
    const claim = claimOf([vote(1)], seal(5n));
    const store = storeWith(0n, seal(5n));
    const reason = (other: ModelStore, known: Partial<Pins> = {}) => {
      const { judgement } = judged(other, claim, { ...pins, ...known });
      return judgement.kind === "hold" ? judgement.reason : judgement.kind;
    };
    expect(reason(store)).toBe("judged");
    expect(reason(store, { clusterId: 1n })).toBe("members-changed");
    expect(reason(store, { members: [1n] })).toBe("members-changed");
    expect(reason(store, { revision: 100n })).toBe("went-back");
    expect(reason(storeWith(0n, seal(4n)))).toBe("went-back");
    expect(reason(storeWith(0n, { counter: 5n, session: "ff".repeat(8) }))).toBe("other-signer");
    expect(reason(storeWith(0n, { counter: 6n, session: "ff".repeat(8) }))).toBe("other-signer");
    expect(reason(without(store, keys.seal("s")))).toBe("retired");
    expect(reason(without(store, keys.store))).toBe("store-changed");
    expect(reason(without(store, keys.low(of)))).toBe("uninitialised");
    expect(reason(withRow(store, keys.store, "another 2"))).toBe("store-changed");
    expect(reason(withRow(store, keys.halt, "a drill"))).toBe("halted");
    expect(reason(withRow(store, keys.low(of), "not a height"))).toBe("vote-rewritten");
    expect(reason(withRow(store, keys.vote(of, 1n), "short"))).toBe("vote-rewritten");
    const taken = applied(store, claimTxn(keys, claimOf([vote(1)], seal(5n)))).store;
    expect(reason(withRow({ ...taken }, keys.vote(of, 1n), "x".repeat(32), 2))).toBe("vote-rewritten");
  });

  it("judge: adopts a higher seal of its own, and asks anew", () => {
    const { judgement } = judged(storeWith(0n, seal(3n)), claimOf([vote(1)], seal(2n)));
    expect(judgement).toEqual({ kind: "judged", seal: seal(3n), outcomes: [{ kind: "open" }] });
  });

  it("judge: takes no answer of another form for a yes", () => {
    const kindOf = (response: TxnResponse, votes = [vote(1)]) => {
      const header = { clusterId: CLUSTER, memberId: MEMBER, revision: 1n, raftTerm: 1n };
      return judge(keys, claimOf(votes), pins, { response, header }).kind;
    };
    const put = { put: {} };
    expect(kindOf({ succeeded: 1, responses: [put, put] })).toBe("judged");
    const range = { range: { kvs: [], more: 0, count: 0n } };
    for (const responses of [
      [],
      [put],
      [put, put, put],
      [put, range],
      [{}, put],
      [put, { ...put, ...range }],
    ]) {
      expect(kindOf({ succeeded: 1, responses })).toBe("unclear");
    }
    expect(kindOf({ succeeded: 0, responses: [put, put] })).toBe("unclear");
    expect(kindOf({ succeeded: 0, responses: [] })).toBe("unclear");
    const two = [vote(1), vote(2)];
    const txn = { txn: { succeeded: 1, responses: [put] } };
    expect(kindOf({ succeeded: 1, responses: [put, txn, txn] }, two)).toBe("judged");
    const empty = { txn: { succeeded: 0, responses: [range] } };
    for (const responses of [
      [put, txn],
      [put, txn, put],
      [put, txn, empty],
      [put, txn, { txn: { succeeded: 1, responses: [] } }],
    ]) {
      expect(kindOf({ succeeded: 1, responses }, two)).toBe("unclear");
    }
    const { answer } = applied(storeWith(0n), claimTxn(keys, claimOf([vote(1)], seal(9n))));
    expect(judge(keys, claimOf([vote(1)]), pins, answer).kind).toBe("unclear");
  });
});

describe("claims in bytes", () => {
  it("claim: refuses a field that etcd does not know, and is read back as it was", () => {
    const txn = claimTxn(keys, claimOf([vote(1), vote(2)]));
    expect(decodeTxn(encodeRequest("Txn", txn))).toMatchObject({
      compare: [{ target: 3 }, { target: 3 }, { result: 2 }, { target: 1 }],
    });
    const { compare, ...rest } = txn;
    const misspelt = { ...rest, compare: [], compares: compare };
    refusal("invalid-message", () => encodeRequest("Txn", misspelt));
    const nested = { ...txn, compare: [{ ...compare[0]!, creatRevision: 0n }] };
    refusal("invalid-message", () => encodeRequest("Txn", nested));
  });

  it("claim: keeps chains with a slash in their id apart", () => {
    const [one, other] = ["a/b", "a%2Fb"].map((chainId) => keys.vote({ key: of.key, chainId }, 1n));
    expect(hex.encode(one!)).not.toBe(hex.encode(other!));
    expect(new TextDecoder().decode(one)).toContain("/a%2Fb/0000000000000001");
  });
});

describe("an arbiter's address and release", () => {
  it("address: has members and a prefix, and TLS outside of this machine", () => {
    expect(parseArbiter("etcd://127.0.0.1:1,localhost:2", false)).toEqual({
      addresses: ["127.0.0.1:1", "localhost:2"],
      prefix: "/tapstake",
    });
    expect(parseArbiter("etcd://10.0.0.1:2379/a/b", true).prefix).toBe("/a/b");
    refusal("insecure-address", () => parseArbiter("etcd://10.0.0.1:2379", false));
    for (const text of [
      "",
      "http://127.0.0.1:1",
      "etcd://",
      "etcd://a",
      "etcd://[::1]:1,[::1]:1",
      "etcd://a:1/b c",
    ]) {
      refusal("invalid-address", () => parseArbiter(text, true));
    }
  });

  it("release: refuses the ones that lose writes by name", () => {
    for (const bad of [
      "3.3.27",
      "3.4.20",
      "3.5.0",
      "3.5.2",
      "3.5.4",
      "3.5.16",
      "4.0.0",
      "3.6.0-rc.1",
      "",
      "3.5",
    ]) {
      expect(refusedRelease(bad), bad).toBeTypeOf("string");
    }
    expect(refusedRelease("3.5.1")).toContain("13908");
    for (const good of ["3.4.21", "3.4.23", "3.5.17", "3.6.0", "3.7.3"]) {
      expect(refusedRelease(good), good).toBeUndefined();
    }
  });
});

function without(store: ModelStore, key: Uint8Array): ModelStore {
  const { [hex.encode(key)]: _, ...rows } = store.rows;
  return { ...store, rows };
}

function withRow(store: ModelStore, key: Uint8Array, text: string, version = 1): ModelStore {
  const row = { value: hex.encode(utf8(text)), created: 1, modified: 1, version };
  return { ...store, rows: { ...store.rows, [hex.encode(key)]: row } };
}
