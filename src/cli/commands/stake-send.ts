import { Option } from "@commander-js/extra-typings";
import { scriptOfAddress } from "../../bitcoin/address.js";
import type { Transaction } from "../../bitcoin/bitcoinjs.js";
import { type ChainAccess, withKnownPrevious } from "../../chain/access.js";
import { TapstakeError } from "../../core/errors.js";
import type { Network } from "../../core/network.js";
import { checkSoFar } from "../../delegation/check.js";
import { createDelegation, type Delegation, stakeCoin } from "../../delegation/delegation.js";
import { delegationFromSigned, finishStakeFunding } from "../../delegation/psbt.js";
import { checkReady } from "../../delegation/status.js";
import { checkInForce } from "../../params/in-force.js";
import { ANY_RELEASE } from "../../params/rules.js";
import type { ProtocolParams } from "../../params/types.js";
import { addPrevious } from "../../psbt/write.js";
import { stakingOutput } from "../../script/outputs.js";
import type { StakeTerms } from "../../script/terms.js";
import { decodeStaking } from "../../stake/decode.js";
import { buildStaking, type Staking, transactionFromPsbt } from "../../stake/staking.js";
import { type ChainOptions, deliver, deliveredRows, feeRateOf, maxFeeRateOf, openChain } from "../chain.js";
import { newCommand } from "../command.js";
import { UsageError } from "../errors.js";
import { checkNewFiles, writeDelegation, writeDocument } from "../files.js";
import { signedFacts, signedText, type Stake, stakingFacts, stakingText } from "../format/created.js";
import { amount, releaseFacts } from "../format/text.js";
import { MAKE_STAKE, RELEASES, SERVERS } from "../help.js";
import { checkOneStandardInput, readDelegation, readPsbt } from "../input.js";
import {
  activeAtOption,
  allowUnconfirmedOption,
  changeOption,
  coinsOption,
  esploraOption,
  feeRateOption,
  fromAddressOption,
  jsonOption,
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
  stakersReleaseOption,
  timeOption,
  trustedParamsOption,
  versionOption,
  wholeNumber,
} from "../options.js";
import { answer, table } from "../output.js";
import {
  assertReleased,
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
  description: `Builds a stake from terms and coins: the staking transaction as a PSBT for the wallet that has the coins, and the
delegation, which has everything else in it, unsigned.

Nothing is sent. The coins are those of a file (--coins), or what the server knows at an address (--from-address), of
any kind; what is not staked goes to --change, which is the first of these addresses unless told.

A P2PKH coin (addresses that begin with 1, m or n) makes a txid that is known only once its wallet has signed. With such
coins leave --out away: only the PSBT is written. The wallet signs it, and --signed makes the delegation. So it goes for
a transaction, too, that a wallet built by itself to the stake's address. Stakes of phase 1 have no delegation: what the
wallet signed goes out by stake broadcast, with the same parameters and terms.`,
  examples: `
${MAKE_STAKE}

# only the PSBT; once the wallet has signed it, the delegation is made of that
tapstake stake create --params regtest --staker $STAKER --fp $FP --time 100 --value all \\
  --coins coins.json --fee-rate 2 --psbt all.psbt
`,
  more: `${RELEASES}
${SERVERS}

--coins is JSON as bitcoin-cli listunspent writes it, redeemScript, witnessScript and desc included;
"value" in satoshi can stand for "amount". P2PKH coins need "previousTransaction", the raw
transaction that made them, or a server that has it; P2TR coins that a script spends, "leaf", with
"script" and "controlBlock"; other scripts than M of N, "witnessWeight". A bitcoind knows by address
no coins that are not mined yet; with --allow-unconfirmed, list those by --coins.
The version of the parameters is that of --version, of --height, of the server's chain, or the
newest, in this order: register the stake before it changes.`,
  refused: "terms, value or coins that the parameters or Bitcoin do not admit, or too few coins",
};

