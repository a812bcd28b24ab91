import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChainTip } from "../chain/access.js";
import { delegationFromJson } from "../delegation/json.js";
import { hex } from "../core/bytes.js";
import { checkpointMonitor } from "./checkpoints/monitor.js";
import { type CheckpointCoverage, CheckpointStore } from "./checkpoints/store.js";
import { Follower } from "./follow.js";
import type { WatchMonitor } from "./monitor.js";
import { Scanner } from "./scanner.js";
import { settingsOf, settingsToMeta } from "./settings.js";
import type { BlockSource } from "./source.js";
import { copyStore, createStore, openReader, openWriter } from "./store/open.js";
import { StakeStore } from "./store/stakes.js";
import { ChainStore } from "./store/store.js";
import type { WatchedBlock, WatchedStake } from "./types.js";

/** What a comparison with a full rescan found. */
export interface Verified {
  readonly blocks: number;
  readonly events: number;
  readonly stakes: number;
  /** Stakes that were learnt late, and whose block the store does not know; their states are compared all the same. */
  readonly unlocated: number;
  /** Parts of checkpoints that were compared; null where the store has none that are of its newest block. */
  readonly checkpointParts: number | null;
  /** In words; empty where both agree. */
  readonly differences: readonly string[];
}

/**
 * Scans every block of a store again, into a second store that knows every delegation from the start, and compares:
 * blocks, events, the state of every stake, and checkpoints with their pairs. Another process may write to the first
 * meanwhile: the comparison is of the block that it had at the beginning.
 * @throws TapstakeError the codes of sources and stores
 */
