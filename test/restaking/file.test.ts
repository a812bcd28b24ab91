import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { TapstakeError } from "../../src/core/errors.js";
import { restakingFromJson, restakingToJson } from "../../src/restaking/file.js";
import { SMALL } from "./support/graphs.js";

const schemaText = readFileSync(new URL("../../docs/restaking.schema.json", import.meta.url), "utf8");
const bySchema = new Ajv2020({ strict: false, unicodeRegExp: true }).compile(
  JSON.parse(schemaText) as object,
);

type Json = { [name: string]: unknown };
type File = Json & Record<"assets" | "pools" | "operators" | "services" | "edges", Json[]>;

const file = () => JSON.parse(restakingToJson(SMALL)) as File;

/** What the reader says of a file: null where it takes it. */
function refusal(json: unknown): { code: string; path: unknown; message: string } | null {
  try {
    restakingFromJson(JSON.stringify(json));
    return null;
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    return { code: error.code, path: error.details["path"], message: error.message };
  }
}

const change = (at: (json: File) => Json, field: string, value: unknown) => (json: File) => {
  at(json)[field] = value;
};

/** Each breaks the form at one place: the schema sees it too. */
const FORM: readonly [name: string, path: string, (json: File) => void][] = [
  ["another format", "restaking.format", change((json) => json, "format", "tapstake")],
  ["a version as text", "restaking.version", change((json) => json, "version", "1")],
  ["an unknown field", "restaking.more", change((json) => json, "more", 1)],
  ["an object in place of a list", "restaking.pools", change((json) => json, "pools", {})],
  [
    "a number in place of an entry",
    "restaking.pools[0]",
    change((json) => json.pools as unknown as Json, "0", 1),
  ],
  [
    "an unknown field of an asset",
    "restaking.assets[0].name",
    change((json) => json.assets[0]!, "name", "x"),
  ],
  ["decimals with a fraction", "restaking.assets[0].decimals", change((j) => j.assets[0]!, "decimals", 1.5)],
  ["37 decimals", "restaking.assets[0].decimals", change((json) => json.assets[0]!, "decimals", 37)],
  ["a value without end", "restaking.assets[0].value[1]", change((j) => j.assets[0]!, "value", ["1", "0"])],
  ["a value as a float", "restaking.assets[0].value", change((json) => json.assets[0]!, "value", 0.5)],
  ["a value of three", "restaking.assets[0].value", change((j) => j.assets[0]!, "value", ["1", "2", "3"])],
  ["an unknown field of a pool", "restaking.pools[1].x", change((json) => json.pools[1]!, "x", 1)],
  ["a negative stake", "restaking.pools[1].amount", change((json) => json.pools[1]!, "amount", "-1")],
  ["a stake as a number", "restaking.pools[1].amount", change((json) => json.pools[1]!, "amount", 5)],
  ["a stake with a zero in front", "restaking.pools[1].amount", change((j) => j.pools[1]!, "amount", "05")],
  ["a stake of 79 digits", "restaking.pools[1].amount", change((j) => j.pools[1]!, "amount", "1".repeat(79))],
  ["an unknown kind", "restaking.pools[1].kind", change((json) => json.pools[1]!, "kind", "bond")],
  ["an empty name", "restaking.pools[1].id", change((json) => json.pools[1]!, "id", "")],
  ["a name with a control character", "restaking.pools[1].id", change((j) => j.pools[1]!, "id", "\u001b[1m")],
  ["a name of 201 characters", "restaking.pools[1].id", change((j) => j.pools[1]!, "id", "x".repeat(201))],
  ["null in place of an owner", "restaking.pools[1].owner", change((json) => json.pools[1]!, "owner", null)],
  [
    "backing without amounts",
    "restaking.pools[2].backedBy[0]",
    change((j) => j.pools[2]!, "backedBy", ["vault"]),
  ],
  ["an unknown field of an operator", "restaking.operators[1].x", change((j) => j.operators[1]!, "x", 1)],
  ["a group that is a number", "restaking.operators[1].group", change((j) => j.operators[1]!, "group", 1)],
  ["an unknown field of a service", "restaking.services[0].x", change((j) => j.services[0]!, "x", 1)],
  ["a profit as a number", "restaking.services[0].profit", change((j) => j.services[0]!, "profit", 1)],
  ["a profit below zero", "restaking.services[0].profit", change((j) => j.services[0]!, "profit", "-1")],
  ["an unknown basis", "restaking.services[0].basis", change((j) => j.services[0]!, "basis", "both")],
  ["an unknown tie", "restaking.services[0].tie", change((j) => j.services[0]!, "tie", "draw")],
  ["an unknown field of an edge", "restaking.edges[0].x", change((j) => j.edges[0]!, "x", 1)],
  ["a missing field of an edge", "restaking.edges[0].veto", (json) => delete json.edges[0]!["veto"]],
  ["a veto as a word", "restaking.edges[0].veto", change((j) => j.edges[0]!, "veto", "yes")],
  ["a number in place of pending", "restaking.edges[0].pending", change((j) => j.edges[0]!, "pending", 0)],
  ["an unknown sharing", "restaking.edges[0].shares", change((j) => j.edges[0]!, "shares", "some")],
  ["an unknown slash", "restaking.edges[0].onSlash", change((j) => j.edges[0]!, "onSlash", "burn")],
  [
    "an unknown field of a loss",
    "restaking.edges[0].loss.x",
    change((j) => j.edges[0]!["loss"] as Json, "x", 1),
  ],
  [
    "a rate as a float",
    "restaking.edges[0].loss.rate",
    change((j) => j.edges[0]!["loss"] as Json, "rate", 0.1),
  ],
  ["a negative fee", "restaking.edges[0].loss.fee", change((j) => j.edges[0]!["loss"] as Json, "fee", "-5")],
  [
    "a lock of 65,536 blocks",
    "restaking.edges[0].loss.lockedBlocks",
    change((j) => j.edges[0]!["loss"] as Json, "lockedBlocks", 65_536),
  ],
];

