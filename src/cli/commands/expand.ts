import { Option } from "@commander-js/extra-typings";
import { scriptOfAddress } from "../../bitcoin/address.js";
import { type ChainAccess, withKnownPrevious } from "../../chain/access.js";
import { checkCoins } from "../../chain/coins.js";
import { stakeOnChain } from "../../chain/stake.js";
import { TapstakeError } from "../../core/errors.js";
import { checkTransactions } from "../../delegation/check.js";
import { createDelegation, type Delegation, stakeCoin } from "../../delegation/delegation.js";
import { addStakerPsbts } from "../../delegation/psbt.js";
import { ANY_RELEASE } from "../../params/rules.js";
import { identifyParams } from "../../params/sets.js";
import type { ParamSet } from "../../params/types.js";
import { addPrevious } from "../../psbt/write.js";
import { fundExpansion } from "../../stake/expansion.js";
import { FUNDING_INPUT } from "../../stake/funding-coin.js";
import { feeRateOf, maxFeeRateOf, openChain } from "../chain.js";
import { newCommand } from "../command.js";
import { UsageError } from "../errors.js";
import { checkNewFiles, writeDelegation, writeDocument } from "../files.js";
import { expansionFacts, expansionText } from "../format/created.js";
import { releaseFacts } from "../format/text.js";
import { checkOneStandardInput, readDelegation, readPsbt } from "../input.js";
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
  originOption,
  parseKey,
  rpcAuthOption,
  rpcOption,
  satoshiAmount,
  several,
  signedOption,
  releaseOption,
  versionOption,
  wholeNumber,
} from "../options.js";
import { answer } from "../output.js";
import {
  assertRunning,
  changeAddress,
  chooseParams,
  heldRules,
  readCoins,
  readOrigins,
  readParams,
  trustedParams,
  warnOfRelease,
} from "../terms.js";

const EXPAND = {
  description: `One transaction spends the old stake and one coin, and pays the new stake. The stakers stay the same, the value does not
shrink, and the time lock starts anew. Sends nothing.

The new delegation goes through stake sign, covenant sign and stake broadcast like any other. Last, the staker signs the
spend of the old stake: stake sign --expansion, or a wallet, whose PSBT the same command takes back by --signed. Until the new stake is mined, the old one stays valid.`,
  examples: `
tapstake expand stake.json --value 1500000 --time 200 --fee-rate 2 \\
  --coins more-coins.json --change bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 \\
  --out larger.json --psbt larger.psbt
`,
  topics: ["coins", "parameters", "releases", "servers", "delegation"],
  refused: "terms that an expansion may not have, a stake that breaks a rule, or too few coins",
} as const;

