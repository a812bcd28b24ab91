import { describe, expect, it } from "vitest";
import { OP } from "../../src/bitcoin/opcodes.js";
import { hex } from "../../src/core/bytes.js";
import type { Network } from "../../src/core/network.js";
import { slashingChangeOutput, stakingOutput, unbondingOutput } from "../../src/script/outputs.js";
import { checkTerms, type KeySet, MAX_KEYS, type StakeTerms } from "../../src/script/terms.js";
import { keyOf, keysOf, refusalOf, termsOf } from "../support/stakes.js";

const good = termsOf(1, 2, 5, 3);
const staker = good.staker as Uint8Array;
const [provider] = good.finalityProviders as [Uint8Array];
const [member] = good.covenant.keys as [Uint8Array];
const two: KeySet = { keys: keysOf(2, 100), quorum: 1 };

/** What all builders say of the good terms with something changed; they must agree. */
function refusal(change: object): string {
  const terms = { ...good, ...change } as StakeTerms;
  const codes = [
    refusalOf(() => checkTerms(terms)),
    refusalOf(() => stakingOutput(terms, "regtest")),
    refusalOf(() => unbondingOutput(terms, 100, "regtest")),
  ];
  expect(new Set(codes).size).toBe(1);
  return codes[0]!;
}

const withCommittee = (change: object) => refusal({ covenant: { ...good.covenant, ...change } });

/** Bytes that look like a key and are invalid. */
const notKeys: [string, unknown][] = [
  ["an x without a point", hex.decode("eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34")],
  ["zero", new Uint8Array(32)],
  ["the field's prime", hex.decode(`${"ff".repeat(27)}fefffffc2f`)],
  ["31 bytes", keyOf(1).slice(1)],
  ["33 bytes, compressed", Uint8Array.of(2, ...keyOf(1))],
  ["no bytes", new Uint8Array(0)],
  ["hexadecimal text", hex.encode(keyOf(1))],
  ["an array of numbers", [...keyOf(1)]],
  ["undefined", undefined],
  ["null", null],
];

describe("terms", () => {
  it("are accepted when they keep every rule", () => {
    expect(refusal({})).toBe("no error");
    expect(refusal({ staker: two })).toBe("no error");
  });

  describe("with a key in two places", () => {
    it.each<[string, object]>([
      ["the staker is a finality provider", { finalityProviders: [provider, staker] }],
      ["the staker is in the committee", { covenant: { keys: [staker, member], quorum: 1 } }],
      ["a finality provider is in the committee", { covenant: { keys: [member, provider], quorum: 1 } }],
      ["a finality provider is named twice", { finalityProviders: [provider, provider] }],
      ["a member is named twice", { covenant: { keys: [member, keyOf(50), member], quorum: 2 } }],
      ["a staker is named twice", { staker: { keys: [staker, staker], quorum: 1 } }],
      ["one of several stakers is a finality provider", { staker: two, finalityProviders: [two.keys[1]!] }],
      [
        "one of several stakers is in the committee",
        { staker: two, covenant: { keys: [two.keys[0]!, member], quorum: 1 } },
      ],
      ["a copy of the bytes is no other key", { finalityProviders: [provider, provider.slice()] }],
      ["a Buffer of the bytes is no other key", { finalityProviders: [provider, Buffer.from(provider)] }],
    ])("are refused: %s", (_, change) => expect(refusal(change)).toBe("duplicate-key"));
  });

  describe("with a key that is not an x-only point", () => {
    it.each(notKeys)("are refused: %s", (_, key) => {
      expect(refusal({ finalityProviders: [key] })).toBe("invalid-public-key");
      expect(withCommittee({ keys: [member, key], quorum: 1 })).toBe("invalid-public-key");
      expect(refusal({ staker: { keys: [key], quorum: 1 } })).toBe("invalid-public-key");
    });

    it.each(notKeys.slice(0, 7))("are refused as the staker: %s", (_, key) =>
      expect(refusal({ staker: key })).toBe("invalid-public-key"),
    );
  });

  describe("with a role without keys", () => {
    it.each<[string, object]>([
      ["no finality provider", { finalityProviders: [] }],
      ["no list of finality providers", { finalityProviders: undefined }],
      ["one finality provider that is not in a list", { finalityProviders: provider }],
      ["no committee", { covenant: { keys: [], quorum: 1 } }],
      ["a committee with a quorum of 0", { covenant: { keys: [], quorum: 0 } }],
      ["no committee at all", { covenant: undefined }],
      ["no stakers", { staker: { keys: [], quorum: 1 } }],
      ["null as the staker", { staker: null }],
    ])("are refused: %s", (_, change) => expect(refusal(change)).toBe("no-keys"));
  });

  describe("with a quorum", () => {
    const wrong = [0, -1, 6, 2.5, NaN, Infinity, 2 ** 53, "3", 3n, null, undefined, Symbol("3")];
    it.each(wrong)("are refused outside 1 to the number of keys: %s of 5 members", (quorum) =>
      expect(withCommittee({ quorum })).toBe("invalid-quorum"),
    );
    it.each([0, 3, 1.5, NaN])("are refused outside 1 to the number of keys: %s of 2 stakers", (quorum) =>
      expect(refusal({ staker: { ...two, quorum } })).toBe("invalid-quorum"),
    );
    it.each([1, 2, 3, 4, 5])("are accepted: %s of 5", (quorum) =>
      expect(withCommittee({ quorum })).toBe("no error"),
    );
  });

  describe("with a time lock", () => {
    const wrong = [0, -1, 65_536, 1.5, NaN, Infinity, 2 ** 32, "1000", 1000n, null, undefined];
    it.each(wrong)("are refused outside 1 to 65535 blocks: %s", (time) => {
      expect(refusal({ timelock: time })).toBe("invalid-timelock");
      expect(refusalOf(() => unbondingOutput(good, time as number, "regtest"))).toBe("invalid-timelock");
      expect(refusalOf(() => slashingChangeOutput(staker, time as number, "regtest"))).toBe(
        "invalid-timelock",
      );
    });
    it.each([1, 65_535])("are accepted from 1 to 65535 blocks: %s", (timelock) =>
      expect(refusal({ timelock })).toBe("no error"),
    );
  });

  it.each(["bitcoin", "", "Mainnet", "__proto__", undefined, null, 0])(
    "are refused for the unknown network %s",
    (network) => {
      const name = network as Network;
      expect(refusalOf(() => stakingOutput(good, name))).toBe("invalid-network");
      expect(refusalOf(() => unbondingOutput(good, 100, name))).toBe("invalid-network");
      expect(refusalOf(() => slashingChangeOutput(staker, 100, name))).toBe("invalid-network");
    },
  );
});

