import type { RaisedAlarm } from "../monitor.js";

/** The alarms of the watchtower and of the watch itself; docs/watching.md says what each means and what to do. */
export const WATCH_ALARMS = [
  "double-vote",
  "selective-slashing",
  "duty-unmined",
  "withdrawal-race",
  "missing-adaptor-signatures",
  "unbonding-diverted",
  "slashing-without-key",
  "unknown-spend",
  "stale-tip",
  "cursor-stuck",
  "sources-disagree",
  "deep-reorganisation",
] as const;

/** An alarm of one of {@link WATCH_ALARMS}. */
export type WatchAlarm = RaisedAlarm & { readonly kind: (typeof WATCH_ALARMS)[number] };
