import { mergedMarks, type StoredMarks } from "./decide.js";
import { readInterchange } from "./interchange.js";
import type { ProtectionStore } from "./store.js";

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
