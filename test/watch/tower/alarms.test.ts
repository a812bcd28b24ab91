import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { TapstakeError } from "../../../src/core/errors.js";
import { finishSlashing } from "../../../src/extract/slashing.js";
import { WATCH_ALARMS, watchHealth, type WatchHealth } from "../../../src/watch/index.js";
import { type SignedPlay, signedPlay, SimulatedTower } from "./simulated.js";

type Kind = (typeof WATCH_ALARMS)[number];

let cast: SignedPlay;
beforeAll(async () => {
  cast = await signedPlay();
});

/** A tower with a monitor of health, a clock and a second source. */
class Stage extends SimulatedTower {
  now = Date.now();
  theirs: string | null = null;
  readonly health: WatchHealth = watchHealth({
    clock: () => this.now,
    staleAfter: 1e11,
    compare: {
      name: "other",
      tip: async () => ({ height: this.bitcoin.tip.height, hash: this.bitcoin.tip.hash }),
      hashAt: async (height) => this.theirs ?? this.bitcoin.at(height).hash,
    },
  });

  async begin(): Promise<this> {
    await this.open(this.health);
    return this;
  }

  /** Another branch upon a block of this height, with so many blocks. */
  async branch(height: number, blocks: number): Promise<void> {
    let tip = this.bitcoin.at(height);
    this.bitcoin.moveTo(tip);
    for (let i = 0; i < blocks; i++) tip = this.bitcoin.mine([], tip);
    await this.settle();
  }
}

/** How an alarm comes about, and how it goes. */
interface Course {
  /** Can be done again: the same facts. */
  raise(stage: Stage): Promise<void>;
  /** What is open beside it, as it follows from evidence. */
  readonly beside?: readonly Kind[];
  /** The block that a reorganisation removes: by default the first. */
  readonly below?: number;
  /** Why a reorganisation does not clear it. */
  readonly stays?: "the key stays leaked";
}

const spent = (move: () => ReturnType<SignedPlay["moveOf"]>): Course => ({
  async raise(stage) {
    if (stage.bitcoin.tip.height > 0) return;
    stage.add(cast.delegations[0]);
    await stage.mine(cast.moveOf("a staking"));
    await stage.mine(move());
  },
});

const COURSES: Readonly<Record<Kind, Course>> = {
  "double-vote": {
    async raise(stage) {
      stage.leak(cast.secret);
      await stage.tower.idle();
    },
    stays: "the key stays leaked",
  },
  "selective-slashing": {
    async raise(stage) {
      stage.knows(cast.secret);
      await spent(() => finishSlashing(cast.delegations[0], "staking", cast.secret)).raise(stage);
    },
    stays: "the key stays leaked",
  },
  "duty-unmined": {
    async raise(stage) {
      stage.refusal = () => "mempool min fee not met";
      stage.add(cast.delegations[0]);
      stage.leak(cast.secret);
      if (stage.bitcoin.tip.height === 0) await stage.mine(cast.moveOf("a staking"));
      await stage.mineEmpty(6);
    },
    beside: ["double-vote"],
  },
  "withdrawal-race": {
    async raise(stage) {
      stage.refusal = () => "mempool min fee not met";
      stage.add(cast.short);
      stage.leak(cast.shortSecret);
      if (stage.bitcoin.tip.height > 0) return;
      await stage.mine(cast.short.staking.transaction);
      await stage.mineEmpty(5);
    },
    beside: ["double-vote"],
  },
  "missing-adaptor-signatures": {
    async raise(stage) {
      stage.add(cast.unsigned);
      if (stage.bitcoin.tip.height === 0) await stage.mine(cast.moveOf("a staking"));
      else await stage.mine();
    },
  },
  "unbonding-diverted": spent(() => cast.moveOf("a diversion")),
  "slashing-without-key": spent(() => cast.moveOf("a slashing")),
  "unknown-spend": spent(() => {
    const byKey = cast.moveOf("a withdrawal").clone();
    byKey.setWitness(0, [new Uint8Array(64)]);
    return byKey;
  }),
  "stale-tip": {
    async raise(stage) {
      if (stage.bitcoin.tip.height === 0) await stage.mine();
      stage.now += 1e15;
      await stage.health.check();
    },
  },
  "cursor-stuck": {
    async raise(stage) {
      if (stage.bitcoin.tip.height === 0) await stage.mine();
      for (let minute = 0; minute <= 11; minute++) {
        stage.health.trouble(new TapstakeError("node-unreachable", "no answer"));
        stage.now += 60_000;
      }
      await stage.health.check();
    },
  },
  "sources-disagree": {
    async raise(stage) {
      if (stage.bitcoin.tip.height === 0) await stage.mineEmpty(4);
      stage.theirs = "ab".repeat(32);
      await stage.health.check();
      stage.theirs = null;
    },
  },
  "deep-reorganisation": {
    async raise(stage) {
      if (stage.bitcoin.tip.height > 0) return;
      await stage.mineEmpty(8);
      await stage.branch(2, 1);
    },
    below: 1,
  },
};

