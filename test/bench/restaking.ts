/**
 * `npm run bench`: restaking risk, beside the same by Python with networkx and scipy in the same run, where they are
 * installed. TAPSTAKE_PYTHON names another python3, such as that of a virtual environment.
 *
 * Python reads the same bytes, by the same rules and with exact numbers: its answers must be ours. Median times count. The
 * first rounds of the cut and the bound warm up, since engines compile what runs often; the bound's first time, with
 * the solver's own compilation, is printed beside it.
 */
import { spawnSync } from "node:child_process";
import { createReadStream, createWriteStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Effort } from "../../src/restaking/budget.js";
import { certify } from "../../src/restaking/certificate.js";
import { concentrations } from "../../src/restaking/concentration.js";
import { restakingParts } from "../../src/restaking/file.js";
import { ONE } from "../../src/restaking/fraction.js";
import type { Edge, RestakingGraph } from "../../src/restaking/graph.js";
import { solveAttack } from "../../src/restaking/milp.js";
import { bestByCut } from "../../src/restaking/min-cut.js";
import { modelOf } from "../../src/restaking/model.js";
import { loadSolver } from "../../src/restaking/solver.js";
import { restakingFromStream } from "../../src/restaking/stream.js";
import { randomOf } from "../support/runs.js";
import { figure, say } from "./support/report.js";

interface Sizes {
  readonly operators: number;
  readonly services: number;
  readonly stakers: number;
  readonly alpha: readonly [bigint, bigint];
  /** The most services of an operator. */
  readonly degree: number;
  readonly profit: number;
}

/** Stakes, each behind one operator, which serves some services; as many operators without more stakers. */
function graphOf({ operators, services, stakers, alpha, degree, profit }: Sizes): RestakingGraph {
  const random = randomOf(`bench ${operators} ${services} ${stakers}`);
  const servedBy = Array.from({ length: operators }, () =>
    Array.from({ length: 1 + random.below(degree) }, () => random.below(services)),
  );
  const edges: Edge[] = [];
  const pools: RestakingGraph["pools"][number][] = [];
  for (let i = 0; i < stakers; i++) {
    const amount = BigInt(500_000 + random.below(1_000_000_000));
    const operator = i < operators ? i : random.below(operators);
    const id = `${i.toString(16).padStart(64, "0")}:0`;
    pools.push({ id, asset: "bitcoin", kind: "utxo", amount });
    for (const service of new Set(servedBy[operator])) {
      edges.push({
        pool: id,
        operator: `operator-${operator}`,
        service: `service-${service}`,
        weight: amount,
        slashable: amount,
        loss: { rate: [1n, 1n], fee: 0n },
        shares: "pool",
        onSlash: "spend-pool",
        veto: false,
        pending: false,
      });
    }
  }
  return {
    assets: [{ id: "bitcoin", decimals: 8 }],
    pools,
    operators: Array.from({ length: operators }, (_, i) => ({
      id: `operator-${i}`,
      group: `group-${i % 900}`,
    })),
    services: Array.from({ length: services }, (_, i) => {
      const brings = BigInt(1 + random.below(profit));
      return { id: `service-${i}`, profit: brings, alpha, basis: "weight", tie: "safe" };
    }),
    edges,
  };
}

