import { Option } from "@commander-js/extra-typings";
import { hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { merkle } from "../../../crypto/merkle.js";
import { commitmentDigest } from "../../../crypto/messages.js";
import { type Commitment, verifyCommitment } from "../../../finality/commitment.js";
import { commitmentToJson } from "../../../finality/json.js";
import { commitStored } from "../../../finality/commitments.js";
import { chainHeight, countOfHeights, jsonOption } from "../../arguments.js";
import { commitmentFacts, commitmentRows, heights } from "../../commitment-text.js";
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
commitments and proof find it once the daemon is stopped. It also signs one that overlaps an earlier
one, with a warning here, and does not keep that: use --out. Its randomness comes in one answer, as
the daemon signs only what it handed out as one: there is no progress bar then, and 100000 heights
are the most that one commitment can have.`,
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
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async ({ out, ...options }) => {
      const isRemote = asksRemote(options);
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

/** What Go software does too: asks for the randomness, builds the tree, and has its root signed (PROTOCOL 10). */
const commitThere = (options: Options): Promise<Commitment> =>
  asRemoteSigner(options, async ({ signer, key, chain }) => {
    const { start: startHeight, count } = options;
    if (count < chain.minCount) {
      const text = `chain ${chain.id} takes commitments to ${chain.minCount} heights or more, got ${count}`;
      throw new TapstakeError("count-too-small", text, { minimum: chain.minCount, count });
    }
    const named = { key, chainId: chain.id };
    const points = await signer.createRandomnessPairList({ ...named, startHeight, count });
    const context = chain.commitContext;
    const signed = { startHeight, root: merkle.root(points), ...(context !== undefined && { context }) };
    const digest = commitmentDigest({ ...signed, count: BigInt(count) });
    const { signature, overlaps } = await signer.signSchnorr({ key, digest });
    const commitment = { ...signed, count, finalityProvider: key, signature };
    if (!verifyCommitment(commitment)) {
      throw new TapstakeError("signer-error", "the signer's signature of the commitment does not verify");
    }
    if (overlaps !== undefined) warnOfOverlap(overlaps);
    return commitment;
  });

function warnOfOverlap(overlaps: string): void {
  const message =
    `the signer committed to ${overlaps} before, which have heights of this commitment: a chain takes one ` +
    "commitment a height, and the signer keeps the first; publish this one only if no earlier one reached the chain";
  warn({ code: "commitment-overlap", message, details: { overlaps } });
}
