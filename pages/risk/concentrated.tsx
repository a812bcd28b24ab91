import { useMemo, useState } from "preact/hooks";
import { type Concentration, concentrations, stakesByHolder } from "../../src/restaking/concentration.js";
import type { RestakingGraph } from "../../src/restaking/graph.js";
import { toNumber } from "../../src/restaking/fraction.js";
import { exactText, type Money, shareText } from "../../src/restaking/wording.js";
import { nameText } from "./text.js";

/** More points than the picture has room for are left out. */
const POINTS = 400;

/** How few have how much: the Lorenz curve from the largest on, and the indices. */
export function Concentrated({ graph, money }: { graph: RestakingGraph; money: Money }) {
  const report = useMemo(() => concentrations(graph), [graph]);
  const [service, setService] = useState("");
  const [by, setBy] = useState<"byOperator" | "byGroup">("byOperator");
  const holder = service === "" ? report.all : report.services.find((each) => each.service === service)!;
  const facts = holder[by];
  const stakes = useMemo(() => stakesByHolder(graph), [graph]);
  const held = service === "" ? stakes.all : stakes.services.find((each) => each.service === service)!;
  const what = by === "byOperator" ? "operator" : "group";
  return (
    <section>
      <h2>How concentrated</h2>
      <p class="choices">
        <label>
          of{" "}
          <select value={service} onChange={({ currentTarget }) => setService(currentTarget.value)}>
            <option value="">all stake</option>
            {graph.services.map(({ id }) => (
              <option key={id} value={id}>
                {nameText(id)}
              </option>
            ))}
          </select>
        </label>{" "}
        <label>
          by{" "}
          <select
            value={by}
            onChange={({ currentTarget }) =>
              setBy(currentTarget.value === "byGroup" ? "byGroup" : "byOperator")
            }
          >
            <option value="byOperator">operator</option>
            <option value="byGroup">group</option>
          </select>
        </label>
      </p>
      <p>{sentence(facts, what)}</p>
      <Curve stakes={[...held[by].values()]} />
      <dl>
        <dt>stake</dt>
        <dd>{money.worth(facts.total)}</dd>
        <dt>largest</dt>
        <dd>{facts.largest ? `${nameText(facts.largest.id)}, ${shareText(facts.largest.share)}` : "none"}</dd>
        <dt>Herfindahl index</dt>
        <dd>{exactText(facts.herfindahl)}</dd>
        <dt>Gini coefficient</dt>
        <dd>{exactText(facts.gini)}</dd>
      </dl>
    </section>
  );
}

function sentence({ holders, nakamoto: { third, half, twoThirds } }: Concentration, what: string): string {
  if (holders === 0) return "No stake.";
  const has = third === 1 ? "has" : "have";
  const many = third === 1 ? what : `${what}s`;
  return `${third} ${many} ${has} more than a third, ${half} more than half, ${twoThirds} more than two thirds.`;
}

/** The Lorenz curve, from the largest holder on: the further it bends from the diagonal, the more concentrated. */
function Curve({ stakes }: { stakes: readonly bigint[] }) {
  const sorted = stakes.filter((stake) => stake > 0n).toSorted((a, b) => (a > b ? -1 : a < b ? 1 : 0));
  const total = sorted.reduce((all, stake) => all + stake, 0n);
  if (total === 0n) return null;
  let sum = 0n;
  const points: string[] = ["0,100"];
  const every = Math.ceil(sorted.length / POINTS);
  for (const [i, stake] of sorted.entries()) {
    sum += stake;
    if ((i + 1) % every === 0 || i === sorted.length - 1) {
      points.push(
        `${((200 * (i + 1)) / sorted.length).toFixed(2)},${(100 - 100 * toNumber([sum, total])).toFixed(2)}`,
      );
    }
  }
  const label = `Lorenz curve of ${sorted.length} holders, from the largest on. The sentence above has its numbers.`;
  return (
    <svg class="curve" viewBox="-26 -6 232 116" role="img" aria-label={label}>
      {[
        ["1/3", 1 / 3],
        ["1/2", 1 / 2],
        ["2/3", 2 / 3],
      ].map(([text, share]) => (
        <g key={text}>
          <path class="dashed" d={`M0 ${100 - 100 * (share as number)}H200`} />
          <text x="-5" y={100 - 100 * (share as number)} dy="0.35em" text-anchor="end">
            {text}
          </text>
        </g>
      ))}
      <path class="dashed" d="M0 100 200 0" />
      <path class="axis" d="M0 0V100H200" />
      <polyline class="line" points={points.join(" ")} />
      {points.length <= 13 &&
        points.slice(1).map((point) => {
          const [x, y] = point.split(",");
          return <circle key={point} cx={x} cy={y} r="2.2" />;
        })}
    </svg>
  );
}
