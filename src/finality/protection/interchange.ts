import * as v from "valibot";
import { equalBytes, hex } from "../../core/bytes.js";
import { curve } from "../../core/curve/index.js";
import { describeType, TapstakeError } from "../../core/errors.js";
import { decimalText, readJson } from "../../core/json.js";
import { isChainId } from "../../vote/chain.js";
import { verifyCommitment } from "../../vote/vote.js";
import { assertHeight, higher, higherWatermarks, LAST_HEIGHT, MAX_HEIGHT } from "./decide.js";
import { keyChainName } from "./key-chain.js";
import { lastOf } from "./store.js";

/**
 * All votes in the form in which they travel between signers, like EIP-3076. JSON: heights are decimal text, bytes
 * lower-case hexadecimal. docs/protection.md describes every field.
 */
export interface Interchange {
  readonly metadata: {
    readonly format: "tapstake-protection";
    readonly version: 1;
    readonly exportedAt: string;
  };
  readonly data: readonly InterchangeKeyChain[];
}

/** What an interchange file says of one key and chain. */
export interface InterchangeKeyChain {
  readonly key: string;
  readonly chain: string;
  /** Null for a key that never voted: the file has only its commitments. */
  readonly lowest: string | null;
  readonly highest: string | null;
  /** More votes may have been made than are known: nothing is signed until the operator states the first height. */
  readonly held?: boolean | undefined;
  /** The home that wrote the file locked the key and chain at that moment: it signs nothing that is not in the file. */
  readonly retired?: boolean | undefined;
  readonly votes: readonly InterchangeVote[];
  readonly commitments?: readonly InterchangeCommitment[] | undefined;
}

/** A vote in an interchange file. */
export interface InterchangeVote {
  readonly height: string;
  readonly digest?: string | null | undefined;
  readonly signature?: string | null | undefined;
  readonly at?: string | undefined;
  readonly instance?: string | undefined;
}

/** A commitment in an interchange file. */
export interface InterchangeCommitment {
  readonly startHeight: string;
  readonly count: number;
  readonly root: string;
  readonly signature: string;
  readonly context?: string | undefined;
}

/** What the operator must state beside the interchange file. */
export interface ImportOptions {
  /**
   * Lets keys that this home does not know begin to vote on the word of the file alone (`ImportPreview.begins`). The file does not say what they signed after it was written: the operator must be certain
   * that they signed nothing.
   */
  readonly begin?: boolean | undefined;
}

/** What an import did to one key and chain. */
export interface ImportedKeyChain {
  readonly key: Uint8Array;
  readonly chainId: string;
  /** Null if the key still has no watermarks: the file had only commitments. */
  readonly lowWatermark: bigint | null;
  readonly highWatermark: bigint | null;
  /** Votes that the store did not know before. */
  readonly added: number;
  /**
   * Heights with another message here than in the file. Both messages are blocked now, and the key may be exposed
   * already.
   */
  readonly conflicts: readonly bigint[];
  /** Other heights of the file at which nothing is signed here, as the signed message is unknown. */
  readonly blocked: readonly bigint[];
  readonly commitments: number;
  /** Commitments that overlap others. They serve no proof; votes at heights that they alone cover use their context. */
  readonly commitmentsSkipped: number;
  /** Votes and commitments above the last height that any release signs at: they were left out. */
  readonly beyond: number;
}

/** What an import did, for each key and chain. */
export type ImportReport = readonly ImportedKeyChain[];

/** One key and chain of a file, read and made consistent. */
export interface ReadKeyChain {
  readonly key: Uint8Array;
  readonly chainId: string;
  readonly lowWatermark: bigint | null;
  readonly highWatermark: bigint | null;
  readonly locked: boolean;
  readonly retired: boolean;
  /** How many votes and commitments are above the last height, and were left out. */
  readonly beyond: number;
  readonly votes: ReadonlyMap<bigint, ReadVote>;
  readonly commitments: readonly ReadCommitment[];
}

export interface ReadVote {
  readonly digest: Uint8Array | null;
  readonly signature: Uint8Array | null;
}

export interface ReadCommitment {
  readonly startHeight: bigint;
  readonly count: number;
  readonly root: Uint8Array;
  readonly signature: Uint8Array;
  readonly context?: string;
}

/** An interchange file that was read. What it says more than once of a key and chain, or of one height, is merged. */
export class ReadInterchange {
  readonly keyChains: readonly ReadKeyChain[];
  /** The time of export, if the file states it. */
  readonly exportedAt: string | undefined;

