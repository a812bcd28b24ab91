import { beforeAll, describe, expect, it } from "vitest";
import { paramSet } from "../../src/params/sets.js";
import { cascade, worstCascade } from "../../src/restaking/cascade.js";
import { certify } from "../../src/restaking/certificate.js";
import { collateral, optIn } from "../../src/restaking/change.js";
import { concentrationOf, concentrations } from "../../src/restaking/concentration.js";
import { doubleSign } from "../../src/restaking/double-sign.js";
import { exposures, overlaps } from "../../src/restaking/exposure.js";
import {
  add,
  compare,
  type Fraction,
  fraction,
  inverse,
  ONE,
  toNumber,
} from "../../src/restaking/fraction.js";
import type { Edge, RestakingGraph } from "../../src/restaking/graph.js";
import { modelOf } from "../../src/restaking/model.js";
import { loadSolver, type Solver } from "../../src/restaking/solver.js";
import { randomOf, runs } from "../support/runs.js";
import { plainEdge, plainGraph, SMALL } from "./support/graphs.js";
import { randomPlain } from "./support/random-graphs.js";

let solver: Solver;

beforeAll(async () => {
  solver = await loadSolver();
});

describe("a double sign under the newest parameters of mainnet", () => {
  const { slashing, unbondingTime } = paramSet("mainnet").versions.find(({ version }) => version === 5)!;
  const { rate, minFee } = slashing!;

  it.each([
    [500_000n, [301n, 1000n], 150_500n],
    [100_000_000n, [1n, 400n], 250_000n],
    [50_000_000_000n, [1003n, 1_000_000n], 50_150_000n],
  ] as const)("of a stake of %s satoshi ends its backing and costs its holder %s", (amount, share, loss) => {
    const edge: Edge = {
      ...plainEdge("stake", "provider", "babylon", amount),
      loss: { rate: [rate.numerator, rate.denominator], fee: minFee, lockedBlocks: unbondingTime },
    };
    const graph: RestakingGraph = {
      assets: [{ id: "bitcoin", decimals: 8 }],
      pools: [
        { id: "stake", asset: "bitcoin", kind: "utxo", amount },
        { id: "other", asset: "bitcoin", kind: "utxo", amount: 3n * amount },
      ],
      operators: [{ id: "provider" }, { id: "another" }],
      services: [{ id: "babylon", profit: null, alpha: [1n, 3n], basis: "weight", tie: "safe" }],
      edges: [edge, plainEdge("other", "another", "babylon", 3n * amount)],
    };
    const answer = doubleSign(graph, "provider");
    expect(answer.pools).toEqual([
      {
        pool: "stake",
        asset: "bitcoin",
        amount,
        isOwn: false,
        backingLost: amount,
        loss,
        lossShare: share,
        locked: amount - loss,
        lockedBlocks: 301,
      },
    ]);
    expect(answer.services).toEqual([
      { service: "babylon", before: 4n * amount, after: 3n * amount, left: [3n, 4n], fallsBelow: null },
    ]);
  });

  it("takes the backing from every service of the stake, and names what they fall below", () => {
    const graph = plainGraph(
      [60n, 40n],
      [
        { profit: null, by: [0, 1] },
        { profit: null, by: [0, 1] },
      ],
    );
    const services = doubleSign(graph, "o0", "s0").services;
    expect(services.map(({ service, left }) => [service, left])).toEqual([
      ["s0", [2n, 5n]],
      ["s1", [2n, 5n]],
    ]);
    expect(services[0]!.fallsBelow).toEqual([1n, 2n]);
    expect(() => doubleSign(graph, "west")).toThrow(expect.objectContaining({ code: "unknown-name" }));
  });

  it("lowers what other networks have of a vault", () => {
    const edges = [
      { ...plainEdge("vault", "a", "x", 100n), slashable: 40n, onSlash: "reduce-pool" as const },
      { ...plainEdge("vault", "b", "y", 100n), slashable: 100n, onSlash: "reduce-pool" as const },
    ];
    const graph: RestakingGraph = {
      ...plainGraph([], []),
      pools: [{ id: "vault", asset: "coin", kind: "vault", amount: 100n, owner: "a" }],
      operators: [{ id: "a" }, { id: "b" }],
      services: ["x", "y"].map((id) => ({
        id,
        profit: null,
        alpha: [1n, 2n],
        basis: "slashable",
        tie: "safe",
      })),
      edges,
    };
    const { pools, services } = doubleSign(graph, "a");
    expect(pools[0]).toMatchObject({ backingLost: 40n, loss: 40n, locked: 0n, isOwn: true });
    expect(services).toEqual([
      { service: "x", before: 40n, after: 0n, left: [0n, 1n], fallsBelow: [1n, 3n] },
      { service: "y", before: 100n, after: 60n, left: [3n, 5n], fallsBelow: [2n, 3n] },
    ]);
  });
});

