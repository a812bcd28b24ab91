import { hex } from "../../../core/bytes.js";
import { jsonOption } from "../../arguments.js";
import { commitmentFacts, heights } from "../../commitment-text.js";
import { subjectCommand } from "../../fp-options.js";
import { helpText } from "../../help.js";
import { answer, section, table } from "../../output.js";
import { enterHome, homeOption } from "../../secrets.js";
import { publicKeyNamed, withProtection } from "../../signer.js";

const DESCRIPTION = `Lists the commitments to randomness that a key made on a chain, as this home remembers them.

A height in none of them cannot be voted for: commit to new heights in time.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
tapstake fp keys new validator-1 > words
tapstake fp commit --key validator-1 --chain bsn-1 --start 1000 --count 100
tapstake fp commitments --key validator-1 --chain bsn-1
`,
  refused: "no such key, another signer runs, or what the home remembers cannot be trusted",
});

export const command = () =>
  subjectCommand("commitments", DESCRIPTION)
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((options) => {
      const { chain } = options;
      const home = enterHome(options.home);
      const finalityProvider = publicKeyNamed(home, options.key);
      return withProtection(home, (protection) => {
        const commitments = protection.commitments(finalityProvider, chain).map((stored) => ({
          ...commitmentFacts({ finalityProvider, ...stored }),
          madeAt: stored.at,
        }));
        answer(options.json === true, { finalityProvider, chain, commitments }, () =>
          commitments.length === 0
            ? `${hex.encode(finalityProvider)} has committed to no height of ${chain} here`
            : section(
                `${hex.encode(finalityProvider)} on ${chain}`,
                table(
                  commitments.map((one) => [
                    heights(one),
                    `${one.count} heights, root ${hex.encode(one.root)}`,
                  ]),
                ),
              ),
        );
      });
    });
