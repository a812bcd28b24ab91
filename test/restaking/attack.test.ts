import { beforeAll, describe, expect, it } from "vitest";
import { type AttackAnswer, findAttack } from "../../src/restaking/attack.js";
import { breakEven } from "../../src/restaking/break-even.js";
import { checkCoalition } from "../../src/restaking/coalition.js";
import { certify } from "../../src/restaking/certificate.js";
import { compare, type Fraction, fraction, ONE, subtract, toNumber } from "../../src/restaking/fraction.js";
import type { RestakingGraph } from "../../src/restaking/graph.js";
import { modelOf } from "../../src/restaking/model.js";
import { loadSolver, optimumOf, Problem, type Solver } from "../../src/restaking/solver.js";
import { isLong, randomOf, runs } from "../support/runs.js";
import { pairTruth, plainTruth, type Truth } from "./support/brute-force.js";
import { plainGraph } from "./support/graphs.js";
import { randomMixed, randomPlain } from "./support/random-graphs.js";

let solver: Solver;

beforeAll(async () => {
  solver = await loadSolver();
});

const answerOf = (graph: RestakingGraph, by?: Solver) => findAttack(modelOf(graph), { solver: by });

/** The slack where it is known exactly. */
function exactSlack({ slack }: AttackAnswer): Fraction | "unlimited" | null {
  if (slack.class === "unknown") return null;
  return slack.atLeast;
}

describe("an attack on a graph of RESTAKING.md", () => {
  it("gains nothing from stakes of 1 and 99 and a profit of 100: slack 0, and a tie is its author's choice", () => {
    const services = [{ profit: 100n, by: [0, 1] }];
    const safe = answerOf(plainGraph([1n, 99n], services));
    expect(safe).toMatchObject({ class: "certified", isSecure: true, mostGain: 0n });
    expect(exactSlack(safe)).toEqual([0n, 1n]);
    const tied = answerOf(plainGraph([1n, 99n], [{ ...services[0]!, tie: "attack" }]));
    expect(tied).toMatchObject({ class: "attack-found", isSecure: false });
    expect(tied.coalition).toMatchObject({ profit: 100n, cost: 100n, services: [0], operators: [0, 1] });
  });

  it("leaves a slack of exactly 1/2 where 870 serve a profit of 580", () => {
    const answer = answerOf(plainGraph([300n, 570n, 2130n], [{ profit: 580n, by: [0, 1] }]));
    expect(answer).toMatchObject({ class: "certified", isSecure: true });
    expect(exactSlack(answer)).toEqual([1n, 2n]);
  });

  it("gains 1 where two services need one stake of 100 and profits of 1 and 101", () => {
    const graph = plainGraph(
      [100n, 1n, 99n],
      [
        { profit: 1n, by: [0] },
        { profit: 101n, by: [1, 2] },
      ],
    );
    const answer = answerOf(graph);
    expect(answer).toMatchObject({ class: "attack-found", isSecure: false, mostGain: 1n });
    expect(answer.coalition).toMatchObject({ services: [1], operators: [1, 2], profit: 101n, cost: 100n });
    expect(exactSlack(answer)).toEqual([-1n, 101n]);
  });

  it("gains 4 where two of three stakes of ten corrupt three services of 8", () => {
    const by = [0, 1, 2];
    const services = by.map(() => ({ profit: 8n, alpha: [2n, 3n] as const, by }));
    const graph = plainGraph([10n, 10n, 10n], services);
    for (const each of [undefined, solver]) {
      const answer = answerOf(graph, each);
      expect(answer).toMatchObject({ class: "attack-found", isSecure: false });
      expect(answer.coalition).toMatchObject({ profit: 24n, cost: 20n, suffices: true });
    }
    expect(exactSlack(answerOf(graph, solver))).toEqual([-1n, 6n]);
  });

  it("loses 1 where validators stretch a stake of 2 over three services of reward 1", () => {
    const by = [0, 1, 2];
    const services = by.map(() => ({ profit: 1n, alpha: [1n, 2n] as const, by }));
    const answer = answerOf(plainGraph([2n, 2n, 2n], services), solver);
    expect(answer.isSecure).toBe(true);
    expect(answer.coalition).toMatchObject({ profit: 3n, cost: 4n });
    expect(exactSlack(answer)).toEqual([1n, 3n]);
  });
});

describe("services without stake", () => {
  it("are named as free attacks, and left out of the rest", () => {
    const graph = plainGraph(
      [10n],
      [
        { profit: 5n, by: [0] },
        { profit: 7n, by: [] },
      ],
    );
    const answer = answerOf(graph);
    expect(answer).toMatchObject({ class: "certified", isSecure: true });
    expect(answer.certificate.free).toEqual([1]);
  });

  it("have an unlimited slack where no profit is known", () => {
    expect(exactSlack(answerOf(plainGraph([10n], [{ profit: null, by: [0] }])))).toBe("unlimited");
  });
});