describe("an exposure", () => {
  it("says what a pool stands for and can lose", () => {
    const [bitcoin, vault, above, ...others] = exposures(SMALL);
    expect(bitcoin).toMatchObject({ pool: "txid:0", worstLoss: 250_000n, worstShare: [1n, 400n] });
    expect(vault).toMatchObject({ pool: "vault", owner: "anna", worstLoss: 10n ** 18n });
    expect(vault!.to).toEqual([
      {
        service: "bridge",
        operator: "bert",
        weight: 10n ** 18n,
        slashable: 10n ** 18n,
        loss: 10n ** 18n,
        veto: true,
      },
    ]);
    expect(vault!.byLayers).toBeUndefined();
    // An edge that is pending counts nowhere: the pool above loses its part of what the vault does, 4/9, and no more.
    const byLayers = 444_444_444_444_444_445n;
    expect(above).toMatchObject({ pool: "above", to: [], byLayers, worstLoss: byLayers });
    expect(others).toEqual([]);
  });

  it("says how much of two services' stake is the same", () => {
    const graph = plainGraph(
      [30n, 10n, 60n],
      [
        { profit: null, by: [0, 1] },
        { profit: null, by: [0, 2] },
        { profit: null, by: [2] },
      ],
    );
    expect(overlaps(graph).overlaps).toEqual([
      {
        services: ["s0", "s1"],
        shared: 30n,
        shares: [
          [3n, 4n],
          [1n, 3n],
        ],
      },
      {
        services: ["s1", "s2"],
        shared: 60n,
        shares: [
          [2n, 3n],
          [1n, 1n],
        ],
      },
    ]);
  });
});

describe("a concentration", () => {
  const of = (...stakes: bigint[]) => concentrationOf(new Map(stakes.map((stake, i) => [`o${i}`, stake])));

  it("of equal stakes has no Gini, and needs more than a share", () => {
    const { nakamoto, herfindahl, gini } = of(5n, 5n, 5n);
    expect(nakamoto).toEqual({ third: 2, half: 2, twoThirds: 3 });
    expect(herfindahl).toEqual([1n, 3n]);
    expect(gini).toEqual([0n, 1n]);
  });

  it("of one large stake among small ones is that one's", () => {
    const found = of(97n, 1n, 1n, 1n);
    expect(found.nakamoto).toEqual({ third: 1, half: 1, twoThirds: 1 });
    expect(found.herfindahl).toEqual([9412n, 10000n].map((n) => n / 4n));
    expect(found.gini).toEqual([18n, 25n]);
    expect(found.largest).toEqual({ id: "o0", share: [97n, 100n] });
  });

  it("is the same with holders of nothing, in another order, and of amounts a thousand times larger", () => {
    const plain = of(7n, 3n, 9n, 1n);
    const { largest: _, total: __, ...facts } = plain;
    expect(of(0n, 1n, 9n, 0n, 3n, 7n)).toMatchObject(facts);
    expect(of(7_000n, 3_000n, 9_000n, 1_000n)).toMatchObject(facts);
  });

  it("counts operators of one group as one, and a pool once for a group", () => {
    const graph = plainGraph([50n, 30n, 20n], [{ profit: null, by: [0, 1, 2] }]);
    const grouped = {
      ...graph,
      operators: graph.operators.map((o, i) => (i === 0 ? o : { ...o, group: "one" })),
    };
    const { all, services } = concentrations(grouped);
    expect(all.byOperator.nakamoto).toEqual({ third: 1, half: 2, twoThirds: 2 });
    expect(all.byGroup).toMatchObject({ holders: 2, herfindahl: [1n, 2n], total: 100n });
    expect(services[0]!.byGroup.herfindahl).toEqual([1n, 2n]);
  });

  it("of nothing is nothing", () => {
    expect(of()).toMatchObject({ holders: 0, largest: null, herfindahl: [0n, 1n], gini: [0n, 1n] });
  });
});

