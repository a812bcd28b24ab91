import { rmSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { Follower } from "../../src/watch/follow.js";
import { Scanner } from "../../src/watch/scanner.js";
import { settingsOf } from "../../src/watch/settings.js";
import { openWriter } from "../../src/watch/store/open.js";
import { ChainStore } from "../../src/watch/store/store.js";
import { initStore } from "../../src/watch/watch.js";
import { isLong, seed } from "../support/runs.js";
import { newHome } from "../support/signer.js";
import { SimulatedBitcoin } from "../support/simulated-bitcoin.js";
import { type Move, PHASE1, type Play, play } from "../support/simulated-stakes.js";

let cast: Play;
let folder: string;
beforeAll(async () => {
  cast = await play();
  folder = newHome().path;
});

/** One thing that happens. Numbers choose among what is possible at that moment. */
type Action =
  | { readonly kind: "mine"; readonly picks: readonly number[] }
  /** Blocks to leave, and what the new branch has; one of no blocks is a tip that became lower. */
  | { readonly kind: "reorganise"; readonly depth: number; readonly branch: readonly (readonly number[])[] }
  /** To a block that was left earlier. */
  | { readonly kind: "return"; readonly pick: number }
  | { readonly kind: "sync" }
  /** While the source is asked: after this many requests, the next action happens. */
  | {
      readonly kind: "interrupt";
      readonly after: number;
      readonly depth: number;
      readonly branch: readonly (readonly number[])[];
    }
  | { readonly kind: "learn"; readonly pick: number }
  | { readonly kind: "restart" }
  /** A commit that does not happen: at the so-manieth block that is connected or removed. */
  | { readonly kind: "crash"; readonly at: number };

const picks = fc.array(fc.nat(1000), { maxLength: 4 });
const branch = fc.array(picks, { maxLength: 6 });
const actions: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("mine" as const), picks }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("reorganise" as const),
      depth: fc.integer({ min: 1, max: 8 }),
      branch,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("return" as const), pick: fc.nat(1000) }) },
  { weight: 4, arbitrary: fc.constant({ kind: "sync" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("interrupt" as const),
      after: fc.nat(12),
      depth: fc.integer({ min: 1, max: 6 }),
      branch,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("learn" as const), pick: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "restart" as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("crash" as const), at: fc.nat(5) }) },
);

/** A chain, a store that follows it, and what is known of it. */
class World {
  readonly bitcoin = new SimulatedBitcoin();
  readonly known = new Set<number>();
  readonly path: string;
  scanner!: Scanner;
  #chain!: ChainStore;
  #crashAt = -1;

  constructor(path: string, first: number) {
    this.path = path;
    initStore(path, { network: "regtest", first, phase1: PHASE1 });
    this.open();
  }

