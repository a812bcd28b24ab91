import { beforeAll, describe, expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.js";
import { TapstakeError } from "../../../src/core/errors.js";
import type { Delegation } from "../../../src/delegation/delegation.js";
import { openReader } from "../../../src/watch/store/open.js";
import { addToStore, openWatch } from "../../../src/watch/watch.js";
import { eventually } from "../../support/eventually.js";
import { refusal } from "../../support/refusal.js";
import { secretOf } from "../../support/stake.js";
import { type SignedPlay, signedPlay, SimulatedTower } from "./simulated.js";
import { doubleVote, stakeOf, voteFor } from "./support.js";

let cast: SignedPlay;
let signed: Delegation;
let secret: Uint8Array;
beforeAll(async () => {
  cast = await signedPlay();
  signed = cast.delegations[0];
  secret = cast.secret;
});

describe("a duty", () => {
  it("that is not mined is sent again at every block and at each start, as mempools forget", async () => {
    const world = await new SimulatedTower().open();
    world.add(signed);
    await world.mine(cast.moveOf("a staking"));
    world.leak(secret);
    await world.tower.idle();
    expect(world.sent).toHaveLength(1);
    // It is there still: nothing is sent.
    await world.mine();
    expect(world.sent).toHaveLength(1);
    for (let sent = 2; sent <= 3; sent++) {
      world.forget();
      await world.mine();
      expect(world.sent).toHaveLength(sent);
    }
    await world.close();
    world.forget();
    await world.open();
    await world.settle();
    expect(world.sent).toHaveLength(4);
    await world.close();
  });

  it("that is not mined is sent again between blocks to a node that forgot it", async () => {
    const world = await new SimulatedTower({ sendEvery: 0.01 }).open();
    world.add(signed);
    await world.mine(cast.moveOf("a staking"));
    world.leak(secret);
    await eventually(() => expect(world.sent).toHaveLength(1));
    world.forget();
    await eventually(() => expect(world.sent).toHaveLength(2));
    await world.close();
  });

  it("of a provider whose stake waits in no block is not done, and is sent when its block comes", async () => {
    const world = await new SimulatedTower().open();
    world.leak(secret);
    world.add(signed);
    await world.settle();
    expect(world.states()).toContain("unbonding waiting");
    await world.mine(cast.moveOf("a staking"));
    expect(world.states()).toEqual(["staking mempool", "unbonding waiting"]);
    await world.close();
  });

  it("is tried at the unbonding output when the node refuses the staking output's slashing", async () => {
    const world = await new SimulatedTower().open();
    const staking = signed.slashing.transaction.getId();
    world.refusal = (txid) => (txid === staking ? "insufficient fee, rejecting replacement" : undefined);
    world.add(signed);
    await world.mine(cast.moveOf("a staking"));
    world.leak(secret);
    await world.tower.idle();
    expect(world.sent.map((each) => each.getId())).toEqual([signed.unbondingSlashing.transaction.getId()]);
    expect(world.states()).toEqual(["staking ready", "unbonding mempool"]);
    expect(world.tower.duties().map(({ answer }) => answer)).toEqual([
      "insufficient fee, rejecting replacement",
      "accepted",
    ]);
    await world.close();
  });

  it.each([0, 1])(
    "that no node has comes first in a round, as a server can limit requests: stake %i",
    async (i) => {
      const world = new SimulatedTower();
      Reflect.deleteProperty(world.node, "mempool");
      await world.open();
      const [a, b] = cast.delegations;
      const { slashing, unbondingSlashing } = [a, b][i]!;
      const late = [slashing, unbondingSlashing].map((each) => each.transaction.getId());
      world.refusal = (txid) => (late.includes(txid) ? "insufficient fee, rejecting replacement" : undefined);
      world.add(a, b);
      await world.mine(cast.moveOf("a staking"), cast.moveOf("b staking"));
      world.leak(secret);
      await world.tower.idle();
      const asked: string[] = [];
      const { transaction } = world.node;
      Object.assign(world.node, {
        transaction: (txid: string) => {
          asked.push(txid);
          return transaction(txid);
        },
      });
      await world.mine();
      expect(asked[0]).toBe(late[0]);
      await world.close();
    },
  );

  it("keeps the newest answer alone of those that differ in their numbers, as a mempool's minimum changes all the time", async () => {
    const world = await new SimulatedTower().open();
    let minimum = 100_000;
    world.refusal = () => `mempool min fee not met, 100000 < ${(minimum += 1)}`;
    world.add(signed);
    await world.mine(cast.moveOf("a staking"));
    world.leak(secret);
    await world.tower.idle();
    for (let i = 0; i < 5; i++) await world.mine();
    world.refusal = () => "insufficient fee, rejecting replacement";
    await world.mine();
    const reader = openReader(world.path);
    const stored = reader.sql.all<{ output: string; result: string }>(
      "SELECT output, result FROM attempt WHERE output = 'staking' ORDER BY id",
    );
    reader.close();
    expect(stored.map(({ result }) => result)).toEqual([
      expect.stringMatching(/^mempool min fee not met, 100000 < \d+$/),
      "insufficient fee, rejecting replacement",
    ]);
    expect(world.asked).toBeGreaterThan(5);
    await world.close();
  });

  it("is sent when a node that was down answers again", async () => {
    const world = await new SimulatedTower().open();
    world.add(signed);
    await world.mine(cast.moveOf("a staking"));
    world.failure = new TapstakeError("node-unreachable", "down");
    world.leak(secret);
    await eventually(() => expect(world.troubles).not.toEqual([]));
    expect(world.states()).toEqual(["staking ready", "unbonding waiting"]);
    world.failure = null;
    await world.tower.idle();
    expect(world.states()).toEqual(["staking mempool", "unbonding waiting"]);
    await world.close();
  });

  it("is asked about by its id where a server cannot list its mempool, as with Esplora", async () => {
    const world = new SimulatedTower();
    Reflect.deleteProperty(world.node, "mempool");
    await world.open();
    world.add(signed);
    await world.mine(cast.moveOf("a staking"));
    world.leak(secret);
    await world.tower.idle();
    await world.mine();
    expect(world.sent).toHaveLength(1);
    expect(world.states()).toEqual(["staking mempool", "unbonding waiting"]);
    world.forget();
    await world.mine();
    expect(world.sent).toHaveLength(2);
    await world.close();
  });
});

describe("evidence", () => {
  it("that is forged changes nothing: votes by another key, for one block, or under other randomness", async () => {
    const world = await new SimulatedTower().open();
    const good = doubleVote(secret);
    const { canonical, fork } = good;
    const other = doubleVote(secretOf("stranger provider 0"));
    const { finalityProvider } = good;
    refusal("different-randomness", () => world.tower.addEvidence({ ...other, finalityProvider }));
    refusal("same-message", () => world.tower.addEvidence({ ...good, fork: canonical }));
    const forged = { ...fork, signature: canonical.signature };
    refusal("same-signature", () => world.tower.addEvidence({ ...good, fork: forged }));
    const { publicRandomness } = other;
    refusal("different-randomness", () => world.tower.addEvidence({ ...good, publicRandomness }));
    refusal("invalid-signature", () =>
      world.tower.addVote({ ...voteFor(secret, "one"), appHash: fork.appHash }),
    );
    const wide = { ...voteFor(secret, "one"), height: 2n ** 60n };
    refusal("invalid-number", () => world.tower.addVote(wide));
    expect(world.tower.evidence()).toEqual([]);
    expect(world.kinds()).toEqual([]);
    await world.close();
  });

  it("has one id in either order of the votes, and comes from single votes too", async () => {
    const world = await new SimulatedTower().open();
    expect(world.tower.addVote(voteFor(secret, "one"))).toEqual([]);
    expect(world.tower.addVote(voteFor(secret, "one"))).toEqual([]);
    expect(world.tower.addVote(voteFor(secret, "one", 8n))).toEqual([]);
    const [id] = world.tower.addVote(voteFor(secret, "other"));
    const votes = doubleVote(secret);
    expect(world.tower.addEvidence(votes)).toBe(id);
    expect(world.tower.addEvidence({ ...votes, canonical: votes.fork, fork: votes.canonical })).toBe(id);
    expect(world.tower.evidence()).toHaveLength(1);
    expect(world.kinds()).toEqual(["double-vote"]);
    await world.close();
  });
});

describe("an alarm", () => {
  it("names who signed an unbonding leaf away, and ends when the expansion becomes known, or its block goes", async () => {
    const world = await new SimulatedTower().open();
    world.add(signed);
    await world.mine(cast.moveOf("a staking"));
    const before = world.bitcoin.tip;
    await world.mine(cast.moveOf("a diversion"));
    const [diverted] = world.alarms();
    expect(diverted).toMatchObject({ kind: "unbonding-diverted", facts: { stake: stakeOf(signed) } });
    const { keys } = signed.terms.covenant;
    expect(keys.map((key) => hex.encode(key))).toEqual(
      expect.arrayContaining(diverted!.facts["signers"] as string[]),
    );
    expect(diverted!.facts["signers"]).toHaveLength(3);
    world.bitcoin.mine([], before);
    await world.settle();
    expect(world.kinds()).toEqual([]);
    // An unknown expansion looks the same, until its delegation comes.
    await world.mine(cast.moveOf("c staking"));
    expect(world.kinds()).toEqual(["unbonding-diverted"]);
    world.add(cast.delegations[2]);
    expect(world.kinds()).not.toContain("unbonding-diverted");
    await world.close();
  });

  it("says when no key comes out of a slashing, and that junk in its witness makes no evidence", async () => {
    const world = await new SimulatedTower().open();
    world.add(signed);
    await world.mine(cast.moveOf("a staking"));
    await world.mine(cast.moveOf("a slashing"));
    expect(world.kinds()).toEqual(["slashing-without-key"]);
    expect(world.tower.evidence()).toEqual([]);
    await world.close();
  });

  it("says that a stake could not be slashed, until its delegation has the signatures", async () => {
    const world = await new SimulatedTower().open();
    world.add(cast.unsigned);
    expect(world.kinds()).toEqual([]);
    await world.mine(cast.moveOf("a staking"));
    expect(world.kinds()).toEqual(["missing-adaptor-signatures"]);
    world.add(signed);
    expect(world.kinds()).toEqual([]);
    await world.close();
  });

  it("says so again when a reorganisation gives the stake back, and at a start for delegations that came without the tower", async () => {
    const world = await new SimulatedTower().open();
    world.add(cast.unsigned);
    await world.mine(cast.moveOf("a staking"));
    const made = world.bitcoin.tip;
    await world.mine(cast.moveOf("a unbonding"));
    expect(world.kinds()).toEqual([]);
    world.bitcoin.mine([], made);
    await world.settle();
    expect(world.kinds()).toEqual(["missing-adaptor-signatures"]);
    await world.close();
    // The remedy of docs/watching.md, while no watch runs.
    addToStore(world.path, [signed]);
    await world.open();
    expect(world.kinds()).toEqual([]);
    await world.close();

    const scanner = await new SimulatedTower().open();
    const { watch } = scanner;
    await scanner.tower.close();
    await watch.close();
    const alone = await openWatch({ source: scanner.bitcoin.source(), store: scanner.path });
    alone.add([cast.unsigned]);
    scanner.bitcoin.mine([cast.moveOf("a staking")]);
    await eventually(() => expect(alone.stake(stakeOf(signed))?.view).toBe("active"));
    await alone.close();
    await scanner.open();
    expect(scanner.kinds()).toEqual(["missing-adaptor-signatures"]);
    await scanner.close();
  });

  it("says nothing of a slashing that could not be sent before, however long it waited for its output", async () => {
    const world = await new SimulatedTower().open();
    const staking = signed.slashing.transaction.getId();
    world.refusal = () => "bad-txns-inputs-missingorspent";
    world.add(signed);
    world.leak(secret);
    await world.mineEmpty(9);
    expect(world.states()).toEqual(["staking waiting", "unbonding waiting"]);
    // An unbonding that pays more waits in the mempool: its slashing is taken as its child.
    world.refusal = (txid) => (txid === staking ? "insufficient fee, rejecting replacement" : undefined);
    await world.mine(cast.moveOf("a staking"));
    await world.mineEmpty(2);
    expect(world.states()).toEqual(["staking ready", "unbonding mempool"]);
    expect(world.kinds()).toEqual(["double-vote"]);
    await world.close();
  });

  it("says that a duty stays unmined, and that a withdrawal is near, once each, and ends when it is mined", async () => {
    const world = await new SimulatedTower().open();
    world.add(cast.short);
    await world.mine(cast.short.staking.transaction);
    world.leak(cast.shortSecret);
    for (let i = 0; i < 8; i++) await world.mine();
    expect(world.kinds()).toEqual(["double-vote", "duty-unmined", "withdrawal-race"]);
    await world.mine(world.sent[0]!);
    expect(world.kinds()).toEqual(["double-vote"]);
    expect(world.alarms(true)).toHaveLength(3);
    await world.close();
  });
});
