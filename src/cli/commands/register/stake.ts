import { Option } from "@commander-js/extra-typings";
import { type InclusionProof, inclusionProofFromMerkleBlock } from "../../../babylon/inclusion.js";
import {
  addInclusionProofMessage,
  covenantSignaturesMessage,
  undelegateMessage,
} from "../../../babylon/lifecycle.js";
import { createDelegationMessage, expandMessage } from "../../../babylon/stake.js";
import type { Transaction } from "../../../bitcoin/bitcoinjs.js";
import { hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import type { Network } from "../../../core/network.js";
import { signaturesOfMember } from "../../../covenant/member.js";
import { expandedStake } from "../../../delegation/delegation.js";
import { type ChainOptions, openChain } from "../../chain.js";
import type { Described } from "../../command.js";
import { UsageError } from "../../errors.js";
import { EXPAND_STAKE, MAKE_PROOF, MAKE_STAKE, SERVERS, SIGN_STAKE } from "../../help.js";
import { checkOneStandardInput, readDelegation, readText, readTransaction } from "../../input.js";
import {
  DELEGATION,
  esploraOption,
  memberOption,
  parseKey,
  rpcAuthOption,
  rpcOption,
  several,
} from "../../options.js";
import { giveMessage, messageCommand, proofOption, readProof, senderOption } from "./message.js";

/** A message about a stake that shows a transaction to be in a block: by a file, or by what a server says. */
const inclusionCommand = (name: string, about: Described) =>
  messageCommand(name, about)
    .argument(...DELEGATION)
    .option("--txoutproof <file>", "that it is in a block, as bitcoin-cli gettxoutproof gives it")
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption());

const CREATE_DELEGATION = {
  description: `The message that registers a stake: MsgCreateBTCDelegation.

The delegation has the staker's signatures of both slashings, and is checked as a whole, with the proof of possession.
A stake that is registered before it is mined needs no inclusion proof; register inclusion-proof tells of it later.`,
  examples: `
${MAKE_STAKE}
tapstake stake sign stake.json --secret-file staker.key
${MAKE_PROOF}
tapstake register create-delegation stake.json --proof proof.json --message
`,
  more: SERVERS,
  refused: "a rule that the stake breaks, another's proof of possession, not in the block",
};

/** `register create-delegation` */
export const createDelegation = () =>
  inclusionCommand("create-delegation", CREATE_DELEGATION)
    .addOption(proofOption())
    .addOption(
      new Option("--inclusion", "the stake is in a block: ask the server for the proof").conflicts(
        "txoutproof",
      ),
    )
    .action(async (path, options) => {
      checkOneStandardInput(path, options.proof, options.txoutproof);
      const delegation = await readDelegation(path);
      const { address: stakerAddress, proof, context } = await readProof(options.proof);
      const isMined = options.inclusion === true || options.txoutproof !== undefined;
      const inclusion = isMined
        ? await readInclusion(options, delegation.staking.transaction, delegation.params.network)
        : undefined;
      const message = createDelegationMessage({ delegation, stakerAddress, proof, context, inclusion });
      await giveMessage(options, "MsgCreateBTCDelegation", message);
    });

const INCLUSION_PROOF = {
  description: `The message that shows a registered stake to be in a block: MsgAddBTCDelegationInclusionProof.

The proof is asked of the server, or comes from a file, and is verified against the block's header.`,
  examples: `
${MAKE_STAKE}
# once it is mined, with --rpc, --esplora or --txoutproof
tapstake register inclusion-proof --help
`,
  more: SERVERS,
  refused: "the stake is in no block, or the proof is of another transaction",
};

/** `register inclusion-proof` */
export const inclusionProof = () =>
  inclusionCommand("inclusion-proof", INCLUSION_PROOF)
    .addOption(senderOption())
    .action(async (path, options) => {
      checkOneStandardInput(path, options.txoutproof);
      const delegation = await readDelegation(path);
      const { staking, params } = delegation;
      const inclusion = await readInclusion(options, staking.transaction, params.network);
      const message = addInclusionProofMessage(delegation, options.address, inclusion);
      await giveMessage(options, "MsgAddBTCDelegationInclusionProof", message);
    });

const EXPAND = {
  description: `The message that registers an expansion: MsgBtcStakeExpand.

The delegation is that of tapstake expand, with the staker's signatures of both slashings. The chain asks for the whole
transaction that made the funding coin: it is in the delegation where a server had it, else give --funding.`,
  examples: `
${MAKE_STAKE}
${SIGN_STAKE}
${EXPAND_STAKE}
tapstake stake sign larger.json --secret-file staker.key
${MAKE_PROOF}

# with the transaction of the coin
tapstake register expand --help
`,
  refused: "a rule that the expansion breaks, another's proof of possession, another transaction",
};

