import { Option } from "@commander-js/extra-typings";
import { addInclusionProofMessage, covenantSignaturesMessage } from "../../../babylon/lifecycle.js";
import { createDelegationMessage, expandMessage } from "../../../babylon/stake.js";
import { undelegateMessage } from "../../../babylon/undelegation.js";
import { signaturesOfMember } from "../../../covenant/member.js";
import { expandedStake } from "../../../delegation/delegation.js";
import type { Described } from "../../command.js";
import { UsageError } from "../../errors.js";
import { checkOneStandardInput, readDelegation, readTransaction } from "../../input.js";
import {
  DELEGATION,
  esploraOption,
  memberOption,
  parseKey,
  rpcAuthOption,
  rpcOption,
  several,
} from "../../options.js";
import { readInclusion } from "./inclusion.js";
import { giveMessage, messageCommand, proofOption, readProof, senderOption } from "./message.js";

/** A message about a stake that shows a transaction to be in a block: by a file, or by what a server says. */
const inclusionCommand = (name: string, about: Described) =>
  messageCommand(name, about)
    .argument(...DELEGATION)
    .option("--txoutproof <file>", "proof from bitcoin-cli gettxoutproof that it is in a block")
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption());

const CREATE_DELEGATION = {
  description: `MsgCreateBTCDelegation. Needs the staker's signatures of both slashings, and a proof of possession. Checks the whole
delegation first.

A stake that you register before it is mined needs no inclusion proof: register inclusion-proof makes that message later.`,
  examples: `
# stake.json: signed by the staker
tapstake register create-delegation stake.json --proof pop.json --message
`,
  topics: ["delegation", "servers"],
  refused: "the stake breaks a rule, another key's proof of possession, or not in the block",
} as const;

/** `register create-delegation` */
export const createDelegation = () =>
  inclusionCommand("create-delegation", CREATE_DELEGATION)
    .addOption(proofOption())
    .addOption(
      new Option("--inclusion", "ask the server for the proof that the stake is in a block").conflicts(
        "txoutproof",
      ),
    )
    .action(async (path, options) => {
      checkOneStandardInput(path, options.proof, options.txoutproof);
      const delegation = await readDelegation(path);
      const { address: stakerAddress, proof, context } = await readProof(options.proof);
      const isMined = options.inclusion === true || options.txoutproof !== undefined;
      const mined = isMined
        ? await readInclusion(options, delegation.staking.transaction, delegation.params.network)
        : undefined;
      const { inclusion, header } = mined ?? {};
      const message = createDelegationMessage({ delegation, stakerAddress, proof, context, inclusion });
      const { network } = delegation.params;
      await giveMessage(options, "MsgCreateBTCDelegation", message, { network, header });
    });

const INCLUSION_PROOF = {
  description: `MsgAddBTCDelegationInclusionProof. The proof comes from the server or from a file (--txoutproof). tapstake verifies it against
the header of the block.`,
  examples: `
# staking-proof.hex: from bitcoin-cli gettxoutproof
tapstake register inclusion-proof stake.json --txoutproof staking-proof.hex \\
  --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
`,
  topics: ["servers"],
  refused: "the stake is in no block, or the proof is of another transaction",
} as const;

/** `register inclusion-proof` */
export const inclusionProof = () =>
  inclusionCommand("inclusion-proof", INCLUSION_PROOF)
    .addOption(senderOption())
    .action(async (path, options) => {
      checkOneStandardInput(path, options.txoutproof);
      const delegation = await readDelegation(path);
      const { staking, params } = delegation;
      const { network } = params;
      const { inclusion, header } = await readInclusion(options, staking.transaction, network);
      const message = addInclusionProofMessage(delegation, options.address, inclusion);
      const records = { network, delegation, header };
      await giveMessage(options, "MsgAddBTCDelegationInclusionProof", message, records);
    });

const EXPAND = {
  description: `MsgBtcStakeExpand. Needs the delegation of tapstake expand, with the staker's signatures of both slashings. The chain wants
the whole transaction that made the coin. If a server gave it to expand, the delegation has it; otherwise give --funding.`,
  examples: `
# larger.json: from tapstake expand, signed by the staker
tapstake register expand larger.json --proof pop.json --funding funding.hex
`,
  topics: ["delegation"],
  refused: "the expansion breaks a rule, another key's proof of possession, or another transaction",
} as const;

