import { Command, Option } from "@commander-js/extra-typings";
import type { ChainAccess } from "../../../chain/access.js";
import type { Transaction } from "../../../bitcoin/bitcoinjs.js";
import { TapstakeError } from "../../../core/errors.js";
import type { Network } from "../../../core/network.js";
import { checkSoFar } from "../../../delegation/check.js";
import { finishStakeFunding } from "../../../delegation/psbt.js";
import { checkReady } from "../../../delegation/status.js";
import { stakingOutput } from "../../../script/outputs.js";
import { stakeCoin } from "../../../delegation/delegation.js";
import { checkInForce } from "../../../params/in-force.js";
import type { ProtocolParams } from "../../../params/types.js";
import type { StakeTerms } from "../../../script/terms.js";
import { decodeStaking } from "../../../stake/decode.js";
import { transactionFromPsbt } from "../../../stake/staking.js";
import {
  jsonOption,
  networkOption,
  readParams,
  readTerms,
  several,
  type TermsOptions,
  wholeNumber,
} from "../../arguments.js";
import {
  type ChainOptions,
  esploraOption,
  openChain,
  rpcAuthOption,
  rpcOption,
  SERVERS,
} from "../../chain.js";
import { UsageError } from "../../errors.js";
import { MAKE_STAKE } from "../../example-stake.js";
import { readDelegation, readPsbt } from "../../files.js";
import { helpText, paragraphs } from "../../help.js";
import { answer, table } from "../../output.js";
import { assertReleased, heldRules, RELEASES, stakersReleaseOption } from "../../release.js";
import { checkOneStandardInput } from "../../secrets.js";
import { deliver, deliveredRows } from "../../send.js";
import {
  checkNewFiles,
  currentSet,
  rawOption,
  trustedParams,
  trustedParamsOption,
  type TrustOptions,
} from "../../stake-options.js";
import { amount } from "../../wording.js";
import { chooseParams } from "./create.js";

const DESCRIPTION = `Finishes the staking transaction, from the PSBT that the wallet with the coins signed, and sends it.

It is refused while signatures are missing: the staker's of both slashings, and a quorum of the committee's. Coins that
are locked without them stay so until the time lock has run out, as nobody can unbond. Where the staking chain takes a
stake only once it is in a block, and the committee signs then, --register-later says that this is known.

Stakes of phase 1 have no delegation, as nothing of them is signed in advance. In its place come the parameters and the
terms, which the transaction is held against: the stake, and the OP_RETURN that announces it.`;

const HELP = helpText({
  examples: `
${MAKE_STAKE}
# once everybody has signed, and the wallet stake.psbt
tapstake stake broadcast --help
`,
  more: `${RELEASES}
${SERVERS}`,
  refused: "signatures are missing, the PSBT is another one, or chain or node take no such stake",
});

export function command() {
  return new Command("broadcast")
    .description(paragraphs(DESCRIPTION))
    .argument("[delegation]", "its file; - for standard input; of phase 1 none")
    .requiredOption("--psbt <file>", "the PSBT of stake create, signed: base64, binary or hexadecimal")
    .option("--register-later", "the committee signs only once the stake is in a block")
    .addOption(trustedParamsOption())
    .addOption(stakersReleaseOption())
    .addOption(new Option("--staker <key>", "of phase 1: who owns the stake").argParser(several))
    .addOption(new Option("--fp <key>", "of phase 1: the finality provider").argParser(several))
    .addOption(
      new Option("--time <blocks>", "of phase 1: how long the stake is locked").argParser(wholeNumber),
    )
    .addOption(
      new Option("--version <number>", "of phase 1: a version of --params")
        .argParser(wholeNumber)
        .conflicts("height"),
    )
    .addOption(
      new Option("--height <height>", "of phase 1: the version in force at this height").argParser(
        wholeNumber,
      ),
    )
    .addOption(networkOption())
    .addOption(rawOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (path, { psbt, out, ...options }) => {
      checkOneStandardInput(path, psbt, options.params);
      await checkNewFiles(out);
      const { transaction, params, terms, value, chain } =
        path === undefined ? await phase1Stake(psbt, options) : await delegatedStake(path, psbt, options);
      const delivered = await deliver(transaction, { out, chain });
      if (out === "-") return;
      const { address } = stakingOutput(terms, params.network);
      const facts = { ...delivered, address, satoshi: value };
      answer(options.json === true, facts, () =>
        table([
          ["transaction", facts.txid],
          ["stakes", `${amount(facts.satoshi)} at ${address}`],
          ...deliveredRows(delivered),
        ]),
      );
    });
}

interface Options extends TrustOptions, TermsOptions, ChainOptions {
  readonly release?: string | undefined;
  readonly registerLater?: true | undefined;
  readonly version?: number | undefined;
  readonly network?: Network | undefined;
}

/** A signed stake, and where it goes. */
interface SignedStake {
  readonly transaction: Transaction;
  readonly terms: StakeTerms;
  readonly params: ProtocolParams;
  /** Satoshi. */
  readonly value: bigint;
  readonly chain: ChainAccess | undefined;
}

async function delegatedStake(path: string, psbt: string, options: Options): Promise<SignedStake> {
  const { staker, fp, time, version, height, network } = options;
  if ([staker, fp, time, version, height, network].some((each) => each !== undefined)) {
    throw new UsageError("a delegation says its terms and its parameters itself");
  }
  const delegation = await readDelegation(path);
  const { params, set } = await trustedParams(delegation, { params: options.params });
  const { terms, expansion } = delegation;
  assertReleased(heldRules({ terms, params, ...(expansion && { previous: expansion.terms }) }, options));
  (options.registerLater ? checkSoFar : checkReady)(delegation);
  const transaction = finishStakeFunding(delegation, await readPsbt(psbt));
  const chain = await openChain(options, params.network);
  // Registered before, it was held against the tip of that day; registered later, its block chooses the version.
  if (options.registerLater && chain) {
    const tip = await chain.tip();
    checkInForce(params, { set: currentSet(params, set, options.params), height: tip.height + 1 });
  }
  return { transaction, terms, params, value: stakeCoin(delegation).value, chain };
}

/** What a stake of phase 1 says of itself, held against the terms that it was meant to have. */
async function phase1Stake(psbt: string, options: Options): Promise<SignedStake> {
  const given = readTerms(options);
  if (!given || options.params === undefined) {
    throw new UsageError(
      "give the delegation; of phase 1, which has none, --params, --staker, --fp and --time",
    );
  }
  const set = await readParams(options.params, options.network);
  const chain = await openChain(options, options.network ?? set.network);
  const params = await chooseParams(set, options, chain);
  if (!params.phase1) {
    const text = `stakes under parameters v${params.version} of the set ${set.name} have a delegation: give its file`;
    throw new TapstakeError("unsupported-params", text, { version: params.version });
  }
  const transaction = transactionFromPsbt(await readPsbt(psbt));
  const { terms, value } = decodeStaking(transaction, { ...set, versions: [params] }, { terms: given });
  assertReleased(heldRules({ terms, params }, options));
  return { transaction, terms, params, value, chain };
}
