import { describe, expect, it } from "vitest";
import { findAttack } from "../../src/restaking/attack.js";
import { breakEven, breakEvens } from "../../src/restaking/break-even.js";
import { Budget } from "../../src/restaking/budget.js";
import { cascade, worstCascade } from "../../src/restaking/cascade.js";
import { certify } from "../../src/restaking/certificate.js";
import { collateral } from "../../src/restaking/change.js";
import { greedyCoalitions } from "../../src/restaking/greedy.js";
import { solveAttack } from "../../src/restaking/milp.js";
import { bestByCut } from "../../src/restaking/min-cut.js";
import { modelOf } from "../../src/restaking/model.js";
import { ONE } from "../../src/restaking/fraction.js";
import type { Solver } from "../../src/restaking/solver.js";
import { plainGraph } from "./support/graphs.js";

/** More than the solver may be asked about. */
const MANY = 100_001;

const HALF = [1n, 2n] as const;

const stakes = (count: number) => Array.from({ length: count }, (_, i) => 1_000n + BigInt(i));

/** No question may reach it. */
const never: Solver = {
  solve: () => {
    throw new Error("the solver was asked");
  },
};

describe("a search of a large graph", () => {
  it("finds the attacks on each of 2,000 services together", () => {
    const amounts = stakes(2_000);
    const services = amounts.map((amount, i) => ({ profit: amount + 1n, alpha: HALF, by: [i] }));
    const answer = findAttack(modelOf(plainGraph(amounts, services)));
    expect(answer).toMatchObject({ class: "attack-found", isSecure: false });
    expect(answer.coalition).toMatchObject({ profit: answer.coalition!.cost + 2_000n });
  });

  it("ends without the solver, of one service with 100,001 operators", () => {
    const amounts = stakes(MANY);
    const by = amounts.map((_, i) => i);
    const all = amounts.reduce((a, b) => a + b);
    // Half of the stake costs less than the profit: the certificate does not hold.
    const graph = plainGraph(amounts, [{ profit: all / 2n + 1n, alpha: HALF, by, tie: "attack" }]);
    const answer = findAttack(modelOf(graph), { solver: never });
    expect(["unknown", "attack-found"]).toContain(answer.class);
    expect(answer.needs).toBeUndefined();
    expect(worstCascade(graph, [1n, 10n], { solver: never })).toMatchObject({ class: "unknown" });
  });

  it("bounds what 200 services must not bring", () => {
    const amounts = stakes(400);
    const services = amounts.map((_, i) => ({ profit: i % 2 === 0 ? null : 10n, alpha: HALF, by: [i] }));
    const model = modelOf(plainGraph(amounts, services));
    const unknown = amounts.flatMap((_, i) => (i % 2 === 0 ? [i] : []));
    const answers = breakEvens(model, unknown);
    expect(answers).toHaveLength(200);
    for (const [i, { atLeast, atMost }] of answers.entries()) {
      expect(atLeast <= atMost && atMost === amounts[2 * i]).toBe(true);
    }
    expect(answers[0]).toEqual(breakEven(model, 0));
  });

  it("adds up loads of 2,000 services to what is not less", () => {
    const count = 2_000;
    const amounts = stakes(count + 1);
    const services = Array.from({ length: count }, (_, i) => ({ profit: 1n, alpha: HALF, by: [0, i + 1] }));
    const { greatest } = certify(modelOf(plainGraph(amounts, services)));
    const sum = services.reduce((all, _, i) => all + 2 / Number(amounts[0]! + amounts[i + 1]!), 0);
    const [numerator, denominator] = greatest!;
    expect(denominator < 2n ** 2049n).toBe(true);
    expect(Number((numerator * 10n ** 12n) / denominator) / 1e12).toBeCloseTo(sum, 9);
  });

  it("follows a cascade as far as its budget", () => {
    // Each attack makes the next one pay: the whole chain would be looked at once for each.
    const count = 300;
    const amounts = Array.from({ length: count + 1 }, () => 100n);
    const services = Array.from({ length: count }, (_, i) => ({ profit: 100n, by: [i, i + 1] }));
    const answer = cascade(plainGraph(amounts, services), { operators: ["o0"] });
    expect(answer.lost >= 100n && answer.lost <= answer.total).toBe(true);
  });

  it("says how much stake is missing to 500 services", () => {
    const amounts = stakes(500);
    const services = amounts.map((amount, i) => ({ profit: amount, alpha: HALF, by: [i] }));
    const answer = collateral(plainGraph(amounts, services), [0n, 1n]);
    // Profit by profit per coin of 2: as much again as there is.
    expect(answer).toMatchObject({ class: "certified", total: amounts.reduce((a, b) => a + b) });
  });
});

describe("a budget", () => {
  const graph = plainGraph(
    [10n, 10n, 10n],
    [
      { profit: 8n, by: [0, 1] },
      { profit: 8n, by: [1, 2] },
      { profit: 16n, by: [0, 2] },
    ],
  );
  const model = modelOf(graph);

  it("is used up by what it has too little for", () => {
    const budget = new Budget(10);
    expect([budget.take(4), budget.take(7), budget.take(1)]).toEqual([true, false, false]);
  });

  it("that is too small leaves a least cut, a question and growth out", () => {
    expect(bestByCut(model, 1n, 1n, new Budget(3))).toBe("out-of-budget");
    const question = { weight: ONE, whole: true, seconds: 1, budget: new Budget(3) };
    expect(solveAttack(model, never, question)).toBeNull();
    expect(greedyCoalitions(model, new Budget(0)).map(({ services }) => services)).toEqual([
      [0],
      [1],
      [2],
      [0, 1, 2],
    ]);
    const grown = greedyCoalitions(model, new Budget(1_000));
    expect(grown.length).toBeGreaterThan(4);
  });
});
