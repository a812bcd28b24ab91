import type { StakeStore } from "./store/stakes.js";
import type { ChainStore } from "./store/store.js";
import type { WatchItem } from "./types.js";

const PAGE = 500;

/**
 * Events, removals and changed stakes after a number, in the order of their numbers. Another process may write between two
 * of the queries: nothing above the number before them is among the items, as something below it could be missing.
 */
export function itemsSince(chain: ChainStore, stakes: StakeStore, seq: number, limit = PAGE): WatchItem[] {
  const last = Number(chain.meta("seq"));
  const sources: readonly (readonly WatchItem[])[] = [
    chain.eventsSince(seq, limit).map((event) => ({ kind: "event", seq: event.seq, event })),
    chain.undoneSince(seq, limit).map(({ undone, event }) => ({ kind: "undone", seq: undone, event })),
    stakes.since(seq, limit).map((stake) => ({ kind: "stake", seq: stake.seq, stake })),
  ];
  // Of a source with a full page, later items are not known yet: the page ends before them.
  const end = Math.min(last, ...sources.map((items) => (items.length < limit ? last : items.at(-1)!.seq)));
  return sources
    .flat()
    .filter((item) => item.seq <= end)
    .toSorted((a, b) => a.seq - b.seq)
    .slice(0, limit);
}
