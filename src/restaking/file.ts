import { TapstakeError } from "../core/errors.js";
import { checkGraph } from "./check.js";
import { ENTRY, entries, fields, LISTS, refuse } from "./entries.js";
import type { RestakingGraph } from "./graph.js";
import { parseOnce } from "./json.js";

/** The name of the file's form. */
export const RESTAKING_FORMAT = "tapstake-restaking";
/** The version of the form that this release reads and writes. */
export const RESTAKING_VERSION = 1;

/** A graph as JSON text: amounts and fractions as decimal text, one line an entry, for files that people compare. */
export const restakingToJson = (graph: RestakingGraph): string => [...restakingParts(graph)].join("");

/** The same text in parts, for graphs of many stakes. */
export function* restakingParts(graph: RestakingGraph): Generator<string, void, undefined> {
  yield `{\n  "format": "${RESTAKING_FORMAT}",\n  "version": ${RESTAKING_VERSION}`;
  for (const list of LISTS) {
    yield `,\n  "${list}": [`;
    const rows: readonly object[] = graph[list];
    for (let i = 0; i < rows.length; i += LINES_AT_ONCE) {
      const lines = rows.slice(i, i + LINES_AT_ONCE).map((entry) => `\n    ${JSON.stringify(entry, asText)}`);
      yield `${i === 0 ? "" : ","}${lines.join(",")}`;
    }
    yield rows.length === 0 ? "]" : "\n  ]";
  }
  yield "\n}\n";
}

const LINES_AT_ONCE = 1000;

const asText = (_name: string, value: unknown) => (typeof value === "bigint" ? `${value}` : value);

/**
 * The inverse of {@link restakingToJson}: the form, every field and the graph are checked. `details.path` says where.
 * @throws TapstakeError `invalid-json`, `unknown-version`, and the codes of {@link checkGraph}
 */
export function restakingFromJson(text: string): RestakingGraph {
  const json = parseOnce(text, "restaking");
  const { format, version } = (json ?? {}) as { format?: unknown; version?: unknown };
  checkForm(format, version);
  const file = fields(json, "restaking", ["format", "version", ...LISTS]);
  const graph: RestakingGraph = {
    assets: entries(file["assets"], "restaking.assets", ENTRY.assets),
    pools: entries(file["pools"], "restaking.pools", ENTRY.pools),
    operators: entries(file["operators"], "restaking.operators", ENTRY.operators),
    services: entries(file["services"], "restaking.services", ENTRY.services),
    edges: entries(file["edges"], "restaking.edges", ENTRY.edges),
  };
  checkGraph(graph);
  return graph;
}

/** @throws TapstakeError `invalid-json`, `unknown-version` */
export function checkForm(format: unknown, version: unknown): void {
  if (format !== RESTAKING_FORMAT) refuse("restaking.format", `the text "${RESTAKING_FORMAT}"`, format);
  if (typeof version !== "number") refuse("restaking.version", "a number", version);
  if (version === RESTAKING_VERSION) return;
  const message = `restaking.version: this release reads ${RESTAKING_VERSION}, got ${version}`;
  throw new TapstakeError("unknown-version", message, { expected: RESTAKING_VERSION, got: version });
}
