import { checkCoalition, type CheckedCoalition, type Coalition } from "./coalition.js";
import { compare, ONE } from "./fraction.js";
import { FlowNetwork } from "./flow.js";
import { hasPower, type Model } from "./model.js";

/** Whether each service that has a profit and stake needs all its operators: then the best attack is a least cut. */
export const needsAll = (model: Model): boolean =>
  model.services.every(({ alpha, profit, power }) => !profit || power === 0n || compare(alpha, ONE) === 0);

/**
 * The attack for which `weight × profit - over × cost` is greatest, where {@link needsAll} holds: exactly. Null where no
 * attack makes it more than 0. Services without stake are left out.
 */
export function bestByCut(model: Model, weight: bigint, over: bigint): CheckedCoalition | null {
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
    const steps = [...new Set(needed.map(({ loss }) => loss))].toSorted((a, b) => (a < b ? -1 : 1));
    steps.forEach((loss, i) => {
      const node = nodes++;
      pipes.push([node, SINK, (loss - (steps[i - 1] ?? 0n)) * over]);
      if (i > 0) pipes.push([node, node - 1, endless]);
      for (const edge of needed)
        if (edge.loss === loss) pipes.push([nodeOf.get(edge.service)!, node, endless]);
    });
  }
  const network = new FlowNetwork(nodes);
  for (const pipe of pipes) network.connect(...pipe);
  const { side } = network.cut(SOURCE, SINK);
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
