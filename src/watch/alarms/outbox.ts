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
  /** Returns when each sink was given what is due, up to the first alarm that it does not take. */
  idle(): Promise<void>;
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
  const lines: Line[] = [];
  const running: Promise<void>[] = [];
  return {
    name: "alarms",
    opened(context) {
      for (const sink of sinks) {
        welcome(sink.name, context);
        const line = new Line(sink, context, stop.signal, onTrouble);
        lines.push(line);
        running.push(serve(line, stop.signal));
      }
    },
    async idle() {
      await Promise.all(lines.map(empty));
    },
    async close() {
      stop.abort();
      await Promise.all(running);
    },
  };
}

async function serve(line: Line, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(EVERY, signal);
    await line.deliver();
  }
}

async function empty(line: Line): Promise<void> {
  while (await line.deliver());
}

/** One sink, which gets one alarm at a time. */
class Line {
  readonly #sink: AlarmSink;
  readonly #context: MonitorContext;
  readonly #signal: AbortSignal;
  readonly #onTrouble: (error: TapstakeError) => void;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    sink: AlarmSink,
    context: MonitorContext,
    signal: AbortSignal,
    onTrouble: (error: TapstakeError) => void,
  ) {
    this.#sink = sink;
    this.#context = context;
    this.#signal = signal;
    this.#onTrouble = onTrouble;
  }

  /** Delivers some of what is due, after what is being delivered. @returns whether there can be more */
  deliver(): Promise<boolean> {
    const next = this.#last.then(() => this.#deliver());
    this.#last = next;
    return next;
  }

  async #deliver(): Promise<boolean> {
    if (this.#signal.aborted) return false;
    const { name } = this.#sink;
    try {
      const queued = queue(name, this.#context);
      const delivered = await deliverDue(this.#sink, this.#context, this.#signal);
      return queued + delivered > 0;
    } catch (error) {
      if (this.#signal.aborted) return false;
      const text = `the alarms for ${name} are late: ${(error as Error).message}`;
      this.#onTrouble(new TapstakeError("alarm-undelivered", text, { sink: name }, { cause: error }));
      return false;
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

/** Moves new alarms into the outbox, with the number up to which it has them, in one commit. @returns how many */
function queue(sink: string, { sql, transaction }: MonitorContext): number {
  const text = "SELECT * FROM alarm WHERE seq > ? ORDER BY seq LIMIT 500";
  const rows = sql.all<AlarmRow>(text, seenBy(sink, sql) ?? 0);
  if (rows.length === 0) return 0;
  transaction(() => {
    for (const row of rows) put(sink, row, sql);
    remember(sink, rows.at(-1)!.seq, sql);
  });
  return rows.length;
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

/** @returns how many the sink took */
async function deliverDue(sink: AlarmSink, context: MonitorContext, signal: AbortSignal): Promise<number> {
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
    if (signal.aborted) return 0;
    context.transaction(() => {
      if (failure === undefined) sql.run("DELETE FROM outbox WHERE id = ?", id);
      else {
        const wait = Math.min(2 ** attempts, LONGEST_WAIT);
        sql.run("UPDATE outbox SET attempts = attempts + 1, due = ? WHERE id = ?", now() + wait, id);
      }
    });
    if (failure !== undefined) throw failure;
  }
  return due.length;
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
