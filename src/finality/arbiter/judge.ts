import { equalBytes, hex } from "../../core/bytes.js";
import { decide, type Refusal } from "../protection/decide.js";
import type { Claim, ClaimedVote } from "./claim.js";
import type { HoldReason } from "./errors.js";
import { type ArbiterKeys, heightIn, parseSeal, type Seal, sealText, textIn } from "./keys.js";
import type { KeyValue, RangeResponse, ResponseHeader, ResponseOp, TxnResponse } from "./wire.js";

/** What a signer knows of its arbiter, and compares every answer with. */
export interface Pins {
  readonly clusterId: bigint;
  readonly members: readonly bigint[];
  /** The highest revision of any answer. */
  readonly revision: bigint;
  /** The processes of this signer that may have moved its seal since it was last recorded. */
  readonly sessions: readonly string[];
}

/** What became of one claimed vote. */
export type Outcome =
  /** Written now. */
  | { readonly kind: "new" }
  /** The same digest was there. */
  | { readonly kind: "same" }
  | Refusal
  /** Nothing is there, and nothing was written: claim it anew with the seal that was found. */
  | { readonly kind: "open" };

export type Judgement =
  | { readonly kind: "judged"; readonly seal: Seal; readonly outcomes: readonly Outcome[] }
  | { readonly kind: "hold"; readonly reason: HoldReason; readonly found: string }
  | { readonly kind: "halted"; readonly found: string }
  | { readonly kind: "uninitialised" }
  | { readonly kind: "unclear"; readonly found: string };

/**
 * What an answer to a claim means. It is a pure function of the claim, of what the signer knows and of the answer, and
 * leaves the decision about a vote to `decide()`.
 */
export function judge(
  keys: ArbiterKeys,
  claim: Claim,
  pins: Pins,
  { response, header }: { readonly response: TxnResponse; readonly header: ResponseHeader },
): Judgement {
  const foreign = judgeHeader(pins, header);
  if (foreign) return foreign;
  try {
    return response.succeeded === 1
      ? judgeWritten(keys, claim, response)
      : judgeRead(keys, claim, pins, response);
  } catch (error) {
    if (error instanceof Misshapen)
      return { kind: "unclear", found: `its answer has another form: ${error.message}` };
    if (error instanceof Rewritten) return hold("vote-rewritten", error.message);
    throw error;
  }
}

/** Whether an answer is one of the cluster that the signer enrolled with, and not of an older copy of it. */
export function judgeHeader(
  { clusterId, members, revision }: Pins,
  header: ResponseHeader,
): Extract<Judgement, { kind: "hold" }> | undefined {
  if (header.clusterId !== clusterId) {
    return hold("members-changed", `cluster ${idText(header.clusterId)} answered, not ${idText(clusterId)}`);
  }
  if (!members.includes(header.memberId)) {
    return hold(
      "members-changed",
      `member ${idText(header.memberId)} answered, which was not there at the enrolment`,
    );
  }
  if (header.revision < revision) {
    return hold(
      "went-back",
      `the arbiter is at revision ${header.revision}, and was at ${revision}: it lost writes`,
    );
  }
  return undefined;
}

export const idText = (id: bigint): string => id.toString(16).padStart(16, "0");

const hold = (reason: HoldReason, found: string) => ({ kind: "hold", reason, found }) as const;

/** An answer without the form that the request asks for. */
class Misshapen extends Error {}

/** A row that is not as its one claim left it. */
class Rewritten extends Error {}

/** The conditions held: what was written, height for height. */
function judgeWritten(keys: ArbiterKeys, { of, votes, next }: Claim, { responses }: TxnResponse): Judgement {
  expectForm(responses.length === 1 + votes.length, `${responses.length} parts for ${votes.length} votes`);
  const [seal, ...parts] = responses;
  expectPut(seal);
  if (votes.length === 1) {
    expectPut(parts[0]);
    return { kind: "judged", seal: next, outcomes: [{ kind: "new" }] };
  }
  const outcomes = votes.map((vote, i): Outcome => {
    const nested = only(parts[i], "txn");
    expectForm(nested.responses.length === 1, "a vote with another number of parts than 1");
    const [part] = nested.responses;
    if (nested.succeeded === 1) {
      expectPut(part);
      return { kind: "new" };
    }
    const row = rowOf(only(part, "range"), keys.vote(of, vote.height));
    expectForm(row !== undefined, "a vote that was neither written nor there");
    // The conditions held, so the height is above the watermark.
    return outcomeOf(vote, row, -1n);
  });
  return { kind: "judged", seal: next, outcomes };
}

/** What a signer finds that asks without a vote: undefined if it may claim. */
export function judgeLook(
  keys: ArbiterKeys,
  known: Standing,
  pins: Pins,
  { response, header }: { readonly response: TxnResponse; readonly header: ResponseHeader },
): Exclude<Judgement, { kind: "judged" | "uninitialised" }> | undefined {
  const foreign = judgeHeader(pins, header);
  if (foreign) return foreign;
  try {
    const names = [keys.store, keys.seal(known.signer), keys.halt];
    const { responses } = response;
    expectForm(responses.length === names.length, `${responses.length} parts for ${names.length} keys`);
    const [store, seal, halt] = responses.map((part, i) => rowOf(only(part, "range"), names[i]!));
    const found = judgeStanding(known, pins, [store, seal, halt]);
    return "kind" in found ? found : undefined;
  } catch (error) {
    if (!(error instanceof Misshapen)) throw error;
    return { kind: "unclear", found: `its answer has another form: ${error.message}` };
  }
}

