import { createHmac, timingSafeEqual } from "node:crypto";
import type { ErrorCode } from "../core/errors.js";
import type { Method } from "./wire.js";

/** Trailing metadata: the code of a refusal, beyond what a gRPC status says. */
export const CODE_HEADER = "x-tapstake-code";
/** Trailing metadata of a batch: the refused heights, as `heights:code` with commas between. */
export const REFUSED_HEADER = "x-tapstake-refused";
/** Trailing metadata of a batch: how many refused heights did not fit into {@link REFUSED_HEADER}. */
export const UNLISTED_HEADER = "x-tapstake-refused-unlisted";
/** Trailing metadata of a batch: the heights that were signed before, with commas between. */
export const SAME_HEADER = "x-tapstake-same";
/** Trailing metadata of a vote: `new` or `same`; of a batch, `new=N,same=N,refused=N`. */
export const OUTCOME_HEADER = "x-tapstake-outcome";
/**
 * Trailing metadata of a signed commitment: earlier ones that share heights with it, as `from-to` with commas between.
 */
export const OVERLAPS_HEADER = "x-tapstake-overlaps";

/** Request metadata: the last vote known on the chain, as decimal text. */
export const CHAIN_HEIGHT_HEADER = "x-tapstake-chain-height";
/** Request metadata of a commitment, with any value: refuse it if it overlaps an earlier one. */
export const REFUSE_OVERLAP_HEADER = "x-tapstake-refuse-overlap";

/** The metadata of an answer, as far as tapstake reads it: gRPC's own types would need its package. */
export interface Metadata {
  get(name: string): readonly (string | Buffer)[];
}

/** A value of metadata as text. */
export function first(metadata: Metadata | undefined, name: string): string | undefined {
  const value = metadata?.get(name)[0];
  return value === undefined ? undefined : value.toString();
}

/** The metadata field of a request's authentication code (PROTOCOL 10); gRPC compares names in lower case. */
export const HMAC_HEADER = "x-fpd-hmac";

/** The methods that anyone may call (PROTOCOL 10): they neither change nor reveal anything here. */
export const OPEN_METHODS: ReadonlySet<Method> = new Set<Method>(["Ping", "SaveEOTSKeyName"]);

/** An HMAC key of fewer bytes can be guessed. */
export const LEAST_HMAC_BYTES = 16;

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

/** One height of a batch with the code of its refusal; without a code, it was signed before. */
export interface ListedHeight {
  readonly height: bigint;
  readonly code?: ErrorCode;
}

/** The most characters of all lists of one answer: many gRPC implementations refuse metadata beyond 8 KiB. */
export const MAX_LISTS = 6000;

/**
 * Heights as text for metadata: `100:double-vote,105-190:below-watermark`, ascending. Neighbours with one code are
 * written as a range.
 * @param room the most characters
 * @returns the text, and how many heights did not fit
 */
export function writeHeights(
  heights: readonly ListedHeight[],
  room = MAX_LISTS,
): { text: string; unlisted: number } {
  const parts: string[] = [];
  let length = 0;
  let unlisted = heights.length;
  for (const { from, to, code } of rangesOf(heights)) {
    const part = `${from === to ? from : `${from}-${to}`}${code === undefined ? "" : `:${code}`}`;
    length += part.length + 1;
    if (length > room) break;
    parts.push(part);
    unlisted -= Number(to - from) + 1;
  }
  return { text: parts.join(","), unlisted };
}

/** Reads what {@link writeHeights} wrote, and finds a height's code in it. Malformed parts are ignored. */
export function readHeights(text: string): (height: bigint) => Pick<Range, "code"> | undefined {
  const ranges = text.split(",").flatMap((part): Range[] => {
    const match = /^(\d{1,20})(?:-(\d{1,20}))?(?::([a-z-]+))?$/.exec(part);
    if (!match) return [];
    const [, from, to = from, code] = match;
    return [{ from: BigInt(from!), to: BigInt(to!), code }];
  });
  return (height) => ranges.find(({ from, to }) => from <= height && height <= to);
}

interface Range {
  readonly from: bigint;
  to: bigint;
  readonly code: string | undefined;
}

function rangesOf(heights: readonly ListedHeight[]): Range[] {
  const sorted = [...heights].sort((a, b) => (a.height < b.height ? -1 : 1));
  const found: Range[] = [];
  for (const { height, code } of sorted) {
    const last = found.at(-1);
    if (last && last.code === code && last.to + 1n === height) last.to = height;
    else found.push({ from: height, to: height, code });
  }
  return found;
}
