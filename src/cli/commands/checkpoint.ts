import { Option } from "@commander-js/extra-typings";
import {
  type CheckpointData,
  checkpointDataOf,
  encodeCheckpoint,
  parseCheckpoint,
  parseCheckpointData,
} from "../../babylon/checkpoint.js";
import { account } from "../../babylon/pop.js";
import { opReturnData } from "../../bitcoin/output-script.js";
import { parseTransaction } from "../../bitcoin/transaction.js";
import { hex } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { verifyCheckpoint } from "../../watch/checkpoints/bls.js";
import { readBlsValidators } from "../../watch/checkpoints/keys.js";
import { groupCommand, type LazyCommands, newCommand } from "../command.js";
import { builtText, partsText, signedText } from "../format/checkpoint.js";
import { readDocument } from "../input.js";
import { jsonOption, tagArgument, wholeNumber } from "../options.js";
import { answer } from "../output.js";

const COMMANDS: LazyCommands = {
  build: { summary: "Write the two OP_RETURN outputs of a checkpoint", load: () => build },
  parse: { summary: "Read parts of checkpoints", load: () => parse },
  verify: { summary: "Verify a checkpoint by the keys of its epoch", load: () => verify },
};

/** Part 0 of a checkpoint of a simnet. */
const FIRST =
  "6262743000000000000000000092ee5480cf702c2fdf156788c6a6131e363e44a86f230659a3392b00330bb6bb0a00000000000000000000000066adeb1607db6365171c28f93ec20b0505debfe1";

const HASH = "d6d1c945e4bca1c24a8c6efbd4622d7c901aeb6b3d9288ff3f06921e2acd99ce";
const SIGNATURE =
  "a28efe8afb726a32f05289b28e334d505b6af5de4e65fda1d80f8fd0d5b101833c783a57666d2b420caad972654ce38a";

const GROUP = {
  description: `A checkpoint is what the staking chain writes to Bitcoin at the end of an epoch: two OP_RETURN outputs, of 78 and 63 bytes.
To follow them in blocks, see tapstake watch checkpoints.`,
  examples: `
tapstake checkpoint parse ${FIRST}
`,
} as const;

/** The checkpoints of the staking chain on Bitcoin. */
export const command = (args: readonly string[]) => groupCommand("checkpoint", GROUP, COMMANDS, args);

const build = () =>
  newCommand("build", {
    description: `Writes the data of part 0 and of part 1, and the output scripts to put them in. It signs and sends nothing.`,
    examples: `
tapstake checkpoint build --tag bbn1 --epoch 12 --bitmap ff030000000000000000000000 \\
  --submitter bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu \\
  --block-hash ${HASH} --signature \\
${SIGNATURE}
`,
    refused: "a field of another length",
  })
    .addOption(tagOption().makeOptionMandatory())
    .addOption(new Option("--epoch <number>", "epoch").argParser(wholeNumber).makeOptionMandatory())
    .addOption(new Option("--block-hash <hash>", "hash of the epoch's last block").makeOptionMandatory())
    .addOption(new Option("--bitmap <hex>", "who signed, 13 bytes").makeOptionMandatory())
    .addOption(new Option("--submitter <account>", "account of who submits it").makeOptionMandatory())
    .addOption(new Option("--signature <hex>", "BLS signature, 48 bytes").makeOptionMandatory())
    .addOption(jsonOption())
    .action(({ tag, epoch, blockHash, bitmap, submitter, signature, json }) => {
      const parts = encodeCheckpoint({
        tag,
        epoch: BigInt(epoch),
        blockHash: hex.decode(blockHash, 32, "block hash"),
        bitmap: hex.decode(bitmap, 13, "bitmap"),
        submitter: account(submitter).bytes,
        blsSignature: hex.decode(signature, 48, "signature"),
      });
      const shown = parts.map((data) => ({ data, script: scriptOf(data) }));
      answer(json === true, { parts: shown }, () => builtText(shown));
    });

