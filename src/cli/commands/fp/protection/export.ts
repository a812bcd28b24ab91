import { Command } from "@commander-js/extra-typings";
import { max } from "../../../../core/bigint.js";
import { interchangeText } from "../../../../finality/protection/export.js";
import type { StoredKeyChain } from "../../../../finality/protection/protection.js";
import { findHome } from "../../../../finality/home.js";
import { jsonOption } from "../../../arguments.js";
import { checkOut, writeOut } from "../../../files.js";
import { helpText, paragraphs } from "../../../help.js";
import { note, sayAll } from "../../../output.js";
import { homeOption } from "../../../secrets.js";
import { withProtection } from "../../../signer.js";
import { counted } from "../../../wording.js";

const DESCRIPTION = `Prints the history of all votes of the home as JSON, for tapstake fp protection import on another machine.

It holds no secret. It is true only as long as nothing is signed here afterwards: stop the signer for good, then
export, then import, then start the other one. docs/operators.md goes through the whole move.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp protection export --out history.json
tapstake fp protection import history.json --home ./other
`,
  refused: "another signer runs, or what the home remembers cannot be trusted",
});

/** For whoever compares it with what the key has voted for. */
function whatOf(subjects: readonly StoredKeyChain[]): string {
  const votes = subjects.reduce((sum, subject) => sum + subject.votes, 0);
  const heights = subjects.flatMap(({ highWatermark }) => highWatermark ?? []);
  const highest = heights.length === 0 ? "" : `, highest ${heights.reduce(max)},`;
  return `${counted(votes, "vote")}${highest}`;
}

export function command() {
  return new Command("export")
    .description(paragraphs(DESCRIPTION))
    .option("--out <file>", "write it to a new file instead")
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (options) => {
      await checkOut(options.out);
      const { out } = options;
      await withProtection(findHome(options.home), async (store) => {
        const text = interchangeText(store);
        if (out === undefined) await sayAll(text);
        else await writeOut(out, text, { what: whatOf(store.keyChains()), otherwise: "Export again" });
      });
      if (process.stderr.isTTY)
        note("Sign nothing here from now on: what is signed later is not in this history.");
    });
}
