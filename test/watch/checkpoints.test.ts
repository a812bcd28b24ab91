import { rmSync } from "node:fs";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Checkpoint, encodeCheckpoint } from "../../src/babylon/checkpoint.js";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { parseTransaction } from "../../src/bitcoin/transaction.js";
import { hex, utf8 } from "../../src/core/bytes.js";
import { TapstakeError } from "../../src/core/errors.js";
import { NUMS_KEY } from "../../src/script/taproot.js";
import type { CheckpointMonitor, CheckpointMonitorOptions } from "../../src/watch/index.js";
import { checkpointMonitor, readCheckpoints } from "../../src/watch/index.js";
import { Follower } from "../../src/watch/follow.js";
import { Scanner } from "../../src/watch/scanner.js";
import { settingsOf } from "../../src/watch/settings.js";
import { openWriter } from "../../src/watch/store/open.js";
import { ChainStore } from "../../src/watch/store/store.js";
import { initStore } from "../../src/watch/watch.js";
import { blsValidator, carried, carrying, signedCheckpoint } from "../support/bls.js";
import { refusal } from "../support/refusal.js";
import { randomOf } from "../support/runs.js";
import { newHome } from "../support/signer.js";
import { SimulatedBitcoin } from "../support/simulated-bitcoin.js";
import { readCopy } from "../support/vectors.js";

const validator = blsValidator("the one validator");
const keys = () => [validator];

const signed = new Map<string, Checkpoint>();
/** Signed once for all tests: a signature takes longer than all else here. */
function checkpointOf(epoch: number, block = `block of ${epoch}`): Checkpoint {
  const name = `${epoch} ${block}`;
  const known = signed.get(name);
  if (known) return known;
  const made = signedCheckpoint([validator], [0], { epoch: BigInt(epoch), block });
  signed.set(name, made);
  return made;
}

/** A checkpoint that no validator signed. */
const forged = (epoch: number | bigint, block: number): Checkpoint => ({
  tag: utf8("bbn1"),
  epoch: BigInt(epoch),
  blockHash: new Uint8Array(32).fill(block),
  bitmap: new Uint8Array(13).fill(255),
  submitter: new Uint8Array(20).fill(8),
  blsSignature: new Uint8Array(48).fill(block),
});

let folder: string;
beforeAll(() => {
  folder = newHome().path;
});
let bitcoin: SimulatedBitcoin;
let world: World;
let count = 0;
beforeEach(() => {
  bitcoin = new SimulatedBitcoin();
});
afterEach(() => world?.close());

/** A store with a monitor that follows the simulated chain. */
class World {
  readonly path = `${folder}/checkpoints-${count++}.db`;
  monitor!: CheckpointMonitor;
  scanner!: Scanner;
  #chain!: ChainStore;
  #isOpen = false;

  constructor(options: Partial<CheckpointMonitorOptions> = {}) {
    initStore(this.path, { network: "regtest", first: 0, phase1: null });
    this.open(options);
  }