  constructor(keyChains: readonly ReadKeyChain[], exportedAt: string | undefined) {
    this.keyChains = keyChains;
    this.exportedAt = exportedAt;
  }
}

/**
 * Reads an interchange file; the result of an earlier read is returned as is.
 * @param value its JSON
 * @param votes those of the entries of `data`, by their places, if they were taken out of it
 * @throws TapstakeError `invalid-json`, `unknown-version`; `invalid-signature` for a commitment that its key has not
 * signed
 */
export function parseInterchange(value: unknown, votes?: ReadonlyMap<number, Votes>): ReadInterchange {
  if (value instanceof ReadInterchange) return value;
  if (typeof value === "string" || value instanceof Uint8Array) {
    const text = `the interchange file must be parsed JSON, not ${describeType(value)}: read text and bytes with readInterchange`;
    throw new TapstakeError("invalid-json", text, { path: "interchange" });
  }
  const { exportedAt } = assertVersion(value) as { exportedAt?: unknown };
  const { data } = readJson(file, value, "interchange");
  const keyChains = new Map<string, ReadKeyChain>();
  for (const [place, entry] of data.entries()) {
    const read = readKeyChain(entry, votes?.get(place) ?? new Map(), `interchange.data[${place}]`);
    const name = keyChainName(read.key, read.chainId);
    const earlier = keyChains.get(name);
    keyChains.set(name, earlier ? merge(earlier, read) : read);
  }
  return new ReadInterchange([...keyChains.values()], timeOf(exportedAt));
}

/** Called before the rest is read, which a later version may have changed. Returns what the file says of itself. */
export function assertVersion(value: unknown): { readonly [name: string]: unknown } {
  const { metadata } = readJson(envelope, value, "interchange");
  const { version } = metadata;
  if (version === 1) return metadata;
  throw new TapstakeError(
    "unknown-version",
    `the version of the interchange file must be 1, not ${version}: a later release may know it`,
    { version },
  );
}

/** It is shown to people: a text that is not a time could be anything. */
const timeOf = (text: unknown): string | undefined =>
  typeof text === "string" && /^\d{4}-[\d:.TZ+-]{1,30}$/.test(text) ? text : undefined;

/** Votes by height. */
export type Votes = Map<bigint, ReadVote>;

/** Reads one vote of a file and merges it into others. @throws TapstakeError `invalid-json` */
export const addVoteTo = (votes: Votes, value: unknown, name: string): void =>
  addVote(votes, readJson(vote, value, name));

function addVote(votes: Votes, { height, digest, signature }: v.InferOutput<typeof vote>): void {
  const read = {
    digest: digest == null ? null : hex.decode(digest),
    // A signature without its message proves nothing.
    signature: digest == null || signature == null ? null : hex.decode(signature),
  };
  const earlier = votes.get(height);
  votes.set(height, earlier ? mergeVotes(earlier, read) : read);
}

function readKeyChain(entry: v.InferOutput<typeof keyChain>, votes: Votes, name: string): ReadKeyChain {
  const { lowest: lowWatermark, highest: highWatermark, held: locked = false, retired = false } = entry;
  for (const each of entry.votes) addVote(votes, each);
  if (lowWatermark === null && (highWatermark !== null || votes.size > 0)) {
    const text = `${name} must have a lowest height, as it has a highest height or votes`;
    throw new TapstakeError("invalid-json", text, { path: name });
  }
  if (lowWatermark !== null) assertHeight(lowWatermark, `${name}.lowest`);
  const commitments = (entry.commitments ?? []).map((each, i) =>
    readCommitment(each, hex.decode(entry.key), `${name}.commitments[${i}]`),
  );
  return settle({
    key: hex.decode(entry.key),
    chainId: entry.chain,
    lowWatermark,
    highWatermark,
    locked,
    retired,
    beyond: 0,
    votes,
    commitments,
  });
}

/** The chain has no commitment that its key has not signed; an import of one would make votes fail here. */
function readCommitment(
  { context, root, signature, ...range }: v.InferOutput<typeof commitment>,
  finalityProvider: Uint8Array,
  path: string,
): ReadCommitment {
  if (lastOf(range) > MAX_HEIGHT) {
    const text = `${path} must end below height 2^64, not have ${range.count} heights from ${range.startHeight}`;
    throw new TapstakeError("invalid-json", text, { path });
  }
  const read = {
    ...range,
    root: hex.decode(root),
    signature: hex.decode(signature),
    ...(context !== undefined && { context }),
  };
  if (verifyCommitment({ ...read, finalityProvider })) return read;
  const under = context === undefined ? "without a signing context" : `with the signing context ${context}`;
  const text = `${path}: its signature is not one by ${hex.encode(finalityProvider)} of this commitment ${under}, and nothing of the file was imported: export the file again from the signer, or take the commitment out of the file`;
  throw new TapstakeError("invalid-signature", text, { path });
}

