import { describe, expect, it } from "vitest";
import { arbiterReport } from "../../../src/finality/arbiter/store.js";
import { clientOf, codeOf, kinds, signerOf, storeOf, vote } from "../../support/arbiter.js";
import { expectOneDigestIn, type Fault } from "../../support/arbiter-race.js";
import { Cluster, hasEtcd } from "../../support/etcd.js";
import { eventually } from "../../support/eventually.js";
import { lossyWay } from "../../support/lost-answers.js";
import { isLong } from "../../support/runs.js";

describe.runIf(hasEtcd)("a cluster with faults", async () => {
  const cluster = hasEtcd ? await Cluster.start() : undefined!;
  const client = hasEtcd ? clientOf(cluster) : undefined!;

  it("faults: a lost answer is asked for again with the same claim, once, and is then the same", async () => {
    const prefix = await storeOf(client);
    const way = await lossyWay(cluster.addresses[0]!);
    const single = clientOf({ addresses: [way.address] });
    const signer = await signerOf(single, prefix);
    way.sent = 0;
    way.lose = 1;
    expect(await kinds(signer, vote(1))).toEqual(["same"]);
    expect(way.sent).toBe(2);
    way.lose = 3;
    way.sent = 0;
    expect(await codeOf(() => kinds(signer, vote(2)))).toBe("arbiter-unclear");
    expect(way.sent).toBe(3);
    expect(await kinds(signer, vote(2, "b"))).toEqual(["double-vote"]);
    expect(await kinds(signer, vote(2))).toEqual(["same"]);
  });

  const expectOneDigest = (fault: Fault) => expectOneDigestIn(cluster, fault);

  it("faults: no height has two digests while the leader is killed", () =>
    expectOneDigest(async () => {
      const leader = cluster.leader();
      await leader.kill();
      return () => leader.start("existing");
    }));

  it("faults: no height has two digests while the leader stands still", () =>
    expectOneDigest(() => {
      const leader = cluster.leader();
      leader.pause();
      return Promise.resolve(() => leader.resume());
    }));

  const follower = () => {
    const leader = cluster.leader();
    return cluster.members.find((member) => member !== leader)!;
  };

  it.runIf(isLong)("faults: no height has two digests while a follower is killed", () =>
    expectOneDigest(async () => {
      const member = follower();
      await member.kill();
      return () => member.start("existing");
    }),
  );

  it.runIf(isLong)("faults: no height has two digests while a follower stands still", () =>
    expectOneDigest(() => {
      const member = follower();
      member.pause();
      return Promise.resolve(() => member.resume());
    }),
  );

  it.runIf(isLong)("faults: no height has two digests while another member takes the lead", () =>
    expectOneDigest(() => {
      cluster.moveLeader();
      return Promise.resolve(() => undefined);
    }),
  );

  it("faults: no height has two digests while all members are killed", () =>
    expectOneDigest(async () => {
      await cluster.killAll();
      return () => cluster.members.forEach((member) => member.start("existing"));
    }));

  it("faults: nothing is released while the cluster is stopped", async () => {
    const prefix = await storeOf(client);
    const signer = await signerOf(clientOf(cluster, 500), prefix);
    expect(await kinds(signer, vote(1))).toEqual(["new"]);
    await cluster.killAll();
    expect(await codeOf(() => kinds(signer, vote(2)))).toBe("arbiter-unclear");
    cluster.members.forEach((member) => member.start("existing"));
    await cluster.ready();
    await eventually(async () =>
      expect(await kinds(signer, vote(2))).toEqual([expect.stringMatching(/new|same/)]),
    );
  });

  it("faults: a store that was restored from a copy ends its signers, by whichever way it came back", async () => {
    const prefix = await storeOf(client);
    const [one, late] = [await signerOf(client, prefix), await signerOf(client, prefix)];
    await kinds(late, vote(1));
    const snapshot = cluster.snapshot();
    await kinds(one, vote(2, "a"));
    await cluster.restore(snapshot);
    // What no signer notices: the copy has all that this one wrote, and lacks another one's vote.
    const unaware = await codeOf(() => kinds(late, vote(2, "b")));
    expect(["no refusal", "arbiter-held"]).toContain(unaware);
    expect(await codeOf(() => kinds(one, vote(3)))).toBe("arbiter-held");
    expect(one.hold?.reason).toBe("went-back");
    expect((await arbiterReport(client, prefix)).halt).toContain("older copy");
    expect(await codeOf(() => kinds(late, vote(4)))).toMatch(/arbiter-(halted|held)/);
    await cluster.restore(snapshot, "another-token");
    expect(await codeOf(async () => kinds(await signerOf(client, prefix), vote(9)))).toBe("no refusal");
    expect(await codeOf(() => kinds(late, vote(5)))).toBe("arbiter-held");
  });

  it("faults: a cluster that was made of one member ends its signers", async () => {
    const prefix = await storeOf(client);
    const signer = await signerOf(client, prefix);
    await kinds(signer, vote(1));
    await cluster.killAll();
    const [first] = cluster.members;
    first!.start("existing", "--force-new-cluster");
    const alone = clientOf({ addresses: [first!.address] });
    await eventually(() => alone.ask("Range", { key: new Uint8Array([1]) }));
    expect(await codeOf(() => kinds(signer, vote(2)))).toBe("arbiter-held");
    expect(["members-changed", "went-back"]).toContain(signer.hold?.reason);
  });
});
