import { beforeAll, describe, expect, it } from "vitest";
import { checkCoalition } from "../../src/restaking/coalition.js";
import { findAttack } from "../../src/restaking/attack.js";
import type { RestakingGraph } from "../../src/restaking/graph.js";
import { modelOf } from "../../src/restaking/model.js";
import { loadSolver, type Solver } from "../../src/restaking/solver.js";

/**
 * Elastic Restaking Networks (Bar-Zur and Eyal, arXiv 2503.00170): a validator allocates parts of its stake, which may come
 * to more than it has. What attacks a service is any part of an allocation; a validator loses the sum of what it attacks
 * with, up to its stake. A file says that of each validator by operators that decide about parts of one pool.
 */
interface Symmetric {
  readonly validators: number;
  readonly services: number;
  readonly stake: bigint;
  /** Of each validator to each service: a multiple of `parts`. */
  readonly allocation: bigint;
  readonly reward: bigint;
  readonly threshold: readonly [bigint, bigint];
  readonly parts: number;
}

function elastic({
  validators,
  services,
  stake,
  allocation,
  reward,
  threshold,
  parts,
}: Symmetric): RestakingGraph {
  const each = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));
  const weight = allocation / BigInt(parts);
  return {
    assets: [{ id: "coin", decimals: 0 }],
    pools: each(validators, (i) => ({ id: `p${i}`, asset: "coin", kind: "vault", amount: stake })),
    operators: each(validators * parts, (i) => ({
      id: `o${i}`,
      group: `validator ${Math.floor(i / parts)}`,
    })),
    services: each(services, (i) => ({
      id: `s${i}`,
      profit: reward,
      alpha: threshold,
      basis: "slashable",
      tie: "safe",
    })),
    edges: each(validators * parts * services, (i) => ({
      pool: `p${Math.floor(i / services / parts)}`,
      operator: `o${Math.floor(i / services)}`,
      service: `s${i % services}`,
      weight,
      slashable: weight,
      loss: { rate: [1n, 1n], fee: 0n },
      shares: "pool",
      onSlash: "reduce-pool",
      veto: false,
      pending: false,
    })),
  };
}

/** What an attacker gains at best: as few validators as can, the last of them by a part, on any number of services. */
function bestOf(network: Symmetric): bigint {
  const { validators, services, parts, threshold } = network;
  const model = modelOf(elastic(network));
  const needed = (BigInt(validators * parts) * threshold[0] + threshold[1] - 1n) / threshold[1];
  const attackers = new Set(Array.from({ length: Number(needed) }, (_, i) => i));
  const gains = Array.from({ length: services }, (_, attacked) => {
    const attack = Array.from({ length: attacked + 1 }, (__, service) => [service, attackers] as const);
    const { profit, cost, suffices } = checkCoalition(model, new Map(attack));
    expect(suffices).toBe(true);
    return profit - cost;
  });
  return gains.reduce((a, b) => (a > b ? a : b));
}

describe("an elastic network", () => {
  let solver: Solver;

  beforeAll(async () => {
    solver = await loadSolver();
  });

  // In hundredths of the article's unit: stakes of 2, rewards of 1. `degree` is what a validator allocates, of its stake.
  it.each([
    [10n, 1_000n],
    [15n, 900n],
    [20n, 800n],
    [30n, 600n],
  ])("of ten by ten, at ten times a degree of %i, is worth %i of 3000 to an attacker", (degree, gain) => {
    const network: Symmetric = {
      validators: 10,
      services: 10,
      stake: 600n,
      allocation: 6n * degree,
      reward: 300n,
      threshold: [1n, 3n],
      parts: 3,
    };
    expect(bestOf(network)).toBe(gain);
  });

  it("of three stakes of 2 loses 1 by its best attack, where each is allocated whole to three services", () => {
    const network: Symmetric = {
      validators: 3,
      services: 3,
      stake: 4n,
      allocation: 4n,
      reward: 2n,
      threshold: [1n, 2n],
      parts: 2,
    };
    expect(bestOf(network)).toBe(-2n);
    const answer = findAttack(modelOf(elastic(network)), { solver });
    expect(answer).toMatchObject({ isSecure: true, coalition: { profit: 6n, cost: 8n } });
  });

  it("is attacked where rewards exceed what small allocations lose", () => {
    const network: Symmetric = {
      validators: 3,
      services: 2,
      stake: 6n,
      allocation: 2n,
      reward: 4n,
      threshold: [1n, 2n],
      parts: 2,
    };
    const best = bestOf(network);
    expect(best).toBe(2n);
    const answer = findAttack(modelOf(elastic(network)), { solver });
    expect(answer).toMatchObject({ class: "attack-found", isSecure: false });
    expect(answer.mostGain >= best).toBe(true);
  });
});
