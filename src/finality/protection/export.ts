import { equalBytes, hex } from "../../core/bytes.js";
import { MAX_HEIGHT } from "./decide.js";
import type { InterchangeCommitment, InterchangeKeyChain, InterchangeVote } from "./interchange.js";
import { keyChainName } from "./key-chain.js";
import type { ProtectionStore, StoredCommitment, StoredVote } from "./store.js";

/** Votes of one part: a few milliseconds. */
export const VOTES_AT_ONCE = 256;

/**
 * Everything that a store knows, as the text of an `Interchange`, part by part: of millions of votes, few are in memory
 * at a time.
 *
 * Votes may go on between two parts. The export has every vote from before the first part (`exportedAt`), and may lack
 * later ones.
 *
 * The watermarks of a key and chain are read last, in one part with its last votes. So they are never lower than its
 * votes, and votes pruned meanwhile are below the low watermark. The high watermark is that of a vote in the file:
 * without it, an import would not count the votes as complete.
 *
 * The file says of each key and chain that `retire` has locked that this home signs with it no longer.
 * @param only the public key whose votes are wanted; without it, those of all keys
 */
export function* interchangeText(store: ProtectionStore, only?: Uint8Array): Generator<string, void> {
  const metadata = { format: "tapstake-protection", version: 1, exportedAt: new Date().toISOString() };
  yield `{\n"metadata": ${JSON.stringify(metadata)},\n"data": [`;
  let before = "\n";
  for (const { key, chainId } of keyChainsOf(store)) {
    if (only && !equalBytes(key, only)) continue;
    let text = `${before}{"key": "${hex.encode(key)}", "chain": ${JSON.stringify(chainId)}, "votes": [`;
    let comma = "";
    for (let from: bigint | null = 0n; from !== null;) {
      if (from > 0n) {
        yield text;
        text = "";
      }
      const page = store.records(key, chainId, from, VOTES_AT_ONCE);
      for (const vote of page) {
        text += `${comma}\n${JSON.stringify(voteJson(vote))}`;
        comma = ",";
      }
      from = nextOf(page);
    }
    yield `${text}],\n${JSON.stringify(restOf(store, key, chainId)).slice(1)}`;
    before = ",\n";
  }
  yield "\n]\n}\n";
}

/** Every key and chain with votes, watermarks or commitments: a key may have commitments without votes. */
function keyChainsOf(store: ProtectionStore): Iterable<{ key: Uint8Array; chainId: string }> {
  const all = [...store.keyChains(), ...store.committers()];
  return new Map(all.map((keyChain) => [keyChainName(keyChain.key, keyChain.chainId), keyChain])).values();
}

/** The height from which there may be more votes after a page. */
export function nextOf(page: readonly StoredVote[]): bigint | null {
  const last = page.at(-1)?.height ?? MAX_HEIGHT;
  return page.length < VOTES_AT_ONCE || last === MAX_HEIGHT ? null : last + 1n;
}

/** All that is known of a key and chain beside its votes. */
function restOf(
  store: ProtectionStore,
  key: Uint8Array,
  chainId: string,
): Omit<InterchangeKeyChain, "key" | "chain" | "votes"> {
  const watermarks = store.watermarks(key, chainId);
  return {
    // Commitments that overlap others come last: for each height, an import keeps the first one, which serves its
    // proofs.
    commitments: [...store.commitments(key, chainId), ...store.overlapping(key, chainId)].map(commitmentJson),
    lowest: textOf(watermarks?.lowWatermark),
    highest: textOf(watermarks?.highWatermark),
    ...(watermarks?.locked && (watermarks.retired ? { retired: true } : { held: true })),
  };
}

const voteJson = ({ height, digest, signature, at, instance }: StoredVote): InterchangeVote => ({
  height: String(height),
  ...(digest && { digest: hex.encode(digest) }),
  ...(signature && { signature: hex.encode(signature) }),
  at,
  instance,
});

const commitmentJson = ({
  startHeight,
  count,
  root,
  signature,
  context,
}: StoredCommitment): InterchangeCommitment => ({
  startHeight: String(startHeight),
  count,
  root: hex.encode(root),
  signature: hex.encode(signature),
  ...(context !== undefined && { context }),
});

const textOf = (height: bigint | null | undefined): string | null => (height == null ? null : String(height));
