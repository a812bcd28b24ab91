import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.js";
import { sha256 } from "../../../src/core/hashes.js";
import { enrolSigner, initArbiter } from "../../../src/finality/arbiter/store.js";
import { type Home, openHome } from "../../../src/finality/home.js";
import { voteMessage } from "../../../src/vote/messages.js";
import { clientOf, emptyHome, storedVotes } from "../../support/arbiter.js";
import { bundled } from "../../support/bundled.js";
import { Cluster, hasEtcd } from "../../support/etcd.js";
import { isLong, randomOf } from "../../support/runs.js";
import { begin, CHAIN, inHome, newHome, testKey } from "../../support/signer.js";

/** How often signers, members of the cluster, and all members at once are killed. */
const [SIGNERS, MEMBERS, CLUSTERS] = isLong ? [800, 170, 10] : [4, 1, 0];

/** More than the kills of a long run take, in milliseconds. */
const HOURS = 6 * 3_600_000;

/** A vote that left a signer. */
interface Released {
  readonly height: bigint;
  readonly appHash: string;
  readonly signature: string;
}

/** A machine whose signer is started anew whenever it was killed. */
class Machine {
  readonly released: Released[] = [];
  readonly wrong: string[] = [];
  /** Lines since the start of the process that runs. */
  lines = 0;
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  constructor(
    readonly home: Home,
    private readonly args: readonly [url: string, store: string],
    /** The next height of any machine: all want the same ones. */
    private readonly heights: { next: bigint },
  ) {}

  start(): void {
    this.lines = 0;
    const program = bundled(new URL("../../support/arbiter-process.mjs", import.meta.url));
    const args = [program, this.home.path, ...this.args, `${this.heights.next}`];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const reader = createInterface({ input: child.stdout });
    this.#child = child;
    this.#ended = Promise.all([once(child, "exit"), once(reader, "close")]);
    reader.on("line", (line) => {
      this.lines++;
      const [word, height, appHash, signature] = line.split(" ");
      if (word === "signed")
        this.released.push({ height: BigInt(height!), appHash: appHash!, signature: signature! });
      if (word === "signed" || word === "refused") {
        if (BigInt(height!) >= this.heights.next) this.heights.next = BigInt(height!) + 1n;
      }
      if (word === "error") this.wrong.push(line);
    });
  }

  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#ended;
  }
}

describe.runIf(hasEtcd)("signers of an arbiter, killed with its members", async () => {
  const cluster = hasEtcd ? await Cluster.start() : undefined!;

  it(
    "kills: release one digest for each height, and lose no released vote",
    async () => {
      const client = clientOf(cluster);
      const prefix = "/killed";
      const { publicKey } = testKey();
      await initArbiter(client, prefix, { key: publicKey, chainId: CHAIN.id, fromHeight: 1n });
      const heights = { next: 1n };
      const machines: Machine[] = [];
      for (let i = 0; i < 2; i++) {
        const home = newHome();
        begin(home, publicKey);
        const { store } = await enrolSigner(emptyHome(home), client, prefix, { publicKey });
        machines.push(new Machine(home, [`${cluster.url}${prefix}`, store], heights));
      }
      await killAll(machines, cluster);
      expect(machines.flatMap(({ wrong }) => wrong)).toEqual([]);
      const stored = storedVotes(cluster, prefix);
      const digests = new Map<bigint, string>();
      for (const { home, released } of machines) {
        // A few kills can all come before the first vote.
        if (isLong) expect(released.length).toBeGreaterThan(0);
        inHome(openHome(home.path), (protection) => {
          const records = protection.recordsAt(
            publicKey,
            CHAIN.id,
            released.map(({ height }) => height),
          );
          for (const { height, appHash, signature } of released) {
            const digest = hex.encode(sha256(voteMessage({ height, appHash: hex.decode(appHash) })));
            // Lost: a released vote that its home or the arbiter does not have. Double: two digests at a height.
            const record = records.get(height);
            expect([record && hex.encode(record.digest!), record && hex.encode(record.signature!)]).toEqual([
              digest,
              signature,
            ]);
            expect(stored.get(height)).toBe(digest);
            expect(digests.get(height) ?? digest).toBe(digest);
            digests.set(height, digest);
          }
        });
      }
    },
    HOURS,
  );
});

/** Kills in a random order, each at a random moment. */
async function killAll(machines: readonly Machine[], cluster: Cluster): Promise<void> {
  const random = randomOf("kills");
  const kills = [
    ...Array.from({ length: SIGNERS }, () => "signer"),
    ...Array.from({ length: MEMBERS }, () => "member"),
    ...Array.from({ length: CLUSTERS }, () => "cluster"),
  ];
  for (let i = kills.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [kills[i], kills[j]] = [kills[j]!, kills[i]!];
  }
  machines.forEach((machine) => machine.start());
  for (const kill of kills) {
    const machine = machines[random.below(machines.length)]!;
    const lines = 2 + random.below(12);
    while (machine.lines < lines && machine.wrong.length === 0) await sleep(2);
    await sleep(random.below(5));
    if (kill === "signer") {
      await machine.kill();
      machine.start();
    } else if (kill === "member") {
      const member = cluster.members[random.below(cluster.members.length)]!;
      await member.kill();
      await sleep(random.below(100));
      member.start("existing");
    } else {
      await cluster.killAll();
      cluster.members.forEach((member) => member.start("existing"));
    }
  }
  await Promise.all(machines.map((machine) => machine.kill()));
}
