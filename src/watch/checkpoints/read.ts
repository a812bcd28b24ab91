import { hex } from "../../core/bytes.js";
import { openReader } from "../store/open.js";
import { ChainStore } from "../store/store.js";
import type { WatchedBlock } from "../types.js";
import { CHECKPOINT_ALARMS } from "./assess.js";
import { type CheckpointCandidate, CheckpointStore, type KeyFaults } from "./store.js";

/** What a store knows of checkpoints. */
export interface CheckpointReport {
  /** 4 bytes in hexadecimal; null where no monitor has run with this store. */
  readonly tag: string | null;
  /** The first block whose parts are all here. */
  readonly from: number | null;
  readonly tip: WatchedBlock | null;
  readonly parts: number;
  readonly checkpoints: readonly CheckpointCandidate[];
  /** Of epochs whose checkpoints are pending: why their keys could not be had. */
  readonly keyFaults: KeyFaults;
  /** The alarms that are open. */
  readonly alarms: readonly CheckpointAlarm[];
}

/** An open alarm about checkpoints. */
export interface CheckpointAlarm {
  readonly id: string;
  readonly kind: string;
  readonly facts: object;
  readonly text: string;
}

/** Reads a store while another process may write to it. @throws TapstakeError `store-missing`, `store-invalid` */
export function readCheckpoints(path: string): CheckpointReport {
  const chain = new ChainStore(openReader(path));
  const { sql } = chain;
  try {
    const coverage = CheckpointStore.coverage(sql);
    const tip = chain.tip();
    if (!coverage)
      return { tag: null, from: null, tip, parts: 0, checkpoints: [], keyFaults: {}, alarms: [] };
    const { tag, from } = coverage;
    const store = new CheckpointStore(sql, hex.decode(tag, 4, "tag"));
    const text =
      "SELECT id, kind, facts, text FROM alarm WHERE cleared IS NULL AND kind IN (?, ?) ORDER BY seq";
    const alarms = sql
      .all<{ id: Uint8Array; kind: string; facts: string; text: string }>(text, ...CHECKPOINT_ALARMS)
      .map((row) => ({ ...row, id: hex.encode(row.id), facts: JSON.parse(row.facts) as object }));
    const keyFaults = CheckpointStore.keyFaults(sql);
    return { tag, from, tip, parts: store.parts(), checkpoints: store.candidates(), keyFaults, alarms };
  } finally {
    chain.close();
  }
}
