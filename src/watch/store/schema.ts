/**
 * The tables of a watch. The scanner writes those of the chain in the first half; a watchtower and a checkpoint monitor
 * write those of the second half, in the same transactions (`monitor.ts`).
 *
 * Hashes and txids are 32 bytes in the order of bytes of a transaction, the reverse of what people write. An outpoint is
 * 36 bytes, as an input has it. Keys are x-only. `seq` counts all changes of the store in one sequence.
 */
export const TABLES = {
  /** One row for each fact of the store: network, first height, phase-1 parameters, the last `seq`. */
  meta: "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",

  /** The chain, from the block before the first scanned one. Its highest row is the cursor. */
  block: `CREATE TABLE block (height INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, previous BLOB NOT NULL,
    time INTEGER NOT NULL, bits INTEGER NOT NULL, staked INTEGER NOT NULL) STRICT`,

  /** The transactions of events, once each. `position` is the place in the block. */
  mined: `CREATE TABLE mined (height INTEGER NOT NULL, position INTEGER NOT NULL, txid BLOB NOT NULL,
    raw BLOB NOT NULL, PRIMARY KEY (height, position)) STRICT, WITHOUT ROWID`,

  /** What happened in blocks of the chain. `slot` is the output of a stake, the input of a spend. */
  event: `CREATE TABLE event (seq INTEGER PRIMARY KEY, height INTEGER NOT NULL, position INTEGER NOT NULL,
    slot INTEGER NOT NULL, kind TEXT NOT NULL, outpoint BLOB NOT NULL, leaf TEXT, origin TEXT,
    overflow INTEGER NOT NULL DEFAULT 0, UNIQUE (height, position, kind, slot)) STRICT`,

  /** Events of blocks that a reorganisation removed, for audit. `undone` is the `seq` of the removal. */
  orphan: `CREATE TABLE orphan (undone INTEGER PRIMARY KEY, seq INTEGER NOT NULL, hash BLOB NOT NULL,
    height INTEGER NOT NULL, position INTEGER NOT NULL, slot INTEGER NOT NULL, kind TEXT NOT NULL,
    outpoint BLOB NOT NULL, leaf TEXT, origin TEXT, overflow INTEGER NOT NULL, txid BLOB NOT NULL,
    raw BLOB NOT NULL) STRICT`,

  /** Delegations that were added: the document, by its staking outpoint. `located` is 0 until its block was looked for. */
  delegation: `CREATE TABLE delegation (outpoint BLOB PRIMARY KEY, document TEXT NOT NULL, digest BLOB NOT NULL,
    located INTEGER NOT NULL, at INTEGER NOT NULL) STRICT`,

  /**
   * Every stake, with the fold over its events: made again when one of them changes. `life` is JSON; `opened` is the
   * height of the output that is unspent, from which its time lock runs; the keys are those of its P2TR outputs, and
   * `expands` is the outpoint of the stake that it expands.
   */
  stake: `CREATE TABLE stake (outpoint BLOB PRIMARY KEY, seq INTEGER NOT NULL, origin TEXT NOT NULL,
    value INTEGER NOT NULL, timelock INTEGER NOT NULL, unbonding_time INTEGER NOT NULL, version INTEGER NOT NULL,
    output_key BLOB NOT NULL, unbonding_key BLOB NOT NULL, refund_key BLOB NOT NULL, expands BLOB,
    overflow INTEGER NOT NULL, state TEXT NOT NULL, opened INTEGER, life TEXT NOT NULL) STRICT`,

  /** Who has part in a stake. `role` is staker or provider. */
  stake_key: `CREATE TABLE stake_key (role TEXT NOT NULL, key BLOB NOT NULL, outpoint BLOB NOT NULL,
    PRIMARY KEY (role, key, outpoint)) STRICT, WITHOUT ROWID`,

  /** The outputs of stakes that are or were in the chain: by them a spend finds its stake. */
  stake_output: `CREATE TABLE stake_output (outpoint BLOB PRIMARY KEY, stake BLOB NOT NULL, name TEXT NOT NULL,
    spent INTEGER NOT NULL) STRICT, WITHOUT ROWID`,

  /** What waits in the mempool. It speeds a watchtower up, and is never state: cleared at each start. */
  mempool: `CREATE TABLE mempool (txid BLOB NOT NULL, slot INTEGER NOT NULL, outpoint BLOB NOT NULL, leaf TEXT,
    raw BLOB NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (txid, slot)) STRICT, WITHOUT ROWID`,

  /** Votes that were handed in: two of one key, chain and height for different blocks are evidence. */
  vote: `CREATE TABLE vote (provider BLOB NOT NULL, chain TEXT NOT NULL, height INTEGER NOT NULL,
    digest BLOB NOT NULL, document TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (provider, chain, height, digest)) STRICT, WITHOUT ROWID`,

  /** What shows that a provider's key leaked. Append-only; the secret itself is computed again when it is needed. */
  evidence: `CREATE TABLE evidence (id BLOB PRIMARY KEY, provider BLOB NOT NULL, kind TEXT NOT NULL,
    document TEXT NOT NULL, source TEXT NOT NULL, at INTEGER NOT NULL) STRICT`,

  /** Provider, delegation and output that must be slashed. `state` is judged anew at every block. */
  duty: `CREATE TABLE duty (provider BLOB NOT NULL, stake BLOB NOT NULL, output TEXT NOT NULL,
    evidence BLOB NOT NULL, state TEXT NOT NULL, txid BLOB, height INTEGER, since INTEGER NOT NULL,
    PRIMARY KEY (provider, stake, output)) STRICT, WITHOUT ROWID`,

  /** Broadcasts for duties, and what the node answered; the same answer again makes no row. */
  attempt: `CREATE TABLE attempt (id INTEGER PRIMARY KEY, provider BLOB NOT NULL, stake BLOB NOT NULL,
    output TEXT NOT NULL, txid BLOB NOT NULL, at INTEGER NOT NULL, result TEXT NOT NULL) STRICT`,

  /**
   * Parts of checkpoints (PROTOCOL 9), all of them, for ever. `spends` is the txid of the part 0 with the same checksum
   * that the transaction of a part 1 spends; `epoch` is null where it is beyond 2^53.
   */
  checkpoint_part: `CREATE TABLE checkpoint_part (height INTEGER NOT NULL, position INTEGER NOT NULL,
    slot INTEGER NOT NULL, tag BLOB NOT NULL, part INTEGER NOT NULL, epoch INTEGER, checksum BLOB NOT NULL,
    data BLOB NOT NULL, txid BLOB NOT NULL, spends BLOB,
    PRIMARY KEY (height, position, slot)) STRICT, WITHOUT ROWID`,

  /** Pairs of parts: candidates stand side by side until BLS decides. `first` and `second` are the outpoints of the parts. */
  checkpoint: `CREATE TABLE checkpoint (tag BLOB NOT NULL, epoch INTEGER NOT NULL, hash BLOB NOT NULL,
    checksum BLOB NOT NULL, first BLOB NOT NULL, second BLOB NOT NULL, linked INTEGER NOT NULL,
    height INTEGER NOT NULL, verdict TEXT NOT NULL,
    PRIMARY KEY (tag, epoch, hash, first, second)) STRICT, WITHOUT ROWID`,

  /** Each once, by the digest of its facts. `height` is the block that it rests upon. */
  alarm: `CREATE TABLE alarm (id BLOB PRIMARY KEY, seq INTEGER NOT NULL, kind TEXT NOT NULL, facts TEXT NOT NULL,
    text TEXT NOT NULL, height INTEGER, raised INTEGER NOT NULL, cleared INTEGER) STRICT`,

  /** What must reach a sink at least once: a row is deleted when the sink has taken it. */
  outbox: `CREATE TABLE outbox (id INTEGER PRIMARY KEY, sink TEXT NOT NULL, alarm BLOB NOT NULL,
    body TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, due INTEGER NOT NULL DEFAULT 0,
    UNIQUE (sink, alarm)) STRICT`,
} as const satisfies Readonly<Record<string, string>>;

