import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { fallOf } from "../../pages/risk/fall.js";
import { flowOf } from "../../pages/risk/flow.js";
import { restakingToJson } from "../../src/restaking/file.js";
import type { RestakingGraph } from "../../src/restaking/graph.js";
import { plainGraph } from "../restaking/support/graphs.js";
import { inProcess } from "./in-process.js";
import { temporaryFolder } from "./support.js";

const NORMAL = plainGraph([10n, 20n], [{ profit: 5n, by: [0, 1], alpha: [1n, 2n] }]);
const scaled = (amount: bigint): RestakingGraph =>
  plainGraph([amount, amount], [{ profit: amount, by: [0, 1], alpha: [1n, 2n] }]);
const withAlpha = (alpha: readonly [bigint, bigint]) =>
  plainGraph([10n, 20n], [{ profit: 5n, by: [0, 1], alpha }]);
const [noServices, noOperators, noStakes] = [
  { ...NORMAL, services: [], edges: [] },
  { ...NORMAL, operators: [], edges: [] },
  { ...NORMAL, pools: [], edges: [] },
];

/** Each graph, and how it is refused, if it is. */
const GRAPHS: readonly (readonly [name: string, graph: RestakingGraph, refused?: string])[] = [
  ["nothing at all", { assets: [], pools: [], operators: [], services: [], edges: [] }],
  ["no services", noServices],
  ["no operators", noOperators],
  ["no stakes", noStakes],
  ["only stakes of zero", scaled(0n)],
  ["one operator without an edge", { ...noServices, pools: [], operators: [{ id: "o0" }] }],
  [
    "edges that are all pending",
    { ...NORMAL, edges: NORMAL.edges.map((each) => ({ ...each, pending: true })) },
  ],
  ["an operator without an edge", { ...NORMAL, operators: [...NORMAL.operators, { id: "o2" }] }],
  ["a threshold of 0", withAlpha([0n, 1n]), "restaking.services[0].alpha"],
  ["a threshold of 1", withAlpha([1n, 1n])],
  [
    "no known profits",
    plainGraph(
      [10n, 20n],
      [
        { profit: null, by: [0] },
        { profit: null, by: [] },
      ],
    ),
  ],
  ["figures of 2^64", scaled(2n ** 64n)],
  ["figures of 2^256", scaled(2n ** 256n)],
  ["figures of 79 digits", scaled(10n ** 78n), "restaking.pools[0].amount"],
];

const CASES = GRAPHS.map(([name, graph, refused]) => ({ name, graph, refused }));

const COMMANDS: readonly (readonly string[])[] = [
  ["report"],
  ["report", "--pool", "p0"],
  ["double-sign", "--operator", "o0"],
  ["double-sign", "--operator", "o0", "--service", "s0"],
  ["concentration"],
  ["attack"],
  ["cascade", "--operator", "o0"],
  ["cascade", "--pool", "p0"],
  ["cascade", "--shock", "1/3"],
  ["cascade", "--shock", "0"],
  ["opt-in", "--operator", "o0", "--service", "s0"],
  ["opt-in", "--operator", "o2", "--service", "s0"],
  ["collateral", "--gamma", "1/2"],
  ["page"],
];

describe("a degenerate graph", () => {
  let folder: string;
  beforeAll(() => {
    folder = temporaryFolder();
  });

  it.each(CASES)(
    "of $name has an answer to each command, or an error that names the field",
    async ({ name, graph, refused }) => {
      const path = join(folder, `${name}.json`);
      writeFileSync(path, restakingToJson(graph));
      const has = (list: "pools" | "operators" | "services", id: string) =>
        graph[list].some((each) => each.id === id);
      for (const [command, ...options] of COMMANDS) {
        for (const json of command === "page" || refused !== undefined ? [[]] : [[], ["--json"]]) {
          const args = ["risk", command!, path, ...options, ...json];
          const { code, stdout, stderr } = await inProcess(args);
          const told = `${args.join(" ")}: ${stdout.slice(0, 500)} ${stderr}`;
          if (refused !== undefined) {
            expect(stderr, told).toContain(refused);
            expect(code, told).toBe(1);
            continue;
          }
          const missing = (["pools", "operators", "services"] as const).some((list) => {
            const at = options.indexOf(`--${list.slice(0, -1)}`);
            return at !== -1 && !has(list, options[at + 1]!);
          });
          const isIn =
            command === "opt-in" &&
            options.includes("o0") &&
            graph.edges.some((each) => each.operator === "o0" && each.service === "s0");
          expect(code, told).toBe(missing || isIn ? 1 : 0);
          const error = isIn ? "the operator o0 is in the service s0 already" : "the graph has no ";
          expect(stderr, told).toContain(missing || isIn ? error : "");
          if (!missing && !isIn) expect(stderr, told).toBe("");
          if (command !== "page") expect(stdout, told).not.toMatch(/NaN|Infinity|undefined|\[object|-0\b/);
        }
      }
    },
  );

  it.each(CASES.filter(({ refused }) => refused === undefined))(
    "of $name has a picture of numbers, and a fall in words",
    ({ graph }) => {
      const { pools, operators, services, ribbons } = flowOf(graph);
      for (const { x, y, height } of [...pools, ...operators, ...services]) {
        expect([x, y, height].every(Number.isFinite)).toBe(true);
      }
      for (const { path } of ribbons) expect(path).not.toMatch(/NaN|Infinity/);
      for (const { id } of graph.operators) {
        for (const { text } of fallOf(graph, id)) expect(text).not.toMatch(/NaN|Infinity|undefined/);
      }
    },
  );
});
