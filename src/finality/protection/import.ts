import { equalBytes } from "../../core/bytes.js";
import { mergedMarks, type StoredMarks } from "./decide.js";
import { type ImportedSubject, mergeVotes, type ReadSubject, readInterchange } from "./interchange.js";
import type { KeyChainState } from "./key-chain.js";
import { overlap, type StoredCommitment, type ProtectionStore } from "./store.js";
import type { Ledger, Writer } from "./tables.js";

/**
 * Merges what a file says of one key and chain into a store, inside a transaction.
 * @param known what the store knows of them; undefined where the file has commitments alone
 */
export function mergeSubject(
  ledger: Ledger,
  file: ReadSubject,
  known: KeyChainState | undefined,
  writer: Writer,
): ImportedSubject {
  const { key, chainId } = file;
  const votes = known ? importVotes(ledger, file, known, writer) : { added: 0, conflicts: [], blocked: [] };
  if (known) ledger.writeSubject(known);
  const at = new TextDecoder().decode(writer.at);
  const commitments = importCommitments(file, ledger.commitments(key, chainId), (commitment) =>
    ledger.addCommitment(key, chainId, { ...commitment, at }),
  );
  const { lowest = null, highest = null } = known ?? {};
  return { key: Uint8Array.from(key), chainId, lowest, highest, ...votes, ...commitments };
}

function importVotes(
  ledger: Ledger,
  file: ReadSubject,
  known: KeyChainState,
  writer: Writer,
): Pick<ImportedSubject, "added" | "conflicts" | "blocked"> {
  const marks = mergedMarks(known, file);
  const conflicts: bigint[] = [];
  const blocked: bigint[] = [];
  let added = 0;
  for (const [height, vote] of file.votes) {
    const record = ledger.vote(known, height);
    // Forgotten on purpose, and blocked by the mark.
    if (!record && height < known.lowest) continue;
    if (!record) {
      ledger.addVote(known, { height, ...vote }, writer);
      added++;
      if (!vote.digest) blocked.push(height);
      continue;
    }
    const merged = mergeVotes(record, vote);
    if (record.digest && vote.digest && !merged.digest) conflicts.push(height);
    else if (!merged.digest) blocked.push(height);
    if (record.digest && (!merged.digest || (merged.signature && !record.signature))) {
      ledger.replaceVote(known, { height, ...merged }, writer);
    }
  }
  Object.assign(known, marks);
  return { added, conflicts, blocked };
}

/** Stores the commitments of a file that overlap none. */
function importCommitments(
  file: ReadSubject,
  earlier: readonly StoredCommitment[],
  store: (commitment: Omit<StoredCommitment, "at">) => void,
): Pick<ImportedSubject, "commitments" | "commitmentsSkipped"> {
  const here: Omit<StoredCommitment, "at">[] = [...earlier];
  let [commitments, commitmentsSkipped] = [0, 0];
  for (const commitment of file.commitments) {
    const other = here.find((each) => overlap(each, commitment));
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

/** What an import would do to one key and chain. */
export interface ImportPreview {
  readonly key: Uint8Array;
  readonly chainId: string;
  /** The marks as they are; null where nothing is known of the key on this chain. */
  readonly before: StoredMarks | null;
  /** The marks as the import leaves them; null where the file has commitments alone. */
  readonly after: StoredMarks | null;
  /** How many votes and commitments the file has. */
  readonly votes: number;
  readonly commitments: number;
  /**
   * Whether a key of which nothing is known here, and that was not made here, would begin to vote: the file alone
   * vouches for what it signed, and knows nothing of what came after its export.
   */
  readonly begins: boolean;
}

/**
 * What `importHistory` would do with a file. Nothing is changed.
 * @param file as of `importHistory`
 * @throws TapstakeError `invalid-json`, `unknown-version`
 */
export function previewImport(store: ProtectionStore, file: unknown): ImportPreview[] {
  return readInterchange(file).subjects.map(({ key, chainId, lowest, highest, held, votes, commitments }) => {
    const before = store.marks(key, chainId);
    const after = lowest === null ? before : mergedMarks(before, { lowest, highest, held });
    const begins = before === null && after !== null && !after.held && !store.isBornHere(key);
    const counts = { votes: votes.size, commitments: commitments.length };
    return { key, chainId, before, after, ...counts, begins };
  });
}
