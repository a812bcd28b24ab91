import { Option } from "@commander-js/extra-typings";
import { hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { chainConfig } from "../../../finality/chains.js";
import { findHome } from "../../../finality/home.js";
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
import { checkOneStandardInput, readDocument } from "../../input.js";
import {
  accountKeyOption,
  accountPathOption,
  chainHeight,
  chainOption,
  constantTimeOption,
  countOfHeights,
  feeLimitOption,
  forceOption,
  hmacKeyOption,
  homeOption,
  jsonOption,
  keyOption,
  lcdOption,
  passphraseCommandOption,
  passphraseOption,
  remoteOption,
  tlsCaOption,
  tlsClientOption,
  yesOption,
} from "../../options.js";
import { answer, say, showProgress, table, warn } from "../../output.js";
import { asksRemote, asRemoteSigner, type RemoteOptions } from "../../remote.js";
import {
  asSigner,
  publicKeyNamed,
  type SignerOptions,
  unlockFor,
  warnOfWrong,
  withOperations,
} from "../../signer.js";
import { abortOnSignal } from "../../stop-request.js";

const COMMIT = {
  description: `A vote counts only at a height whose randomness was committed before. The commitment is the signed Merkle root of the
randomness of all its heights. Register it on the chain well before its first height. tapstake keeps the commitment in the
home and commits to each height once. Ctrl-C stops and keeps nothing.`,
  examples: `
tapstake fp commit --key validator-1 --chain bbn-1 --start 10000 --count 8192 \\
  --out commitment.json
`,
  more: `--send asks the chain's rules first. Mainnet takes at least 8192 heights; 50000 are usual. After
tapstake fp chains set --min-count 8192, tapstake refuses fewer.`,
  topics: ["home", "secrets", "remote", "votes", "servers"],
  refused: "heights that are committed already, too few heights, or heights beyond 64 bits",
} as const;

/** `fp commit` */
export const commit = () =>
  newCommand("commit", COMMIT)
    .addOption(keyOption().makeOptionMandatory())
    .addOption(chainOption().makeOptionMandatory())
    .addOption(new Option("--start <height>", "first height").argParser(chainHeight).makeOptionMandatory())
    .addOption(
      new Option("--count <number>", "number of heights").argParser(countOfHeights).makeOptionMandatory(),
    )
    .addOption(constantTimeOption().conflicts("remote"))
    .option("--out <file>", "new file for the commitment too")
    .addOption(passphraseOption().conflicts("remote"))
    .addOption(passphraseCommandOption().conflicts("remote"))
    .addOption(homeOption())
    .addOption(remoteOption())
    .addOption(hmacKeyOption())
    .addOption(tlsCaOption())
    .addOption(tlsClientOption())
    .option("--allow-overlap", "with --remote: sign although it overlaps an earlier commitment")
    .addOption(
      new Option("--check", "make nothing: say what the chain at --lcd would answer").conflicts([
        "out",
        "send",
      ]),
    )
    .addOption(new Option("--send", "ask the chain at --lcd, make the commitment, and send it"))
    .addOption(lcdOption())
    .addOption(accountKeyOption())
    .addOption(accountPathOption())
    .addOption(feeLimitOption())
    .addOption(yesOption())
    .addOption(forceOption())
    .addOption(jsonOption())
    .action(async ({ out, ...options }) => {
      const { key, chain } = options;
      const isRemote = asksRemote(options);
      if (options.allowOverlap && !isRemote) {
        throw new UsageError("--allow-overlap needs --remote: this home keeps one commitment per height");
      }
      checkOneStandardInput(options.passphraseFile, options.hmacKeyFile);
      const planned = () => ({ ...options, key: publicKeyNamed(findHome(options.home), key) });
      // Loaded only here: the client of the chain is much, and most calls do without.
      if (options.check) return (await import("./commit-send.js")).checkPlanned(planned(), options);
      await checkOut(out);
      const make = () => (isRemote ? commitThere(options) : commitHere(options));
      const write = async (commitment: Commitment) => {
        if (out === undefined) return;
        const what = `the commitment to ${heights(commitment)}`;
        const otherwise = isRemote
          ? "The commitment is in the answer"
          : `The commitment is stored: tapstake fp commitments --key ${key} --chain ${chain} --json`;
        await writeOut(out, commitmentToJson(commitment), { what, otherwise });
      };
      if (options.send) {
        const { sendPlanned, sentFacts, sentText } = await import("./commit-send.js");
        const sent = await sendPlanned(planned(), { make, write }, options);
        return answer(options.json === true, sentFacts(sent), () => sentText(sent));
      }
      const commitment = await make();
      answer(options.json === true, { chain, ...commitmentFacts(commitment) }, () =>
        table([
          ["chain", chain],
          ...commitmentRows(commitment),
          ["signature", hex.encode(commitment.signature)],
        ]),
      );
      await write(commitment);
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

/** The signer has just served this randomness: only its configuration can be why it refuses the commitment. */
function explained(error: unknown, { id, commitContext }: ChainConfig, count: number): unknown {
  if (!(error instanceof TapstakeError) || error.code !== "not-permitted") return error;
  const { code, message, details } = error;
  const context = commitContext === undefined ? "no signing context" : `the signing context ${commitContext}`;
  const text = `the signer refuses a commitment to ${count} heights of ${id} with ${context}: it started with another configuration of ${id} (more heights, or another signing context). It answered: ${message}. Do: compare tapstake fp chains list here and in its home`;
  return new TapstakeError(code, text, details, { cause: error });
}

function warnOfOverlap(overlaps: string): void {
  const message =
    `this commitment overlaps the signer's earlier commitment to ${overlaps}. A chain takes one commitment per ` +
    "height, and the signer keeps the first. Publish this one only if no earlier one reached the chain";
  warn({ code: "commitment-overlap", message, details: { overlaps } });
}

const COMMITMENTS = {
  description: `Shows all commitments, or those of one key or chain. You cannot vote at a height that no commitment covers: commit to new
heights in time. While the daemon runs, it answers.`,
  examples: `
tapstake fp commitments
tapstake fp commitments --key validator-1 --chain bbn-1 --json
`,
  more: `With --json, each commitment is what fp commit --out writes, so you can publish it from here.`,
  topics: ["home", "votes"],
  refused: "no such key, another signer runs, or the vote history cannot be trusted",
} as const;

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
      return withOperations(home, async (operations) => {
        const stored = await operations.commitments(key, chain);
        answer(options.json === true, { subjects: stored.map(storedFacts) }, () =>
          stored.length === 0 ? "no such commitment is stored here" : stored.map(storedText).join("\n\n"),
        );
      });
    });

const PROOF = {
  description: `Prints the proof as JSON, for verify-vote and register finality-vote. It is derived from the key, so the passphrase is
needed.

If a signer runs, give --commitment: tapstake then reads the commitment from its file and does not open the store.`,
  examples: `
tapstake fp proof --key validator-1 --chain bbn-1 --height 1002 --out proof.json

# while the signer runs
tapstake fp proof --key validator-1 --chain bbn-1 --height 1002 --commitment commitment.json
`,
  more: `With --commitment, tapstake derives all its heights again: about a second for 50000. Without it, 256
at most.`,
  topics: ["home", "secrets", "votes"],
  refused: "no commitment covers the height, a signer runs, or a wrong passphrase",
} as const;

/** `fp proof` */
export const proof = () =>
  newCommand("proof", PROOF)
    .addOption(keyOption().makeOptionMandatory())
    .addOption(chainOption().makeOptionMandatory())
    .addOption(
      new Option("--height <height>", "height to prove").argParser(chainHeight).makeOptionMandatory(),
    )
    .option("--commitment <file>", "commitment (JSON) to use instead of the home's; - for standard input")
    .addOption(constantTimeOption())
    .option("--out <file>", "new file for the proof, instead of standard output")
    .addOption(passphraseOption())
    .addOption(passphraseCommandOption())
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

/** Proves without the store: a commitment's file is enough. */
async function proveFrom(
  file: string,
  options: SignerOptions,
  asked: Pick<Parameters<typeof proveIn>[1], "height" | "constantTime" | "signal" | "onReport">,
): Promise<CommittedHeight> {
  const home = findHome(options.home);
  const chain = chainConfig(home, options.chain);
  const commitment = await readDocument(file, commitmentFromJson);
  const key = await unlockFor(home, options);
  try {
    return await withProgress(commitment.count, (onProgress) =>
      proveIn(commitment, { key, chain, ...asked, onProgress }),
    );
  } finally {
    key.wipe();
  }
}
