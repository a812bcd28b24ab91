import { equalBytes, hex } from "../core/bytes.js";
import { overlapping } from "./commitment-rows.js";
import type { VoteRecord } from "./decision.js";
import {
  type ImportedSubject,
  type InterchangeSubject,
  mergeVotes,
  type ReadSubject,
} from "./interchange.js";
import type { StoredCommitment, VoteEntry } from "./store.js";

/** The marks of a key and chain, which an import raises in place. */
interface Raised {
  readonly key: Uint8Array;
  readonly chainId: string;
  lowest: bigint;
  highest: bigint | null;
}

/** How an import changes a store, inside one transaction. */
interface Changes {
  record(height: bigint): VoteRecord | null;
  insert(entry: VoteEntry): void;
  replace(entry: VoteEntry): void;
  commit(commitment: Omit<StoredCommitment, "at">): void;
}

/** Merges what a file says of a key and chain into what is known of it. */
export function importSubject(
  file: ReadSubject,
  known: Raised,
  commitments: readonly StoredCommitment[],
  store: Changes,
): ImportedSubject {
  const conflicts: bigint[] = [];
  let added = 0;
  for (const [height, vote] of file.votes) {
    // Forgotten on purpose, and blocked by the mark.
    if (height < known.lowest) continue;
    const record = store.record(height);
    if (!record) {
      store.insert({ height, ...vote });
      added++;
      continue;
    }
    const merged = mergeVotes(record, vote);
    if (record.digest && vote.digest && !merged.digest) conflicts.push(height);
    if (record.digest && (!merged.digest || (merged.signature && !record.signature))) {
      store.replace({ height, ...merged });
    }
  }
  if (file.lowest > known.lowest) known.lowest = file.lowest;
  if (file.highest !== null && (known.highest === null || file.highest > known.highest)) {
    known.highest = file.highest;
  }
  const here: Omit<StoredCommitment, "at">[] = [...commitments];
  let [taken, skipped] = [0, 0];
  for (const commitment of file.commitments) {
    const other = overlapping(here, commitment);
    if (other) {
      const isSame = equalBytes(other.root, commitment.root) && other.count === commitment.count;
      if (!isSame) skipped++;
      continue;
    }
    const stored = { ...commitment, subtrees: null };
    store.commit(stored);
    here.push(stored);
    taken++;
  }
  const { key, chainId, lowest, highest } = known;
  return {
    key: key.slice(),
    chainId,
    lowest,
    highest,
    added,
    conflicts,
    commitments: taken,
    commitmentsSkipped: skipped,
  };
}

/** Everything that is known of a key and chain, for a file. */
export function exportSubject(
  { key, chainId, lowest, highest }: Raised,
  votes: Iterable<VoteRecord & { readonly height: bigint }>,
  commitments: readonly StoredCommitment[],
): InterchangeSubject {
  return {
    key: hex.encode(key),
    chain: chainId,
    lowest: String(lowest),
    highest: highest === null ? null : String(highest),
    votes: [...votes].map(({ height, digest, signature, at, instance }) => ({
      height: String(height),
      ...(digest && { digest: hex.encode(digest) }),
      ...(signature && { signature: hex.encode(signature) }),
      at,
      instance,
    })),
    commitments: commitments.map(({ startHeight, count, root, signature, context }) => ({
      startHeight: String(startHeight),
      count,
      root: hex.encode(root),
      signature: hex.encode(signature),
      ...(context !== undefined && { context }),
    })),
  };
}
