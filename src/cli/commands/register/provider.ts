import { Option } from "@commander-js/extra-typings";
import { selectiveSlashingMessage } from "../../../babylon/lifecycle.js";
import {
  addFinalitySignatureMessage,
  commitRandomnessMessage,
  createFinalityProviderMessage,
  editFinalityProviderMessage,
  equivocationMessage,
  unjailFinalityProviderMessage,
} from "../../../babylon/provider.js";
import { parseRate } from "../../../core/amount.js";
import { evidenceFromJson } from "../../../extract/evidence.js";
import { COMMISSION_DECIMALS } from "../../../params/types.js";
import { commitmentFromJson, merkleProofFromJson, voteFromJson } from "../../../vote/json.js";
import type { Described } from "../../command.js";
import { checkOneStandardInput, readDelegation, readDocument } from "../../input.js";
import { DELEGATION, parseKey, secretOption, wordsPassphraseOption, wordsPathOption } from "../../options.js";
import { secretFiles, withSecretKey } from "../../secret-key.js";
import { giveMessage, messageCommand, proofOption, readProof, senderOption } from "./message.js";

const FINALITY_PROVIDER = {
  description: `MsgCreateFinalityProvider. The proof of possession is by the provider's key, for the account that receives the commission.
Rates are decimal numbers from 0 to 1.`,
  examples: `
tapstake register finality-provider --proof pop.json --moniker "Validator 1" \\
  --commission 0.05 --max-commission 0.2 --max-commission-change 0.01
`,
  refused: "another key's proof of possession, a commission above its maximum, or no moniker",
};

/** A command about what a finality provider says of itself. */
const describedCommand = (name: string, about: Described) =>
  messageCommand(name, about)
    .requiredOption("--moniker <name>", "name of the provider")
    .option("--identity <text>", "identity elsewhere, such as a Keybase fingerprint", "")
    .option("--website <url>", "website of the provider", "")
    .option("--security-contact <text>", "contact for security reports", "")
    .option("--details <text>", "further text", "");

const rate = (text: string, name: string) => parseRate(text, COMMISSION_DECIMALS, name);

/** `register finality-provider` */
export const finalityProvider = () =>
  describedCommand("finality-provider", FINALITY_PROVIDER)
    .addOption(proofOption())
    .requiredOption("--commission <rate>", "commission, such as 0.05")
    .requiredOption("--max-commission <rate>", "highest commission that it will ever charge")
    .requiredOption("--max-commission-change <rate>", "largest change of the commission per day")
    .option("--bsn <id>", "id of the chain that it votes for, with --release v3")
    .action(async (options) => {
      const { publicKey, proof, address, context, network } = await readProof(options.proof);
      const { moniker, identity, website, securityContact, details, bsn: bsnId } = options;
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
      await giveMessage(options, "MsgCreateFinalityProvider", message, { network });
    });

const EDIT_PROVIDER = {
  description: `MsgEditFinalityProvider. The description replaces all that the chain has: give every part of it. Without --commission the
commission stays. The chain takes one change of it within 24 hours.`,
  examples: `
tapstake register edit-provider --moniker "Validator 1" --commission 0.06 \\
  --fp db9160428e401753dc1a9952ffd4fa3386c7609cf8411d2b6d79c42323ca9923 \\
  --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
`,
  refused: "no key of a provider, a commission above 1, no moniker, or a text that is too long",
} as const;

/** The key of the one finality provider that a message is about. */
const ownProviderOption = () =>
  new Option("--fp <key>", "x-only key of the finality provider").makeOptionMandatory();

const ownAccountOption = () =>
  new Option(
    "--address <address>",
    "the provider's own account, which sends the message",
  ).makeOptionMandatory();

/** `register edit-provider` */
export const editProvider = () =>
  describedCommand("edit-provider", EDIT_PROVIDER)
    .addOption(ownProviderOption())
    .option("--commission <rate>", "new commission, such as 0.05")
    .addOption(ownAccountOption())
    .action(async (options) => {
      const { moniker, identity, website, securityContact, details, commission } = options;
      const message = editFinalityProviderMessage({
        address: options.address,
        publicKey: parseKey(options.fp, "fp"),
        description: { moniker, identity, website, securityContact, details },
        ...(commission !== undefined && { commission: rate(commission, "commission") }),
      });
      await giveMessage(options, "MsgEditFinalityProvider", message);
    });

const UNJAIL = {
  description: `MsgUnjailFinalityProvider. The chain takes it from the provider's own account, once the time in jail is over.`,
  examples: `
tapstake register unjail --fp db9160428e401753dc1a9952ffd4fa3386c7609cf8411d2b6d79c42323ca9923 \\
  --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
`,
  refused: "no key of a provider, or a mistyped account",
} as const;