export const create = () =>
  newCommand("create", CREATE)
    .requiredOption("--params <set>", "the network's parameters: a set's name, or a file")
    .addOption(versionOption())
    .addOption(activeAtOption())
    .addOption(networkOption())
    .addOption(stakersReleaseOption())
    .addOption(stakerOption())
    .addOption(stakerQuorumOption())
    .addOption(providerOption())
    .addOption(timeOption())
    .addOption(
      new Option("--value <satoshi>", "what to stake; all: what the coins yield, less the fee")
        .argParser(valueOrAll)
        .conflicts("signed"),
    )
    .addOption(coinsOption())
    .addOption(fromAddressOption())
    .addOption(changeOption())
    .addOption(allowUnconfirmedOption())
    .option("--not-replaceable", "the fee cannot be raised while the transaction waits")
    .addOption(feeRateOption())
    .addOption(maxFeeRateOption())
    .option("--out <file>", "write the delegation to a new file; - for standard output")
    .addOption(
      new Option(
        "--psbt <file>",
        "write the PSBT to a new file, in base64; with --signed: that PSBT, to compare",
      ),
    )
    .addOption(
      new Option("--signed <file>", "make the delegation of a PSBT that its wallets have signed").conflicts([
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
      if (value === undefined) throw new UsageError("give --value, what to stake in satoshi, or all");
      const coins = await readCoins(options, network, chain);
      const feeRate = await feeRateOf(options, chain);
      const staking = buildStaking({
        terms,
        params,
        value,
        coins,
        feeRate,
        maxFeeRate: maxFeeRateOf(options),
        // Warned of below: nothing is locked yet, and stake broadcast refuses.
        rules: ANY_RELEASE,
        ...(value !== "all" && { changeScript: scriptOfAddress(changeAddress(options), network) }),
        allowUnconfirmed: options.allowUnconfirmed === true,
        replaceable: options.notReplaceable !== true,
      });
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
  if (signed === undefined && psbt === undefined) throw new UsageError("give --psbt, where the PSBT goes");
  if (signed !== undefined && out === undefined)
    throw new UsageError("give --out, where the delegation goes");
  if (signed === undefined && out === "-" && psbt === "-") {
    throw new UsageError("only one of --out and --psbt can be -");
  }
}

/** @throws TapstakeError `txid-not-final` */
function delegationOf({ terms, params }: Stake, { transaction, txidFinal }: Staking): Delegation {
  if (txidFinal) return createDelegation(terms, params, { transaction, txidFinal });
  const text =
    "a P2PKH coin pays, so the txid is known only once its wallet has signed: leave --out away to write the PSBT, and give it back by --signed";
  throw new TapstakeError("txid-not-final", text);
}

/** @throws TapstakeError `unsupported-params` */
function assertDelegated({ phase1, version }: ProtocolParams): void {
  if (!phase1) return;
  const text =
    "stakes of phase 1 have no delegation, as nothing of them is signed in advance: leave --out away to write the PSBT, and send what its wallet signs by stake broadcast";
  throw new TapstakeError("unsupported-params", text, { version });
}

const BROADCAST = {
  description: `Finishes the staking transaction, from the PSBT that the wallet with the coins signed, and sends it.

It is refused while signatures are missing: the staker's of both slashings, and a quorum of the committee's. Coins that
are locked without them stay so until the time lock has run out, as nobody can unbond. Where the staking chain takes a
stake only once it is in a block, and the committee signs then, --register-later says that this is known.

Stakes of phase 1 have no delegation, as nothing of them is signed in advance. In its place come the parameters and the
terms, which the transaction is held against: the stake, and the OP_RETURN that announces it.`,
  examples: `
${MAKE_STAKE}
# once everybody has signed, and the wallet stake.psbt
tapstake stake broadcast --help
`,
  more: `${RELEASES}
${SERVERS}`,
  refused: "signatures are missing, the PSBT is another one, or chain or node take no such stake",
};

export const broadcast = () =>
  newCommand("broadcast", BROADCAST)
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
    .addOption(versionOption("of phase 1: a version of --params"))
    .addOption(activeAtOption("of phase 1: the version in force at this height"))
    .addOption(networkOption())
    .addOption(rawOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(jsonOption())
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
  const { terms } = delegation;
  assertReleased(heldDelegation(delegation, options));
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
