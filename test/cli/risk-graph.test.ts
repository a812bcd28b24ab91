import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { delegationToJson } from "../../src/delegation/json.js";
import { mainnet } from "../../src/params/data/mainnet.js";
import { restakingFromJson } from "../../src/restaking/file.js";
import {
  eigenLayerLogs,
  NETWORK,
  OPERATOR,
  serveLogs,
  STRATEGY,
  symbioticLogs,
  VAULT,
} from "../restaking/support/node.js";
import { lcdVersions } from "../support/lcd.js";
import { wholeLife } from "../support/life.js";
import { serve } from "../support/server.js";
import { inProcess } from "./in-process.js";
import { temporaryFolder } from "./support.js";

const KEY = "d23c2c25e1fcf8fd1c21b9a402c19e2e309e531e45e92fb1e9805b6056b0cc76";
const DELEGATION = { fp_btc_pk_list: [KEY], total_sat: "100000000", active: true, status_desc: "ACTIVE" };

let folder: string;
let next = 0;

beforeAll(() => {
  folder = temporaryFolder();
});

const file = (name: string, content: unknown): string => {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
};

/** The graph that a command writes, and what it says. */
async function made(...args: string[]) {
  const out = join(folder, `graph-${next++}.json`);
  const { code, stdout, stderr } = await inProcess(["risk", "graph", ...args, "--out", out], {
    env: { TAPSTAKE_LCD: "" },
  });
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringContaining(`wrote the graph to ${out}`) as string,
  });
  return { graph: restakingFromJson(readFileSync(out, "utf8")), stdout };
}

const refused = async (...args: string[]) => {
  const { code, stderr } = await inProcess(
    ["risk", "graph", ...args, "--out", join(folder, "refused.json")],
    {
      env: { TAPSTAKE_LCD: "" },
    },
  );
  return `${code} ${stderr}`;
};

