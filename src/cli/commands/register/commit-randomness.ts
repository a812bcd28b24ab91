import { commitRandomnessMessage } from "../../../babylon/votes.js";
import { commitmentFromJson } from "../../../vote/json.js";
import { helpText } from "../../help.js";
import { readText } from "../../input.js";
import { addressOption, giveMessage, messageCommand } from "../../register-message.js";

const DESCRIPTION = `The message by which a finality provider commits to randomness: MsgCommitPubRandList.

The commitment is the file of fp commit --out; its signature is verified.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp commit --key validator-1 --chain bsn-1 --start 1000 --count 100 --out commitment.json
tapstake register commit-randomness commitment.json \\
  --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu --message
`,
  refused: "the commitment is not signed by its finality provider",
});

export function command() {
  return messageCommand("commit-randomness", DESCRIPTION)
    .argument("<commitment>", "its file (JSON); - for standard input")
    .addOption(addressOption())
    .addHelpText("after", HELP)
    .action(async (path, options) => {
      const commitment = commitmentFromJson(await readText(path));
      await giveMessage(
        options,
        "MsgCommitPubRandList",
        commitRandomnessMessage(commitment, options.address),
      );
    });
}
