import { Option } from "@commander-js/extra-typings";
import { loadChains } from "../../../finality/chains.js";
import type { BlockVote } from "../../../finality/vote-requests.js";
import { Voter } from "../../../finality/voter.js";
import { openArbiter } from "../../../finality/arbiter/open.js";
import { type VoteAnswer, voteRemotely } from "../../../signer-client/votes.js";
import { blockVotesFromJson, voteToJson } from "../../../vote/json.js";
import {
  type ArbiterFlags,
  arbiterOption,
  arbiterOptions,
  arbiterTlsOption,
  namesArbiter,
} from "../../arbiter.js";
import { newCommand } from "../../command.js";
import { type Coverage, warnOfUncovered } from "../../coverage.js";
import { UsageError } from "../../errors.js";
import { checkOut, writeOut } from "../../files.js";
import { refusalError, voteFacts, votesText } from "../../format/vote.js";
import { checkOneStandardInput, readDocument } from "../../input.js";
import {
  chainHeight,
  chainOption,
  hash32,
  hmacKeyOption,
  homeOption,
  jsonOption,
  keyOption,
  passphraseCommandOption,
  passphraseOption,
  remoteOption,
  tlsCaOption,
  tlsClientOption,
} from "../../options.js";
import { answer } from "../../output.js";
import { asksRemote, asRemoteSigner, type RemoteOptions } from "../../remote.js";
import { asSigner, type SignerOptions } from "../../signer.js";

const VOTE = {
  description: `Danger: two different votes at one height reveal the secret key. tapstake writes each vote to disk before it shows the
signature, and refuses any other vote at that height, even after a crash or a restart.

Each height is answered with new (signed now), same (this vote was signed before; here it is again), or refused.
A refusal names a code: tapstake help <code> says what to do.`,
  examples: `
tapstake fp vote --key validator-1 --chain bbn-1 --height 1003 --out vote.json \\
  --hash d3a2b263b23169056f06d5439c0cf9e201ed645ed6f10412a4091c99fb001bd8

# several heights: one object per line
echo '
{"height": 1004, "hash": "92c89d9853a2f5716d2a23633e86835afaa5d4213580dbee0844f53767d293c8"}
{"height": 1005, "hash": "5c91447ddccea0e3c935e4b41ce2d0a8f2535432478df5380507628bbe5e0525"}' |
  tapstake fp vote --key validator-1 --chain bbn-1 --batch - --json
`,
  topics: ["home", "secrets", "remote", "contexts", "votes"],
  refused: "one or more heights; the others are signed",
} as const;

export const command = () =>
  newCommand("vote", VOTE)
    .addOption(keyOption().makeOptionMandatory())
    .addOption(chainOption().makeOptionMandatory())
    .addOption(
      new Option("--height <height>", "height of the block").argParser(chainHeight).conflicts("batch"),
    )
    .addOption(
      new Option("--hash <hex>", "app hash of the block, 32 bytes").argParser(hash32).conflicts("batch"),
    )
    .option("--batch <file>", "several heights and hashes (JSON); - for standard input")
    .addOption(
      new Option(
        "--chain-height <height>",
        "this key's last vote on the chain; sign nothing new at or below",
      ).argParser(chainHeight),
    )
    .addOption(new Option("--out <file>", "new file for the vote too").conflicts("batch"))
    .addOption(
      new Option(
        "--uncommitted <reason>",
        "vote without a commitment, 100000 heights above the last at most; why",
      ).conflicts("remote"),
    )
    .addOption(
      new Option("--other-context", "vote although the commitment has another signing context").conflicts(
        "remote",
      ),
    )
    .addOption(arbiterOption().conflicts("remote"))
    .addOption(arbiterTlsOption())
    .addOption(passphraseOption().conflicts("remote"))
    .addOption(passphraseCommandOption().conflicts("remote"))
    .addOption(homeOption())
    .addOption(remoteOption())
    .addOption(hmacKeyOption())
    .addOption(tlsCaOption())
    .addOption(tlsClientOption())
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

interface Options extends SignerOptions, RemoteOptions, ArbiterFlags {
  readonly height?: bigint | undefined;
  readonly hash?: Uint8Array | undefined;
  readonly batch?: string | undefined;
  readonly chainHeight?: bigint | undefined;
  readonly otherContext?: true | undefined;
  readonly uncommitted?: string | undefined;
}

interface Answered {
  readonly key: Uint8Array;
  readonly answers: readonly VoteAnswer[];
  /** Undefined for a remote signer: this command cannot see what it remembers. */
  readonly known?: Coverage;
}

async function readVotes({ height, hash, batch }: Options): Promise<readonly BlockVote[]> {
  if (batch !== undefined) return readDocument(batch, blockVotesFromJson);
  if (height === undefined || hash === undefined)
    throw new UsageError("no block to vote for: give --height and --hash, or --batch");
  return [{ height, appHash: hash }];
}

function voteHere(options: Options, votes: readonly BlockVote[]): Promise<Answered> {
  return asSigner(options, async ({ home, key, chain, protection }) => {
    const { publicKey: finalityProvider } = key;
    const context = chain.voteContext;
    const commitments = [
      ...protection.commitments(finalityProvider, chain.id),
      ...protection.overlapping(finalityProvider, chain.id),
    ];
    const coverage = { chain, isConfigured: loadChains(home).has(chain.id), commitments };
    const { chainHeight: known, otherContext, uncommitted } = options;
    const named = namesArbiter(options) ? openArbiter(home, await arbiterOptions(options)) : undefined;
    try {
      const { arbiter } = named ?? {};
      const voter = new Voter({
        key,
        chain,
        protection,
        chainHeight: known,
        otherContext,
        uncommitted,
        arbiter,
      });
      const answers = (await voter.batchAsync(votes)).map((result, i): VoteAnswer => {
        if (result.kind === "refused") return result;
        const { height, kind, signature, publicRandomness } = result;
        const { appHash } = votes[i]!;
        const vote = { finalityProvider, height, appHash, publicRandomness, signature };
        return { height, kind, vote: { ...vote, ...(context !== undefined && { context }) } };
      });
      return { key: finalityProvider, answers, known: coverage };
    } finally {
      named?.close();
    }
  });
}

const voteThere = (options: Options, votes: readonly BlockVote[]): Promise<Answered> =>
  asRemoteSigner(options, async ({ signer, key, chain }) => ({
    key,
    answers: await voteRemotely(signer, { key, chain, votes, chainHeight: options.chainHeight }),
  }));
