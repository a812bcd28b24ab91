import { beforeAll, describe, expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.js";
import { TapstakeError } from "../../../src/core/errors.js";
import type { Delegation } from "../../../src/delegation/delegation.js";
import { followChainEvidence } from "../../../src/watch/index.js";
import { readAlarms } from "../../../src/watch/alarms/outbox.js";
import { openReader } from "../../../src/watch/store/open.js";
import { refusal } from "../../support/refusal.js";
import { type Play, play } from "../../support/simulated-stakes.js";
import { makeStake, secretOf, signedBy } from "../../support/stake.js";
import { SimulatedTower } from "./simulated.js";
import { doubleVote, presignedIds, stakeOf, voteFor } from "./support.js";

const secret = secretOf("first provider 0");
let cast: Play;
let signed: Delegation;
beforeAll(async () => {
  cast = await play();
  // The first delegation of the play, with the adaptor signatures of a quorum.
  signed = await signedBy(makeStake({ seed: "first", timelock: 20_000 }), cast.delegations[0]!, [0, 1, 2]);
});
const moveOf = (name: string) => cast.moves.find((each) => each.name === name)!.transaction;
function alarmsOf({ path }: SimulatedTower, all = false) {
  const reader = openReader(path);
  const found = readAlarms(reader.sql, all);
  reader.close();
  return found;
}
const kinds = (world: SimulatedTower) =>
  alarmsOf(world)
    .map(({ kind }) => kind)
    .toSorted();
const statesOf = ({ tower }: SimulatedTower) =>
  tower.duties().map(({ output, state }) => `${output} ${state}`);

describe("a duty", () => {
  it("that is not mined is sent again at every block and at each start, as mempools forget", async () => {
    const world = await new SimulatedTower().open();
    world.add(signed);
    await world.mine(moveOf("a staking"));
    world.tower.addEvidence(doubleVote(secret));
    await world.tower.idle();
    const first = world.sent.length;
    expect(first).toBeGreaterThan(0);
    await world.mine();
    await world.mine();
    expect(world.sent.length).toBe(first + 2);
    await world.close();
    await world.open();
    await world.settle();
    expect(world.sent.length).toBeGreaterThan(first + 2);
    expect(world.sent.every((each) => presignedIds([signed]).has(each.getId()))).toBe(true);
    await world.close();
  });

  it("of a provider whose stake waits in no block is not done, and is sent when its block comes", async () => {
    const world = await new SimulatedTower().open();
    world.tower.addEvidence(doubleVote(secret));
    world.add(signed);
    await world.settle();
    expect(statesOf(world)).toContain("unbonding waiting");
    await world.mine(moveOf("a staking"));
    expect(statesOf(world)).toEqual(["staking mempool", "unbonding waiting"]);
    await world.close();
  });

  it("is tried at the unbonding output when the node refuses the staking output's slashing", async () => {
    const world = new SimulatedTower();
    const tried: string[] = [];
    const broadcast: typeof world.node.broadcast = async (transaction) => {
      tried.push(transaction.getId());
      if (tried.length % 2 === 1) {
        throw new TapstakeError("node-refused", "no", { reason: "insufficient fee, rejecting replacement" });
      }
      return transaction.getId();
    };
    Object.assign(world.node, { broadcast });
    await world.open();
    world.add(signed);
    await world.mine(moveOf("a staking"));
    world.tower.addEvidence(doubleVote(secret));
    await world.tower.idle();
    expect(tried).toEqual([
      signed.slashing.transaction.getId(),
      signed.unbondingSlashing.transaction.getId(),
    ]);
    expect(statesOf(world)).toEqual(["staking ready", "unbonding mempool"]);
    await world.close();
  });

  it("is sent when a node that was down answers again", async () => {
    const world = new SimulatedTower();
    let failures = 2;
    const transaction = async () => {
      if (failures-- > 0) throw new TapstakeError("node-unreachable", "down");
      return null;
    };
    Object.assign(world.node, { transaction });
    await world.open();
    world.add(signed);
    await world.mine(moveOf("a staking"));
    world.tower.addEvidence(doubleVote(secret));
    await world.tower.idle();
    expect(world.troubles.map((error) => (error as TapstakeError).code)).toContain("node-unreachable");
    expect(statesOf(world)).toEqual(["staking mempool", "unbonding waiting"]);
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
    expect(kinds(world)).toEqual([]);
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
    expect(kinds(world)).toEqual(["double-vote"]);
    await world.close();
  });

  it("of the staking chain that arrives late for an old height is seen", async () => {
    const world = await new SimulatedTower().open();
    const late = doubleVote(secret, 3n);
    const early = doubleVote(secretOf("stranger provider 0"), 900n);
    let reading = 0;
    const troubles: string[] = [];
    const chain = {
      chainId: "tower-1",
      async *evidences() {
        const of = (evidence: typeof late) =>
          ({ ...evidence, canonicalAppHash: evidence.canonical.appHash, evidence }) as const;
        // One that reveals nothing stands before the others.
        yield of({ ...early, fork: early.canonical });
        yield of(early);
        if (reading++ > 0) yield of(late);
      },
    };
    const onTrouble = ({ code }: TapstakeError) => troubles.push(code);
    const follower = followChainEvidence({ chain, tower: world.tower, every: 0.01, onTrouble });
    while (world.tower.evidence().length < 2) await new Promise((done) => setTimeout(done, 5));
    await follower.close();
    expect(troubles).toEqual(["same-message"]);
    expect(world.tower.evidence().map(({ source }) => source)).toEqual(
      Array(2).fill("staking chain tower-1"),
    );
    await world.close();
  });
});

describe("an alarm", () => {
  it("names who signed an unbonding leaf away, and ends when the expansion becomes known, or its block goes", async () => {
    const world = await new SimulatedTower().open();
    world.add(signed);
    await world.mine(moveOf("a staking"));
    const before = world.bitcoin.tip;
    await world.mine(moveOf("a diversion"));
    const [diverted] = alarmsOf(world);
    expect(diverted).toMatchObject({ kind: "unbonding-diverted", facts: { stake: stakeOf(signed) } });
    const { keys } = signed.terms.covenant;
    expect(keys.map((key) => hex.encode(key))).toEqual(
      expect.arrayContaining(diverted!.facts["signers"] as string[]),
    );
    expect(diverted!.facts["signers"]).toHaveLength(3);
    world.bitcoin.mine([], before);
    await world.settle();
    expect(kinds(world)).toEqual([]);
    // An unknown expansion looks the same, until its delegation comes.
    await world.mine(moveOf("c staking"));
    expect(kinds(world)).toEqual(["unbonding-diverted"]);
    world.add(cast.delegations[2]!);
    expect(kinds(world)).not.toContain("unbonding-diverted");
    await world.close();
  });

  it("says when no key comes out of a slashing, and that junk in its witness makes no evidence", async () => {
    const world = await new SimulatedTower().open();
    world.add(signed);
    await world.mine(moveOf("a staking"));
    await world.mine(moveOf("a slashing"));
    expect(kinds(world)).toEqual(["slashing-without-key"]);
    expect(world.tower.evidence()).toEqual([]);
    await world.close();
  });

  it("says that a stake could not be slashed, until its delegation has the signatures", async () => {
    const world = await new SimulatedTower().open();
    world.add(cast.delegations[0]!);
    expect(kinds(world)).toEqual([]);
    await world.mine(moveOf("a staking"));
    expect(kinds(world)).toEqual(["missing-adaptor-signatures"]);
    world.add(signed);
    expect(kinds(world)).toEqual([]);
    await world.close();
  });

  it("says that a duty stays unmined, and that a withdrawal is near, once each, and ends when it is mined", async () => {
    const world = await new SimulatedTower().open();
    const delegation = await shortLived();
    world.add(delegation);
    await world.mine(delegation.staking.transaction);
    world.tower.addEvidence(doubleVote(secretOf("short provider 0")));
    for (let i = 0; i < 8; i++) await world.mine();
    expect(kinds(world)).toEqual(["double-vote", "duty-unmined", "withdrawal-race"]);
    await world.mine(world.sent[0]!);
    expect(kinds(world)).toEqual(["double-vote"]);
    expect(alarmsOf(world, true)).toHaveLength(3);
    await world.close();
  });
});

async function shortLived(): Promise<Delegation> {
  const stake = makeStake({ seed: "short", timelock: 12 });
  const { delegate } = await import("../../support/stake.js");
  return signedBy(stake, await delegate(stake), [0, 1, 2]);
}
