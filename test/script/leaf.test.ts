import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { compareBytes, concatBytes, equalBytes, hex } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { LEAF_KINDS, leafScript, type LeafTerms, parseLeaf, policyOf } from "../../src/script/leaf.js";
import { stakingOutput, unbondingOutput } from "../../src/script/outputs.js";
import { type KeySet, MAX_KEYS } from "../../src/script/terms.js";
import { runs } from "../support/runs.js";
import { anyTerms, anyTimelock, keyOf, keysOf, refusalOf, termsOf } from "../support/stakes.js";

const sizes = { stakers: 3, providers: 3, members: 6 };
const anyLeaf = fc
  .tuple(anyTerms(sizes), anyTimelock)
  .chain(([terms, time]) =>
    fc.constantFrom(
      ...Object.values(stakingOutput(terms, "regtest").leaves),
      ...Object.values(unbondingOutput(terms, time, "regtest").leaves),
    ),
  );

const one = (n: number): KeySet => ({ keys: [keyOf(n)], quorum: 1 });
const refusalOfHex = (script: string) => refusalOf(() => parseLeaf(hex.decode(script)));

const rebuild = (terms: LeafTerms): Uint8Array => leafScript(policyOf(terms));

/** What parsing makes of any bytes: must be a refusal, or terms that say exactly them. */
function verdict(script: Uint8Array): string {
  let terms: LeafTerms | undefined;
  const refusal = refusalOf(() => {
    terms = parseLeaf(script);
  });
  if (!terms) return refusal;
  return equalBytes(rebuild(terms), script) ? "exact" : "terms of another script";
}

const sound = ["invalid-script", "exact"];

describe("a kind of leaf", () => {
  it("differs from every other in its number of signers or its lock, by which scripts are recognised", () => {
    const shapes = Object.values(LEAF_KINDS).map(({ signers, locked }) => `${signers.length} ${locked}`);
    expect(new Set(shapes).size).toBe(shapes.length);
  });
});

describe("a policy", () => {
  it("copies its keys, in ascending order", () => {
    const keys = keysOf(5).toSorted(compareBytes).toReversed();
    const { signers } = policyOf({ kind: "unbonding", staker: one(9), covenant: { keys, quorum: 3 } });
    const ascending = keys.toReversed().map((key) => Uint8Array.from(key));
    for (const key of keys) key.fill(0);
    expect(signers).toEqual([one(9), { keys: ascending, quorum: 3 }]);
  });
});

