import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Option } from "@commander-js/extra-typings";
import { TapstakeError } from "../../../core/errors.js";
import { counted } from "../../../core/text.js";
import { delegationFromJson } from "../../../delegation/json.js";
import { supervisor } from "../../../signerd/supervisor.js";
import { openReader } from "../../../watch/store/open.js";
import { readEvidence } from "../../../watch/tower/evidence.js";
import type { WatchedBlock, WatchedStake, WatchItem } from "../../../watch/types.js";
import { openStoreReader, openWatch, type Watch } from "../../../watch/watch.js";
import { newCommand } from "../../command.js";
import { viewText } from "../../format/watch.js";
import { inFile } from "../../input.js";
import { esploraOption, jsonOption, lcdOption, rpcAuthOption, rpcOption } from "../../options.js";
import { note, say, toJson, warn } from "../../output.js";
import { onStopRequest } from "../../stop-request.js";
import { compareOption } from "./compare.js";
import { checkpointKeysOption, checkpointsOf, checkpointTagOption } from "./checkpoints.js";
import { blocksOption, noRestOption, openSource, storeOption } from "./options.js";
import {
  alarmCommandOption,
  evidenceOption,
  metricsOption,
  openRoles,
  towerOption,
  webhookOption,
} from "./roles.js";
import { scanProgress } from "./progress.js";

export const runCommand = () =>
  newCommand("run", {
    description: `Follows the source until it is stopped, and prints each change of a stake: a line for people, or with --json an object
a line. The next start goes on where this one ended. --folder is read every two seconds. With --tower or --evidence it
slashes the stakes of providers whose keys leaked, again at every block until that is mined. It keeps no key.`,
    examples: `
tapstake watch run --rpc http://127.0.0.1:8332 --rpc-auth-file ~/.bitcoin/.cookie
tapstake watch run --esplora https://blockstream.info/api --folder delegations/ --json
tapstake watch run --until-tip     # stops when it has caught up
tapstake watch run --evidence evidence/ --folder delegations/ --alarm-command ./page-me
`,
    refused: "another network, pruned blocks, a full disk, or another process that writes",
  })
    .addOption(storeOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(noRestOption())
    .addOption(blocksOption())
    .addOption(new Option("--folder <dir>", "folder of delegations to watch, as *.json"))
    .addOption(new Option("--until-tip", "stop once the tip of the source is in the store"))
    .addOption(checkpointTagOption())
    .addOption(checkpointKeysOption())
    .addOption(towerOption())
    .addOption(evidenceOption())
    .addOption(lcdOption())
    .addOption(alarmCommandOption())
    .addOption(webhookOption())
    .addOption(compareOption())
    .addOption(metricsOption())
    .addOption(jsonOption())
    .action(async ({ store, folder, untilTip, checkpointTag, checkpointKeys, json, ...options }) => {
      const settings = settingsAt(store);
      const source = await openSource(options, settings);
      const monitor = checkpointsOf(settings.network, checkpointTag, checkpointKeys);
      const roles = await openRoles(options, settings);
      if (!roles.isTower && hasEvidence(store))
        note("the store has evidence of a leaked key, and this watch sends no slashing: give --tower");
      const progress = await scanProgress();
      const watch = await openWatch({
        source,
        store,
        monitors: [...(monitor ? [monitor] : []), ...roles.monitors],
        onProgress(at, tip) {
          progress.update(at, tip);
          roles.progress(at, tip);
        },
        onTrouble(error) {
          roles.trouble(error);
          warn(error);
        },
      });
      const seen = new Set<string>();
      const readFolder = () => folder !== undefined && addFolder(watch, folder, seen);
      const timer = setInterval(whileThere(readFolder), FOLDER_EVERY);
      let at: WatchedBlock | null = null;
      const systemd = supervisor({ warn: (facts, text) => note(`${text} (${facts.reason})`) });
      const stop = async () => {
        systemd.stopping("stopping");
        at = watch.tip();
        await monitor?.stop();
        await roles.close();
        await watch.close();
      };
      const release = onStopRequest(() => void stop());
      try {
        await roles.start(watch);
        readFolder();
        systemd.ready(`following ${source.name}`);
        for await (const item of untilTip ? untilTipOf(watch) : watch) {
          if (json) say(toJson(item, 0));
          else if (item.kind === "stake") say(line(item.stake));
        }
        if (untilTip) {
          await monitor?.settled();
          await roles.idle();
          await stop();
        }
      } finally {
        clearInterval(timer);
        progress.stop();
        release();
        await monitor?.stop();
        await roles.close();
        await watch.close();
      }
      if (at) note(`stopped at block ${(at as WatchedBlock).height}`);
    });

function settingsAt(store: string) {
  const reader = openStoreReader(store);
  const { settings } = reader;
  reader.close();
  return settings;
}

function hasEvidence(store: string): boolean {
  const reader = openReader(store);
  try {
    return readEvidence(reader.sql).length > 0;
  } finally {
    reader.close();
  }
}

/** A folder that goes away while the watch runs ends nothing: a warning says so, once until it is back. */
function whileThere(read: () => void): () => void {
  let isThere = true;
  return () => {
    try {
      read();
      isThere = true;
    } catch (error) {
      if (!(error instanceof TapstakeError)) throw error;
      if (isThere) warn(error);
      isThere = false;
    }
  };
}

/** How often a folder is read, in milliseconds. */
const FOLDER_EVERY = 2_000;

/** What happens until the store has the tip. */
async function* untilTipOf(watch: Watch): AsyncGenerator<WatchItem, void> {
  let seq = watch.seq();
  try {
    await watch.caughtUp();
  } catch (error) {
    // Stopped before it has caught up.
    if (error instanceof TapstakeError && error.code === "cancelled") return;
    throw error;
  }
  for (;;) {
    const items = watch.since(seq);
    yield* items;
    if (items.length === 0) return;
    seq = items.at(-1)!.seq;
  }
}

const line = (stake: WatchedStake): string => `${stake.outpoint}  ${viewText(stake)}`;

/**
 * Adds the delegations of a folder that were not added yet, and counts what is new to the store. What is wrong with a file is a warning, given once; what is
 * wrong with the store is one each time, as the file is tried again.
 */
export function addFolder(watch: Pick<Watch, "add">, folder: string, seen: Set<string>): void {
  let added = 0;
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  } catch (cause) {
    const { code = "unknown error" } = cause as NodeJS.ErrnoException;
    throw new TapstakeError("file-error", `cannot read the folder ${folder}: ${code}`, {
      path: folder,
      code,
    });
  }
  for (const name of names) {
    const path = join(folder, name);
    try {
      const text = readFileSync(path, "utf8");
      const read = `${name}\n${text}`;
      if (seen.has(read)) continue;
      seen.add(read);
      try {
        added += inFile(path, () => watch.add([delegationFromJson(text)])).length;
      } catch (error) {
        if (error instanceof TapstakeError && error.code === "store-unwritable") seen.delete(read);
        throw error;
      }
    } catch (error) {
      const isOurs = error instanceof TapstakeError;
      warn(
        isOurs ? error : { code: "file-error", message: `cannot read ${path}: ${(error as Error).message}` },
      );
    }
  }
  if (added > 0) note(`added ${counted(added, "delegation")} from ${folder}`);
}
