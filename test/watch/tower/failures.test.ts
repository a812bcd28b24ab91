import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { TapstakeError } from "../../../src/core/errors.js";
import { type Delegation, presignedSlashing } from "../../../src/delegation/delegation.js";
import { finishSlashing } from "../../../src/extract/slashing.js";
import { followChainEvidence, watchHealth } from "../../../src/watch/index.js";
import { eventually } from "../../support/eventually.js";
import { type SignedPlay, signedPlay, SimulatedTower } from "./simulated.js";
import { doubleVote, stakeOf } from "./support.js";

// How watchtowers of others fail, in the words of WATCH.md: each must not happen here. The failures of scanners are in
// test/watch.

let cast: SignedPlay;
let a: Delegation;
let b: Delegation;
beforeAll(async () => {
  cast = await signedPlay();
  [a, b] = cast.delegations;
});

const down = () => new TapstakeError("node-unreachable", "down");
const sentIds = ({ sent }: SimulatedTower) => sent.map((each) => each.getId());
const slashingId = (delegation: Delegation, from: "staking" | "unbonding" = "staking") =>
  presignedSlashing(delegation, from).transaction.getId();

/** A tower with the mined stakes of two providers. */
async function withStakes(world = new SimulatedTower()): Promise<SimulatedTower> {
  await world.open();
  world.add(a, cast.short);
  await world.mine(cast.moveOf("a staking"), cast.short.staking.transaction);
  return world;
}

