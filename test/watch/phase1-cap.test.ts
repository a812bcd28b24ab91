import { beforeAll, expect, it, onTestFinished } from "vitest";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { Follower } from "../../src/watch/follow.js";
import { initStore } from "../../src/watch/index.js";
import { Scanner } from "../../src/watch/scanner.js";
import { settingsOf } from "../../src/watch/settings.js";
import { openWriter } from "../../src/watch/store/open.js";
import { ChainStore } from "../../src/watch/store/store.js";
import { newHome } from "../support/signer.js";
import { SimulatedBitcoin } from "../support/simulated-bitcoin.js";
import { PHASE1, type Play, play } from "../support/simulated-stakes.js";

let cast: Play;
beforeAll(async () => {
  cast = await play();
});
const moveOf = (name: string) => cast.moves.find((each) => each.name === name)!.transaction;
const outpointOf = (name: string) =>
  cast.actors.find(({ staking }) => staking === `${name} staking`)!.outpoint;
const valueOf = (name: string) => cast.actors.find(({ staking }) => staking === `${name} staking`)!.value;

function changed(name: string, change: (copy: Transaction) => void): Transaction {
  const copy = moveOf(name).clone();
  change(copy);
  return copy;
}

/** The sum that counts, and whether the stake z does, after x and y have filled the cap and these blocks. */
async function after(...blocks: readonly (readonly (string | Transaction)[])[]) {
  const bitcoin = new SimulatedBitcoin();
  while (bitcoin.tip.height < PHASE1.versions[0]!.activationHeight) bitcoin.mine();
  for (const block of [["x staking", "y staking"], ...blocks]) {
    bitcoin.mine(block.map((each) => (typeof each === "string" ? moveOf(each) : each)));
  }
  const path = `${newHome().path}/watch.db`;
  initStore(path, { network: "regtest", first: 0, phase1: PHASE1 });
  const chain = new ChainStore(openWriter(path));
  onTestFinished(() => chain.close());
  const scanner = new Scanner(chain, settingsOf(chain));
  const follower = new Follower(scanner, bitcoin.source());
  while (!(await follower.step()).done) {
    // The next plan.
  }
  const { staked } = chain.tip()!;
  return { staked, z: scanner.stakes.stake(outpointOf("z"))?.overflow === false };
}

// The rules as the staking chain's own indexer of phase 1 publishes and applies them: a stake counts while the sum of
// those before it is below the cap. The sum falls by an unbonding of a counted stake alone: by no withdrawal, and by no
// time lock that runs out.
it("the cap of phase 1: a stake that crosses it counts, the next one does not", async () => {
  expect(await after(["z staking"])).toEqual({ staked: valueOf("x") + valueOf("y"), z: false });
});

it("the cap of phase 1: an unbonding makes room for later stakes, in the order of the chain", async () => {
  const both = valueOf("y") + valueOf("z");
  expect(await after(["x unbonding"], ["z staking"])).toEqual({ staked: both, z: true });
  expect(await after(["x unbonding", "z staking"])).toEqual({ staked: both, z: true });
  expect(await after(["z staking", "x unbonding"])).toEqual({ staked: valueOf("y"), z: false });
});

it.each([
  ["a withdrawal after the time lock", [["x withdrawal"]]],
  ["a withdrawal of both", [["x withdrawal", "y withdrawal"]]],
])("the cap of phase 1: %s makes no room", async (_, blocks) => {
  const staked = valueOf("x") + valueOf("y");
  expect(await after(...blocks, ["z staking"])).toEqual({ staked, z: false });
});

it("the cap of phase 1: a withdrawal of the unbonding output does not count a second time", async () => {
  const staked = valueOf("y") + valueOf("z");
  expect(await after(["x unbonding"], ["x unbonding withdrawal"], ["z staking"])).toEqual({
    staked,
    z: true,
  });
});

it("the cap of phase 1: the unbonding of a stake beyond it makes no room", async () => {
  const staked = valueOf("x") + valueOf("y");
  expect(await after(["z staking"], ["z unbonding"])).toEqual({ staked, z: false });
});

it.each<[string, (copy: Transaction) => void]>([
  ["with another fee", ({ outs }) => (outs[0]!.value -= 1n)],
  ["to another output", ({ outs }) => (outs[0]!.script = outs[0]!.script.with(5, outs[0]!.script[5]! ^ 1))],
  ["with a second output", (copy) => void copy.addOutput(copy.outs[0]!.script, 1n)],
  ["with a second input", (copy) => void copy.addInput(new Uint8Array(32).fill(1), 0)],
  ["that is not final", ({ ins }) => (ins[0]!.sequence = 0xffff_fffd)],
  ["with a lock time", (copy) => (copy.locktime = 1)],
])("the cap of phase 1: a spend by the unbonding leaf %s makes no room", async (_, change) => {
  const staked = valueOf("x") + valueOf("y");
  expect(await after([changed("x unbonding", change)], ["z staking"])).toEqual({ staked, z: false });
});
