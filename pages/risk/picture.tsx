import { useMemo, useState } from "preact/hooks";
import type { RestakingGraph } from "../../src/restaking/graph.js";
import type { Money } from "../../src/restaking/wording.js";
import { fallOf, type Step } from "./fall.js";
import { type Bar, type Flow, flowOf, type Ribbon, SIZE } from "./flow.js";
import { counted, nameText } from "./text.js";

/** So many operators can be chosen beside those of the picture. */
const LISTED = 2_000;

/** The stakes, over operators, to services; and what falls when an operator signs twice. */
export function Picture({ graph, money }: { graph: RestakingGraph; money: Money }) {
  const flow = useMemo(() => flowOf(graph), [graph]);
  const [chosen, setChosen] = useState<string | null>(null);
  const [at, setAt] = useState(0);
  const steps = useMemo(() => (chosen === null ? [] : fallOf(graph, chosen)), [graph, chosen]);
  const choose = (operator: string | null) => {
    setChosen(operator);
    setAt(0);
  };
  const drawn = new Set(flow.operators.flatMap(({ id }) => id ?? []));
  const others = graph.operators.filter(({ id }) => !drawn.has(id));
  return (
    <>
      <p id="how">Press an operator to see what falls when it signs twice.</p>
      <div class="picture">
        <Drawing flow={flow} money={money} step={steps[at]} choose={choose} />
      </div>
      <div class="operators" role="group" aria-labelledby="how">
        {flow.operators.map(({ id, worth }) =>
          id === null ? null : (
            <button
              key={id}
              type="button"
              aria-pressed={chosen === id}
              onClick={() => choose(chosen === id ? null : id)}
            >
              <span class="mark operator" aria-hidden="true" />
              {nameText(id)} <span class="amount">{money.worth(worth)}</span>
            </button>
          ),
        )}
        {others.length > 0 && (
          <label>
            {counted(others.length, "other")}:{" "}
            <select
              value={chosen !== null && !drawn.has(chosen) ? chosen : ""}
              onChange={({ currentTarget }) =>
                choose(currentTarget.value === "" ? null : currentTarget.value)
              }
            >
              <option value="">choose</option>
              {others.slice(0, LISTED).map(({ id }) => (
                <option key={id} value={id}>
                  {nameText(id)}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      {steps.length > 0 && (
        <div class="steps" role="group" aria-label="What falls, step by step">
          <button type="button" aria-label="Step back" disabled={at === 0} onClick={() => setAt(at - 1)}>
            <Arrow to="left" />
          </button>
          <button
            type="button"
            aria-label="Next step"
            disabled={at === steps.length - 1}
            onClick={() => setAt(at + 1)}
          >
            <Arrow to="right" />
          </button>
          <ol aria-live="polite">
            {steps.slice(0, at + 1).map(({ text }) => (
              <li key={text}>{text}</li>
            ))}
          </ol>
        </div>
      )}
    </>
  );
}

const Arrow = ({ to }: { to: "left" | "right" }) => (
  <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
    <path d={to === "left" ? "M11 1 3 7l8 6z" : "M3 1l8 6-8 6z"} />
  </svg>
);

interface DrawingProps {
  readonly flow: Flow;
  readonly money: Money;
  readonly step: Step | undefined;
  readonly choose: (operator: string) => void;
}

/** For eyes: buttons, steps and the table below say the same in words. */
function Drawing({ flow, money, step, choose }: DrawingProps) {
  const has = (kind: "pools" | "operators" | "services", id: string | null) =>
    id !== null && step !== undefined && step[kind].has(id);
  const isGone = ({ from, to, pools }: Ribbon) =>
    [from, to].some((bar) => flow.operators.includes(bar) && has("operators", bar.id)) ||
    pools.every((pool) => has("pools", pool));
  return (
    <svg viewBox={`0 0 ${SIZE.width} ${SIZE.height}`} role="img" aria-label={describe(flow)}>
      {flow.ribbons.map((ribbon) => (
        <path
          key={ribbon.path}
          class={`ribbon ${flow.pools.includes(ribbon.from) ? "stake" : "operator"} ${isGone(ribbon) ? "gone" : ""}`}
          d={ribbon.path}
        />
      ))}
      {flow.pools.map((bar) => (
        <Labelled key={bar.y} bar={bar} kind="stake" side="left" gone={has("pools", bar.id)} money={money} />
      ))}
      {flow.operators.map((bar) => (
        <Labelled
          key={bar.y}
          bar={bar}
          kind="operator"
          side="right"
          gone={has("operators", bar.id)}
          money={money}
          {...(bar.id !== null && { onClick: () => choose(bar.id!) })}
        />
      ))}
      {flow.services.map((bar) => (
        <Labelled
          key={bar.y}
          bar={bar}
          kind="service"
          side="right"
          gone={has("services", bar.id)}
          money={money}
        />
      ))}
    </svg>
  );
}

interface LabelledProps {
  readonly bar: Bar;
  readonly kind: "stake" | "operator" | "service";
  readonly side: "left" | "right";
  readonly gone: boolean;
  readonly money: Money;
  readonly onClick?: () => void;
}

function Labelled({ bar, kind, side, gone, money, onClick }: LabelledProps) {
  const { id, count, worth, x, y, height } = bar;
  const name = id === null ? counted(count, `smaller ${kind}`) : nameText(id);
  return (
    <g class={`bar ${kind} ${gone ? "gone" : ""} ${onClick ? "pressed" : ""}`} onClick={onClick}>
      <rect x={x} y={y} width={SIZE.bar} height={height} rx="2" />
      <text
        x={side === "left" ? x - 7 : x + SIZE.bar + 7}
        y={y + height / 2}
        dy="0.35em"
        text-anchor={side === "left" ? "end" : "start"}
      >
        {gone ? "✕ " : ""}
        <tspan class="label">{name}</tspan> <tspan class="amount">{money.worth(worth)}</tspan>
      </text>
    </g>
  );
}

const describe = ({ pools, operators, services }: Flow): string => {
  const count = (bars: readonly Bar[]) => bars.reduce((all, bar) => all + bar.count, 0);
  return (
    `${counted(count(pools), "stake")} flow through ${counted(count(operators), "operator")} ` +
    `to ${counted(count(services), "service")}. The table What a stake stands for has the same in words.`
  );
};
