import { Option } from "@commander-js/extra-typings";
import { equalBytes, hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { chainConfig } from "../../../finality/chains.js";
import { findHome } from "../../../finality/home.js";
import type { ProtectionStore } from "../../../finality/protection/protection.js";
import {
  commitStored,
  type CommittedHeight,
  proveCommitted,
  proveIn,
} from "../../../finality/randomness/commit.js";
import { commitRemotely } from "../../../signer-client/commit.js";
import { assertChainId, type ChainConfig } from "../../../vote/chain.js";
import { commitmentFromJson, commitmentToJson, merkleProofToJson } from "../../../vote/json.js";
import type { Commitment } from "../../../vote/vote.js";
import { newCommand } from "../../command.js";
import { UsageError } from "../../errors.js";
import { checkOut, writeOut } from "../../files.js";
import {
  commitmentFacts,
  commitmentRows,
  heights,
  storedFacts,
  storedText,
} from "../../format/commitment.js";
import { checkOneStandardInput, readText } from "../../input.js";
import {
  chainHeight,
  chainOption,
  constantTimeOption,
  countOfHeights,
  hmacKeyOption,
  homeOption,
  jsonOption,
  keyOption,
  passphraseOption,
  remoteOption,
  tlsCaOption,
} from "../../options.js";
import { answer, say, showProgress, table, warn } from "../../output.js";
import { asksRemote, asRemoteSigner, REMOTE_HELP, type RemoteOptions } from "../../remote.js";
import {
  asSigner,
  publicKeyNamed,
  type SignerOptions,
  unlockFor,
  warnOfWrong,
  withProtection,
} from "../../signer.js";
import { abortOnSignal } from "../../stop-request.js";

const COMMIT = {
  description: `Promises the public randomness of a range of heights, so that votes at them can be checked.

Each height's randomness follows from the key; what is signed and published is the Merkle root of all of it. The
commitment is kept in the home: heights are committed once, and a proof for any of them can be made later with
tapstake fp proof. Register it on the chain well before its first height comes.

Ctrl-C stops it, and then nothing was kept.`,
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
};

/** `fp commit` */
export const commit = () =>
  newCommand("commit", COMMIT)
    .addOption(keyOption().makeOptionMandatory())
    .addOption(chainOption().makeOptionMandatory())
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
    .action(async ({ out, ...options }) => {
      const { key, chain } = options;
      const isRemote = asksRemote(options);
      if (options.allowOverlap && !isRemote) {
        throw new UsageError("--allow-overlap goes with --remote: this home keeps one commitment a height");
      }
      checkOneStandardInput(options.passphraseFile, options.hmacKeyFile);
      await checkOut(out);
      const commitment = await (isRemote ? commitThere(options) : commitHere(options));
      answer(options.json === true, { chain, ...commitmentFacts(commitment) }, () =>
        table([
          ["chain", chain],
          ...commitmentRows(commitment),
          ["signature", hex.encode(commitment.signature)],
        ]),
      );
      if (out === undefined) return;
      const what = `the commitment to ${heights(commitment)}`;
      const otherwise = isRemote
        ? "The commitment is in the answer"
        : `The commitment is stored: tapstake fp commitments --key ${key} --chain ${chain} --json`;
      await writeOut(out, commitmentToJson(commitment), { what, otherwise });
    });

interface CommitOptions extends SignerOptions, RemoteOptions {
  readonly start: bigint;
  readonly count: number;
  readonly constantTime?: true | undefined;
  readonly allowOverlap?: true | undefined;
}

async function commitHere(options: CommitOptions): Promise<Commitment> {
  const { start, count, constantTime } = options;
  const { signal, release } = abortOnSignal();
  try {
    return await asSigner(options, (signer) =>
      withProgress(count, (onProgress) => {
        const range = { start, count, constantTime, signal };
        return commitStored({ ...signer, ...range, onProgress, onReport: warnOfWrong });
      }),
    );
  } finally {
    release();
  }
}

async function withProgress<T>(
  count: number,
  derive: (onProgress: (done: number) => void) => Promise<T>,
): Promise<T> {
  const progress = await showProgress("deriving heights", count);
  try {
    return await derive(progress.update);
  } finally {
    progress.stop();
  }
}

const commitThere = (options: CommitOptions): Promise<Commitment> =>
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

const COMMITMENTS = {
  description: `Lists the commitments to randomness that keys made on chains, as this home remembers them: all of them, or
those of one key or chain.

A height in none of them cannot be voted for: commit to new heights in time.

It opens the store, so it is refused while a signer runs: stop the daemon first.`,
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
};

/** `fp commitments` */
export const commitments = () =>
  newCommand("commitments", COMMITMENTS)
    .addOption(keyOption())
    .addOption(chainOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(({ chain, ...options }) => {
      const home = findHome(options.home);
      const key = options.key === undefined ? undefined : publicKeyNamed(home, options.key);
      if (chain !== undefined) assertChainId(chain);
      return withProtection(home, (protection) => {
        const stored = storedOf(protection, key, chain);
        answer(options.json === true, { subjects: stored.map(storedFacts) }, () =>
          stored.length === 0 ? "no such commitment is stored here" : stored.map(storedText).join("\n\n"),
        );
      });
    });

const storedOf = (protection: ProtectionStore, key: Uint8Array | undefined, chain: string | undefined) =>
  protection
    .committers()
    .filter((one) => (!key || equalBytes(one.key, key)) && (chain === undefined || one.chainId === chain))
    .map((one) => ({
      finalityProvider: one.key,
      chain: one.chainId,
      commitments: protection.commitments(one.key, one.chainId),
    }));

const PROOF = {
  description: `Prints the proof that a height's public randomness is in the commitment that covers it: JSON, as verify-vote
takes it.

No proof is kept: it is made from the key whenever it is asked for, which is why the passphrase is needed.

It reads the home's commitments, so it is refused while a signer runs. With --commitment it takes the commitment from
its file instead, opens no store and signs nothing: so it goes by while the daemon runs, and needs the key alone.`,
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp commit --key validator-1 --chain bsn-1 --start 1000 --count 100 --out commitment.json
tapstake fp vote --key validator-1 --chain bsn-1 --height 1002 --out vote.json \\
  --hash d3a2b263b23169056f06d5439c0cf9e201ed645ed6f10412a4091c99fb001bd8
tapstake fp proof --key validator-1 --chain bsn-1 --height 1002 |
  tapstake fp verify-vote --commitment commitment.json --vote vote.json --proof -
tapstake fp proof --key validator-1 --chain bsn-1 --height 1002 --commitment commitment.json
`,
  more: `
The file of a commitment is what tapstake fp commit --out writes, also with --remote. With it, all
of its heights are derived again, which takes a second for 50000; from the home it is 256 at most.`,
  refused: "no commitment covers the height, another signer runs, a wrong passphrase",
};

/** `fp proof` */
export const proof = () =>
  newCommand("proof", PROOF)
    .addOption(keyOption().makeOptionMandatory())
    .addOption(chainOption().makeOptionMandatory())
    .addOption(new Option("--height <height>", "which height").argParser(chainHeight).makeOptionMandatory())
    .option("--commitment <file>", "the commitment (JSON), instead of the home's; - for standard input")
    .addOption(constantTimeOption())
    .option("--out <file>", "write it to a new file instead")
    .addOption(passphraseOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async ({ out, ...options }) => {
      checkOneStandardInput(options.commitment, options.passphraseFile);
      await checkOut(out);
      const text = merkleProofToJson((await prove(options)).proof);
      if (out === undefined) return say(text.trimEnd());
      const what = `the proof of height ${options.height}`;
      await writeOut(out, text, { what, otherwise: "Asked for again, it is the same" });
    });

interface ProofOptions extends SignerOptions {
  readonly height: bigint;
  readonly commitment?: string | undefined;
  readonly constantTime?: true | undefined;
}

async function prove(options: ProofOptions): Promise<CommittedHeight> {
  const { height, commitment, constantTime } = options;
  const { signal, release } = abortOnSignal();
  const asked = { height, constantTime, signal, onReport: warnOfWrong };
  try {
    return commitment === undefined
      ? await asSigner(options, (signer) => proveCommitted({ ...signer, ...asked }))
      : await proveFrom(commitment, options, asked);
  } finally {
    release();
  }
}

/** Without the store: what a file says is committed is enough. */
async function proveFrom(
  file: string,
  options: SignerOptions,
  asked: Pick<Parameters<typeof proveIn>[1], "height" | "constantTime" | "signal" | "onReport">,
): Promise<CommittedHeight> {
  const home = findHome(options.home);
  const chain = chainConfig(home, options.chain);
  const commitment = commitmentFromJson(await readText(file));
  const key = await unlockFor(home, options);
  try {
    return await withProgress(commitment.count, (onProgress) =>
      proveIn(commitment, { key, chain, ...asked, onProgress }),
    );
  } finally {
    key.wipe();
  }
}
