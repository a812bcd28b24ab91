import type { LeafKind } from "../script/leaf.js";
import type { StakeOutputName } from "../delegation/outputs.js";

/** A block of the chain that the store follows. */
export interface WatchedBlock {
  readonly height: number;
  /** As people write it, as is the next. */
  readonly hash: string;
  readonly previous: string;
  /** Seconds since 1970, as the header says. */
  readonly time: number;
  /** The target in its compact form, as the header says. */
  readonly bits: number;
  /** Satoshi in the phase-1 stakes that count after this block (PROTOCOL 3): caps are reckoned by it. */
  readonly staked: bigint;
}

/** Where an event is: its block, its transaction in the block, and the transaction's input or output. */
export interface EventPlace {
  readonly height: number;
  /** The index of the transaction in its block; 0 is the coinbase. */
  readonly position: number;
  /** The output of a `stake`, the input of a `spend`. */
  readonly index: number;
}

/**
 * What the chain says, and nothing that depends on who looks at it: the events of a block follow from the block, the
 * phase-1 parameters and the delegations that are known.
 */
export interface WatchEvent extends EventPlace {
  /** Grows with every event, undone or not: the order in which this store learnt them. */
  readonly seq: number;
  /**
   * `stake`: an output that a phase-1 OP_RETURN announces, or the staking output of a known delegation. `spend`: an
   * input that opens a leaf of a stake, known or not, or that spends an output of a known stake.
   */
  readonly kind: "stake" | "spend";
  /** `txid:vout`: the output that is made, or the one that is spent. */
  readonly outpoint: string;
  /** The transaction of the event. */
  readonly txid: string;
  /** The leaf that a spend opens; null where it is not a stake's, and for a `stake`. */
  readonly leaf: LeafKind | null;
  /** How a `stake` was recognised; null for a spend. */
  readonly origin: StakeOrigin | null;
  /** The raw transaction. */
  readonly raw: Uint8Array;
}

/** How the scanner knows a stake: by its OP_RETURN, or by a delegation that was added. */
export type StakeOrigin = "phase1" | "delegation";

/**
 * What a stake is by its events. `pending`: in no block of the chain. `active`: the staking output is unspent.
 * `unbonding`: the unbonding output is unspent. `slashed`: by the slashing leaf of either. `withdrawn`: by the timelock
 * leaf of either. `expanded`: by a known expansion. `diverted`: by the unbonding leaf to another place than the
 * unbonding output or a known expansion, or in a way that a stake does not have.
 *
 * Whether a time lock has run out depends on the tip: {@link StakeView} says it, the store does not.
 */
export const STAKE_STATES = [
  "pending",
  "active",
  "unbonding",
  "slashed",
  "withdrawn",
  "expanded",
  "diverted",
] as const;
/** One of {@link STAKE_STATES}. */
export type StakeState = (typeof STAKE_STATES)[number];

/** One step in a stake's life. */
export interface LifeStep {
  /**
   * `staked`, `unbonded`, `slashed`, `withdrawn`, `expanded`, `diverted`; `refunded` when the staker takes the rest of a
   * slashing back.
   */
  readonly name: "staked" | "unbonded" | "slashed" | "withdrawn" | "expanded" | "diverted" | "refunded";
  /** The output that the step spends; null for `staked`. */
  readonly from: StakeOutputName | null;
  readonly height: number;
  readonly position: number;
  readonly index: number;
  readonly txid: string;
}

/** An output of a stake that is or was in the chain. */
export interface LifeOutput {
  readonly name: StakeOutputName;
  /** `txid:vout`. */
  readonly outpoint: string;
  /** Satoshi. */
  readonly value: bigint;
  /** Of the block that made it; null where the store knows only that it was spent. */
  readonly height: number | null;
  /** The time lock of its timelock leaf, in blocks. */
  readonly timelock: number;
  readonly isSpent: boolean;
}

/** A stake's life: a fold over its events, without the tip. */
export interface StakeLife {
  readonly state: StakeState;
  /** The output that the last spend spent, as `slashed` and `withdrawn` have two: null while there is none. */
  readonly from: StakeOutputName | null;
  readonly steps: readonly LifeStep[];
  readonly outputs: readonly LifeOutput[];
  /** The staking outpoint of the expansion, where the state is `expanded`. */
  readonly into: string | null;
}

/** What a stake is at the tip. */
export const STAKE_VIEWS = [...STAKE_STATES, "overflow", "expired", "unbonded", "reorganised"] as const;
/**
 * A {@link StakeState}, or what depends on more than the events of the chain. `expired`: active, and its time lock has
 * run out. `unbonded`: unbonding, and its time lock has run out. `overflow`: active, and outside of the cap of phase 1.
 * `reorganised`: it was in a block that a reorganisation removed, and is in none now.
 */
export type StakeView = (typeof STAKE_VIEWS)[number];

/** A stake as the store has it. */
export interface WatchedStake {
  /** `txid:vout` of the staking output. */
  readonly outpoint: string;
  readonly origin: StakeOrigin;
  /** x-only keys in hexadecimal, as are the next. */
  readonly stakers: readonly string[];
  readonly finalityProviders: readonly string[];
  /** Satoshi. */
  readonly value: bigint;
  /** Blocks. */
  readonly timelock: number;
  readonly unbondingTime: number;
  /** The version of the parameters. */
  readonly version: number;
  /** Phase 1 only: its coins are locked, but the cap was reached before it. */
  readonly overflow: boolean;
  readonly life: StakeLife;
  /** At the store's tip. */
  readonly view: StakeView;
  /** The number of the last change: {@link WatchEvent.seq} counts with it. */
  readonly seq: number;
}

/** What a watch says, in the order of `seq`. */
export type WatchItem =
  | { readonly kind: "event"; readonly seq: number; readonly event: WatchEvent }
  /** A reorganisation removed the block of an event. `seq` is of the removal; `event.seq` of the event. */
  | { readonly kind: "undone"; readonly seq: number; readonly event: WatchEvent }
  /** The newest state of a stake that changed: several changes can come as one. */
  | { readonly kind: "stake"; readonly seq: number; readonly stake: WatchedStake };

/** An OP_RETURN output that begins with a watched tag. Phase-1 stakes and checkpoints share one: length tells them apart. */
export interface TaggedOutput extends EventPlace {
  /** What follows OP_RETURN and the push's length: 71 bytes for a phase-1 stake, 78 and 63 for a checkpoint. */
  readonly data: Uint8Array;
  readonly txid: string;
  readonly raw: Uint8Array;
}
