import { bech32 } from "@scure/base";
import { beforeAll, describe } from "vitest";
import { addInclusionProofMessage, covenantSignaturesMessage } from "../../src/babylon/lifecycle.js";
import { RULES } from "../../src/babylon/rules/check.js";
import type { ChainState, DelegationState } from "../../src/babylon/rules/types.js";
import { undelegateMessage } from "../../src/babylon/undelegation.js";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { covenantSigner, signAsMember } from "../../src/covenant/member.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { finishUnbonding, signUnbonding } from "../../src/delegation/sign.js";
import { keySigner } from "../../src/spending/spend.js";
import { expand } from "../support/expansion.js";
import { blockOf, testRules } from "../support/rules.js";
import { delegate, inForce, makeStake, secretOf, signedBy } from "../support/stake.js";

const signer = bech32.encodeFromBytes("bbn", secretOf("signer").slice(0, 20));
const stake = makeStake();
let delegation: Delegation;
let unbonding: Transaction;
beforeAll(async () => {
  delegation = await delegate(stake);
  const covered = await signedBy(stake, delegation, [0, 1, 2]);
  unbonding = finishUnbonding(await signUnbonding(covered, keySigner(stake.stakerSecrets[0]!)));
});

const headerReported = { kind: "state", state: "header-reported" } as const;
const bytes = (transaction: Transaction) => Uint8Array.from(transaction.toBuffer());

describe("the rules of MsgAddBTCDelegationInclusionProof", () => {
  testRules<"MsgAddBTCDelegationInclusionProof">(() => {
    const { header, inclusion } = blockOf(delegation.staking.transaction.getId());
    const registered: DelegationState = {
      delegation,
      isExpansion: false,
      hasInclusion: false,
      hasQuorum: true,
      isUnbonded: false,
      btcTipAtRegistration: 105,
    };
    const state: ChainState = {
      delegation: registered,
      inclusionBlock: { height: 110, header },
      btcTip: { height: 130 },
      confirmationDepth: 10,
    };
    const key = { ...inclusion.key, index: 0 };
    return {
      name: "MsgAddBTCDelegationInclusionProof",
      releases: ["v1", "v2", "v3", "v4"],
      message: addInclusionProofMessage(delegation, signer, inclusion),
      state,
      breaks: [
        { rule: "account", message: { signer: "bbn1" } },
        { rule: "txid", message: { stakingTxHash: "ab" } },
        { rule: "delegation-known", state: { delegation: null } },
        { rule: "no-expansion", state: { delegation: { isExpansion: true } } },
        { rule: "inclusion-unknown", state: { delegation: { hasInclusion: true } } },
        {
          rule: "covenant-quorum",
          state: { delegation: { hasQuorum: false } },
          until: { kind: "state", state: "covenant-quorum" },
        },
        { rule: "delegation-not-unbonded", state: { delegation: { isUnbonded: true } } },
        { rule: "registered-before-inclusion", state: { delegation: { btcTipAtRegistration: 111 } } },
        {
          rule: "inclusion-form",
          message: { stakingTxInclusionProof: { ...inclusion, proof: new Uint8Array() } },
        },
        { rule: "coinbase", message: { stakingTxInclusionProof: { ...inclusion, key } } },
        { rule: "header-known", state: { inclusionBlock: null }, until: headerReported },
        {
          rule: "inclusion",
          message: { stakingTxInclusionProof: { ...inclusion, proof: new Uint8Array(32) } },
        },
        {
          rule: "confirmation-depth",
          state: { btcTip: { height: 119 } },
          until: { kind: "btc-height", height: 120 },
        },
        { rule: "time-left", state: { btcTip: { height: 190 } } },
      ],
    };
  });
});

