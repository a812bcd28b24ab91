import { describeType, TapstakeError } from "../core/errors.js";
import { checkGraph } from "./check.js";
import type { Fraction } from "./fraction.js";
import {
  type Asset,
  BASES,
  type Edge,
  ON_SLASH,
  type Operator,
  type Pool,
  POOL_KINDS,
  type RestakingGraph,
  type Service,
  SHARES,
  TIES,
} from "./graph.js";

/** The name of the file's form. */
export const RESTAKING_FORMAT = "tapstake-restaking";
/** The version of the form that this release reads and writes. */
export const RESTAKING_VERSION = 1;

/** A graph as JSON text: amounts and fractions as decimal text, one line an entry, for files that people compare. */
export function restakingToJson(graph: RestakingGraph): string {
  const list = (field: keyof RestakingGraph) => {
    const lines = graph[field].map((entry) => `    ${JSON.stringify(entry, asText)}`);
    return `  "${field}": [${lines.length === 0 ? "" : `\n${lines.join(",\n")}\n  `}]`;
  };
  const head = `  "format": "${RESTAKING_FORMAT}",\n  "version": ${RESTAKING_VERSION}`;
  return `{\n${[head, ...LISTS.map(list)].join(",\n")}\n}\n`;
}

const LISTS = ["assets", "pools", "operators", "services", "edges"] as const;

const asText = (_name: string, value: unknown) => (typeof value === "bigint" ? `${value}` : value);

/**
 * The inverse of {@link restakingToJson}: the form, every field and the graph are checked. `details.path` says where.
 * @throws TapstakeError `invalid-json`, `unknown-version`, and the codes of {@link checkGraph}
 */
export function restakingFromJson(text: string): RestakingGraph {
  const json = parsed(text);
  const { format, version } = (json ?? {}) as { format?: unknown; version?: unknown };
  if (format !== RESTAKING_FORMAT) refuse("restaking.format", `the text "${RESTAKING_FORMAT}"`, format);
  if (typeof version !== "number") refuse("restaking.version", "a number", version);
  if (version !== RESTAKING_VERSION) {
    const message = `restaking.version: this release reads ${RESTAKING_VERSION}, got ${version}`;
    throw new TapstakeError("unknown-version", message, { expected: RESTAKING_VERSION, got: version });
  }
  const file = fields(json, "restaking", ["format", "version", ...LISTS]);
  const graph: RestakingGraph = {
    assets: entries(file["assets"], "restaking.assets", asset),
    pools: entries(file["pools"], "restaking.pools", pool),
    operators: entries(file["operators"], "restaking.operators", operator),
    services: entries(file["services"], "restaking.services", service),
    edges: entries(file["edges"], "restaking.edges", edge),
  };
  checkGraph(graph);
  return graph;
}

