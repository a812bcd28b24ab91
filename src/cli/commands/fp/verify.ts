import { hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { commitmentFromJson, merkleProofFromJson, voteFromJson } from "../../../vote/json.js";
import { checkVote, verifyCommitment } from "../../../vote/vote.js";
import { newCommand } from "../../command.js";
import { commitmentFacts, commitmentRows, heights } from "../../format/commitment.js";
import { checkOneStandardInput, readText } from "../../input.js";
import { jsonOption } from "../../options.js";
import { answer, table, warn } from "../../output.js";

/** A shell line that makes a file of a commitment. */
const WRITE_COMMITMENT = `echo '{
  "finalityProvider": "21ed83cac3dc51752ef004425b6bda2ddabeaaa3294ecf4ed596d25f863ac4c7",
  "startHeight": "1000",
  "count": 4,
  "root": "fadd001121c97d178df09cf60bee2ff513317bc085db155f15dcb97d8d14b435",
  "signature": "524a091a243f1f70f5dac365f10af009769f728ff4aeb8554fc24f49be5ca25e39783694b619074b1a81e08901c4daa9b54bd5b3d842d6e4b27aad8887a087e4"
}' > commitment.json`;

const VERIFY_COMMIT = {
  description: `Checks that a commitment to randomness is signed by its finality provider.

Anyone can: it takes the file and nothing else. What a vote is worth against a commitment is the question of
tapstake fp verify-vote.`,
  examples: `
${WRITE_COMMITMENT}
tapstake fp verify-commit commitment.json
tapstake fp verify-commit - --json < commitment.json
`,
  more: `
A commitment is a JSON object, as tapstake fp commit writes it. Bytes are hexadecimal:
  finalityProvider  the provider's x-only key, 32 bytes
  startHeight       the first height, as text or number
  count             how many heights, a number
  root              the Merkle root of their public randomness, 32 bytes
  signature         BIP-340, 64 bytes
  context           only of chains that sign commitments with a context: 64 characters`,
  refused: "not a commitment, or not signed by the finality provider that it names",
};

/** `fp verify-commit` */
export const verifyCommit = () =>
  newCommand("verify-commit", VERIFY_COMMIT)
    .argument("<file>", "the commitment (JSON); - for standard input")
    .addOption(jsonOption())
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

const VERIFY_VOTE = {
  description: `Checks that a vote counts: that its finality provider signed it, under the randomness that it promised for
this height.

Three files say so together. The commitment is signed by the provider; the proof leads from the vote's public
randomness to the commitment's root, at the place of the vote's height; the vote is signed under that randomness.
When one of them does not hold, the answer says which. Whether a chain has signing contexts is known to none of
them: where only the commitment or only the vote has one, there is a warning.`,
  examples: `
${WRITE_COMMITMENT}
echo '{
  "total": 4,
  "index": 2,
  "leafHash": "50fe1db96f3755b68b13090bc47ff320587d6d406e1db571619898a14b958a32",
  "aunts": [
    "dde5ea612d92d60ed03a7ac431a90db8aeeea0b6d4e370578306d14cd100936c",
    "a39ccf0bf3c6284a3cd1797e3cf55298a3e7175166d3fe70979442bb2414cccd"
  ]
}' > proof.json
echo '{
  "finalityProvider": "21ed83cac3dc51752ef004425b6bda2ddabeaaa3294ecf4ed596d25f863ac4c7",
  "height": "1002",
  "appHash": "d3a2b263b23169056f06d5439c0cf9e201ed645ed6f10412a4091c99fb001bd8",
  "publicRandomness": "d3e958ed5e25d503363c071fe5638546480a421037a9abc23b5e0a26cf577efb",
  "signature": "9e5de50e0b95c7d52bc0b9831580a07e23224618676bfa31479c20e1e8fc5540"
}' > vote.json
tapstake fp verify-vote --commitment commitment.json --proof proof.json --vote vote.json
tapstake fp verify-vote --commitment commitment.json --proof proof.json --vote - \\
  --json < vote.json
`,
  more: `
Each file is a JSON object. Bytes are hexadecimal, 32 of them unless said otherwise.
The commitment is described by tapstake fp verify-commit --help.
The proof, as tapstake fp proof prints it:
  total             how many heights are committed, a number
  index             the place of the vote's height among them, a number: height - startHeight
  leafHash          the hash of the public randomness
  aunts             the hashes beside the way to the root, from the bottom up
The vote, as tapstake fp vote --out writes it:
  finalityProvider  the provider's x-only key
  height            as text or number
  appHash           the block that the vote is for
  publicRandomness  x-only
  signature         EOTS
  context           only of chains that sign votes with a context: 64 characters. See that
                    it is the chain's own`,
  refused: "a file that is none of these, or a vote that does not count, and why",
};

/** `fp verify-vote` */
export const verifyVote = () =>
  newCommand("verify-vote", VERIFY_VOTE)
    .requiredOption("--commitment <file>", "the commitment that covers the height; - for standard input")
    .requiredOption("--proof <file>", "the proof of the height's randomness; - for standard input")
    .requiredOption("--vote <file>", "the vote; - for standard input")
    .addOption(jsonOption())
    .action(async (options) => {
      checkOneStandardInput(options.commitment, options.proof, options.vote);
      const commitment = commitmentFromJson(await readText(options.commitment));
      const proof = merkleProofFromJson(await readText(options.proof));
      const vote = voteFromJson(await readText(options.vote));
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
        const message = `the ${one} has a signing context, and the ${other} has none: a chain takes both only if it changed its release in between`;
        warn({ code: "context-mismatch", message });
      }
    });