describe("a cascade", () => {
  const third = plainGraph([300n, 570n, 2130n], [{ profit: 580n, by: [0, 1] }]);

  it("of a shock of 1/100 loses all, where costs just equal profits", () => {
    const graph = plainGraph([1n, 99n], [{ profit: 100n, by: [0, 1] }]);
    const answer = cascade(graph, { operators: ["o0"] });
    expect(answer).toMatchObject({
      shock: 1n,
      lost: 100n,
      lostShare: [1n, 1n],
      end: "certified",
      lessThan: null,
    });
    expect(answer.steps).toEqual([{ services: ["s0"], operators: ["o1"], profit: 100n, cost: 99n }]);
    expect(worstCascade(graph, [1n, 100n], { solver })).toMatchObject({ class: "proved", share: [1n, 1n] });
  });

  it("of a tenth loses 870 of 3000 where the slack is 1/2, below the bound of 3/10", () => {
    const worst = worstCascade(third, [1n, 10n], { solver });
    expect(worst).toMatchObject({ class: "proved", share: [29n, 100n], shock: ["o0"], operators: ["o1"] });
    expect(worst.lessThan).toEqual([3n, 10n]);
    expect(cascade(third, { pools: ["p0"] })).toMatchObject({ lost: 870n, lessThan: [3n, 10n] });
  });

  it("of 1/1000 stays below 11/1000 where the slack is 1/10", () => {
    const graph = plainGraph([1_100n], [{ profit: 1_000n, by: [0] }]);
    expect(certify(modelOf(graph)).slack).toEqual([1n, 10n]);
    expect(worstCascade(graph, [1n, 1000n]).lessThan).toEqual([11n, 1000n]);
  });

  it("says what it needs", () => {
    expect(worstCascade(third, [1n, 10n])).toMatchObject({ class: "unknown", needs: "highs", share: null });
    expect(worstCascade(SMALL, [1n, 10n], { solver })).toMatchObject({
      class: "unknown",
      needs: "plain-graph",
    });
  });

  it("at its worst is what all shocks and attacks of small graphs say", () => {
    const random = randomOf("worst cascades");
    let unknown = 0;
    for (let i = 0; i < runs(2_000); i++) {
      const graph = randomPlain(random, { operators: 6, services: 3 });
      const safe = { ...graph, services: graph.services.map((each) => ({ ...each, tie: "safe" as const })) };
      const psi = fraction(BigInt(1 + random.below(5)), 10n);
      const answer = worstCascade(safe, psi, { solver });
      if (answer.share === null) unknown++;
      else expect(answer.share).toEqual(worstTruth(safe, psi));
      if (answer.lessThan && answer.share)
        expect(compare(answer.share, answer.lessThan)).toBeLessThanOrEqual(0);
    }
    expect(unknown).toBe(0);
  });
});

/** ψ and the largest share that one attack after a shock of up to ψ loses. */
function worstTruth(graph: RestakingGraph, psi: Fraction): Fraction {
  const stakes = graph.pools.map(({ amount }) => amount);
  const all = stakes.reduce((a, b) => a + b, 0n);
  const of = (set: number, list: readonly number[]) =>
    list.reduce((sum, i) => ((set >> i) & 1 ? sum + stakes[i]! : sum), 0n);
  const everyone = stakes.map((_, i) => i);
  const services = graph.services.map(({ id, profit, alpha }) => ({
    profit: profit!,
    alpha,
    by: graph.edges.filter(({ service }) => service === id).map(({ operator }) => Number(operator.slice(1))),
  }));
  let most = 0n;
  for (let d = 0; d < 1 << stakes.length; d++) {
    if (of(d, everyone) * psi[1] > psi[0] * all) continue;
    for (let b = 0; b < 1 << stakes.length; b++) {
      if ((b & d) !== 0) continue;
      const open = services.filter(({ profit, alpha, by }) => {
        const left = by.filter((i) => !((d >> i) & 1));
        return profit > 0n && of(-1, by) > 0n && of(b, left) * alpha[1] >= alpha[0] * of(-1, left);
      });
      const profit = open.reduce((sum, each) => sum + each.profit, 0n);
      const attacks = everyone.every(
        (i) => !((b >> i) & 1) || stakes[i] === 0n || open.some(({ by }) => by.includes(i)),
      );
      const cost = of(b, everyone);
      if (attacks && profit > cost && cost > most) most = cost;
    }
  }
  return all === 0n ? psi : add(psi, fraction(most, all));
}

