import { useMemo, useState } from "preact/hooks";
import { breakEven } from "../../src/restaking/break-even.js";
import { optIn } from "../../src/restaking/change.js";
import { compare, type Fraction, ONE } from "../../src/restaking/fraction.js";
import type { RestakingGraph } from "../../src/restaking/graph.js";
import { type Model, modelOf } from "../../src/restaking/model.js";
import { type Money, slackText } from "../../src/restaking/wording.js";
import { loadText, nameText } from "./text.js";

/** So many operators, and services, can be chosen. */
const LISTED = 2_000;

/** What one operator's joining one more service changes. */
export function WhatIf({ graph, model, money }: { graph: RestakingGraph; model: Model; money: Money }) {
  const isIn = useMemo(
    () => new Set(graph.edges.map(({ operator, service }) => JSON.stringify([operator, service]))),
    [graph],
  );
  const isFree = (operator: string, service: string) => !isIn.has(JSON.stringify([operator, service]));
  // A list of more is of no use to eyes or hands.
  const free = (operator: string) => {
    const some: RestakingGraph["services"][number][] = [];
    for (const service of graph.services) {
      if (some.length === LISTED) break;
      if (isFree(operator, service.id)) some.push(service);
    }
    return some;
  };
  const joiners = useMemo(() => {
    const joins = ({ id }: { id: string }) => graph.services.some((service) => isFree(id, service.id));
    return graph.operators.slice(0, LISTED).filter(joins);
  }, [graph]);
  const [operator, setOperator] = useState(joiners[0]?.id);
  const [wanted, setWanted] = useState<string>();
  const open = operator === undefined ? [] : free(operator);
  const service = open.some(({ id }) => id === wanted) ? wanted! : open[0]?.id;
  const lines = useMemo(
    () =>
      operator === undefined || service === undefined
        ? []
        : changes({ graph, model, money }, operator, service),
    [graph, operator, service],
  );
  return (
    <section>
      <h2>What if</h2>
      {operator === undefined ? (
        <p>Every operator is in every service.</p>
      ) : (
        <>
          <p class="choices">
            <label>
              operator{" "}
              <select value={operator} onChange={({ currentTarget }) => setOperator(currentTarget.value)}>
                {joiners.map(({ id }) => (
                  <option key={id} value={id}>
                    {nameText(id)}
                  </option>
                ))}
              </select>
            </label>{" "}
            <label>
              joins{" "}
              <select value={service} onChange={({ currentTarget }) => setWanted(currentTarget.value)}>
                {open.map(({ id }) => (
                  <option key={id} value={id}>
                    {nameText(id)}
                  </option>
                ))}
              </select>
            </label>
          </p>
          <ul aria-live="polite">
            {lines.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

interface About {
  readonly graph: RestakingGraph;
  readonly model: Model;
  readonly money: Money;
}

function changes({ graph, model, money }: About, operator: string, service: string): string[] {
  const facts = optIn(graph, operator, service);
  const at = graph.services.findIndex(({ id }) => id === service);
  const lines = [
    `${money.worth(facts.joining)} join: the stake of ${nameText(service)} goes from ${money.worth(facts.power.before)} ` +
      `to ${money.worth(facts.power.after)}.`,
  ];
  const own = facts.loads.find((each) => each.operator === operator)!;
  lines.push(loadLine(`The load of ${nameText(operator)}`, own));
  const others = facts.loads.filter((each) => each.operator !== operator && isChanged(each));
  for (const each of others.slice(0, 5)) lines.push(loadLine(`The load of ${nameText(each.operator)}`, each));
  if (others.length > 5) lines.push(`The loads of ${others.length - 5} others in the service change too.`);
  lines.push(
    `The certified margin goes from ${slackText(facts.slack.before)} to ${slackText(facts.slack.after)}.`,
  );
  if (model.services[at]!.profit === null) {
    const [before, after] = [model, modelOf(facts.graph)].map((each) => breakEven(each, at));
    const most = [before!, after!].map(({ atMost }) => money.worth(atMost));
    lines.push(
      `${nameText(service)} states no profit. An attack on it pays above ${most[0]!} today, and above ${most[1]!} then` +
        `${before!.class === "unknown" || after!.class === "unknown" ? ", or less: the search stays open here" : ""}.`,
    );
  }
  const worse = facts.worstLosses.filter(({ before, after }) => after > before);
  lines.push(
    worse.length === 0
      ? "No stake can lose more than before."
      : `${worse.length} of ${facts.worstLosses.length} stakes can lose more than before.`,
  );
  return lines;
}

type Loads = { readonly before: Fraction | null; readonly after: Fraction | null };

const isChanged = ({ before, after }: Loads): boolean =>
  before === null || after === null ? before !== after : compare(before, after) !== 0;

function loadLine(what: string, { before, after }: Loads): string {
  const isOver = (load: Fraction | null) => load === null || compare(load, ONE) > 0;
  const change = `${what} goes from ${loadText(before)} to ${loadText(after)}`;
  if (isOver(before)) return `${change}. It is above 1 today already: the certificate does not hold.`;
  return isOver(after)
    ? `${change}: above 1, so the certificate no longer holds.`
    : `${change}: not above 1.`;
}
