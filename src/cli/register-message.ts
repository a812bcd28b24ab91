import { Command, Option } from "@commander-js/extra-typings";
import type { ChainAccess } from "../chain/access.js";
import type { Transaction } from "../bitcoin/bitcoinjs.js";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import type { Network } from "../core/network.js";
import type { InclusionProof } from "../babylon/inclusion.js";
import { inclusionProofFromMerkleBlock } from "../babylon/merkle-block.js";
import { encodeMessage, type MessageName, messageToJson } from "../babylon/messages.js";
import { proofFromJson, type ProofRecord } from "../babylon/pop-json.js";
import type { MessageOf } from "../babylon/schema.js";
import { type ChainOptions, openChain } from "./chain.js";
import { UsageError } from "./errors.js";
import { checkNewFiles, writeDocument } from "./files.js";
import { paragraphs } from "./help.js";
import { readText } from "./input.js";
import { jsonOption } from "./options.js";
import { answer, type Row, say, table, toJson } from "./output.js";

export const addressOption = () =>
  new Option(
    "--address <address>",
    "the account that sends the message, such as bbn1…",
  ).makeOptionMandatory();

export const proofOption = () =>
  new Option(
    "--proof <file>",
    "the proof of possession, of pop make; it names the account",
  ).makeOptionMandatory();

export const txOutProofOption = () =>
  new Option("--txoutproof <file>", "that it is in a block, as bitcoin-cli gettxoutproof gives it");

/** A command that makes a message: what it gives is the same for all. */
export const messageCommand = (name: string, description: string) =>
  new Command(name)
    .description(paragraphs(description))
    .addOption(
      new Option("--message", "print only the message: JSON with typeUrl, and value in base64").conflicts(
        "json",
      ),
    )
    .option("--out <file>", "write the message's bytes to a new file; - for standard output")
    .addOption(jsonOption());

export interface MessageOptions {
  readonly message?: true | undefined;
  readonly out?: string | undefined;
  readonly json?: true | undefined;
}

/** Gives a message in the way that is asked for. @throws TapstakeError `file-error`, the codes of `encodeMessage` */
export async function giveMessage<Name extends MessageName>(
  { message: isBare, out, json }: MessageOptions,
  name: Name,
  message: MessageOf<Name>,
): Promise<void> {
  await checkNewFiles(out);
  const any = encodeMessage(name, message);
  if (out !== undefined) await writeDocument(out, any.value);
  if (out === "-") return;
  if (isBare) return say(messageToJson(any).trimEnd());
  const facts = { name, ...any, fields: message, ...(out !== undefined && { file: out }) };
  answer(json === true, facts, () =>
    table([
      ["message", any.typeUrl],
      ["bytes", `${any.value.length}${out === undefined ? "" : `, written to ${out}`}`],
      ...fieldRows(message),
      ["value", hex.encode(any.value)],
    ]),
  );
}

/** A message's fields by their published names. */
export const fieldRows = (message: object): Row[] =>
  Object.entries(message).map(([name, value]: [string, unknown]) => [
    name,
    value === undefined ? undefined : fieldText(value),
  ]);

function fieldText(value: unknown): string | string[] {
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.map((one) => String(fieldText(one)));
  if (value instanceof Uint8Array) return value.length === 0 ? "empty" : hex.encode(value);
  if (typeof value === "object") return toJson(value).replace(/\s+/g, " ");
  return String(value);
}

/** @throws TapstakeError `file-error`, and the codes of `proofFromJson` */
export const readProof = async (path: string): Promise<ProofRecord> => proofFromJson(await readText(path));

interface InclusionOptions extends ChainOptions {
  readonly txoutproof?: string | undefined;
}

/**
 * That a transaction is in a block, from a file or from the server; verified against the block's header.
 * @throws TapstakeError `invalid-proof`, `invalid-hex`, `file-error`, and the codes of `openChain`; UsageError when
 * there is neither
 */
export async function readInclusion(
  { txoutproof, ...options }: InclusionOptions,
  transaction: Transaction,
  network: Network,
): Promise<InclusionProof> {
  if (txoutproof !== undefined) {
    const bytes = hex.decode((await readText(txoutproof)).trim(), undefined, "txoutproof");
    return inclusionProofFromMerkleBlock(bytes, transaction);
  }
  const chain = await openChain(options, network);
  if (!chain) throw new UsageError("give --txoutproof, or a server that knows the block");
  return askInclusion(chain, transaction);
}

async function askInclusion(chain: ChainAccess, transaction: Transaction): Promise<InclusionProof> {
  const txid = transaction.getId();
  const bytes = await chain.merkleBlock(txid);
  if (!bytes)
    throw new TapstakeError("invalid-proof", `${txid} is in no block that ${chain.url} finds`, { txid });
  return inclusionProofFromMerkleBlock(bytes, transaction);
}
