import { useMemo } from "preact/hooks";
import { countOverlaps, exposures, overlaps, type PoolExposure } from "../../src/restaking/exposure.js";
import { compare, type Fraction } from "../../src/restaking/fraction.js";
import type { RestakingGraph } from "../../src/restaking/graph.js";
import { type Money, shareText } from "../../src/restaking/wording.js";
import { counted, namesText, nameText } from "./text.js";

/** Of more stakes, the table shows those that can lose the largest part. */
const SHOWN = 50;

/** More pairs of services would keep the page waiting. */
const MOST_PAIRS = 500_000;

/** Each bucket's upper end, itself in it. */
const BUCKETS: readonly (readonly [text: string, most: Fraction])[] = [
  ["0", [0n, 1n]],
  ["0.1 %", [1n, 1000n]],
  ["1 %", [1n, 100n]],
  ["10 %", [1n, 10n]],
  ["50 %", [1n, 2n]],
  ["100 %", [1n, 1n]],
];

/** How many stakes can lose how large a part. */
export function Losses({ graph }: { graph: RestakingGraph }) {
  const counts = useMemo(() => {
    const all = BUCKETS.map(() => 0);
    for (const { worstShare } of exposures(graph)) {
      all[BUCKETS.findIndex(([, most]) => compare(worstShare, most) <= 0)]! += 1;
    }
    return all;
  }, [graph]);
  const most = Math.max(1, ...counts);
  const words = BUCKETS.map(([text], i) => `up to ${text}: ${counts[i]!}`).join(", ");
  return (
    <section>
      <h2>What a stake loses</h2>
      <p>How many stakes can lose how large a part, if all services slash all of their operators.</p>
      <svg
        class="histogram"
        viewBox="0 -14 210 140"
        role="img"
        aria-label={`Stakes by worst loss, ${words}.`}
      >
        {BUCKETS.map(([text], i) => {
          const height = (100 * counts[i]!) / most;
          return (
            <g key={text}>
              <rect x={5 + 34 * i} y={100 - height} width="28" height={height} rx="2" />
              <text x={19 + 34 * i} y={96 - height} text-anchor="middle" class="count">
                {counts[i]! > 0 ? counts[i] : ""}
              </text>
              <text x={19 + 34 * i} y="113" text-anchor="middle">
                {text}
              </text>
            </g>
          );
        })}
        <path class="axis" d="M0 100H210" />
      </svg>
      <p class="small">Number of stakes, by the part that is lost: up to the part below each bar.</p>
    </section>
  );
}

/** Every stake, its services and operators, and its worst loss; then, what services share. */
export function Exposure({ graph, money }: { graph: RestakingGraph; money: Money }) {
  const pools = useMemo(
    () => exposures(graph).toSorted((a, b) => compare(b.worstShare, a.worstShare)),
    [graph],
  );
  const shared = useMemo(() => (countOverlaps(graph) > MOST_PAIRS ? [] : overlaps(graph).overlaps), [graph]);
  return (
    <section>
      <h2>What a stake stands for</h2>
      <details open={pools.length <= 12}>
        <summary>{counted(pools.length, "stake")}, as a table</summary>
        <div class="wide" role="region" aria-label="Stakes" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">stake</th>
                <th scope="col">amount</th>
                <th scope="col">services, by operators</th>
                <th scope="col">worst loss</th>
              </tr>
            </thead>
            <tbody>
              {pools.slice(0, SHOWN).map((pool) => (
                <tr key={pool.pool}>
                  <th scope="row">
                    {nameText(pool.pool)}
                    {pool.owner !== undefined && ` (own stake of ${nameText(pool.owner)})`}
                  </th>
                  <td>{money.of(pool.amount, pool.asset)}</td>
                  <td>
                    {behind(pool).map((line) => (
                      <div key={line}>{line}</div>
                    ))}
                  </td>
                  <td>
                    {money.of(pool.worstLoss, pool.asset)}, {shareText(pool.worstShare)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        {pools.length > SHOWN && (
          <p>
            {counted(pools.length - SHOWN, "further stake")} can lose a smaller part: see tapstake risk
            report.
          </p>
        )}
      </details>
      {shared.length > 0 && (
        <>
          <h3>The same stake</h3>
          <ul>
            {shared.slice(0, SHOWN).map(({ services: [a, b], shared: amount, shares }) => (
              <li key={`${a} ${b}`}>
                {nameText(a)} and {nameText(b)}: {money.worth(amount)}, which is {shareText(shares[0])} of{" "}
                {nameText(a)} and {shareText(shares[1])} of {nameText(b)}
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

/** A line for each service: the operators that can have the stake slashed there. */
function behind({ to }: PoolExposure): string[] {
  const byService = new Map<string, { operators: string[]; veto: boolean }>();
  for (const { service, operator, veto } of to) {
    const line = byService.get(service) ?? { operators: [], veto };
    line.operators.push(operator);
    byService.set(service, line);
  }
  return [...byService].map(
    ([service, { operators, veto }]) =>
      `${nameText(service)} by ${namesText(operators)}${veto ? " (can be vetoed)" : ""}`,
  );
}
