import { describe, it } from "vitest";
import { expectOneDigestIn } from "../../support/arbiter-race.js";
import { Cluster, hasEtcd } from "../../support/etcd.js";
import { hasNetworks, Network } from "../../support/network.js";
import { isLong } from "../../support/runs.js";

const isRun = hasEtcd && isLong;
if (isRun && !hasNetworks) {
  process.stderr.write(
    "no networks of its own without root and ip: the tests that cut a cluster's are skipped\n",
  );
}

describe.runIf(isRun && hasNetworks)("a cluster whose network is cut", async () => {
  const network = isRun && hasNetworks ? new Network(3) : undefined!;
  const cluster = isRun && hasNetworks ? await Cluster.start({ machines: network.machines }) : undefined!;
  const leader = () => cluster.members.indexOf(cluster.leader());

  it.each([
    ["the leader is cut from its peers", () => network.cutFromPeers(leader())],
    ["a follower is cut from its peers", () => network.cutFromPeers((leader() + 1) % 3)],
    ["clients are cut from the leader", () => network.cutFromClients(leader())],
    [
      "all members are cut from each other",
      () => {
        const mends = [0, 1, 2].map((machine) => network.cutFromPeers(machine));
        return () => mends.forEach((mend) => mend());
      },
    ],
  ])("cuts: no height has two digests while %s", (_, cut) =>
    expectOneDigestIn(cluster, () => Promise.resolve(cut())),
  );
});
