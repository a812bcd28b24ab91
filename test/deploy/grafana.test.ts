import { describe, expect, it } from "vitest";
import { read } from "../support/pages.js";
import { type Exposition, signerExposition, watchExposition } from "./exposition.js";
import { labelsIn, labelsOfResult, metricsIn, wrongInQuery } from "./promql.js";

interface Source {
  readonly type: string;
  readonly uid: string;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: Source;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly {
    readonly expr: string;
    readonly legendFormat?: string;
    readonly datasource: Source;
  }[];
}

interface Dashboard {
  readonly uid: string;
  readonly templating: { readonly list: readonly { name: string; type: string; query: string }[] };
  readonly panels: readonly Panel[];
}

const DASHBOARDS: readonly (readonly [string, Exposition])[] = [
  ["signer", await signerExposition()],
  ["watch", await watchExposition(["double-vote"])],
];

describe.each(DASHBOARDS)("the dashboard %s.json", (name, shown) => {
  const text = read(`deploy/grafana/${name}.json`);
  const { uid, panels, templating } = JSON.parse(text) as Dashboard;
  const targets = panels.flatMap(({ title, targets: own = [] }) =>
    own.map((target) => [`${title}: ${target.expr}`, target] as const),
  );

  it.each(targets)("asks for what the program shows: %s", (_name, { expr, legendFormat = "" }) => {
    expect(wrongInQuery(expr, shown)).toEqual([]);
    const known = labelsOfResult(expr, shown);
    expect(labelsIn(legendFormat).filter((label) => !known.has(label))).toEqual([]);
    expect(expr).toContain('instance=~"$instance"');
  });

  it("shows every metric of the program", () => {
    const asked = new Set(targets.flatMap(([, { expr }]) => metricsIn(expr)));
    expect([...shown.keys()].filter((metric) => !asked.has(metric))).toEqual([]);
  });

  it("has its data source and its instance from variables, so that it can be imported anywhere", () => {
    const sources = [...panels, ...targets.map(([, target]) => target)].flatMap(
      ({ datasource }) => datasource ?? [],
    );
    expect(new Set(sources.map((source) => JSON.stringify(source)))).toEqual(
      new Set(['{"type":"prometheus","uid":"${datasource}"}']),
    );
    expect(uid).toBe(`tapstake-${name}`);
    expect(templating.list.map((variable) => [variable.name, variable.type])).toEqual([
      ["datasource", "datasource"],
      ["instance", "query"],
    ]);
    const [, asked] = /^label_values\((\w+), instance\)$/.exec(templating.list[1]!.query)!;
    expect([...shown.keys()]).toContain(asked);
    expect(text).not.toMatch(/__inputs|\$\{DS_|https?:\/\//);
  });

  it("has panels with an id and a title each, which do not lie on one another", () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(panels.filter(({ title }) => title === "")).toEqual([]);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(panels.filter(({ gridPos: { x, w } }) => x + w > 24)).toEqual([]);
  });
});
