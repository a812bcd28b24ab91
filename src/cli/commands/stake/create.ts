import { Command, Option } from "@commander-js/extra-typings";
import { TapstakeError } from "../../../core/errors.js";
import type { Network } from "../../../core/network.js";
import { type ChainAccess, coinsOfAddress, withKnownPrevious, withPrevious } from "../../../chain/access.js";
import { coinsFromJson } from "../../../chain/coins-json.js";
import { createDelegation, type Delegation } from "../../../delegation/delegation.js";
import { paramsAt, paramsVersion } from "../../../params/select.js";
import type { ParamSet, ProtocolParams } from "../../../params/types.js";
import { scriptOfAddress } from "../../../bitcoin/address.js";
import type { Coin } from "../../../funding/coin.js";
import { addPrevious } from "../../../psbt/write.js";
import { buildStaking, type Staking } from "../../../stake/staking.js";
import {
  jsonOption,
  networkOption,
  providerOption,
  readParams,
  readTerms,
  several,
  stakerOption,
  stakerQuorumOption,
  timeOption,
  wholeNumber,
} from "../../arguments.js";
import {
  type ChainOptions,
  esploraOption,
  feeRateOf,
  feeRateOption,
  maxFeeRateOption,
  openChain,
  rpcAuthOption,
  rpcOption,
  SERVERS,
} from "../../chain.js";
import { ofSigned, signedText, type Stake, stakingFacts, stakingText } from "../../created-stake.js";
import { UsageError } from "../../errors.js";
import { MAKE_STAKE } from "../../example-stake.js";
import { readText, writeDelegation, writeDocument } from "../../files.js";
import { helpText, paragraphs } from "../../help.js";
import { answer } from "../../output.js";
import { RELEASES, heldRules, releaseFacts, stakersReleaseOption, warnOfRelease } from "../../release.js";
import { checkOneStandardInput } from "../../secrets.js";
import { checkNewFiles, satoshiAmount } from "../../stake-options.js";

const DESCRIPTION = `Builds a stake from terms and coins: the staking transaction as a PSBT for the wallet that has the coins, and the
delegation, which has everything else in it, unsigned.

Nothing is sent. The coins are those of a file (--coins), or what the server knows at an address (--from-address), of
any kind; what is not staked goes to --change, which is the first of these addresses unless told.

A P2PKH coin (addresses that begin with 1, m or n) makes a txid that is known only once its wallet has signed. With such
coins leave --out away: only the PSBT is written. The wallet signs it, and --signed makes the delegation. So it goes for
a transaction, too, that a wallet built by itself to the stake's address. Stakes of phase 1 have no delegation: what the
wallet signed goes out by stake broadcast, with the same parameters and terms.`;

const HELP = helpText({
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
});

export function command() {
  return new Command("create")
    .description(paragraphs(DESCRIPTION))
    .requiredOption("--params <set>", "the network's parameters: a set's name, or a file")
    .addOption(
      new Option("--version <number>", "a version of --params").argParser(wholeNumber).conflicts("height"),
    )
    .addOption(
      new Option("--height <height>", "the version in force at this Bitcoin height").argParser(wholeNumber),
    )
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
    .addOption(
      new Option("--coins <file>", "coins to choose from (JSON); - for standard input").conflicts(
        "fromAddress",
      ),
    )
    .addOption(
      new Option(
        "--from-address <address...>",
        "all coins of these addresses, asked of the server",
      ).argParser(several),
    )
    .option("--change <address>", "where the rest of the coins goes")
    .option("--allow-unconfirmed", "spend coins that are not mined yet, too")
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
    .addHelpText("after", HELP)
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
        const made = await ofSigned(of, signed, psbt);
        warnOfRelease(held);
        await writeDelegation(out!, made.delegation);
        if (out !== "-")
          answer(
            options.json === true,
            { delegation: out, ...made.facts, ...releaseFacts(held) },
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
}

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

interface Choice {
  readonly version?: number | undefined;
  readonly height?: number | undefined;
  readonly network?: Network | undefined;
}

export async function chooseParams(
  set: ParamSet,
  { version, height, network = set.network }: Choice,
  chain: ChainAccess | undefined,
): Promise<ProtocolParams> {
  const at = version === undefined ? (height ?? (await chain?.tip())?.height) : undefined;
  const newest = at === undefined ? set.versions.at(-1)! : paramsAt(set, at);
  return { ...(version === undefined ? newest : paramsVersion(set, version)), network };
}

interface CoinOptions extends ChainOptions {
  readonly coins?: string | undefined;
  readonly fromAddress?: readonly string[] | undefined;
  readonly change?: string | undefined;
}

export async function readCoins(
  { coins, fromAddress }: CoinOptions,
  network: Network,
  chain: ChainAccess | undefined,
): Promise<Coin[]> {
  if (coins !== undefined) {
    const given = coinsFromJson(await readText(coins));
    return chain ? withPrevious(chain, given) : given;
  }
  if (!fromAddress) throw new UsageError("give the coins by --coins or --from-address");
  if (!chain) throw new UsageError("--from-address needs a server: --rpc or --esplora");
  const found: Coin[] = [];
  // One after the other: bitcoind scans for one caller at a time.
  for (const address of new Set(fromAddress)) found.push(...(await coinsOfAddress(chain, address, network)));
  return found;
}

export function changeAddress({ change, fromAddress }: CoinOptions): string {
  const address = change ?? fromAddress?.[0];
  if (address === undefined) throw new UsageError("--coins needs a --change address");
  return address;
}
