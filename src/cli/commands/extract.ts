import { Option } from "@commander-js/extra-typings";
import { hex } from "../../core/bytes.js";
import { evidenceFromJson, extractFromVotes } from "../../extract/evidence.js";
import { extractFromSlashing, finishSlashing } from "../../extract/slashing.js";
import type { Slashable } from "../../stake/slashing.js";
import { newCommand } from "../command.js";
import { UsageError } from "../errors.js";
import { EVIDENCE } from "../help.js";
import { readDelegation, readText, readTransaction } from "../input.js";
import { jsonOption, votesOption } from "../options.js";
import { answer, table } from "../output.js";

const MORE = `
The evidence of --votes is a JSON object. Bytes are hexadecimal, 32 bytes each:
  fp_btc_pk                the finality provider's x-only key
  block_height             the height of both votes, as text or number
  pub_rand                 the randomness committed for that height
  canonical_app_hash       the block that one vote is for, and
  canonical_finality_sig     its signature
  fork_app_hash            the block that the other vote is for, and
  fork_finality_sig          its signature
  canonical_signing_context, fork_signing_context
                           only of chains that sign votes with a context: 64 characters each

The delegation is the JSON file of a stake, as delegationToJson writes it.`;

const EXTRACT = {
  description: `Computes the secret key of a finality provider that broke the rules, from what it made public itself.

A finality provider commits to one randomness for each height. Two votes under it are two equations with two
unknowns, and the key is what solves them (--votes). A finished slashing transaction gives the same key to
whoever holds the committee's adaptor signatures (--delegation and --transaction). With the key, anyone can
finish the slashing transaction of every stake with that provider (--slash).

The key is printed on standard output and nowhere else. It has even y: it can be n minus the operator's own.`,
  examples: `
${EVIDENCE}
tapstake extract --votes evidence.json
tapstake extract --votes - --json < evidence.json
`,
  more: MORE,
  refused: "no key follows: one message twice, different randomness, another key, no evidence",
};

export const command = () =>
  newCommand("extract", EXTRACT)
    .addOption(votesOption().conflicts("transaction"))
    .option("--delegation <file>", "the delegation that was slashed, or that is to be; - for standard input")
    .option(
      "--transaction <hex or file>",
      "its finished slashing transaction, as mined; - for standard input",
    )
    .option("--slash", "also finish the slashing transaction of --delegation")
    .addOption(
      new Option("--from <output>", "which output --slash is to slash: staking unless told").choices([
        "staking",
        "unbonding",
      ] as const),
    )
    .addOption(jsonOption())
    .action(async (options) => {
      checkUsage(options);
      const delegation =
        options.delegation === undefined ? undefined : await readDelegation(options.delegation);
      const extracted =
        options.votes === undefined
          ? extractFromSlashing(delegation!, await readTransaction(options.transaction!))
          : await fromVotes(options.votes);
      const from = options.from ?? "staking";
      const slashing = options.slash && finishSlashing(delegation!, from, extracted.secretKey);
      const facts: Facts = {
        finalityProvider: hex.encode(extracted.finalityProvider),
        secretKey: hex.encode(extracted.secretKey),
        evidence:
          "member" in extracted
            ? { kind: "slashing", from: extracted.from, member: hex.encode(extracted.member) }
            : { kind: "votes", height: extracted.height },
        ...(slashing && {
          slashing: { from, txid: slashing.getId(), transaction: slashing.toHex() },
        }),
      };
      answer(options.json === true, facts, text);
    });

interface Facts {
  readonly finalityProvider: string;
  readonly secretKey: string;
  readonly evidence:
    | { readonly kind: "votes"; readonly height: bigint }
    | { readonly kind: "slashing"; readonly from: Slashable; readonly member: string };
  readonly slashing?: { readonly from: Slashable; readonly txid: string; readonly transaction: string };
}

interface Sources {
  readonly votes?: string | undefined;
  readonly delegation?: string | undefined;
  readonly transaction?: string | undefined;
  readonly slash?: true | undefined;
  readonly from?: Slashable | undefined;
}

function checkUsage({ votes, delegation, transaction, slash, from }: Sources): void {
  if (votes === undefined && (delegation === undefined || transaction === undefined)) {
    throw new UsageError("give --votes, or --delegation and --transaction");
  }
  if (from !== undefined && !slash) throw new UsageError("--from says which output --slash is to slash");
  if (slash && delegation === undefined) throw new UsageError("--slash needs the --delegation to slash");
  if (!slash && votes !== undefined && delegation !== undefined) {
    throw new UsageError("--delegation goes with --transaction or --slash");
  }
  if ([votes, delegation, transaction].filter((source) => source === "-").length > 1) {
    throw new UsageError("only one of the sources can be standard input");
  }
}

async function fromVotes(path: string) {
  const evidence = evidenceFromJson(await readText(path));
  const { finalityProvider, height } = evidence;
  return { secretKey: extractFromVotes(evidence), finalityProvider, height };
}

function text({ finalityProvider, secretKey, evidence, slashing }: Facts): string {
  const how =
    evidence.kind === "votes"
      ? `two votes at height ${evidence.height}`
      : `the finished slashing of the ${evidence.from} output, by the adaptor signature of ${evidence.member}`;
  return table([
    ["finality provider", finalityProvider],
    ["secret key", secretKey],
    ["given away by", how],
    ["slashing of", slashing && `the ${slashing.from} output`],
    ["txid", slashing?.txid],
    ["transaction", slashing?.transaction],
  ]);
}
