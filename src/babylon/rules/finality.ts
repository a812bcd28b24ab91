import { equalBytes, hex } from "../../core/bytes.js";
import { eots } from "../../crypto/eots.js";
import { merkle } from "../../crypto/merkle.js";
import { schnorr } from "../../crypto/schnorr.js";
import { RELEASES } from "../../params/rules.js";
import { commitmentDigest, voteMessage } from "../../vote/messages.js";
import { readEquivocation } from "../provider.js";
import { contextOf, moduleAddress, releaseFacts } from "../releases.js";
import type { MessageOf } from "../schema.js";
import {
  accountRule,
  contextNeeds,
  finality,
  providerKnown,
  providerSlashed,
  refusedBy,
  releasesWhere,
  staking,
} from "./shared.js";
import type { Rule, RuleOf } from "./types.js";

const HEIGHTS = 2n ** 64n;

const activated = <M>(of: (message: M) => bigint): Rule<M> => ({
  rule: "finality-activation",
  error: finality(1115),
  needs: ["finalityActivationHeight"],
  check: (message, { finalityActivationHeight: from }) =>
    of(message) < from!
      ? { reason: `height ${of(message)} is below ${from}, where finality begins` }
      : undefined,
});

export const COMMIT: readonly RuleOf<"MsgCommitPubRandList">[] = [
  accountRule(({ signer }) => signer),
  {
    rule: "commitment-length",
    error: finality(1106),
    check: ({ commitment }) =>
      commitment.length === 32
        ? undefined
        : { reason: `the commitment has ${commitment.length} bytes; it must have 32` },
  },
  {
    rule: "commitment-range",
    error: finality(1117),
    check: ({ startHeight, numPubRand }) =>
      numPubRand > 0n && startHeight + numPubRand < HEIGHTS
        ? undefined
        : { reason: `${numPubRand} heights from ${startHeight} do not end below 2^64` },
  },
  {
    rule: "commitment-ahead",
    error: finality(1106),
    releases: releasesWhere(({ commitmentAhead }) => commitmentAhead !== undefined),
    needs: ["chainHeight"],
    check({ startHeight }, { chainHeight }, release) {
      const height = startHeight - releaseFacts(release).commitmentAhead! + 1n;
      if (chainHeight! >= height) return undefined;
      const reason = `the commitment starts too far above the chain's height ${chainHeight}`;
      return { reason, until: { kind: "chain-height", height } };
    },
  },
  activated(({ startHeight }) => startHeight),
  {
    rule: "commitment-count",
    error: finality(1105),
    needs: ["minPubRand"],
    check: ({ numPubRand }, { minPubRand }) =>
      numPubRand < minPubRand!
        ? { reason: `the commitment has ${numPubRand} heights; the chain asks for ${minPubRand}` }
        : undefined,
  },
  providerKnown(),
  {
    rule: "commitment-signature",
    error: finality(1106),
    needs: (_, release) => contextNeeds(release),
    check(message, { chainId }, release) {
      const { startHeight, numPubRand: count, commitment: root, fpBtcPk, sig } = message;
      const context = contextOf("fp_rand_commit", chainId ?? "", release);
      const digest = commitmentDigest({
        startHeight,
        count,
        root,
        ...(context !== undefined && { context }),
      });
      return schnorr.verify(fpBtcPk, digest, sig)
        ? undefined
        : { reason: "the commitment is not signed by its finality provider for this chain" };
    },
  },
  {
    rule: "commitment-order",
    error: finality(1106),
    needs: ["lastCommittedHeight"],
    check: ({ startHeight }, { lastCommittedHeight: last }) =>
      last != null && startHeight <= last
        ? { reason: `heights up to ${last} have a commitment: start above` }
        : undefined,
  },
];

type Vote = MessageOf<"MsgAddFinalitySig">;

