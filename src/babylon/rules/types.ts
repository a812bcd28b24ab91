import type { Rate } from "../../core/amount.js";
import type { Network } from "../../core/network.js";
import type { Delegation } from "../../delegation/delegation.js";
import type { Release } from "../../params/rules.js";
import type { PreviousStake } from "../../stake/expansion.js";
import type { ParamSet, ProtocolParams } from "../../params/types.js";
import type { ChainError } from "../errors.js";
import type { MessageName } from "../releases.js";
import type { MessageOf } from "../schema.js";

/**
 * What a caller knows of the chain and of its view of Bitcoin when a message would arrive: plain facts, each optional. A
 * rule without its facts is not checked, and the answer says so.
 *
 * `null` is a fact too: the chain has no such thing.
 */
export interface ChainState {
  /** The id of the chain: v3 signs under contexts that depend on it. */
  readonly chainId?: string;
  /** The Bitcoin network, which BIP-322 proofs of possession need. */
  readonly network?: Network;
  /** The height of the chain's newest block. */
  readonly chainHeight?: bigint;
  /** The time of the chain's newest block. */
  readonly chainTime?: Date;

  /** The tip of the chain's light client. */
  readonly btcTip?: BtcTip;
  /** How deep a stake must be: k, the light client's `btc_confirmation_depth`. */
  readonly confirmationDepth?: number;
  /** `checkpoint_finalization_timeout`, in Bitcoin blocks. */
  readonly finalizationTimeout?: number;
  /** All versions of the chain's parameters. */
  readonly params?: ParamSet;
  /** The most finality providers of a stake, a parameter of v3. */
  readonly maxFinalityProviders?: number;

  /** The block that an inclusion proof names; null when the light client does not know it. */
  readonly inclusionBlock?: BtcBlock | null;
  /** The finality provider that the message names; null when it is not registered. */
  readonly provider?: ProviderState | null;
  /** Whether the account of the message has a finality provider already. */
  readonly accountHasProvider?: boolean;

  /** Whether the staking transaction of a new stake is registered already. */
  readonly stakeKnown?: boolean;
  /** The list of stakes that the chain takes; null where it has none, or no longer. */
  readonly allowList?: { readonly expirationHeight: bigint; readonly listed: boolean } | null;
  /** The stake that the message is about; null when it is not registered. */
  readonly delegation?: DelegationState | null;
  /** The stake that an expansion expands: of the message, or of `delegation`; null when it is not registered. */
  readonly previous?: PreviousState | null;
  /** Whether the coin that funds an expansion is a registered stake. */
  readonly fundingIsStake?: boolean;
  /** Of the spend that an undelegation reports: the expansion that it registers; null when it is none. */
  readonly expansionChild?: DelegationState | null;

  /** `finality_activation_height`. */
  readonly finalityActivationHeight?: bigint;
  /** `min_pub_rand`. */
  readonly minPubRand?: bigint;
  /** The last height of the provider's newest commitment; null when it has none. */
  readonly lastCommittedHeight?: bigint | null;
  /** The commitment that covers the height of a vote; null when there is none. */
  readonly commitment?: CommitmentState | null;
  /** The chain's own block at the height of a vote; null when it is not indexed yet. */
  readonly votedBlock?: VotedBlock | null;
  /** The provider's power at the height of a vote. */
  readonly power?: bigint;
  /** The signature of the vote that the chain has of the provider at that height; null when it has none. */
  readonly storedVote?: Uint8Array | null;

  /** Who may report headers; an empty list where everybody may. */
  readonly headerReporters?: readonly string[];
  /** What the light client knows of the headers that a message reports. */
  readonly headers?: HeaderState;
  /** What the chain knows of the checkpoint that a message proves. */
  readonly checkpoint?: CheckpointState;
}

export interface BtcTip {
  readonly height: number;
  /** In internal byte order. */
  readonly hash?: Uint8Array;
  /** The work of the whole chain up to it. */
  readonly work?: bigint;
}

export interface BtcBlock {
  readonly height: number;
  /** 80 bytes. */
  readonly header?: Uint8Array;
}

/** A finality provider as the chain has it. */
export interface ProviderState {
  /** The account that registered it. */
  readonly address?: string;
  readonly slashed?: boolean;
  readonly jailed?: boolean;
  readonly softDeleted?: boolean;
  readonly commission?: Rate;
  readonly maxCommission?: Rate;
  readonly maxCommissionChange?: Rate;
  /** When the commission was last changed. */
  readonly commissionChangedAt?: Date;
  readonly jailedUntil?: Date;
}

/** A delegation's status, as the chain names it. */
export type DelegationStatus = "PENDING" | "VERIFIED" | "ACTIVE" | "UNBONDED" | "EXPIRED";

/** A registered stake as the chain has it. */
export interface DelegationState {
  readonly status?: DelegationStatus;
  /** The stake itself, for what depends on its scripts, values and signatures. */
  readonly delegation?: Delegation;
  /** The parameters that it was registered under; those of `delegation` where that is given. */
  readonly params?: ProtocolParams;
  /** The account that registered it. */
  readonly stakerAddress?: string;
  readonly isExpansion?: boolean;
  /** Whether it is shown to be in a block already. */
  readonly hasInclusion?: boolean;
  /** Whether a quorum of the committee has handed in its signatures. */
  readonly hasQuorum?: boolean;
  /** Whether a spend of it was reported. */
  readonly isUnbonded?: boolean;
  /** The light client's tip when it was registered. */
  readonly btcTipAtRegistration?: number;
  /** The committee members whose signatures the chain has, x-only. */
  readonly signedBy?: readonly Uint8Array[];
}

