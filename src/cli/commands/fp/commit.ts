import { Option } from "@commander-js/extra-typings";
import { hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { commitStored } from "../../../finality/randomness/commit.js";
import { commitRemotely } from "../../../signer-client/commit.js";
import type { ChainConfig } from "../../../vote/chain.js";
import type { Commitment } from "../../../vote/commitment.js";
import { commitmentToJson } from "../../../vote/json.js";
import { chainHeight, countOfHeights, jsonOption } from "../../arguments.js";
import { commitmentFacts, commitmentRows, heights } from "../../commitment-text.js";
import { UsageError } from "../../errors.js";
import { checkOut, writeOut } from "../../files.js";
import { constantTimeOption, subjectCommand, warnOfWrong } from "../../fp-options.js";
import { helpText } from "../../help.js";
import { answer, table } from "../../output.js";
import { abortOnSignal, showProgress } from "../../progress.js";
import {
  asksRemote,
  asRemoteSigner,
  hmacKeyOption,
  REMOTE_HELP,
  remoteOption,
  type RemoteOptions,
  tlsCaOption,
} from "../../remote.js";
import { checkOneStandardInput, homeOption, passphraseOption } from "../../secrets.js";
import { asSigner, type SignerOptions } from "../../signer.js";
import { warn } from "../../warning.js";

const DESCRIPTION = `Promises the public randomness of a range of heights, so that votes at them can be checked.

Each height's randomness follows from the key; what is signed and published is the Merkle root of all of it. The
commitment is kept in the home: heights are committed once, and a proof for any of them can be made later with
tapstake fp proof. Register it on the chain well before its first height comes.

Ctrl-C stops it, and then nothing was kept.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp commit --key validator-1 --chain bsn-1 --start 1000 --count 100 --out commitment.json
tapstake fp verify-commit commitment.json
`,
  more: `
Mainnet takes commitments of at least 8192 heights, and 50000 are usual: tapstake fp chains set
keeps you from committing to fewer.

${REMOTE_HELP.trim()}

The signer that is asked derives, signs and keeps the commitment in its own home, where tapstake fp
commitments and proof find it once the daemon is stopped. It refuses one that overlaps an earlier
one; if that never reached the chain, --allow-overlap has it signed, with a warning here, and not
kept there: use --out. Its randomness comes in one answer, as the daemon signs only what it handed
out as one: there is no progress bar then, and 100000 heights are the most that one commitment can
have.`,
  refused: "heights that are committed already, too few of them, or beyond what 64 bits hold",
});

export function command() {
  return subjectCommand("commit", DESCRIPTION)
    .addOption(
      new Option("--start <height>", "the first height").argParser(chainHeight).makeOptionMandatory(),
    )
    .addOption(
      new Option("--count <number>", "how many heights").argParser(countOfHeights).makeOptionMandatory(),
    )
    .addOption(constantTimeOption().conflicts("remote"))
    .option("--out <file>", "also write the commitment to a new file, for verify-commit")
    .addOption(passphraseOption().conflicts("remote"))
    .addOption(homeOption())
    .addOption(remoteOption())
    .addOption(hmacKeyOption())
    .addOption(tlsCaOption())
    .option("--allow-overlap", "with --remote: sign it also where it overlaps an earlier commitment")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async ({ out, ...options }) => {
      const isRemote = asksRemote(options);
      if (options.allowOverlap && !isRemote) {
        throw new UsageError("--allow-overlap goes with --remote: this home keeps one commitment a height");
      }
      checkOneStandardInput(options.passphraseFile, options.hmacKeyFile);
      await checkOut(out);
      const commitment = isRemote ? await commitThere(options) : await commitHere(options);
      answer(options.json === true, { chain: options.chain, ...commitmentFacts(commitment) }, () =>
        table([
          ["chain", options.chain],
          ...commitmentRows(commitment),
          ["signature", hex.encode(commitment.signature)],
        ]),
      );
      if (out !== undefined) {
        const what = `the commitment to ${heights(commitment)}`;
        await writeOut(out, commitmentToJson(commitment), { what, otherwise: otherwise(options, isRemote) });
      }
    });
}

interface Options extends SignerOptions, RemoteOptions {
  readonly start: bigint;
  readonly count: number;
  readonly constantTime?: true | undefined;
  readonly allowOverlap?: true | undefined;
  readonly json?: true | undefined;
}

/** How to come by a commitment whose file could not be written. */
const otherwise = ({ key, chain }: Options, isRemote: boolean): string =>
  isRemote
    ? "The commitment is in the answer"
    : `The commitment is stored: tapstake fp commitments --key ${key} --chain ${chain} --json`;

async function commitHere(options: Options): Promise<Commitment> {
  const { start, count, constantTime } = options;
  const { signal, release } = abortOnSignal();
  try {
    return await asSigner(options, async (signer) => {
      const progress = await showProgress("deriving heights", count);
      try {
        const { update: onProgress } = progress;
        return await commitStored({
          ...signer,
          start,
          count,
          constantTime,
          signal,
          onProgress,
          onReport: warnOfWrong,
        });
      } finally {
        progress.stop();
      }
    });
  } finally {
    release();
  }
}

const commitThere = (options: Options): Promise<Commitment> =>
  asRemoteSigner(options, async ({ signer, key, chain }) => {
    const { start, count, allowOverlap } = options;
    const request = { key, chain, start, count, allowOverlap };
    const { commitment, overlaps } = await commitRemotely(signer, request).catch((error: unknown) => {
      throw explained(error, chain, count);
    });
    if (overlaps !== undefined) warnOfOverlap(overlaps);
    return commitment;
  });

/** Of a commitment to randomness that the signer has just handed out, only its configuration can be why it is refused. */
function explained(error: unknown, { id, commitContext }: ChainConfig, count: number): unknown {
  if (!(error instanceof TapstakeError) || error.code !== "not-permitted") return error;
  const { code, message, details } = error;
  const context = commitContext === undefined ? "no signing context" : `the signing context ${commitContext}`;
  const text = `the signer does not sign a commitment to ${count} heights of ${id} with ${context}: as it had ${id} configured when it started (tapstake fp chains list, in its home), the chain takes more heights, or has another signing context`;
  return new TapstakeError(code, `${text}. It answered: ${message}`, details, { cause: error });
}

function warnOfOverlap(overlaps: string): void {
  const message =
    `the signer committed to ${overlaps} before, which have heights of this commitment: a chain takes one ` +
    "commitment a height, and the signer keeps the first; publish this one only if no earlier one reached the chain";
  warn({ code: "commitment-overlap", message, details: { overlaps } });
}