/** What queries need beside the primary keys. */
export const INDEXES = {
  mined_txid: "CREATE INDEX mined_txid ON mined (txid)",
  event_outpoint: "CREATE INDEX event_outpoint ON event (outpoint)",
  orphan_outpoint: "CREATE INDEX orphan_outpoint ON orphan (outpoint)",
  stake_seq: "CREATE INDEX stake_seq ON stake (seq)",
  stake_expands: "CREATE INDEX stake_expands ON stake (expands) WHERE expands IS NOT NULL",
  stake_state: "CREATE INDEX stake_state ON stake (state)",
  stake_key_outpoint: "CREATE INDEX stake_key_outpoint ON stake_key (outpoint)",
  stake_output_stake: "CREATE INDEX stake_output_stake ON stake_output (stake)",
  mempool_outpoint: "CREATE INDEX mempool_outpoint ON mempool (outpoint)",
  duty_state: "CREATE INDEX duty_state ON duty (state)",
  duty_stake: "CREATE INDEX duty_stake ON duty (stake)",
  attempt_duty: "CREATE INDEX attempt_duty ON attempt (provider, stake, output)",
  checkpoint_part_checksum: "CREATE INDEX checkpoint_part_checksum ON checkpoint_part (checksum)",
  checkpoint_part_txid: "CREATE INDEX checkpoint_part_txid ON checkpoint_part (txid)",
  checkpoint_checksum: "CREATE INDEX checkpoint_checksum ON checkpoint (checksum)",
  checkpoint_verdict: "CREATE INDEX checkpoint_verdict ON checkpoint (verdict, height)",
  alarm_seq: "CREATE INDEX alarm_seq ON alarm (seq)",
} as const satisfies Readonly<Record<string, string>>;

/** The version of the tables, as SQLite's `user_version`. */
export const SCHEMA_VERSION = 2;

/** "tapw", as SQLite's `application_id`. */
export const APPLICATION_ID = 0x74617077;
