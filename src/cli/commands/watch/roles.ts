import { statSync } from "node:fs";
import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import type { ChainTip } from "../../../chain/access.js";
import { TapstakeError } from "../../../core/errors.js";
import { evidenceFromJson } from "../../../extract/evidence.js";
import { parseAddress } from "../../../signer-client/endpoint.js";
import { watchHealth } from "../../../watch/alarms/health.js";
import { type AlarmSink, alarmOutbox } from "../../../watch/alarms/outbox.js";
import { commandSink, webhookSink } from "../../../watch/alarms/sinks.js";
import type { WatchMonitor } from "../../../watch/monitor.js";
import type { StoreSettings } from "../../../watch/settings.js";
import { followChainEvidence } from "../../../watch/tower/staking-chain.js";
import { type Watchtower, watchtower } from "../../../watch/tower/tower.js";
import type { WatchedBlock } from "../../../watch/types.js";
import type { WatchReader } from "../../../watch/watch.js";
import { type ChainOptions, openChain } from "../../chain.js";
import { UsageError } from "../../errors.js";
import { inFile } from "../../input.js";
import { openLcd } from "../../lcd.js";
import { note, warn } from "../../output.js";
import { comparedSource, comparison } from "./compare.js";
import { Inbox, jsonFilesIn } from "./inbox.js";

export const towerOption = () =>
  new Option("--tower", "slash the stakes of providers whose keys leaked, by the server of the blocks");

export const evidenceOption = () =>
  new Option("--evidence <path...>", "files or folders (*.json) with double votes; includes --tower");

export const alarmCommandOption = () =>
  new Option("--alarm-command <command>", "run a shell command for each alarm, which is JSON on its input");

export const webhookOption = () => new Option("--webhook <url>", "post each alarm as JSON");

export const metricsOption = () =>
  new Option(
    "--metrics <address>",
    "loopback address for /metrics and /healthz, such as 127.0.0.1:2114",
  ).argParser(listenAddress);

function listenAddress(text: string): string {
  try {
    parseAddress(text);
    return text;
  } catch {
    throw new InvalidArgumentError(
      "It must be host:port with a port from 0 to 65535, such as 127.0.0.1:2114.",
    );
  }
}

interface RoleOptions extends ChainOptions {
  readonly tower?: true | undefined;
  readonly evidence?: string[] | undefined;
  readonly lcd?: string | undefined;
  readonly alarmCommand?: string | undefined;
  readonly webhook?: string | undefined;
  readonly metrics?: string | undefined;
  readonly compare?: string | undefined;
}

/** What a watch does beside scanning. */
export interface Roles {
  readonly isTower: boolean;
  readonly monitors: readonly WatchMonitor[];
  progress(at: WatchedBlock, tip: ChainTip): void;
  tip(tip: ChainTip): void;
  trouble(error: TapstakeError): void;
  /** Begins what needs an open watch. @throws TapstakeError `insecure-address`, `listen-failed` */
  start(watch: Pick<WatchReader, "counts">): Promise<void>;
  /** Returns when the tower has sent what it can, the second source was asked, and the sinks were given all alarms. */
  idle(): Promise<void>;
  /** Before the watch closes. */
  close(): Promise<void>;
}

/**
 * The roles that the options name.
 * @throws UsageError; TapstakeError the codes of `openChain` and `openLcd`
 */
export async function openRoles(options: RoleOptions, { network }: StoreSettings): Promise<Roles> {
  const { evidence = [], alarmCommand, webhook, metrics, compare: second } = options;
  const isTower = options.tower === true || evidence.length > 0;
  if (options.lcd !== undefined && !isTower)
    throw new UsageError("--lcd is where the tower gets evidence: give --tower too");
  const compared = second === undefined ? undefined : comparedSource(second, network);
  const answers = (await compared?.open()) ?? false;
  const health = watchHealth(compared && { compare: compared });
  const compare = compared && comparison(health, answers);
  const chain = isTower ? await openChain(options, network) : undefined;
  const trouble = (error: Error) => {
    if (error instanceof TapstakeError) warn(error);
    // Its text could hold anything.
    else warn({ code: "self-check-failed", message: `the tower met an error of its own: ${error.name}` });
  };
  const tower = chain && watchtower({ node: chain, onTrouble: trouble });
  const inbox = tower && evidenceInbox(tower);
  const lcd = tower && (await openLcd({ lcd: options.lcd, network }));
  const log: AlarmSink = {
    name: "log",
    deliver: async ({ kind, text }) => note(`alarm ${kind}: ${text}`),
  };
  const sinks = [
    log,
    ...(alarmCommand === undefined ? [] : [commandSink(alarmCommand)]),
    ...(webhook === undefined ? [] : [webhookSink(webhook)]),
  ];
  const alarms = alarmOutbox(sinks, warn);
  const page =
    metrics === undefined
      ? undefined
      : (await import("../../../watch/alarms/metrics.js")).watchMetrics(health);
  const closing: (() => Promise<void> | void)[] = [() => health.close(), () => alarms.close()];
  return {
    isTower,
    monitors: [...(tower ? [tower] : []), health, alarms, ...(page ? [page] : [])],
    progress(at, tip) {
      health.progress(at, tip);
      if (at.hash === tip.hash) void compare?.();
    },
    tip: (tip) => health.tip(tip),
    trouble: (error) => health.trouble(error),
    async start(watch) {
      if (page) {
        closing.push(() => page.close());
        const address = await page.serve(metrics!, watch);
        note(`metrics at http://${address}/metrics`);
      }
      if (!tower) return;
      note(`the watchtower sends slashings to ${chain.url}`);
      const read = () => void inbox!.read(() => evidence.flatMap((path) => filesOf(path, inbox!)));
      read();
      const timer = setInterval(read, READ_EVERY);
      closing.push(
        () => tower.close(),
        () => inbox!.close(),
        () => clearInterval(timer),
      );
      if (!lcd) return;
      const follower = followChainEvidence({ chain: lcd.chain, tower, onTrouble: warn });
      closing.push(() => follower.close());
    },
    async idle() {
      await inbox?.idle();
      await tower?.idle();
      await compare?.();
      await alarms.idle();
    },
    async close() {
      for (const each of closing.splice(0).toReversed()) await each();
      await tower?.close();
    },
  };
}

/** How often files of evidence are read, in milliseconds. */
const READ_EVERY = 2_000;

/** Takes files of evidence; each content once. */
export function evidenceInbox(tower: Pick<Watchtower, "addEvidence">): Inbox {
  return new Inbox((text, file) => {
    const evidence = inFile(file, () => evidenceFromJson(text));
    const id = tower.addEvidence(evidence, file);
    note(`evidence ${id.slice(0, 16)} from ${file}`);
  });
}

function filesOf(path: string, inbox: Inbox): string[] {
  try {
    return statSync(path).isDirectory() ? jsonFilesIn(path) : [path];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const later = `cannot read ${path}: no such file or folder. Evidence is read from it once it exists`;
    inbox.fault(path, code === "ENOENT" ? new TapstakeError("file-error", later, { path, code }) : error);
    return [];
  }
}
