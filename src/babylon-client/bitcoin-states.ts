import { checkpointOf } from "../babylon/checkpoint.js";
import type { ChainState } from "../babylon/rules/types.js";
import { HEADER_LENGTH, parseHeader } from "../bitcoin/header.js";
import { parseTransaction } from "../bitcoin/transaction.js";
import { equalBytes, hex } from "../core/bytes.js";
import { hash256 } from "../core/hashes.js";
import type { BabylonChain } from "./client.js";
import type { About } from "./states.js";

/** Where the block of an inclusion proof stands, and its header: the caller's, or the light client's. */
export async function inclusionBlock({
  chain,
  named: { message },
  records,
}: About): Promise<ChainState | undefined> {
  const inclusion =
    "stakingTxInclusionProof" in message
      ? message.stakingTxInclusionProof
      : "stakeSpendingTxInclusionProof" in message
        ? message.stakeSpendingTxInclusionProof
        : undefined;
  if (!inclusion) return undefined;
  const { hash } = inclusion.key;
  const [found] = (await chain.headers(nameOf(hash), 1)) ?? [];
  if (!found) return { inclusionBlock: null };
  const { height, header } = found;
  const isRight = records.header?.length === HEADER_LENGTH && equalBytes(hash256(records.header), hash);
  return { inclusionBlock: { height, header: isRight ? records.header! : header } };
}

/** A hash as people write it. @param hash in internal byte order */
const nameOf = (hash: Uint8Array): string => hex.encode(hash.toReversed());

/** The median time needs so many headers. */
const RECENT = 11;

export async function headers({ chain, named }: About): Promise<ChainState | undefined> {
  if (named.name !== "MsgInsertHeaders") return undefined;
  const [first] = named.message.headers;
  if (first?.length !== HEADER_LENGTH) return undefined;
  const { hash, previous } = parseHeader(first);
  const firstKnown = (await chain.depth(nameOf(hash))) !== null;
  const below = await chain.headers(nameOf(previous), RECENT);
  if (!below) return { headers: { firstKnown, parentKnown: false } };
  const [{ height, work }] = below as [(typeof below)[0]];
  return {
    headers: {
      firstKnown,
      parentKnown: true,
      parentHeight: height,
      ...(work !== undefined && { parentWork: work }),
      recent: below.map(({ header }) => header).toReversed(),
    },
  };
}

export async function checkpoint({ chain, named }: About): Promise<ChainState | undefined> {
  if (named.name !== "MsgInsertBTCSpvProof") return undefined;
  const { proofs } = named.message;
  const { tag } = await chain.checkpointParams();
  const places = proofs
    .filter(({ confirmingBtcHeader: { length } }) => length === HEADER_LENGTH)
    .map(({ confirmingBtcHeader, btcTransactionIndex: index }) => ({
      blockHash: nameOf(parseHeader(confirmingBtcHeader).hash),
      index,
    }));
  const heights = await heightsOf(chain, places);
  const [first, second] = proofs.map(({ btcTransaction }) => readTransaction(btcTransaction));
  const read = first && second && checkpointOf(first, second);
  const headersKnown = heights.every((height) => height !== null);
  if (!read) return { checkpoint: { tag, headersKnown } };
  const [own, before] = await Promise.all([
    chain.rawCheckpoint(read.epoch),
    previousKnown(chain, read.epoch, heights),
  ]);
  const isSame = ({ parts }: { parts: readonly { blockHash: string; index: number }[] }) =>
    parts.every(({ blockHash, index }, i) => places[i]?.blockHash === blockHash && places[i].index === index);
  return {
    checkpoint: {
      tag,
      headersKnown,
      known: (await chain.submissions(read.epoch)).some(isSame),
      previousKnown: before,
      ...(own && { blockHash: own.blockHash, epochFinal: own.status === "CKPT_STATUS_FINALIZED" }),
    },
  };
}

/** Whether a checkpoint of the epoch before is wholly below one at these heights. The first epoch needs none. */
async function previousKnown(
  chain: BabylonChain,
  epoch: bigint,
  heights: readonly (number | null)[],
): Promise<boolean> {
  if (epoch <= 1n) return true;
  const lowest = Math.min(...heights.map((height) => height ?? Number.POSITIVE_INFINITY));
  for (const { parts } of await chain.submissions(epoch - 1n)) {
    const before = await heightsOf(chain, parts);
    if (before.every((height) => height !== null && height < lowest)) return true;
  }
  return false;
}

/** The heights of Bitcoin blocks; null for one that the light client does not have in its chain. */
const heightsOf = (
  chain: BabylonChain,
  places: readonly { readonly blockHash: string }[],
): Promise<(number | null)[]> =>
  Promise.all(places.map(async ({ blockHash }) => (await chain.headers(blockHash, 1))?.[0]?.height ?? null));

/** Undefined for bytes that are no transaction: a rule refuses them. */
export function readTransaction(bytes: Uint8Array) {
  try {
    return parseTransaction(bytes);
  } catch {
    return undefined;
  }
}