const PART = "part: hexadecimal of its data, its output script or its transaction";

const parse = () =>
  newCommand("parse", {
    description: `Says what each part of a checkpoint holds, and of two parts whether they belong together. It verifies no signature.`,
    examples: `
tapstake checkpoint parse ${FIRST}
`,
    refused: "data that is no part of a checkpoint",
  })
    .argument("<part>", PART)
    .argument("[second]", "the other part")
    .addOption(jsonOption())
    .action((first, second, { json }) => {
      const parts = [first, second].flatMap((text) => (text === undefined ? [] : [partOf(text)]));
      const together = parts.length === 2 ? belongTogether(parts[0]!.data, parts[1]!.data) : null;
      const facts = { parts: parts.map(({ said }) => said), together };
      answer(json === true, facts, () => partsText(facts.parts, together));
    });

const verify = () =>
  newCommand("verify", {
    description: `Verifies that validators with more than two thirds of the power of the epoch signed the checkpoint. --keys is the answer of
the staking chain to /babylon/checkpointing/v1/bls_public_keys/<epoch>, with all validators.`,
    examples: `
tapstake checkpoint verify <transaction> <transaction> --keys keys.json
`,
    refused: "parts of two checkpoints, keys in another form, or a signature that does not verify",
  })
    .argument("<first>", PART)
    .argument("<second>", "the other part")
    .addOption(
      new Option("--keys <file>", "keys of the epoch (JSON); - for standard input").makeOptionMandatory(),
    )
    .addOption(jsonOption())
    .action(async (first, second, { keys, json }) => {
      const checkpoint = parseCheckpoint(partOf(first).data, partOf(second).data);
      const result = await verifyCheckpoint(checkpoint, await readDocument(keys, readBlsValidators));
      if (!result.valid) {
        const text = `the checkpoint of epoch ${checkpoint.epoch} is not signed: ${REASONS[result.reason]}`;
        throw new TapstakeError("invalid-signature", text, {
          epoch: `${checkpoint.epoch}`,
          reason: result.reason,
        });
      }
      const { tag, epoch, blockHash } = checkpoint;
      const facts = { verified: true, tag, epoch, blockHash, signed: result.signed, total: result.total };
      answer(json === true, facts, signedText);
    });

const REASONS = {
  "no-quorum": "its bitmap names validators with two thirds of the power or less",
  "no-point": "its signature is no point of the curve",
  "wrong-signature": "its signature is not that of the validators that its bitmap names",
} as const;

function tagOption() {
  return new Option("--tag <tag>", "tag of the chain: 4 characters, or 8 digits of hexadecimal").argParser(
    tagArgument,
  );
}

/** The data of a part in any of its forms. */
function partOf(text: string): { readonly data: Uint8Array; readonly said: CheckpointData } {
  const bytes = hex.decode(text.trim(), undefined, "part");
  if (bytes.length === 78 || bytes.length === 63) return { data: bytes, said: parseCheckpointData(bytes) };
  const pushed = bytes[0] === 0x6a ? opReturnData(bytes) : null;
  if (pushed) return { data: pushed, said: parseCheckpointData(pushed) };
  const transaction = parseTransaction(bytes);
  const said = checkpointDataOf(transaction);
  const data = transaction.outs.flatMap(({ script }) => opReturnData(script) ?? [])[0];
  if (said && data) return { data, said };
  const why = `transaction ${transaction.getId()} is no part of a checkpoint: expected one OP_RETURN output with such data`;
  throw new TapstakeError("invalid-checkpoint", why, { txid: transaction.getId() });
}

function belongTogether(first: Uint8Array, second: Uint8Array): boolean {
  try {
    parseCheckpoint(first, second);
    return true;
  } catch (error) {
    if (error instanceof TapstakeError) return false;
    throw error;
  }
}

const scriptOf = (data: Uint8Array): Uint8Array =>
  Uint8Array.of(0x6a, ...(data.length > 75 ? [0x4c] : []), data.length, ...data);