/** The stake that an expansion expands: its own pre-signed transactions do not matter. */
export type PreviousState = Omit<DelegationState, "delegation"> & { readonly delegation?: PreviousStake };

/** A commitment to public randomness that the chain has. */
export interface CommitmentState {
  readonly startHeight: bigint;
  readonly count: bigint;
  /** The Merkle root, 32 bytes. */
  readonly root: Uint8Array;
  /** Whether the epoch in which it was committed is final on Bitcoin. */
  readonly epochFinal?: boolean;
}

/** A block of the chain, as its finality module has it. */
export interface VotedBlock {
  /** 32 bytes. */
  readonly appHash?: Uint8Array;
  /** Whether the providers have made it final. */
  readonly finalized?: boolean;
  /** Whether its epoch is final on Bitcoin. */
  readonly epochFinal?: boolean;
}

/** What the chain's light client knows of the headers that a message brings. */
export interface HeaderState {
  /** Whether the first header is known already. */
  readonly firstKnown?: boolean;
  /** Whether the light client knows the header that the first one follows upon. */
  readonly parentKnown?: boolean;
  readonly parentHeight?: number;
  /** The work of the whole chain up to the parent. */
  readonly parentWork?: bigint;
  /** The headers up to the parent and with it, the oldest first: 11 of them say the median time. 80 bytes each. */
  readonly recent?: readonly Uint8Array[];
}

/** What the chain knows of the epoch that a checkpoint is of. */
export interface CheckpointState {
  /** The 4 bytes that open the chain's checkpoints. */
  readonly tag?: Uint8Array;
  /** Whether this very pair of transactions was reported. */
  readonly known?: boolean;
  /** Whether the light client knows both headers. */
  readonly headersKnown?: boolean;
  /** Whether the epoch is final already. */
  readonly epochFinal?: boolean;
  /** Whether an earlier checkpoint of the epoch before is known. */
  readonly previousKnown?: boolean;
  /** The hash of the chain's own block at the end of the epoch, 32 bytes. */
  readonly blockHash?: Uint8Array;
}

/** One of the chain's errors by its number: `chainError` says what it means. */
export type RuleError = Pick<ChainError, "codespace" | "code">;

/** Until when a message has to wait. */
export type Until =
  | { readonly kind: "btc-height"; readonly height: number }
  | { readonly kind: "chain-height"; readonly height: bigint }
  | { readonly kind: "time"; readonly time: Date }
  | { readonly kind: "state"; readonly state: AwaitedState };

/** What has to come about first. */
export type AwaitedState =
  /** The light client learns of the header that a proof or a first header names. */
  | "header-reported"
  /** A quorum of the committee has signed. */
  | "covenant-quorum"
  | "previous-active"
  | "unjailed"
  /** The epoch of a commitment is final on Bitcoin. */
  | "epoch-final"
  /** The epoch before has a checkpoint. */
  | "previous-checkpoint";

/** A rule that a message breaks, or that could not be checked. */
export interface BrokenRule {
  /** Its name, which stays. */
  readonly rule: string;
  /** What is wrong, for people. */
  readonly reason: string;
  /** The chain's own error, where it gives one. */
  readonly error?: RuleError;
}

/** A rule that needs facts which the given state lacks. */
export interface UncheckedRule {
  readonly rule: string;
  /** The facts of {@link ChainState} that it needs and that are not there, as paths. */
  readonly needs: readonly Fact[];
}

interface Answer {
  /** Rules that need facts which were not given. An answer without them is complete. */
  readonly unchecked: readonly UncheckedRule[];
  /** What the chain takes, and the sender should know. */
  readonly warnings: readonly BrokenRule[];
}

/** What the chain would answer. */
export type Verdict =
  | (Answer & { readonly ok: true; readonly verdict: "ok" })
  | (Answer & BrokenRule & { readonly ok: false; readonly verdict: "later"; readonly until: Until })
  | (Answer & BrokenRule & { readonly ok: false; readonly verdict: "never" });

/** Where a fact stands: `btcTip.height`. */
export type Fact = {
  [K in keyof ChainState & string]-?: K | Inner<K, NonNullable<ChainState[K]>>;
}[keyof ChainState & string];
type Inner<K extends string, T> = T extends Uint8Array | Date | readonly unknown[] | ParamSet
  ? never
  : T extends object
    ? `${K}.${keyof T & string}`
    : never;

/** What a rule finds: nothing, or why the message is refused; with until when, if it is refused for now only. */
export type Finding = { readonly reason: string; readonly until?: Until } | undefined;

/** One rule of the chain for a message. */
export interface Rule<M> {
  readonly rule: string;
  /** The releases that have it; all, unless it says so. */
  readonly releases?: readonly Release[];
  readonly error?: RuleError;
  /** What it needs to know. A function where that depends on the message. */
  readonly needs?: readonly Fact[] | ((message: M, release: Release) => readonly Fact[]);
  /** The chain takes the message all the same. */
  readonly warns?: true;
  /** Whether it is about this message in this state; always, unless it says so. */
  readonly when?: (message: M, state: ChainState) => boolean;
  /** Called only where all that it needs is there. */
  readonly check: (message: M, state: ChainState, release: Release) => Finding;
}

export type RuleOf<Name extends MessageName> = Rule<MessageOf<Name>>;
