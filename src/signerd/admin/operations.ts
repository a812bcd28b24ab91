import { setImmediate as pause } from "node:timers/promises";
import { equalBytes, hex } from "../../core/bytes.js";
import type { StoredWatermarks, VoteRecord } from "../../finality/protection/decide.js";
import { floorOf } from "../../finality/protection/decide.js";
import { interchangeText } from "../../finality/protection/export.js";
import { checkWhileOpen } from "../../finality/protection/hot-check.js";
import type { ProtectionStore, StoredCommitment } from "../../finality/protection/store.js";
import type { Backups } from "../backup.js";

/** The watermarks of a key and chain, under their names in JSON. */
export interface WatermarkFacts {
  readonly lowest: bigint;
  readonly highest: bigint | null;
  readonly held: boolean;
  readonly retired?: boolean | undefined;
}

/** What a store knows of a key on a chain. */
export interface KeyChainFacts extends WatermarkFacts {
  /** X-only. */
  readonly key: Uint8Array;
  readonly chain: string;
  /** How many votes are remembered. */
  readonly votes: number;
  /** Heights with a vote whose message is unknown, and the first few of them. */
  readonly blocked: { readonly count: number; readonly first: readonly bigint[] };
}

/** What a store knows of one height. */
export interface HeightFacts {
  readonly key: Uint8Array;
  readonly chain: string;
  readonly height: bigint;
  readonly lowest: bigint | null;
  /** Without the signature: one that a crash kept back must not leave. */
  readonly vote: Omit<VoteRecord, "signature"> | null;
}

/** What was forgotten, and the watermarks after it. */
export interface PruneFacts extends WatermarkFacts {
  readonly key: Uint8Array;
  readonly chain: string;
  readonly forgotten: number;
}

/** The commitments of a key on a chain. */
export interface CommitmentsFacts {
  readonly key: Uint8Array;
  readonly chain: string;
  readonly commitments: readonly Omit<StoredCommitment, "subtrees">[];
}

/**
 * What an operator does with a store of votes: with one that this process opened, or through the daemon that has it
 * open. Nothing here makes a signature, and nothing lowers a watermark.
 */
export interface Operations {
  /** Every key and chain. */
  show(): Promise<readonly KeyChainFacts[]>;
  vote(key: Uint8Array, chain: string, height: bigint): Promise<HeightFacts>;
  /** Every key and chain, once all that is remembered is checked. @throws TapstakeError as `checkWhileOpen` */
  check(): Promise<readonly KeyChainFacts[]>;
  commitments(key?: Uint8Array, chain?: string): Promise<readonly CommitmentsFacts[]>;
  /** @throws TapstakeError as `ProtectionStore.prune` */
  prune(key: Uint8Array, chain: string, below: bigint): Promise<PruneFacts>;
  /** Locks a key, or every key, on each chain: its votes move. Returns what it locked. */
  retire(only?: Uint8Array): Promise<readonly KeyChainFacts[]>;
  /** The text of an interchange file, part by part. */
  exportText(only?: Uint8Array): AsyncIterable<string>;
  /** Writes a copy of all votes into the folder `backups` of the home. Returns its name. */
  backup(): Promise<string>;
}

/**
 * The operations on an open store. Votes are served between the parts of the long ones.
 * @param isChecked whether the store was checked as a whole just now, as it was opened
 */
export function operationsOn(store: ProtectionStore, backups: Backups, isChecked: boolean): Operations {
  const show = () => store.keyChains().map((known) => factsOf(store, known));
  return {
    show: async () => show(),
    async vote(key, chain, height) {
      const lowest = store.watermarks(key, chain)?.lowWatermark ?? null;
      const record = store.record(key, chain, height);
      const vote = record && { digest: record.digest, at: record.at, instance: record.instance };
      return { key, chain, height, lowest, vote };
    },
    async check() {
      if (!isChecked) await checkWhileOpen(store);
      return show();
    },
    async commitments(key, chain) {
      return store
        .committers()
        .filter((one) => (!key || equalBytes(one.key, key)) && (chain === undefined || one.chainId === chain))
        .map((one) => ({
          key: one.key,
          chain: one.chainId,
          commitments: store.commitments(one.key, one.chainId).map(commitmentFacts),
        }));
    },
    async prune(key, chain, below) {
      const forgotten = await pruneInParts(store, key, chain, below);
      return { key, chain, forgotten, ...watermarkFacts(store.watermarks(key, chain)!) };
    },
    async retire(only) {
      const isMeant = ({ key }: { readonly key: Uint8Array }) => !only || equalBytes(key, only);
      const keys = store.keyChains().filter(isMeant);
      for (const key of new Map(keys.map((one) => [hex.encode(one.key), one.key])).values())
        store.retire(key);
      return show().filter(isMeant);
    },
    async *exportText(only) {
      for (const part of interchangeText(store, only)) {
        yield part;
        await pause();
      }
    },
    backup: () => backups.write({ database: "", folder: "" }, () => false),
  };
}

/** The most blocked heights that are listed. */
const SHOWN = 5;

function factsOf(
  store: ProtectionStore,
  { key, chainId, votes, ...watermarks }: ReturnType<ProtectionStore["keyChains"]>[number],
): KeyChainFacts {
  const blocked = store.blocked(key, chainId);
  const listed = { count: blocked.length, first: blocked.slice(0, SHOWN) };
  return { key, chain: chainId, ...watermarkFacts(watermarks), votes, blocked: listed };
}

const watermarkFacts = ({
  lowWatermark,
  highWatermark,
  locked,
  retired,
}: StoredWatermarks): WatermarkFacts => ({
  lowest: lowWatermark,
  highest: highWatermark,
  held: locked,
  ...(retired && { retired }),
});

const commitmentFacts = ({ startHeight, count, root, signature, context, at }: StoredCommitment) => ({
  startHeight,
  count,
  root,
  signature,
  ...(context !== undefined && { context }),
  at,
});

/** Votes that are forgotten in one transaction: votes wait for it, some ten milliseconds. */
const FORGOTTEN_AT_ONCE = 1000;

/**
 * Prunes from below, in parts. Each part raises the low watermark with what it forgets, so a process that ends between
 * two of them has pruned less, and nothing can be signed at what it forgot.
 */
async function pruneInParts(
  store: ProtectionStore,
  key: Uint8Array,
  chain: string,
  below: bigint,
): Promise<number> {
  const watermarks = store.watermarks(key, chain);
  const isValid = watermarks && below >= watermarks.lowWatermark && below <= floorOf(watermarks);
  // The store refuses what is not valid, before anything is forgotten.
  if (!isValid) return store.prune(key, chain, below);
  let forgotten = 0;
  for (;;) {
    const page = store.records(key, chain, 0n, FORGOTTEN_AT_ONCE);
    const last = page.at(-1)?.height;
    const isLast = page.length < FORGOTTEN_AT_ONCE || last === undefined || last + 1n >= below;
    const upTo = isLast ? below : last + 1n;
    // Another prune may have gone further meanwhile.
    if (upTo >= store.watermarks(key, chain)!.lowWatermark) forgotten += store.prune(key, chain, upTo);
    if (isLast) return forgotten;
    await pause();
  }
}
