import { selectiveSlashingMessage } from "../../../babylon/lifecycle.js";
import {
  addFinalitySignatureMessage,
  commitRandomnessMessage,
  createFinalityProviderMessage,
  equivocationMessage,
} from "../../../babylon/provider.js";
import { parseRate } from "../../../core/amount.js";
import { evidenceFromJson } from "../../../extract/evidence.js";
import { COMMISSION_DECIMALS } from "../../../params/types.js";
import { commitmentFromJson, merkleProofFromJson, voteFromJson } from "../../../vote/json.js";
import { EVIDENCE, MAKE_PROOF, MAKE_STAKE } from "../../help.js";
import { checkOneStandardInput, readDelegation, readText } from "../../input.js";
import { DELEGATION, secretOption } from "../../options.js";
import { withSecretKey } from "../../secrets.js";
import { giveMessage, messageCommand, proofOption, readProof, senderOption } from "./message.js";

const FINALITY_PROVIDER = {
  description: `The message that registers a finality provider: MsgCreateFinalityProvider.

The proof of possession is by the provider's key, for the account that is paid the commission: of pop make, or of
fp pop make with what it prints. Commissions are decimal numbers from 0 to 1.`,
  examples: `
(umask 077; openssl rand -hex 32 > staker.key)
${MAKE_PROOF}
tapstake register finality-provider --proof proof.json --moniker "Validator 1" \\
  --commission 0.05 --max-commission 0.2 --max-commission-change 0.01
`,
  refused: "another's proof of possession, a commission above its maximum, no moniker",
};

/** `register finality-provider` */
export const finalityProvider = () =>
  messageCommand("finality-provider", FINALITY_PROVIDER)
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

const COMMIT_RANDOMNESS = {
  description: `The message by which a finality provider commits to randomness: MsgCommitPubRandList.

The commitment is the file of fp commit --out; its signature is verified.`,
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp commit --key validator-1 --chain bsn-1 --start 1000 --count 100 --out commitment.json
tapstake register commit-randomness commitment.json \\
  --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu --message
`,
  refused: "the commitment is not signed by its finality provider",
};

/** `register commit-randomness` */
export const commitRandomness = () =>
  messageCommand("commit-randomness", COMMIT_RANDOMNESS)
    .argument("<commitment>", "its file (JSON); - for standard input")
    .addOption(senderOption())
    .action(async (path, options) => {
      const commitment = commitmentFromJson(await readText(path));
      const message = commitRandomnessMessage(commitment, options.address);
      await giveMessage(options, "MsgCommitPubRandList", message);
    });

const FINALITY_VOTE = {
  description: `The message that casts a finality provider's vote: MsgAddFinalitySig.

The vote is the file of fp vote --out, the proof that its randomness was committed that of fp proof; both are verified
under the commitment.`,
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
};

/** `register finality-vote` */
export const finalityVote = () =>
  messageCommand("finality-vote", FINALITY_VOTE)
    .argument("<vote>", "its file (JSON); - for standard input")
    .requiredOption("--commitment <file>", "the commitment that covers its height")
    .requiredOption("--randomness-proof <file>", "that its randomness is in the commitment")
    .addOption(senderOption())
    .action(async (path, options) => {
      checkOneStandardInput(path, options.commitment, options.randomnessProof);
      const vote = voteFromJson(await readText(path));
      const commitment = commitmentFromJson(await readText(options.commitment));
      const proof = merkleProofFromJson(await readText(options.randomnessProof));
      const message = addFinalitySignatureMessage(commitment, vote, proof, options.address);
      await giveMessage(options, "MsgAddFinalitySig", message);
    });

const SELECTIVE_SLASHING = {
  description: `The message that tells of a finality provider's key which the slashing of one stake gave away:
MsgSelectiveSlashingEvidence.

The key is the one that tapstake extract finds in the slashing transaction. The message holds it, and makes it public.`,
  examples: `
${MAKE_STAKE}
tapstake register selective-slashing stake.json --secret-file fp.key \\
  --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu --message
`,
  refused: "the stake is not with this key",
};

/** `register selective-slashing` */
export const selectiveSlashing = () =>
  messageCommand("selective-slashing", SELECTIVE_SLASHING)
    .argument(...DELEGATION)
    .addOption(secretOption())
    .addOption(senderOption())
    .action(async (path, options) => {
      checkOneStandardInput(path, options.secretFile);
      const delegation = await readDelegation(path);
      await withSecretKey(options.secretFile, "the finality provider", (secretKey) => {
        const message = selectiveSlashingMessage(delegation, options.address, secretKey);
        return giveMessage(options, "MsgSelectiveSlashingEvidence", message);
      });
    });

const EQUIVOCATION = {
  description: `The message that tells of a finality provider's two votes at one height: MsgEquivocationEvidence.

The evidence is JSON as tapstake extract --votes takes it. That the votes give the key away is checked first.`,
  examples: `
${EVIDENCE}
tapstake register equivocation evidence.json --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
`,
  refused: "no key follows from the votes, or they have different signing contexts",
};

/** `register equivocation` */
export const equivocation = () =>
  messageCommand("equivocation", EQUIVOCATION)
    .argument("<evidence>", "its file (JSON); - for standard input")
    .addOption(senderOption())
    .action(async (path, options) => {
      const message = equivocationMessage(evidenceFromJson(await readText(path)), options.address);
      await giveMessage(options, "MsgEquivocationEvidence", message);
    });
