import { evidenceFromJson } from "../../../extract/evidence.js";
import { equivocationMessage } from "../../../babylon/provider.js";
import { EVIDENCE } from "../../example-stake.js";
import { readText } from "../../files.js";
import { helpText } from "../../help.js";
import { addressOption, giveMessage, messageCommand } from "../../register-message.js";

const DESCRIPTION = `The message that tells of a finality provider's two votes at one height: MsgEquivocationEvidence.

The evidence is JSON as tapstake extract --votes takes it. That the votes give the key away is checked first.`;

const HELP = helpText({
  examples: `
${EVIDENCE}
tapstake register equivocation evidence.json --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
`,
  refused: "no key follows from the votes, or they have different signing contexts",
});

export function command() {
  return messageCommand("equivocation", DESCRIPTION)
    .argument("<evidence>", "its file (JSON); - for standard input")
    .addOption(addressOption())
    .addHelpText("after", HELP)
    .action(async (path, options) => {
      const evidence = evidenceFromJson(await readText(path));
      await giveMessage(options, "MsgEquivocationEvidence", equivocationMessage(evidence, options.address));
    });
}