/** Each breaks one rule between entries, which a schema cannot say. */
const GRAPH: readonly [name: string, path: string, says: RegExp, (json: File) => void][] = [
  ["a pool twice", "restaking.pools[1].id", /pools\[0\] has/, change((j) => j.pools[1]!, "id", "txid:0")],
  ["an operator twice", "restaking.operators[1].id", /same id/, change((j) => j.operators[1]!, "id", "anna")],
  ["a service twice", "restaking.services[1].id", /same id/, change((j) => j.services[1]!, "id", "chain")],
  ["an asset twice", "restaking.assets[1].id", /same id/, change((j) => j.assets[1]!, "id", "bitcoin")],
  [
    "several assets, one without a value",
    "restaking.assets[1].value",
    /each/,
    (json) => delete json.assets[1]!["value"],
  ],
  [
    "a value of zero",
    "restaking.assets[1].value",
    /above 0/,
    change((j) => j.assets[1]!, "value", ["0", "1"]),
  ],
  [
    "an alpha of zero",
    "restaking.services[0].alpha",
    /above 0/,
    change((j) => j.services[0]!, "alpha", ["0", "1"]),
  ],
  [
    "an alpha above 1",
    "restaking.services[0].alpha",
    /most 1/,
    change((j) => j.services[0]!, "alpha", ["4", "3"]),
  ],
  ["a pool of no asset", "restaking.pools[0].asset", /no asset/, change((j) => j.pools[0]!, "asset", "gold")],
  [
    "an owner of nowhere",
    "restaking.pools[1].owner",
    /no operator/,
    change((j) => j.pools[1]!, "owner", "x"),
  ],
  ["an edge from no pool", "restaking.edges[1].pool", /no pool/, change((j) => j.edges[1]!, "pool", "x")],
  [
    "an edge of no operator",
    "restaking.edges[1].operator",
    /no operator/,
    change((j) => j.edges[1]!, "operator", "x"),
  ],
  [
    "an edge to nowhere",
    "restaking.edges[1].service",
    /no service/,
    change((j) => j.edges[1]!, "service", "x"),
  ],
  [
    "a weight above the pool",
    "restaking.edges[0].weight",
    /more than/,
    change((j) => j.edges[0]!, "weight", "100000001"),
  ],
  [
    "a slash above the pool",
    "restaking.edges[0].slashable",
    /more than/,
    change((j) => j.edges[0]!, "slashable", "100000001"),
  ],
  [
    "a rate above 1",
    "restaking.edges[0].loss.rate",
    /most 1/,
    change((j) => j.edges[0]!["loss"] as Json, "rate", ["2", "1"]),
  ],
  ["an edge twice", "restaking.edges[3]", /another edge/, (json) => json.edges.push(json.edges[0]!)],
  [
    "two sharings of a pool",
    "restaking.edges[3]",
    /same shares/,
    (json) => json.edges.push({ ...json.edges[1]!, service: "chain", shares: "unique" }),
  ],
  [
    "a unique spend",
    "restaking.edges[2].onSlash",
    /unique/,
    change((j) => j.edges[2]!, "onSlash", "spend-pool"),
  ],
  [
    "unique edges beyond the pool",
    "restaking.edges[3].slashable",
    /6000000000000000000, more than its 5000000000000000000/,
    (json) => {
      json.edges[2]!["pending"] = false;
      json.edges.push({ ...json.edges[2]!, service: "bridge", slashable: "5000000000000000000" });
    },
  ],
  ["a layer on no pool", "restaking.pools[2].backedBy[0].pool", /no pool/, (json) => backing(json, "x", "1")],
  [
    "a layer on another asset",
    "restaking.pools[2].backedBy[0].pool",
    /holds bitcoin/,
    (json) => backing(json, "txid:0", "1"),
  ],
  [
    "a layer on too much",
    "restaking.pools[2].backedBy",
    /more than the pool's/,
    (json) => backing(json, "vault", "5000000000000000001"),
  ],
  [
    "layers on the same coins",
    "restaking.pools[3].backedBy[0].amount",
    /that has 9000000000000000000/,
    (json) =>
      json.pools.push({
        ...json.pools[1]!,
        id: "third",
        backedBy: [{ pool: "vault", amount: "5000000000000000001" }],
      }),
  ],
  [
    "a pool that backs itself twice named",
    "restaking.pools[2].backedBy[1].pool",
    /once/,
    (json) => (json.pools[2]!["backedBy"] = [1, 2].map(() => ({ pool: "vault", amount: "1" }))),
  ],
  [
    "layers in a circle",
    "restaking.pools[1].backedBy",
    /vault → above → vault/,
    (json) => (json.pools[1]!["backedBy"] = [{ pool: "above", amount: "1" }]),
  ],
  [
    "a pool that backs itself",
    "restaking.pools[2].backedBy",
    /above → above/,
    (json) => backing(json, "above", "1"),
  ],
];

