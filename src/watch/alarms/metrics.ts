import { Gauge, Registry } from "prom-client";
import { type MetricsPage, serveMetricsPage } from "../../signerd/metrics-page.js";
import type { MonitorContext, WatchMonitor } from "../monitor.js";
import { DUTY_STATES } from "../tower/duties.js";
import { STAKE_VIEWS } from "../types.js";
import type { WatchReader } from "../watch.js";
import type { WatchHealth } from "./health.js";

/** A page for Prometheus and a health check. */
export interface WatchMetrics extends WatchMonitor {
  /**
   * Serves `/metrics` and `/healthz` (200 or 503) without authentication, and so on a loopback address only.
   * @returns the address, with the port that was chosen
   * @throws TapstakeError `insecure-address`, `listen-failed`
   */
  serve(address: string, watch: Pick<WatchReader, "counts">): Promise<string>;
  close(): Promise<void>;
}

/** Metrics of a watch, for `monitors` of `openWatch`. docs/watching.md lists them. */
export function watchMetrics(health: WatchHealth): WatchMetrics {
  const registry = new Registry();
  const registers = [registry];
  let context: MonitorContext | null = null;
  let watch: Pick<WatchReader, "counts"> | null = null;
  const gauge = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    collect: (to: Gauge<Label>) => void,
  ) =>
    new Gauge<Label>({
      name: `tapstake_watch_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        collect(this);
      },
    });
  const count = (text: string) => context?.sql.all<{ label: string; n: number }>(text) ?? [];
  const set = (to: Gauge, value: number | null) => value !== null && to.set(value);

  gauge("height", "The newest block of the store", [], (to) => set(to, health.state().height));
  gauge("lag_blocks", "Blocks that the store is behind its source", [], (to) => set(to, health.state().lag));
  gauge("tip_age_seconds", "Seconds since the time in the header of the newest block", [], (to) =>
    set(to, health.state().tipAge),
  );
  gauge("stakes", "Stakes by state", ["state"], (to) => {
    const counts = watch?.counts() ?? {};
    for (const state of STAKE_VIEWS) to.set({ state }, counts[state]?.stakes ?? 0);
  });
  gauge("duties", "Duties of the watchtower by state", ["state"], (to) => {
    for (const state of DUTY_STATES) to.set({ state }, 0);
    for (const { label, n } of count("SELECT state AS label, count(*) AS n FROM duty GROUP BY 1")) {
      to.set({ state: label }, n);
    }
  });
  gauge(
    "oldest_unmined_duty_blocks",
    "Blocks for which a slashing could be sent and was not mined",
    [],
    (to) => {
      const text = "SELECT min(since) AS since FROM duty WHERE state IN ('ready', 'mempool')";
      const since = context?.sql.one<{ since: number | null }>(text)?.since ?? null;
      to.set(since === null ? 0 : Math.max(0, (context?.tip()?.height ?? since) - since));
    },
  );
  gauge("alarms", "Open alarms by kind", ["kind"], (to) => {
    const text = "SELECT kind AS label, count(*) AS n FROM alarm WHERE cleared IS NULL GROUP BY 1";
    for (const { label, n } of count(text)) to.set({ kind: label }, n);
  });

  let page: MetricsPage | undefined;
  return {
    name: "metrics",
    opened(given) {
      context = given;
    },
    async serve(text, reader) {
      watch = reader;
      const remedy = "give a loopback address (--metrics), and let a proxy publish it";
      page = await serveMetricsPage(text, {
        registry,
        health: () => health.state(),
        option: "--metrics",
        remedy,
      });
      return page.address;
    },
    async close() {
      context = null;
      watch = null;
      const open = page;
      page = undefined;
      await open?.stop();
    },
  };
}