/** Amounts are texts here, which no float rounds. A file of 200,000 stakes is too long to search for numbers. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TapstakeError("invalid-json", "restaking: not JSON", { path: "restaking" });
  }
}

function asset(value: unknown, path: string): Asset {
  const read = fields(value, path, ["id", "decimals"], ["value"]);
  return {
    id: name(read["id"], `${path}.id`),
    decimals: integer(read["decimals"], `${path}.decimals`, 36),
    ...(read["value"] !== undefined && { value: ratio(read["value"], `${path}.value`) }),
  };
}

function pool(value: unknown, path: string): Pool {
  const read = fields(value, path, ["id", "asset", "kind", "amount"], ["owner", "backedBy"]);
  return {
    id: name(read["id"], `${path}.id`),
    asset: name(read["asset"], `${path}.asset`),
    kind: choice(read["kind"], `${path}.kind`, POOL_KINDS),
    amount: amount(read["amount"], `${path}.amount`),
    ...(read["owner"] !== undefined && { owner: name(read["owner"], `${path}.owner`) }),
    ...(read["backedBy"] !== undefined && {
      backedBy: entries(read["backedBy"], `${path}.backedBy`, backing),
    }),
  };
}

function backing(value: unknown, path: string) {
  const read = fields(value, path, ["pool", "amount"]);
  return { pool: name(read["pool"], `${path}.pool`), amount: amount(read["amount"], `${path}.amount`) };
}

function operator(value: unknown, path: string): Operator {
  const read = fields(value, path, ["id"], ["group"]);
  const group = read["group"];
  return {
    id: name(read["id"], `${path}.id`),
    ...(group !== undefined && { group: name(group, `${path}.group`) }),
  };
}

function service(value: unknown, path: string): Service {
  const read = fields(value, path, ["id", "profit", "alpha", "basis", "tie"]);
  return {
    id: name(read["id"], `${path}.id`),
    profit: read["profit"] === null ? null : amount(read["profit"], `${path}.profit`),
    alpha: ratio(read["alpha"], `${path}.alpha`),
    basis: choice(read["basis"], `${path}.basis`, BASES),
    tie: choice(read["tie"], `${path}.tie`, TIES),
  };
}

function edge(value: unknown, path: string): Edge {
  const read = fields(value, path, EDGE_FIELDS);
  const loss = fields(read["loss"], `${path}.loss`, LOSS_FIELDS, OF_LOSS);
  const { lockedBlocks } = loss;
  return {
    pool: name(read["pool"], `${path}.pool`),
    operator: name(read["operator"], `${path}.operator`),
    service: name(read["service"], `${path}.service`),
    weight: amount(read["weight"], `${path}.weight`),
    slashable: amount(read["slashable"], `${path}.slashable`),
    loss: {
      rate: ratio(loss["rate"], `${path}.loss.rate`),
      fee: amount(loss["fee"], `${path}.loss.fee`),
      ...(lockedBlocks !== undefined && {
        lockedBlocks: integer(lockedBlocks, `${path}.loss.lockedBlocks`, 65_535),
      }),
    },
    shares: choice(read["shares"], `${path}.shares`, SHARES),
    onSlash: choice(read["onSlash"], `${path}.onSlash`, ON_SLASH),
    veto: flag(read["veto"], `${path}.veto`),
    pending: flag(read["pending"], `${path}.pending`),
  };
}

const EDGE_FIELDS = "pool operator service weight slashable loss shares onSlash veto pending".split(" ");
const LOSS_FIELDS = ["rate", "fee"];
const OF_LOSS = ["lockedBlocks"];

type Fields = { readonly [name: string]: unknown };

/** An object with just these fields. */
function fields(
  value: unknown,
  path: string,
  required: readonly string[],
  optional: readonly string[] = [],
): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) refuse(path, "an object", value);
  const read = value as Fields;
  for (const field of Object.keys(read)) {
    if (required.includes(field) || optional.includes(field)) continue;
    const at = `${path}.${field.slice(0, LONGEST_FIELD)}`;
    throw new TapstakeError("invalid-json", `${at}: unknown field`, { path: at });
  }
  for (const field of required) {
    if (!Object.hasOwn(read, field)) refuse(`${path}.${field}`, "a value", undefined);
  }
  return read;
}

/** What a message shows of the name of an unknown field. */
const LONGEST_FIELD = 40;

function entries<T>(value: unknown, path: string, read: (value: unknown, path: string) => T): T[] {
  if (!Array.isArray(value)) refuse(path, "a list", value);
  return (value as unknown[]).map((each, i) => read(each, `${path}[${i}]`));
}

function name(value: unknown, path: string): string {
  if (typeof value !== "string" || !(PLAIN_NAME.test(value) || NAME.test(value))) {
    refuse(path, "a name of 1 to 200 printable characters", value);
  }
  return value as string;
}

/** Most are; the other pattern takes long. */
const PLAIN_NAME = /^[ -~]{1,200}$/;

/** No control characters, which a terminal would obey. */
const NAME = /^[^\p{Cc}\p{Cf}\p{Cs}]{1,200}$/u;

/** Up to 2^256, as Ethereum counts. */
function amount(value: unknown, path: string): bigint {
  if (typeof value !== "string" || !AMOUNT.test(value)) {
    const hint = typeof value === "string" && value.startsWith("-") ? "a negative number" : value;
    refuse(path, "a whole number from 0 as decimal text, up to 78 digits", hint);
  }
  return BigInt(value as string);
}

const AMOUNT = /^(0|[1-9][0-9]{0,77})$/;

function ratio(value: unknown, path: string): Fraction {
  if (!Array.isArray(value) || value.length !== 2) {
    refuse(path, "a fraction [numerator, denominator]", value);
  }
  const [numerator, denominator] = value as unknown[];
  const read = [amount(numerator, `${path}[0]`), amount(denominator, `${path}[1]`)] as const;
  if (read[1] === 0n) refuse(`${path}[1]`, "a denominator above 0", "0");
  return read;
}

function integer(value: unknown, path: string, most: number): number {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > most) {
    refuse(path, `a whole number from 0 to ${most}`, value);
  }
  return value as number;
}

function choice<T extends string>(value: unknown, path: string, choices: readonly T[]): T {
  if (!(choices as readonly unknown[]).includes(value)) refuse(path, `one of ${choices.join(", ")}`, value);
  return value as T;
}

function flag(value: unknown, path: string): boolean {
  if (typeof value !== "boolean") refuse(path, "true or false", value);
  return value as boolean;
}

function refuse(path: string, expected: string, got: unknown): never {
  const came =
    got === undefined
      ? "nothing"
      : typeof got === "string"
        ? JSON.stringify(got.slice(0, 40))
        : describeType(got);
  throw new TapstakeError("invalid-json", `${path} must be ${expected}, not ${came}`, { path });
}
