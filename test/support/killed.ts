import { spawnSync } from "node:child_process";
import fs, { type BigIntStats } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { bundled } from "./bundled.js";
import { isLong, randomOf, some } from "./runs.js";

/** What is done in a home: by a mode of killed.mjs, or by a command of `tapstake`. */
export type Deed = readonly [mode: "init" | "vote" | "votes" | "command", ...args: string[]];

/** A home as a deed left it that was killed before one of its steps, and what it had printed. */
export interface Killed {
  readonly path: string;
  readonly printed: string;
}

/**
 * What a deed leaves that is killed before each of its steps: one run of it is recorded, and the home is rebuilt as it
 * was before a step, and as it was while SQLite wrote between two. Before some steps it is really killed. A long run takes
 * all steps. Another one takes the first, the last and those that its seed draws, and kills before one of them.
 */
export function* killedAtEachStep(
  begin: () => string,
  deed: Deed,
  env: Readonly<Record<string, string>> = {},
): Generator<Killed> {
  const path = begin();
  const recordings = fs.mkdtempSync(join(tmpdir(), "tapstake-steps-"));
  try {
    const { status, stderr } = spawned(recordings, path, deed, env);
    expect(status, stderr).toBe(0);
    const steps = fs.readdirSync(recordings).filter((name) => name.endsWith(".json")).length;
    expect(steps).toBeGreaterThan(8);
    const all = Array.from({ length: steps }, (_, i) => recordingAt(recordings, i + 1));
    for (const [i, recording] of some([...all.entries()], REPLAYED)) {
      yield rebuilt(path, recording);
      const torn = all[i + 1] && tornBetween(recording, all[i + 1]!);
      if (torn) yield rebuilt(path, torn);
    }
    for (const n of reallyKilled(steps, deed)) {
      const home = begin();
      const { signal, stdout } = spawned(String(n), home, deed, env);
      expect(signal).toBe("SIGKILL");
      yield { path: home, printed: stdout };
    }
  } finally {
    fs.rmSync(recordings, { recursive: true });
  }
}

/** How many steps are replayed beside the first and the last, except in a long run. */
const REPLAYED = 6;

function reallyKilled(steps: number, deed: Deed): readonly number[] {
  if (isLong) return Array.from({ length: steps }, (_, i) => i + 1);
  return [1 + randomOf(deed.join(" ")).below(steps)];
}

interface Recording {
  readonly printed: string;
  readonly entries: readonly (RecordedFile | { readonly path: string; readonly mode: number })[];
}

interface RecordedFile {
  readonly path: string;
  readonly mode: number;
  readonly content: string;
  /** The number of the file, and when that was given to it, by which a home knows that it was not copied. */
  readonly place: readonly [ino: string, birthtimeNs: string];
}

const recordingAt = (recordings: string, n: number) =>
  JSON.parse(fs.readFileSync(join(recordings, `${n}.json`), "utf8")) as Recording;

/**
 * Between two steps SQLite writes on its own: where its log has grown, a process that is killed meanwhile leaves any part
 * of what came to it. Undefined where it has not.
 */
function tornBetween(before: Recording, after: Recording): Recording | undefined {
  const logOf = ({ entries }: Recording) =>
    entries.find((entry): entry is RecordedFile => "content" in entry && entry.path.endsWith("-wal"));
  const [old, grown] = [logOf(before), logOf(after)];
  if (!old || !grown) return undefined;
  const [from, to] = [old, grown].map(({ content }) => Buffer.from(content, "base64")) as [Buffer, Buffer];
  if (to.length <= from.length || !to.subarray(0, from.length).equals(from)) return undefined;
  const cut = from.length + torn.below(to.length - from.length);
  const log = { ...old, content: to.subarray(0, cut).toString("base64") };
  return { ...before, entries: before.entries.map((entry) => (entry === old ? log : entry)) };
}

const torn = randomOf("torn");

/** Makes the home anew as it was recorded. */
function rebuilt(path: string, { printed, entries }: Recording): Killed {
  fs.rmSync(path, { recursive: true, force: true });
  const names = new Map<string, string>();
  for (const entry of entries) {
    const to = join(path, entry.path);
    if (!("content" in entry)) fs.mkdirSync(to);
    else {
      const [ino, birthtimeNs] = entry.place;
      if (names.has(ino)) fs.linkSync(names.get(ino)!, to);
      else fs.writeFileSync(to, Buffer.from(entry.content, "base64"));
      names.set(ino, to);
      const made = statsOf(to, { bigint: true });
      places.set(placeOf(made), { ino: BigInt(ino), birthtimeNs: BigInt(birthtimeNs) });
    }
    fs.chmodSync(to, entry.mode);
  }
  return { path, printed };
}

// A file that was rebuilt is known as the recorded one was: else the home would take itself for a copy.
const places = new Map<string, Pick<BigIntStats, "ino" | "birthtimeNs">>();
const placeOf = ({ ino, birthtimeNs }: BigIntStats) => `${ino} ${birthtimeNs}`;
const statsOf = fs.lstatSync;
(fs as { lstatSync: typeof statsOf }).lstatSync = ((...args: Parameters<typeof statsOf>) => {
  const stats = statsOf(...args);
  return stats && typeof stats.ino === "bigint"
    ? Object.assign(stats, places.get(placeOf(stats as unknown as BigIntStats)))
    : stats;
}) as typeof statsOf;
syncBuiltinESMExports();

function spawned(stop: string, path: string, deed: Deed, env: Readonly<Record<string, string>>) {
  const command = [bundled(new URL("killed.mjs", import.meta.url)), stop, path, ...deed];
  return spawnSync(process.execPath, command, { encoding: "utf8", env: { ...process.env, ...env } });
}
