import { Option } from "@commander-js/extra-typings";
import {
  type AnyMessage,
  encodeMessage,
  type MessageName,
  messageToJson,
} from "../../../babylon/messages.js";
import { proofFromJson, type ProofRecord } from "../../../babylon/pop.js";
import type { MessageOf } from "../../../babylon/schema.js";
import { hex } from "../../../core/bytes.js";
import { NEWEST_RELEASE, type Release, RELEASES } from "../../../params/rules.js";
import { type Described, newCommand } from "../../command.js";
import { checkNewFiles, writeDocument } from "../../files.js";
import { readText } from "../../input.js";
import { jsonOption } from "../../options.js";
import { answer, type Row, say, table, toJson } from "../../output.js";

export const senderOption = () =>
  new Option("--address <address>", "account that sends the message, such as bbn1…").makeOptionMandatory();

export const proofOption = () =>
  new Option(
    "--proof <file>",
    "proof of possession, from pop make; it names the account",
  ).makeOptionMandatory();

/** @throws TapstakeError `file-error`, and the codes of `proofFromJson` */
export const readProof = async (path: string): Promise<ProofRecord> => proofFromJson(await readText(path));

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
    .addOption(jsonOption());

interface MessageOptions {
  readonly message?: true | undefined;
  readonly out?: string | undefined;
  readonly release?: Release | undefined;
  readonly json?: true | undefined;
}

/** Gives a message in the way that is asked for. @throws TapstakeError `file-error`, the codes of `encodeMessage` */
export async function giveMessage<Name extends MessageName>(
  { message: isBare, out, release, json }: MessageOptions,
  name: Name,
  message: MessageOf<Name>,
): Promise<void> {
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
