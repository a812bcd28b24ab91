import { ERROR_CODES } from "../core/error-codes.js";
import { type ErrorCode, TapstakeError } from "../core/errors.js";
import { eots } from "../crypto/eots.js";
import { assertChainConfig, type ChainConfig } from "../vote/chain.js";
import { voteMessage } from "../vote/messages.js";
import { type FinalityVote, isRefusal } from "../vote/vote.js";
import type { EotsClient } from "./client.js";

/** What `voteRemotely` takes. */
export interface RemoteVoteRequest {
  /** X-only, 32 bytes. */
  readonly key: Uint8Array;
  readonly chain: ChainConfig;
  readonly votes: readonly Pick<FinalityVote, "height" | "appHash">[];
  /** The last vote known on the chain: nothing at or below it is signed anew. */
  readonly chainHeight?: bigint | undefined;
}

/** The answer for one height. `signed` if the signer does not say whether the vote is new. */
export type VoteAnswer =
  | { readonly height: bigint; readonly kind: "new" | "same" | "signed"; readonly vote: FinalityVote }
  | { readonly height: bigint; readonly kind: "refused"; readonly code: ErrorCode; readonly message: string };

/**
 * Votes by a remote signer, which remembers them. Each signature is verified under the signer's own randomness.
 * @returns an answer for each vote, in their order
 * @throws TapstakeError the codes of the client; `signer-error` for a signature that does not verify
 */
export async function voteRemotely(signer: EotsClient, request: RemoteVoteRequest): Promise<VoteAnswer[]> {
  const { key, chain, votes, chainHeight } = request;
  assertChainConfig(chain);
  const context = chain.voteContext;
  const asked = votes.map((vote) => {
    const named = { ...vote, ...(context !== undefined && { context }) };
    return { ...named, message: voteMessage(named) };
  });
  const named = { key, chainId: chain.id };
  const bounded = { ...named, chainHeight };
  const answers =
    asked.length === 1
      ? [await one(signer, { ...bounded, ...asked[0]! })]
      : await batch(signer, bounded, asked);
  const signed = answers.flatMap(({ height, kind }) => (kind === "refused" ? [] : [height]));
  const points = await pointsOf(signer, named, signed);
  return answers.map((answer, i): VoteAnswer => {
    if (answer.kind === "refused") return answer;
    const { height, kind, signature } = answer;
    const { message, appHash } = asked[i]!;
    const publicRandomness = points.get(height)!;
    if (!eots.verify(key, publicRandomness, message, signature)) {
      throw new TapstakeError("signer-error", `the signer's signature at height ${height} does not verify`);
    }
    const vote = { finalityProvider: key, height, appHash, publicRandomness, signature };
    return { height, kind, vote: { ...vote, ...(context !== undefined && { context }) } };
  });
}

type Named = { readonly key: Uint8Array; readonly chainId: string };
type Bounded = Named & { readonly chainHeight: bigint | undefined };
type Asked = { readonly height: bigint; readonly message: Uint8Array };
type Answer =
  | { readonly height: bigint; readonly kind: "new" | "same" | "signed"; readonly signature: Uint8Array }
  | Extract<VoteAnswer, { kind: "refused" }>;

async function one(signer: EotsClient, request: Bounded & Asked): Promise<Answer> {
  const { height } = request;
  try {
    const { signature, outcome } = await signer.signEots(request);
    return { height, kind: outcome ?? "signed", signature };
  } catch (error) {
    if (!(error instanceof TapstakeError) || !isRefusal(error.code)) throw error;
    return { height, kind: "refused", code: error.code, message: error.message };
  }
}

async function batch(signer: EotsClient, bounded: Bounded, votes: readonly Asked[]): Promise<Answer[]> {
  const answers = await signer.signBatchEots({ ...bounded, votes });
  return answers.map((answer) =>
    answer.kind === "refused" ? { ...answer, message: refusalText(answer) } : answer,
  );
}

/** For the heights of a batch, the interface has only codes. */
const refusalText = ({ height, code }: { readonly height: bigint; readonly code: ErrorCode }): string =>
  `the signer did not sign height ${height}. ${ERROR_CODES[code].means} Its log says more.`;

/** Heights that the signer derives at once: more would wait for other derivations. */
const AT_ONCE = 32;

/**
 * The signer's public randomness of each height. Each request is for a run of neighbours, as a range must have no gap.
 */
async function pointsOf(
  signer: EotsClient,
  named: Named,
  heights: readonly bigint[],
): Promise<ReadonlyMap<bigint, Uint8Array>> {
  const points = new Map<bigint, Uint8Array>();
  const sorted = [...heights].sort((a, b) => (a < b ? -1 : 1));
  for (let i = 0; i < sorted.length;) {
    const startHeight = sorted[i]!;
    let count = 1;
    while (count < AT_ONCE && sorted[i + count] === startHeight + BigInt(count)) count++;
    const range = await signer.createRandomnessPairList({ ...named, startHeight, count });
    range.forEach((point, offset) => points.set(startHeight + BigInt(offset), point));
    i += count;
  }
  return points;
}
