import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { hex, utf8 } from "../../../src/core/bytes.js";
import { Arbiter } from "../../../src/finality/arbiter/arbiter.js";
import { isAbsent, MAX_CLAIMED, read } from "../../../src/finality/arbiter/claim.js";
import { arbiterKeys } from "../../../src/finality/arbiter/keys.js";
import { readState, writeState } from "../../../src/finality/arbiter/state.js";
import {
  arbiterReport,
  endHalt,
  haltArbiter,
  pruneArbiter,
  renewArbiter,
  retireSigner,
} from "../../../src/finality/arbiter/store.js";
import type { RequestOp } from "../../../src/finality/arbiter/wire.js";
import { clientOf, codeOf, digestOf, kinds, of, signerOf, storeOf, vote } from "../../support/arbiter.js";
import { Cluster, hasEtcd } from "../../support/etcd.js";
import { homeOfTest } from "../../support/home.js";
import { isLong, randomOf } from "../../support/runs.js";

describe.runIf(hasEtcd)("arbiter", async () => {
  const cluster = hasEtcd ? await Cluster.start() : undefined!;
  const client = hasEtcd ? clientOf(cluster) : undefined!;

  it("arbiter: takes one digest a height, from whichever signer is first", async () => {
    const prefix = await storeOf(client);
    const [one, other] = [await signerOf(client, prefix), await signerOf(client, prefix)];
    expect(await kinds(one, vote(5, "a"))).toEqual(["new"]);
    expect(await kinds(one, vote(5, "a"))).toEqual(["same"]);
    expect(await kinds(other, vote(5, "a"))).toEqual(["same"]);
    expect(await kinds(other, vote(5, "b"))).toEqual(["double-vote"]);
    expect(await kinds(other, vote(6, "b"))).toEqual(["new"]);
    expect(await kinds(one, vote(6, "a"))).toEqual(["double-vote"]);
    const stored = cluster.ctl("get", "--prefix", `${prefix}/votes/`, "--keys-only").trim().split(/\s+/);
    expect(stored).toEqual(
      [5, 6].map((height) => new TextDecoder().decode(arbiterKeys(prefix).vote(of, BigInt(height)))),
    );
  });

  it("arbiter: answers a batch height by height, in at most 10 transactions for 1,000 heights", async () => {
    const prefix = await storeOf(client, 11n);
    const [one, other] = [await signerOf(client, prefix), await signerOf(client, prefix)];
    await kinds(other, vote(20, "a"), vote(21, "b"));
    const before = (await arbiterReport(client, prefix)).signers.reduce(
      (sum, { claims }) => sum + claims,
      0n,
    );
    const votes = Array.from({ length: 1_000 }, (_, i) => vote(11 + i, "a"));
    const found = await kinds(one, ...votes);
    expect(found.filter((kind) => kind === "new")).toHaveLength(998);
    expect([found[9], found[10]]).toEqual(["same", "double-vote"]);
    const after = (await arbiterReport(client, prefix)).signers.reduce((sum, { claims }) => sum + claims, 0n);
    expect(after - before).toBe(10n);
    const mixed = await kinds(one, vote(9), vote(10), vote(2_000), vote(11), vote(12, "b"));
    expect(mixed).toEqual(["below-watermark", "below-watermark", "new", "same", "double-vote"]);
  });

  it("arbiter: forgets pruned votes and never takes another there", async () => {
    const prefix = await storeOf(client);
    const signer = await signerOf(client, prefix);
    await kinds(signer, vote(1), vote(2), vote(3));
    expect(await pruneArbiter(client, prefix, { ...of, fromHeight: 3n })).toBe(2n);
    expect(await kinds(signer, vote(2, "b"))).toEqual(["below-watermark"]);
    expect(await kinds(signer, vote(3, "b"))).toEqual(["double-vote"]);
    expect(await codeOf(() => pruneArbiter(client, prefix, { ...of, fromHeight: 2n }))).toBe(
      "would-lower-mark",
    );
  });

  it("arbiter: takes one digest a height from several signers while its votes are pruned", async () => {
    const prefix = await storeOf(client);
    const released = new Map<bigint, Set<string>>();
    const random = randomOf("prune");
    let [top, pruned, below] = [1, 0n, 0];
    // Until heights were pruned, and claims met so many of them.
    const isOver = () => pruned > 0n && below >= (isLong ? 1_000 : 10);
    const claimOn = async (text: string) => {
      const signer = await signerOf(client, prefix);
      while (!isOver()) {
        const height = random.below(3) === 0 ? ++top : 1 + random.below(top);
        const [kind] = await kinds(signer, vote(height, text));
        if (kind === "below-watermark") below++;
        if (kind !== "new" && kind !== "same") continue;
        const at = BigInt(height);
        released.set(at, (released.get(at) ?? new Set()).add(text));
      }
    };
    const prune = async () => {
      for (let from = 1; !isOver(); await sleep(5)) {
        if (top - 5 <= from) continue;
        from = top - 5;
        pruned += await pruneArbiter(client, prefix, { ...of, fromHeight: BigInt(from) });
      }
    };
    await Promise.all([claimOn("a"), claimOn("b"), claimOn("c"), prune()]);
    expect([...released.values()].filter(({ size }) => size > 1)).toEqual([]);
  });

  it("arbiter: has its limit of operations where a claim is far below it", async () => {
    const prefix = `/limit-${Date.now()}`;
    const parts = (count: number, name: string): RequestOp[] =>
      Array.from({ length: count }, (_, i) => {
        const [one, other] = ["x", "y"].map((part) => utf8(`${prefix}/${name}/${part}${i}`)) as [
          Uint8Array,
          Uint8Array,
        ];
        const success = [one, other].map((key) => ({ put: { key, value: utf8("1") } }));
        return { txn: { compare: [isAbsent(one)], success, failure: [one, other].map(read) } };
      });
    const ask = (success: readonly RequestOp[]) => client.ask("Txn", { compare: [], success, failure: [] });
    const { response } = await ask(parts(126, "fits"));
    expect(response.responses.every(({ txn }) => txn?.succeeded === 1)).toBe(true);
    expect(await codeOf(() => ask(parts(127, "beyond")))).toBe("arbiter-unclear");
    expect(cluster.ctl("get", "--prefix", `${prefix}/beyond/`, "--keys-only").trim()).toBe("");
    expect(MAX_CLAIMED).toBeLessThanOrEqual(126);
  });

  it("arbiter: looks without a vote, and finds what a claim would find", async () => {
    const prefix = await storeOf(client);
    const home = homeOfTest();
    const signer = await signerOf(client, prefix, home);
    await signer.look();
    expect(await kinds(signer, vote(1))).toEqual(["new"]);
    await signer.look();
    await haltArbiter(client, prefix, "a drill");
    expect(await codeOf(() => signer.look())).toBe("arbiter-halted");
    await endHalt(client, prefix);
    cluster.ctl("put", new TextDecoder().decode(arbiterKeys(prefix).store), "another 2");
    expect(await codeOf(() => signer.look())).toBe("arbiter-held");
    expect(readState(home)!.hold?.reason).toBe("store-changed");
  });

  it("arbiter: signs nothing during a halt, and goes on after it", async () => {
    const prefix = await storeOf(client);
    const signer = await signerOf(client, prefix);
    await haltArbiter(client, prefix, "a drill");
    expect(await codeOf(() => kinds(signer, vote(1)))).toBe("arbiter-halted");
    expect((await arbiterReport(client, prefix)).halt).toBe("a drill");
    expect(await endHalt(client, prefix)).toBe(true);
    expect(await kinds(signer, vote(1))).toEqual(["new"]);
  });

  it("arbiter: a retired signer holds, after a restart too, until it is enrolled anew", async () => {
    const prefix = await storeOf(client);
    const home = homeOfTest();
    const signer = await signerOf(client, prefix, home);
    await kinds(signer, vote(1));
    expect(await retireSigner(client, prefix, readState(home)!.signer)).toBe(true);
    expect(await codeOf(() => kinds(signer, vote(2)))).toBe("arbiter-held");
    expect(new Arbiter(home, client, prefix).hold?.reason).toBe("retired");
    expect(await codeOf(() => kinds(new Arbiter(home, client, prefix), vote(1)))).toBe("arbiter-held");
    const again = await signerOf(client, prefix, home);
    expect(await kinds(again, vote(1), vote(2))).toEqual(["same", "new"]);
  });

  it("arbiter: two copies of one home hold", async () => {
    const prefix = await storeOf(client);
    const [home, copy] = [homeOfTest(), homeOfTest()];
    const signer = await signerOf(client, prefix, home);
    await kinds(signer, vote(1));
    writeState(copy, readState(home)!);
    const twin = new Arbiter(copy, client, prefix);
    expect(await kinds(twin, vote(2))).toEqual(["new"]);
    expect(await codeOf(() => kinds(signer, vote(2)))).toBe("arbiter-held");
    expect(signer.hold?.reason).toBe("other-signer");
  });

  it("arbiter: a claim that was written before a crash is the same after it", async () => {
    const prefix = await storeOf(client);
    const home = homeOfTest();
    const crashed = await signerOf(client, prefix, home);
    await kinds(crashed, vote(1));
    const before = readState(home)!;
    await kinds(crashed, vote(2));
    // Between the claim and the record.
    writeState(home, before);
    const restarted = new Arbiter(home, client, prefix);
    expect(await kinds(restarted, vote(2))).toEqual(["same"]);
    expect(await kinds(restarted, vote(3))).toEqual(["new"]);
  });

  it("arbiter: a row that someone rewrote ends every signer", async () => {
    const prefix = await storeOf(client);
    const home = homeOfTest();
    const [one, other] = [await signerOf(client, prefix, home), await signerOf(client, prefix)];
    await kinds(one, vote(1));
    const key = new TextDecoder().decode(arbiterKeys(prefix).vote(of, 1n));
    cluster.ctl("put", key, hex.encode(digestOf("b")).slice(0, 32));
    expect(await codeOf(() => kinds(one, vote(1)))).toBe("arbiter-held");
    expect(one.hold?.reason).toBe("vote-rewritten");
    expect(await codeOf(() => kinds(other, vote(2)))).toBe("arbiter-halted");
    // Nor is this home enrolled anew before a person has renewed the store.
    await endHalt(client, prefix);
    expect(await codeOf(() => signerOf(client, prefix, home))).toBe("arbiter-conflict");
    await renewArbiter(client, prefix, [{ ...of, fromHeight: 10n }]);
    expect(await kinds(await signerOf(client, prefix, home), vote(10))).toEqual(["new"]);
  });

  it("arbiter: a renewed store ends every enrolment and begins above what it had", async () => {
    const prefix = await storeOf(client);
    const home = homeOfTest();
    const signer = await signerOf(client, prefix, home);
    await kinds(signer, vote(1));
    expect(await codeOf(() => renewArbiter(client, prefix, []))).toBe("invalid-argument");
    expect(await renewArbiter(client, prefix, [{ ...of, fromHeight: 100n }])).toMatch(/ 2$/);
    expect(await codeOf(() => kinds(signer, vote(2)))).toBe("arbiter-held");
    expect(signer.hold?.reason).toBe("store-changed");
    const again = await signerOf(client, prefix, home);
    expect(await kinds(again, vote(99), vote(100))).toEqual(["below-watermark", "new"]);
    expect(await codeOf(() => renewArbiter(client, prefix, [{ ...of, fromHeight: 99n }]))).toBe(
      "would-lower-mark",
    );
  });

  it("arbiter: refuses a home that is not enrolled, and a store that was never made", async () => {
    expect(await codeOf(() => new Arbiter(homeOfTest(), client, "/none"))).toBe("arbiter-not-enrolled");
    expect(await codeOf(() => signerOf(client, "/none"))).toBe("arbiter-uninitialised");
    const prefix = await storeOf(client);
    const signer = await signerOf(client, prefix);
    const elsewhere = { key: of.key, chainId: "other" };
    expect(await codeOf(() => signer.claim(elsewhere, [vote(1)]))).toBe("arbiter-uninitialised");
  });
});
