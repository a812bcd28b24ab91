import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { restakingFromJson } from "../../src/restaking/file.js";
import { parsePage, read } from "../support/pages.js";
import { inProcess } from "./in-process.js";
import { temporaryFolder } from "./support.js";

const FILE = fileURLToPath(new URL("../fixtures/restaking.json", import.meta.url));

const risk = (...args: string[]) => inProcess(["risk", ...args]);

describe("docs/restaking.md", () => {
  const { blocks } = parsePage(read("docs/restaking.md"));
  const shown = blocks.flatMap(({ code }, i) => {
    const next = blocks[i + 1];
    // What risk page writes is looked at in a browser: test/pages/risk.test.ts.
    return code.startsWith("tapstake risk ") && !code.startsWith("tapstake risk page ")
      ? [[code, next?.language === "text" ? next.code : ""] as const]
      : [];
  });

  it("works with the graph of the examples", () => {
    const [, json] = /<<'END'\n([^]*)\nEND$/m.exec(blocks[0]!.code)!;
    expect(restakingFromJson(json!)).toEqual(restakingFromJson(readFileSync(FILE, "utf8")));
  });

  it.each(shown)("shows what %s prints", async (command, text) => {
    const args = command.split(" ").slice(2);
    const { code, stdout, stderr } = await risk(
      ...args.map((each) => (each === "restaking.json" ? FILE : each)),
    );
    expect({ code, stderr, stdout }).toEqual({ code: 0, stderr: "", stdout: `${text}\n` });
  });

  it("shows all commands about risk", () => {
    expect(new Set(shown.map(([command]) => command.split(" ")[2])).size).toBe(7);
  });
});

describe("a command about risk", () => {
  let folder: string;

  /** The graph of the examples, changed. */
  function changed(change: (json: { [name: string]: { [name: string]: unknown }[] }) => void): string {
    const json = JSON.parse(readFileSync(FILE, "utf8")) as Parameters<typeof change>[0];
    change(json);
    const path = join(folder, "changed.json");
    writeFileSync(path, JSON.stringify(json));
    return path;
  }

  beforeAll(() => {
    folder = temporaryFolder();
  });

  it("refuses a file by the path in it", async () => {
    const path = changed((json) => (json["edges"]![2]!["operator"] = "west"));
    const { code, stderr } = await risk("report", path);
    expect(code).toBe(1);
    expect(stderr).toContain("invalid-graph: restaking.edges[2].operator: no operator has the id west");
  });

  it("refuses names that the file does not have", async () => {
    for (const args of [
      ["report", FILE, "--pool", "none"],
      ["double-sign", FILE, "--operator", "none"],
      ["double-sign", FILE, "--operator", "north", "--service", "none"],
      ["cascade", FILE, "--pool", "none"],
      ["opt-in", FILE, "--operator", "none", "--service", "chain"],
    ]) {
      const { code, stderr } = await risk(...args);
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringContaining("unknown-name") as string,
      });
    }
  });

  it("asks for a first loss, and for fractions that are some", async () => {
    expect(await risk("cascade", FILE)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--shock") as string,
    });
    for (const text of ["1/0", "a", "-1/2", "1/2/3"]) {
      expect((await risk("collateral", FILE, `--gamma=${text}`)).code).toBe(2);
    }
  });

  it("says the same as data: fractions and amounts as decimal text", async () => {
    const facts = async (...args: string[]) =>
      JSON.parse((await risk(...args, "--json")).stdout) as Record<string, unknown>;
    expect(await facts("double-sign", FILE, "--operator", "north")).toMatchObject({
      pools: [
        { pool: "my-stake", backingLost: "100000000", loss: "250000", lossShare: ["1", "400"] },
        {},
        {},
      ],
    });
    expect(await facts("attack", FILE)).toMatchObject({
      class: "certified",
      isSecure: true,
      margin: { atLeast: ["1", "1"] },
      breakEven: [{ service: "chain", atMost: "40150000" }],
    });
    expect(await facts("collateral", FILE, "--gamma", "0.5")).toMatchObject({
      total: "1400000000",
      class: "certified",
    });
    expect(await facts("concentration", FILE)).toMatchObject({ all: { byGroup: { holders: 2 } } });
    expect(await facts("opt-in", FILE, "--operator", "east", "--service", "bridge")).toMatchObject({
      slack: { before: ["1", "4"], after: ["-792563", "800000"] },
    });
    expect(await facts("cascade", FILE, "--operator", "north")).toMatchObject({ emptied: ["bridge"] });
    expect(await facts("report", FILE)).toMatchObject({ overlaps: [] });
  });

  it("names the coalition of an attack, and who pays", async () => {
    const path = changed((json) => (json["services"]![0]!["profit"] = "50000000"));
    const { stdout } = await risk("attack", path);
    expect(stdout).toContain("An attack pays.");
    expect(stdout).toMatch(
      /The attack\n {2}chain +by south\n {2}gains +0\.5 bitcoin\n {2}loses +0\.4015 bitcoin/,
    );
    const after = await risk("cascade", path, "--pool", "stakes-east");
    expect(after.stdout).toMatch(/step 1 +north attack chain: gains 0\.5 bitcoin, loses 0\.303 bitcoin/);
  });

  it("names services that cost nothing to attack, and worths of several assets", async () => {
    const path = changed((json) => {
      json["services"]!.push({ ...json["services"]![1]!, id: "empty" });
      json["assets"]![0]!["value"] = ["1", "3"];
    });
    const { stdout } = await risk("attack", path);
    expect(stdout).toContain("free to attack: empty");
    expect(stdout).toMatch(/loses +about 1333333333 units of profit/);
  });
});