describe("risk graph", () => {
  it("makes the graph of delegations, for the other commands", async () => {
    const { delegation } = await wholeLife(1_000_000n);
    const path = file("stake.json", delegationToJson(delegation));
    const { graph, stdout } = await made("--delegation", path, "--profit", "babylon=5000");
    expect(graph.services).toMatchObject([{ id: "babylon", profit: 5000n, alpha: [1n, 3n] }]);
    expect(stdout).toMatch(/pools +1\noperators +1\nservices +1\nedges +1\n/);
  });

  it("makes the graph of the chain's answers, with groups", async () => {
    const about = file("about.json", { groups: { [KEY]: "North Ltd" } });
    const { graph } = await made(
      "--lcd-json",
      file("delegations.json", { btc_delegations: [DELEGATION], pagination: {} }),
      file("providers.json", { finality_providers: [{ btc_pk: KEY }, { btc_pk: "ab".repeat(32) }] }),
      "--about",
      about,
    );
    expect(graph.operators).toEqual([{ id: "ab".repeat(32) }, { id: KEY, group: "North Ltd" }]);
    const { slashing, unbondingTime } = mainnet.versions.at(-1)!;
    expect(graph.edges[0]!.loss).toMatchObject({ fee: slashing!.minFee, lockedBlocks: unbondingTime });
  });

  it("asks a server of the staking chain for delegations, providers and rules", async () => {
    const { delegation } = await wholeLife(1_000_000n);
    const { lcdDelegation } = await import("../support/lcd.js");
    const row = { ...lcdDelegation(delegation).btc_delegation, active: true, status_desc: "ACTIVE" };
    const asked: string[] = [];
    const url = await serve((_body, request, response) => {
      const [path] = request.url!.split("?");
      asked.push(path!);
      const answers: Record<string, unknown> = {
        "/cosmos/base/tendermint/v1beta1/node_info": {
          default_node_info: { network: mainnet.chainId },
          application_version: { version: "v4.3.1", name: "babylon", app_name: "babylond" },
        },
        "/babylon/btcstaking/v1/params_versions": { params: lcdVersions(mainnet) },
        "/babylon/btcstaking/v1/btc_delegations/ACTIVE": { btc_delegations: [row] },
        "/babylon/btcstaking/v1/finality_providers": { finality_providers: [] },
      };
      response.writeHead(answers[path!] ? 200 : 404).end(JSON.stringify(answers[path!] ?? {}));
    });
    const { graph, stdout } = await made("--lcd", url);
    const id = `${delegation.staking.transaction.getId()}:${delegation.staking.outputIndex}`;
    expect(graph.pools).toEqual([{ id, asset: "bitcoin", amount: 1_000_000n, kind: "utxo" }]);
    expect(stdout).toContain(mainnet.chainId!);
    expect(asked).toContain("/babylon/btcstaking/v1/finality_providers");
  });

  it("makes the graph of EigenLayer's logs, from files and from a node", async () => {
    const rules = ["--system", "eigenlayer", "--alpha", "1/2"];
    const fromFiles = await made(...rules, "--logs", file("logs.json", { result: eigenLayerLogs() }));
    const fromNode = await made(...rules, "--rpc", await serveLogs(eigenLayerLogs()), "--json");
    expect(fromNode.graph).toEqual(fromFiles.graph);
    expect(fromNode.graph.edges).toMatchObject([{ operator: OPERATOR, slashable: 4n, shares: "unique" }]);
    expect(JSON.parse(fromNode.stdout)).toMatchObject({
      source: "logs of eigenlayer",
      chainId: "1",
      blocks: ["0", "1000"],
      pools: 1,
    });
  });

  it("makes the graph of Symbiotic's vaults, which a file names", async () => {
    const about = file("vaults.json", {
      assets: { token: { decimals: 18 } },
      vaults: { [VAULT]: { asset: "token", activeStake: "70" } },
    });
    const { graph } = await made(
      "--system",
      "symbiotic",
      "--alpha=0.5",
      "--about",
      about,
      "--rpc",
      await serveLogs(symbioticLogs()),
      "--profit",
      `${NETWORK}/0=9`,
    );
    expect(graph.pools).toMatchObject([{ id: VAULT, amount: 70n, asset: "token" }]);
    expect(graph.edges).toMatchObject([{ operator: OPERATOR, slashable: 40n }]);
    expect(graph.services).toMatchObject([{ profit: 9n, alpha: [5n, 10n] }]);
  });

  it("adds the graphs of files to that of a source: three systems in one", async () => {
    const about = file("all.json", {
      assets: {
        bitcoin: { decimals: 8, value: ["1", "1"] },
        [STRATEGY]: { decimals: 18, value: ["3", "100000000000"] },
        token: { decimals: 18, value: ["1", "100000000000"] },
      },
      vaults: { [VAULT]: { asset: "token", activeStake: "70" } },
    });
    const [babylon, eigenlayer] = [join(folder, "babylon.json"), join(folder, "eigenlayer.json")];
    const answers = file("delegations-2.json", { btc_delegations: [DELEGATION] });
    const logs = file("logs-4.json", eigenLayerLogs());
    const rules = ["--alpha", "1/2", "--system"];
    await inProcess(["risk", "graph", "--lcd-json", answers, "--profit", "babylon=9", "--out", babylon]);
    await inProcess(["risk", "graph", ...rules, "eigenlayer", "--logs", logs, "--out", eigenlayer]);
    const vaults = ["symbiotic", "--logs", file("logs-5.json", symbioticLogs()), "--about", about];
    const { graph, stdout } = await made(...rules, ...vaults, "--add", babylon, eigenlayer);
    expect(stdout).toContain(`added      ${babylon}, ${eigenlayer}`);
    expect(graph.assets.map(({ id }) => id).toSorted()).toEqual(["bitcoin", STRATEGY, "token"].toSorted());
    expect(graph.operators.map(({ id }) => id).toSorted()).toEqual([OPERATOR, KEY].toSorted());
    expect(graph.services).toHaveLength(3);
    expect(graph.services.find(({ id }) => id === "babylon")!.profit).toBe(9n);
    const both = await made("--add", babylon, eigenlayer, "--about", about);
    expect(both.graph.pools).toHaveLength(2);
    const twice = await refused("--add", babylon, babylon);
    expect(twice).toMatch(/^1 .*invalid-graph.*same id/s);
  });

  it("writes the graph to standard output for -, for a command that reads it", async () => {
    const logs = file("logs-2.json", eigenLayerLogs());
    const args = ["--system", "eigenlayer", "--alpha", "1/2", "--logs", logs, "--out", "-"];
    const { stdout } = await inProcess(["risk", "graph", ...args]);
    const { code, stdout: text } = await inProcess(["risk", "report", "-"], { input: stdout });
    expect(code).toBe(0);
    expect(text).toContain(STRATEGY);
  });

  it.each([
    ["without a source", [], /^2 .*give one source/],
    ["with two sources", ["--logs", "a", "--rpc", "http://127.0.0.1:1"], /^2 .*give one source/],
    ["with one file to add, and no source", ["--add", "a"], /^2 .*two files/],
    ["with logs of no system", ["--logs", "a"], /^2 .*--system/],
    ["with logs and no alpha", ["--logs", "a", "--system", "eigenlayer"], /^2 .*--alpha/],
    [
      "with a profit without an amount",
      ["--delegation", "a", "--profit", "babylon"],
      /^2 .*<service>=<amount>/,
    ],
  ])("is refused %s", async (_name, args, text) => {
    expect(await refused(...args)).toMatch(text);
  });

  it("refuses unknown services, and files that are not what they are given as", async () => {
    const logs = file("logs-3.json", eigenLayerLogs());
    const rules = ["--system", "eigenlayer", "--alpha", "1/2"];
    expect(await refused(...rules, "--logs", logs, "--profit", "x=1")).toMatch(/^1 .*unknown-name/);
    expect(await refused(...rules, "--logs", file("text.json", "no"))).toMatch(
      /^1 .*invalid-json.*text\.json/,
    );
    expect(await refused(...rules, "--logs", file("object.json", {}))).toMatch(/^1 .*invalid-log/);
    expect(await refused("--lcd-json", logs)).toMatch(/^1 .*invalid-json.*btc_delegations/);
    const about = file("wrong.json", { vaults: { [VAULT]: { asset: "token", more: 1 } } });
    expect(await refused(...rules, "--logs", logs, "--about", about)).toMatch(
      /^1 .*invalid-json.*about\.vaults\.0x0+7a\.more: unknown field/,
    );
  });
});
