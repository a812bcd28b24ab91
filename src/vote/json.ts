import * as v from "valibot";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { blockHeight, jsonText, parseJson, readJson } from "../core/json.js";
import { assertList, assertObject } from "../core/objects.js";
import { assertText } from "../core/text.js";
import type { MerkleProof } from "../crypto/merkle.js";
import type { Commitment, FinalityVote } from "./vote.js";

/** {@link Commitment} in JSON: bytes as hexadecimal, heights as decimal text. */
export interface CommitmentJson {
  readonly finalityProvider: string;
  readonly startHeight: string;
  readonly count: number;
  readonly root: string;
  readonly signature: string;
  /** Only on chains that sign commitments with a context: 64 characters. */
  readonly context?: string;
}

/** {@link MerkleProof} in JSON. */
export interface MerkleProofJson {
  readonly total: number;
  readonly index: number;
  readonly leafHash: string;
  readonly aunts: readonly string[];
}

/** {@link FinalityVote} in JSON. */
export interface FinalityVoteJson {
  readonly finalityProvider: string;
  readonly height: string;
  readonly appHash: string;
  readonly publicRandomness: string;
  readonly signature: string;
  /** Only on chains that sign votes with a context: 64 characters. */
  readonly context?: string;
}

/** A commitment as JSON text, indented. */
export function commitmentToJson(commitment: Commitment): string {
  assertObject(commitment, "commitment");
  const { finalityProvider, startHeight, count, root, signature, context } = commitment;
  const json: CommitmentJson = {
    finalityProvider: hex.encode(finalityProvider),
    startHeight: `${startHeight}`,
    count,
    root: hex.encode(root),
    signature: hex.encode(signature),
    ...(context !== undefined && { context }),
  };
  return jsonText(json);
}

/**
 * The inverse of {@link commitmentToJson}. It does not check the signature: `verifyCommitment` does. The JSON may also
 * have fields from the commands' `--json`: `chain`, `lastHeight` and `made`, which are not signed.
 * @throws TapstakeError `invalid-json` also for other fields, and for a wrong `lastHeight`; `invalid-hex`
 */
export function commitmentFromJson(text: string): Commitment {
  const json = readJson(commitmentForm, parseJson(text, "commitment"), "commitment");
  const lastHeight = json.startHeight + BigInt(json.count - 1);
  if (json.lastHeight !== undefined && json.lastHeight !== lastHeight) {
    const path = "commitment.lastHeight";
    const got = `must be ${lastHeight}, as startHeight and count say, not ${json.lastHeight}`;
    throw new TapstakeError("invalid-json", `${path}: ${got}`, { path });
  }
  return {
    finalityProvider: hex.decode(json.finalityProvider, 32, "commitment.finalityProvider"),
    startHeight: json.startHeight,
    count: json.count,
    root: hex.decode(json.root, 32, "commitment.root"),
    signature: hex.decode(json.signature, 64, "commitment.signature"),
    ...(json.context !== undefined && { context: contextOf(json.context, "commitment.context") }),
  };
}

/** A proof as JSON text, indented. */
export function merkleProofToJson(proof: MerkleProof): string {
  assertObject(proof, "proof");
  assertList(proof.aunts, "proof.aunts");
  const json: MerkleProofJson = {
    total: proof.total,
    index: proof.index,
    leafHash: hex.encode(proof.leafHash),
    aunts: proof.aunts.map((aunt) => hex.encode(aunt)),
  };
  return jsonText(json);
}

/**
 * The inverse of {@link merkleProofToJson}. It does not check the proof: `verifyRandomness` does.
 * @throws TapstakeError `invalid-json` also for unknown fields, `invalid-hex`
 */
export function merkleProofFromJson(text: string): MerkleProof {
  const json = readJson(proofForm, parseJson(text, "proof"), "proof");
  return {
    total: json.total,
    index: json.index,
    leafHash: hex.decode(json.leafHash, 32, "proof.leafHash"),
    aunts: json.aunts.map((aunt, i) => hex.decode(aunt, 32, `proof.aunts[${i}]`)),
  };
}

/** A vote as JSON text, indented. */
export function voteToJson(vote: FinalityVote): string {
  assertObject(vote, "vote");
  const { finalityProvider, height, appHash, publicRandomness, signature, context } = vote;
  const json: FinalityVoteJson = {
    finalityProvider: hex.encode(finalityProvider),
    height: `${height}`,
    appHash: hex.encode(appHash),
    publicRandomness: hex.encode(publicRandomness),
    signature: hex.encode(signature),
    ...(context !== undefined && { context }),
  };
  return jsonText(json);
}

