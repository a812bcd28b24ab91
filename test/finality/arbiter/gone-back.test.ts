import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/core/bytes.js";
import { TapstakeError } from "../../../src/core/errors.js";
import type { Arbiter } from "../../../src/finality/arbiter/arbiter.js";
import type { HoldReason } from "../../../src/finality/arbiter/errors.js";
import { arbiterReport, endHalt, renewArbiter } from "../../../src/finality/arbiter/store.js";
import { clientOf, codeOf, kinds, of, signerOf, storeOf, vote } from "../../support/arbiter.js";
import { Cluster, hasEtcd, hasRestoreOption } from "../../support/etcd.js";
import { homeOfTest } from "../../support/home.js";
import { isLong, randomOf } from "../../support/runs.js";

/** A cluster in which a signer has voted at heights 1 and 2, and will vote at heights 3 and 4. */
interface Begun {
  readonly cluster: Cluster;
  /** The signer votes at heights 3 and 4: what a store that goes back will lack. */
  readonly voteOn: () => Promise<void>;
  /** Others write so much that the revision rises above what the signer knows. */
  readonly raiseRevision: () => Promise<void>;
}

interface Row {
  readonly name: string;
  /** What is done to the cluster. */
  readonly change: (begun: Begun) => Promise<void>;
  /** What the signer finds at its next claim: a reason to hold, or "new" where no vote was lost. */
  readonly found: HoldReason | "new";
  /** A part of what it says. */
  readonly says?: RegExp;
}

const startAll = async (cluster: Cluster) => {
  cluster.members.forEach((member) => member.start("existing"));
  await cluster.ready();
};

/** Every way in which HA.md's section 4 has a store go back, or a cluster become another one. */
const ROWS: readonly Row[] = [
  {
    name: "a snapshot, with the same token",
    async change({ cluster, voteOn }) {
      const snapshot = cluster.snapshot();
      await voteOn();
      await cluster.restore(snapshot);
    },
    found: "went-back",
    says: /revision/,
  },
  {
    name: "a snapshot, after others have voted on in the restored store",
    async change({ cluster, voteOn, raiseRevision }) {
      const snapshot = cluster.snapshot();
      await voteOn();
      await cluster.restore(snapshot);
      await raiseRevision();
    },
    found: "went-back",
    says: /seal/,
  },
  {
    name: "a snapshot, with another token",
    async change({ cluster, voteOn }) {
      const snapshot = cluster.snapshot();
      await voteOn();
      await cluster.restore(snapshot, "another-token");
    },
    found: "members-changed",
  },
  {
    name: "a live database file, without a check of its hash",
    async change({ cluster, voteOn }) {
      await cluster.killAll();
      const copied = join(cluster.folder, "db");
      cpSync(join(cluster.members[0]!.folder, "member/snap/db"), copied);
      await startAll(cluster);
      await voteOn();
      await cluster.restore(copied, undefined, ["--skip-hash-check"]);
    },
    found: "went-back",
  },
  ...(hasRestoreOption("--bump-revision")
    ? [
        {
          name: "a snapshot, with a bumped revision",
          async change({ cluster, voteOn }: Begun) {
            const snapshot = cluster.snapshot();
            await voteOn();
            const bump = ["--bump-revision", "1000000", "--mark-compacted"];
            await cluster.restore(snapshot, undefined, bump);
          },
          found: "went-back" as const,
          says: /seal/,
        },
      ]
    : []),
  {
    name: "all members' folders, copied back",
    async change({ cluster, voteOn, raiseRevision }) {
      await cluster.killAll();
      const putBack = cluster.copyOf(cluster.members);
      await startAll(cluster);
      await voteOn();
      await cluster.killAll();
      putBack();
      await startAll(cluster);
      await raiseRevision();
    },
    found: "went-back",
    says: /seal/,
  },
  {
    name: "one member's folder, copied back while the others are whole",
    async change({ cluster, voteOn }) {
      const [, second] = cluster.members;
      await second!.kill();
      const putBack = cluster.copyOf([second!]);
      second!.start("existing");
      await cluster.ready();
      await voteOn();
      await second!.kill();
      putBack();
      second!.start("existing");
      // If it followed, it may find that it acknowledged more than it has, and end; if it led, the new leader gives it the rest.
      await cluster.ready();
    },
    found: "new",
  },
  {
    name: "one member's folder, copied back while another member lacks the votes too",
    async change({ cluster, voteOn }) {
      const [first, second, third] = cluster.members;
      await second!.kill();
      const putBack = cluster.copyOf([second!]);
      second!.start("existing");
      await cluster.ready();
      await third!.kill();
      await voteOn();
      await second!.kill();
      putBack();
      await first!.kill();
      second!.start("existing");
      third!.start("existing");
      await cluster.ready();
    },
    found: "went-back",
  },
  {
    name: "--force-new-cluster, on a member that was down",
    async change({ cluster, voteOn }) {
      const third = cluster.members[2]!;
      await third.kill();
      await voteOn();
      await cluster.killAll();
      third.start("existing", "--force-new-cluster");
      await cluster.ready();
    },
    found: "went-back",
  },
  {
    name: "a member that was removed and added again, empty",
    async change({ cluster, voteOn }) {
      const third = cluster.members[2]!;
      const id = new RegExp(`^([0-9a-f]+), started, ${third.name},`, "m").exec(
        cluster.ctl("member", "list"),
      )![1]!;
      await third.kill();
      await cluster.ready();
      cluster.ctl("member", "remove", id);
      rmSync(third.folder, { recursive: true });
      cluster.ctl("member", "add", third.name, `--peer-urls=${third.peerUrl}`);
      third.start("existing");
      await cluster.ready();
      await voteOn();
    },
    found: "members-changed",
  },
  {
    name: "all members, begun anew with empty folders",
    async change({ cluster, voteOn }) {
      await voteOn();
      await cluster.killAll();
      for (const { folder } of cluster.members) rmSync(folder, { recursive: true });
      cluster.members.forEach((member) => member.start("new"));
      await cluster.ready();
    },
    found: "went-back",
  },
  {
    name: "all members, begun anew with empty folders, after others have written",
    async change({ cluster, voteOn, raiseRevision }) {
      await voteOn();
      await cluster.killAll();
      for (const { folder } of cluster.members) rmSync(folder, { recursive: true });
      cluster.members.forEach((member) => member.start("new"));
      await cluster.ready();
      await raiseRevision();
    },
    found: "store-changed",
  },
];

