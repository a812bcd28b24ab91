import { utf8 } from "../../core/bytes.js";
import type { KeyChain } from "../protection/key-chain.js";
import { type ArbiterKeys, heightText, type Seal, sealText } from "./keys.js";
import type { Compare, RequestOp, TxnRequest } from "./wire.js";

/** A vote that is claimed before it is signed. */
export interface ClaimedVote {
  readonly height: bigint;
  /** SHA-256 of the message. */
  readonly digest: Uint8Array;
}

/** All that a claim says. */
export interface Claim {
  readonly of: KeyChain;
  /** At most {@link MAX_CLAIMED}, at different heights. */
  readonly votes: readonly ClaimedVote[];
  readonly signer: string;
  /** The content of the store key that the signer enrolled with. */
  readonly store: string;
  /** The signer's seal as it last knew it, and as it becomes. */
  readonly last: Seal;
  readonly next: Seal;
}

/** Heights of one transaction: etcd takes 128 operations in each list, and needs room for nested ones. */
export const MAX_CLAIMED = 100;

/**
 * The transaction of a claim, the one place where it is built. It writes the digest of each vote at whose height there
 * is none, if the store, the signer's seal and the watermark are as the signer knows them and there is no halt.
 * Otherwise it reads all of these.
 */
export function claimTxn(keys: ArbiterKeys, claim: Claim): TxnRequest {
  const { of, votes, signer, store, last, next } = claim;
  const lowest = votes.map(({ height }) => height).reduce((a, b) => (a < b ? a : b));
  const compare = [
    valueIs(EQUAL, keys.store, store),
    valueIs(EQUAL, keys.seal(signer), sealText(last)),
    valueIs(LESS, keys.low(of), heightText(lowest)),
    isAbsent(keys.halt),
  ];
  const seal: RequestOp = { put: { key: keys.seal(signer), value: utf8(sealText(next)) } };
  const reads = [keys.store, keys.seal(signer), keys.low(of), keys.halt].map(read);
  const rows = votes.map(({ height, digest }) => ({ key: keys.vote(of, height), digest }));
  const failure = [...reads, ...rows.map(({ key }) => read(key))];
  const [one, ...others] = rows;
  if (others.length === 0) {
    const vote: RequestOp = { put: { key: one!.key, value: one!.digest } };
    return { compare: [...compare, isAbsent(one!.key)], success: [seal, vote], failure };
  }
  const each = rows.map(({ key, digest }): RequestOp => {
    return {
      txn: { compare: [isAbsent(key)], success: [{ put: { key, value: digest } }], failure: [read(key)] },
    };
  });
  return { compare, success: [seal, ...each], failure };
}

/** Reads what concerns a signer itself. It has no put, and is linearizable as its reads are. */
export const lookTxn = (keys: ArbiterKeys, signer: string): TxnRequest => ({
  compare: [],
  success: [keys.store, keys.seal(signer), keys.halt].map(read),
  failure: [],
});

/** Choices of etcd's `Compare`. */
const EQUAL = 0;
const LESS = 2;
const CREATE = 1;
const VALUE = 3;

export const isEqual = (key: Uint8Array, value: string): Compare => valueIs(EQUAL, key, value);
export const isLess = (key: Uint8Array, value: string): Compare => valueIs(LESS, key, value);

/** A deleted key is an absent one. */
export const isAbsent = (key: Uint8Array): Compare => ({
  result: EQUAL,
  target: CREATE,
  key,
  createRevision: 0n,
});

/** False for an absent key, whatever the value. */
const valueIs = (result: number, key: Uint8Array, value: string): Compare => ({
  result,
  target: VALUE,
  key,
  value: utf8(value),
});

export function read(key: Uint8Array): RequestOp {
  return { range: { key } };
}
