import { describe, expect, it } from "vitest";
import { TapstakeError } from "../../src/core/errors.js";
import { restakingFromJson, restakingToJson } from "../../src/restaking/file.js";
import type { RestakingGraph } from "../../src/restaking/graph.js";
import { restakingFromStream } from "../../src/restaking/stream.js";
import { randomOf, runs } from "../support/runs.js";
import { SMALL } from "./support/graphs.js";
import { randomMixed } from "./support/random-graphs.js";

const bytes = (text: string) => new TextEncoder().encode(text);

/** A text in parts of a length each. */
function* parts(text: string, length: number): Generator<Uint8Array> {
  const all = bytes(text);
  for (let at = 0; at < all.length; at += length) yield all.subarray(at, at + length);
}

const streamed = (text: string, length = 1 << 16) => restakingFromStream(parts(text, length));

/** What a reader says of a text: the graph, or the code and path of its error. */
async function verdict(read: () => RestakingGraph | Promise<RestakingGraph>): Promise<unknown> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    return { code: error.code, message: error.message, details: error.details };
  }
}

describe("a restaking file read part by part", () => {
  it("is the same graph in parts of any length", async () => {
    const text = restakingToJson(SMALL);
    for (const length of [1, 2, 7, 61, 1000]) expect(await streamed(text, length)).toEqual(SMALL);
  });

  it("is the same graph however it is spaced, ordered and escaped", async () => {
    const json = JSON.parse(restakingToJson(SMALL)) as Record<string, unknown>;
    const turned = Object.fromEntries(Object.entries(json).toReversed());
    const escaped = JSON.stringify(json).replaceAll("vault", "v\\u0061ult");
    for (const text of [JSON.stringify(json, null, 3), JSON.stringify(turned), escaped]) {
      for (const length of [5, 999]) expect(await streamed(text, length)).toEqual(SMALL);
    }
    expect(await streamed(`\uFEFF \n${JSON.stringify(json)}\r\n\t`)).toEqual(SMALL);
  });

  it("is what the reader of its text makes of it, for random graphs and broken texts", async () => {
    const random = randomOf("streams");
    for (let i = 0; i < runs(2_000); i++) {
      let text = restakingToJson(randomMixed(random));
      if (i % 2 === 1) {
        const at = random.below(text.length);
        const put = ['"', "}", "]", ",", "0", "\\", "-", "é", " ", "", "x"][random.below(11)]!;
        text = text.slice(0, at) + put + text.slice(at + random.below(3));
      }
      const [one, other] = await Promise.all([
        verdict(() => restakingFromJson(text)),
        verdict(() => streamed(text, 1 + random.below(400))),
      ]);
      // Broken twice, a text may be refused at either place.
      if (i % 2 === 1 && "code" in (one as object)) expect(other, text).toHaveProperty("code");
      else expect(other, text).toEqual(one);
    }
  });

  it.each([
    ["that ends early", (text: string) => text.slice(0, -4), "invalid-json"],
    ["that ends within an entry", (text: string) => text.slice(0, text.indexOf('"vault"')), "invalid-json"],
    ["with text behind it", (text: string) => `${text}{}`, "invalid-json"],
    ["with a comma too much", (text: string) => text.replace("]\n}", "],\n}"), "invalid-json"],
    ["that is empty", () => " ", "invalid-json"],
    ["that is a list", () => "[1, 2]", "invalid-json"],
    ["of another format", (text: string) => text.replace("tapstake-restaking", "x"), "invalid-json"],
    ["of another version", (text: string) => text.replace('"version": 1', '"version": 2'), "unknown-version"],
    ["without a list", () => '{"format":"tapstake-restaking","version":1,"assets":[]}', "invalid-json"],
    ["with an unknown field", (text: string) => text.replace('"assets"', '"x": 1, "assets"'), "invalid-json"],
  ])("is refused %s", async (_name, change, code) => {
    const said = await verdict(() => streamed(change(restakingToJson(SMALL)), 50));
    expect(said).toMatchObject({ code: expect.stringContaining(code) as string });
  });

  it("is refused with a list given twice", async () => {
    const text = restakingToJson(SMALL).replace('"pools"', '"assets": [], "pools"');
    await expect(streamed(text)).rejects.toMatchObject({
      code: "invalid-json",
      details: { path: "restaking.assets" },
    });
  });

  it.each([
    ["of an entry", '"operator":"anna"', '"operator":"anna","operator":"bert"'],
    ["of a loss", '"fee":"150000"', '"fee":"150000","fee":"0"'],
    ["behind a loss", '"veto":true', '"veto":true,"veto":false'],
  ])("is refused with a field %s given twice", async (_name, once, twice) => {
    const text = restakingToJson(SMALL);
    expect(text).toContain(once);
    await expect(streamed(text.replace(once, twice))).rejects.toMatchObject({ code: "invalid-json" });
  });

  it("is refused where it is no UTF-8", async () => {
    const all = bytes(restakingToJson(SMALL)).map((byte) => (byte === 0x76 ? 0xff : byte));
    await expect(restakingFromStream([all])).rejects.toMatchObject({ code: "invalid-json" });
  });

  it("takes each part once, and says how far it is", async () => {
    const text = restakingToJson(SMALL);
    const seen: number[] = [];
    await restakingFromStream(parts(text, 100), (count) => seen.push(count));
    expect(seen.at(-1)).toBe(bytes(text).length);
    expect(seen).toHaveLength(Math.ceil(bytes(text).length / 100));
  });

  it("is not looked through again and again where one entry is long", async () => {
    const id = "a".repeat(200);
    const backing = Array.from({ length: 20_000 }, () => `{"pool":"${id}","amount":"1"}`).join(",");
    const entry = `{"id":"b","asset":"x","kind":"vault","amount":"1","backedBy":[${backing}]}`;
    const text = `{"format":"tapstake-restaking","version":1,"assets":[{"id":"x","decimals":8}],"pools":[${entry}],"operators":[],"services":[],"edges":[]}`;
    await expect(streamed(text, 512)).rejects.toMatchObject({ code: "invalid-graph" });
  });
});
