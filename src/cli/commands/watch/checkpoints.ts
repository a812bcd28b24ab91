import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Option } from "@commander-js/extra-typings";
import { utf8 } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import type { Network } from "../../../core/network.js";
import { assessCheckpoints } from "../../../watch/checkpoints/assess.js";
import { readBlsValidators } from "../../../watch/checkpoints/keys.js";
import { type CheckpointMonitor, checkpointMonitor } from "../../../watch/checkpoints/monitor.js";
import { readCheckpoints } from "../../../watch/checkpoints/read.js";
import { newCommand } from "../../command.js";
import { UsageError } from "../../errors.js";
import { checkpointsText, type ShownEpoch } from "../../format/checkpoint.js";
import { inFile } from "../../input.js";
import { jsonOption, tagArgument, wholeNumber } from "../../options.js";
import { answer, warn } from "../../output.js";
import { storeOption } from "./options.js";

/** How many epochs are shown without --limit. */
const SHOWN = 50;
/** As the monitor's. */
const PATIENCE = 36;

export const checkpoints = () =>
  newCommand("checkpoints", {
    description: `Shows the checkpoints of the staking chain in the store: of each epoch whether its checkpoint is verified, pending, missing or a fork,
and the alarms that are open. tapstake watch run finds and verifies them.`,
    examples: `
tapstake watch checkpoints
tapstake watch checkpoints --store watch.db --limit 10 --json
`,
    refused: "a path without a store of a watch",
  })
    .addOption(storeOption())
    .addOption(
      new Option("--limit <number>", "the most epochs to show, the newest")
        .argParser(wholeNumber)
        .default(SHOWN),
    )
    .addOption(jsonOption())
    .action(({ store, limit, json }) => {
      const report = readCheckpoints(store);
      const hasKeys = report.checkpoints.some(({ verdict }) => verdict === "verified");
      const options = { tag: report.tag ?? "", patience: PATIENCE, hasKeys };
      const all = assessCheckpoints(report.checkpoints, report.tip?.height ?? -1, options);
      const { checkpoints: candidates, keyFaults, ...rest } = report;
      const epochs: ShownEpoch[] = (limit === 0 ? [] : all.slice(-limit)).map((each) => {
        const reason = each.state === "pending" ? keyFaults[each.epoch] : undefined;
        return { ...each, ...(reason !== undefined && { reason }) };
      });
      const shown = new Set(epochs.map(({ epoch }) => epoch));
      const facts = {
        store,
        ...rest,
        epochs,
        candidates: candidates.filter(({ epoch }) => shown.has(epoch)),
      };
      answer(json === true, facts, () => checkpointsText(report, epochs));
    });

export const checkpointTagOption = () =>
  new Option(
    "--checkpoint-tag <tag>",
    "tag of the chain's checkpoints (default: bbn1 on mainnet, bbt6 on signet)",
  ).argParser(tagArgument);

export const checkpointKeysOption = () =>
  new Option(
    "--checkpoint-keys <dir>",
    "folder of the keys of epochs, as <epoch>.json: the chain's answers to bls_public_keys",
  );

const TAGS: Partial<Record<Network, string>> = { mainnet: "bbn1", signet: "bbt6" };

/**
 * The monitor of checkpoints of a watch; null where the network has no tag, and none is given.
 * @throws UsageError for keys without a tag; TapstakeError `file-error` for a folder that is not there
 */
export function checkpointsOf(
  network: Network,
  tag: Uint8Array | undefined,
  folder: string | undefined,
): CheckpointMonitor | null {
  const published = TAGS[network];
  const chosen = tag ?? (published === undefined ? undefined : utf8(published));
  if (!chosen && folder !== undefined)
    throw new UsageError(
      `--checkpoint-keys on ${network} needs the tag of the checkpoints: give --checkpoint-tag`,
    );
  if (!chosen) return null;
  if (folder === undefined) return checkpointMonitor({ tag: chosen });
  assertFolder(folder);
  const warned = new Set<number | null>();
  return checkpointMonitor({
    tag: chosen,
    keys: (epoch) => keysIn(folder, epoch),
    onTrouble(error, epoch) {
      if (warned.has(epoch)) return;
      warned.add(epoch);
      const what =
        epoch === null ? "checkpoints cannot be verified" : `the keys of epoch ${epoch} cannot be read`;
      warn({
        code: "file-error",
        message: `${what}: ${(error as Error).message}`,
        details: epoch === null ? {} : { epoch },
      });
    },
  });
}

/** A wrong path would leave every checkpoint unverified, and say nothing. */
function assertFolder(path: string): void {
  try {
    readdirSync(path);
  } catch (cause) {
    const { code = "unknown error" } = cause as NodeJS.ErrnoException;
    const text = `cannot read the folder ${path}: ${code}`;
    throw new TapstakeError("file-error", text, { path, code }, { cause });
  }
}

function keysIn(folder: string, epoch: number) {
  const path = join(folder, `${epoch}.json`);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return null;
    throw new TapstakeError("file-error", `cannot read ${path}: ${code}`, { path, code }, { cause: error });
  }
  return inFile(path, () => readBlsValidators(text));
}
