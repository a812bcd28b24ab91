import { Command } from "@commander-js/extra-typings";
import { hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { verifyCommitment } from "../../../vote/commitment.js";
import { commitmentFromJson } from "../../../vote/json.js";
import { commitmentFacts, commitmentRows, WRITE_COMMITMENT } from "../../commitment-text.js";
import { helpText, paragraphs } from "../../help.js";
import { readText } from "../../input.js";
import { jsonOption } from "../../options.js";
import { answer, table } from "../../output.js";

const DESCRIPTION = `Checks that a commitment to randomness is signed by its finality provider.

Anyone can: it takes the file and nothing else. What a vote is worth against a commitment is the question of
tapstake fp verify-vote.`;

const MORE = `
A commitment is a JSON object, as tapstake fp commit writes it. Bytes are hexadecimal:
  finalityProvider  the provider's x-only key, 32 bytes
  startHeight       the first height, as text or number
  count             how many heights, a number
  root              the Merkle root of their public randomness, 32 bytes
  signature         BIP-340, 64 bytes
  context           only of chains that sign commitments with a context: 64 characters`;

const HELP = helpText({
  examples: `
${WRITE_COMMITMENT}
tapstake fp verify-commit commitment.json
tapstake fp verify-commit - --json < commitment.json
`,
  more: MORE,
  refused: "not a commitment, or not signed by the finality provider that it names",
});

export function command() {
  return new Command("verify-commit")
    .description(paragraphs(DESCRIPTION))
    .argument("<file>", "the commitment (JSON); - for standard input")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (path, options) => {
      const commitment = commitmentFromJson(await readText(path));
      if (!verifyCommitment(commitment)) {
        const key = hex.encode(commitment.finalityProvider);
        throw new TapstakeError(
          "invalid-signature",
          `the commitment is not signed by ${key}: the key, a height, the root or the context is another than was signed`,
        );
      }
      const facts = { valid: true, ...commitmentFacts(commitment) };
      answer(options.json === true, facts, () =>
        table([["signature", "good: signed by the finality provider"], ...commitmentRows(commitment)]),
      );
    });
}
