import { Option } from "@commander-js/extra-typings";
import { loadChains } from "../../../finality/chains.js";
import { type BlockVote, Voter } from "../../../finality/voter.js";
import { type VoteAnswer, voteRemotely } from "../../../signer-client/votes.js";
import { blockVotesFromJson, voteToJson } from "../../../vote/json.js";
import { newCommand } from "../../command.js";
import { type Coverage, warnOfUncovered } from "../../coverage.js";
import { UsageError } from "../../errors.js";
import { checkOut, writeOut } from "../../files.js";
import { refusalError, voteFacts, votesText } from "../../format/vote.js";
import { checkOneStandardInput, readText } from "../../input.js";
import {
  chainHeight,
  chainOption,
  hash32,
  hmacKeyOption,
  homeOption,
  jsonOption,
  keyOption,
  passphraseOption,
  remoteOption,
  tlsCaOption,
} from "../../options.js";
import { answer } from "../../output.js";
import { asksRemote, asRemoteSigner, REMOTE_HELP, type RemoteOptions } from "../../remote.js";
import { asSigner, type SignerOptions } from "../../signer.js";

const VOTE = {
  description: `Signs a vote for a block, once a height: whoever votes for two blocks at one height gives the key away.

Each height is answered with new (signed now), same (this very vote was signed before; here is its signature
again), or refused with a code. The vote is on the disk before its signature is shown, so no crash, race or restart
makes this sign another one at that height.`,
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp commit --key validator-1 --chain bsn-1 --start 1000 --count 100
tapstake fp vote --key validator-1 --chain bsn-1 --height 1002 --out vote.json \\
  --hash d3a2b263b23169056f06d5439c0cf9e201ed645ed6f10412a4091c99fb001bd8

# several, of which the first is the same as before
echo '
{"height": 1002, "hash": "d3a2b263b23169056f06d5439c0cf9e201ed645ed6f10412a4091c99fb001bd8"}
{"height": 1003, "hash": "92c89d9853a2f5716d2a23633e86835afaa5d4213580dbee0844f53767d293c8"}' |
  tapstake fp vote --key validator-1 --chain bsn-1 --batch - --json
`,
  more: `
A batch is a JSON array, or one object a line: {"height": "1003", "hash": "92c8…"}. If one height
is in it twice, nothing is signed. The heights that are not refused are signed, whatever happens to
the others.

What a refusal means, and what to do, is said with it:
  double-vote               the height has a vote for something else: keep it so
  unknown-earlier-vote      the height has a vote, and for what is not known: skip it
  below-watermark           the height is older than what this signer remembers: skip it
  at-or-below-chain-height  the chain may have a vote there (--chain-height) that is unknown here

${REMOTE_HELP.trim()}
A signer of this software heeds --chain-height as well; the Go key manager does not.

A vote at a height that none of the commitments stored here covers is signed all the same, with a
warning: the chain will not accept it, unless the height was committed elsewhere.

Where the commitment of a height was made with a signing context and the chain has none here, or
another, or the other way round, nothing is signed (context-mismatch): mend tapstake fp chains set.
--other-context is for a chain that changed its release between the commitment and the vote. A
signer of this software that is asked by --remote looks at the commitments of its own home, and has
its own --other-context (tapstake fp serve).`,
  refused: "at least one height, while others may be signed; or all of them",
};

export const command = () =>
  newCommand("vote", VOTE)
    .addOption(keyOption().makeOptionMandatory())
    .addOption(chainOption().makeOptionMandatory())
    .addOption(
      new Option("--height <height>", "the block's height").argParser(chainHeight).conflicts("batch"),
    )
    .addOption(
      new Option("--hash <hex>", "the block's app hash, 32 bytes").argParser(hash32).conflicts("batch"),
    )
    .option("--batch <file>", "heights and hashes (JSON); - for standard input")
    .addOption(
      new Option(
        "--chain-height <height>",
        "the last vote of this key known on the chain: nothing at or below it is signed anew",
      ).argParser(chainHeight),
    )
    .addOption(
      new Option("--out <file>", "also write the vote to a new file, for verify-vote").conflicts("batch"),
    )
    .addOption(
      new Option(
        "--other-context",
        "vote although the height was committed to with another signing context than the chain has now",
      ).conflicts("remote"),
    )
    .addOption(passphraseOption().conflicts("remote"))
    .addOption(homeOption())
    .addOption(remoteOption())
    .addOption(hmacKeyOption())
    .addOption(tlsCaOption())
    .addOption(jsonOption())
    .action(async ({ json: asJson = false, out, ...options }) => {
      const isRemote = asksRemote(options);
      checkOneStandardInput(options.batch, options.passphraseFile, options.hmacKeyFile);
      await checkOut(out);
      const votes = await readVotes(options);
      const { key, answers, known } = await (isRemote ? voteThere(options, votes) : voteHere(options, votes));
      answer(asJson, { finalityProvider: key, chain: options.chain, votes: voteFacts(answers) }, () =>
        votesText(answers),
      );
      const signed = answers.flatMap(({ kind, height }) => (kind === "refused" ? [] : [height]));
      if (known) warnOfUncovered(signed, known);
      const [first] = answers;
      if (out !== undefined && first && first.kind !== "refused") {
        const what = `the vote for height ${first.height}`;
        const otherwise = "The vote is recorded: asked for again, it is the same";
        await writeOut(out, voteToJson(first.vote), { what, otherwise });
      }
      const refused = refusalError(answers, asJson);
      if (refused) throw refused;
    });

interface Options extends SignerOptions, RemoteOptions {
  readonly height?: bigint | undefined;
  readonly hash?: Uint8Array | undefined;
  readonly batch?: string | undefined;
  readonly chainHeight?: bigint | undefined;
  readonly otherContext?: true | undefined;
}

interface Answered {
  readonly key: Uint8Array;
  readonly answers: readonly VoteAnswer[];
  /** Undefined of a remote signer: what it remembers is not seen from here. */
  readonly known?: Coverage;
}

async function readVotes({ height, hash, batch }: Options): Promise<readonly BlockVote[]> {
  if (batch !== undefined) return blockVotesFromJson(await readText(batch));
  if (height === undefined || hash === undefined)
    throw new UsageError("give --height and --hash, or --batch");
  return [{ height, appHash: hash }];
}

function voteHere(options: Options, votes: readonly BlockVote[]): Promise<Answered> {
  return asSigner(options, ({ home, key, chain, protection }) => {
    const { publicKey: finalityProvider } = key;
    const context = chain.voteContext;
    const commitments = [
      ...protection.commitments(finalityProvider, chain.id),
      ...protection.overlapping(finalityProvider, chain.id),
    ];
    const coverage = { chain, isConfigured: loadChains(home).has(chain.id), commitments };
    const { chainHeight: known, otherContext } = options;
    const voter = new Voter({ key, chain, protection, chainHeight: known, otherContext });
    const answers = voter.batch(votes).map((result, i): VoteAnswer => {
      if (result.kind === "refused") return result;
      const { height, kind, signature, publicRandomness } = result;
      const { appHash } = votes[i]!;
      const vote = { finalityProvider, height, appHash, publicRandomness, signature };
      return { height, kind, vote: { ...vote, ...(context !== undefined && { context }) } };
    });
    return { key: finalityProvider, answers, known: coverage };
  });
}

const voteThere = (options: Options, votes: readonly BlockVote[]): Promise<Answered> =>
  asRemoteSigner(options, async ({ signer, key, chain }) => ({
    key,
    answers: await voteRemotely(signer, { key, chain, votes, chainHeight: options.chainHeight }),
  }));