describe("the stakers of a refund", () => {
  it.each<[string, unknown]>([
    ["invalid-public-key", hex.encode(staker)],
    ["invalid-public-key", new Uint8Array(33)],
    ["no-keys", { keys: [], quorum: 1 }],
    ["duplicate-key", { keys: [staker, staker], quorum: 1 }],
    ["invalid-quorum", { ...two, quorum: 3 }],
    ["too-many-keys", { keys: keysOf(MAX_KEYS + 1), quorum: 1 }],
  ])("are checked: %s", (code, wrong) =>
    expect(refusalOf(() => slashingChangeOutput(wrong as Uint8Array, 100, "regtest"))).toBe(code),
  );
});

describe("the number of keys", () => {
  it("is accepted from 1 to 25 members, and 100", () => {
    for (const members of [...Array.from({ length: 25 }, (_, i) => i + 1), 100]) {
      for (const quorum of new Set([1, Math.ceil(members / 2), members])) {
        const { unbonding } = stakingOutput(termsOf(1, 1, members, quorum), "regtest").leaves;
        expect(unbonding.script).toHaveLength(
          members === 1 ? 68 : 34 + 34 * members + (quorum <= 16 ? 1 : 2) + 1,
        );
      }
    }
  });

  it.each([
    [1, 1, 997],
    [1, 997, 1],
    [997, 1, 1],
    [1, 400, 598],
    [333, 333, 333],
  ])(
    "is accepted up to 999 in all roles together: %s + %s + %s, where the stack has 1000 elements",
    (s, f, c) => {
      const terms = termsOf(s, f, c);
      expect(refusalOf(() => checkTerms(terms))).toBe("no error");
      expect(deepestStack(stakingOutput(terms, "regtest").leaves.slashing.script, s + f + c)).toBe(1000);
    },
  );

  it.each([
    [2, 1, 997],
    [1, 2, 997],
    [1, 1, 998],
    [1, 1, 999],
    [1, 1000, 1],
    [334, 333, 333],
  ])("is refused above 999: %s + %s + %s", (s, f, c) =>
    expect(refusalOf(() => checkTerms(termsOf(s, f, c)))).toBe("too-many-keys"),
  );
});

/** The most elements on the stack while a leaf runs from one element for each key (BIP-342: at most 1000). */
function deepestStack(script: Uint8Array, slots: number): number {
  const change: Record<number, number> = {
    [OP.CHECKSIG]: -1,
    [OP.CHECKSIGVERIFY]: -2,
    [OP.CHECKSIGADD]: -2,
    [OP.NUMEQUAL]: -1,
    [OP.NUMEQUALVERIFY]: -2,
  };
  let [depth, deepest] = [slots, slots];
  for (let i = 0; i < script.length; i++) {
    const opcode = script[i]!;
    depth += change[opcode] ?? 1;
    deepest = Math.max(deepest, depth);
    if (opcode <= 75) i += opcode;
  }
  expect(depth).toBe(1);
  return deepest;
}
