import { equalBytes, hex } from "../core/bytes.js";
import { overlapping } from "./commitment-rows.js";
import type { StoredMarks, VoteRecord } from "./decision.js";
import {
  type ImportedSubject,
  type InterchangeSubject,
  mergeVotes,
  type ReadSubject,
} from "./interchange.js";
import type { StoredCommitment, StoredVote, VoteEntry } from "./store.js";

/** The marks of a key and chain, which an import raises in place. */
interface Raised {
  lowest: bigint;
  highest: bigint | null;
  held: boolean;
}

/** How an import changes a store, inside one transaction. */
interface Changes {
  record(height: bigint): VoteRecord | null;
  insert(entry: VoteEntry): void;
  replace(entry: VoteEntry): void;
}

/** Merges the votes and marks of a file into what is known of a key and chain. Returns what it did. */
export function importVotes(
  file: ReadSubject,
  known: Raised,
  store: Changes,
): Pick<ImportedSubject, "added" | "conflicts"> {
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
  if (file.lowest !== null && file.lowest > known.lowest) known.lowest = file.lowest;
  if (file.highest !== null && (known.highest === null || file.highest > known.highest)) {
    known.highest = file.highest;
  }
  known.held ||= file.held;
  return { added, conflicts };
}

/** Stores the commitments of a file that overlap none. */
export function importCommitments(
  file: ReadSubject,
  earlier: readonly StoredCommitment[],
  store: (commitment: Omit<StoredCommitment, "at">) => void,
): Pick<ImportedSubject, "commitments" | "commitmentsSkipped"> {
  const here: Omit<StoredCommitment, "at">[] = [...earlier];
  let [commitments, commitmentsSkipped] = [0, 0];
  for (const commitment of file.commitments) {
    const other = overlapping(here, commitment);
    if (other) {
      const isSame = equalBytes(other.root, commitment.root) && other.count === commitment.count;
      if (!isSame) commitmentsSkipped++;
      continue;
    }
    const stored = { ...commitment, subtrees: null };
    store(stored);
    here.push(stored);
    commitments++;
  }
  return { commitments, commitmentsSkipped };
}

/** Everything that is known of a key and chain, for a file. */
export function exportSubject(
  key: Uint8Array,
  chainId: string,
  marks: StoredMarks | undefined,
  votes: Iterable<StoredVote>,
  commitments: readonly StoredCommitment[],
): InterchangeSubject {
  return {
    key: hex.encode(key),
    chain: chainId,
    lowest: textOf(marks?.lowest),
    highest: textOf(marks?.highest),
    ...(marks?.held && { held: true }),
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

const textOf = (height: bigint | null | undefined): string | null => (height == null ? null : String(height));
