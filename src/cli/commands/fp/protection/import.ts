import { Command } from "@commander-js/extra-typings";
import { hex } from "../../../../core/bytes.js";
import { TapstakeError } from "../../../../core/errors.js";
import { openHome } from "../../../../finality/home.js";
import { floorOf } from "../../../../finality/protection/decide.js";
import { type ImportPreview, previewImport } from "../../../../finality/protection/import.js";
import type { ReadInterchange } from "../../../../finality/protection/interchange.js";
import { readInterchange } from "../../../../finality/protection/stream.js";
import { jsonOption } from "../../../arguments.js";
import { UsageError } from "../../../errors.js";
import { readChunks } from "../../../files.js";
import { helpText, paragraphs } from "../../../help.js";
import { answer, tell } from "../../../output.js";
import { importFacts, importText, previewText } from "../../../protection-text.js";
import { homeOption, isWatched, mustType, yesOption } from "../../../secrets.js";
import { withProtection } from "../../../signer.js";

const DESCRIPTION = `Merges a history of votes into what the home remembers: all of it, or nothing when the file is not right.

It only ever forbids more: marks are raised and never lowered, votes are added and never removed, and a vote of which
the file does not say what it was for blocks its height. The file is what tapstake fp protection export writes;
docs/protection.md describes it, for those who come from another signer.

Where nothing is known of a key here, the key begins to vote on the file's word alone: whatever it signed after the
file was written, anywhere, is not known. That is shown and has to be confirmed, by typing the highest height that the
file knows of, or with --yes.`;

/** Four million votes: more than a year of one each ten seconds, and what is older can be pruned. */
const MAX_MEGABYTES = 1024;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home
echo '{
  "metadata": {
    "format": "tapstake-protection",
    "version": 1,
    "exportedAt": "2026-01-01T00:00:00.000Z"
  },
  "data": [
    {
      "key": "21ed83cac3dc51752ef004425b6bda2ddabeaaa3294ecf4ed596d25f863ac4c7",
      "chain": "bsn-1",
      "lowest": "5000",
      "highest": "5001",
      "votes": [{ "height": "5001" }]
    }
  ]
}' > history.json
tapstake fp protection import history.json --yes
tapstake fp protection show
`,
  refused: "not a history, another signer runs, another vote for a height, or not confirmed",
});

export function command() {
  return new Command("import")
    .description(paragraphs(DESCRIPTION))
    .argument("<file>", "the history (JSON); - for standard input")
    .addOption(yesOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (path, options) => {
      const history = await historyIn(path);
      await withProtection(openHome(options.home), async (protection) => {
        if (options.yes !== true) await mustAgreeToBeginnings(history, previewImport(protection, history));
        const imported = protection.importInterchange(history);
        answer(options.json === true, { imported: importFacts(imported) }, importText);
        const conflicts = imported.flatMap((one) => one.conflicts);
        if (conflicts.length > 0) throw conflict(conflicts);
      });
    });
}

/** A history that is none is told of with its file's name. */
async function historyIn(path: string): Promise<ReadInterchange> {
  try {
    return await readInterchange(readChunks(path, MAX_MEGABYTES));
  } catch (error) {
    const isRead = error instanceof TapstakeError && error.code !== "file-error";
    if (!isRead) throw error;
    const name = path === "-" ? "standard input" : path;
    throw new TapstakeError(error.code, `${name}: ${error.message}`, error.details, { cause: error });
  }
}

/**
 * That a key never voted, or not after the export, cannot be checked here, and every copy of a file says so that is
 * older than the last vote.
 * @throws TapstakeError `cancelled`; UsageError when there is nobody to ask
 */
async function mustAgreeToBeginnings(
  { exportedAt }: ReadInterchange,
  previews: readonly ImportPreview[],
): Promise<void> {
  const beginnings = previews.filter(({ begins }) => begins).map(beginningOf);
  if (beginnings.length === 0) return;
  const when = exportedAt === undefined ? "at a time that it does not say" : `at ${exportedAt}`;
  if (!isWatched()) throw unconfirmed(beginnings, when);
  tell(`${previewText(previews)}\n`);
  for (const { key, chain, from, highest, typed } of beginnings) {
    const [says, message] =
      highest === null
        ? [`never voted on ${chain}`, "Type the height to begin there"]
        : [`voted on ${chain} up to height ${highest}`, "Type the highest height of the file"];
    await mustType(typed, {
      warning: `The file was written ${when} and says that ${key} ${says}: from height ${from} on, it will vote there. What it signed after that, on any machine, is not known here: if it voted for ${from} or above, it loses its stake.`,
      message,
    });
  }
}

interface Beginning {
  readonly key: string;
  readonly chain: string;
  /** The first height of which the file knows nothing. */
  readonly from: bigint;
  readonly highest: bigint | null;
  /** What shows that somebody has read it. */
  readonly typed: string;
}

function beginningOf({ key, chainId, after }: ImportPreview): Beginning {
  const { highWatermark: highest } = after!;
  const typed = `${highest ?? after!.lowWatermark}`;
  return { key: hex.encode(key), chain: chainId, from: floorOf(after!), highest, typed };
}

function unconfirmed(beginnings: readonly Beginning[], when: string): UsageError {
  const which = beginnings.map(
    ({ key, chain, from, highest }) =>
      `${key} on ${chain}, ${highest === null ? "without a vote" : `the highest vote ${highest}`}, from height ${from} on`,
  );
  return new UsageError(
    `nobody to ask: keys of which nothing is known here would begin on the word of a file that was written ${when}: ${which.join("; ")}. ` +
      "What they signed after that, anywhere, is not known: if they voted there, they lose their stake. Give --yes if you are certain that they did not",
  );
}

/** The history is merged all the same: the heights are blocked now. But someone has to know. */
function conflict(heights: readonly bigint[]): TapstakeError {
  const shown = heights.slice(0, 10).join(", ") + (heights.length > 10 ? ", …" : "");
  return new TapstakeError(
    "double-vote",
    `the history was merged, but it holds other votes than this home at ${heights.length === 1 ? "height" : "heights"} ${shown}: ` +
      "the key voted twice there, and whoever sees both votes has it. Both are blocked now. Find out whether both reached anyone; " +
      "if they did, the key is lost: tell those who delegated to it",
    { heights: heights.slice(0, 100).map(String) },
  );
}