describe("the alarm", () => {
  it.each(WATCH_ALARMS)(
    "%s comes alone, once, under one id; and a reorganisation ends it or why not",
    async (kind) => {
      const { raise, beside = [], below = 0, stays } = COURSES[kind];
      const stage = await new Stage().begin();
      await raise(stage);
      expect(stage.kinds()).toEqual([kind, ...beside].toSorted());
      const alarm = stage.alarms().find((each) => each.kind === kind);
      await raise(stage);
      // By another start, too.
      await stage.close();
      await stage.begin();
      await stage.settle();
      expect(stage.alarms(true).filter((each) => each.kind === kind)).toEqual([alarm]);
      expect(alarm!.text).toMatch(/\w/);
      await stage.branch(below, 1);
      const open = stage.kinds().includes(kind);
      expect({ open, stays }).toEqual({ open: stays !== undefined, stays });
      stage.health.close();
      await stage.close();
    },
  );

  it.each(["duty-unmined", "withdrawal-race"])(
    "%s does not come from a catch-up whose later blocks have the slashing",
    async (kind) => {
      const stage = await new Stage().begin();
      const [delegation, secret] =
        kind === "duty-unmined" ? [cast.delegations[0], cast.secret] : [cast.short, cast.shortSecret];
      stage.add(delegation);
      stage.leak(secret);
      await stage.close();
      stage.bitcoin.mine([delegation.staking.transaction]);
      for (let i = 0; i < 8; i++) stage.bitcoin.mine();
      stage.bitcoin.mine([finishSlashing(delegation, "staking", secret)]);
      await stage.begin();
      await stage.settle();
      expect(stage.states()).toEqual(["staking mined", "unbonding impossible"]);
      expect(stage.alarms(true).map((each) => each.kind)).toEqual(["double-vote"]);
      stage.health.close();
      await stage.close();
    },
  );

  it("sources-disagree ends when the sources agree again", async () => {
    const stage = await new Stage().begin();
    await COURSES["sources-disagree"].raise(stage);
    await stage.health.check();
    expect(stage.kinds()).toEqual([]);
    stage.health.close();
    await stage.close();
  });

  it("deep-reorganisation ends when its branch is buried", async () => {
    const stage = await new Stage().begin();
    await COURSES["deep-reorganisation"].raise(stage);
    await stage.mineEmpty(98);
    expect(stage.kinds()).toEqual(["deep-reorganisation"]);
    await stage.mineEmpty(1);
    expect(stage.kinds()).toEqual([]);
    stage.health.close();
    await stage.close();
  });
});

it("docs/watching.md says of each alarm what it means and what to do, and of no other", () => {
  const page = readFileSync(new URL("../../../docs/watching.md", import.meta.url), "utf8");
  const [, section] = /\n## Alarms[^\n]*\n([^]*?)\n## /.exec(page)!;
  const rows = section!.split("\n").flatMap((line) => {
    const [, kind, means, remedy] = /^\| `([a-z-]+)` +\| (.+?) +\| (.+?) +\|$/.exec(line) ?? [];
    return kind === undefined ? [] : [{ kind, means, remedy }];
  });
  expect(rows.map(({ kind }) => kind)).toEqual([...WATCH_ALARMS]);
});
