import { Command, Option } from "@commander-js/extra-typings";
import { findHome } from "../../../../finality/home.js";
import { chainHeight, jsonOption } from "../../../arguments.js";
import { UsageError } from "../../../errors.js";
import { chainOption, keyOption } from "../../../fp-options.js";
import { helpText, paragraphs } from "../../../help.js";
import { answer } from "../../../output.js";
import { heightText, subjectsFacts, subjectsText } from "../../../protection-text.js";
import { homeOption } from "../../../secrets.js";
import { publicKeyNamed, withProtection } from "../../../signer.js";

const DESCRIPTION = `Shows, for every key and chain, how many votes are remembered and between which marks; or with --height, what
is remembered of one height.

It opens the store, so it is refused while a signer runs: the signer's metrics show its last height; for
the rest stop the daemon first.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp protection show
tapstake fp protection show --key validator-1 --chain bsn-1 --height 1002 --json
`,
  more: `
Of one height it says the SHA-256 of the message that was signed there (the height, the app hash and
the context, if the chain has one), when it was recorded and by which process, as a refusal with
double-vote names it.`,
  refused: "another signer runs, or what the home remembers cannot be trusted",
});

export const command = () =>
  new Command("show")
    .description(paragraphs(DESCRIPTION))
    .addOption(keyOption())
    .addOption(chainOption())
    .addOption(new Option("--height <height>", "the one height to show").argParser(chainHeight))
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(({ key: name, chain, height, json: asJson = false, ...options }) => {
      const given = [name, chain, height].filter((each) => each !== undefined).length;
      if (given % 3 !== 0) throw new UsageError("--key, --chain and --height go together");
      const home = findHome(options.home);
      if (name === undefined || chain === undefined || height === undefined) {
        return withProtection(home, (protection) =>
          answer(asJson, { subjects: subjectsFacts(home, protection) }, subjectsText),
        );
      }
      const key = publicKeyNamed(home, name);
      return withProtection(home, (protection) => {
        const lowest = protection.watermarks(key, chain)?.lowWatermark ?? null;
        const record = protection.record(key, chain, height);
        const vote = record && { digest: record.digest, at: record.at, instance: record.instance };
        answer(asJson, { key, chain, height, lowest, vote }, heightText);
      });
    });