/** All that an answer says, against all coalitions. */
function expectTrue(answer: AttackAnswer, truth: Truth, graph: RestakingGraph): void {
  const told = JSON.stringify({ graph, truth, answer: { ...answer, certificate: 0 } }, (_, value: unknown) =>
    typeof value === "bigint" ? `${value}` : value instanceof Map ? [...value.entries()] : value,
  );
  if (answer.isSecure !== undefined) expect(answer.isSecure, told).toBe(!truth.hasAttack);
  if (truth.mostGain !== null) expect(answer.mostGain >= truth.mostGain, told).toBe(true);
  const { coalition, slack } = answer;
  if (answer.class === "attack-found") expect(coalition?.isAttack, told).toBe(true);
  if (coalition) {
    expect(checkCoalition(modelOf(graph), coalition.coalition), told).toEqual(coalition);
    expect(coalition.profit - coalition.cost <= truth.mostGain!, told).toBe(true);
  }
  if (truth.leastRatio === null) {
    expect(slack.atLeast, told).toBe("unlimited");
    return;
  }
  const exact = subtract(truth.leastRatio, ONE);
  if (slack.atLeast !== null) expect(compare(slack.atLeast as Fraction, exact) <= 0, told).toBe(true);
  expect(compare(slack.atMost!, exact) >= 0, told).toBe(true);
  if (slack.class !== "unknown") expect(slack.atMost, told).toEqual(exact);
}

describe("an answer about attacks", () => {
  it("of plain graphs up to 9 × 5 is what all coalitions say", () => {
    const random = randomOf("plain attacks");
    let unknown = 0;
    for (let i = 0; i < (isLong ? 1_000 : 25); i++) {
      const graph = randomPlain(random, { operators: i % 20 === 0 ? 9 : 6, services: 5 });
      const truth = plainTruth(graph);
      const answer = answerOf(graph, solver);
      expectTrue(answer, truth, graph);
      if (answer.class === "unknown" || answer.slack.class === "unknown") unknown++;
      expectTrue(answerOf(graph), truth, graph);
    }
    expect(unknown).toBe(0);
  });

  it("of all kinds of pools is what all choices of who attacks what say", () => {
    const random = randomOf("mixed attacks");
    let unknown = 0;
    for (let i = 0; i < (isLong ? 1_200 : 30); i++) {
      const graph = randomMixed(random);
      const truth = pairTruth(graph);
      const answer = answerOf(graph, solver);
      expectTrue(answer, truth, graph);
      if (answer.class === "unknown") unknown++;
      expectTrue(answerOf(graph), truth, graph);
    }
    expect(unknown).toBe(0);
  });

  it("by a least cut, where alpha is 1, is exact without a solver", () => {
    const random = randomOf("cuts");
    for (let i = 0; i < runs(4_000); i++) {
      const graph = randomPlain(random, { operators: 7, services: 5, alpha: [1n, 1n] });
      const answer = answerOf(graph);
      expect(answer.class).not.toBe("unknown");
      expect(answer.slack.class).toBe("certified");
      expectTrue(answer, plainTruth(graph), graph);
    }
  });

  it("says that it needs the solver, with the bounds at hand", () => {
    // Half of the stake corrupts each of two services, and no two stakes are half: the divided attack gains.
    const by = [0, 1, 2];
    const services = [1, 2].map(() => ({ profit: 6n, alpha: [1n, 2n] as const, by }));
    const graph = plainGraph([7n, 7n, 7n], services);
    expect(answerOf(graph)).toMatchObject({ class: "unknown", needs: "highs", mostGain: 3n });
    expect(answerOf(graph, solver)).toMatchObject({ class: "proved", isSecure: true, mostGain: 0n });
  });
});

