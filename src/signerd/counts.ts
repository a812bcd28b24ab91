import { TapstakeError } from "../core/errors.js";
import type { Method } from "../signer-client/wire.js";

/** The most heights of one batch. Today's software sends a thousand. */
export const MAX_BATCH = 10_000;

/** The field of a batch that has its votes. */
const VOTES = 3;

/** More fields than any request needs, beside the votes of a batch. */
const OTHER_FIELDS = 64;

/**
 * Refuses a request with too many fields before it is decoded: two bytes are an empty vote, and decoding a million of
 * them takes seconds. Malformed bytes are left to the decoder.
 * @throws TapstakeError `invalid-number`, `invalid-request`
 */
export function checkCounts(method: Method, bytes: Uint8Array): void {
  const { votes, others, inner } = countFields(bytes);
  const isBatch = method === "SignBatchEOTS";
  if (isBatch && votes > MAX_BATCH) throw tooManyVotes(votes);
  const most = OTHER_FIELDS + (isBatch ? MAX_BATCH * 4 : 0);
  const fields = isBatch ? others + inner : others + votes;
  if (fields <= most) return;
  throw new TapstakeError("invalid-request", `the request must have at most ${most} fields, not ${fields}`);
}

export const tooManyVotes = (count: number) =>
  new TapstakeError(
    "invalid-number",
    `a batch must have at most ${MAX_BATCH} heights, not ${count}: send it in parts`,
  );

/** Fields of the message, apart from its votes, and of the votes. */
function countFields(bytes: Uint8Array): { votes: number; others: number; inner: number } {
  let [votes, others, inner] = [0, 0, 0];
  eachField(bytes, 0, bytes.length, (field, from, to) => {
    if (field !== VOTES || from === to) {
      if (field === VOTES) votes++;
      else others++;
      return;
    }
    votes++;
    eachField(bytes, from, to, () => void inner++);
  });
  return { votes, others, inner };
}

/** Calls `act` with each field's number and the range of its content, empty for a number. */
function eachField(
  bytes: Uint8Array,
  from: number,
  end: number,
  act: (field: number, from: number, to: number) => void,
): void {
  let at = from;
  /** As a float: beyond 2^53 only its size matters, and no length is that long. */
  const varint = () => {
    let value = 0;
    for (let scale = 1; at < end; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < end) {
    const tag = varint();
    const [field, wireType] = [Math.floor(tag / 8), tag % 8];
    if (wireType === 0) {
      varint();
      act(field, at, at);
    } else if (wireType === 2) {
      const length = varint();
      const start = at;
      at = Math.min(end, start + length);
      act(field, start, at);
    } else {
      act(field, at, at);
      if (wireType !== 1 && wireType !== 5) return;
      at += wireType === 1 ? 8 : 4;
    }
  }
}