function backing(json: File, pool: string, amount: string): void {
  json.pools[2]!["backedBy"] = [{ pool, amount }];
}

describe("the restaking file", () => {
  it("is read back as it was written", () => {
    expect(restakingFromJson(restakingToJson(SMALL))).toEqual(SMALL);
    expect(bySchema(file())).toBe(true);
  });

  it.each(FORM)("refuses %s at %s, and so does its schema", (_name, path, breakIt) => {
    const json = file();
    breakIt(json);
    expect(refusal(json)).toMatchObject({ code: "invalid-json", path });
    expect(bySchema(json)).toBe(false);
  });

  it.each(GRAPH)("refuses %s at %s", (_name, path, says, breakIt) => {
    const json = file();
    breakIt(json);
    expect(bySchema(json)).toBe(true);
    const refused = refusal(json);
    expect(refused).toMatchObject({ code: "invalid-graph", path });
    expect(refused!.message).toMatch(says);
  });

  it("refuses a later version by its code", () => {
    const json = { ...file(), version: 2 };
    expect(refusal(json)?.code).toBe("unknown-version");
    expect(bySchema(json)).toBe(false);
  });

  it("refuses a field that is given twice, at any depth", () => {
    const text = JSON.stringify(file());
    for (const [once, twice] of [
      ['"amount":"100000000"', '"amount":"100000000","amount":"1"'],
      ['"fee":"150000"', '"fee":"150000","f\\u0065e":"0"'],
      ['"version":1', '"version":1,"version":1'],
    ] as const) {
      expect(text).toContain(once);
      expect(() => restakingFromJson(text.replace(once, twice))).toThrow(/invalid-json|given twice/);
    }
  });

  it("takes colons, quotes and brackets in names", () => {
    const json = file();
    json.operators[1]!["group"] = 'a":"b", {[:\\"';
    expect(refusal(json)).toBeNull();
  });

  it("refuses layers of any number in time, and shows few of a circle", () => {
    const json = file();
    const layer = (id: number, below: number) => ({
      ...json.pools[1]!,
      id: `l${id}`,
      backedBy: [{ pool: `l${below}`, amount: "1" }],
    });
    const count = 20_000;
    const layers = Array.from({ length: count }, (_, i) => layer(i, i + 1));
    json.pools.push(...layers, { ...json.pools[1]!, id: `l${count}` });
    expect(refusal(json)).toBeNull();
    json.pools.pop();
    json.pools.push(layer(count, 0));
    expect(refusal(json)!.message).toMatch(/circle: l0 → l1 → .{20,40} → … → l0$/);
  });

  it("refuses text that is no JSON, and JSON that is no object", () => {
    expect(() => restakingFromJson("{")).toThrow(expect.objectContaining({ code: "invalid-json" }));
    for (const value of [null, [], 1, "x"]) expect(refusal(value)?.code).toBe("invalid-json");
  });

  it("has a schema that requires just the fields that the reader requires", () => {
    const json = file();
    const places: [Json, string][] = [
      [json, "restaking"],
      [json.assets[1]!, "assets"],
      [json.pools[2]!, "pools"],
      [(json.pools[2]!["backedBy"] as Json[])[0]!, "backedBy"],
      [json.operators[0]!, "operators"],
      [json.services[0]!, "services"],
      [json.edges[0]!, "edges"],
      [json.edges[0]!["loss"] as Json, "loss"],
    ];
    for (const [place, where] of places) {
      for (const [field, value] of Object.entries(place)) {
        delete place[field];
        const refused = refusal(json);
        const ofForm = refused !== null && refused.code !== "invalid-graph";
        expect([where, field, bySchema(json)]).toEqual([where, field, !ofForm]);
        place[field] = value;
      }
    }
  });
});
