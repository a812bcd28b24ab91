import { Option } from "@commander-js/extra-typings";
import {
  type AnyMessage,
  encodeMessage,
  type MessageName,
  messageToJson,
} from "../../../babylon/messages.js";
import { proofFromJson, type ProofRecord } from "../../../babylon/pop.js";
import type { NamedMessage } from "../../../babylon/messages.js";
import type { MessageRecords } from "../../../babylon-client/chain-state.js";
import type { MessageOf } from "../../../babylon/schema.js";
import { hex } from "../../../core/bytes.js";
import { NEWEST_RELEASE, RELEASES } from "../../../params/rules.js";
import { type Described, newCommand } from "../../command.js";
import { checkNewFiles, writeDocument } from "../../files.js";
import { readDocument } from "../../input.js";
import {
  accountKeyOption,
  accountPathOption,
  chainOption,
  feeLimitOption,
  forceOption,
  jsonOption,
  lcdOption,
  yesOption,
} from "../../options.js";
import { answer, type Row, say, table, toJson } from "../../output.js";
import type { SendingOptions } from "./send.js";

export const senderOption = () =>
  new Option("--address <address>", "account that sends the message, such as bbn1…").makeOptionMandatory();

export const proofOption = () =>
  new Option(
    "--proof <file>",
    "proof of possession, from pop make; it names the account",
  ).makeOptionMandatory();

/** @throws TapstakeError `file-error`, and the codes of `proofFromJson` */
export const readProof = (path: string): Promise<ProofRecord> => readDocument(path, proofFromJson);

/** A command that makes a message: what it gives is the same for all. */
export const messageCommand = (name: string, about: Described) =>
  newCommand(name, about)
    .addOption(
      new Option("--message", "print only the message: JSON with typeUrl and value (base64)").conflicts(
        "json",
      ),
    )
    .option("--out <file>", "new file for the bytes of the message; - for standard output")
    .addOption(
      new Option(
        "--release <name>",
        `release that the chain runs: ${RELEASES.join(", ")} (default: ${NEWEST_RELEASE})`,
      ).choices(RELEASES),
    )
    .addOption(
      new Option("--check", "say what the chain would answer; --lcd also asks it").conflicts([
        "message",
        "out",
        "send",
      ]),
    )
    .addOption(
      new Option("--send", "check the message, sign and send it, and wait for its block").conflicts([
        "message",
        "out",
      ]),
    )
    .addOption(lcdOption())
    .addOption(chainOption())
    .addOption(accountKeyOption())
    .addOption(accountPathOption())
    .addOption(feeLimitOption())
    .addOption(yesOption())
    .addOption(forceOption())
    .addOption(jsonOption());

interface MessageOptions extends SendingOptions {
  readonly message?: true | undefined;
  readonly out?: string | undefined;
  readonly check?: true | undefined;
  readonly send?: true | undefined;
}

/**
 * Gives a message in the way that is asked for, or checks or sends it.
 * @param records what the message is about: the records that the command read
 * @throws TapstakeError `file-error`, the codes of `encodeMessage`, `checkOnChain` and `sendMessage`
 */
export async function giveMessage<Name extends MessageName>(
  options: MessageOptions,
  name: Name,
  message: MessageOf<Name>,
  records: MessageRecords = {},
): Promise<void> {
  const { message: isBare, out, release, json } = options;
  const named = { name, message } as unknown as NamedMessage;
  // Loaded only here: what they need is much, and most calls do without.
  if (options.check) return (await import("./check.js")).checkOnChain(named, records, options);
  if (options.send) return (await import("./send.js")).sendMessage(named, records, options);
  await checkNewFiles(out);
  const any = encodeMessage(name, message, release);
  if (out !== undefined) await writeDocument(out, any.value);
  if (out === "-") return;
  if (isBare) return say(messageToJson(any).trimEnd());
  const facts = { name, ...any, fields: message, ...(out !== undefined && { file: out }) };
  answer(json === true, facts, () => messageText(any, message, out));
}

/** A message of the staking chain. */
const messageText = ({ typeUrl, value }: AnyMessage, fields: object, out: string | undefined) =>
  table([
    ["message", typeUrl],
    ["bytes", `${value.length}${out === undefined ? "" : `, written to ${out}`}`],
    ...fieldRows(fields),
    ["value", hex.encode(value)],
  ]);

/** A message's fields by their published names. */
export const fieldRows = (fields: object): Row[] =>
  Object.entries(fields).map(([name, value]: [string, unknown]) => [
    name,
    value === undefined ? undefined : fieldText(value),
  ]);

function fieldText(value: unknown): string | string[] {
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.map((one) => String(fieldText(one)));
  if (value instanceof Uint8Array) return value.length === 0 ? "empty" : hex.encode(value);
  if (typeof value === "object") return toJson(value).replace(/\s+/g, " ");
  return String(value);
}