describe("a failure of other watchtowers does not happen here:", () => {
  it("a crash loses evidence of lower heights, as only the last height is saved after work was only begun", async () => {
    const world = await withStakes();
    world.failure = down();
    world.leak(cast.secret, 900n);
    world.leak(cast.shortSecret, 3n);
    await eventually(() => expect(world.troubles).not.toEqual([]));
    expect(world.sent).toEqual([]);
    await world.close();
    world.failure = null;
    await world.open();
    await world.settle();
    expect(sentIds(world).toSorted()).toEqual([slashingId(a), slashingId(cast.short)].toSorted());
    await world.close();
  });

  it("evidence that arrives late for an old height is never seen", async () => {
    const world = await withStakes();
    const early = doubleVote(cast.shortSecret, 900n);
    const late = doubleVote(cast.secret, 3n);
    let readings = 0;
    const troubles: string[] = [];
    const chain = {
      chainId: "tower-1",
      async *evidences() {
        const of = (evidence: typeof late) =>
          ({ ...evidence, canonicalAppHash: evidence.canonical.appHash, evidence }) as const;
        // One that reveals nothing stands before the others.
        yield of({ ...early, fork: early.canonical });
        yield of(early);
        if (readings++ > 0) yield of(late);
      },
    };
    const onTrouble = ({ code }: TapstakeError) => troubles.push(code);
    const follower = followChainEvidence({ chain, tower: world.tower, every: 0.01, onTrouble });
    world.knows(cast.secret);
    world.knows(cast.shortSecret);
    await eventually(() => expect(world.sent).toHaveLength(2));
    await follower.close();
    expect(troubles).toEqual(["same-message"]);
    expect(world.tower.evidence().map(({ source }) => source)).toEqual(
      Array(2).fill("staking chain tower-1"),
    );
    await world.close();
  });

  it('"neither output can be slashed now" counts as done while a spend only waits in the mempool', async () => {
    const world = await withStakes();
    // The node has an unbonding that pays more than the slashing, and does not take that slashing's sibling yet.
    world.refusal = () => "insufficient fee, rejecting replacement";
    world.leak(cast.secret);
    await world.tower.idle();
    expect(world.states(stakeOf(a))).toEqual(["staking ready", "unbonding waiting"]);
    await world.mineEmpty(5);
    expect(world.states(stakeOf(a))).toEqual(["staking ready", "unbonding waiting"]);
    expect(world.sent).toEqual([]);
    // Neither of the two was mined. The node has forgotten the unbonding.
    world.refusal = () => undefined;
    await world.mine();
    expect(sentIds(world)).toEqual([slashingId(a)]);
    await world.close();
  });

  it("an extracted key lives in a channel in memory only", async () => {
    const world = await withStakes();
    world.add(b);
    await world.mine(cast.moveOf("b staking"));
    world.failure = down();
    world.knows(cast.secret);
    // The key comes out of a slashing on Bitcoin, and the process ends before it can use it.
    await world.watch.caughtUp();
    world.bitcoin.mine([finishSlashing(a, "staking", cast.secret)]);
    await eventually(() => expect(world.tower.evidence()).toHaveLength(1));
    await world.close();
    expect(world.sent).toEqual([]);
    expect(readFileSync(world.path).includes(Buffer.from(cast.secret))).toBe(false);
    world.failure = null;
    await world.open();
    await world.settle();
    expect(sentIds(world)).toEqual([slashingId(b)]);
    await world.close();
  });

  it("panic at a deep reorganisation", async () => {
    const world = await withStakes();
    world.leak(cast.secret);
    await world.tower.idle();
    await world.mine(...world.sent);
    await world.mineEmpty(200);
    expect(world.states(stakeOf(a))).toEqual(["staking buried", "unbonding impossible"]);
    // Below the stake itself.
    let tip = world.bitcoin.at(0);
    for (let i = 0; i < 210; i++) tip = world.bitcoin.mine([], tip);
    await world.settle();
    expect(world.troubles).toEqual([]);
    expect(world.states(stakeOf(a))).toEqual(["staking mempool", "unbonding waiting"]);
    world.forget();
    await world.mine(cast.moveOf("a staking"));
    expect(sentIds(world).at(-1)).toBe(slashingId(a));
    await world.close();
  });

  it("a reorganisation to the same or a lower height goes unnoticed until it grows", async () => {
    const world = await withStakes();
    world.leak(cast.secret);
    await world.tower.idle();
    for (const move of ["same", "lower"]) {
      const before = world.bitcoin.tip;
      const slashing = world.sent.at(-1)!;
      await world.mine(slashing);
      expect(world.states(stakeOf(a))).toEqual(["staking mined", "unbonding impossible"]);
      world.forget();
      const count = world.sent.length;
      if (move === "same") world.bitcoin.mine([], before);
      else world.bitcoin.moveTo(before);
      await world.settle();
      expect(world.states(stakeOf(a))).toEqual(["staking mempool", "unbonding waiting"]);
      expect(sentIds(world).slice(count)).toEqual([slashingId(a)]);
    }
    await world.close();
  });

  it("status written before the output was validated", async () => {
    const world = await withStakes();
    world.leak(cast.secret);
    await world.tower.idle();
    const before = world.bitcoin.tip;
    // By the right leaves, to other outputs than those that were signed in advance.
    for (const [move, view, alarm] of [
      ["a slashing", "slashed", "slashing-without-key"],
      ["a unbonding", "diverted", "unbonding-diverted"],
    ] as const) {
      const forged = cast.moveOf(move).clone();
      for (const output of forged.outs)
        output.script = new Uint8Array([0x51, 0x20, ...new Uint8Array(32).fill(7)]);
      world.bitcoin.mine([forged], before);
      await world.settle();
      expect(world.watch.stake(stakeOf(a))?.view).toBe(view);
      expect(world.states(stakeOf(a))).toEqual(["staking impossible", "unbonding impossible"]);
      expect(world.kinds()).toEqual([alarm, "double-vote"].toSorted());
    }
    // A stake with the same script is another one.
    world.bitcoin.moveTo(world.bitcoin.at(0));
    await world.mine(cast.moveOf("b staking"));
    expect(world.states(stakeOf(a))).toEqual(["staking mempool", "unbonding waiting"]);
    expect(world.watch.stake(stakeOf(a))?.view).toBe("reorganised");
    await world.close();
  });

  it("nothing is sent again after a reorganisation", async () => {
    const world = await withStakes();
    await world.mine(cast.moveOf("a unbonding"));
    world.leak(cast.secret);
    await world.tower.idle();
    expect(sentIds(world)).toEqual([slashingId(a, "unbonding")]);
    await world.mine(world.sent[0]!);
    await world.mineEmpty(3);
    expect(world.states(stakeOf(a))).toEqual(["staking impossible", "unbonding buried"]);
    world.forget();
    let tip = world.bitcoin.at(world.bitcoin.tip.height - 4);
    for (let i = 0; i < 5; i++) tip = world.bitcoin.mine([], tip);
    await world.settle();
    expect(sentIds(world)).toEqual(Array(2).fill(slashingId(a, "unbonding")));
    // Below the unbonding, the staking output is there again.
    world.forget();
    tip = world.bitcoin.at(1);
    for (let i = 0; i < 9; i++) tip = world.bitcoin.mine([], tip);
    await world.settle();
    expect(sentIds(world).at(-1)).toBe(slashingId(a));
    await world.close();
  });

  it("a stale tip goes unnoticed while everything looks normal", async () => {
    let now = Date.now();
    const health = watchHealth({ clock: () => now });
    const world = new SimulatedTower();
    await world.open(health);
    world.add(a);
    await world.mine(cast.moveOf("a staking"));
    // The source and the node answer, every time with the same block.
    now += 7_300_000 + Date.now();
    await health.check();
    expect(health.state()).toMatchObject({ healthy: false, status: "stale-tip", lag: null });
    expect(world.kinds()).toEqual(["stale-tip"]);
    expect(world.troubles).toEqual([]);
    health.close();
    await world.close();
  });

  it("one HTTP request a delegation a block", async () => {
    const world = await withStakes();
    world.add(b);
    await world.mine(cast.moveOf("b staking"));
    await world.mineEmpty(10);
    // Without evidence, the node is asked nothing.
    expect(world.asked).toBe(0);
    world.leak(cast.secret);
    await world.tower.idle();
    // The mempool, and each broadcast.
    expect(world.asked).toBe(3);
    for (let block = 1; block <= 5; block++) {
      await world.mine();
      expect(world.asked).toBe(3 + block);
    }
    await world.close();
  });
});
