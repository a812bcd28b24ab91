import { compare, type Fraction, fraction } from "../../../src/restaking/fraction.js";
import type { Edge, RestakingGraph } from "../../../src/restaking/graph.js";

/** What all attacking coalitions of a small graph come to. Written without the code that it checks. */
export interface Truth {
  readonly hasAttack: boolean;
  /** The greatest profit beyond the cost, over all coalitions that attack something. */
  readonly mostGain: bigint | null;
  /** The least ratio of cost to profit. */
  readonly leastRatio: Fraction | null;
}

/**
 * All coalitions of operators and services of a plain graph, in which each operator has one stake. With a shock, only the
 * stake that it leaves.
 */
export function plainTruth(graph: RestakingGraph, gone: ReadonlySet<string> = new Set()): Truth {
  const operators = graph.operators.filter(({ id }) => !gone.has(id));
  const stake = new Map<string, bigint>();
  for (const { operator, weight } of graph.edges) stake.set(operator, weight);
  const found = new Best();
  for (let b = 0; b < 1 << operators.length; b++) {
    const attackers = new Set(operators.filter((_, i) => (b >> i) & 1).map(({ id }) => id));
    let cost = 0n;
    for (const id of attackers) cost += stake.get(id) ?? 0n;
    const open = graph.services.filter(({ id, profit, alpha }) => {
      const edges = graph.edges.filter((edge) => edge.service === id && !gone.has(edge.operator));
      const all = total(edges);
      const held = total(edges.filter(({ operator }) => attackers.has(operator)));
      return profit !== null && profit > 0n && all > 0n && held * alpha[1] >= alpha[0] * all;
    });
    for (let a = 1; a < 1 << open.length; a++) {
      const targets = open.filter((_, i) => (a >> i) & 1);
      const profit = targets.reduce((all, each) => all + each.profit!, 0n);
      found.add(
        profit,
        cost,
        targets.some(({ tie }) => tie === "attack"),
      );
    }
  }
  return found;
}

/** All choices of who attacks what, of any graph with few pairs of operators and services. */
export function pairTruth(graph: RestakingGraph): Truth {
  const { edges } = graph;
  const pairOf = ({ operator, service }: Edge) => `${operator} ${service}`;
  const pairs = [...new Set(edges.map(pairOf))];
  const found = new Best();
  for (let choice = 1; choice < 1 << pairs.length; choice++) {
    const chosen = edges.filter((edge) => (choice >> pairs.indexOf(pairOf(edge))) & 1);
    const attacked = new Set(chosen.map(({ service }) => service));
    const targets = graph.services.filter(({ id }) => attacked.has(id));
    const suffices = targets.every(({ id, profit, alpha, basis }) => {
      const of = (list: readonly Edge[]) =>
        list.filter(({ service }) => service === id).reduce((all, edge) => all + edge[basis], 0n);
      return (
        profit !== null && profit > 0n && of(edges) > 0n && of(chosen) * alpha[1] >= alpha[0] * of(edges)
      );
    });
    if (!suffices) continue;
    const profit = targets.reduce((all, each) => all + each.profit!, 0n);
    found.add(
      profit,
      edgeCost(graph, chosen),
      targets.some(({ tie }) => tie === "attack"),
    );
  }
  return found;
}

function edgeCost({ pools }: RestakingGraph, chosen: readonly Edge[]): bigint {
  let cost = 0n;
  for (const pool of pools) {
    const own = chosen.filter((edge) => edge.pool === pool.id);
    const [first] = own;
    if (!first) continue;
    const losses = own.map(({ slashable, loss: { rate, fee }, onSlash }) => {
      const spends = onSlash === "spend-pool";
      const base = spends ? pool.amount : slashable;
      const [twice, over] = [2n * base * rate[0], 2n * rate[1]];
      const part = spends ? (twice + rate[1]) / over : (twice + over - 1n) / over;
      return part + fee < base ? part + fee : base;
    });
    const all = losses.reduce((a, b) => a + b);
    const most = losses.reduce((a, b) => (a > b ? a : b));
    if (first.onSlash === "spend-pool") cost += most;
    else cost += first.shares === "pool" && all > pool.amount ? pool.amount : all;
  }
  return cost;
}

const total = (edges: readonly Edge[]) => edges.reduce((all, { weight }) => all + weight, 0n);

class Best implements Truth {
  hasAttack = false;
  mostGain: bigint | null = null;
  leastRatio: Fraction | null = null;

  add(profit: bigint, cost: bigint, tieIsAttack: boolean): void {
    if (profit > cost || (tieIsAttack && profit === cost)) this.hasAttack = true;
    if (this.mostGain === null || profit - cost > this.mostGain) this.mostGain = profit - cost;
    const ratio = fraction(cost, profit);
    if (this.leastRatio === null || compare(ratio, this.leastRatio) < 0) this.leastRatio = ratio;
  }
}
