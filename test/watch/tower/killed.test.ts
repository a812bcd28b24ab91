import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Party, type RegtestNode, startNode } from "../../../regtest/index.js";
import { hex } from "../../../src/core/bytes.js";
import type { Delegation } from "../../../src/delegation/delegation.js";
import { evidenceToJson } from "../../../src/extract/evidence.js";
import { addToStore, initStore } from "../../../src/watch/index.js";
import { type Moment, nodeProxy, type NodeProxy } from "../../support/node-proxy.js";
import { isLong, randomOf } from "../../support/runs.js";
import { newHome } from "../../support/signer.js";
import { confirmationsOf, newProvider, openStakes, slashingOf, unbondingOf } from "./real.js";
import { doubleVote, expectPresigned, voteFor } from "./support.js";

// WATCH.md, invariant 2: evidence once acknowledged survives kill -9 at any step.

const MAIN = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));
const PROGRAM = fileURLToPath(new URL("../../support/tower-process.mjs", import.meta.url));
const random = randomOf("killed towers");

let node: RegtestNode;
let proxy: NodeProxy;
let scenes: AsyncGenerator<Scene>;
beforeAll(async () => {
  node = await startNode({ args: ["-rest=1"] });
  proxy = await nodeProxy(node.connection.url);
  scenes = makeScenes();
});
afterAll(async () => {
  await proxy?.close();
  await node?.stop();
});

/** A provider, two stakes with it in a store of their own, and the unbonding of one of them in the mempool. */
interface Scene {
  readonly provider: Party;
  readonly delegations: readonly Delegation[];
  readonly store: string;
}

async function* makeScenes(): AsyncGenerator<Scene> {
  for (;;) {
    const providers = Array.from({ length: isLong ? 12 : 3 }, newProvider);
    const first = await node.height();
    const delegations = await openStakes(
      node,
      providers.flatMap((each) => [each, each]),
    );
    for (const [i, provider] of providers.entries()) {
      const own = delegations.slice(2 * i, 2 * i + 2);
      const store = `${newHome().path}/watch.db`;
      initStore(store, { network: "regtest", first });
      addToStore(store, own);
      await node.send((await unbondingOf(own[1]!)).toBuffer());
      yield { provider, delegations: own, store };
    }
  }
}

const nextScene = async (): Promise<Scene> => (await scenes.next()).value as Scene;

/** A process that is ended by the test, or by itself; what it said. */
class Run {
  readonly child: ChildProcess;
  said = "";
  readonly ended: Promise<unknown>;

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, args, { stdio: "pipe" });
    const hear = (text: string) => (this.said += text);
    this.child.stdout!.setEncoding("utf8").on("data", hear);
    this.child.stderr!.setEncoding("utf8").on("data", hear);
    this.child.stdin!.on("error", () => {});
    this.ended = once(this.child, "close");
  }

  async until(text: RegExp): Promise<void> {
    while (!text.test(this.said)) {
      if (this.child.exitCode !== null) throw new Error(`it ended with ${this.child.exitCode}: ${this.said}`);
      await delay(5);
    }
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }
}

/** Every slashing of a scene is mined, with its completed signatures, and nothing else was sent. */
async function expectSlashed({ provider, delegations }: Scene): Promise<void> {
  await node.mine();
  for (const each of delegations) expect(await confirmationsOf(node, slashingOf(each))).toBe(1);
  expectPresigned(proxy.sent.splice(0), delegations, [provider.secretKey]);
}