  open(options: Partial<CheckpointMonitorOptions> = {}): void {
    this.#chain = new ChainStore(openWriter(this.path));
    this.monitor = checkpointMonitor({ tag: utf8("bbn1"), patience: 5, ...options });
    this.scanner = new Scanner(this.#chain, settingsOf(this.#chain), [this.monitor]);
    this.#isOpen = true;
  }

  async sync(): Promise<void> {
    const follower = new Follower(this.scanner, bitcoin.source());
    while (!(await follower.step()).done);
    await this.monitor.settled();
  }

  async restart(options: Partial<CheckpointMonitorOptions> = {}): Promise<void> {
    await this.monitor.stop();
    this.#chain.close();
    this.open(options);
    await this.monitor.settled();
  }

  rows() {
    const { sql } = this.#chain;
    const alarms = "SELECT kind, facts FROM alarm WHERE cleared IS NULL ORDER BY kind, facts";
    return ["SELECT * FROM checkpoint_part", "SELECT * FROM checkpoint", alarms].map((text) => sql.all(text));
  }

  alarmRows() {
    return this.#chain.sql.all("SELECT * FROM alarm ORDER BY seq");
  }

  /** How many rows were written since the store was opened. */
  changes(): number {
    return this.#chain.sql.one<{ n: number }>("SELECT total_changes() AS n")!.n;
  }

  report() {
    return readCheckpoints(this.path);
  }

  alarms(): string[] {
    return this.report().alarms.map(({ kind, text }) => `${kind}: ${text}`);
  }

  verdicts(epoch: number): string[] {
    return this.report().checkpoints.flatMap((each) => (each.epoch === epoch ? [each.verdict] : []));
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    void this.monitor.stop();
    this.#chain.close();
    rmSync(this.path, { force: true });
  }
}

const mine = (...checkpoints: readonly Checkpoint[]) => bitcoin.mine(checkpoints.flatMap(carried));

describe("how others fail", () => {
  it("a fork of a past epoch raises an alarm", async () => {
    world = new World({ keys });
    for (const epoch of [1, 2, 3, 4]) mine(checkpointOf(epoch));
    await world.sync();
    expect(world.alarms()).toEqual([]);
    mine(checkpointOf(2, "another block"));
    await world.sync();
    expect(world.alarms()).toEqual([expect.stringMatching(/^checkpoint-fork: .*epoch 2 signed 2 different/)]);
    expect(world.report().alarms[0]!.facts).toMatchObject({
      tag: hex.encode(utf8("bbn1")),
      epoch: 2,
      verified: true,
    });
  });

  it("one missing checkpoint does not stall the monitor", async () => {
    world = new World({ keys });
    mine(checkpointOf(1));
    mine(checkpointOf(3));
    await world.sync();
    expect(world.alarms()).toEqual([]);
    for (let i = 0; i < 4; i++) bitcoin.mine();
    mine(checkpointOf(4));
    await world.sync();
    expect(world.alarms()).toEqual([
      expect.stringMatching(/^checkpoint-missing: .*no checkpoint of epoch 2,/),
    ]);
    mine(checkpointOf(3, "another block"));
    await world.sync();
    expect(world.alarms()).toHaveLength(2);
    mine(checkpointOf(2));
    await world.sync();
    expect(world.alarms()).toEqual([expect.stringMatching(/^checkpoint-fork: .*epoch 3 /)]);
    for (let i = 0; i < 5; i++) bitcoin.mine();
    await world.sync();
    expect(world.alarms()[1]).toMatch(/^checkpoint-missing: .*no checkpoint of epoch 5,/);
  });

  it("a forged part 1 with the right checksum does not use up the real part 0", async () => {
    world = new World({ keys });
    const real = checkpointOf(1);
    const [head, tail] = carried(real);
    const [, forgery] = encodeCheckpoint({ ...real, blsSignature: checkpointOf(2).blsSignature });
    bitcoin.mine([head, carrying(forgery, head)]);
    await world.sync();
    expect(world.verdicts(1)).toEqual(["invalid"]);
    bitcoin.mine([tail]);
    await world.sync();
    expect(world.verdicts(1).toSorted()).toEqual(["invalid", "verified"]);
    expect(world.report().parts).toBe(3);
    expect(world.alarms()).toEqual([]);
  });
});

describe("checkpoint monitor", () => {
  it("without keys says that a fork is unverified, and with them decides", async () => {
    world = new World();
    mine(checkpointOf(1));
    mine(forged(1, 0x11), forged(1, 0x12));
    await world.sync();
    expect(world.alarms()).toEqual([expect.stringMatching(/^checkpoint-fork: Unverified: .*epoch 1 /)]);
    mine(forged(1, 0x13));
    await world.sync();
    expect(world.alarms()).toHaveLength(1);
    // Damaged keys decide nothing, and end no alarm.
    const raised = world.alarmRows();
    await world.restart({
      keys: () => {
        throw new TapstakeError("invalid-json", "1.json: not JSON");
      },
    });
    expect(world.verdicts(1)).toEqual(["pending", "pending", "pending", "pending"]);
    expect(world.alarmRows()).toEqual(raised);
    await world.restart({ keys });
    expect(world.verdicts(1).toSorted()).toEqual(["invalid", "invalid", "invalid", "verified"]);
    expect(world.alarms()).toEqual([]);
  });

  it("pairs by checksum whichever part comes first, prefers the link, and counts copies once", async () => {
    world = new World();
    const [first, second] = encodeCheckpoint(forged(7, 1));
    bitcoin.mine([carrying(second)]);
    bitcoin.mine([carrying(first)]);
    await world.sync();
    expect(world.report().checkpoints).toMatchObject([{ epoch: 7, height: 2, linked: false }]);
    const [head, tail] = carried(forged(7, 1));
    bitcoin.mine([head, tail]);
    await world.sync();
    expect(world.report().checkpoints).toMatchObject([
      { epoch: 7, height: 3, linked: true, first: `${head.getId()}:0`, second: `${tail.getId()}:0` },
    ]);
    expect(world.report().parts).toBe(4);
  });

  it("pairs the published transactions of a simnet, which no link joins", async () => {
    const published = JSON.parse(readCopy("chain/checkpoint-simnet.json")) as {
      tag: string;
      transactions: string[];
    };
    world = new World({ tag: hex.decode(published.tag) });
    bitcoin.mine(published.transactions.map((text) => parseTransaction(hex.decode(text))));
    await world.sync();
    expect(world.report().checkpoints).toMatchObject([{ epoch: 0, linked: false, verdict: "unverified" }]);
  });

  it("back and forward again equals never having seen the branch", async () => {
    world = new World();
    mine(forged(1, 1));
    const [head, tail] = carried(forged(2, 1));
    bitcoin.mine([head]);
    const fork = bitcoin.tip;
    bitcoin.mine([tail]);
    mine(forged(2, 2), forged(1, 3));
    for (let i = 0; i < 8; i++) mine(forged(3 + i, 1));
    await world.sync();
    expect(world.alarms()).toHaveLength(2);
    bitcoin.moveTo(fork);
    bitcoin.mine([...carried(forged(3, 9))], fork);
    bitcoin.mine([tail]);
    for (let i = 0; i < 6; i++) bitcoin.mine();
    await world.sync();
    const rows = world.rows();
    world.close();
    world = new World();
    await world.sync();
    expect(rows).toEqual(world.rows());
    expect(world.alarms()).toEqual([expect.stringContaining("epoch 4,")]);
  });

  it("keeps nothing in memory of a commit that was undone", async () => {
    world = new World();
    for (const epoch of [1, 2, 3]) mine(forged(epoch, 1));
    const hashes = bitcoin.chain().map(({ hash, bytes }) => ({ hash, bytes }));
    world.scanner.connect(hashes.slice(0, 2));
    const broken = { ...hashes[3]!, bytes: hashes[3]!.bytes.slice(0, -1) };
    refusal("invalid-block", () => world.scanner.connect([hashes[2]!, broken]));
    world.scanner.connect(hashes.slice(2));
    for (let i = 0; i < 5; i++) bitcoin.mine();
    await world.sync();
    expect(world.alarms()).toEqual([expect.stringContaining("no checkpoint of epoch 4,")]);
    expect(world.report()).toMatchObject({ parts: 6, from: 0 });
  });

  it("says from which block on it has all parts, when it begins late", async () => {
    world = new World();
    mine(forged(1, 1));
    await world.sync();
    await world.restart({ tag: utf8("bbt6") });
    bitcoin.mine();
    await world.sync();
    expect(world.report()).toMatchObject({ tag: hex.encode(utf8("bbt6")), from: 2, parts: 0 });
  });

  it("tries again when keys cannot be had, and goes on with other epochs", async () => {
    const troubles: (number | null)[] = [];
    let isDown = true;
    const source = (epoch: number) => {
      if (epoch === 1 && isDown) throw new Error("down");
      return [validator];
    };
    world = new World({ keys: source, onTrouble: (_error, epoch) => troubles.push(epoch) });
    mine(checkpointOf(1), checkpointOf(2));
    await world.sync();
    expect([world.verdicts(1), world.verdicts(2)]).toEqual([["pending"], ["verified"]]);
    expect(troubles).toContain(1);
    isDown = false;
    bitcoin.mine();
    await world.sync();
    expect(world.verdicts(1)).toEqual(["verified"]);
  });

  it("verifies again at a start what wrong keys refused, and gives no alarm twice meanwhile", async () => {
    const wrong = blsValidator("another validator");
    const source = (epoch: number) => [epoch === 2 ? wrong : validator];
    world = new World({ keys: source });
    for (const epoch of [1, 2]) mine(checkpointOf(epoch));
    for (let i = 0; i < 5; i++) bitcoin.mine();
    await world.sync();
    expect([world.verdicts(1), world.verdicts(2)]).toEqual([["verified"], ["invalid"]]);
    expect(world.alarms()).toEqual([expect.stringMatching(/^checkpoint-missing: .*of epoch 2,/)]);
    const before = world.alarmRows();
    await world.restart({ keys: source });
    expect(world.alarmRows()).toEqual(before);
    await world.restart({ keys });
    expect([world.verdicts(1), world.verdicts(2)]).toEqual([["verified"], ["verified"]]);
    expect(world.alarms()).toEqual([expect.stringMatching(/^checkpoint-missing: .*of epoch 3,/)]);
  });

  it("writes a forged part and its pair alone, however many parts its checksum has", async () => {
    world = new World();
    const [head, tail] = carried(forged(5, 1));
    const forgery = (i: number) => {
      const blsSignature = new Uint8Array(48).with(0, i >> 8).with(1, i & 255);
      return carrying(encodeCheckpoint({ ...forged(5, 1), blsSignature })[1]);
    };
    bitcoin.mine([head, tail, ...Array.from({ length: 300 }, (_, i) => forgery(i))]);
    await world.sync();
    const before = world.changes();
    bitcoin.mine([forgery(300)]);
    await world.sync();
    expect(world.report().checkpoints).toHaveLength(302);
    // The block, the part, its pair, and what the store says of itself.
    expect(world.changes() - before).toBeLessThan(10);
  });

  it("is not stopped by an epoch beyond 2^53", async () => {
    world = new World();
    mine(forged(2n ** 64n - 1n, 1), forged(2n ** 53n, 1), forged(2n ** 53n - 1n, 1), forged(0, 1));
    await world.sync();
    expect(world.report()).toMatchObject({
      parts: 8,
      checkpoints: [{ epoch: 0 }, { epoch: 2 ** 53 - 1 }],
      alarms: [],
    });
  });
});

/** A transaction whose witness looks like that of a stake and is none. */
function withJunkWitness(transaction: Transaction, script: Uint8Array): Transaction {
  transaction.setWitness(0, [new Uint8Array(64), script, Uint8Array.of(0xc0, ...NUMS_KEY)]);
  return transaction;
}

describe("a flood", () => {
  const parts = 10_000;
  it(
    `of ${parts} forged checkpoint parts and junk witnesses changes nothing`,
    { timeout: 120_000 },
    async () => {
      const random = randomOf("checkpoint flood");
      const bytes = (length: number) => Uint8Array.from({ length }, () => random.below(256));
      world = new World({ keys: (epoch) => (epoch <= 3 ? [validator] : null) });
      const real = [1, 2, 3].map((epoch) => checkpointOf(epoch));
      mine(real[0]!);
      const before = parts / 2;
      let made = 0;
      const flood = (upTo: number) => {
        const transactions: Transaction[] = [];
        while (made < upTo) {
          // Beside those of epochs with keys and one beyond 2^53, each of an epoch of its own: two of one are a fork.
          const epoch = made % 7 === 0 ? 2n ** 60n : BigInt(made % 5 === 0 ? 1 + (made % 3) : 10 + made);
          // The one validator's bit is not set: to look like more, a forger needs a signature.
          const bitmap = bytes(13);
          bitmap[0]! &= made % 1000 === 5 ? 255 : 254;
          const blockHash = bytes(32);
          // Few are points: to verify one takes as long as all else here.
          const blsSignature = bytes(48);
          blsSignature[0] = made % 400 === 0 ? 0x80 : blsSignature[0]! & 0x7f;
          const forgery = { ...real[0]!, epoch, blockHash, bitmap, blsSignature };
          const copied = made % 4 === 0;
          const first = carrying(encodeCheckpoint(forgery)[0]);
          const [, tail] = encodeCheckpoint(copied ? { ...real[made % 3]!, blsSignature } : forgery);
          const second = carrying(tail, made % 3 === 0 ? first : undefined);
          transactions.push(first, withJunkWitness(second, bytes(20 + random.below(60))));
          made += 2;
        }
        bitcoin.mine(transactions);
      };
      flood(before / 2);
      mine(real[1]!);
      flood(before);
      flood(parts);
      mine(real[2]!);
      await world.sync();
      const { checkpoints, parts: stored } = world.report();
      expect(stored).toBe(parts + 6);
      expect(checkpoints.flatMap(({ epoch, verdict }) => (verdict === "verified" ? [epoch] : []))).toEqual([
        1, 2, 3,
      ]);
      expect(checkpoints.some(({ verdict }) => verdict === "pending")).toBe(false);
      expect(world.alarms()).toEqual([]);
      expect(world.scanner.stakes.list({})).toEqual([]);
    },
  );
});