  open(): void {
    this.#chain = new ChainStore(openWriter(this.path));
    const crash = () => {
      if (this.#crashAt >= 0 && this.#crashAt-- === 0) throw new Crash();
    };
    const monitor = { name: "crash", connected: crash, disconnected: crash };
    this.scanner = new Scanner(this.#chain, settingsOf(this.#chain), [monitor]);
  }

  close(): void {
    this.#chain.close();
    rmSync(this.path, { force: true });
  }

  async run(action: Action): Promise<void> {
    switch (action.kind) {
      case "mine":
        this.bitcoin.mine(this.#choose(action.picks));
        return;
      case "reorganise":
        this.#reorganise(action.depth, action.branch);
        return;
      case "return": {
        const all = [...this.bitcoin.blocks.values()];
        this.bitcoin.moveTo(all[action.pick % all.length]!);
        return;
      }
      case "sync":
        await this.sync();
        return;
      case "interrupt": {
        let left = action.after;
        this.bitcoin.beforeRequest = () => {
          if (left-- === 0) this.#reorganise(action.depth, action.branch);
        };
        await this.sync();
        this.bitcoin.beforeRequest = () => {};
        return;
      }
      case "learn":
        this.known.add(action.pick);
        this.scanner.add([cast.delegations[action.pick]!]);
        return;
      case "restart":
        this.#chain.close();
        this.open();
        return;
      case "crash":
        this.#crashAt = action.at;
        try {
          await this.sync();
        } catch (error) {
          if (!(error instanceof Crash)) throw error;
          this.#chain.close();
          this.open();
        }
        this.#crashAt = -1;
    }
  }

  async sync(): Promise<void> {
    const follower = new Follower(this.scanner, this.bitcoin.source());
    for (let step = 0; step < 50; step++) {
      try {
        if ((await follower.step()).done) return;
      } catch (error) {
        // The chain changed between two requests: the watch asks again.
        if ((error as { code?: string }).code !== "broken-link") throw error;
      }
    }
    throw new Error("the follower does not come to an end");
  }

  #reorganise(depth: number, blocks: readonly (readonly number[])[]): void {
    this.bitcoin.moveTo(this.bitcoin.at(Math.max(0, this.bitcoin.tip.height - depth)));
    for (const numbers of blocks) this.bitcoin.mine(this.#choose(numbers));
  }

  /** Moves that the chain permits: each once, what they spend is there and unspent. */
  #choose(numbers: readonly number[]) {
    const mined = this.#mined();
    const spent = new Set(mined.flatMap(({ spends }) => spends));
    const there = new Set(mined.flatMap(({ makes }) => makes));
    const names = new Set(mined.map(({ name }) => name));
    return numbers.flatMap((number) => {
      const possible = cast.moves.filter(
        ({ name, spends }) => !names.has(name) && spends.every((each) => there.has(each) && !spent.has(each)),
      );
      const move = possible[number % possible.length];
      if (!move) return [];
      names.add(move.name);
      for (const each of move.spends) spent.add(each);
      for (const each of move.makes) there.add(each);
      return [move.transaction];
    });
  }

  #mined(): Move[] {
    const ids = new Set(
      this.bitcoin.chain().flatMap(({ transactions }) => transactions.map((each) => each.getId())),
    );
    return cast.moves.filter(({ transaction }) => ids.has(transaction.getId()));
  }

  /** What each stake is, by the names of the moves in the chain: no script and no witness is read. */
  expected(): Map<string, { state: string; overflow: boolean }> {
    const chain = this.bitcoin.chain();
    const names = new Set(this.#mined().map(({ name }) => name));
    const knows = (outpoint: string) => [...this.known].some((i) => cast.actors[i]!.outpoint === outpoint);
    const found = new Map<string, { state: string; overflow: boolean }>();
    // Caps: in the order of the chain.
    let staked = 0n;
    const overflowed = new Set<string>();
    const counted = new Set<string>();
    for (const { height, transactions } of chain) {
      for (const transaction of transactions) {
        const move = cast.moves.find((each) => each.transaction.getId() === transaction.getId());
        const actor = cast.actors.find(
          ({ delegation, outpoint }) => !delegation && move?.name === `${nameOf(outpoint)} staking`,
        );
        if (actor && height >= 5) {
          if (staked >= 300_000n) overflowed.add(actor.outpoint);
          else {
            counted.add(actor.outpoint);
            staked += actor.value;
          }
        }
        const unbonded = cast.actors.find(
          ({ delegation, outpoint }) => !delegation && move?.name === `${nameOf(outpoint)} unbonding`,
        );
        if (unbonded && counted.has(unbonded.outpoint)) staked -= unbonded.value;
      }
    }
    for (const [i, actor] of cast.actors.entries()) {
      if (
        actor.delegation
          ? !this.known.has(i)
          : !counted.has(actor.outpoint) && !overflowed.has(actor.outpoint)
      )
        continue;
      const state = actor.stateBy((name) => names.has(name), knows);
      found.set(actor.outpoint, { state, overflow: overflowed.has(actor.outpoint) });
    }
    return found;
  }

  /** The stakes of the store that are in its chain, or known. */
  found(): Map<string, { state: string; overflow: boolean }> {
    const stakes = this.scanner.stakes.list();
    return new Map(
      stakes
        .filter(({ origin, life }) => origin === "delegation" || life.state !== "pending")
        .map(({ outpoint, life, overflow }) => [outpoint, { state: life.state, overflow }]),
    );
  }

  /** Everything that must follow from the chain and the delegations alone. */
  rows(): unknown {
    const { sql } = this.#chain;
    const views = this.scanner.stakes
      .list()
      .filter(({ origin, life }) => origin === "delegation" || life.state !== "pending")
      .map((stake) => ({ ...stake, seq: 0, view: stake.view === "reorganised" ? "pending" : stake.view }));
    return {
      blocks: sql.all("SELECT * FROM block ORDER BY height"),
      mined: sql.all("SELECT * FROM mined ORDER BY height, position"),
      events: sql.all(
        "SELECT height, position, slot, kind, outpoint, leaf, origin, overflow FROM event ORDER BY height, position, kind, slot",
      ),
      views,
    };
  }

  /** Heights and hashes, of the store and of the chain from the first block on: no gap, no other block. */
  links(first: number): { stored: string[]; chain: string[] } {
    const text = ({ height, hash }: { height: number; hash: string }) => `${height} ${hash}`;
    const chain = this.bitcoin.chain().filter(({ height }) => height >= first - 1);
    return { stored: this.#chain.blocksAbove(-1).map(text), chain: chain.map(text) };
  }
}

class Crash extends Error {}

/** Invariant 4. */
function expectOneChain(world: World, first: number): void {
  const { stored, chain } = world.links(first);
  expect(stored).toEqual(chain);
}

const nameOf = (outpoint: string) =>
  cast.moves.find(({ makes }) => makes.includes(outpoint))!.name.split(" ")[0]!;

let count = 0;
const newPath = () => `${folder}/${count++}.db`;

/** A store that has scanned the chain once, with every delegation known from the start. */
async function rescan(world: World, first: number): Promise<unknown> {
  const other = new World(newPath(), first);
  try {
    for (const i of world.known) await other.run({ kind: "learn", pick: i });
    const mutable = other as unknown as { bitcoin: SimulatedBitcoin };
    mutable.bitcoin = world.bitcoin;
    await other.sync();
    return other.rows();
  } finally {
    other.close();
  }
}

describe("the state of every stake", () => {
  it.each([
    ["with headers and an index", true, true, 0],
    ["by single headers, from height 4 on", false, true, 4],
  ] as const)("is that of a full rescan after any schedule: %s", async (_, hasHeaders, hasIndex, first) => {
    await fc.assert(
      fc.asyncProperty(fc.array(actions, { minLength: 5, maxLength: 60 }), async (schedule) => {
        const world = new World(newPath(), first);
        Object.assign(world.bitcoin, { hasHeaders, hasIndex });
        try {
          for (let i = 0; i < 8; i++) world.bitcoin.mine();
          for (const each of schedule) {
            await world.run(each);
            if (each.kind !== "sync") continue;
            if (first === 0) expect(world.found()).toEqual(world.expected());
            expectOneChain(world, first);
          }
          await world.sync();
          if (world.bitcoin.tip.height >= first - 1) expectOneChain(world, first);
          if (first === 0) expect(world.found()).toEqual(world.expected());
          expect(world.rows()).toEqual(await rescan(world, first));
        } finally {
          world.close();
        }
      }),
      { numRuns: isLong ? 400 : 8, seed: seed(), endOnFailure: true },
    );
  });

  it("needs no index of transactions", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(actions, { minLength: 5, maxLength: 60 }), async (schedule) => {
        const world = new World(newPath(), 0);
        world.bitcoin.hasIndex = false;
        try {
          for (const each of schedule) await world.run(each);
          await world.sync();
          expect(world.found()).toEqual(world.expected());
        } finally {
          world.close();
        }
      }),
      { numRuns: isLong ? 400 : 8, seed: seed(), endOnFailure: true },
    );
  });
});