describe("a law of attacks", () => {
  const facts = (answer: AttackAnswer) => ({ isSecure: answer.isSecure, slack: exactSlack(answer) });
  const graphs = (name: string) => {
    const random = randomOf(name);
    return Array.from({ length: runs(120) }, () => randomPlain(random, { operators: 5, services: 4 }));
  };

  it("an answer is the same when all amounts are a million times larger", () => {
    for (const graph of graphs("scale")) {
      const times = (amount: bigint) => amount * 1_000_003n;
      const larger: RestakingGraph = {
        ...graph,
        pools: graph.pools.map((pool) => ({ ...pool, amount: times(pool.amount) })),
        services: graph.services.map((service) => ({ ...service, profit: times(service.profit!) })),
        edges: graph.edges.map((e) => ({ ...e, weight: times(e.weight), slashable: times(e.slashable) })),
      };
      expect(facts(answerOf(larger, solver))).toEqual(facts(answerOf(graph, solver)));
    }
  });

  it("an answer is the same in another order of entries", () => {
    for (const graph of graphs("order")) {
      const turned: RestakingGraph = {
        assets: graph.assets,
        pools: graph.pools.toReversed(),
        operators: graph.operators.toReversed(),
        services: graph.services.toReversed(),
        edges: graph.edges.toReversed(),
      };
      expect(facts(answerOf(turned, solver))).toEqual(facts(answerOf(graph, solver)));
    }
  });

  it("an answer is the same with an operator without stake", () => {
    for (const graph of graphs("zero")) {
      const service = graph.services[0]!.id;
      const edge = { ...graph.edges[0], pool: "none", operator: "none", service, weight: 0n, slashable: 0n };
      if (!graph.edges[0]) continue;
      const wider: RestakingGraph = {
        ...graph,
        pools: [...graph.pools, { id: "none", asset: "coin", kind: "vault", amount: 0n }],
        operators: [...graph.operators, { id: "none" }],
        edges: [...graph.edges, edge as RestakingGraph["edges"][number]],
      };
      expect(facts(answerOf(wider, solver))).toEqual(facts(answerOf(graph, solver)));
    }
  });

  it("the slack does not fall when a service of its own gets stake, or loses profit", () => {
    for (const graph of graphs("monotone")) {
      const before = exactSlack(answerOf(graph, solver));
      const poorer = { ...graph, services: graph.services.map((s) => ({ ...s, profit: s.profit! / 2n })) };
      const after = exactSlack(answerOf(poorer, solver));
      if (before === "unlimited" || before === null || after === "unlimited" || after === null) continue;
      expect(compare(after, before)).toBeGreaterThanOrEqual(0);
    }
  });

  it("the certificate never says secure of a graph with an attack", () => {
    for (const graph of graphs("certificate")) {
      const { certificate } = answerOf(graph);
      const truth = plainTruth(graph);
      if (certificate.isSecure) expect(truth.hasAttack).toBe(false);
      const { slack } = certificate;
      if (slack === null || slack === "unlimited" || truth.leastRatio === null) continue;
      expect(compare(slack, subtract(truth.leastRatio, fraction(1n, 1n)))).toBeLessThanOrEqual(0);
    }
  });
});

describe("a break-even profit", () => {
  it("is what the cheapest coalition lacks, and lies between its bounds without a solver", () => {
    const random = randomOf("break-even");
    for (let i = 0; i < runs(400); i++) {
      const isMixed = i % 2 === 0;
      const graph = isMixed ? randomMixed(random) : randomPlain(random, { operators: 6, services: 3 });
      const at = random.below(graph.services.length);
      const withProfit = (profit: bigint | null): RestakingGraph => ({
        ...graph,
        services: graph.services.map((each, j) => (j === at ? { ...each, profit } : each)),
      });
      // So much that the best coalition has the service, if it has any stake.
      const much = 10_000n;
      const { mostGain } = isMixed ? pairTruth(withProfit(much)) : plainTruth(withProfit(much));
      const model = modelOf(withProfit(null));
      if (model.services[at]!.power === 0n) continue;
      const lacking = much - mostGain! > 0n ? much - mostGain! : 0n;
      const exact = breakEven(model, at, { solver });
      expect(exact.class).not.toBe("unknown");
      expect(exact.atMost).toBe(lacking);
      const bounds = breakEven(model, at);
      expect(bounds.atLeast <= lacking && lacking <= bounds.atMost).toBe(true);
    }
  });

  it("is nothing for a service without stake", () => {
    const model = modelOf(plainGraph([10n], [{ profit: null, by: [] }]));
    expect(breakEven(model, 0)).toMatchObject({ class: "certified", atLeast: 0n, atMost: 0n });
  });
});

describe("the certificate", () => {
  it("holds just where the relaxed problem is worth nothing", () => {
    const random = randomOf("relaxed");
    for (let i = 0; i < runs(1_000); i++) {
      const graph = randomPlain(random, { operators: 6, services: 4 });
      const { greatest } = certify(modelOf(graph));
      const isWithin = greatest !== null && compare(greatest, ONE) <= 0;
      expect([isWithin, graph]).toEqual([relaxedValue(graph) < 1e-6, graph]);
    }
  });
});

/** The attack with services and operators divided: max Σ π x - Σ σ b over Σ σ b >= α σ_N x, by the solver. */
function relaxedValue({ services, edges, pools }: RestakingGraph): number {
  const problem = new Problem();
  for (const [i, { id, profit, alpha }] of services.entries()) {
    const own = edges.filter((edge) => edge.service === id && edge.weight > 0n);
    if (own.length === 0) continue;
    problem.maximize(Number(profit), problem.share(`x${i}`, false));
    const all = own.reduce((sum, { weight }) => sum + Number(weight), 0);
    const held = own.map(({ operator, weight }) => [Number(weight), operator] as const);
    problem.atLeast([...held, [-toNumber(alpha) * all, `x${i}`]], 0);
  }
  for (const [i, { amount }] of pools.entries())
    problem.maximize(-Number(amount), problem.share(`o${i}`, false));
  return optimumOf(solver, problem, 60)!.value;
}