const folder = mkdtempSync(join(tmpdir(), "tapstake-bench-"));
try {
  const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
  /** In seconds: the first of the rounds, and the median of the last nine. */
  const timed = (rounds: number, work: () => unknown) => {
    const times = Array.from({ length: rounds }, () => {
      const start = performance.now();
      work();
      return (performance.now() - start) / 1000;
    });
    return { first: times[0]!, typical: median(times.slice(-9)) };
  };
  const file = async (name: string, graph: RestakingGraph) => {
    const path = join(folder, name);
    await pipeline(Readable.from(restakingParts(graph)), createWriteStream(path));
    return path;
  };

  const large = await file(
    "large.json",
    graphOf({
      operators: 1500,
      services: 40,
      stakers: 200_000,
      alpha: [1n, 3n],
      degree: 3,
      profit: 1_000_000_000,
    }),
  );
  const times: number[] = [];
  let facts = "";
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    const graph = await restakingFromStream(createReadStream(large, { highWaterMark: 1 << 20 }));
    const { greatest } = certify(modelOf(graph));
    const { all } = concentrations(graph);
    times.push((performance.now() - start) / 1000);
    facts = `${greatest!.join("/")} ${all.byOperator.herfindahl.join("/")} ${all.byGroup.nakamoto.half}`;
  }
  const reading = median(times);
  say("200,000 stakers: reading, loads and concentration", 1000 * reading, "ms");
  say("  most memory so far", process.resourceUsage().maxRSS / 1024, "MB");

  const cutGraph = graphOf({
    operators: 1500,
    services: 150,
    stakers: 1500,
    alpha: [1n, 1n],
    degree: 10,
    profit: 14_000_000_000,
  });
  const cutModel = modelOf(cutGraph);
  const found = bestByCut(cutModel, 1n, 1n, new Effort().pipes);
  if (found === null || found === "out-of-budget") throw new Error("the least cut found no attack");
  const gained = `${found.profit - found.cost}`;
  const { typical: cut } = timed(15, () => bestByCut(cutModel, 1n, 1n, new Effort().pipes));
  say("the best attack on 150 services of 1500 operators, by a least cut", 1000 * cut, "ms");

  const boundGraph = graphOf({
    operators: 120,
    services: 20,
    stakers: 120,
    alpha: [1n, 3n],
    degree: 4,
    profit: 4_000_000_000,
  });
  const boundModel = modelOf(boundGraph);
  const solver = await loadSolver();
  const solved = () => solveAttack(boundModel, solver, { weight: ONE, whole: false, seconds: 600 });
  const { first, typical: bound } = timed(12, solved);
  const { value, unit } = solved()!;
  say("the bound with divided operators, 20 services of 120 operators", 1000 * bound, "ms");
  say("  its first time, with what the solver compiles", 1000 * first, "ms");

  writeFileSync(
    join(folder, "ask.json"),
    JSON.stringify({
      large,
      cut: await file("cut.json", cutGraph),
      bound: await file("bound.json", boundGraph),
    }),
  );
  const python = process.env["TAPSTAKE_PYTHON"] ?? "python3";
  const script = resolve("test/bench/support/restaking.py");
  const { error, status, stdout, stderr } = spawnSync(python, [script, join(folder, "ask.json")], {
    encoding: "utf8",
  });
  if (error) console.log("skipped: Python is not installed, so there is nothing to compare with");
  else if (status !== 0) throw new Error(`${python} failed:\n${stderr}`);
  else compare(JSON.parse(stdout) as Python);

  function compare({ networkx, scipy }: Python): void {
    if (!networkx)
      console.log("skipped: Python's networkx is not installed; nothing to compare reading and cuts with");
    else {
      if (networkx.facts !== facts) throw new Error(`networkx has ${networkx.facts}, we have ${facts}`);
      if (networkx.gain !== gained) throw new Error(`networkx gains ${networkx.gain}, we ${gained}`);
      say("  reading, loads and concentration by Python with networkx", 1000 * networkx.reading, "ms");
      figure("reading, loads and concentration, of networkx's", reading / networkx.reading, {
        atMost: 1 / 5,
      });
      say("  the least cut by networkx", 1000 * networkx.cut, "ms");
      figure("the least cut, of networkx's", cut / networkx.cut, { atMost: 1 / 10 });
    }
    if (!scipy) console.log("skipped: Python's scipy is not installed; nothing to compare the bound with");
    else {
      const own = value * Number(unit);
      if (Math.abs(scipy.value - own) > 1e-5 * Math.abs(own) + 10)
        throw new Error(`scipy: ${scipy.value}, we: ${own}`);
      say("  the bound by native HiGHS (scipy)", 1000 * scipy.seconds, "ms");
      figure("the bound, of native HiGHS's", bound / scipy.seconds, { atMost: 2 });
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}

interface Python {
  readonly networkx: {
    readonly reading: number;
    readonly facts: string;
    readonly cut: number;
    readonly gain: string;
  } | null;
  readonly scipy: { readonly seconds: number; readonly value: number } | null;
}