describe("joining one more service", () => {
  it("loads the operator and relieves the others of the service", () => {
    const graph = plainGraph(
      [10n, 20n],
      [
        { profit: 5n, by: [0] },
        { profit: 10n, by: [1] },
      ],
    );
    const answer = optIn(graph, "o0", "s1");
    expect(answer).toMatchObject({ joining: 10n, power: { before: 20n, after: 30n } });
    expect(answer.loads).toEqual([
      { operator: "o1", before: [1n, 2n], after: [1n, 3n] },
      { operator: "o0", before: [1n, 2n], after: [5n, 6n] },
    ]);
    expect(answer.slack).toEqual({ before: [1n, 1n], after: [1n, 5n] });
    expect(answer.worstLosses).toEqual([{ pool: "p0", before: 10n, after: 10n }]);
  });

  it("gives what no service has yet, of stake that each has a part of", () => {
    const unique = { shares: "unique", onSlash: "reduce-pool" } as const;
    const graph: RestakingGraph = {
      ...plainGraph(
        [100n],
        [
          { profit: 1n, by: [] },
          { profit: 1n, by: [] },
        ],
      ),
      edges: [{ ...plainEdge("p0", "o0", "s0", 100n), slashable: 70n, ...unique }],
    };
    const joined = optIn(graph, "o0", "s1");
    expect(joined.graph.edges[1]).toMatchObject({ weight: 100n, slashable: 30n });
    expect(joined.worstLosses).toEqual([{ pool: "p0", before: 70n, after: 100n }]);
  });

  it("is refused where the operator is in it, or is none", () => {
    const graph = plainGraph([10n], [{ profit: 5n, by: [0] }]);
    expect(() => optIn(graph, "o0", "s0")).toThrow(expect.objectContaining({ code: "invalid-graph" }));
    expect(() => optIn(graph, "o1", "s0")).toThrow(expect.objectContaining({ code: "unknown-name" }));
    expect(() => optIn(graph, "o0", "s1")).toThrow(expect.objectContaining({ code: "unknown-name" }));
  });
});

describe("collateral", () => {
  it("is the least where one operator is in all that weighs", () => {
    const graph = plainGraph([10n, 10n], [{ profit: 30n, by: [0, 1] }]);
    expect(collateral(graph, [1n, 2n])).toMatchObject({
      class: "certified",
      add: [{ operator: "o0", amount: 25n }],
      total: 25n,
      atLeast: 25n,
    });
    expect(collateral(graph, [0n, 1n])).toMatchObject({ total: 10n, atLeast: 10n });
  });

  it("is none where the certificate holds, and unknown where profit falls on stake that loses nothing", () => {
    const graph = plainGraph([10n], [{ profit: 5n, by: [0] }]);
    expect(collateral(graph, [1n, 1n])).toMatchObject({ isEnough: true, add: [], total: 0n });
    const lossless = {
      ...graph,
      edges: graph.edges.map((e) => ({ ...e, loss: { rate: [0n, 1n] as const, fee: 0n } })),
    };
    expect(collateral(lossless, [1n, 1n])).toMatchObject({ class: "unknown", add: null });
  });

  it("always certifies what it promises, with no less than it says is needed", () => {
    const random = randomOf("collateral");
    for (let i = 0; i < runs(1_000); i++) {
      const graph = randomPlain(random, { operators: 4, services: 3 });
      const answer = collateral(graph, [1n, 3n]);
      if (answer.add === null) continue;
      const limit = inverse(add([1n, 3n], ONE));
      const { greatest } = certify(modelOf(withStake(graph, answer.add)));
      expect(toNumber(greatest!)).toBeLessThanOrEqual(toNumber(limit));
      expect(answer.atLeast <= answer.total).toBe(true);
    }
  });
});

/** The graph with further stake of operators, behind all their services that have a profit. */
function withStake(
  graph: RestakingGraph,
  added: readonly { operator: string; amount: bigint }[],
): RestakingGraph {
  return {
    ...graph,
    pools: [
      ...graph.pools,
      ...added.map(({ operator, amount }) => ({
        id: `more ${operator}`,
        asset: "coin",
        kind: "vault" as const,
        amount,
      })),
    ],
    edges: [
      ...graph.edges,
      ...added.flatMap(({ operator, amount }) =>
        graph.edges
          .filter((edge) => edge.operator === operator)
          .map(({ service }) => plainEdge(`more ${operator}`, operator, service, amount)),
      ),
    ],
  };
}