describe("parseLeaf", () => {
  it("reads the policy back that the leaf was built from", () => {
    fc.assert(
      fc.property(anyLeaf, (leaf) => {
        const { kind, script, signers } = leaf;
        const timelock = "timelock" in leaf ? leaf.timelock : undefined;
        const [staker, second, third] = signers;
        const expected = {
          timelock: { staker, timelock },
          unbonding: { staker, covenant: second },
          slashing: { staker, finalityProviders: second?.keys, covenant: third },
        }[kind];
        expect(parseLeaf(script)).toEqual({ kind, ...expected });
      }),
      { numRuns: runs(100) },
    );
  });

  it("reads a leaf with the most keys, and refuses one key more", () => {
    const { script } = stakingOutput(termsOf(1, 400, MAX_KEYS - 401, 300), "regtest").leaves.slashing;
    expect(parseLeaf(script).kind).toBe("slashing");
    const { keys } = termsOf(1, 1, MAX_KEYS - 1).covenant;
    const covenant = { keys, quorum: 1 };
    const tooMany = rebuild({
      kind: "slashing",
      staker: one(-1),
      finalityProviders: [keyOf(-2)],
      covenant,
    });
    expect(refusalOf(() => parseLeaf(tooMany))).toBe("invalid-script");
  });

  it("refuses or reads exactly with any one byte changed", () => {
    fc.assert(
      fc.property(anyLeaf, fc.nat(), fc.integer({ min: 1, max: 255 }), ({ script }, at, change) => {
        const changed = Uint8Array.from(script);
        changed[at % script.length]! ^= change;
        expect(sound).toContain(verdict(changed));
      }),
      { numRuns: runs(1000) },
    );
  });

  it("refuses or reads exactly with bytes cut, inserted or moved", () => {
    fc.assert(
      fc.property(anyLeaf, fc.nat(), fc.nat(), fc.uint8Array({ maxLength: 40 }), ({ script }, a, b, put) => {
        const [from, to] = [a % (script.length + 1), b % (script.length + 1)];
        expect(sound).toContain(verdict(script.slice(0, from)));
        expect(sound).toContain(verdict(script.slice(from)));
        expect(sound).toContain(verdict(concatBytes(script.slice(0, from), put, script.slice(from))));
        expect(sound).toContain(verdict(concatBytes(script.slice(0, from), script.slice(to))));
        expect(sound).toContain(verdict(concatBytes(script, script.slice(from))));
      }),
      { numRuns: runs(300) },
    );
  });

  it("refuses or reads exactly any sequence of the known opcodes", () => {
    const word = fc.oneof(
      fc.nat(3).map((n) => concatBytes(Uint8Array.of(0x20), keyOf(n))),
      fc
        .constantFrom(0, 0x4f, 0x51, 0x52, 0x60, 0xac, 0xac, 0xad, 0xad, 0xba, 0xba, 0x9c, 0x9d, 0xb2, 0x69)
        .map((opcode) => Uint8Array.of(opcode)),
      fc.uint8Array({ minLength: 1, maxLength: 3 }).map((n) => concatBytes(Uint8Array.of(n.length), n)),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (words) => {
        expect(sound).toContain(verdict(concatBytes(...words)));
      }),
      { numRuns: runs(2000) },
    );
  });

  it("refuses or reads exactly any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (script) => {
        expect(sound).toContain(verdict(script));
      }),
      { numRuns: runs(1000) },
    );
  });

  const [k1, k2, k3] = keysOf(3).map(hex.encode).sort() as [string, string, string];
  it.each([
    ["nothing", ""],
    ["only a staker", `20${k1}ad`],
    ["only a lock", "51b2"],
    ["a lock of 0", `20${k1}ad00b2`],
    ["a lock of 65536", `20${k1}ad03000001b2`],
    ["a negative lock", `20${k1}ad0181b2`],
    ["a lock that is not minimal", `20${k1}ad0110b2`],
    ["a lock that is not minimal by one zero", `20${k1}ad021100b2`],
    ["a lock behind PUSHDATA1", `20${k1}ad4c0111b2`],
    ["a lock and then more", `20${k1}ad51b275`],
    ["a key behind PUSHDATA1", `4c20${k1}ad51b2`],
    ["a key of 33 bytes", `2102${k1}ad51b2`],
    ["a key that is no point", `20${"00".repeat(32)}ad51b2`],
    ["a quorum of 0", `20${k1}ad20${k2}ac20${k3}ba009c`],
    ["a quorum above the keys", `20${k1}ad20${k2}ac20${k3}ba539c`],
    ["keys in descending order", `20${k1}ad20${k3}ac20${k2}ba519c`],
    ["one key with a count", `20${k1}ad20${k2}ac519c`],
    ["two finality providers of whom both must sign", `20${k1}ad20${k2}ac20${k3}ba529d20${k1}ac`],
    ["a verifying end", `20${k1}ad20${k2}ad`],
    ["the staker in the committee", `20${k1}ad20${k1}ac`],
    ["the provider in the committee", `20${k1}ad20${k2}ad20${k2}ac`],
    ["four groups", `20${k1}ad20${k2}ad20${k3}ad20${hex.encode(keyOf(9))}ac`],
  ])("refuses %s", (_, script) => expect(refusalOfHex(script)).toBe("invalid-script"));

  it.each<[unknown]>([[undefined], [null], ["20"], [[0x20]], [7]])("refuses what is not bytes: %s", (value) =>
    expect(refusalOf(() => parseLeaf(value as Uint8Array))).toBe("invalid-bytes"),
  );

  it("stops early at a script of a hundred thousand keys", () => {
    const check = vi.spyOn(curve, "isXOnlyPoint");
    const group = concatBytes(Uint8Array.of(0x20), keyOf(1), Uint8Array.of(0xad));
    const script = new Uint8Array(group.length * 100_000);
    for (let at = 0; at < script.length; at += group.length) script.set(group, at);

    expect(verdict(script)).toBe("invalid-script");
    expect(check.mock.calls.length).toBeLessThanOrEqual(3);
    check.mockRestore();
  });

  it("shares no memory with the caller's buffer", () => {
    const script = Buffer.from(rebuild({ kind: "unbonding", staker: one(1), covenant: one(2) }));
    const terms = parseLeaf(script);
    script.fill(0);
    expect(terms.staker.keys).toEqual([keyOf(1)]);
    expect(terms.staker.keys[0]).not.toBeInstanceOf(Buffer);
  });
});
