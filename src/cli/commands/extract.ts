import { Option } from "@commander-js/extra-typings";
import { hex } from "../../core/bytes.js";
import { evidenceFromJson, extractFromVotes } from "../../extract/evidence.js";
import { extractFromSlashing, finishSlashing } from "../../extract/slashing.js";
import type { Slashable } from "../../stake/slashing.js";
import { newCommand } from "../command.js";
import { UsageError } from "../errors.js";
import { readDelegation, readDocument, readTransaction } from "../input.js";
import { jsonOption, votesOption } from "../options.js";
import { answer, table } from "../output.js";

const EXTRACT = {
  description: `A finality provider commits to one randomness per height. Two votes for different blocks at one height are two equations
with two unknowns, so they reveal the key (--votes). A finished slashing transaction reveals it to anyone with the
committee's adaptor signatures (--delegation, --transaction). With the key, anyone can finish the slashing of every
stake with that provider (--slash). The key is printed on standard output and nowhere else.`,
  examples: `
tapstake extract --votes evidence.json
tapstake extract --votes evidence.json --slash --delegation stake.json
`,
  more: `The key has even y: it can be n minus the operator's own.`,
  topics: ["votes", "delegation"],
  refused: "votes that reveal no key: the same message, other randomness, or another key",
} as const;

export const command = () =>
  newCommand("extract", EXTRACT)
    .addOption(votesOption().conflicts("transaction"))
    .option("--delegation <file>", "delegation of the slashed stake, or of the stake to slash")
    .option("--transaction <hex or file>", "its finished slashing transaction; - for standard input")
    .option("--slash", "finish the slashing transaction of --delegation too")
    .addOption(
      new Option(
        "--from <output>",
        "output that --slash spends: staking or unbonding (default: staking)",
      ).choices(["staking", "unbonding"] as const),
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
  if (from !== undefined && !slash)
    throw new UsageError("--from says which output --slash spends: give --slash too");
  if (slash && delegation === undefined) throw new UsageError("--slash needs the --delegation to slash");
  if (!slash && votes !== undefined && delegation !== undefined) {
    throw new UsageError("--delegation goes with --transaction or --slash");
  }
  if ([votes, delegation, transaction].filter((source) => source === "-").length > 1) {
    throw new UsageError("only one of the sources can be standard input: give the others a file");
  }
}

async function fromVotes(path: string) {
  const evidence = await readDocument(path, evidenceFromJson);
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
