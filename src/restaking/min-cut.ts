import type { Budget } from "./budget.js";
import { checkCoalition, type CheckedCoalition, type Coalition } from "./coalition.js";
import { compare, ONE } from "./fraction.js";
import { FlowNetwork } from "./flow.js";
import { hasPower, type Model } from "./model.js";

/** Whether each service that has a profit and stake needs all its operators: then the best attack is a least cut. */
export const needsAll = (model: Model): boolean =>
  model.services.every(({ alpha, profit, power }) => !profit || power === 0n || compare(alpha, ONE) === 0);

/**
 * The attack for which `weight × profit - over × cost` is greatest, where {@link needsAll} holds: exactly. Null where no
 * attack makes it more than 0. Services without stake are left out. The budget counts pipes.
 */
export function bestByCut(
  model: Model,
  weight: bigint,
  over: bigint,
  budget: Budget,
): CheckedCoalition | "out-of-budget" | null {
  const targets = [...model.services.entries()].flatMap(([i, { profit, power }]) =>
    profit !== null && profit > 0n && power > 0n ? [i] : [],
  );
  const nodeOf = new Map(targets.map((service, i) => [service, 2 + i]));
  let nodes = 2 + targets.length;
  const pipes: [from: number, to: number, capacity: bigint][] = [];
  let endless = 1n;
  for (const service of targets) {
    const capacity = model.services[service]!.profit! * weight;
    pipes.push([SOURCE, nodeOf.get(service)!, capacity]);
    endless += capacity;
  }
  for (const { edges, cost, cap } of model.classes) {
    // What an attack does not need, it does not pay.
    const needed = edges.filter((edge) => nodeOf.has(edge.service) && hasPower(model, edge));
    if (cost === "sum") {
      const node = nodes++;
      pipes.push([node, SINK, cap * over]);
      for (const { service, loss } of needed) pipes.push([nodeOf.get(service)!, node, loss * over]);
      continue;
    }
    // The greatest loss counts: each step up from the next smaller one is a node of its own.
    let [node, before] = [-1, 0n];
    for (const { service, loss } of needed.toSorted((a, b) => (a.loss < b.loss ? -1 : 1))) {
      if (node === -1 || loss > before) {
        pipes.push([nodes, SINK, (loss - before) * over]);
        if (node !== -1) pipes.push([nodes, node, endless]);
        [node, before] = [nodes++, loss];
      }
      pipes.push([nodeOf.get(service)!, node, endless]);
    }
  }
  const network = new FlowNetwork(nodes);
  for (const pipe of pipes) network.connect(...pipe);
  const { side } = network.cut(SOURCE, SINK, budget) ?? {};
  if (!side) return "out-of-budget";
  const chosen = targets.filter((service) => side[nodeOf.get(service)!]);
  return chosen.length === 0 ? null : checkCoalition(model, allOperators(model, chosen));
}

const SOURCE = 0;
const SINK = 1;

/** Services, each attacked by all operators that have stake in it. */
export function allOperators(model: Model, services: readonly number[]): Coalition {
  return new Map(
    services.map((service) => {
      const holders = [...model.services[service]!.powers].filter(([, power]) => power > 0n);
      return [service, new Set(holders.map(([operator]) => operator))];
    }),
  );
}