describe("the rules of MsgBTCUndelegate", () => {
  let child: Delegation;
  beforeAll(async () => {
    child = await expand(stake);
  });

  testRules<"MsgBTCUndelegate">(() => {
    const { header, inclusion } = blockOf(unbonding.getId());
    const message = undelegateMessage(delegation, {
      signer,
      transaction: unbonding,
      inclusion,
      fundingTransactions: [],
    });
    const expansion: DelegationState = {
      delegation: child,
      hasInclusion: false,
      hasQuorum: true,
      isUnbonded: false,
      btcTipAtRegistration: 105,
    };
    const forged = unbonding.clone();
    forged.setWitness(0, forged.ins[0]!.witness.toSpliced(-3, 1, new Uint8Array(64).fill(1)));
    const elsewhere = { ...delegation.staking, outputIndex: 1 };
    return {
      name: "MsgBTCUndelegate",
      releases: ["v1", "v2", "v3", "v4"],
      message,
      state: {
        delegation: { status: "ACTIVE", delegation },
        inclusionBlock: { height: 110, header },
        expansionChild: null,
        btcTip: { height: 130 },
        confirmationDepth: 10,
      },
      breaks: [
        { rule: "account", message: { signer: "bbn1" } },
        { rule: "txid", message: { stakingTxHash: "ab" } },
        { rule: "transactions", message: { stakeSpendingTx: new Uint8Array(2) } },
        { rule: "transactions", message: { fundingTransactions: [new Uint8Array(2)] } },
        { rule: "funding-transactions", message: { fundingTransactions: [] } },
        { rule: "funding-transactions", message: { fundingTransactions: [bytes(unbonding)] } },
        { rule: "delegation-known", state: { delegation: null } },
        { rule: "delegation-open", state: { delegation: { status: "UNBONDED" } } },
        { rule: "delegation-open", state: { delegation: { status: "EXPIRED" } } },
        { rule: "header-known", state: { inclusionBlock: null }, until: headerReported },
        {
          rule: "inclusion",
          message: { stakeSpendingTxInclusionProof: { ...inclusion, proof: new Uint8Array(32) } },
        },
        { rule: "inclusion-unknown", state: { expansionChild: { ...expansion, hasInclusion: true } } },
        {
          rule: "covenant-quorum",
          state: { expansionChild: { ...expansion, hasQuorum: false } },
          until: { kind: "state", state: "covenant-quorum" },
        },
        {
          rule: "registered-before-inclusion",
          state: { expansionChild: { ...expansion, btcTipAtRegistration: 111 } },
        },
        {
          rule: "confirmation-depth",
          state: { expansionChild: expansion, btcTip: { height: 119 } },
          until: { kind: "btc-height", height: 120 },
        },
        { rule: "time-left", state: { expansionChild: expansion, btcTip: { height: 290 } } },
        {
          rule: "spends-stake",
          state: { delegation: { delegation: { ...delegation, staking: elsewhere } } },
        },
        { rule: "staker-signature", message: { stakeSpendingTx: bytes(forged) } },
      ],
      // An expansion that is unbonded itself activates nothing: the spend is an ordinary one.
      elsewhere: ["delegation-not-unbonded"],
    };
  });
});

describe("the rules of MsgAddCovenantSigs", () => {
  let message: ReturnType<typeof covenantSignaturesMessage>;
  let ofExpansion: ReturnType<typeof covenantSignaturesMessage>;
  let expansion: Delegation;
  beforeAll(async () => {
    const member = covenantSigner(stake.memberSecrets[0]!);
    const signatures = await signAsMember(delegation, member, inForce(stake.params));
    message = covenantSignaturesMessage(delegation, { signer, signatures });
    expansion = await expand(stake);
    const previous = inForce(stake.params);
    const both = await signAsMember(expansion, member, inForce(stake.params), { previous });
    ofExpansion = covenantSignaturesMessage(expansion, { signer, signatures: both });
  });

  testRules<"MsgAddCovenantSigs">(() => {
    const stranger = publicKeyOf(secretOf("stranger"));
    const state: ChainState = {
      delegation: { status: "PENDING", delegation, isExpansion: false, signedBy: [] },
    };
    const rotated = { ...stake.params, covenant: { keys: [stranger], quorum: 1 } };
    const ofChild = { delegation: { delegation: expansion, isExpansion: true } };
    return {
      name: "MsgAddCovenantSigs",
      releases: ["v1", "v2", "v3", "v4"],
      message,
      state,
      breaks: [
        { rule: "account", message: { signer: "bbn1" } },
        { rule: "txid", message: { stakingTxHash: "ab" } },
        { rule: "delegation-known", state: { delegation: null } },
        { rule: "committee-member", message: { pk: stranger } },
        { rule: "signatures-unknown", state: { delegation: { signedBy: [message.pk] } } },
        { rule: "delegation-open", state: { delegation: { status: "UNBONDED" } } },
        { rule: "signatures-present", message: { slashingTxSigs: [] } },
        { rule: "signatures-present", message: { slashingUnbondingTxSigs: [] } },
        {
          rule: "signature-count",
          message: { slashingTxSigs: [...message.slashingTxSigs, ...message.slashingTxSigs] },
        },
        { rule: "expansion-signature", message: { stakeExpansionTxSig: message.unbondingTxSig } },
        { rule: "expansion-signature", state: { delegation: { isExpansion: true } } },
        {
          rule: "previous-member",
          message: ofExpansion,
          state: { ...ofChild, previous: { delegation: { ...delegation, params: rotated } } },
        },
        { rule: "signatures", message: { unbondingTxSig: new Uint8Array(64) } },
        {
          rule: "signatures",
          message: { ...ofExpansion, stakeExpansionTxSig: new Uint8Array(64) },
          state: { ...ofChild, previous: { delegation } },
        },
      ],
    };
  });
});

describe("the rules of messages with few fields", () => {
  testRules<"MsgAddBsnRewards">(() => ({
    name: "MsgAddBsnRewards",
    releases: ["v3"],
    message: { sender: signer, bsnConsumerId: "bsn-1", totalRewards: [], fpRatios: [] },
    state: {},
    breaks: [
      { rule: "account", message: { sender: "bbn1" } },
      { rule: "in-release", release: "v4" },
    ],
    elsewhere: RULES.MsgAddBsnRewards.map(({ rule }) => rule),
  }));
});
