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
import { checkOneStandardInput, readContent, readDelegation, readDocument } from "../../input.js";
import { activeAtOption, contextOption, jsonOption, networkOption, versionOption } from "../../options.js";
import { answer, table } from "../../output.js";
import { chooseParams, readParams } from "../../terms.js";
import { fieldRows } from "./message.js";

const SHOW = {
  description: `Checks the message as the chain does. Give what the message itself does not contain: --params for a new stake, --delegation
for a message about a stake, --commitment for a vote. Without it, tapstake checks only the form, and says so.`,
  examples: `
# message.json: from tapstake register create-delegation --message
tapstake register show message.json --params regtest

# bytes do not say which message they are
tapstake register show message.bin --type MsgEquivocationEvidence
`,
  more: `The file is JSON with typeUrl and value, as --message prints it, or the bytes, with --type.`,
  topics: ["files", "parameters"],
  refused: "not such a message, or it breaks a rule: the code names the rule",
} as const;

/** `register show` */
export const show = () =>
  newCommand("show", SHOW)
    .argument("<message>", "file of the message; - for standard input")
    .addOption(
      new Option("--type <name>", "name of the message, for a file of bytes").choices(
        Object.keys(TYPE_URLS) as MessageName[],
      ),
    )
    .option("--params <set>", "new stake: parameter set or file")
    .addOption(versionOption("version of --params (default: the newest)"))
    .addOption(activeAtOption())
    .option("--delegation <file>", "stake that the message is about; for an expansion, the previous one")
    .option("--commitment <file>", "vote: commitment that covers its height")
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
  params: "--params, as the message does not contain the committee",
  delegation: "--delegation, the stake that the message is about",
  commitment: "--commitment, which covers the height of the vote",
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
    ...(commitment !== undefined && { commitment: await readDocument(commitment, commitmentFromJson) }),
    context,
    network,
  };
}