/** All rows in a long run, two of them otherwise. */
function drawn(): readonly Row[] {
  if (isLong) return ROWS;
  const at = randomOf("gone back").below(ROWS.length);
  return [ROWS[at]!, ROWS[(at + 1 + randomOf("another").below(ROWS.length - 1)) % ROWS.length]!];
}

describe.runIf(hasEtcd)("a store that went back", () => {
  it.each(drawn())("gone back: $name", async ({ change, found, says }) => {
    const cluster = await Cluster.start({ args: ["--strict-reconfig-check=false"] });
    const client = clientOf(cluster);
    const prefix = await storeOf(client);
    const home = homeOfTest();
    const signer = await signerOf(client, prefix, home);
    await kinds(signer, vote(1), vote(2));
    await change({
      cluster,
      async voteOn() {
        await untilClear(async () => {
          const answers = await kinds(signer, vote(3), vote(4));
          expect(answers.every((kind) => kind === "new" || kind === "same")).toBe(true);
        });
      },
      async raiseRevision() {
        for (let i = 0; i < 40; i++) {
          const put = { put: { key: utf8("filler"), value: utf8(`${i}`) } };
          await untilClear(() => client.ask("Txn", { compare: [], success: [put], failure: [] }));
        }
      },
    }).catch((error: unknown) => {
      // The change itself may have the signer find it.
      if (signer.hold?.reason !== found) throw error;
    });
    if (found === "new") {
      await untilClear(async () => expect(["new", "same"]).toContain((await kinds(signer, vote(5)))[0]));
      expect(await kinds(signer, vote(3, "b"), vote(4, "b"))).toEqual(["double-vote", "double-vote"]);
    } else await expectHold(signer, found, says);
    await cluster.end();
  });

  it("gone back: what no signer notices, and how the restore procedure avoids it", async () => {
    const cluster = await Cluster.start({ size: 1 });
    const client = clientOf(cluster);
    const prefix = await storeOf(client);
    const [one, late] = [await signerOf(client, prefix), await signerOf(client, prefix)];
    await kinds(late, vote(1));
    const snapshot = cluster.snapshot();
    expect(await kinds(one, vote(2, "a"))).toEqual(["new"]);
    await cluster.restore(snapshot);
    // The copy has all that this signer wrote, and lacks another one's released vote: a second digest at height 2.
    await untilClear(async () => expect(["new", "same"]).toContain((await kinds(late, vote(2, "b")))[0]));
    // The other one notices, and stops all.
    await expectHold(one, "went-back");
    expect(await codeOf(() => kinds(late, vote(3)))).toBe("arbiter-halted");
    expect((await arbiterReport(client, prefix)).halt).toContain("signer");
    // With the procedure, the store is another one before any signer asks it.
    await cluster.restore(snapshot);
    await endHalt(client, prefix);
    await renewArbiter(client, prefix, [{ ...of, fromHeight: 100n }]);
    expect(await codeOf(() => kinds(late, vote(2, "b")))).toBe("arbiter-held");
    const again = await signerOf(client, prefix);
    expect(await kinds(again, vote(2, "b"), vote(100))).toEqual(["below-watermark", "new"]);
  });
});

/** The signer's next clear answer is that it holds. */
async function expectHold(signer: Arbiter, reason: HoldReason, says = /./): Promise<void> {
  let code: string;
  do code = await codeOf(() => kinds(signer, vote(5)));
  while (code === "arbiter-unclear");
  expect(code).toBe("arbiter-held");
  expect(signer.hold?.reason).toBe(reason);
  expect(signer.hold?.found).toMatch(says);
}

/** Again, for as long as an election or a start gives no clear answer. */
async function untilClear<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TapstakeError) || error.code !== "arbiter-unclear") throw error;
    }
  }
}
