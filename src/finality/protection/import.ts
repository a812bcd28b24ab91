import { mergedWatermarks, type StoredWatermarks } from "./decide.js";
import {
  type ImportedKeyChain,
  mergeVotes,
  parseInterchange,
  type ReadCommitment,
  type ReadKeyChain,
} from "./interchange.js";
import type { KeyChainState } from "./key-chain.js";
import { isSameCommitment, overlap, type ProtectionStore, uncovered } from "./store.js";
import type { Tables, Writer } from "./tables.js";

/**
 * Merges what a file says of one key and chain into a store, inside a transaction.
 * @param known what the store knows of them; undefined if the file has only commitments
 */
export function mergeKeyChain(
  tables: Tables,
  file: ReadKeyChain,
  known: KeyChainState | undefined,
  writer: Writer,
): ImportedKeyChain {
  const { key, chainId } = file;
  const votes = known ? importVotes(tables, file, known, writer) : { added: 0, conflicts: [], blocked: [] };
  if (known) tables.writeKeyChain(known);
  const at = new TextDecoder().decode(writer.at);
  const commitments = importCommitments(tables, file, at);
  const { lowWatermark = null, highWatermark = null } = known ?? {};
  const { beyond } = file;
  return {
    key: Uint8Array.from(key),
    chainId,
    lowWatermark,
    highWatermark,
    ...votes,
    ...commitments,
    beyond,
  };
}

function importVotes(
  tables: Tables,
  file: ReadKeyChain,
  known: KeyChainState,
  writer: Writer,
): Pick<ImportedKeyChain, "added" | "conflicts" | "blocked"> {
  const watermarks = mergedWatermarks(known, file);
  const conflicts: bigint[] = [];
  const blocked: bigint[] = [];
  let added = 0;
  for (const [height, vote] of file.votes) {
    const record = tables.vote(known, height);
    // Pruned votes: the watermark blocks their heights.
    if (!record && height < known.lowWatermark) continue;
    if (!record) {
      tables.addVote(known, { height, ...vote }, writer);
      added++;
      if (!vote.digest) blocked.push(height);
      continue;
    }
    const merged = mergeVotes(record, vote);
    if (record.digest && vote.digest && !merged.digest) conflicts.push(height);
    else if (!merged.digest) blocked.push(height);
    if (record.digest && (!merged.digest || (merged.signature && !record.signature))) {
      tables.replaceVote(known, { height, ...merged }, writer);
    }
  }
  Object.assign(known, watermarks);
  // Its votes may not all be known now: an export must say so.
  if (file.locked) known.retired = false;
  return { added, conflicts, blocked };
}

/**
 * Stores the commitments of a file. One that overlaps another cannot serve proofs beside it, but may be the one on the
 * chain. The heights that it alone covers are kept, so that votes there use its signing context.
 */
function importCommitments(
  tables: Tables,
  { key, chainId, commitments: all }: ReadKeyChain,
  at: string,
): Pick<ImportedKeyChain, "commitments" | "commitmentsSkipped"> {
  const known: ReadCommitment[] = [...tables.commitments(key, chainId), ...tables.overlapping(key, chainId)];
  let [commitments, commitmentsSkipped] = [0, 0];
  for (const commitment of all) {
    if (known.some((other) => isSameCommitment(other, commitment))) continue;
    const stored = { ...commitment, subtrees: null, at };
    const committed = tables.committed(key, chainId);
    if (committed.some((range) => overlap(range, commitment))) {
      for (const alone of uncovered(commitment, committed)) {
        tables.addCommitment(key, chainId, stored, alone);
      }
      commitmentsSkipped++;
    } else {
      tables.addCommitment(key, chainId, stored);
      commitments++;
    }
    known.push(commitment);
  }
  return { commitments, commitmentsSkipped };
}

/** What an import would change for one key and chain. */
export interface ImportPreview {
  readonly key: Uint8Array;
  readonly chainId: string;
  /** The watermarks now; null if the key is unknown on this chain. */
  readonly before: StoredWatermarks | null;
  /** The watermarks after the import; null if the file has only commitments. */
  readonly after: StoredWatermarks | null;
  /** How many votes and commitments the file has. */
  readonly votes: number;
  readonly commitments: number;
  /**
   * Whether a key that this home does not know would begin to vote. Only the file says what the key signed, and it does
   * not know what came after its export.
   */
  readonly begins: boolean;
  /** Whether the home that wrote the file locked the key and chain at that moment: `export --retire`. */
  readonly retired: boolean;
}

/**
 * What `importInterchange` would do with a file. It changes nothing.
 * @param file as for `importInterchange`
 * @throws TapstakeError `invalid-json`, `unknown-version`, `invalid-signature`
 */
export function previewImport(store: ProtectionStore, file: unknown): ImportPreview[] {
  return parseInterchange(file).keyChains.map(
    ({ key, chainId, lowWatermark, highWatermark, locked, retired, votes, commitments }) => {
      const before = store.watermarks(key, chainId);
      const after =
        lowWatermark === null ? before : mergedWatermarks(before, { lowWatermark, highWatermark, locked });
      const begins = before === null && after !== null && !after.locked;
      const counts = { votes: votes.size, commitments: commitments.length };
      return { key, chainId, before, after, ...counts, begins, retired };
    },
  );
}
