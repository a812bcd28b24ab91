import { rmSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { Follower } from "../../../src/watch/follow.js";
import { Scanner } from "../../../src/watch/scanner.js";
import { settingsOf } from "../../../src/watch/settings.js";
import { openWriter } from "../../../src/watch/store/open.js";
import { ChainStore } from "../../../src/watch/store/store.js";
import type { Transaction } from "../../../src/bitcoin/transaction-class.js";
import { presignedSlashing } from "../../../src/delegation/delegation.js";
import type { Slashable } from "../../../src/stake/slashing.js";
import { type Watchtower, watchtower } from "../../../src/watch/index.js";
import { initStore } from "../../../src/watch/watch.js";
import { runs, seed } from "../../support/runs.js";
import { newHome } from "../../support/signer.js";
import { SimulatedBitcoin } from "../../support/simulated-bitcoin.js";
import { type Move, PHASE1, type Play, play } from "../../support/simulated-stakes.js";
import { type SignedPlay, signedPlay } from "./simulated.js";
import { doubleVote, expectPresigned, voteFor } from "./support.js";

const DEPTH = 3;
const NAMES = ["a", "b", "c"] as const;
let cast: Play;
let signed: SignedPlay;
let folder: string;
beforeAll(async () => {
  cast = await play();
  signed = await signedPlay();
  folder = newHome().path;
});

/** One thing that happens. Numbers choose among what is possible at that moment. */
type Action =
  | { readonly kind: "mine"; readonly picks: readonly number[] }
  | { readonly kind: "reorganise"; readonly depth: number; readonly branch: readonly (readonly number[])[] }
  | { readonly kind: "learn"; readonly pick: number }
  /** By evidence, or by single votes. */
  | { readonly kind: "leak"; readonly single: boolean }
  /** `forget`: the node loses its mempool. */
  | { readonly kind: "sync" | "restart" | "forget" }
  /** The watch follows the chain without its tower, which opens again after it. */
  | { readonly kind: "without" }
  | { readonly kind: "crash"; readonly at: number };

const picks = fc.array(fc.nat(1000), { maxLength: 3 });
const of = <Kind extends string>(kind: Kind) => fc.constant(kind);
const actions: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: of("mine"), picks }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: of("reorganise"),
      depth: fc.integer({ min: 1, max: 6 }),
      branch: fc.array(picks, { maxLength: 6 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: of("learn"), pick: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: of("leak"), single: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: of("forget") }) },
  { weight: 4, arbitrary: fc.record({ kind: of("sync") }) },
  { weight: 1, arbitrary: fc.record({ kind: of("restart") }) },
  { weight: 2, arbitrary: fc.record({ kind: of("without") }) },
  { weight: 1, arbitrary: fc.record({ kind: of("crash"), at: fc.nat(4) }) },
);

class Crash extends Error {}

/** A chain, a store with a tower, and a node that takes everything. */
class World {
  readonly bitcoin = new SimulatedBitcoin();
  readonly known = new Set<number>();
  readonly path: string;
  readonly sent = new Map<string, Transaction>();
  /** The ids of what the node has. */
  readonly mempool = new Set<string>();
  readonly troubles: Error[] = [];
  isLeaked = false;
  tower!: Watchtower;
  #scanner!: Scanner;
  #chain!: ChainStore;
  #crashAt = -1;

  constructor(path: string) {
    this.path = path;
    initStore(path, { network: "regtest", first: 0, phase1: PHASE1 });
    this.open();
  }