/** `register expand` */
export const expand = () =>
  messageCommand("expand", EXPAND)
    .argument("<delegation>", "file of the new stake; - for standard input")
    .addOption(proofOption())
    .option("--funding <transaction>", "transaction that made the coin: hexadecimal, or a file")
    .action(async (path, options) => {
      checkOneStandardInput(path, options.proof, options.funding);
      const delegation = await readDelegation(path);
      const expansion = expandedStake(delegation);
      const { transaction: known } = expansion.funding;
      const transaction = options.funding === undefined ? known : await readTransaction(options.funding);
      if (!transaction)
        throw new UsageError(
          "the delegation does not have the transaction that made the coin: give --funding",
        );
      const whole = {
        ...delegation,
        expansion: { ...expansion, funding: { ...expansion.funding, transaction } },
      };
      const { address: stakerAddress, proof, context } = await readProof(options.proof);
      const message = expandMessage({ delegation: whole, stakerAddress, proof, context });
      const { network } = delegation.params;
      await giveMessage(options, "MsgBtcStakeExpand", message, { network, previous: expansion });
    });

const UNDELEGATE = {
  description: `MsgBTCUndelegate. --transaction is the signed transaction that spent the stake: an unbonding or any other. The proof that it is in a
block comes from the server or from a file (--txoutproof). The chain also wants the transaction behind every input: the
delegation has that of the stake. For an expansion, give those of its other coins (--funding).`,
  examples: `
# unbonding.hex: from tapstake unbond --out
tapstake register undelegate stake.json --transaction unbonding.hex \\
  --txoutproof unbonding-proof.hex --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
`,
  topics: ["servers"],
  refused: "it does not spend the stake, lacks signatures, or is in no block",
} as const;

/** `register undelegate` */
export const undelegate = () =>
  inclusionCommand("undelegate", UNDELEGATE)
    .requiredOption(
      "--transaction <transaction>",
      "signed transaction that spent the stake: hexadecimal, or a file",
    )
    .addOption(
      new Option("--funding <transaction...>", "transactions that made its other coins").argParser(several),
    )
    .addOption(senderOption())
    .action(async (path, options) => {
      const { address: signer, funding = [] } = options;
      checkOneStandardInput(path, options.transaction, options.txoutproof, ...funding);
      const delegation = await readDelegation(path);
      const transaction = await readTransaction(options.transaction);
      const fundingTransactions = await Promise.all(funding.map(readTransaction));
      const { network } = delegation.params;
      const { inclusion, header } = await readInclusion(options, transaction, network);
      const undelegation = { signer, transaction, inclusion, fundingTransactions };
      const message = undelegateMessage(delegation, undelegation);
      await giveMessage(options, "MsgBTCUndelegate", message, { network, delegation, header });
    });

const COVENANT_SIGNATURES = {
  description: `MsgAddCovenantSigs. Takes the member's signatures of covenant sign out of the delegation and verifies them: the unbonding,
both slashings for each finality provider, and for an expansion the spend of the previous stake.`,
  examples: `
# stake.json: signed by the committee
tapstake register covenant-signatures stake.json \\
  --member $(tapstake stake key --secret-file member.key) \\
  --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
`,
  topics: ["delegation"],
  refused: "not a committee member, or a signature is missing or does not verify",
} as const;

/** `register covenant-signatures` */
export const covenantSignatures = () =>
  messageCommand("covenant-signatures", COVENANT_SIGNATURES)
    .argument(...DELEGATION)
    .addOption(memberOption().makeOptionMandatory())
    .addOption(senderOption())
    .action(async (path, options) => {
      const member = parseKey(options.member, "member");
      const delegation = await readDelegation(path);
      const signatures = signaturesOfMember(delegation, member);
      const message = covenantSignaturesMessage(delegation, { signer: options.address, signatures });
      const { params, expansion: previous } = delegation;
      await giveMessage(options, "MsgAddCovenantSigs", message, {
        network: params.network,
        delegation,
        previous,
      });
    });
