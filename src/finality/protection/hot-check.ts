import { setImmediate as pause } from "node:timers/promises";
import { TapstakeError } from "../../core/errors.js";
import { nextOf, VOTES_AT_ONCE } from "./export.js";
import { keyChainName } from "./key-chain.js";
import type { ProtectionStore } from "./store.js";
import { readWatermarkLog } from "./watermark-log.js";

/**
 * Checks an open store while votes go on: every row has its checksum, no vote that this process knows is missing, and
 * the watermark log on the disk has the watermarks of the store. Votes are served between two parts. SQLite's own check
 * of its pages comes at the next start only.
 * @throws TapstakeError `protection-corrupt`; a damaged store then signs nothing more. As every read of the store
 */
export async function checkWhileOpen(store: ProtectionStore): Promise<void> {
  for (const { key, chainId } of store.keyChains()) {
    for (let from: bigint | null = 0n; from !== null;) {
      from = nextOf(store.records(key, chainId, from, VOTES_AT_ONCE));
      await pause();
    }
  }
  for (const { key, chainId } of store.committers()) {
    store.commitments(key, chainId);
    store.overlapping(key, chainId);
    await pause();
  }
  // In one step: a vote between both readings would be in one of them only.
  const damage = damageOfLog(store);
  if (damage !== undefined) throw logDamaged(store, damage);
}

/** How the watermark log on the disk differs from the open store; undefined if it does not. */
function damageOfLog(store: ProtectionStore): string | undefined {
  const log = readWatermarkLog(store.home.watermarkFile);
  if (!log) return "the file is not there";
  if (log.damage !== undefined) return log.damage;
  if (log.torn) return "its last line is torn";
  if (log.storeId !== store.storeId) return `it is of the store ${log.storeId}, and ${store.storeId} is open`;
  const known = store.keyChains();
  for (const { key, chainId, lowWatermark, highWatermark } of known) {
    const logged = log.watermarks.get(keyChainName(key, chainId));
    if (logged?.lowWatermark === lowWatermark && logged.highWatermark === highWatermark) continue;
    return `it does not have the watermarks of the store on ${chainId}`;
  }
  return log.watermarks.size === known.length ? undefined : "it has a key and chain that the store lacks";
}

function logDamaged({ home }: ProtectionStore, found: string): TapstakeError {
  return new TapstakeError(
    "protection-corrupt",
    `${home.watermarkFile} is damaged: ${found}. The signer that runs knows all of its votes and goes on, but it will not ` +
      "start with this file again. Do: keep a copy of the votes (tapstake fp protection export --copy --out votes.json), " +
      "find what wrote to the file, and then follow “The store is lost” in docs/emergency.md",
    { home: home.path, part: "watermark-log" },
  );
}
