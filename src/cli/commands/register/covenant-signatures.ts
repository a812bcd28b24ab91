import { signaturesOfMember } from "../../../covenant/member.js";
import { covenantSignaturesMessage } from "../../../babylon/lifecycle.js";
import { helpText, MAKE_STAKE, SIGN_STAKE } from "../../help.js";
import { readDelegation } from "../../input.js";
import { DELEGATION, parseKey } from "../../options.js";
import { addressOption, giveMessage, messageCommand } from "../../register-message.js";

const DESCRIPTION = `The message by which a committee member hands in its signatures: MsgAddCovenantSigs.

They are those of covenant sign, taken out of the delegation and verified: of the unbonding, of both slashings for each
finality provider, and of an expansion that of the spend of the previous stake.`;

const HELP = helpText({
  examples: `
${MAKE_STAKE}
${SIGN_STAKE}
tapstake register covenant-signatures stake.json \\
  --member $(tapstake stake key --secret-file 1.key) \\
  --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
`,
  refused: "not a member of the committee, a signature that is missing or does not verify",
});

export function command() {
  return messageCommand("covenant-signatures", DESCRIPTION)
    .argument(...DELEGATION)
    .requiredOption("--member <key>", "the member's x-only key")
    .addOption(addressOption())
    .addHelpText("after", HELP)
    .action(async (path, options) => {
      const member = parseKey(options.member, "member");
      const delegation = await readDelegation(path);
      const signatures = signaturesOfMember(delegation, member);
      const message = covenantSignaturesMessage(delegation, { signer: options.address, signatures });
      await giveMessage(options, "MsgAddCovenantSigs", message);
    });
}
