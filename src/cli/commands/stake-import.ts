import { Option } from "@commander-js/extra-typings";
import { heightOfOutput } from "../../chain/stake.js";
import { outpointOf } from "../../bitcoin/transaction.js";
import { TapstakeError } from "../../core/errors.js";
import type { Network } from "../../core/network.js";
import { checkTransactions } from "../../delegation/check.js";
import { createDelegation, type Delegation, stakeCoin } from "../../delegation/delegation.js";
import { paramsAt, paramsVersion } from "../../params/in-force.js";
import type { ParamSet, ProtocolParams } from "../../params/types.js";
import { decodeStaking } from "../../stake/decode.js";
import { type ChainOptions, openChain } from "../chain.js";
import { newCommand } from "../command.js";
import { advising, UsageError } from "../errors.js";
import { checkNewFiles, writeDelegation } from "../files.js";
import { signatureFacts, signatureText } from "../format/delegation.js";
import { amount } from "../format/text.js";
import { checkOneStandardInput, readTransaction } from "../input.js";
import { type Lcd, type LcdOptions, openLcd } from "../lcd.js";
import {
  activeAtOption,
  esploraOption,
  jsonOption,
  lcdOption,
  networkOption,
  rpcAuthOption,
  rpcOption,
  several,
  stakerQuorumOption,
  versionOption,
  wholeNumber,
} from "../options.js";
import { answer, table } from "../output.js";
import { readParams, readTerms, type TermsOptions } from "../terms.js";

const IMPORT = {
  description: `From the staking chain (--lcd): reads the stake with all signatures that the chain has, and verifies each of them. From its
transaction (--transaction): takes the terms from the options, builds what is signed in advance, and finds the staking
output. The parameters are your own: the shipped set of the chain, or --params.`,
  examples: `
tapstake stake import 5d277e1b29e5589074aea95ac8c8230fd911c2ec3c58774aafdef915619b772c \\
  --lcd https://lcd.testnet.example --out imported.json
`,
  more: `With --transaction, the height of its block decides the version:
give --height, --version or a server.
An expansion from the chain lacks its whole funding transaction: only its registration needs it.`,
  topics: ["delegation", "parameters", "servers"],
  refused: "no such stake, an unknown version, or a field that breaks a rule",
} as const;

/** `stake import` */
export const importStake = () =>
  newCommand("import", IMPORT)
    .argument("[txid]", "id of the staking transaction, for the staking chain")
    .addOption(lcdOption())
    .addOption(
      new Option("--transaction <hex>", "the staking transaction: hexadecimal, a file, or -").conflicts(
        "lcd",
      ),
    )
    .option("--params <set>", "your own parameters: a set or a file (default: the shipped set of the chain)")
    .addOption(versionOption("version of --params, for --transaction"))
    .addOption(activeAtOption("Bitcoin height of the transaction's block"))
    .addOption(networkOption())
    .addOption(new Option("--staker <key...>", "public key of the staker, or several").argParser(several))
    .addOption(stakerQuorumOption())
    .addOption(new Option("--fp <key...>", "x-only keys of the finality providers").argParser(several))
    .addOption(new Option("--time <blocks>", "time lock of the stake, in blocks").argParser(wholeNumber))
    .requiredOption("--out <file>", "new file for the delegation; - for standard output")
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(jsonOption())
    .action(async (txid, { out, transaction, ...options }) => {
      checkOneStandardInput(options.params, transaction);
      await checkNewFiles(out);
      const { delegation, ...facts } =
        transaction === undefined
          ? await fromLcd(txid, options)
          : await fromTransaction(transaction, options);
      await writeDelegation(out, delegation);
      if (out === "-") return;
      const all = {
        delegation: out,
        txid: delegation.staking.transaction.getId(),
        satoshi: stakeCoin(delegation).value,
        version: delegation.params.version,
        ...facts,
        ...signatureFacts(delegation),
      };
      answer(options.json === true, all, () =>
        [
          table([
            ["delegation", out],
            ["transaction", all.txid],
            ["stakes", amount(all.satoshi)],
            ["parameters", `v${all.version} of the set ${facts.paramSet}`],
            ["on the chain", facts.status],
          ]),
          signatureText(all),
        ].join("\n"),
      );
    });

interface Imported {
  readonly delegation: Delegation;
  readonly paramSet: string;
  /** As the staking chain says. */
  readonly status?: string;
}

interface Options extends LcdOptions, ChainOptions, TermsOptions {
  readonly params?: string | undefined;
  readonly version?: number | undefined;
  readonly height?: number | undefined;
  readonly network?: Network | undefined;
}

async function fromLcd(txid: string | undefined, options: Options): Promise<Imported> {
  if (txid === undefined || !(options.lcd ?? process.env["TAPSTAKE_LCD"])) {
    throw new UsageError("give the txid and --lcd, or --transaction with the terms of the stake");
  }
  const { chain, shipped } = (await openLcd(options)) as Lcd;
  const params = options.params === undefined ? shipped : await readParams(options.params, options.network);
  const advice = `tapstake params fetch --lcd <url> --out params.json, then give --params params.json`;
  if (!params) {
    const text = `no shipped set is of ${chain.chainId}. Do: ${advice}`;
    throw new TapstakeError("unknown-params", text, { chainId: chain.chainId });
  }
  const found = await advising("unknown-params", advice, () => chain.delegation(txid, { params }));
  if (found) return { delegation: found.delegation, paramSet: params.name, status: found.status };
  const text = `${chain.url} has no delegation of ${txid}`;
  throw new TapstakeError("stake-not-registered", text, { txid });
}

async function fromTransaction(source: string, options: Options): Promise<Imported> {
  const given = readTerms(options);
  if (!given || options.params === undefined) {
    throw new UsageError("--transaction needs --params, --staker, --fp and --time");
  }
  const set = await readParams(options.params, options.network);
  const network = options.network ?? set.network;
  const transaction = await readTransaction(source);
  const decoded = decodeStaking(transaction, chosenOf(set, options), { terms: given });
  const chain = await openChain(options, network);
  const height =
    options.version === undefined && options.height === undefined && chain
      ? await heightOfOutput(outpointOf(transaction, decoded.outputIndex), chain)
      : null;
  if (height === null && decoded.alternatives.length > 0) {
    const versions = [decoded.params, ...decoded.alternatives].map(({ version }) => `v${version}`);
    throw new UsageError(
      `the stake fits parameters ${versions.join(", ")}: give --height, the height of its block, or --version`,
    );
  }
  const params: ProtocolParams = { ...(height === null ? decoded.params : paramsAt(set, height)), network };
  const terms = { ...decoded.terms, covenant: params.covenant };
  const delegation = createDelegation(terms, params, { transaction, txidFinal: true });
  checkTransactions(delegation);
  return { delegation, paramSet: set.name };
}

/** The versions that the options leave. */
function chosenOf(set: ParamSet, { version, height }: Options): ParamSet {
  if (version !== undefined) return { ...set, versions: [paramsVersion(set, version)] };
  return height === undefined ? set : { ...set, versions: [paramsAt(set, height)] };
}
