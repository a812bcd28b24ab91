import { describe, expect, it } from "vitest";
import { doubleSign } from "../../src/restaking/double-sign.js";
import type { RestakingGraph } from "../../src/restaking/graph.js";
import { mergeGraphs } from "../../src/restaking/merge.js";
import { modelOf } from "../../src/restaking/model.js";
import { plainEdge } from "./support/graphs.js";

/** A graph of one pool, behind one service, in an asset of its own. */
function graphOf(
  name: string,
  asset: RestakingGraph["assets"][number],
  operator: RestakingGraph["operators"][number] = { id: "anna" },
  profit: bigint | null = null,
): RestakingGraph {
  return {
    assets: [asset],
    pools: [{ id: `pool ${name}`, asset: asset.id, kind: "vault", amount: 100n }],
    operators: [operator],
    services: [{ id: name, profit, alpha: [1n, 3n], basis: "weight", tie: "safe" }],
    edges: [plainEdge(`pool ${name}`, operator.id, name, 100n)],
  };
}

const BITCOIN = { id: "bitcoin", decimals: 8 };
const ETHER = { id: "ether", decimals: 18 };
const VALUES = {
  bitcoin: { decimals: 8, value: [1n, 1n] },
  ether: { decimals: 18, value: [3n, 100n] },
  gold: { decimals: 3, value: [1n, 1n] },
} as const;

const chain = graphOf("chain", BITCOIN, { id: "anna" }, 50n);
const bridge = graphOf("bridge", ETHER, { id: "anna", group: "Anna GmbH" });
const vault = graphOf("vault", ETHER, { id: "bert" });

const refusal = (graphs: readonly RestakingGraph[], assets: Parameters<typeof mergeGraphs>[1] = VALUES) => {
  try {
    mergeGraphs(graphs, assets);
    return null;
  } catch (error) {
    return error;
  }
};

describe("graphs of several systems as one", () => {
  it("have one operator of each id, who decides about the stake of all", () => {
    const all = mergeGraphs([chain, bridge, vault], VALUES);
    expect(all.operators).toEqual([{ id: "anna", group: "Anna GmbH" }, { id: "bert" }]);
    expect(all.assets).toEqual([
      { ...BITCOIN, value: [1n, 1n] },
      { ...ETHER, value: [3n, 100n] },
    ]);
    expect(doubleSign(all, "anna").pools.map(({ pool }) => pool)).toEqual(["pool chain", "pool bridge"]);
    expect(modelOf(all)).toMatchObject({ scale: 100n, total: 100n * 100n + 2n * 300n });
  });

  it("count what each alone counts, of one asset", () => {
    const all = mergeGraphs([bridge, vault]);
    expect(all.assets).toEqual([ETHER]);
    expect(all.edges).toEqual([...bridge.edges, ...vault.edges]);
  });

  it.each([
    ["a pool of both", [chain, { ...vault, pools: chain.pools }], "pools", /pool chain/],
    [
      "a service of both",
      [chain, { ...graphOf("chain", ETHER), pools: [], edges: [] }],
      "services",
      /same id, chain/,
    ],
    [
      "two groups of an operator",
      [bridge, graphOf("x", ETHER, { id: "anna", group: "B" })],
      "operators",
      /B$/,
    ],
    [
      "two decimals of an asset",
      [chain, graphOf("x", { ...BITCOIN, decimals: 9 })],
      "assets",
      /8 decimals, and 9/,
    ],
    [
      "two values of an asset",
      [chain, graphOf("x", { ...BITCOIN, value: [2n, 1n] })],
      "assets",
      /values 2\/1 and 1\/1|values 1\/1 and 2\/1/,
    ],
  ])("are refused with %s", (_name, graphs, list, says) => {
    expect(refusal(graphs)).toMatchObject({
      code: "invalid-graph",
      details: { path: `restaking.${list}` },
      message: expect.stringMatching(says) as string,
    });
  });

  it("are refused where profits would count in another unit than before", () => {
    const assets = { ...VALUES, bitcoin: { decimals: 8, value: [2n, 1n] as const } };
    expect(refusal([chain, vault], assets)).toMatchObject({
      code: "invalid-graph",
      message: expect.stringContaining("its value must be 1/1") as string,
    });
    expect(refusal([graphOf("chain", BITCOIN), vault], assets)).toBeNull();
  });

  it("are refused without values of several assets", () => {
    expect(refusal([chain, vault], {})).toMatchObject({
      code: "invalid-graph",
      details: { path: "restaking.assets[0].value" },
    });
  });
});
