import { Option } from "@commander-js/extra-typings";
import { scriptOfAddress } from "../../bitcoin/address.js";
import type { Transaction } from "../../bitcoin/transaction-class.js";
import { type ChainAccess, withKnownPrevious } from "../../chain/access.js";
import { checkCoins } from "../../chain/coins.js";
import { TapstakeError } from "../../core/errors.js";
import type { Network } from "../../core/network.js";
import { checkSoFar } from "../../delegation/check.js";
import { createDelegation, type Delegation, stakeCoin } from "../../delegation/delegation.js";
import { delegationFromSigned, finishStakeFunding } from "../../delegation/psbt.js";
import { checkReady, isComplete, signatureStatus } from "../../delegation/status.js";
import { checkInForce } from "../../params/in-force.js";
import { ANY_RELEASE } from "../../params/rules.js";
import type { ProtocolParams } from "../../params/types.js";
import { coinsOfPsbt } from "../../psbt/read.js";
import { addPrevious } from "../../psbt/write.js";
import { stakingOutput } from "../../script/outputs.js";
import type { StakeTerms } from "../../script/terms.js";
import { decodeStaking } from "../../stake/decode.js";
import { buildStaking, type Staking, transactionFromPsbt } from "../../stake/staking.js";
import { type ChainOptions, deliver, deliveredRows, feeRateOf, maxFeeRateOf, openChain } from "../chain.js";
import { newCommand } from "../command.js";
import { advising, UsageError } from "../errors.js";
import { checkNewFiles, writeDelegation, writeDocument } from "../files.js";
import { signedFacts, signedText, type Stake, stakingFacts, stakingText } from "../format/created.js";
import { SIGNED_WORDS } from "../format/delegation.js";
import { amount, releaseFacts } from "../format/text.js";
import { checkOneStandardInput, inFile, readDelegation, readPsbt } from "../input.js";
import { checkCurrent, openLcd } from "../lcd.js";
import {
  activeAtOption,
  allowUnconfirmedOption,
  changeOption,
  coinsOption,
  esploraOption,
  feeRateOption,
  fromAddressOption,
  jsonOption,
  lcdOption,
  maxFeeRateOption,
  networkOption,
  providerOption,
  rawOption,
  rpcAuthOption,
  rpcOption,
  satoshiAmount,
  several,
  stakerOption,
  stakerQuorumOption,
  releaseOption,
  timeOption,
  trustedParamsOption,
  versionOption,
  wholeNumber,
} from "../options.js";
import { answer, table } from "../output.js";
import {
  assertReleased,
  assertRunning,
  changeAddress,
  chooseParams,
  currentSet,
  heldDelegation,
  heldRules,
  readCoins,
  readParams,
  readTerms,
  type TermsOptions,
  trustedParams,
  type TrustOptions,
  warnOfRelease,
} from "../terms.js";

const CREATE = {
  description: `Writes the delegation (--out), unsigned, and the staking transaction as a PSBT (--psbt) for the wallet with the coins.
Sends nothing. The coins come from a file (--coins) or from addresses (--from-address).`,
  examples: `
tapstake stake create --params regtest --time 100 --value 1000000 --fee-rate 2 \\
  --staker $(tapstake stake key --secret-file staker.key) \\
  --fp 21ed83cac3dc51752ef004425b6bda2ddabeaaa3294ecf4ed596d25f863ac4c7 \\
  --coins coins.json --change bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 \\
  --out stake.json --psbt stake.psbt
`,
  topics: ["coins", "parameters", "releases", "servers", "phase1"],
  refused: "terms, amounts or coins outside the parameters or Bitcoin's rules, or too few coins",
} as const;

