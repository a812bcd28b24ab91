import { Option } from "@commander-js/extra-typings";
import { scriptOfAddress } from "../../bitcoin/address.js";
import { withKnownPrevious } from "../../chain/access.js";
import { checkTransactions } from "../../delegation/check.js";
import { createDelegation, type Delegation, stakeCoin } from "../../delegation/delegation.js";
import { ANY_RELEASE } from "../../params/rules.js";
import { identifyParams } from "../../params/sets.js";
import type { ParamSet } from "../../params/types.js";
import { addPrevious } from "../../psbt/write.js";
import { fundExpansion, FUNDING_INPUT } from "../../stake/expansion.js";
import { feeRateOf, maxFeeRateOf, openChain } from "../chain.js";
import { newCommand } from "../command.js";
import { UsageError } from "../errors.js";
import { checkNewFiles, writeDelegation, writeDocument } from "../files.js";
import { expansionFacts, expansionText } from "../format/created.js";
import { releaseFacts } from "../format/text.js";
import { EXPAND_STAKE, MAKE_STAKE, RELEASES, SERVERS, SIGN_STAKE } from "../help.js";
import { checkOneStandardInput, readDelegation } from "../input.js";
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
  originOption,
  parseKey,
  rpcAuthOption,
  rpcOption,
  satoshiAmount,
  several,
  stakersReleaseOption,
  versionOption,
  wholeNumber,
} from "../options.js";
import { answer } from "../output.js";
import {
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
  description: `Makes a stake larger, or longer, or both, without unbonding: one transaction spends it and one coin, and pays the new
stake. The stakers stay, and the value does not shrink; the time lock begins anew.

What comes out is a delegation like any other, and goes the same way: stake sign, covenant sign, stake broadcast. Two
things are more. The committee of the old stake signs its spend too, which covenant sign does. And the staker signs it
last, by stake sign --expansion, or in the PSBT beside the coin. Until the new stake is mined, the old one is as it was.`,
  examples: `
${MAKE_STAKE}
${SIGN_STAKE}

# once it is mined
${EXPAND_STAKE}
tapstake stake sign larger.json --secret-file staker.key
for i in 1 2 3; do
  tapstake covenant sign larger.json --height 100 --previous-height 100 --secret-file $i.key
done
tapstake stake sign larger.json --expansion --secret-file staker.key
tapstake stake check larger.json
`,
  more: `${RELEASES}
${SERVERS}

The coin is P2WPKH, or P2TR spent by its key; of several, the one that costs least is taken, and of
those that cost the same the smallest.
--coins is JSON as bitcoin-cli listunspent writes it; "value" in satoshi can stand for "amount".
The version of the parameters is that of --version, of --height, of the server's chain, or the
newest, in this order.`,
  refused: "terms that an expansion may not have, a stake that breaks a rule, too few coins",
};

export const command = () =>
  newCommand("expand", EXPAND)
    .argument("<delegation>", "the file of the stake that is expanded; - for standard input")
    .addOption(
      new Option("--value <satoshi>", "what to stake: as before unless told").argParser(satoshiAmount),
    )
    .addOption(
      new Option("--time <blocks>", "how long the new stake is locked: as before unless told").argParser(
        wholeNumber,
      ),
    )
    .addOption(
      new Option(
        "--fp <key...>",
        "the finality provider's x-only key, or several: as before unless told",
      ).argParser(several),
    )
    .option("--params <set>", "the network's parameters: a set's name, or a file; as before unless told")
    .addOption(versionOption())
    .addOption(activeAtOption())
    .addOption(stakersReleaseOption())
    .addOption(coinsOption("coins to choose one from (JSON); - for standard input"))
    .addOption(fromAddressOption("choose among the coins of these addresses, asked of the server"))
    .addOption(changeOption("where the rest of the coin goes"))
    .addOption(allowUnconfirmedOption("take a coin that is not mined yet, too"))
    .addOption(feeRateOption())
    .addOption(maxFeeRateOption())
    .addOption(originOption())
    .requiredOption("--out <file>", "write the new delegation to a new file; - for standard output")
    .requiredOption("--psbt <file>", "write the PSBT to a new file, in base64")
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(jsonOption())
    .action(async (path, { out, psbt: psbtFile, ...options }) => {
      if (out === "-" && psbtFile === "-") throw new UsageError("only one of --out and --psbt can be -");
      checkOneStandardInput(path, options.params, options.coins);
      await checkNewFiles(out, psbtFile);
      const previous = await readDelegation(path);
      await trustedParams(previous, { params: options.params });
      checkTransactions(previous);
      const { network } = previous.params;
      const set = await setOf(previous, options.params);
      const chain = await openChain(options, network);
      const params = await chooseParams(set, { ...options, network }, chain);
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
        // Warned of below: nothing is locked yet, and the committee and stake broadcast refuse.
        rules: ANY_RELEASE,
        allowUnconfirmed: options.allowUnconfirmed === true,
        derivations: readOrigins(options.origin),
      });
      // Signers may want to see it, and the staking chain asks for it when the expansion is registered.
      const [coin] = chain ? await withKnownPrevious(chain, [expansion.coin]) : [expansion.coin];
      addPrevious(expansion.psbt, [coin!], FUNDING_INPUT);
      const delegation = createDelegation(terms, params, expansion.transaction, { previous, coin: coin! });
      warnOfRelease(held);
      await writeDocument(psbtFile, `${expansion.psbt.toBase64()}\n`);
      await writeDelegation(out, delegation);
      if (out === "-" || psbtFile === "-") return;
      const facts = {
        delegation: out,
        psbt: psbtFile,
        ...expansionFacts({ terms, params, set: set.name }, previous, expansion),
        ...releaseFacts(held),
      };
      answer(options.json === true, facts, () => expansionText(facts, previous, feeRate));
    });

/** The set of the option, or that of the stake, which is a published one: its parameters were just found there. */
const setOf = ({ params }: Delegation, name: string | undefined): Promise<ParamSet> | ParamSet =>
  name === undefined ? identifyParams(params)!.set : readParams(name, params.network);