/** What a signer last knew of its own place in the arbiter. */
type Standing = Pick<Claim, "signer" | "store" | "last">;

/** The rows that concern a signer itself, before any vote is looked at. */
function judgeStanding(
  { store, last }: Standing,
  pins: Pins,
  [storeRow, sealRow, haltRow]: readonly (KeyValue | undefined)[],
): Seal | Extract<Judgement, { kind: "hold" | "halted" }> {
  const storeText = storeRow && textIn(storeRow.value);
  if (storeText !== store) {
    const found = storeText ?? "nothing readable";
    return hold("store-changed", `the arbiter's store is "${found}", and was "${store}" at the enrolment`);
  }
  const seal = judgeSeal(sealRow, last, pins);
  if ("kind" in seal || !haltRow) return seal;
  return { kind: "halted", found: textIn(haltRow.value) ?? "no readable reason" };
}

/** A condition did not hold: nothing was written. */
function judgeRead(keys: ArbiterKeys, claim: Claim, pins: Pins, { responses }: TxnResponse): Judgement {
  const { of, votes, signer, last } = claim;
  expectForm(responses.length === 4 + votes.length, `${responses.length} parts for ${votes.length} votes`);
  const names = [keys.store, keys.seal(signer), keys.low(of), keys.halt];
  const rows = responses.map((part, i) =>
    rowOf(only(part, "range"), names[i] ?? keys.vote(of, votes[i - names.length]!.height)),
  );
  const [storeRow, sealRow, lowRow, haltRow] = rows;
  const seal = judgeStanding(claim, pins, [storeRow, sealRow, haltRow]);
  if ("kind" in seal) return seal;
  if (!lowRow) return { kind: "uninitialised" };
  const low = heightIn(lowRow.value);
  if (low === undefined) return hold("vote-rewritten", "the arbiter's low watermark is no height");
  const outcomes = votes.map((vote, i) => outcomeOf(vote, rows[names.length + i], low));
  const isBlocked = seal.counter > last.counter || votes.some(({ height }) => height <= low);
  const isTaken = votes.length === 1 && rows[names.length] !== undefined;
  expectForm(isBlocked || isTaken, "it refused a claim all of whose conditions hold");
  return { kind: "judged", seal, outcomes };
}

/** Whether a seal is this signer's own, and not older than the last one that it knows. */
function judgeSeal(
  row: KeyValue | undefined,
  last: Seal,
  { sessions }: Pins,
): Seal | ReturnType<typeof hold> {
  if (!row)
    return hold("retired", "the arbiter has no seal of this signer: it was retired, or the store lost it");
  const seal = parseSeal(textIn(row.value));
  if (!seal) return hold("vote-rewritten", "this signer's seal in the arbiter is not readable");
  if (seal.counter < last.counter) {
    return hold(
      "went-back",
      `this signer's seal in the arbiter is ${seal.counter}, and was ${last.counter}: the store is an older copy`,
    );
  }
  const isOwn =
    seal.counter === last.counter ? sealText(seal) === sealText(last) : sessions.includes(seal.session);
  if (isOwn) return seal;
  return hold(
    "other-signer",
    "another process moved this signer's seal: a copy of this home runs elsewhere, or this home is an older copy",
  );
}

/** The decision about one vote, by the same table as without an arbiter. */
function outcomeOf({ height, digest }: ClaimedVote, row: KeyValue | undefined, low: bigint): Outcome {
  if (row) assertVote(height, row);
  // The arbiter keeps no signatures: the signer makes the same one again.
  const signature = new Uint8Array(32);
  const record = row
    ? { digest: row.value, signature, at: "earlier", instance: "a signer of the arbiter" }
    : null;
  const watermarks = { lowWatermark: low + 1n, highWatermark: null };
  // The signer has already looked at commitments, chain height and its own record.
  const input = { height, digest, record, watermarks, isCommitted: true };
  const decision = decide(input);
  if (decision.kind === "new") return { kind: "open" };
  return decision.kind === "same" ? { kind: "same" } : decision;
}

function assertVote(height: bigint, { value, version, createRevision, modRevision, lease }: KeyValue): void {
  if (value.length !== 32 || version !== 1n || createRevision !== modRevision || lease !== 0n) {
    throw new Rewritten(
      `the arbiter's vote at height ${height} is not as a claim leaves it: someone rewrote it`,
    );
  }
}

function only<Kind extends keyof ResponseOp>(
  part: ResponseOp | undefined,
  kind: Kind,
): NonNullable<ResponseOp[Kind]> {
  const found = part && Object.keys(part);
  expectForm(
    found?.length === 1 && found[0] === kind,
    `${found?.join(" and ") || "nothing"} instead of ${kind}`,
  );
  return part![kind] as NonNullable<ResponseOp[Kind]>;
}

const expectPut = (part: ResponseOp | undefined): void => void only(part, "put");

/** The one row of a read; undefined if there is none. */
function rowOf({ kvs, more }: RangeResponse, key: Uint8Array): KeyValue | undefined {
  const [row] = kvs;
  expectForm(kvs.length <= 1 && more === 0, `${kvs.length} rows of one key`);
  expectForm(!row || equalBytes(row.key, key), `a row of key ${row && hex.encode(row.key)}`);
  return row;
}

function expectForm(isRight: boolean, found: string): asserts isRight {
  if (!isRight) throw new Misshapen(found);
}
