import { TapstakeError } from "../../core/errors.js";
import { hex } from "../../core/bytes.js";
import type { MonitorContext, WatchMonitor } from "../monitor.js";
import { pause } from "../pause.js";
import type { Sql } from "../store/sql.js";

/** An alarm as a sink gets it. The same alarm has the same id each time: a sink can drop what it had before. */
export interface Alarm {
  /** The digest of kind and facts, in hexadecimal. */
  readonly id: string;
  /** For example `double-vote`. docs/watching.md lists them. */
  readonly kind: string;
  readonly facts: Readonly<Record<string, unknown>>;
  /** One sentence for a person. */
  readonly text: string;
  /** The block that it rests upon; null where it rests upon none. */
  readonly height: number | null;
  /** Seconds since 1970. */
  readonly raised: number;
}

/** Takes alarms: a log, a command, a webhook. */
export interface AlarmSink {
  /** Its own among the sinks of a store: under this name the store keeps what the sink has not taken yet. */
  readonly name: string;
  /** Resolves when the alarm was taken; when it throws, the alarm comes again later. */
  deliver(alarm: Alarm, signal: AbortSignal): Promise<void>;
}

/** A monitor that brings every alarm of the store to every sink at least once, also after a kill. Close it before the watch. */
export interface AlarmOutbox extends WatchMonitor {
  close(): Promise<void>;
}

/** How often the store is asked for new alarms, in milliseconds. */
const EVERY = 500;
/** The longest time between two attempts, in seconds. */
const LONGEST_WAIT = 600;

/** Makes an outbox, for `monitors` of `openWatch`. */
export function alarmOutbox(
  sinks: readonly AlarmSink[],
  onTrouble: (error: TapstakeError) => void = () => {},
): AlarmOutbox {
  const stop = new AbortController();
  const running: Promise<void>[] = [];
  return {
    name: "alarms",
    opened(context) {
      for (const sink of sinks) {
        welcome(sink.name, context);
        running.push(serve(sink, context, stop.signal, onTrouble));
      }
    },
    async close() {
      stop.abort();
      await Promise.all(running);
    },
  };
}

async function serve(
  sink: AlarmSink,
  context: MonitorContext,
  signal: AbortSignal,
  onTrouble: (error: TapstakeError) => void,
): Promise<void> {
  for (;;) {
    await pause(EVERY, signal);
    if (signal.aborted) return;
    try {
      queue(sink.name, context);
      await deliverDue(sink, context, signal);
    } catch (error) {
      if (signal.aborted) return;
      const { message } = error as Error;
      const text = `the alarms for ${sink.name} are late: ${message}`;
      onTrouble(new TapstakeError("alarm-undelivered", text, { sink: sink.name }, { cause: error }));
    }
  }
}

interface AlarmRow {
  readonly id: Uint8Array;
  readonly seq: number;
  readonly kind: string;
  readonly facts: string;
  readonly text: string;
  readonly height: number | null;
  readonly raised: number;
  readonly cleared: number | null;
}

/** A new sink gets what is open; within the transaction of the opening. */
function welcome(sink: string, { sql }: MonitorContext): void {
  if (seenBy(sink, sql) !== null) return;
  const rows = sql.all<AlarmRow>("SELECT * FROM alarm ORDER BY seq");
  for (const row of rows) if (row.cleared === null) put(sink, row, sql);
  remember(sink, rows.at(-1)?.seq ?? 0, sql);
}

/** Moves new alarms into the outbox, with the number up to which it has them, in one commit. */
function queue(sink: string, { sql, transaction }: MonitorContext): void {
  const text = "SELECT * FROM alarm WHERE seq > ? ORDER BY seq LIMIT 500";
  const rows = sql.all<AlarmRow>(text, seenBy(sink, sql) ?? 0);
  if (rows.length === 0) return;
  transaction(() => {
    for (const row of rows) put(sink, row, sql);
    remember(sink, rows.at(-1)!.seq, sql);
  });
}

function put(sink: string, row: AlarmRow, sql: Sql): void {
  const text = "INSERT INTO outbox (sink, alarm, body) VALUES (?, ?, ?) ON CONFLICT (sink, alarm) DO NOTHING";
  sql.run(text, sink, row.id, JSON.stringify(alarmOf(row)));
}

/** The number of the last alarm that the outbox of a sink has; null for a new sink. */
function seenBy(sink: string, sql: Sql): number | null {
  const row = sql.one<{ value: string }>("SELECT value FROM meta WHERE name = ?", `outbox ${sink}`);
  return row ? Number(row.value) : null;
}

function remember(sink: string, seq: number, sql: Sql): void {
  const text = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
  sql.run(text, `outbox ${sink}`, String(seq));
}

async function deliverDue(sink: AlarmSink, context: MonitorContext, signal: AbortSignal): Promise<void> {
  const { sql } = context;
  const due = sql.all<{ id: number; body: string; attempts: number }>(
    "SELECT id, body, attempts FROM outbox WHERE sink = ? AND due <= ? ORDER BY id LIMIT 100",
    sink.name,
    now(),
  );
  for (const { id, body, attempts } of due) {
    let failure: unknown;
    try {
      await sink.deliver(JSON.parse(body) as Alarm, signal);
    } catch (error) {
      failure = error;
    }
    // After a stop, the store may be closed: the next start delivers it again.
    if (signal.aborted) return;
    context.transaction(() => {
      if (failure === undefined) sql.run("DELETE FROM outbox WHERE id = ?", id);
      else {
        const wait = Math.min(2 ** attempts, LONGEST_WAIT);
        sql.run("UPDATE outbox SET attempts = attempts + 1, due = ? WHERE id = ?", now() + wait, id);
      }
    });
    if (failure !== undefined) throw failure;
  }
}

/** The alarms of a store, the newest first. @param all also those that were cleared */
export function readAlarms(sql: Sql, all = false): (Alarm & { readonly isOpen: boolean })[] {
  return sql
    .all<AlarmRow>(`SELECT * FROM alarm ${all ? "" : "WHERE cleared IS NULL"} ORDER BY seq DESC`)
    .map((row) => ({ ...alarmOf(row), isOpen: row.cleared === null }));
}

function alarmOf({ id, kind, facts, text, height, raised }: AlarmRow): Alarm {
  return {
    id: hex.encode(id),
    kind,
    facts: JSON.parse(facts) as Record<string, unknown>,
    text,
    height,
    raised,
  };
}

const now = (): number => Math.floor(Date.now() / 1000);
