import { bech32 } from "@scure/base";
import { describe } from "vitest";
import { proofOfPossession } from "../../src/babylon/pop.js";
import {
  addFinalitySignatureMessage,
  commitRandomnessMessage,
  createFinalityProviderMessage,
  editFinalityProviderMessage,
  equivocationMessage,
  unjailFinalityProviderMessage,
} from "../../src/babylon/provider.js";
import { contextOf, moduleAddress } from "../../src/babylon/releases.js";
import { parseRate } from "../../src/core/amount.js";
import { hex } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { eots } from "../../src/crypto/eots.js";
import { randomness } from "../../src/crypto/randomness.js";
import { commitRandomness } from "../../src/finality/randomness/commit.js";
import { mainnet } from "../../src/params/data/mainnet.js";
import { voteMessage } from "../../src/vote/messages.js";
import { signVoteUnprotected } from "../../src/vote/vote.js";
import { testRules } from "../support/rules.js";
import { regtestParams, secretOf } from "../support/stake.js";

const secretKey = secretOf("provider");
const publicKey = publicKeyOf(secretKey);
const account = (name: string) => bech32.encodeFromBytes("bbn", secretOf(name).slice(0, 20));
const address = account("provider");
const description = { moniker: "m", identity: "", website: "", securityContact: "", details: "" };
const params = { name: "own", network: regtestParams.network, versions: [regtestParams] };
const all = ["v1", "v2", "v3", "v4"] as const;
const noPoint = new Uint8Array(32).fill(0xff);
const long = { ...description, moniker: "x".repeat(71) };

describe("the rules of MsgCreateFinalityProvider", () => {
  testRules<"MsgCreateFinalityProvider">(() => {
    const message = createFinalityProviderMessage({
      address,
      publicKey,
      proof: proofOfPossession(secretKey, { kind: "bip340", address }),
      description,
      commission: { rate: parseRate("0.05"), maxRate: parseRate("0.2"), maxChangeRate: parseRate("0.01") },
    });
    const commission = (change: object) => ({ commission: { ...message.commission, ...change } });
    return {
      name: "MsgCreateFinalityProvider",
      releases: ["v1", "v2", "v4"],
      message,
      state: { params, provider: null, accountHasProvider: false },
      breaks: [
        { rule: "in-release", message: { bsnId: "bsn-1" } },
        { rule: "account", message: { addr: "bbn1" } },
        { rule: "commission-form", message: commission({ rate: "-1" }) },
        { rule: "commission-form", message: commission({ rate: "0.05" }) },
        { rule: "commission-maximum", message: commission({ maxRate: `${10n ** 18n + 1n}` }) },
        { rule: "commission-change", message: commission({ maxChangeRate: "200000000000000001" }) },
        { rule: "commission-minimum", message: commission({ rate: "29999999999999999" }) },
        { rule: "commission-above-maximum", message: commission({ rate: "200000000000000001" }) },
        { rule: "moniker", message: { description: { ...description, moniker: "" } } },
        { rule: "description-length", message: { description: long } },
        { rule: "provider-key", message: { btcPk: noPoint } },
        { rule: "possession-kind", message: { pop: { ...message.pop, btcSigType: 3 } } },
        { rule: "possession-form", message: { pop: { ...message.pop, btcSigType: 2 } } },
        { rule: "possession-form", message: { pop: { ...message.pop, btcSigType: 1 } } },
        { rule: "possession", message: { addr: account("another") } },
        { rule: "account-free", state: { accountHasProvider: true } },
        { rule: "provider-unknown", state: { provider: {} } },
      ],
    };
  });
});

