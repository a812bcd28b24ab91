import { useMemo } from "preact/hooks";
import { findAttack } from "../../src/restaking/attack.js";
import { breakEvens } from "../../src/restaking/break-even.js";
import { compare, type Fraction, ONE, toNumber } from "../../src/restaking/fraction.js";
import type { Model } from "../../src/restaking/model.js";
import {
  breakEvenFacts,
  coalitionFacts,
  type Money,
  slackRange,
  VERDICTS,
} from "../../src/restaking/wording.js";
import { counted, loadText, namesText, nameText } from "./text.js";

const SHOWN = 12;

/** Whether an attack can pay, each operator's load, and break-even profits. */
export function Attacks({ model, money }: { model: Model; money: Money }) {
  const found = useMemo(() => findAttack(model), [model]);
  const unknown = useMemo(() => {
    const services = model.services.flatMap(({ profit }, i) => (profit === null ? [i] : []));
    return breakEvens(model, services.slice(0, SHOWN)).map((each) => breakEvenFacts(model, each));
  }, [model]);
  const { certificate, coalition } = found;
  const loads = model.operators
    .map((id, i) => ({ id, load: certificate.loads[i]! }))
    .toSorted((a, b) => byLoad(b.load, a.load));
  const named = coalition && coalitionFacts(model, coalition);
  return (
    <section>
      <h2>Who could do harm</h2>
      <p>
        <Verdict good={found.isSecure} ifProfits={unknown.length > 0} />{" "}
        {VERDICTS[found.class].replace("Its coalition is below", "The coalition is named below")}
      </p>
      {found.class === "unknown" && (
        <p>
          {found.needs
            ? "This page does not search. The command tapstake risk attack, with the package highs, does. "
            : ""}
          An attack gains {money.worth(found.mostGain)} at most.
        </p>
      )}
      {named?.isAttack && (
        <p>
          {namesText(named.operators)} corrupt {namesText(named.services.map(({ service }) => service))}: they
          gain {money.worth(named.profit)} and lose {money.worth(named.cost)}.
        </p>
      )}
      <p>Margin: {slackRange(found.slack)}.</p>
      {certificate.free.length > 0 && (
        <p>
          Without any stake, so free to attack:{" "}
          {namesText(certificate.free.map((i) => model.services[i]!.id))}.
        </p>
      )}
      <h3>Loads</h3>
      <p>
        The profit that falls on a coin of an operator, as a part of what the coin loses. Up to 1, no attack
        pays.
      </p>
      <ul class="loads">
        {loads.slice(0, SHOWN).map(({ id, load }) => {
          const isOver = load === null || compare(load, ONE) > 0;
          const width = load === null ? 100 : Math.min(100, 50 * toNumber(load));
          return (
            <li key={id}>
              <span>{nameText(id)}</span>
              <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                <rect class="track" width="100" height="10" rx="2" />
                <rect class={isOver ? "bad" : "good"} width={width} height="10" rx="2" />
                <rect class="line" x="49.5" width="1" height="10" />
              </svg>
              <span class={isOver ? "bad" : "good"} {...(load && { title: `${load[0]}/${load[1]}` })}>
                {isOver ? "✕" : "✓"} {loadText(load)}
              </span>
            </li>
          );
        })}
      </ul>
      {loads.length > SHOWN && <p>{counted(loads.length - SHOWN, "operator")} with less.</p>}
      {unknown.length > 0 && (
        <>
          <h3>An attack pays from this profit on</h3>
          <ul>
            {unknown.map(({ service, class: kind, atLeast, atMost, operators }) => (
              <li key={service}>
                {nameText(service)}:{" "}
                {kind === "unknown"
                  ? `between ${money.worth(atLeast)} and ${money.worth(atMost)}`
                  : `above ${money.worth(atMost)}`}{" "}
                ({kind}), by {namesText(operators)}
              </li>
            ))}
          </ul>
          <p>These services state no profit, and count as worth nothing in the verdict and the loads.</p>
        </>
      )}
    </section>
  );
}

const byLoad = (a: Fraction | null, b: Fraction | null): number =>
  a === null || b === null ? Number(b !== null) - Number(a !== null) : compare(a, b);

function Verdict({ good, ifProfits }: { good: boolean | undefined; ifProfits: boolean }) {
  if (good === undefined) return <strong class="unsure">? Unknown.</strong>;
  if (!good) return <strong class="bad">✕ Not safe.</strong>;
  return <strong class="good">✓ Safe{ifProfits && ", as far as profits are known"}.</strong>;
}
