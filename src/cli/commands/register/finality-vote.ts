import { addFinalitySignatureMessage } from "../../../babylon/votes.js";
import { commitmentFromJson, merkleProofFromJson, voteFromJson } from "../../../vote/json.js";
import { helpText } from "../../help.js";
import { checkOneStandardInput, readText } from "../../input.js";
import { addressOption, giveMessage, messageCommand } from "../../register-message.js";

const DESCRIPTION = `The message that casts a finality provider's vote: MsgAddFinalitySig.

The vote is the file of fp vote --out, the proof that its randomness was committed that of fp proof; both are verified
under the commitment.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp commit --key validator-1 --chain bsn-1 --start 1000 --count 100 --out commitment.json
tapstake fp vote --key validator-1 --chain bsn-1 --height 1002 --out vote.json \\
  --hash d3a2b263b23169056f06d5439c0cf9e201ed645ed6f10412a4091c99fb001bd8
tapstake fp proof --key validator-1 --chain bsn-1 --height 1002 --out randomness.json
tapstake register finality-vote vote.json --commitment commitment.json \\
  --randomness-proof randomness.json --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
`,
  refused: "the vote does not count under the commitment",
});

export function command() {
  return messageCommand("finality-vote", DESCRIPTION)
    .argument("<vote>", "its file (JSON); - for standard input")
    .requiredOption("--commitment <file>", "the commitment that covers its height")
    .requiredOption("--randomness-proof <file>", "that its randomness is in the commitment")
    .addOption(addressOption())
    .addHelpText("after", HELP)
    .action(async (path, options) => {
      checkOneStandardInput(path, options.commitment, options.randomnessProof);
      const vote = voteFromJson(await readText(path));
      const commitment = commitmentFromJson(await readText(options.commitment));
      const proof = merkleProofFromJson(await readText(options.randomnessProof));
      const message = addFinalitySignatureMessage(commitment, vote, proof, options.address);
      await giveMessage(options, "MsgAddFinalitySig", message);
    });
}
