import { encodeHex } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { assertPublicKey } from "../core/keys.js";

/** A set of x-only keys (32 bytes each); `quorum` of them must sign. Their order does not matter. */
export interface KeySet {
  readonly keys: readonly Uint8Array[];
  readonly quorum: number;
}

/** What a stake is: who, with whom, and for how long. Everything that its scripts depend on. */
export interface StakeTerms {
  /** Who owns the coins: one x-only key, or M of N keys (PROTOCOL 2). */
  readonly staker: Uint8Array | KeySet;
  /** X-only EOTS keys. Any one of them that votes twice lets anyone slash the stake. */
  readonly finalityProviders: readonly Uint8Array[];
  /** The committee that co-signs unbonding and slashing. */
  readonly covenant: KeySet;
  /** How long the coins stay locked, in blocks: 1 to 65535. */
  readonly timelock: number;
}

/** The longest relative lock of BIP-68 in blocks. */
export const MAX_TIMELOCK = 65_535;

/**
 * The most keys of a stake, over all roles. The slashing leaf starts with one stack element for each key and pushes one
 * key on top. A stack holds at most 1000 elements (BIP-342): with one key more, the leaf can never be spent.
 * rust-miniscript counts one element more, so it parses descriptors of at most 998 keys.
 */
export const MAX_KEYS = 999;

/**
 * The stakers as a key set, unchecked; a single staker is 1 of 1.
 * @throws TapstakeError `invalid-public-key` when it is neither bytes nor an object: hexadecimal text, say
 */
export function stakerKeys(staker: Uint8Array | KeySet): KeySet {
  if (staker instanceof Uint8Array) return { keys: [staker], quorum: 1 };
  if (typeof staker !== "object") assertPublicKey(staker, "staker");
  return staker;
}

/**
 * The first rule of everything: terms from which safe scripts can be made (PROTOCOL 2).
 * @throws TapstakeError `invalid-public-key`, `duplicate-key`, `no-keys`, `too-many-keys`, `invalid-quorum`,
 * `invalid-timelock`
 */
export function checkTerms(terms: StakeTerms): void {
  if (typeof terms !== "object" || terms === null) {
    throw new TapstakeError("no-keys", `the terms of a stake must be an object, not ${describeType(terms)}`);
  }
  const staker = stakerKeys(terms.staker);
  const finalityProviders = anyOf(terms.finalityProviders);
  checkKeySet(staker, "staker");
  checkKeySet(finalityProviders, "finality provider");
  checkKeySet(terms.covenant, "covenant");
  checkTimelock(terms.timelock, "timelock");
  checkRoles([staker, finalityProviders, terms.covenant]);
}

declare const checked: unique symbol;

/** Terms that were checked, in a copy that no caller holds: what is built from them needs no other check. */
export type CheckedTerms = StakeTerms & { readonly [checked]: true };

/**
 * Checks terms once for everything that is built from them. A caller may change its own afterwards.
 * @throws TapstakeError the codes of {@link checkTerms}
 */
export function checkedTerms(terms: StakeTerms): CheckedTerms {
  checkTerms(terms);
  const { staker, finalityProviders, covenant, timelock } = terms;
  const copy: StakeTerms = {
    staker: staker instanceof Uint8Array ? new Uint8Array(staker) : copyKeySet(staker),
    finalityProviders: copyKeys(finalityProviders),
    covenant: copyKeySet(covenant),
    timelock,
  };
  return copy as CheckedTerms;
}

export const copyKeySet = ({ keys, quorum }: KeySet): KeySet => ({ keys: copyKeys(keys), quorum });

const copyKeys = (keys: readonly Uint8Array[]): Uint8Array[] => keys.map((key) => new Uint8Array(key));

/**
 * The rules across the key sets of one script: no key in two roles, and not more keys than can be spent.
 * @throws TapstakeError `too-many-keys`, `duplicate-key`
 */
export function checkRoles(sets: readonly KeySet[]): void {
  const keys = sets.flatMap((set) => set.keys);
  checkCount(keys.length, "all roles together");
  // A key in two roles could sign for both: an FP in the committee would finish its own adaptor signature.
  checkDistinct(keys);
}

/** A key set with a quorum of 1: the finality providers of a stake. */
export const anyOf = (keys: readonly Uint8Array[]): KeySet => ({ keys, quorum: 1 });

/** @throws TapstakeError `no-keys`, `too-many-keys`, `invalid-public-key`, `duplicate-key`, `invalid-quorum` */
export function checkKeySet(set: KeySet, role: string): void {
  if (!Array.isArray(set?.keys)) {
    throw new TapstakeError("no-keys", `${role} needs a list of keys, not ${describeType(set?.keys)}`);
  }
  const { keys, quorum } = set;
  if (keys.length === 0) throw new TapstakeError("no-keys", `${role} has no key: give at least one`);
  checkCount(keys.length, role);
  for (const [i, key] of keys.entries()) assertPublicKey(key, `${role} key ${i}`);
  checkDistinct(keys);
  if (!Number.isSafeInteger(quorum) || quorum < 1 || quorum > keys.length) {
    const got = typeof quorum === "number" ? String(quorum) : describeType(quorum);
    throw new TapstakeError("invalid-quorum", `${role} needs a quorum from 1 to ${keys.length}, not ${got}`, {
      keys: keys.length,
    });
  }
}

/** @throws TapstakeError `invalid-timelock` unless `blocks` is an integer from 1 to 65535 */
export function checkTimelock(blocks: number, name: string): void {
  if (!Number.isSafeInteger(blocks) || blocks < 1 || blocks > MAX_TIMELOCK) {
    const got = typeof blocks === "number" ? String(blocks) : describeType(blocks);
    const remedy = typeof blocks === "bigint" || typeof blocks === "string" ? "; give a number" : "";
    const text = `${name} must be 1 to ${MAX_TIMELOCK} blocks, not ${got}${remedy}`;
    throw new TapstakeError("invalid-timelock", text);
  }
}

function checkCount(count: number, role: string): void {
  if (count > MAX_KEYS) {
    throw new TapstakeError("too-many-keys", `${role} may have ${MAX_KEYS} keys at most, not ${count}`, {
      count,
    });
  }
}

function checkDistinct(keys: readonly Uint8Array[]): void {
  const seen = new Set<string>();
  for (const key of keys) {
    const text = encodeHex(key);
    if (seen.has(text)) {
      throw new TapstakeError("duplicate-key", `key ${text} is in two places of the same stake`, {
        key: text,
      });
    }
    seen.add(text);
  }
}