/**
 * What two sources know of one height. Different messages make a vote without digest, which blocks both: the signature
 * of either may not have left yet, and then must not leave.
 */
export function mergeVotes(a: ReadVote, b: ReadVote): ReadVote {
  if (!a.digest || !b.digest || !equalBytes(a.digest, b.digest)) return { digest: null, signature: null };
  return { digest: a.digest, signature: a.signature ?? b.signature };
}

/**
 * A key and chain whose watermarks agree with their votes. If the highest vote is not among the votes, others may be
 * missing too, and nothing up to it is signed.
 *
 * What is above the last height is left out: no release signs there, and a watermark there would end the key.
 * @throws TapstakeError `height-too-high` if the highest vote is there, and not among the votes
 */
function settle(keyChain: ReadKeyChain & { readonly votes: Votes }): ReadKeyChain {
  const { votes } = keyChain;
  const stated = keyChain.highWatermark;
  const isComplete = stated === null || votes.has(stated);
  if (stated !== null && !isComplete) assertHeight(stated, "highest vote of the file");
  const isBeyond = (height: bigint) => height > LAST_HEIGHT;
  const beyond = [...votes.keys()].filter(isBeyond);
  for (const height of beyond) votes.delete(height);
  let { lowWatermark } = keyChain;
  let highWatermark = stated !== null && isBeyond(stated) ? null : stated;
  for (const height of votes.keys()) {
    highWatermark = higher(highWatermark, height);
  }
  if (lowWatermark !== null && stated !== null && !isComplete && stated >= lowWatermark) {
    lowWatermark = stated + 1n;
  }
  const commitments = keyChain.commitments.filter((commitment) => !isBeyond(lastOf(commitment)));
  const leftOut = beyond.length + keyChain.commitments.length - commitments.length;
  return { ...keyChain, lowWatermark, highWatermark, commitments, beyond: leftOut };
}

function merge(a: ReadKeyChain, b: ReadKeyChain): ReadKeyChain {
  const votes = new Map(a.votes);
  for (const [height, vote] of b.votes) {
    const earlier = votes.get(height);
    votes.set(height, earlier ? mergeVotes(earlier, vote) : vote);
  }
  return {
    key: a.key,
    chainId: a.chainId,
    ...higherWatermarks(a, b),
    locked: a.locked || b.locked,
    retired: a.retired && b.retired,
    beyond: a.beyond + b.beyond,
    votes,
    commitments: [...a.commitments, ...b.commitments],
  };
}

const height = v.pipe(
  decimalText,
  v.check((value) => value <= MAX_HEIGHT, "a height below 2^64"),
);

const bytes = (length: number) =>
  v.custom<string>(
    (value) => typeof value === "string" && value.length === 2 * length && /^[0-9a-fA-F]*$/.test(value),
    `${length} bytes in hexadecimal`,
  );

const publicKey = v.custom<string>(
  (value) =>
    typeof value === "string" && /^[0-9a-fA-F]{64}$/.test(value) && curve.isXOnlyPoint(hex.decode(value)),
  "an x-only public key in hexadecimal",
);

const chain = v.custom<string>(isChainId, "a chain id of 1 to 128 printable ASCII characters");

const text = v.pipe(v.string(), v.maxLength(200));

const vote = v.strictObject({
  height,
  digest: v.nullish(bytes(32)),
  signature: v.nullish(bytes(32)),
  at: v.optional(text),
  instance: v.optional(text),
});

const commitment = v.strictObject({
  startHeight: height,
  count: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(0xffff_ffff)),
  root: bytes(32),
  signature: bytes(64),
  // The text itself is signed, so its case matters.
  context: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "64 lower-case hexadecimal digits"))),
});

const keyChain = v.strictObject({
  key: publicKey,
  chain,
  lowest: v.nullable(height),
  highest: v.nullable(height),
  held: v.optional(v.boolean()),
  retired: v.optional(v.boolean()),
  votes: v.array(vote),
  commitments: v.optional(v.array(commitment)),
});

// Newer releases may add fields about the file itself; an older release reads the version before anything else.
const envelope = v.looseObject({
  metadata: v.looseObject({ format: v.literal("tapstake-protection"), version: v.number() }),
});

const file = v.strictObject({
  metadata: v.looseObject({}),
  data: v.array(keyChain),
});
