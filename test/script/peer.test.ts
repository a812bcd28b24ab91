import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { encodeOpReturn } from "../../src/script/op-return.js";
import { type Leaf, slashingChangeOutput, stakingOutput, unbondingOutput } from "../../src/script/outputs.js";
import type { StakeTerms } from "../../src/script/terms.js";
import { peer, peerNetworks, peerOpReturn, type PeerPsbt, peerScripts } from "../support/peer.js";
import { runs } from "../support/runs.js";
import { anyTerms, anyTimelock, refusalOf, termsOf } from "../support/stakes.js";

const home = "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0";
const network = peerNetworks.mainnet;
const funds = {
  txid: "aa".repeat(32),
  vout: 0,
  value: 2_000_000,
  scriptPubKey: "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
};

// Its outputs and control blocks are not exported, so they are read from the transactions that it builds.
function peerStake(terms: StakeTerms, unbondingTime: number) {
  const scripts = peerScripts(terms, unbondingTime);
  const staking = peer.stakingTransaction(scripts, 1_000_000, home, [funds], network, 1).transaction;
  const unbonding = peer.unbondingTransaction(scripts, staking, 1000, network).transaction;
  const slashing = peer.slashTimelockUnbondedTransaction(scripts, staking, "6a", 0.1, 1000, network).psbt;
  const outputs = [staking.outs[0]!.script, unbonding.outs[0]!.script, slashing.txOutputs[1]!.script];
  return { scripts, staking, unbonding, slashing, outputs };
}

/** The leaves that it spends, each with its control block; of the unbonding leaf it shows none. */
function peerLeaves({ scripts, staking, unbonding, slashing }: ReturnType<typeof peerStake>) {
  const slashed = peer.slashEarlyUnbondedTransaction(scripts, unbonding, "6a", 0.1, 1000, network).psbt;
  // The peer withdraws from mined transactions; an unsigned one has the same outputs.
  const mined = (psbt: PeerPsbt) => Object.assign(unbonding.clone(), { outs: psbt.txOutputs });
  return [
    slashing,
    slashed,
    peer.withdrawTimelockUnbondedTransaction(scripts, staking, home, network, 1).psbt,
    peer.withdrawEarlyUnbondedTransaction(scripts, unbonding, home, network, 1).psbt,
    peer.withdrawSlashingTransaction(scripts, mined(slashing), home, network, 1, 1).psbt,
  ].map((psbt) => psbt.data.inputs[0]!.tapLeafScript![0]!);
}

/** The three outputs as tapstake makes them. */
function ourStake(terms: StakeTerms, unbondingTime: number) {
  const staking = stakingOutput(terms, "mainnet");
  const unbonding = unbondingOutput(terms, unbondingTime, "mainnet");
  const change = slashingChangeOutput(terms.staker, unbondingTime, "mainnet");
  const outputs = [staking, unbonding, change].map(({ script }) => script);
  return { staking, unbonding, change, outputs };
}

describe("btc-staking-ts", () => {
  const anyStake = [anyTerms({ stakers: 1, providers: 8, members: 20 }), anyTimelock] as const;

  it("has the same scripts and outputs for one staker in random cases", () => {
    fc.assert(
      fc.property(...anyStake, (terms, unbondingTime) => {
        const { staking, unbonding, outputs } = ourStake(terms, unbondingTime);
        const theirs = peerStake(terms, unbondingTime);
        expect(outputs.map(hex.encode)).toEqual(theirs.outputs.map(hex.encode));
        const { scripts } = theirs;
        expect(
          [
            staking.leaves.timelock,
            staking.leaves.unbonding,
            staking.leaves.slashing,
            unbonding.leaves.timelock,
          ].map(({ script }) => hex.encode(script)),
        ).toEqual(
          [
            scripts.timelockScript,
            scripts.unbondingScript,
            scripts.slashingScript,
            scripts.unbondingTimelockScript,
          ].map(hex.encode),
        );
      }),
      { numRuns: runs(2_000) },
    );
  });

  it("has the same leaves and control blocks for each spend in random cases", () => {
    fc.assert(
      fc.property(...anyStake, (terms, unbondingTime) => {
        const { staking, unbonding, change } = ourStake(terms, unbondingTime);
        const shown = ({ script, controlBlock }: Pick<Leaf, "script" | "controlBlock">) => ({
          script: hex.encode(script),
          controlBlock: hex.encode(controlBlock),
        });
        expect(
          [
            staking.leaves.slashing,
            unbonding.leaves.slashing,
            staking.leaves.timelock,
            unbonding.leaves.timelock,
            change.leaves.timelock,
          ].map(shown),
        ).toEqual(peerLeaves(peerStake(terms, unbondingTime)).map(shown));
      }),
      { numRuns: runs(600) },
    );
  });

  it("writes the same OP_RETURN in random cases", () => {
    fc.assert(
      fc.property(
        anyTerms({ stakers: 1, providers: 1, members: 3 }),
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        (terms, tag) => {
          const theirs = peerOpReturn(terms, 100, tag);
          const { staker, finalityProviders, timelock } = terms;
          const [finalityProvider] = finalityProviders;
          const ours = encodeOpReturn({
            tag,
            staker: staker as Uint8Array,
            finalityProvider: finalityProvider!,
            timelock,
          });
          expect(hex.encode(ours)).toBe(hex.encode(theirs));
        },
      ),
      { numRuns: runs(2_000) },
    );
  });

  it("differs: it compares keys by identity, and accepts one key in two roles", () => {
    const terms = termsOf(1, 1, 3);
    const twice = { ...terms, finalityProviders: [terms.staker as Uint8Array] };

    expect(peerScripts(twice, 100).slashingScript.length).toBeGreaterThan(0);
    expect(refusalOf(() => stakingOutput(twice, "mainnet"))).toBe("duplicate-key");
  });

  it("differs: it accepts keys that are not on the curve", () => {
    const nobody = { ...termsOf(1, 1, 3), staker: new Uint8Array(32).fill(0xff) };

    expect(peerScripts(nobody, 100).timelockScript.length).toBeGreaterThan(0);
    expect(refusalOf(() => stakingOutput(nobody, "mainnet"))).toBe("invalid-public-key");
  });

  it("differs: it truncates a fractional quorum", () => {
    const terms = termsOf(1, 1, 3);
    const half = { ...terms, covenant: { ...terms.covenant, quorum: 2.5 } };

    expect(hex.encode(peerScripts(half, 100).unbondingScript)).toBe(
      hex.encode(peerScripts({ ...terms, covenant: { ...terms.covenant, quorum: 2 } }, 100).unbondingScript),
    );
    expect(refusalOf(() => stakingOutput(half, "mainnet"))).toBe("invalid-quorum");
  });
});
