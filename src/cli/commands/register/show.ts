import { Option } from "@commander-js/extra-typings";
import { checkedMessage, type MessageSources } from "../../../babylon/messages.js";
import {
  type AnyMessage,
  decodeMessage,
  messageFromJson,
  type MessageName,
  TYPE_URLS,
} from "../../../babylon/messages.js";
import type { Network } from "../../../core/network.js";
import { commitmentFromJson } from "../../../vote/json.js";
import { newCommand } from "../../command.js";
import { EVIDENCE, MAKE_PROOF, MAKE_STAKE } from "../../help.js";
import { checkOneStandardInput, readContent, readDelegation, readText } from "../../input.js";
import { activeAtOption, contextOption, jsonOption, networkOption, versionOption } from "../../options.js";
import { answer, table } from "../../output.js";
import { chooseParams, readParams } from "../../terms.js";
import { fieldRows } from "./message.js";

const SHOW = {
  description: `Reads a message of the staking chain and checks it as the chain does.

What a message does not hold has to be given: of a new stake the parameters (--params), as the committee is not in it; of
what is about a stake, that stake (--delegation); of a vote the commitment. Without it only the form is checked, which
the answer says.`,
  examples: `
${MAKE_STAKE}
tapstake stake sign stake.json --secret-file staker.key
${MAKE_PROOF}
tapstake register create-delegation stake.json --proof proof.json --message > message.json
tapstake register show message.json --params regtest

# raw bytes do not say which message they are
${EVIDENCE}
tapstake register equivocation evidence.json --out message.bin \\
  --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
tapstake register show message.bin --type MsgEquivocationEvidence
`,
  more: `
The file is JSON with typeUrl and value, as --message prints it, or the bytes, with --type.`,
  refused: "it is no such message, or breaks a rule: the code names it",
};

/** `register show` */
export const show = () =>
  newCommand("show", SHOW)
    .argument("<message>", "its file; - for standard input")
    .addOption(
      new Option("--type <name>", "which message the bytes are").choices(
        Object.keys(TYPE_URLS) as MessageName[],
      ),
    )
    .option("--params <set>", "of a new stake: a set's name, or a file")
    .addOption(versionOption("a version of --params: the newest unless told"))
    .addOption(activeAtOption())
    .option("--delegation <file>", "the stake that it is about; of an expansion, the previous one")
    .option("--commitment <file>", "of a vote: the commitment that covers its height")
    .addOption(networkOption())
    .addOption(contextOption())
    .addOption(jsonOption())
    .action(async (path, options) => {
      checkOneStandardInput(path, options.params, options.delegation, options.commitment);
      const any = await readAny(path, options.type);
      const named = decodeMessage(any);
      const lacking = checkedMessage(named, await readSources(options));
      const checked = lacking === undefined;
      const facts = { name: named.name, typeUrl: any.typeUrl, checked, fields: named.message };
      answer(options.json === true, { ...facts, ...(lacking !== undefined && { lacking }) }, () =>
        table([
          ["message", any.typeUrl],
          ["checked", checked ? "every rule holds" : `only its form: give ${LACKING[lacking]}`],
          ...fieldRows(named.message),
        ]),
      );
    });

const LACKING = {
  params: "--params, for the committee is not in the message",
  delegation: "--delegation, the stake that it is about",
  commitment: "--commitment, under which the vote counts",
} as const;

async function readAny(path: string, type: MessageName | undefined): Promise<AnyMessage> {
  const bytes = await readContent(path);
  return type === undefined
    ? messageFromJson(new TextDecoder().decode(bytes))
    : { typeUrl: TYPE_URLS[type], value: Uint8Array.from(bytes) };
}

interface SourceOptions {
  readonly params?: string | undefined;
  readonly version?: number | undefined;
  readonly height?: number | undefined;
  readonly delegation?: string | undefined;
  readonly commitment?: string | undefined;
  readonly network?: Network | undefined;
  readonly context?: string | undefined;
}

async function readSources(options: SourceOptions): Promise<MessageSources> {
  const { version, height, network, context, delegation, commitment } = options;
  const set = options.params === undefined ? undefined : await readParams(options.params, network);
  return {
    ...(set && { params: await chooseParams(set, { version, height, network }, undefined) }),
    ...(delegation !== undefined && { delegation: await readDelegation(delegation) }),
    ...(commitment !== undefined && { commitment: commitmentFromJson(await readText(commitment)) }),
    context,
    network,
  };
}
