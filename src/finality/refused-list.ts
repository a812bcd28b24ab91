import type { ErrorCode } from "../core/errors.js";

/** A height of a batch that was not signed. */
export interface RefusedHeight {
  readonly height: bigint;
  readonly code: ErrorCode;
}

/** Metadata beyond 8 KiB is refused by many gRPC implementations. */
const MAX_LENGTH = 6000;

/**
 * Refused heights as text for metadata: `100:double-vote,105-190:below-watermark`, ascending, neighbours of one
 * code as a range.
 * @returns the text, and how many heights did not fit
 */
export function writeRefused(refused: readonly RefusedHeight[]): { text: string; unlisted: number } {
  const parts: string[] = [];
  let length = 0;
  let listed = 0;
  for (const { from, to, code } of ranges(refused)) {
    const part = `${from === to ? from : `${from}-${to}`}:${code}`;
    length += part.length + 1;
    if (length > MAX_LENGTH) break;
    parts.push(part);
    listed += Number(to - from) + 1;
  }
  return { text: parts.join(","), unlisted: refused.length - listed };
}

/** What {@link writeRefused} wrote: a function from height to code. Malformed parts are passed over. */
export function readRefused(text: string): (height: bigint) => string | undefined {
  const read = text.split(",").flatMap((part) => {
    const match = /^(\d{1,20})(?:-(\d{1,20}))?:([a-z-]+)$/.exec(part);
    return match ? [{ from: BigInt(match[1]!), to: BigInt(match[2] ?? match[1]!), code: match[3]! }] : [];
  });
  return (height) => read.find(({ from, to }) => from <= height && height <= to)?.code;
}

function ranges(refused: readonly RefusedHeight[]): { from: bigint; to: bigint; code: ErrorCode }[] {
  const sorted = [...refused].sort((a, b) => (a.height < b.height ? -1 : 1));
  const found: { from: bigint; to: bigint; code: ErrorCode }[] = [];
  for (const { height, code } of sorted) {
    const last = found.at(-1);
    if (last && last.code === code && last.to + 1n === height) last.to = height;
    else found.push({ from: height, to: height, code });
  }
  return found;
}
