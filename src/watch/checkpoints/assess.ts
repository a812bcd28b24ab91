import type { RaisedAlarm } from "../monitor.js";
import type { CheckpointClaim } from "./store.js";

/** What claims are judged by. */
export interface AssessOptions {
  /** 4 bytes in hexadecimal. */
  readonly tag: string;
  /** Bitcoin blocks that may pass from the checkpoint of an epoch to that of the next. */
  readonly patience: number;
  /** Whether there is a source of keys: then only verified checkpoints say that an epoch has ended. */
  readonly hasKeys: boolean;
}

/** One epoch of the staking chain, as Bitcoin has it. */
export interface CheckpointEpoch {
  readonly epoch: number;
  /**
   * `fork`: two block hashes, both verified. `unverified-fork`: two, not both verified. `missing`: no checkpoint, though
   * the one before it is older than the patience. `pending`: not verified yet, as keys are asked for or cannot be had.
   */
  readonly state: "verified" | "unverified" | "fork" | "unverified-fork" | "missing" | "pending";
  /** Different block hashes that are not invalid, the verified ones first. */
  readonly blockHashes: readonly string[];
  /** The Bitcoin block of the first checkpoint; of `missing`, the block at which the patience ended. */
  readonly height: number;
}

/** Consecutive epochs that make unverified checkpoints believable: anyone can write one with any epoch. */
const BELIEVABLE_RUN = 3;

/** The claims about an epoch, invalid ones included. */
export type ClaimsOf = (epoch: number) => readonly CheckpointClaim[];

/** What an epoch has to say: its states and its alarms. */
export interface AssessedEpoch {
  /** The epoch itself, and the next one where that is missing. */
  readonly said: readonly CheckpointEpoch[];
  /** The Bitcoin height at which the next epoch is missing, if it does not come before. */
  readonly due: number | null;
}

/**
 * Judges an epoch by what is claimed of it and of its neighbours, so that a fork of a past epoch is one, and a missing
 * epoch holds up no other. It depends on the epochs from two below to one above.
 */
export function assessEpoch(
  epoch: number,
  claimsOf: ClaimsOf,
  tip: number,
  options: AssessOptions,
): AssessedEpoch {
  const of = believed(claimsOf(epoch));
  const assessed = epochOf(epoch, of);
  const said = assessed ? [assessed] : [];
  const isLast = of.length > 0 && believed(claimsOf(epoch + 1)).length === 0;
  if (!isLast || !isBelievable(epoch, claimsOf, options)) return { said, due: null };
  const due = Math.min(...of.map(({ height }) => height)) + options.patience;
  if (due > tip) return { said, due };
  return { said: [...said, { epoch: epoch + 1, state: "missing", blockHashes: [], height: due }], due: null };
}

/** The epochs whose judgement an epoch is part of. */
export const neighboursOf = (epoch: number): number[] =>
  [epoch - 1, epoch, epoch + 1, epoch + 2].filter((each) => each >= 0);

/** All epochs that have claims, and the missing ones, the lowest first. */
export function assessCheckpoints(
  claims: readonly CheckpointClaim[],
  tip: number,
  options: AssessOptions,
): CheckpointEpoch[] {
  const byEpoch = groupedByEpoch(claims);
  const claimsOf = (epoch: number) => byEpoch.get(epoch) ?? [];
  return [...byEpoch.keys()]
    .flatMap((epoch) => assessEpoch(epoch, claimsOf, tip, options).said)
    .toSorted((a, b) => a.epoch - b.epoch);
}

/** In the order in which they come. */
export function groupedByEpoch<Of extends { readonly epoch: number }>(all: Iterable<Of>): Map<number, Of[]> {
  const groups = new Map<number, Of[]>();
  for (const each of all) {
    const group = groups.get(each.epoch);
    if (group) group.push(each);
    else groups.set(each.epoch, [each]);
  }
  return groups;
}

const believed = (claims: readonly CheckpointClaim[]) =>
  claims.filter(({ verdict }) => verdict !== "invalid");

function epochOf(epoch: number, of: readonly CheckpointClaim[]): CheckpointEpoch | null {
  const verified = hashesOf(of.filter(({ verdict }) => verdict === "verified"));
  const others = hashesOf(of.filter(({ verdict }) => verdict === "unverified"));
  const blockHashes = [...new Set([...verified, ...others])];
  if (of.length === 0) return null;
  const isFork = blockHashes.length > 1;
  const height = Math.min(...of.map((each) => each.height));
  if (blockHashes.length === 0) return { epoch, state: "pending", blockHashes: hashesOf(of), height };
  if (verified.length > 1) return { epoch, state: "fork", blockHashes, height };
  if (isFork) return { epoch, state: "unverified-fork", blockHashes, height };
  return { epoch, state: verified.length === 1 ? "verified" : "unverified", blockHashes, height };
}

const hashesOf = (claims: readonly CheckpointClaim[]): string[] =>
  [...new Set(claims.map(({ blockHash }) => blockHash))].toSorted();

function isBelievable(epoch: number, claimsOf: ClaimsOf, { hasKeys }: AssessOptions): boolean {
  if (claimsOf(epoch).some(({ verdict }) => verdict === "verified")) return true;
  if (hasKeys) return false;
  for (let before = 1; before < BELIEVABLE_RUN; before++) {
    if (believed(claimsOf(epoch - before)).length === 0) return false;
  }
  return true;
}

/** The kinds of alarms of the monitor. */
export const CHECKPOINT_ALARMS = ["checkpoint-fork", "checkpoint-missing"] as const;

/** The alarm about an epoch, if there is reason for one. */
export function checkpointAlarm(
  { epoch, state, blockHashes, height }: CheckpointEpoch,
  { tag, patience }: AssessOptions,
): RaisedAlarm | null {
  if (state === "missing") {
    const text = `Bitcoin has no checkpoint of epoch ${epoch}, ${patience} blocks after that of epoch ${epoch - 1}.`;
    return { kind: "checkpoint-missing", facts: { tag, epoch }, text, height };
  }
  if (state === "fork") {
    const text = `The staking chain forked: more than two thirds of the validators of epoch ${epoch} signed ${blockHashes.length} different blocks.`;
    return { kind: "checkpoint-fork", facts: { tag, epoch, verified: true, blockHashes }, text, height };
  }
  if (state !== "unverified-fork") return null;
  // Without the hashes: who writes a third one does not raise another alarm.
  const text = `Unverified: Bitcoin has checkpoints of epoch ${epoch} with different block hashes. Give the keys of the epoch: without them, anyone can write such checkpoints.`;
  return { kind: "checkpoint-fork", facts: { tag, epoch, verified: false }, text, height };
}