/**
 * The inverse of {@link voteToJson}. It does not check the vote: `verifyVote` does.
 * @throws TapstakeError `invalid-json` also for unknown fields, `invalid-hex`
 */
export function voteFromJson(text: string): FinalityVote {
  const json = readJson(voteForm, parseJson(text, "vote"), "vote");
  const bytes = (field: "finalityProvider" | "appHash" | "publicRandomness" | "signature") =>
    hex.decode(json[field], 32, `vote.${field}`);
  return {
    finalityProvider: bytes("finalityProvider"),
    height: json.height,
    appHash: bytes("appHash"),
    publicRandomness: bytes("publicRandomness"),
    signature: bytes("signature"),
    ...(json.context !== undefined && { context: contextOf(json.context, "vote.context") }),
  };
}

/** A block to vote for, as a batch names it. */
export interface BlockVoteJson {
  readonly height: string | number;
  /** The block's app hash, 32 bytes. */
  readonly hash: string;
}

/**
 * The blocks of a batch of votes: a JSON array of {@link BlockVoteJson}, or one of them on each line.
 * @throws TapstakeError `duplicate-height` if a height is there twice; `invalid-json` also for an empty batch and for
 * unknown fields; `invalid-hex`
 */
export function blockVotesFromJson(text: string): { height: bigint; appHash: Uint8Array }[] {
  assertText(text, "batch");
  const seen = new Map<bigint, string>();
  const votes = batchItems(text).map(({ value, name }) => {
    const { height: at, hash } = readJson(blockVoteForm, value, name);
    const earlier = seen.get(at);
    if (earlier !== undefined) {
      throw new TapstakeError(
        "duplicate-height",
        `height ${at} is in the batch twice (${earlier}, ${name}): nothing was signed; one height, one vote`,
        { height: at },
      );
    }
    seen.set(at, name);
    return { height: at, appHash: hex.decode(hash, 32, `${name}.hash`) };
  });
  if (votes.length === 0)
    throw new TapstakeError("invalid-json", "the batch is empty: give at least one vote");
  return votes;
}

function batchItems(text: string): { value: unknown; name: string }[] {
  if (text.trimStart().startsWith("[")) {
    const values = readJson(v.array(v.unknown()), parseJson(text, "batch"), "batch");
    return values.map((value, i) => ({ value, name: `batch[${i}]` }));
  }
  return text.split("\n").flatMap((line, i) => {
    const name = `batch line ${i + 1}`;
    return line.trim() === "" ? [] : [{ value: parseJson(line, name), name }];
  });
}

/** The text itself is signed: its form is checked, and it is kept unchanged. */
function contextOf(text: string, name: string): string {
  hex.decode(text, 32, name);
  return text;
}

const U64_MAX = 2n ** 64n - 1n;
/** A height must fit in the 8 bytes that a message has for it. */
const height = v.pipe(
  blockHeight,
  v.custom<bigint>((value) => (value as bigint) <= U64_MAX, "a height of at most 8 bytes"),
);
const whole = (least: number) =>
  v.custom<number>(
    (value) => Number.isSafeInteger(value) && (value as number) >= least,
    `a whole number from ${least}`,
  );
/** No tree of at most 2^53 leaves has more aunts: further ones would only cost time. */
const MAX_AUNTS = 53;

const commitmentForm = v.strictObject({
  finalityProvider: v.string(),
  startHeight: height,
  count: whole(1),
  root: v.string(),
  signature: v.string(),
  context: v.exactOptional(v.string()),
  chain: v.exactOptional(v.string()),
  lastHeight: v.exactOptional(height),
  made: v.exactOptional(v.string()),
});

const proofForm = v.strictObject({
  total: whole(1),
  index: whole(0),
  leafHash: v.string(),
  aunts: v.pipe(v.array(v.string()), v.maxLength(MAX_AUNTS)),
});

const voteForm = v.strictObject({
  finalityProvider: v.string(),
  height,
  appHash: v.string(),
  publicRandomness: v.string(),
  signature: v.string(),
  context: v.exactOptional(v.string()),
});

const blockVoteForm = v.strictObject({ height, hash: v.string() });