export const VOTE: readonly RuleOf<"MsgAddFinalitySig">[] = [
  accountRule(({ signer }) => signer),
  {
    rule: "vote-form",
    error: finality(1108),
    check({ fpBtcPk, pubRand, finalitySig, blockAppHash, proof }) {
      const parts = [fpBtcPk, pubRand, finalitySig, blockAppHash];
      return proof && parts.every((part) => part?.length === 32)
        ? undefined
        : { reason: "key, randomness, signature and app hash must have 32 bytes each, beside a proof" };
    },
  },
  activated(({ blockHeight }) => blockHeight),
  {
    rule: "block-indexed",
    error: finality(1100),
    needs: ["chainHeight"],
    check({ blockHeight: height }, { chainHeight }) {
      if (height <= chainHeight!) return undefined;
      const reason = `the chain is at height ${chainHeight}, and the vote is for ${height}`;
      return { reason, until: { kind: "chain-height", height } };
    },
  },
  {
    rule: "block-open",
    error: finality(1116),
    needs: ["votedBlock.finalized", "votedBlock.epochFinal"],
    check: (_, { votedBlock }) =>
      votedBlock?.finalized && votedBlock.epochFinal
        ? { reason: "the block and its epoch are final: the vote no longer counts" }
        : undefined,
  },
  {
    rule: "provider-deleted",
    error: finality(1122),
    // From v2.3 on.
    releases: RELEASES.filter((release) => release !== "v1"),
    needs: ["provider.softDeleted"],
    check: (_, { provider }) =>
      provider?.softDeleted ? { reason: "the finality provider is deleted" } : undefined,
  },
  providerKnown(),
  providerSlashed(),
  {
    rule: "provider-jailed",
    error: staking(1121),
    needs: ["provider.jailed"],
    check: (_, { provider }) =>
      provider?.jailed
        ? { reason: "the finality provider is jailed", until: { kind: "state", state: "unjailed" } }
        : undefined,
  },
  {
    rule: "power",
    error: finality(1108),
    needs: ["power"],
    // At a future height no provider has power yet: the chain answers that the block is not found.
    when: ({ blockHeight }, { chainHeight }) => chainHeight === undefined || blockHeight <= chainHeight,
    check: ({ blockHeight }, { power }) =>
      power === 0n ? { reason: `the finality provider has no power at height ${blockHeight}` } : undefined,
  },
  {
    rule: "vote-unknown",
    error: finality(1109),
    needs: ["storedVote"],
    check: ({ finalitySig }, { storedVote }) =>
      storedVote && equalBytes(storedVote, finalitySig)
        ? { reason: "the chain has this vote already" }
        : undefined,
  },
  {
    rule: "randomness-committed",
    error: finality(1103),
    needs: ["commitment"],
    check: ({ blockHeight }, { commitment }) =>
      commitment === null ? { reason: `no commitment covers height ${blockHeight}` } : undefined,
  },
  {
    rule: "commitment-final",
    error: finality(1111),
    needs: ["commitment.epochFinal"],
    check: (_, { commitment }) =>
      commitment?.epochFinal === false
        ? {
            reason: "the epoch of the commitment is not final on Bitcoin yet",
            until: { kind: "state", state: "epoch-final" },
          }
        : undefined,
  },
  {
    rule: "randomness-proof",
    error: finality(1108),
    needs: ["commitment"],
    check({ blockHeight, pubRand, proof }, { commitment }) {
      if (!commitment) return undefined;
      const isProved =
        proof.index === blockHeight - commitment.startHeight &&
        proof.total === commitment.count &&
        merkle.verify(commitment.root, pubRand, {
          total: Number(proof.total),
          index: Number(proof.index),
          leafHash: proof.leafHash,
          aunts: proof.aunts,
        });
      return isProved ? undefined : { reason: `the randomness is not the committed one for ${blockHeight}` };
    },
  },
  {
    // The chain has no code for it: it repeats what its EOTS library says.
    rule: "vote-signature",
    needs: (_, release) => contextNeeds(release),
    check(message: Vote, { chainId }, release) {
      const { fpBtcPk, pubRand, blockHeight: height, blockAppHash: appHash, finalitySig } = message;
      const context = contextOf("fp_fin_vote", chainId ?? "", release);
      const signed = voteMessage({ height, appHash, ...(context !== undefined && { context }) });
      return eots.verify(fpBtcPk, pubRand, signed, finalitySig)
        ? undefined
        : { reason: "the vote is not signed by its finality provider for this chain" };
    },
  },
  {
    rule: "canonical-block",
    warns: true,
    needs: ["votedBlock.appHash"],
    check({ blockAppHash, blockHeight }, { votedBlock }) {
      if (!votedBlock || equalBytes(votedBlock.appHash!, blockAppHash)) return undefined;
      const own = hex.encode(votedBlock.appHash!);
      return {
        reason: `the vote is for another block than the chain's own at height ${blockHeight} (${own}): the chain stores it as evidence, and slashes the provider if it also votes for its own`,
      };
    },
  },
];

export const EQUIVOCATION: readonly RuleOf<"MsgEquivocationEvidence">[] = [
  accountRule(({ signer }) => signer),
  { rule: "evidence", check: (message) => refusedBy(() => readEquivocation(message)) },
  providerKnown(),
  providerSlashed(),
];

/** Of messages that only the chain's governance sends. */
export const authority: Rule<{ readonly authority: string }> = {
  rule: "authority",
  check: ({ authority: account }) =>
    account === moduleAddress("gov")
      ? undefined
      : { reason: `only the chain's governance sends it: ${moduleAddress("gov")}` },
};

export const RESUME: readonly RuleOf<"MsgResumeFinalityProposal">[] = [
  authority,
  {
    rule: "halting-height",
    error: finality(1121),
    check: ({ haltingHeight }) => (haltingHeight === 0 ? { reason: "the halting height is 0" } : undefined),
  },
  {
    rule: "resume-keys",
    error: finality(1121),
    check({ fpPksHex }) {
      if (fpPksHex.length === 0) return { reason: "it names no finality provider" };
      if (new Set(fpPksHex).size < fpPksHex.length) return { reason: "it names a finality provider twice" };
      return refusedBy(() => fpPksHex.map((key) => hex.decode(key, 32, "finality provider")));
    },
  },
];

export const FINALITY_PARAMS: readonly RuleOf<"MsgUpdateFinalityParams">[] = [authority];
