import { selectiveSlashingMessage } from "../../../babylon/lifecycle.js";
import { helpText, MAKE_STAKE } from "../../help.js";
import { checkOneStandardInput, readDelegation } from "../../input.js";
import { DELEGATION, secretOption } from "../../options.js";
import { addressOption, giveMessage, messageCommand } from "../../register-message.js";
import { withSecretKey } from "../../secrets.js";

const DESCRIPTION = `The message that tells of a finality provider's key which the slashing of one stake gave away:
MsgSelectiveSlashingEvidence.

The key is the one that tapstake extract finds in the slashing transaction. The message holds it, and makes it public.`;

const HELP = helpText({
  examples: `
${MAKE_STAKE}
tapstake register selective-slashing stake.json --secret-file fp.key \\
  --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu --message
`,
  refused: "the stake is not with this key",
});

export function command() {
  return messageCommand("selective-slashing", DESCRIPTION)
    .argument(...DELEGATION)
    .addOption(secretOption())
    .addOption(addressOption())
    .addHelpText("after", HELP)
    .action(async (path, options) => {
      checkOneStandardInput(path, options.secretFile);
      const delegation = await readDelegation(path);
      await withSecretKey(options.secretFile, "the finality provider", (secretKey) =>
        giveMessage(
          options,
          "MsgSelectiveSlashingEvidence",
          selectiveSlashingMessage(delegation, options.address, secretKey),
        ),
      );
    });
}
