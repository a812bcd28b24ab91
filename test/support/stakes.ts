import * as fc from "fast-check";
import { utf8 } from "../../src/core/bytes.js";
import { TapstakeError } from "../../src/core/errors.js";
import { sha256 } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import type { StakeTerms } from "../../src/script/terms.js";

const known = new Map<number, Uint8Array>();

/** The x-only key of a number: the same number, the same key. */
export function keyOf(n: number): Uint8Array {
  const key = known.get(n) ?? publicKeyOf(sha256(utf8(`key ${n}`)));
  known.set(n, key);
  return key.slice();
}

/** `count` distinct keys; different `from` ranges do not overlap. */
export const keysOf = (count: number, from = 0): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => keyOf(from + i));

/** Terms of a size, whose keys are numbered: stakers from 0, providers after them, then the committee. */
export function termsOf(stakers: number, providers: number, members: number, quorum = 1): StakeTerms {
  const keys = keysOf(stakers + providers + members);
  return {
    staker: stakers === 1 ? keys[0]! : { keys: keys.slice(0, stakers), quorum: 1 },
    finalityProviders: keys.slice(stakers, stakers + providers),
    covenant: { keys: keys.slice(stakers + providers), quorum },
    timelock: 1000,
  };
}

interface Sizes {
  readonly stakers: number;
  readonly providers: number;
  readonly members: number;
}

/** Random terms, with up to so many keys of each role; a single staker is given as a plain key. */
export function anyTerms({ stakers, providers, members }: Sizes): fc.Arbitrary<StakeTerms> {
  const from = (max: number) => fc.integer({ min: 1, max });
  return fc
    .tuple(from(stakers), from(providers), from(members))
    .chain(([s, f, c]) =>
      fc.record({
        numbers: fc.uniqueArray(fc.nat(), { minLength: s + f + c, maxLength: s + f + c }),
        counts: fc.constant([s, f] as const),
        stakerQuorum: from(s),
        quorum: from(c),
        timelock: anyTimelock,
      }),
    )
    .map(({ numbers, counts: [s, f], stakerQuorum, quorum, timelock }) => {
      const keys = numbers.map(keyOf);
      return {
        staker: s === 1 ? keys[0]! : { keys: keys.slice(0, s), quorum: stakerQuorum },
        finalityProviders: keys.slice(s, s + f),
        covenant: { keys: keys.slice(s + f), quorum },
        timelock,
      };
    });
}

/** 1 to 65535, with the places where the encoding changes more often than chance would have them. */
export const anyTimelock: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 1, max: 65_535 }),
  fc.constantFrom(1, 16, 17, 127, 128, 255, 256, 32_767, 32_768, 65_535),
);

/** The code of the TapstakeError that `act` throws, or "no error". Anything else that it throws is thrown on. */
export function refusalOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof TapstakeError) return error.code;
    throw error;
  }
  return "no error";
}
