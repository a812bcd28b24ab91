import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes, equalBytes, hex } from "../../src/core/bytes.js";
import {
  decodeOpReturn,
  encodeOpReturn,
  findOpReturn,
  type StakeOpReturn,
} from "../../src/script/op-return.js";
import { stakingOutput } from "../../src/script/outputs.js";
import { runs } from "../support/runs.js";
import { anyTimelock, keyOf, refusalOf, termsOf } from "../support/stakes.js";

const data: StakeOpReturn = {
  tag: Uint8Array.of(0x62, 0x62, 0x6e, 0x31),
  staker: keyOf(1),
  finalityProvider: keyOf(2),
  timelock: 64_000,
};
const script = encodeOpReturn(data);

const withByte = (at: number, value: number) => {
  const copy = Uint8Array.from(script);
  copy[at] = value;
  return copy;
};

describe("an OP_RETURN", () => {
  it("has the layout of PROTOCOL 3, 73 bytes", () => {
    const [staker, provider] = [keyOf(1), keyOf(2)].map(hex.encode);
    expect(hex.encode(script)).toBe(`6a4762626e3100${staker}${provider}fa00`);
    expect(script).toHaveLength(73);
  });

  it("is read back as it was written", () => {
    const anyData = fc.record({
      tag: fc.uint8Array({ minLength: 4, maxLength: 4 }),
      staker: fc.nat().map(keyOf),
      finalityProvider: fc.nat().map(keyOf),
      timelock: anyTimelock,
    });
    fc.assert(
      fc.property(anyData, (given) => {
        expect(decodeOpReturn(encodeOpReturn(given))).toEqual(given);
      }),
      { numRuns: runs(100) },
    );
  });

  it.each<[string, Partial<Record<keyof StakeOpReturn, unknown>>]>([
    ["invalid-bytes", { tag: new Uint8Array(3) }],
    ["invalid-bytes", { tag: new Uint8Array(5) }],
    ["invalid-bytes", { tag: "bbn1" }],
    ["invalid-public-key", { staker: new Uint8Array(32) }],
    ["invalid-public-key", { staker: hex.encode(keyOf(1)) }],
    ["invalid-public-key", { finalityProvider: new Uint8Array(33) }],
    ["invalid-timelock", { timelock: 0 }],
    ["invalid-timelock", { timelock: 65_536 }],
    ["invalid-timelock", { timelock: 1.5 }],
  ])("is refused when written: %s", (code, change) =>
    expect(refusalOf(() => encodeOpReturn({ ...data, ...change } as StakeOpReturn))).toBe(code),
  );

  it.each<[string, Uint8Array]>([
    ["no bytes", new Uint8Array(0)],
    ["one byte less", script.slice(0, -1)],
    ["one byte more", concatBytes(script, Uint8Array.of(0))],
    ["another opcode", withByte(0, 0x51)],
    ["another length", withByte(1, 0x46)],
    ["PUSHDATA1", concatBytes(Uint8Array.of(0x6a, 0x4c), script.slice(1))],
    ["version 1", withByte(6, 1)],
    ["a staker that is no point", concatBytes(script.slice(0, 7), new Uint8Array(32), script.slice(39))],
    ["a provider that is no point", concatBytes(script.slice(0, 39), new Uint8Array(32), script.slice(71))],
    ["a time of 0", concatBytes(script.slice(0, 71), new Uint8Array(2))],
  ])("is refused when read: %s", (_, wrong) => {
    expect(refusalOf(() => decodeOpReturn(wrong))).toBe("invalid-op-return");
    expect(findOpReturn([wrong])).toBeNull();
  });

  it.each<unknown>([undefined, null, "6a47", 7])("is refused when read from %s", (wrong) => {
    expect(refusalOf(() => decodeOpReturn(wrong as Uint8Array))).toBe("invalid-bytes");
    expect(refusalOf(() => findOpReturn([wrong as Uint8Array]))).toBe("invalid-bytes");
  });

  it("is refused or has exactly its bytes, with anything changed", () => {
    const anyScript = fc.oneof(
      fc.tuple(fc.nat(72), fc.nat(255)).map(([at, value]) => withByte(at, value)),
      fc.uint8Array({ maxLength: 80 }),
      fc.uint8Array({ minLength: 66, maxLength: 66 }).map((rest) => concatBytes(script.slice(0, 7), rest)),
    );
    fc.assert(
      fc.property(anyScript, (changed) => {
        const found = findOpReturn([changed]);
        const sound = found
          ? equalBytes(encodeOpReturn(found.data), changed)
          : refusalOf(() => decodeOpReturn(changed)) === "invalid-op-return";
        expect(sound).toBe(true);
      }),
      { numRuns: runs(2000) },
    );
  });

  it("shares no memory with what it was read from", () => {
    const buffer = Buffer.from(script);
    const read = decodeOpReturn(buffer);
    buffer.fill(0);
    expect(read).toEqual(data);
  });
});

describe("findOpReturn", () => {
  const foreign = [
    Uint8Array.of(0x6a),
    concatBytes(Uint8Array.of(0x6a, 0x24), Uint8Array.of(0xaa, 0x21, 0xa9, 0xed), new Uint8Array(32)),
    concatBytes(Uint8Array.of(0x6a, 0x4c, 0x50), new Uint8Array(80)),
    stakingOutput(termsOf(1, 1, 3, 2), "mainnet").script,
  ];

  it("skips other outputs, and gives the index", () => {
    expect(findOpReturn([])).toBeNull();
    expect(findOpReturn(foreign)).toBeNull();
    expect(findOpReturn([...foreign, script])).toEqual({ index: foreign.length, data });
    expect(findOpReturn([script, ...foreign])).toEqual({ index: 0, data });
  });

  it("refuses two announcements, equal or not, of any tag", () => {
    const other = encodeOpReturn({ ...data, tag: new Uint8Array(4), timelock: 1 });
    expect(refusalOf(() => findOpReturn([script, script]))).toBe("multiple-op-returns");
    expect(refusalOf(() => findOpReturn([script, ...foreign, other]))).toBe("multiple-op-returns");
  });

  it("counts one of time 0, which announces nothing alone, and none whose keys are no points", () => {
    const never = Uint8Array.of(...script.subarray(0, 71), 0, 0);
    expect(refusalOf(() => decodeOpReturn(never))).toBe("invalid-op-return");
    expect(findOpReturn([never])).toBeNull();
    for (const scripts of [
      [never, script],
      [script, never],
      [never, never],
    ]) {
      expect(refusalOf(() => findOpReturn(scripts))).toBe("multiple-op-returns");
    }
    const keyless = script.map((byte, i) => (i >= 7 && i < 39 ? 0 : byte));
    expect(findOpReturn([keyless, script])).toEqual({ index: 1, data });
  });
});