describe("WATCH 2: evidence once acknowledged survives kill -9", () => {
  /** The library in a process, which gets the votes that were not acknowledged yet. */
  function runLibrary({ provider, store }: Scene, taken: number, ...step: readonly string[]): Run {
    const { cookieFile } = node.connection;
    const run = new Run([PROGRAM, store, proxy.url, cookieFile!, ...step]);
    const votes = ["one", "other"].map((block) => voteFor(provider.secretKey, block));
    const lines = votes
      .slice(taken)
      .map(({ finalityProvider, publicRandomness, appHash, signature, ...rest }) => {
        const bytes = { finalityProvider, publicRandomness, appHash, signature };
        const encoded = Object.entries(bytes).map(([name, each]) => [name, hex.encode(each)]);
        return JSON.stringify({
          ...Object.fromEntries(encoded),
          chain: rest.chain,
          height: `${rest.height}`,
        });
      });
    run.child.stdin!.end(lines.map((each) => `${each}\n`).join(""));
    return run;
  }

  test("at every commit and every broadcast, handed in by the library as single votes", async () => {
    const scene = await nextScene();
    const whole = runLibrary(scene, 0);
    await whole.ended;
    const [, commits, sends] = /idle (\d+) (\d+)/.exec(whole.said) ?? [];
    expect({ said: whole.said, sends: Number(sends) }).toMatchObject({ sends: 2 });
    await expectSlashed(scene);
    const steps = [
      ...["commit", "committed"].map((name) => [name, Number(commits)] as const),
      ...["send", "sent"].map((name) => [name, Number(sends)] as const),
    ].flatMap(([name, count]) => Array.from({ length: count }, (_, i) => [name, `${i + 1}`]));
    const chosen = isLong ? steps : [steps[random.below(steps.length)]!];
    for (const step of chosen) {
      const killed = await nextScene();
      const first = runLibrary(killed, 0, ...step);
      await first.ended;
      expect({ step, signal: first.child.signalCode }).toEqual({ step, signal: "SIGKILL" });
      const taken = [...first.said.matchAll(/^taken/gm)].length;
      const second = runLibrary(killed, taken);
      await second.ended;
      expect({ step, said: second.said }).toMatchObject({ step, said: expect.stringContaining("idle") });
      await expectSlashed(killed);
    }
  });

  /** `watch run` by the proxy. */
  const runCommand = ({ store }: Scene, ...args: string[]) =>
    new Run([
      MAIN,
      "watch",
      "run",
      "--store",
      store,
      "--rpc",
      proxy.url,
      "--rpc-auth-file",
      node.connection.cookieFile!,
      ...args,
    ]);

  type Kill = (run: Run) => Promise<void>;
  /** At a request that hands a transaction in, before or after the node has it. */
  const atBroadcast =
    (count: number, moment: Moment): Kill =>
    async (run) => {
      let met = 0;
      await new Promise<void>((resolve) => {
        proxy.at = async (method, at) => {
          if (method !== "sendrawtransaction" || at !== moment || (met += 1) < count) return true;
          await run.kill();
          resolve();
          return false;
        };
      });
      proxy.at = () => true;
    };
  const atRandom: Kill = async (run) => {
    await run.until(/^evidence /m);
    await delay(random.below(80));
    await run.kill();
  };
  const kills: [string, Kill][] = [
    ["before the first broadcast", atBroadcast(1, "before")],
    ["after the first broadcast, before it hears of it", atBroadcast(1, "after")],
    ["before the second broadcast", atBroadcast(2, "before")],
    ["after the second broadcast, before it hears of it", atBroadcast(2, "after")],
    ...Array.from({ length: 8 }, (_, i): [string, Kill] => [`at a random moment, ${i + 1}`, atRandom]),
  ];

  test.each(isLong ? kills : [kills[random.below(5)]!])(
    "%s, handed in to watch run by a file and by a folder",
    async (_, kill) => {
      for (const form of isLong ? ["file", "folder"] : [random.below(2) === 0 ? "file" : "folder"]) {
        const scene = await nextScene();
        const folder = `${newHome().path}/evidence`;
        mkdirSync(folder);
        const file = `${folder}/votes.json`;
        const write = () => writeFileSync(file, evidenceToJson(doubleVote(scene.provider.secretKey)));
        // Into a folder, it comes while the watch runs.
        if (form === "file") write();
        const first = runCommand(scene, "--evidence", form === "file" ? file : folder);
        const killed = kill(first);
        if (form === "folder") write();
        await killed;
        expect(first.said).toMatch(/^evidence [0-9a-f]{16} from /m);
        // What was acknowledged is in the store: the file is of no use any more.
        rmSync(file);
        const second = runCommand(scene, "--tower", "--until-tip");
        await second.ended;
        expect({ form, code: second.child.exitCode, said: second.said }).toMatchObject({ form, code: 0 });
        await expectSlashed(scene);
      }
    },
  );
});