describe("the rules of MsgEditFinalityProvider", () => {
  const provider = {
    address,
    slashed: false,
    commission: parseRate("0.05"),
    maxCommission: parseRate("0.2"),
    maxCommissionChange: parseRate("0.01"),
    commissionChangedAt: new Date("2026-11-01T00:00:00Z"),
  };
  const edit = { address, publicKey, description, commission: parseRate("0.04") };

  testRules<"MsgEditFinalityProvider">(() => ({
    name: "MsgEditFinalityProvider",
    releases: all,
    message: editFinalityProviderMessage(edit),
    state: { params, provider, chainTime: new Date("2026-11-02T00:00:00Z") },
    breaks: [
      { rule: "account", message: { addr: "bbn1" } },
      { rule: "commission-form", message: { commission: "-1" } },
      { rule: "commission-maximum", message: { commission: `${10n ** 18n + 1n}` } },
      { rule: "moniker", message: { description: { ...description, moniker: "" } } },
      { rule: "description-length", message: { description: long } },
      { rule: "provider-key", message: { btcPk: noPoint } },
      { rule: "provider-known", state: { provider: null } },
      { rule: "provider-account", message: { addr: account("another") } },
      {
        rule: "commission-pause",
        state: { chainTime: new Date("2026-11-01T23:59:59Z") },
        until: { kind: "time", time: new Date("2026-11-02T00:00:00Z") },
      },
      { rule: "commission-minimum", message: { commission: "29999999999999999" } },
      { rule: "commission-above-maximum", message: { commission: "200000000000000001" } },
      { rule: "commission-step", message: { commission: "60000000000000001" } },
      { rule: "commission-step", release: "v1", message: { commission: "60000000000000001" } },
      {
        rule: "commission-step",
        message: { commission: "30000000000000000" },
        state: { provider: { maxCommissionChange: parseRate("0.01") } },
      },
    ],
  }));

  testRules<"MsgEditFinalityProvider">(() => ({
    name: "MsgEditFinalityProvider",
    releases: ["v1"],
    // Down by 2 %, which later releases refuse.
    message: editFinalityProviderMessage({ ...edit, commission: parseRate("0.03") }),
    state: { params, provider, chainTime: new Date("2026-11-02T00:00:00Z") },
    breaks: [
      { rule: "commission-step", release: "v2" },
      { rule: "commission-minimum", state: { params: { ...mainnet, versions: [lessThan] } } },
    ],
    elsewhere: EDIT_RULES,
  }));
});

const lessThan = { ...regtestParams, minCommission: parseRate("0.031") };
const EDIT_RULES = [
  "account",
  "commission-form",
  "commission-maximum",
  "moniker",
  "description-length",
  "provider-key",
  "provider-known",
  "provider-account",
  "commission-pause",
  "commission-above-maximum",
];

describe("the rules of MsgUnjailFinalityProvider", () => {
  testRules<"MsgUnjailFinalityProvider">(() => {
    const jailedUntil = new Date("2026-11-01T00:00:00Z");
    return {
      name: "MsgUnjailFinalityProvider",
      releases: all,
      message: unjailFinalityProviderMessage(publicKey, address),
      state: {
        provider: { address, slashed: false, jailed: true, jailedUntil },
        chainTime: new Date("2026-11-01T00:00:01Z"),
      },
      breaks: [
        { rule: "account", message: { signer: "bbn1" } },
        { rule: "provider-key", message: { fpBtcPk: noPoint } },
        { rule: "provider-known", state: { provider: null } },
        { rule: "provider-account", message: { signer: account("another") } },
        { rule: "provider-slashed", state: { provider: { slashed: true } } },
        { rule: "provider-jailed", state: { provider: { jailed: false } } },
        {
          rule: "jail-time",
          state: { chainTime: jailedUntil },
          until: { kind: "time", time: new Date(jailedUntil.getTime() + 1) },
        },
      ],
    };
  });
});

describe("the rules of MsgSelectiveSlashingEvidence", () => {
  testRules<"MsgSelectiveSlashingEvidence">(() => ({
    name: "MsgSelectiveSlashingEvidence",
    releases: all,
    message: { signer: address, recoveredFpBtcSk: secretKey },
    state: { provider: { slashed: false } },
    breaks: [
      { rule: "in-release", message: { stakingTxHash: "c1".repeat(32) } },
      { rule: "account", message: { signer: "bbn1" } },
      { rule: "secret-key", message: { recoveredFpBtcSk: new Uint8Array(31) } },
      { rule: "provider-known", state: { provider: null } },
      { rule: "provider-slashed", state: { provider: { slashed: true } } },
    ],
  }));
});

const chainId = "bbn-1";
const { commitment, proof } = commitRandomness({ secretKey, chainId, startHeight: 1000n, count: 5 });

