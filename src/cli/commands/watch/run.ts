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
import { Inbox, jsonFilesIn } from "./inbox.js";
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
        onTip: roles.tip,
        onTrouble(error) {
          roles.trouble(error);
          warn(error);
        },
      });
      const delegations = folder === undefined ? undefined : delegationFolder(watch, folder);
      const timer = setInterval(() => void delegations?.read(), FOLDER_EVERY);
      let at: WatchedBlock | null = null;
      const systemd = supervisor({ warn: (facts, text) => note(`${text} (${facts.reason})`) });
      const stopping = new AbortController();
      const stop = async () => {
        if (stopping.signal.aborted) return;
        stopping.abort();
        systemd.stopping("stopping");
        at = watch.tip();
        await delegations?.close();
        await monitor?.stop();
        await roles.close();
        await watch.close();
      };
      const release = onStopRequest(() => void stop());
      try {
        await roles.start(watch);
        delegations?.assertThere();
        systemd.ready(`following ${source.name}`);
        // Thousands of new ones take minutes to verify: the watch and the tower work meanwhile.
        const first = delegations?.read();
        if (untilTip) await first;
        for await (const item of untilTip ? untilTipOf(watch, stopping.signal) : watch) {
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
        await delegations?.close();
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

/** How often a folder is read, in milliseconds. */
const FOLDER_EVERY = 2_000;

/** What happens until the store has the tip, or until the watch is stopped before. */
async function* untilTipOf(watch: Watch, stopping: AbortSignal): AsyncGenerator<WatchItem, void> {
  let seq = watch.seq();
  try {
    await watch.caughtUp();
  } catch (error) {
    if (!stopping.aborted) throw error;
  }
  while (!stopping.aborted) {
    const items = watch.since(seq);
    yield* items;
    if (items.length === 0) return;
    seq = items.at(-1)!.seq;
  }
}

const line = (stake: WatchedStake): string => `${stake.outpoint}  ${viewText(stake)}`;

/** A folder of delegations that is read again and again. */
export interface DelegationFolder {
  /** @throws TapstakeError `file-error` */
  assertThere(): void;
  /** Adds what was not added yet, and counts what is new to the store. A folder that has gone away is a warning, once until it is back. */
  read(): Promise<void>;
  close(): Promise<void>;
}

/** The delegations of a folder. */
export function delegationFolder(watch: Pick<Watch, "add">, folder: string): DelegationFolder {
  let added = 0;
  let isThere = true;
  const inbox = new Inbox((text, path) => {
    added += inFile(path, () => watch.add([delegationFromJson(text)])).length;
  });
  const list = () => {
    try {
      return jsonFilesIn(folder);
    } catch (cause) {
      const { code = "unknown error" } = cause as NodeJS.ErrnoException;
      throw new TapstakeError("file-error", `cannot read the folder ${folder}: ${code}`, {
        path: folder,
        code,
      });
    }
  };
  const listed = () => {
    try {
      const paths = list();
      isThere = true;
      return paths;
    } catch (error) {
      if (isThere) warn(error as TapstakeError);
      isThere = false;
      return [];
    }
  };
  return {
    assertThere: () => void list(),
    async read() {
      await inbox.read(listed);
      if (added > 0) note(`added ${counted(added, "delegation")} from ${folder}`);
      added = 0;
    },
    close: () => inbox.close(),
  };
}