  open(): void {
    this.#chain = new ChainStore(openWriter(this.path));
    const crash = () => {
      if (this.#crashAt >= 0 && this.#crashAt-- === 0) throw new Crash();
    };
    this.tower = watchtower({
      depth: DEPTH,
      onTrouble: (error) => this.troubles.push(error),
      node: {
        transaction: async () => null,
        mempool: async () => [...this.mempool],
        broadcast: async (transaction) => {
          this.sent.set(transaction.toHex(), transaction);
          this.mempool.add(transaction.getId());
          return transaction.getId();
        },
      },
    });
    const last = { name: "crash", connected: crash, disconnected: crash };
    this.#scanner = new Scanner(this.#chain, settingsOf(this.#chain), [this.tower, last]);
  }

  async close(): Promise<void> {
    await this.tower.close();
    this.#chain.close();
  }

  async run(action: Action): Promise<void> {
    if (action.kind === "mine") this.bitcoin.mine(this.#choose(action.picks));
    if (action.kind === "reorganise") {
      this.bitcoin.moveTo(this.bitcoin.at(Math.max(0, this.bitcoin.tip.height - action.depth)));
      for (const numbers of action.branch) this.bitcoin.mine(this.#choose(numbers));
    }
    if (action.kind === "learn") {
      this.known.add(action.pick);
      this.#scanner.add([signed.delegations[action.pick]!]);
    }
    if (action.kind === "leak") {
      if (action.single)
        for (const block of ["one", "other"]) this.tower.addVote(voteFor(signed.secret, block));
      else this.tower.addEvidence(doubleVote(signed.secret));
      this.isLeaked = true;
    }
    if (action.kind === "forget") this.mempool.clear();
    if (action.kind === "sync") await this.sync();
    if (action.kind === "crash") {
      this.#crashAt = action.at;
      try {
        await this.sync();
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
      }
      this.#crashAt = -1;
    }
    if (action.kind === "without") {
      await this.close();
      this.#chain = new ChainStore(openWriter(this.path));
      this.#scanner = new Scanner(this.#chain, settingsOf(this.#chain));
      await this.sync();
      this.#chain.close();
      this.open();
    }
    if (action.kind === "restart" || action.kind === "crash") {
      await this.close();
      this.open();
    }
  }

  async sync(): Promise<void> {
    const follower = new Follower(this.#scanner, this.bitcoin.source());
    while (!(await follower.step()).done);
  }

  /** Moves that the chain permits: each once, what they spend is there and unspent. */
  #choose(numbers: readonly number[]) {
    const mined = [...this.mined().keys()];
    return numbers.flatMap((number) => {
      const spent = new Set(mined.flatMap(({ spends }) => spends));
      const there = new Set(mined.flatMap(({ makes }) => makes));
      const possible = cast.moves.filter(
        (move) => !mined.includes(move) && move.spends.every((each) => there.has(each) && !spent.has(each)),
      );
      const move = possible[number % possible.length];
      if (!move) return [];
      mined.push(move);
      return [move.transaction];
    });
  }

  /** The moves in the chain, with their heights. */
  mined(): Map<Move, number> {
    const heights = new Map(
      this.bitcoin
        .chain()
        .flatMap(({ transactions, height }) => transactions.map((each) => [each.getId(), height] as const)),
    );
    return new Map(
      cast.moves.flatMap((move) => {
        const height = heights.get(move.transaction.getId());
        return height === undefined ? [] : [[move, height] as const];
      }),
    );
  }

  /** What each duty is, by the names of the moves in the chain. */
  expected(): string[] {
    if (!this.isLeaked) return [];
    const heights = new Map([...this.mined()].map(([{ name }, height]) => [name, height]));
    const slashed = (name: string) => {
      const height = heights.get(name);
      if (height === undefined) return null;
      return this.bitcoin.tip.height - height + 1 >= DEPTH ? "buried" : "mined";
    };
    return [...this.known].flatMap((i) => {
      const name = NAMES[i]!;
      const has = (part: string) => heights.has(`${name} ${part}`);
      const isLeft =
        ["withdrawal", "diversion", "unbonding"].some(has) || (i === 0 && heights.has("c staking"));
      const staking =
        slashed(`${name} slashing`) ?? (isLeft ? "impossible" : has("staking") ? "ready" : "waiting");
      const unbonding = has("unbonding")
        ? (slashed(`${name} unbonding slashing`) ?? (has("unbonding withdrawal") ? "impossible" : "ready"))
        : isLeft || has("slashing")
          ? "impossible"
          : "waiting";
      const at = cast.actors[i]!.outpoint;
      return [`${at} staking ${staking}`, `${at} unbonding ${unbonding}`];
    });
  }

  /** As {@link expected}: a slashing that the node has is of an open duty. */
  found(): string[] {
    const open = new Set(this.expected());
    return this.tower.duties().map(({ stake, output, state }) => {
      const states = state === "mempool" ? ["ready", "waiting"] : [state];
      const names = states.map((each) => `${stake} ${output} ${each}`);
      return names.find((each) => open.has(each)) ?? `${stake} ${output} ${state}`;
    });
  }

  /** The slashings of duties that can be sent, and that the node lacks. */
  unsent(): string[] {
    return this.expected().filter((each) => {
      const [stake, output, state] = each.split(" ");
      const i = cast.actors.findIndex(({ outpoint }) => outpoint === stake);
      const slashing = presignedSlashing(signed.delegations[i]!, output as Slashable).transaction;
      return state === "ready" && !this.mempool.has(slashing.getId());
    });
  }
}

let count = 0;

it("WATCH 3 and 8: after any schedule, every evidence × delegation × output has a duty, none is closed before it is buried, and what is sent is pre-signed", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(actions, { minLength: 5, maxLength: 50 }), async (schedule) => {
      const world = new World(`${folder}/${count++}.db`);
      try {
        for (const each of schedule) {
          await world.run(each);
          if (each.kind === "sync" || each.kind === "without")
            expect(world.found().toSorted()).toEqual(world.expected().toSorted());
        }
        await world.sync();
        expect(world.found().toSorted()).toEqual(world.expected().toSorted());
        await world.tower.idle();
        expect(world.unsent()).toEqual([]);
        // WATCH 8: it sends nothing but slashings that were signed in advance.
        expectPresigned([...world.sent.values()], signed.delegations, [signed.secret]);
        expect(world.troubles).toEqual([]);
      } finally {
        await world.close();
        rmSync(world.path, { force: true });
      }
    }),
    { numRuns: runs(400), seed: seed(), endOnFailure: true },
  );
}, 3_600_000);