describe("the rules of MsgCommitPubRandList", () => {
  testRules<"MsgCommitPubRandList">(() => {
    const message = commitRandomnessMessage(commitment, address);
    return {
      name: "MsgCommitPubRandList",
      releases: ["v1", "v2", "v4"],
      message,
      state: {
        chainHeight: 900n,
        finalityActivationHeight: 500n,
        minPubRand: 5n,
        provider: {},
        lastCommittedHeight: null,
      },
      breaks: [
        { rule: "account", message: { signer: "bbn1" } },
        { rule: "commitment-length", message: { commitment: new Uint8Array(31) } },
        { rule: "commitment-range", message: { startHeight: 2n ** 64n - 5n } },
        { rule: "commitment-range", message: { numPubRand: 0n } },
        { rule: "finality-activation", state: { finalityActivationHeight: 1001n } },
        { rule: "commitment-count", state: { minPubRand: 6n } },
        { rule: "provider-known", state: { provider: null } },
        { rule: "commitment-signature", message: { numPubRand: 6n } },
        { rule: "commitment-order", state: { lastCommittedHeight: 1000n } },
      ],
      elsewhere: ["commitment-ahead"],
    };
  });

  testRules<"MsgCommitPubRandList">(() => {
    const far = commitRandomness({ secretKey, chainId, startHeight: 200_000n, count: 5 });
    return {
      name: "MsgCommitPubRandList",
      releases: ["v4"],
      message: commitRandomnessMessage(far.commitment, address),
      state: {
        chainHeight: 40_001n,
        finalityActivationHeight: 500n,
        minPubRand: 5n,
        provider: {},
        lastCommittedHeight: 199_999n,
      },
      breaks: [
        {
          rule: "commitment-ahead",
          state: { chainHeight: 40_000n },
          until: { kind: "chain-height", height: 40_001n },
        },
      ],
      elsewhere: COMMIT_RULES,
    };
  });
});

const COMMIT_RULES = [
  "account",
  "commitment-length",
  "commitment-range",
  "finality-activation",
  "commitment-count",
  "provider-known",
  "commitment-signature",
  "commitment-order",
];

describe("the rules of MsgAddFinalitySig", () => {
  testRules<"MsgAddFinalitySig">(() => {
    const vote = signVoteUnprotected({ secretKey, chainId, height: 1002n, appHash: secretOf("block") });
    const message = addFinalitySignatureMessage(commitment, vote, proof(1002n), address);
    const { startHeight, root } = commitment;
    return {
      name: "MsgAddFinalitySig",
      releases: ["v1", "v2", "v4"],
      message,
      state: {
        finalityActivationHeight: 500n,
        chainHeight: 1002n,
        votedBlock: { appHash: vote.appHash, finalized: false, epochFinal: false },
        provider: { slashed: false, jailed: false, softDeleted: false },
        power: 5n,
        storedVote: null,
        commitment: { startHeight, root, count: 5n, epochFinal: true },
      },
      breaks: [
        { rule: "account", message: { signer: "bbn1" } },
        { rule: "vote-form", message: { blockAppHash: new Uint8Array(31) } },
        { rule: "finality-activation", state: { finalityActivationHeight: 1003n } },
        {
          rule: "block-indexed",
          state: { chainHeight: 1001n },
          until: { kind: "chain-height", height: 1002n },
        },
        {
          rule: "block-indexed",
          state: { chainHeight: 1001n, power: 0n },
          until: { kind: "chain-height", height: 1002n },
        },
        { rule: "block-open", state: { votedBlock: { finalized: true, epochFinal: true } } },
        { rule: "provider-deleted", state: { provider: { softDeleted: true } } },
        { rule: "provider-known", state: { provider: null } },
        { rule: "provider-slashed", state: { provider: { slashed: true } } },
        {
          rule: "provider-jailed",
          state: { provider: { jailed: true } },
          until: { kind: "state", state: "unjailed" },
        },
        { rule: "power", state: { power: 0n } },
        { rule: "vote-unknown", state: { storedVote: message.finalitySig } },
        { rule: "randomness-committed", state: { commitment: null } },
        {
          rule: "commitment-final",
          state: { commitment: { startHeight, root, count: 5n, epochFinal: false } },
          until: { kind: "state", state: "epoch-final" },
        },
        { rule: "randomness-proof", message: { proof: { ...message.proof, index: 1n } } },
        {
          rule: "randomness-proof",
          state: { commitment: { startHeight, root: new Uint8Array(32), count: 5n, epochFinal: true } },
        },
        { rule: "vote-signature", message: { finalitySig: secretOf("another") } },
        { rule: "canonical-block", state: { votedBlock: { appHash: secretOf("own") } }, warns: true },
      ],
    };
  });

  testRules<"MsgAddFinalitySig">(() => {
    const context = contextOf("fp_fin_vote", chainId, "v3")!;
    const commitContext = contextOf("fp_rand_commit", chainId, "v3")!;
    const inContext = commitRandomness({
      secretKey,
      chainId,
      startHeight: 1000n,
      count: 5,
      context: commitContext,
    });
    const vote = signVoteUnprotected({
      secretKey,
      chainId,
      height: 1002n,
      appHash: secretOf("block"),
      context,
    });
    const message = addFinalitySignatureMessage(inContext.commitment, vote, inContext.proof(1002n), address);
    return {
      name: "MsgAddFinalitySig",
      releases: ["v3"],
      message,
      state: {
        chainId,
        finalityActivationHeight: 500n,
        chainHeight: 1002n,
        votedBlock: { appHash: vote.appHash, finalized: false, epochFinal: false },
        provider: { slashed: false, jailed: false, softDeleted: false },
        power: 5n,
        storedVote: null,
        commitment: { startHeight: 1000n, root: inContext.commitment.root, count: 5n, epochFinal: true },
      },
      breaks: [
        { rule: "vote-signature", state: { chainId: "bbn-2" } },
        { rule: "vote-signature", release: "v4" },
      ],
      elsewhere: VOTE_RULES,
    };
  });
});

