import { describeType, TapstakeError } from "../core/errors.js";
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

/** The lists of a restaking file, in its order. */
export const LISTS = ["assets", "pools", "operators", "services", "edges"] as const;

/** The strict reader of each list's entries: every field is checked, and an unknown one is refused by its path. */
export const ENTRY: {
  readonly [List in keyof RestakingGraph]: (value: unknown, path: string) => RestakingGraph[List][number];
} = { assets: asset, pools: pool, operators: operator, services: service, edges: edge };

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
  return {
    pool: name(read["pool"], `${path}.pool`),
    operator: name(read["operator"], `${path}.operator`),
    service: name(read["service"], `${path}.service`),
    weight: amount(read["weight"], `${path}.weight`),
    slashable: amount(read["slashable"], `${path}.slashable`),
    loss: lossOfEdge(read["loss"], `${path}.loss`),
    ...rulesOf(read, path),
  };
}

/** What an edge loses. */
export function lossOfEdge(value: unknown, path: string): Edge["loss"] {
  const loss = fields(value, path, LOSS_FIELDS, OF_LOSS);
  const { lockedBlocks } = loss;
  return {
    rate: ratio(loss["rate"], `${path}.rate`),
    fee: amount(loss["fee"], `${path}.fee`),
    ...(lockedBlocks !== undefined && {
      lockedBlocks: integer(lockedBlocks, `${path}.lockedBlocks`, 65_535),
    }),
  };
}

/** The fields of an edge behind its loss. */
export const rulesOfEdge = (value: unknown, path: string) => rulesOf(fields(value, path, RULES), path);

const rulesOf = (read: Fields, path: string) => ({
  shares: choice(read["shares"], `${path}.shares`, SHARES),
  onSlash: choice(read["onSlash"], `${path}.onSlash`, ON_SLASH),
  veto: flag(read["veto"], `${path}.veto`),
  pending: flag(read["pending"], `${path}.pending`),
});

const RULES = "shares onSlash veto pending".split(" ");
const EDGE_FIELDS = [..."pool operator service weight slashable loss".split(" "), ...RULES];
const LOSS_FIELDS = ["rate", "fee"];
const OF_LOSS = ["lockedBlocks"];

type Fields = { readonly [name: string]: unknown };

/** An object with just these fields. */
export function fields(
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

export function entries<T>(value: unknown, path: string, read: (value: unknown, path: string) => T): T[] {
  if (!Array.isArray(value)) refuse(path, "a list", value);
  return (value as unknown[]).map((each, i) => read(each, `${path}[${i}]`));
}

export function name(value: unknown, path: string): string {
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
export function amount(value: unknown, path: string): bigint {
  if (typeof value !== "string" || !AMOUNT.test(value)) {
    const hint = typeof value === "string" && value.startsWith("-") ? "a negative number" : value;
    refuse(path, "a whole number from 0 as decimal text, up to 78 digits", hint);
  }
  return BigInt(value as string);
}

const AMOUNT = /^(0|[1-9][0-9]{0,77})$/;

export function ratio(value: unknown, path: string): Fraction {
  if (!Array.isArray(value) || value.length !== 2) {
    refuse(path, "a fraction [numerator, denominator]", value);
  }
  const [numerator, denominator] = value as unknown[];
  const read = [amount(numerator, `${path}[0]`), amount(denominator, `${path}[1]`)] as const;
  if (read[1] === 0n) refuse(`${path}[1]`, "a denominator above 0", "0");
  return read;
}

export function integer(value: unknown, path: string, most: number): number {
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

export function refuse(path: string, expected: string, got: unknown): never {
  const came =
    got === undefined
      ? "nothing"
      : typeof got === "string"
        ? JSON.stringify(got.slice(0, 40))
        : describeType(got);
  throw new TapstakeError("invalid-json", `${path} must be ${expected}, not ${came}`, { path });
}