/** `register unjail` */
export const unjail = () =>
  messageCommand("unjail", UNJAIL)
    .addOption(ownProviderOption())
    .addOption(ownAccountOption())
    .action(async (options) => {
      const message = unjailFinalityProviderMessage(parseKey(options.fp, "fp"), options.address);
      await giveMessage(options, "MsgUnjailFinalityProvider", message);
    });

const COMMIT_RANDOMNESS = {
  description: `MsgCommitPubRandList. Verifies the signature of the commitment first.`,
  examples: `
tapstake register commit-randomness commitment.json \\
  --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu --message
`,
  topics: ["votes"],
  refused: "the finality provider did not sign the commitment",
} as const;

/** `register commit-randomness` */
export const commitRandomness = () =>
  messageCommand("commit-randomness", COMMIT_RANDOMNESS)
    .argument("<commitment>", "file from fp commit --out; - for standard input")
    .addOption(senderOption())
    .action(async (path, options) => {
      const commitment = await readDocument(path, commitmentFromJson);
      const message = commitRandomnessMessage(commitment, options.address);
      await giveMessage(options, "MsgCommitPubRandList", message);
    });

const FINALITY_VOTE = {
  description: `MsgAddFinalitySig. Verifies the vote and the proof of its randomness under the commitment first.`,
  examples: `
tapstake register finality-vote vote.json --commitment commitment.json \\
  --randomness-proof proof.json --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
`,
  topics: ["votes"],
  refused: "the vote does not count under the commitment",
} as const;

/** `register finality-vote` */
export const finalityVote = () =>
  messageCommand("finality-vote", FINALITY_VOTE)
    .argument("<vote>", "file from fp vote --out; - for standard input")
    .requiredOption("--commitment <file>", "commitment that covers its height")
    .requiredOption("--randomness-proof <file>", "proof of its randomness, from fp proof")
    .addOption(senderOption())
    .action(async (path, options) => {
      checkOneStandardInput(path, options.commitment, options.randomnessProof);
      const vote = await readDocument(path, voteFromJson);
      const commitment = await readDocument(options.commitment, commitmentFromJson);
      const proof = await readDocument(options.randomnessProof, merkleProofFromJson);
      const message = addFinalitySignatureMessage(commitment, vote, proof, options.address);
      await giveMessage(options, "MsgAddFinalitySig", message);
    });

const SELECTIVE_SLASHING = {
  description: `MsgSelectiveSlashingEvidence. The message contains the secret key and makes it public. tapstake extract computes the key from
the slashing transaction of the stake.`,
  examples: `
# fp.key: the secretKey of tapstake extract
tapstake register selective-slashing stake.json --secret-file fp.key \\
  --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu --message
`,
  topics: ["delegation", "secrets"],
  refused: "the key is not that of the stake's finality provider",
} as const;

/** `register selective-slashing` */
export const selectiveSlashing = () =>
  messageCommand("selective-slashing", SELECTIVE_SLASHING)
    .argument(...DELEGATION)
    .addOption(secretOption())
    .addOption(wordsPathOption())
    .addOption(wordsPassphraseOption())
    .addOption(senderOption())
    .action(async (path, options) => {
      checkOneStandardInput(path, ...secretFiles(options));
      const delegation = await readDelegation(path);
      const use = { whose: "the finality provider", network: delegation.params.network };
      await withSecretKey(options, use, (secretKey) => {
        const { address, release } = options;
        const message = selectiveSlashingMessage(delegation, address, secretKey, release);
        return giveMessage(options, "MsgSelectiveSlashingEvidence", message, { network: use.network });
      });
    });

const EQUIVOCATION = {
  description: `MsgEquivocationEvidence, which release v3 alone knows. Checks first that the two votes reveal the key. The evidence is what
tapstake extract --votes takes. For other releases, report the key that it prints: tapstake register selective-slashing.`,
  examples: `
tapstake register equivocation evidence.json --release v3 \\
  --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
`,
  topics: ["votes"],
  refused: "the votes reveal no key, have different signing contexts, or it is not release v3",
} as const;

/** `register equivocation` */
export const equivocation = () =>
  messageCommand("equivocation", EQUIVOCATION)
    .argument("<evidence>", "file of the two votes (JSON); - for standard input")
    .addOption(senderOption())
    .action(async (path, options) => {
      const evidence = await readDocument(path, evidenceFromJson);
      const message = equivocationMessage(evidence, options.address);
      await giveMessage(options, "MsgEquivocationEvidence", message);
    });
