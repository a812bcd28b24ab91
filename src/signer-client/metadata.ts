import { createHmac, timingSafeEqual } from "node:crypto";
import type { Metadata } from "@grpc/grpc-js";
import type { ErrorCode } from "../core/errors.js";
import type { Method } from "./wire.js";

/** Trailing metadata: the code of a refusal, beyond what a gRPC status says. */
export const CODE_HEADER = "x-tapstake-code";
/** Trailing metadata of a batch: what was refused, as `heights:code` with commas between. */
export const REFUSED_HEADER = "x-tapstake-refused";
/** Trailing metadata of a batch: how many refused heights did not fit into {@link REFUSED_HEADER}. */
export const UNLISTED_HEADER = "x-tapstake-refused-unlisted";
/** Trailing metadata of a batch: what was signed before, as heights with commas between. */
export const SAME_HEADER = "x-tapstake-same";
/** Trailing metadata of a vote: `new` or `same`; of a batch, `new=N,same=N,refused=N`. */
export const OUTCOME_HEADER = "x-tapstake-outcome";
/** Trailing metadata of a signed commitment: earlier ones with heights of it, as `from-to` with commas between. */
export const OVERLAPS_HEADER = "x-tapstake-overlaps";

/** Request metadata: the last vote known on the chain, as decimal text. */
export const CHAIN_HEIGHT_HEADER = "x-tapstake-chain-height";
/** Request metadata of a commitment, with any value: not to be signed where it overlaps an earlier one. */
export const REFUSE_OVERLAP_HEADER = "x-tapstake-refuse-overlap";

/** A value of metadata as text. */
export function first(metadata: Metadata | undefined, name: string): string | undefined {
  const value = metadata?.get(name)[0];
  return value === undefined ? undefined : value.toString();
}

/** The metadata field of a request's authentication code (PROTOCOL 10); gRPC compares names in lower case. */
export const HMAC_HEADER = "x-fpd-hmac";

/** The methods that anyone may call (PROTOCOL 10): neither changes nor reveals anything here. */
export const OPEN_METHODS: ReadonlySet<Method> = new Set<Method>(["Ping", "SaveEOTSKeyName"]);

/** `base64(HMAC-SHA256(key string bytes, serialized request))` (PROTOCOL 10). */
export function requestHmac(key: string, request: Uint8Array): string {
  return createHmac("sha256", key).update(request).digest("base64");
}

/** Whether `given` is the code of a request, compared in constant time. */
export function isRequestHmac(key: string, request: Uint8Array, given: string): boolean {
  const expected = Buffer.from(requestHmac(key, request));
  const got = Buffer.from(given);
  return got.length === expected.length && timingSafeEqual(got, expected);
}

/** A height of a batch that was not signed. */
export interface RefusedHeight {
  readonly height: bigint;
  readonly code: ErrorCode;
}

/** Of all lists of one answer: metadata beyond 8 KiB is refused by many gRPC implementations. */
const MAX_LENGTH = 6000;

/**
 * Refused heights as text for metadata: `100:double-vote,105-190:below-watermark`, ascending, neighbours of one
 * code as a range.
 * @param room characters that it may have
 * @returns the text, and how many heights did not fit
 */
export function writeRefused(
  refused: readonly RefusedHeight[],
  room = MAX_LENGTH,
): { text: string; unlisted: number } {
  const { text, listed } = write(refused, room);
  return { text, unlisted: refused.length - listed };
}

/** What {@link writeRefused} wrote: a function from height to code. Malformed parts are passed over. */
export function readRefused(text: string): (height: bigint) => string | undefined {
  const read = readRanges(text).filter(({ code }) => code !== undefined);
  return (height) => read.find(holding(height))?.code;
}

/**
 * Heights that were signed before, as text for metadata: `100,105-190`; as many as fit.
 * @param taken characters that another list of the answer has
 */
export function writeSame(heights: readonly { readonly height: bigint }[], taken: number): string {
  return write(
    heights.map(({ height }) => ({ height })),
    MAX_LENGTH - taken,
  ).text;
}

/** What {@link writeSame} wrote: whether a height is in it. Malformed parts are passed over. */
export function readSame(text: string): (height: bigint) => boolean {
  const read = readRanges(text).filter(({ code }) => code === undefined);
  return (height) => read.some(holding(height));
}

interface Listed {
  readonly height: bigint;
  readonly code?: ErrorCode;
}

interface Range {
  readonly from: bigint;
  to: bigint;
  readonly code: string | undefined;
}

function write(heights: readonly Listed[], room: number): { text: string; listed: number } {
  const parts: string[] = [];
  let length = 0;
  let listed = 0;
  for (const { from, to, code } of rangesOf(heights)) {
    const part = `${from === to ? from : `${from}-${to}`}${code === undefined ? "" : `:${code}`}`;
    length += part.length + 1;
    if (length > room) break;
    parts.push(part);
    listed += Number(to - from) + 1;
  }
  return { text: parts.join(","), listed };
}

function rangesOf(heights: readonly Listed[]): Range[] {
  const sorted = [...heights].sort((a, b) => (a.height < b.height ? -1 : 1));
  const found: Range[] = [];
  for (const { height, code } of sorted) {
    const last = found.at(-1);
    if (last && last.code === code && last.to + 1n === height) last.to = height;
    else found.push({ from: height, to: height, code });
  }
  return found;
}

function readRanges(text: string): Range[] {
  return text.split(",").flatMap((part) => {
    const match = /^(\d{1,20})(?:-(\d{1,20}))?(?::([a-z-]+))?$/.exec(part);
    if (!match) return [];
    const [, from, to = from, code] = match;
    return [{ from: BigInt(from!), to: BigInt(to!), code }];
  });
}

const holding =
  (height: bigint) =>
  ({ from, to }: Range): boolean =>
    from <= height && height <= to;
