import { Command } from "@commander-js/extra-typings";
import { hex } from "../../../core/bytes.js";
import type { Network } from "../../../core/network.js";
import { proofFromJson, type ProofRecord } from "../../../babylon/pop-json.js";
import { checkProofOfPossession, type ProofKind } from "../../../babylon/pop.js";
import { UsageError } from "../../errors.js";
import { helpText, paragraphs } from "../../help.js";
import { readText } from "../../input.js";
import { jsonOption, networkOption, parseKey } from "../../options.js";
import { answer, table } from "../../output.js";
import { contextOption, kindOption, proofFacts, proofRows } from "../../pop-text.js";

const DESCRIPTION = `Judges a proof of possession as the staking chain does: whether this key's owner chose this account.

The proof is the file of pop make, or what stands in a message of the chain, by the options. The file says itself whose
proof it is: look at what is printed.`;

const HELP = helpText({
  examples: `
(umask 077; openssl rand -hex 32 > key)
tapstake pop make --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu \\
  --secret-file key --out proof.json
tapstake pop verify proof.json
`,
  refused: "it is no proof by this key, for this account, of this kind, with this context",
});

interface Given {
  readonly key?: string | undefined;
  readonly address?: string | undefined;
  readonly signature?: string | undefined;
  readonly kind: ProofKind;
  readonly network?: Network | undefined;
  readonly context?: string | undefined;
}

export function command() {
  return new Command("verify")
    .description(paragraphs(DESCRIPTION))
    .argument("[proof]", "the file of pop make; - for standard input")
    .option("--key <key>", "the x-only public key")
    .option("--address <address>", "the account on the staking chain, such as bbn1…")
    .option("--signature <hex>", "btc_sig, as a message has it")
    .addOption(kindOption())
    .addOption(networkOption())
    .addOption(contextOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (path, options) => {
      const record = await readRecord(path, options);
      checkProofOfPossession(record.publicKey, record.proof, {
        address: record.address,
        context: record.context,
        ...(record.network && { network: record.network }),
      });
      answer(options.json === true, { valid: true, ...proofFacts(record) }, () =>
        table([["proof", "good: the key's owner chose the account"], ...proofRows(record)]),
      );
    });
}

async function readRecord(path: string | undefined, given: Given): Promise<ProofRecord> {
  const { key, address, signature, kind, network, context } = given;
  if (path !== undefined) {
    if (key !== undefined || address !== undefined || signature !== undefined || context !== undefined) {
      throw new UsageError("give either the proof's file, or --key, --address and --signature");
    }
    return proofFromJson(await readText(path));
  }
  if (key === undefined || address === undefined || signature === undefined) {
    throw new UsageError("give the proof's file, or all of --key, --address and --signature");
  }
  if (kind === "bip322" && network === undefined) throw new UsageError("--kind bip322 needs --network");
  return {
    publicKey: parseKey(key, "key"),
    proof: { kind, signature: hex.decode(signature, undefined, "signature") },
    address,
    context,
    network,
  };
}
