import { Command } from "@commander-js/extra-typings";
import { equalBytes, hex } from "../../../core/bytes.js";
import { type CommitmentJson, commitmentToJson } from "../../../vote/json.js";
import type { ProtectionStore, StoredCommitment } from "../../../finality/protection/protection.js";
import { assertChainId } from "../../../vote/chain.js";
import { findHome } from "../../../finality/home.js";
import { heights } from "../../commitment-text.js";
import { helpText, paragraphs } from "../../help.js";
import { chainOption, homeOption, jsonOption, keyOption } from "../../options.js";
import { answer, section, table } from "../../output.js";
import { publicKeyNamed, withProtection } from "../../signer.js";

const DESCRIPTION = `Lists the commitments to randomness that keys made on chains, as this home remembers them: all of them, or
those of one key or chain.

A height in none of them cannot be voted for: commit to new heights in time.

It opens the store, so it is refused while a signer runs: stop the daemon first.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp commit --key validator-1 --chain bsn-1 --start 1000 --count 100
tapstake fp commitments
tapstake fp commitments --key validator-1 --chain bsn-1 --json
`,
  more: `
With --json, each commitment is what tapstake fp verify-commit takes and tapstake fp commit --out
writes, so that it can be published from here.`,
  refused: "no such key, another signer runs, or what the home remembers cannot be trusted",
});

export const command = () =>
  new Command("commitments")
    .description(paragraphs(DESCRIPTION))
    .addOption(keyOption())
    .addOption(chainOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((options) => {
      const home = findHome(options.home);
      const key = options.key === undefined ? undefined : publicKeyNamed(home, options.key);
      if (options.chain !== undefined) assertChainId(options.chain);
      return withProtection(home, (protection) => {
        const subjects = committed(protection, { key, chain: options.chain });
        answer(options.json === true, { subjects: subjects.map(factsOf) }, () =>
          subjects.length === 0 ? "no such commitment is stored here" : subjects.map(textOf).join("\n\n"),
        );
      });
    });

/** The commitments of a key on a chain. */
interface Committed {
  readonly finalityProvider: Uint8Array;
  readonly chain: string;
  readonly commitments: readonly StoredCommitment[];
}

interface Wanted {
  readonly key: Uint8Array | undefined;
  readonly chain: string | undefined;
}

const committed = (protection: ProtectionStore, { key, chain }: Wanted): Committed[] =>
  protection
    .committers()
    .filter((one) => (!key || equalBytes(one.key, key)) && (chain === undefined || one.chainId === chain))
    .map((one) => ({
      finalityProvider: one.key,
      chain: one.chainId,
      commitments: protection.commitments(one.key, one.chainId),
    }));

const factsOf = ({ finalityProvider, chain, commitments }: Committed) => ({
  finalityProvider,
  chain,
  commitments: commitments.map((one) => ({
    ...(JSON.parse(commitmentToJson({ finalityProvider, ...one })) as CommitmentJson),
    made: one.at,
  })),
});

const textOf = ({ finalityProvider, chain, commitments }: Committed): string =>
  section(
    `${hex.encode(finalityProvider)} on ${chain}`,
    commitments
      .map(({ root, signature, context, at, ...range }) =>
        table(
          [
            ["heights", `${heights(range)} (${range.count})`],
            ["root", hex.encode(root)],
            ["signature", hex.encode(signature)],
            ["context", context],
            ["made", at],
          ],
          "  ",
        ),
      )
      .join("\n\n"),
  );