export const create = () =>
  newCommand("create", CREATE)
    .requiredOption("--params <set>", "protocol parameters: name of a set, or a file")
    .addOption(versionOption())
    .addOption(activeAtOption())
    .addOption(networkOption())
    .addOption(releaseOption())
    .addOption(stakerOption())
    .addOption(stakerQuorumOption())
    .addOption(providerOption())
    .addOption(timeOption())
    .addOption(
      new Option("--value <sat|all>", "amount to stake, in satoshi; all = everything minus the fee")
        .argParser(valueOrAll)
        .conflicts("signed"),
    )
    .addOption(coinsOption())
    .addOption(fromAddressOption())
    .addOption(changeOption())
    .addOption(allowUnconfirmedOption())
    .option("--not-replaceable", "do not signal replace-by-fee (BIP-125)")
    .addOption(feeRateOption())
    .addOption(maxFeeRateOption())
    .option("--out <file>", "new file for the delegation; - for standard output")
    .addOption(
      new Option("--psbt <file>", "new file for the PSBT, in base64; with --signed: that PSBT, to compare"),
    )
    .addOption(
      new Option("--signed <file>", "signed PSBT, to make the delegation from").conflicts([
        "coins",
        "fromAddress",
        "change",
        "feeRate",
        "allowUnconfirmed",
        "notReplaceable",
      ]),
    )
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(lcdOption())
    .addOption(jsonOption())
    .action(async ({ out, psbt, value, signed, ...options }) => {
      checkFiles({ out, psbt, signed });
      checkOneStandardInput(options.params, options.coins, signed, ...(signed === undefined ? [] : [psbt]));
      await checkNewFiles(out, signed === undefined ? psbt : undefined);
      const set = await readParams(options.params, options.network);
      const network = options.network ?? set.network;
      const chain = await openChain(options, network);
      const params = await chooseParams(set, options, chain);
      const terms = { ...readTerms(options)!, covenant: params.covenant };
      const of: Stake = { terms, params, set: set.name };
      if (out !== undefined) assertDelegated(params);
      await assertRunning({ set, params }, options);
      await checkCurrent(set, params, await openLcd({ lcd: options.lcd, network }));
      const held = heldRules(of, options);
      if (signed !== undefined) {
        const returned = await readPsbt(signed);
        const original = psbt === undefined ? undefined : await readPsbt(psbt);
        const made = delegationFromSigned(terms, params, returned, original);
        warnOfRelease(held);
        await writeDelegation(out!, made.delegation);
        if (out !== "-")
          answer(
            options.json === true,
            { delegation: out, ...signedFacts(of, made), ...releaseFacts(held) },
            signedText,
          );
        return;
      }
      if (value === undefined) throw new UsageError("give --value: the amount to stake in satoshi, or all");
      const coins = await readCoins(options, network, chain);
      const feeRate = await feeRateOf(options, chain);
      const staking = buildStaking({
        terms,
        params,
        value,
        coins,
        feeRate,
        maxFeeRate: maxFeeRateOf(options),
        // A warning follows below: nothing is locked yet, and stake broadcast refuses.
        rules: ANY_RELEASE,
        ...(value !== "all" && { changeScript: scriptOfAddress(changeAddress(options), network) }),
        allowUnconfirmed: options.allowUnconfirmed === true,
        replaceable: options.notReplaceable !== true,
      });
      if (chain && options.coins !== undefined) await checkCoins(staking.coins, chain, coins);
      if (chain) addPrevious(staking.psbt, await withKnownPrevious(chain, staking.coins));
      const delegation = out === undefined ? undefined : delegationOf(of, staking);
      warnOfRelease(held);
      await writeDocument(psbt!, `${staking.psbt.toBase64()}\n`);
      if (delegation) await writeDelegation(out!, delegation);
      if (out === "-" || psbt === "-") return;
      const facts = {
        ...(out !== undefined && { delegation: out }),
        psbt,
        ...stakingFacts(of, staking),
        ...releaseFacts(held),
      };
      answer(options.json === true, facts, () => stakingText(facts, feeRate));
    });

function valueOrAll(text: string): bigint | "all" {
  return text === "all" ? text : satoshiAmount(text);
}

interface Files {
  readonly out?: string | undefined;
  readonly psbt?: string | undefined;
  readonly signed?: string | undefined;
}

function checkFiles({ out, psbt, signed }: Files): void {
  if (signed === undefined && psbt === undefined)
    throw new UsageError("give --psbt: the new file for the PSBT");
  if (signed !== undefined && out === undefined)
    throw new UsageError("give --out: the new file for the delegation");
  if (signed === undefined && out === "-" && psbt === "-") {
    throw new UsageError("--out and --psbt are both -: give one of them a file");
  }
}

/** @throws TapstakeError `txid-not-final` */
function delegationOf({ terms, params }: Stake, { transaction, txidFinal }: Staking): Delegation {
  if (txidFinal) return createDelegation(terms, params, { transaction, txidFinal });
  const text =
    "a P2PKH coin pays, so the txid is unknown until its wallet signs. Do: leave out --out, sign the PSBT, then run stake create --signed";
  throw new TapstakeError("txid-not-final", text);
}

/** @throws TapstakeError `unsupported-params` */
function assertDelegated({ phase1, version }: ProtocolParams): void {
  if (!phase1) return;
  const text =
    "a stake of phase 1 has no delegation. Do: leave out --out, sign the PSBT, then run stake broadcast";
  throw new TapstakeError("unsupported-params", text, { version });
}

const BROADCAST = {
  description: `Finishes the PSBT that the wallet signed, and sends the transaction. Without a server, prints it.

First checks that all signatures are there: the staker's for both slashings, and a quorum of the committee's. Coins that
you lock without them stay locked until the time lock ends, because you cannot unbond. If the committee signs only once
the stake is in a block, confirm this with --register-later.`,
  examples: `
tapstake stake broadcast stake.json --psbt stake.psbt --out staking.hex
`,
  more: `Without a delegation, the options from --staker on describe a stake of phase 1.`,
  topics: ["delegation", "servers", "releases", "phase1"],
  refused: "missing signatures, another PSBT, or a stake that the chain or the node refuses",
} as const;