const VOTE_RULES = [
  "account",
  "vote-form",
  "finality-activation",
  "block-indexed",
  "block-open",
  "provider-deleted",
  "provider-known",
  "provider-slashed",
  "provider-jailed",
  "power",
  "vote-unknown",
  "randomness-committed",
  "commitment-final",
  "randomness-proof",
  "canonical-block",
];

describe("the rules of MsgEquivocationEvidence", () => {
  testRules<"MsgEquivocationEvidence">(() => {
    const height = 77n;
    const { secret, public: publicRandomness } = randomness.derive(secretKey, chainId, height);
    const cast = (name: string) => {
      const appHash = secretOf(name);
      return { appHash, signature: eots.sign(secretKey, secret, voteMessage({ appHash, height })) };
    };
    const message = equivocationMessage(
      { finalityProvider: publicKey, height, publicRandomness, canonical: cast("a"), fork: cast("b") },
      address,
    );
    return {
      name: "MsgEquivocationEvidence",
      releases: ["v3"],
      message,
      state: { provider: { slashed: false } },
      breaks: [
        { rule: "in-release", release: "v4" },
        { rule: "account", message: { signer: "bbn1" } },
        { rule: "evidence", message: { blockHeight: 78n } },
        { rule: "provider-known", state: { provider: null } },
        { rule: "provider-slashed", state: { provider: { slashed: true } } },
      ],
    };
  });
});

describe("the rules of the finality module's governance", () => {
  const authority = moduleAddress("gov");

  testRules<"MsgResumeFinalityProposal">(() => {
    const key = hex.encode(publicKey);
    return {
      name: "MsgResumeFinalityProposal",
      releases: all,
      message: { authority, fpPksHex: [key], haltingHeight: 5 },
      state: {},
      breaks: [
        { rule: "authority", message: { authority: address } },
        { rule: "halting-height", message: { haltingHeight: 0 } },
        { rule: "resume-keys", message: { fpPksHex: [] } },
        { rule: "resume-keys", message: { fpPksHex: [key, key] } },
        { rule: "resume-keys", message: { fpPksHex: ["ab"] } },
      ],
    };
  });

  testRules<"MsgUpdateFinalityParams">(() => ({
    name: "MsgUpdateFinalityParams",
    releases: all,
    message: {
      authority,
      params: {
        maxActiveFinalityProviders: 60,
        signedBlocksWindow: 10_000n,
        finalitySigTimeout: 3n,
        minSignedPerWindow: new Uint8Array(1).fill(0x31),
        minPubRand: 8192n,
        jailDuration: { seconds: 600n, nanos: 0 },
        finalityActivationHeight: 27_600n,
      },
    },
    state: {},
    breaks: [{ rule: "authority", message: { authority: address } }],
  }));
});
