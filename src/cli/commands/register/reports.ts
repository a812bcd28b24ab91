import { Option } from "@commander-js/extra-typings";
import {
  type CheckpointPart,
  insertHeadersMessage,
  insertSpvProofMessage,
} from "../../../babylon/reports.js";
import { HEADER_LENGTH } from "../../../bitcoin/header.js";
import { hex } from "../../../core/bytes.js";
import type { Network } from "../../../core/network.js";
import type { ChainOptions } from "../../chain.js";
import { UsageError } from "../../errors.js";
import { checkOneStandardInput, readDocument, readTransaction } from "../../input.js";
import { esploraOption, networkOption, rpcAuthOption, rpcOption, several } from "../../options.js";
import { readInclusion } from "./inclusion.js";
import { giveMessage, messageCommand, senderOption } from "./message.js";

const HEADERS = {
  description: `MsgInsertHeaders. The file has one header of 80 bytes on each line, in hexadecimal, the oldest first: as bitcoin-cli
getblockheader <hash> false prints them. The first must follow upon a header that the chain knows. Some networks
list the accounts that may report headers.`,
  examples: `
# headers.txt: a line of bitcoin-cli getblockheader <hash> false for each block
tapstake register headers headers.txt --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
`,
  refused: "no headers, one that does not follow upon the one before, or one without its work",
} as const;

/** `register headers` */
export const headers = () =>
  messageCommand("headers", HEADERS)
    .argument("<headers>", "file of the headers, one on each line; - for standard input")
    .addOption(senderOption())
    .action(async (path, options) => {
      const decoded = await readDocument(path, headersIn);
      await giveMessage(options, "MsgInsertHeaders", insertHeadersMessage(decoded, options.address));
    });

const headersIn = (text: string): Uint8Array[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line, i) => hex.decode(line, HEADER_LENGTH, `header ${i}`));

const CHECKPOINT = {
  description: `MsgInsertBTCSpvProof. Proves that the two transactions of a checkpoint are in blocks: part 0, then part 1. The proofs come from
the server or from files (--txoutproof), in the same order.`,
  examples: `
# part-0.hex and part-1.hex: the transactions; the proofs: from bitcoin-cli gettxoutproof
tapstake register checkpoint part-0.hex part-1.hex --txoutproof part-0.proof part-1.proof \\
  --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
`,
  topics: ["servers"],
  refused: "not the two parts of one checkpoint in this order, or one is in no block",
} as const;

/** `register checkpoint` */
export const checkpoint = () =>
  messageCommand("checkpoint", CHECKPOINT)
    .argument("<part-0>", "transaction of part 0: hexadecimal, or a file")
    .argument("<part-1>", "transaction of part 1")
    .addOption(
      new Option(
        "--txoutproof <file...>",
        "proofs from bitcoin-cli gettxoutproof that they are in blocks, in the same order",
      ).argParser(several),
    )
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(networkOption())
    .addOption(senderOption())
    .action(async (first, second, options) => {
      const { txoutproof: proofs, network = "mainnet", address, ...rest } = options;
      if (proofs !== undefined && proofs.length !== 2) {
        throw new UsageError("give two proofs with --txoutproof: of part 0, then of part 1");
      }
      checkOneStandardInput(first, second, ...(proofs ?? []));
      const part = (source: string, i: number) =>
        readPart(source, { ...rest, txoutproof: proofs?.[i] }, network);
      const parts = [await part(first, 0), await part(second, 1)] as const;
      const message = insertSpvProofMessage({ submitter: address, parts });
      await giveMessage(options, "MsgInsertBTCSpvProof", message, { network: options.network });
    });

async function readPart(
  source: string,
  options: ChainOptions & { readonly txoutproof?: string | undefined },
  network: Network,
): Promise<CheckpointPart> {
  const transaction = await readTransaction(source);
  return { transaction, ...(await readInclusion(options, transaction, network)) };
}