export const command = () =>
  newCommand("expand", EXPAND)
    .argument("<delegation>", "file of the stake to expand; - for standard input")
    .addOption(
      new Option("--value <sat>", "amount of the new stake, in satoshi (default: as before)").argParser(
        satoshiAmount,
      ),
    )
    .addOption(
      new Option("--time <blocks>", "time lock of the new stake, in blocks (default: as before)").argParser(
        wholeNumber,
      ),
    )
    .addOption(
      new Option(
        "--fp <key...>",
        "x-only key of the finality provider, or several (default: as before)",
      ).argParser(several),
    )
    .option("--params <set>", "protocol parameters: a set or a file (default: the stake's own set)")
    .addOption(versionOption())
    .addOption(activeAtOption())
    .addOption(releaseOption())
    .addOption(coinsOption("coins to choose one from (JSON); - for standard input"))
    .addOption(fromAddressOption())
    .addOption(changeOption())
    .addOption(allowUnconfirmedOption())
    .addOption(feeRateOption())
    .addOption(maxFeeRateOption())
    .addOption(originOption())
    .requiredOption("--out <file>", "new file for the delegation; - for standard output")
    .option("--psbt <file>", "new file for the PSBT, in base64; - for standard output")
    .addOption(signedOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(lcdOption())
    .addOption(jsonOption())
    .action(async (path, { out, psbt: psbtFile, signed, ...options }) => {
      if (psbtFile === undefined && signed === undefined) {
        throw new UsageError("give --psbt, where the PSBT goes, or --signed, where it comes back");
      }
      if (out === "-" && psbtFile === "-")
        throw new UsageError("--out and --psbt are both -: give one of them a file");
      checkOneStandardInput(path, options.params, options.coins, ...(signed ?? []));
      await checkNewFiles(out, psbtFile);
      const previous = await readDelegation(path);
      await trustedParams(previous, { params: options.params });
      checkTransactions(previous);
      const { network } = previous.params;
      const set = await setOf(previous, options.params);
      const chain = await openChain(options, network);
      if (chain) await assertStaked(previous, chain);
      const params = await chooseParams(set, { ...options, network }, chain);
      await assertRunning({ set, params }, options);
      await checkCurrent(set, params, await openLcd({ lcd: options.lcd, network }));
      const terms = {
        ...previous.terms,
        covenant: params.covenant,
        ...(options.fp && { finalityProviders: options.fp.map((key) => parseKey(key, "finality provider")) }),
        ...(options.time !== undefined && { timelock: options.time }),
      };
      const held = heldRules({ terms, params, previous: previous.terms }, options);
      const value = options.value ?? stakeCoin(previous).value;
      const coins = await readCoins(options, network, chain);
      const feeRate = await feeRateOf(options, chain);
      const changeScript = scriptOfAddress(changeAddress(options), network);
      const expansion = fundExpansion({
        previous,
        terms,
        params,
        value,
        coins,
        changeScript,
        feeRate,
        maxFeeRate: maxFeeRateOf(options),
        // A warning follows below: nothing is locked yet, and the committee and stake broadcast refuse.
        rules: ANY_RELEASE,
        allowUnconfirmed: options.allowUnconfirmed === true,
        derivations: readOrigins(options.origin),
      });
      if (chain && options.coins !== undefined) await checkCoins([expansion.coin], chain, coins);
      // Signers may want to see the transaction, and the staking chain requires it at the expansion's registration.
      const [coin] = chain ? await withKnownPrevious(chain, [expansion.coin]) : [expansion.coin];
      addPrevious(expansion.psbt, [coin!], FUNDING_INPUT);
      const created = createDelegation(terms, params, expansion.transaction, { previous, coin: coin! });
      const returned = await Promise.all((signed ?? []).map(readPsbt));
      const delegation = addStakerPsbts(created, returned, [], TAKEN);
      warnOfRelease(held);
      if (psbtFile !== undefined) await writeDocument(psbtFile, `${expansion.psbt.toBase64()}\n`);
      await writeDelegation(out, delegation);
      if (out === "-" || psbtFile === "-") return;
      const facts = {
        delegation: out,
        ...(psbtFile !== undefined && { psbt: psbtFile }),
        ...expansionFacts({ terms, params, set: set.name }, previous, expansion),
        ...releaseFacts(held),
      };
      answer(options.json === true, facts, () => expansionText(facts, previous, feeRate));
    });

/** What a wallet's answers may be of: a signed unbonding would let others end the new stake. */
const TAKEN = ["slashing", "unbondingSlashing", "expansion"] as const;

/**
 * Checks that the previous stake is in a block or in the mempool.
 * @throws TapstakeError `output-not-found`; the codes of `stakeOnChain`
 */
async function assertStaked(previous: Delegation, chain: ChainAccess): Promise<void> {
  const found = await stakeOnChain(previous, chain);
  if (found?.name === "staking") return;
  const text = `${chain.url} has no unspent stake to expand: it is not broadcast yet, or was spent. Do: run tapstake stake check`;
  throw new TapstakeError("output-not-found", text);
}

/** The set of the option, else that of the stake. That one is published: its parameters were just found there. */
const setOf = ({ params }: Delegation, name: string | undefined): Promise<ParamSet> | ParamSet =>
  name === undefined ? identifyParams(params)!.set : readParams(name, params.network);