/** `register expand` */
export const expand = () =>
  messageCommand("expand", EXPAND)
    .argument("<delegation>", "the file of the new stake; - for standard input")
    .addOption(proofOption())
    .option("--funding <transaction>", "the transaction that made the coin: hexadecimal, or a file")
    .action(async (path, options) => {
      checkOneStandardInput(path, options.proof, options.funding);
      const delegation = await readDelegation(path);
      const expansion = expandedStake(delegation);
      const { transaction: known } = expansion.funding;
      const transaction = options.funding === undefined ? known : await readTransaction(options.funding);
      if (!transaction) throw new UsageError("the delegation lacks the coin's transaction: give --funding");
      const whole = {
        ...delegation,
        expansion: { ...expansion, funding: { ...expansion.funding, transaction } },
      };
      const { address: stakerAddress, proof, context } = await readProof(options.proof);
      const message = expandMessage({ delegation: whole, stakerAddress, proof, context });
      await giveMessage(options, "MsgBtcStakeExpand", message);
    });

const UNDELEGATE = {
  description: `The message that tells of a spent stake, by its unbonding or anything else: MsgBTCUndelegate.

The transaction is the signed one, as it is in its block, and the proof that it is there comes from the server or from a
file. Of an expansion the chain also wants the transactions that its other coins are of: --funding.`,
  examples: `
${MAKE_STAKE}
${SIGN_STAKE}
tapstake unbond stake.json --secret-file staker.key --out unbonding.hex
# once it is mined, with --rpc, --esplora or --txoutproof
tapstake register undelegate --help
`,
  more: SERVERS,
  refused: "it does not spend the stake, is not signed as it must be, or is in no block",
};

/** `register undelegate` */
export const undelegate = () =>
  inclusionCommand("undelegate", UNDELEGATE)
    .requiredOption("--transaction <transaction>", "what spent the stake, signed: hexadecimal, or a file")
    .addOption(
      new Option("--funding <transaction...>", "what made the other coins that it spends").argParser(several),
    )
    .addOption(senderOption())
    .action(async (path, options) => {
      const { address: signer, funding = [] } = options;
      checkOneStandardInput(path, options.transaction, options.txoutproof, ...funding);
      const delegation = await readDelegation(path);
      const transaction = await readTransaction(options.transaction);
      const fundingTransactions = await Promise.all(funding.map(readTransaction));
      const inclusion = await readInclusion(options, transaction, delegation.params.network);
      const undelegation = { signer, transaction, inclusion, fundingTransactions };
      await giveMessage(options, "MsgBTCUndelegate", undelegateMessage(delegation, undelegation));
    });

const COVENANT_SIGNATURES = {
  description: `The message by which a committee member hands in its signatures: MsgAddCovenantSigs.

They are those of covenant sign, taken out of the delegation and verified: of the unbonding, of both slashings for each
finality provider, and of an expansion that of the spend of the previous stake.`,
  examples: `
${MAKE_STAKE}
${SIGN_STAKE}
tapstake register covenant-signatures stake.json \\
  --member $(tapstake stake key --secret-file 1.key) \\
  --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
`,
  refused: "not a member of the committee, a signature that is missing or does not verify",
};

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
      await giveMessage(options, "MsgAddCovenantSigs", message);
    });

interface InclusionOptions extends ChainOptions {
  readonly txoutproof?: string | undefined;
}

/**
 * That a transaction is in a block, from a file or from the server; verified against the block's header.
 * @throws TapstakeError `invalid-proof`, `invalid-hex`, `file-error`, and the codes of `openChain`; UsageError when
 * there is neither
 */
async function readInclusion(
  { txoutproof, ...options }: InclusionOptions,
  transaction: Transaction,
  network: Network,
): Promise<InclusionProof> {
  if (txoutproof !== undefined) {
    const given = hex.decode((await readText(txoutproof)).trim(), undefined, "txoutproof");
    return inclusionProofFromMerkleBlock(given, transaction);
  }
  const chain = await openChain(options, network);
  if (!chain) throw new UsageError("give --txoutproof, or a server that knows the block");
  const txid = transaction.getId();
  const found = await chain.merkleBlock(txid);
  if (!found)
    throw new TapstakeError("invalid-proof", `${txid} is in no block that ${chain.url} finds`, { txid });
  return inclusionProofFromMerkleBlock(found, transaction);
}
