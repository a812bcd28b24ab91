import { createMetrics } from "../../src/signerd/metrics.js";
import { watchMetrics } from "../../src/watch/alarms/metrics.js";
import type { MonitorContext } from "../../src/watch/monitor.js";

/** A metric as Prometheus reads it. */
export interface Metric {
  readonly type: string;
  /** The values of each label that its series have. */
  readonly labels: ReadonlyMap<string, ReadonlySet<string>>;
}

export type Exposition = ReadonlyMap<string, Metric>;

/** What the page of `fp serve` shows. */
export async function signerExposition(): Promise<Exposition> {
  const { registry, lastHeight } = createMetrics({ up: () => true, unlockedKeys: () => 1 });
  lastHeight.set({ key: "ab".repeat(32), chain: "bbn-1" }, 1);
  return parseExposition(await registry.metrics());
}

/** What the page of `watch run` shows, while an alarm of each of these kinds is open. */
export async function watchExposition(kinds: readonly string[]): Promise<Exposition> {
  const health = { state: () => ({ height: 1, lag: 1, tipAge: 1, healthy: true, status: "ok" }) } as const;
  const metrics = watchMetrics(health as never);
  const rows = (text: string) => (text.includes("FROM alarm") ? kinds.map((label) => ({ label, n: 1 })) : []);
  const context = { sql: { all: rows, one: () => ({ since: 1 }) }, tip: () => ({ height: 2 }) };
  metrics.opened?.(context as unknown as MonitorContext);
  const address = await metrics.serve("127.0.0.1:0", { counts: () => ({}) });
  try {
    return parseExposition(await (await fetch(`http://${address}/metrics`)).text());
  } finally {
    await metrics.close();
  }
}

/** Reads the text format, with each name that a query can use: those of a histogram's parts too. */
export function parseExposition(text: string): Exposition {
  const metrics = new Map<string, { type: string; labels: Map<string, Set<string>> }>();
  for (const line of text.split("\n")) {
    const [, typed, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (typed !== undefined) {
      for (const suffix of type === "histogram" ? ["_bucket", "_sum", "_count"] : [""]) {
        metrics.set(`${typed}${suffix}`, { type: type!, labels: new Map() });
      }
    }
    const [, name, labels = ""] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (name === undefined) continue;
    for (const [, label, value] of labels.matchAll(/(\w+)="([^"]*)"/g)) {
      const of = metrics.get(name)!.labels;
      of.set(label!, (of.get(label!) ?? new Set()).add(value!));
    }
  }
  return metrics;
}
