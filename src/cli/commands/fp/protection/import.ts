import { Command } from "@commander-js/extra-typings";
import { hex } from "../../../../core/bytes.js";
import { TapstakeError } from "../../../../core/errors.js";
import { parseJson } from "../../../../core/json.js";
import { type ImportPreview, previewImport } from "../../../../finality/import-preview.js";
import { jsonOption } from "../../../arguments.js";
import { UsageError } from "../../../errors.js";
import { readText } from "../../../files.js";
import { helpText, paragraphs } from "../../../help.js";
import { answer, tell } from "../../../output.js";
import { importFacts, importText, previewText } from "../../../protection-text.js";
import { makeHome, homeOption, isWatched, mustType, yesOption } from "../../../secrets.js";
import { withProtection } from "../../../signer.js";

const DESCRIPTION = `Merges a history of votes into what the home remembers: all of it, or nothing when the file is not right.

It only ever forbids more: marks are raised and never lowered, votes are added and never removed, and a vote of which
the file does not say what it was for blocks its height. The file is what tapstake fp protection export writes;
docs/protection.md describes it, for those who come from another signer.

Where the file says that a key never voted, and nothing is known of that key here, the key begins to vote on the
file's word alone. That is shown and has to be confirmed, by typing the height that it begins at, or with --yes.`;

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
tapstake fp protection import history.json
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
      const file = parseJson(await readText(path), "interchange");
      await withProtection(makeHome(options.home), async (protection) => {
        if (options.yes !== true) await mustAgreeToBeginnings(previewImport(protection, file));
        const imported = protection.importHistory(file);
        answer(options.json === true, { imported: importFacts(imported) }, importText);
        const conflicts = imported.flatMap((one) => one.conflicts);
        if (conflicts.length > 0) throw conflict(conflicts);
      });
    });
}

/**
 * "It never voted" cannot be checked here, and is what a file says too that was written before the first vote.
 * @throws TapstakeError `cancelled`; UsageError when there is nobody to ask
 */
async function mustAgreeToBeginnings(previews: readonly ImportPreview[]): Promise<void> {
  const beginnings = previews.flatMap(({ key, chainId, after, beginsWithoutVotes }) =>
    beginsWithoutVotes ? [{ key: hex.encode(key), chain: chainId, lowest: `${after!.lowest}` }] : [],
  );
  if (beginnings.length === 0) return;
  if (!isWatched()) throw unconfirmed(beginnings);
  tell(`${previewText(previews)}\n`);
  for (const { key, chain, lowest } of beginnings) {
    await mustType(lowest, {
      warning: `The file says that ${key} never voted on ${chain}: from height ${lowest} on, it will vote there. If it voted for ${lowest} or above anywhere before, it loses its stake.`,
      message: "Type the height to begin there",
    });
  }
}

function unconfirmed(beginnings: readonly { key: string; chain: string; lowest: string }[]): UsageError {
  const which = beginnings.map(({ key, chain, lowest }) => `${key} on ${chain} from height ${lowest} on`);
  return new UsageError(
    `nobody to ask: the file says that keys of which nothing is known here never voted, and lets them begin: ${which.join("; ")}. ` +
      "If they voted there anywhere before, they lose their stake. Give --yes if you are certain that they did not",
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