export async function verifyStore(
  path: string,
  source: BlockSource,
  onProgress: (at: WatchedBlock, tip: ChainTip) => void = () => {},
): Promise<Verified> {
  const folder = mkdtempSync(join(tmpdir(), "tapstake-verify-"));
  try {
    // One view of the first store for the whole comparison. A reader of the store itself would keep a watch from starting.
    const copy = join(folder, "first.db");
    copyStore(path, copy);
    const first = openReader(copy);
    try {
      return await rescan(new ChainStore(first), join(folder, "again.db"), source, onProgress);
    } finally {
      first.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function rescan(
  first: ChainStore,
  again: string,
  source: BlockSource,
  onProgress: (at: WatchedBlock, tip: ChainTip) => void,
): Promise<Verified> {
  const tip = first.tip();
  const settings = settingsOf(first);
  createStore(again, settingsToMeta(settings));
  const second = new ChainStore(openWriter(again));
  try {
    const known = CheckpointStore.coverage(first.sql);
    const coverage = known && known.through === (tip?.hash ?? "") ? known : null;
    const scanner = new Scanner(second, settings, coverage ? [partsOf(coverage)] : []);
    const delegations =
      "SELECT rowid AS place, document FROM delegation WHERE rowid > ? ORDER BY rowid LIMIT ?";
    for (const page of first.sql.pages<{ document: string }>(delegations, PAGE)) {
      scanner.add(page.map(({ document }) => delegationFromJson(document)));
    }
    copyBelow(first, scanner);
    const follower = new Follower(scanner, source, { onProgress, ...(tip && { until: tip }) });
    await follower.check();
    if (tip) {
      while (!(await follower.step()).done) {
        // The next plan of blocks.
      }
    }
    return compare(first, second, coverage);
  } finally {
    second.close();
  }
}

/** How many delegations are read at once. */
const PAGE = 500;

/** What a full scan finds by itself, and what lies below its first block. */
function copyBelow(first: ChainStore, second: Scanner): void {
  const height = second.settings.first;
  second.chain.transaction(() => {
    const { sql } = second.chain;
    for (const event of first.eventsBelow(height)) second.copy(event);
    sql.run("UPDATE delegation SET located = 1");
  });
}

/** Parts of checkpoints as the first store has them: of the blocks that its monitor saw. */
function partsOf({ tag, from }: CheckpointCoverage): WatchMonitor {
  const monitor = checkpointMonitor({ tag: hex.decode(tag, 4, "tag") });
  return {
    name: monitor.name,
    tags: monitor.tags!,
    opened: (context) => monitor.opened!(context),
    connected(connected, context) {
      const isSeen = connected.block.height >= from;
      monitor.connected!(isSeen ? connected : { ...connected, tagged: [] }, context);
    },
    disconnected: (change, context) => monitor.disconnected!(change, context),
  };
}

function compare(first: ChainStore, second: ChainStore, coverage: CheckpointCoverage | null): Verified {
  const events = rowsOf(second, EVENTS);
  const { missing, surplus } = sides(rowsOf(first, EVENTS), events);
  // Of a stake that was learnt late and is spent, a node without an index cannot tell the block.
  const isUnlocated = (each: string) => each.endsWith(" stake delegation");
  const tag = coverage && hex.decode(coverage.tag, 4, "tag");
  const checkpoints = (store: ChainStore, text: string) => (tag ? rowsOf(store, text, tag) : []);
  const parts = checkpoints(second, PARTS);
  const pairs = diff(checkpoints(first, PAIRS), checkpoints(second, PAIRS));
  const stakes = stakesOf(second);
  const differences = [
    ...diff(rowsOf(first, BLOCKS), rowsOf(second, BLOCKS)).map((each) => `block ${each}`),
    ...surplus.map((each) => `event ${each} is not in the chain`),
    ...missing.filter((each) => !isUnlocated(each)).map((each) => `event ${each} is not in the store`),
    ...diff(checkpoints(first, PARTS), parts).map((each) => `checkpoint part ${each}`),
    ...pairs.map((each) => `checkpoint ${each}`),
    ...diff(stakesOf(first), stakes).map((each) => `stake ${each}`),
  ];
  return {
    blocks: first.sql.one<{ n: number }>("SELECT count(*) AS n FROM block")!.n,
    events: events.length,
    stakes: stakes.length,
    unlocated: missing.filter(isUnlocated).length,
    checkpointParts: tag && parts.length,
    differences,
  };
}

const BLOCKS = "SELECT height || ' ' || lower(hex(hash)) || ' ' || staked AS row FROM block ORDER BY height";
const EVENTS = `SELECT height || ' ' || position || ' ' || slot || ' ' || lower(hex(outpoint)) || ' ' || ifnull(leaf, '')
  || ' ' || kind || ' ' || ifnull(origin, '') AS row FROM event ORDER BY height, position, kind, slot`;

const PARTS = `SELECT height || ' ' || position || ' ' || slot || ' ' || lower(hex(data)) || ' ' || lower(hex(txid)) || ' '
  || ifnull(lower(hex(spends)), '') AS row FROM checkpoint_part WHERE tag = ? ORDER BY height, position, slot`;
/** Without verdicts: they follow from the keys that are there. */
const PAIRS = `SELECT epoch || ' ' || lower(hex(hash)) || ' ' || height || ' ' || linked || ' ' || lower(hex(first)) || ' '
  || lower(hex(second)) AS row FROM checkpoint WHERE tag = ? ORDER BY epoch, hash, first, second`;

const rowsOf = (store: ChainStore, text: string, ...cells: readonly Uint8Array[]): string[] =>
  store.sql.all<{ row: string }>(text, ...cells).map(({ row }) => row.trimEnd());

function stakesOf(store: ChainStore): string[] {
  const found: string[] = [];
  const stakes = new StakeStore(store);
  for (let after: string | undefined; ;) {
    const page: WatchedStake[] = stakes.list({ ...(after !== undefined && { after }) });
    for (const { outpoint, origin, life, overflow } of page) {
      // A phase-1 stake that a reorganisation removed stays for audit alone.
      if (origin === "phase1" && life.state === "pending") continue;
      const steps = life.steps.filter(({ name }) => name !== "staked");
      const shown = steps.map(({ name, height, txid }) => `${name} ${height} ${txid}`);
      found.push([outpoint, life.state, life.from, life.into, overflow, ...shown].join(" "));
    }
    if (page.length === 0) return found;
    after = page.at(-1)!.outpoint;
  }
}

function sides(a: readonly string[], b: readonly string[]) {
  const [inA, inB] = [new Set(a), new Set(b)];
  return { missing: b.filter((each) => !inA.has(each)), surplus: a.filter((each) => !inB.has(each)) };
}

function diff(a: readonly string[], b: readonly string[]): string[] {
  const { missing, surplus } = sides(a, b);
  return [
    ...surplus.map((each) => `${each}: only in the store`),
    ...missing.map((each) => `${each}: only in the rescan`),
  ];
}
