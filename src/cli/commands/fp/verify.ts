import { hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { commitmentFromJson, merkleProofFromJson, voteFromJson } from "../../../vote/json.js";
import { checkVote, verifyCommitment } from "../../../vote/vote.js";
import { newCommand } from "../../command.js";
import { commitmentFacts, commitmentRows, heights } from "../../format/commitment.js";
import { checkOneStandardInput, readDocument } from "../../input.js";
import { jsonOption } from "../../options.js";
import { answer, table, warn } from "../../output.js";

const VERIFY_COMMIT = {
  description: `Checks that the finality provider named in the file signed it. Anyone can: the file is enough. To check a vote under a
commitment, use tapstake fp verify-vote.`,
  examples: `
tapstake fp verify-commit commitment.json
`,
  topics: ["votes"],
  refused: "not a commitment, or not signed by the finality provider that it names",
} as const;

/** `fp verify-commit` */
export const verifyCommit = () =>
  newCommand("verify-commit", VERIFY_COMMIT)
    .argument("<file>", "file of the commitment (JSON); - for standard input")
    .addOption(jsonOption())
    .action(async (path, options) => {
      const commitment = await readDocument(path, commitmentFromJson);
      if (!verifyCommitment(commitment)) {
        const key = hex.encode(commitment.finalityProvider);
        throw new TapstakeError(
          "invalid-signature",
          `${key} did not sign this commitment: its key, heights, root or context is not the signed one. Do: take the file that fp commit wrote`,
        );
      }
      const facts = { valid: true, ...commitmentFacts(commitment) };
      answer(options.json === true, facts, () =>
        table([["signature", "good: signed by the finality provider"], ...commitmentRows(commitment)]),
      );
    });

const VERIFY_VOTE = {
  description: `Checks three files. The provider signed the commitment. The proof leads from the vote's public randomness to the
commitment's root, at the place of the height. The vote is signed under that randomness.

The files do not say whether the chain has signing contexts. If only the vote or only the commitment has one, tapstake
warns.`,
  examples: `
tapstake fp verify-vote --commitment commitment.json --proof proof.json --vote vote.json
`,
  topics: ["votes", "contexts"],
  refused: "not one of these files, or a vote that does not count",
} as const;

/** `fp verify-vote` */
export const verifyVote = () =>
  newCommand("verify-vote", VERIFY_VOTE)
    .requiredOption("--commitment <file>", "commitment that covers the height; - for standard input")
    .requiredOption("--proof <file>", "proof of the height's randomness; - for standard input")
    .requiredOption("--vote <file>", "file of the vote; - for standard input")
    .addOption(jsonOption())
    .action(async (options) => {
      checkOneStandardInput(options.commitment, options.proof, options.vote);
      const commitment = await readDocument(options.commitment, commitmentFromJson);
      const proof = await readDocument(options.proof, merkleProofFromJson);
      const vote = await readDocument(options.vote, voteFromJson);
      checkVote(commitment, vote, proof);
      const { finalityProvider, height, appHash, context } = vote;
      const { startHeight, lastHeight, context: committed } = commitmentFacts(commitment);
      const facts = {
        valid: true,
        finalityProvider,
        height,
        committed: { startHeight, lastHeight, ...(committed !== undefined && { context: committed }) },
        appHash,
        ...(context !== undefined && { context }),
      };
      answer(options.json === true, facts, () =>
        table([
          ["vote", "good: it counts"],
          ["finality provider", hex.encode(finalityProvider)],
          ["height", `${height}, of the committed ${heights(commitment)}`],
          ["block", hex.encode(appHash)],
          ["context", context ?? "none"],
        ]),
      );
      if ((context === undefined) !== (committed === undefined)) {
        const [one, other] = context === undefined ? ["commitment", "vote"] : ["vote", "commitment"];
        const message = `the ${one} has a signing context and the ${other} has none: a chain accepts both only if it changed its release in between`;
        warn({ code: "context-mismatch", message });
      }
    });
