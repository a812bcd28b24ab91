import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { committee, party, type RegtestNode, stake, startNode } from "../../regtest/index.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { delegationToJson } from "../../src/delegation/json.js";
import { evidenceToJson } from "../../src/extract/evidence.js";
import { regtest } from "../../src/params/data/regtest.js";
import { serviceArguments } from "../deploy/unit-file.js";
import { eventually } from "../support/eventually.js";
import { parsePage, read } from "../support/pages.js";
import { doubleVote, stakeOf } from "../watch/tower/support.js";
import { callsIn, parse } from "./calls.js";
import { inProcess } from "./in-process.js";
import { temporaryFolder } from "./support.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** The commands of a page that stand within its text, in their order; `watch status` is `tapstake watch status`. */
const commandsOf = (page: string): string[] =>
  [...page.matchAll(/`(?:tapstake )?((?:watch|stake|slash|checkpoint) [^`]*|slash)`/g)].map(
    ([, words]) => `tapstake ${words}`,
  );

const page = parsePage(read("docs/watching.md")).lines.join("\n");
const [, section] = /\n## Run it\n([\s\S]*?)\n## /.exec(page)!;
/** `watch run` alone names the command. */
const PAGE = commandsOf(section!).filter((command) => command !== "tapstake watch run");

let node: RegtestNode;
let delegation: Delegation;
const cwd = temporaryFolder();
const [params] = regtest.versions as [(typeof regtest.versions)[0]];
const provider = party("page provider");
let env: Record<string, string>;
const running = new Set<ChildProcess>();

beforeAll(async () => {
  node = await startNode({ args: ["-rest=1"] });
  const staker = party("page staker");
  delegation = await stake(node, {
    terms: {
      staker: staker.publicKey,
      finalityProviders: [provider.publicKey],
      covenant: params.covenant,
      timelock: 1000,
    },
    params,
    value: 2_000_000n,
    stakers: [staker],
    committee: committee.slice(0, 3),
  });
  mkdirSync(join(cwd, "evidence"));
  writeFileSync(join(cwd, "delegation.json"), delegationToJson(delegation));
  const { username = "", password = "", cookieFile } = node.connection;
  const rpcAuth = cookieFile === undefined ? `${username}:${password}` : readFileSync(cookieFile, "utf8");
  writeFileSync(join(cwd, "rpc-auth"), rpcAuth, { mode: 0o600 });
  env = { TAPSTAKE_RPC: node.rpc.url, TAPSTAKE_RPC_AUTH_FILE: join(cwd, "rpc-auth") };
});
afterAll(async () => {
  for (const child of running) child.kill("SIGKILL");
  await node?.stop();
});

/** The arguments of a command of the page, for this node. */
const here = (command: string): string[] =>
  callsIn(
    command
      .replace("--network mainnet", "--network regtest")
      .replace("http://127.0.0.1:8332", node.rpc.url)
      .replace("~/.bitcoin/.cookie", join(cwd, "rpc-auth"))
      .replace("<txid:vout>", stakeOf(delegation)),
  )[0]!;

const run = async (command: string): Promise<string> => {
  const { code, stdout, stderr } = await inProcess(here(command), { cwd, env });
  expect({ command, code, stderr: code === 0 ? "" : stderr }).toEqual({ command, code: 0, stderr: "" });
  return stdout;
};

/** Starts `watch run`, which ends by a signal. */
function start(args: readonly string[], folder = cwd, more: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: folder,
    env: { ...process.env, ...env, ...more },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  }
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return {
    said: () => said,
    /** Waits for a fact while it runs. */
    until: (fact: () => void | Promise<void>) =>
      Promise.race([
        eventually(fact),
        ended.then((code) => {
          throw new Error(`it ended with ${code}, and said\n${said}`);
        }),
      ]),
    stop: () => {
      child.kill("SIGTERM");
      running.delete(child);
      return ended;
    },
  };
}

const named = (name: string) => PAGE.find((command) => command.startsWith(`tapstake watch ${name}`))!;

describe("the commands of docs/watching.md", () => {
  it("run in order: a stake is watched, and slashed by the evidence in the folder", async () => {
    expect(PAGE.map((command) => command.split(" ")[2])).toEqual(
      "init add run status stakes show duties alarms verify".split(" "),
    );
    await run(named("init"));
    await run(named("add"));
    const watch = start(here(named("run")));
    const height = await node.height();
    await watch.until(async () => expect(await run(named("status"))).toContain(`${height}`));
    expect(await run(named("stakes"))).toContain(stakeOf(delegation));
    expect(await run(named("show"))).toContain(stakeOf(delegation).split(":")[0]);
    expect(await run(named("duties"))).not.toMatch(/mempool|mined/);

    writeFileSync(join(cwd, "evidence", "votes.json"), evidenceToJson(doubleVote(provider.secretKey)));
    await watch.until(async () => expect(await run(named("duties"))).toContain("mempool"));
    expect(await run(named("alarms"))).toContain("double-vote");
    await node.mine(1);
    await watch.until(async () => expect(await run(named("duties"))).toContain("mined"));
    expect(await watch.stop()).toBe(0);
    await run(named("verify"));
  });

  it("are all known to the command line, in the rest of the page too", async () => {
    const calls = commandsOf(page).flatMap((command) => callsIn(command));
    expect(calls.length).toBeGreaterThan(PAGE.length);
    for (const call of calls) if (call.length > 2) await parse(call);
  });
});

describe("the unit of the watch", () => {
  it("starts a watch that tells systemd when it is ready, and answers for its health", async () => {
    const folder = temporaryFolder();
    const notified = join(folder, "notified");
    const program = join(folder, "systemd-notify");
    writeFileSync(program, `#!/bin/sh\necho "$*" >> ${notified}\n`);
    chmodSync(program, 0o755);
    writeFileSync(notified, "");
    const args = serviceArguments(read("deploy/systemd/tapstake-watch.service"), cwd).map((word) =>
      word.replace("http://127.0.0.1:8332", node.rpc.url).replace(":2114", ":0"),
    );
    const made = await inProcess(["watch", "init", "--network", "regtest"], { cwd: folder });
    expect(made).toMatchObject({ code: 0 });
    for (const name of ["evidence", "delegations"]) mkdirSync(join(folder, name));
    const systemd = { NOTIFY_SOCKET: "@here", WATCHDOG_USEC: "300000" };
    const PATH = `${folder}:${process.env["PATH"]}`;
    const watch = start(args, folder, { ...systemd, PATH });
    const told = () => readFileSync(notified, "utf8");
    await watch.until(() => expect(told()).toMatch(/^READY=1 STATUS=following http:/m));
    await watch.until(() => expect(told().match(/^WATCHDOG=1$/gm)!.length).toBeGreaterThan(1));
    const [, address] = /metrics at (http:\S+)\/metrics/.exec(watch.said())!;
    await watch.until(async () => expect((await fetch(`${address}/healthz`)).status).toBe(200));
    expect(await (await fetch(`${address}/metrics`)).text()).toMatch(/^tapstake_watch_lag_blocks 0$/m);
    expect(await watch.stop()).toBe(0);
    await eventually(() => expect(told()).toMatch(/^STOPPING=1 STATUS=stopping$/m));
  });
});
