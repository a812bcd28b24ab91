import { parseRate } from "../../../core/amount.js";
import { COMMISSION_DECIMALS } from "../../../params/types.js";
import { createFinalityProviderMessage } from "../../../babylon/provider.js";
import { helpText, MAKE_PROOF } from "../../help.js";
import { giveMessage, messageCommand, proofOption, readProof } from "../../register-message.js";

const DESCRIPTION = `The message that registers a finality provider: MsgCreateFinalityProvider.

The proof of possession is by the provider's key, for the account that is paid the commission: of pop make, or of
fp pop make with what it prints. Commissions are decimal numbers from 0 to 1.`;

const HELP = helpText({
  examples: `
(umask 077; openssl rand -hex 32 > staker.key)
${MAKE_PROOF}
tapstake register finality-provider --proof proof.json --moniker "Validator 1" \\
  --commission 0.05 --max-commission 0.2 --max-commission-change 0.01
`,
  refused: "another's proof of possession, a commission above its maximum, no moniker",
});

export function command() {
  return messageCommand("finality-provider", DESCRIPTION)
    .addOption(proofOption())
    .requiredOption("--moniker <name>", "the provider's name")
    .requiredOption("--commission <rate>", "what it charges, such as 0.05")
    .requiredOption("--max-commission <rate>", "the most that it will ever charge")
    .requiredOption("--max-commission-change <rate>", "the most by which it rises in a day")
    .option("--identity <text>", "an identity elsewhere, such as a Keybase fingerprint", "")
    .option("--website <url>", "its website", "")
    .option("--security-contact <text>", "whom to write to", "")
    .option("--details <text>", "anything else", "")
    .option("--bsn <id>", "the chain that it votes for: the staking chain itself unless told", "")
    .addHelpText("after", HELP)
    .action(async (options) => {
      const { publicKey, proof, address, context, network } = await readProof(options.proof);
      const { moniker, identity, website, securityContact, details, bsn: bsnId } = options;
      const rate = (text: string, name: string) => parseRate(text, COMMISSION_DECIMALS, name);
      const registration = {
        address,
        publicKey,
        proof,
        description: { moniker, identity, website, securityContact, details },
        commission: {
          rate: rate(options.commission, "commission"),
          maxRate: rate(options.maxCommission, "max commission"),
          maxChangeRate: rate(options.maxCommissionChange, "max commission change"),
        },
        bsnId,
      };
      const message = createFinalityProviderMessage(registration, { context, network });
      await giveMessage(options, "MsgCreateFinalityProvider", message);
    });
}