export const broadcast = () =>
  newCommand("broadcast", BROADCAST)
    .argument("[delegation]", "file of the delegation; - for standard input; none in phase 1")
    .requiredOption("--psbt <file>", "signed PSBT from stake create, or the wallet's answer in any form")
    .option("--unsigned <file>", "PSBT before signing: says which coins pay if the answer does not")
    .option("--register-later", "send before the committee has signed")
    .addOption(lcdOption())
    .addOption(trustedParamsOption())
    .addOption(releaseOption())
    .addOption(new Option("--staker <key>", "phase 1: x-only key of the staker").argParser(several))
    .addOption(new Option("--fp <key>", "phase 1: x-only key of the finality provider").argParser(several))
    .addOption(
      new Option("--time <blocks>", "phase 1: time lock of the stake, in blocks").argParser(wholeNumber),
    )
    .addOption(versionOption("phase 1: version of --params"))
    .addOption(activeAtOption("phase 1: Bitcoin height that chooses the version"))
    .addOption(networkOption())
    .addOption(rawOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(jsonOption())
    .action(async (path, { psbt, out, ...options }) => {
      checkOneStandardInput(path, psbt, options.params, options.unsigned);
      await checkNewFiles(out);
      if (path === undefined && options.unsigned !== undefined)
        throw new UsageError("--unsigned is for a stake with a delegation");
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

interface Options extends TrustOptions, TermsOptions, ChainOptions {
  readonly release?: string | undefined;
  readonly registerLater?: true | undefined;
  readonly unsigned?: string | undefined;
  readonly lcd?: string | undefined;
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
    throw new UsageError(
      "the delegation already has terms and parameters: leave out --staker, --fp, --time, --version, --height and --network",
    );
  }
  const delegation = await readDelegation(path);
  const { params, set } = await trustedParams(delegation, { params: options.params });
  const { terms } = delegation;
  await assertRunning({ set, params }, options);
  // Of a stake that the chain has registered already, it is the chain's own version.
  const server = options.registerLater
    ? await openLcd({ lcd: options.lcd, network: params.network })
    : undefined;
  await checkCurrent(set, params, server);
  assertReleased(heldDelegation(delegation, options));
  checkSoFar(delegation);
  if (!options.registerLater) {
    checkSlashingsSigned(delegation, path);
    checkReady(delegation);
  }
  const transaction = await fundedBy(delegation, psbt, options.unsigned);
  const chain = await openChain(options, params.network);
  // A stake registered earlier was checked at the tip of that day; for one registered later, its block chooses the
  // version.
  if (options.registerLater && chain) {
    const tip = await chain.tip();
    checkInForce(params, { set: currentSet(params, set, options.params), height: tip.height + 1 });
  }
  return { transaction, terms, params, value: stakeCoin(delegation).value, chain };
}

/** What the wallet answered. A whole signed transaction does not say which coins it spends. */
async function fundedBy(
  delegation: Delegation,
  psbt: string,
  unsigned: string | undefined,
): Promise<Transaction> {
  const returned = await readPsbt(psbt);
  const before = unsigned === undefined ? undefined : await readPsbt(unsigned);
  const coins = before && inFile(unsigned!, () => coinsOfPsbt(before));
  const finish = () => inFile(psbt, () => finishStakeFunding(delegation, returned, coins));
  const isSilent = returned.data.inputs.some((input) => !input.witnessUtxo && !input.nonWitnessUtxo);
  return coins || !isSilent
    ? finish()
    : advising("invalid-psbt", "give --unsigned too, the PSBT from stake create", finish);
}

/** @throws TapstakeError `missing-signature` */
function checkSlashingsSigned(delegation: Delegation, path: string): void {
  for (const { transaction, staker } of signatureStatus(delegation)) {
    const isSlashing = transaction === "slashing" || transaction === "unbondingSlashing";
    if (!isSlashing || isComplete(staker)) continue;
    const { signed, quorum } = staker;
    const text = `the ${SIGNED_WORDS[transaction]} has ${signed.length} of ${quorum} staker signatures. Do: run tapstake stake sign ${path}`;
    throw new TapstakeError("missing-signature", text, { transaction, needed: quorum, got: signed.length });
  }
}

/** What a stake of phase 1 says of itself, compared with its intended terms. */
async function phase1Stake(psbt: string, options: Options): Promise<SignedStake> {
  const given = readTerms(options);
  if (!given || options.params === undefined) {
    throw new UsageError(
      "give the delegation, or for a stake of phase 1 --params, --staker, --fp and --time",
    );
  }
  const set = await readParams(options.params, options.network);
  const chain = await openChain(options, options.network ?? set.network);
  const params = await chooseParams(set, options, chain);
  if (!params.phase1) {
    const text = `stakes under parameters v${params.version} of the set ${set.name} have a delegation. Do: give its file`;
    throw new TapstakeError("unsupported-params", text, { version: params.version });
  }
  await assertRunning({ set, params }, options);
  const transaction = transactionFromPsbt(await readPsbt(psbt));
  const { terms, value } = decodeStaking(transaction, { ...set, versions: [params] }, { terms: given });
  assertReleased(heldRules({ terms, params }, options));
  return { transaction, terms, params, value, chain };
}
