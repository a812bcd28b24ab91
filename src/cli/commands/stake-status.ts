import { readChainDelegation } from "../../babylon/lcd/delegation.js";
import { isFundable, stakeOnChain } from "../../chain/stake.js";
import { checkSoFar } from "../../delegation/check.js";
import { combineDelegations } from "../../delegation/combine.js";
import type { Delegation } from "../../delegation/delegation.js";
import { openChain } from "../chain.js";
import { newCommand } from "../command.js";
import { onChainFacts, signatureFacts, type StakeFound } from "../format/delegation.js";
import { nextOf, stageOf, wayRows } from "../format/way.js";
import { checkOneStandardInput, readDelegation } from "../input.js";
import { type Lcd, openLcd } from "../lcd.js";
import {
  DELEGATION,
  esploraOption,
  jsonOption,
  lcdOption,
  rpcAuthOption,
  rpcOption,
  trustedParamsOption,
} from "../options.js";
import { answer, table } from "../output.js";
import { trustedParams } from "../terms.js";

const STATUS = {
  description: `The way: terms, the staker's signatures, registration, the committee's signatures, broadcast, confirmations, active. Asks the
staking chain (--lcd), Bitcoin (--rpc or --esplora), or both. What neither says is not known.`,
  examples: `
tapstake stake status stake.json
tapstake stake status stake.json --lcd https://lcd.example
`,
  topics: ["delegation", "servers"],
  refused: "a broken rule, or a server that says something else of the stake than the file",
} as const;

/** `stake status` */
export const status = () =>
  newCommand("status", STATUS)
    .argument(...DELEGATION)
    .addOption(lcdOption())
    .addOption(trustedParamsOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(jsonOption())
    .action(async (path, options) => {
      checkOneStandardInput(path, options.params);
      const delegation = await readDelegation(path);
      const { params } = await trustedParams(delegation, options);
      checkSoFar(delegation);
      const lcd = await openLcd({ lcd: options.lcd, network: params.network });
      const registered = lcd && (await registeredAs(delegation, lcd));
      const depth = lcd && (await lcd.chain.checkpointParams()).confirmationDepth;
      const chain = await openChain(options, params.network);
      const found = chain && (await findOn(delegation, chain));
      const sources = {
        signatures: signatureFacts(delegation),
        registered,
        found,
        isExpansion: delegation.expansion !== undefined,
      };
      const stage = stageOf(sources);
      const next = nextOf(stage, path, sources);
      const facts = {
        txid: delegation.staking.transaction.getId(),
        stage,
        next,
        ...(registered !== undefined && { registered }),
        ...(depth !== undefined && { confirmationDepth: depth }),
        ...(found && { onChain: found.output ? onChainFacts(found.output) : null }),
        ...sources.signatures,
      };
      answer(options.json === true, facts, () =>
        table([["transaction", facts.txid], ...wayRows(stage, sources, next, depth)]),
      );
    });

/** What the staking chain does with it, after a check that it has the same stake. */
async function registeredAs(delegation: Delegation, { chain }: Lcd) {
  const raw = await chain.raw.delegation(delegation.staking.transaction.getId());
  if (!raw) return null;
  const { params, expansion } = delegation;
  const set = { name: "the delegation", network: params.network, versions: [params] };
  const read = readChainDelegation(raw, { params: set, ...(expansion && { previous: expansion }) });
  combineDelegations(delegation, read.delegation);
  const { status: state, account, heights } = read;
  return { status: state, account, ...(heights && { heights }) };
}

async function findOn(
  delegation: Delegation,
  chain: NonNullable<Awaited<ReturnType<typeof openChain>>>,
): Promise<StakeFound> {
  const output = await stakeOnChain(delegation, chain);
  if (output) return { output };
  const isSent = (await chain.transaction(delegation.staking.transaction.getId())) !== null;
  return { output, isSent, hasCoins: isSent || (await isFundable(delegation, chain)) };
}
