import { createRequire } from "node:module";
import type * as WasmUtxo from "@bitgo/wasm-utxo";
import { Psbt as BitcoinJsPsbt } from "bitcoinjs-lib";
import { describe, expect, it } from "vitest";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { concatBytes, hex } from "../../src/core/bytes.js";
import { Psbt } from "../../src/psbt/psbt.js";
import { parsePsbt } from "../../src/psbt/read.js";
import { writeMap } from "../../src/psbt/v2.js";
import { refusal } from "../support/refusal.js";

const wasm = createRequire(import.meta.url)("@bitgo/wasm-utxo") as typeof WasmUtxo;

const transaction = () => {
  const made = new Transaction();
  made.version = 2;
  made.addInput(new Uint8Array(32).fill(1), 0);
  made.addOutput(hex.decode("51"), 5_000n);
  return made;
};

type Pair = readonly [key: string, value: string];

/** A PSBT with these pairs in its maps, written without the code under test's tables. */
function psbtOf({ globals = [], input = [], output = [] }: Partial<Record<string, readonly Pair[]>>) {
  const map = (pairs: readonly Pair[]) =>
    writeMap(pairs.map(([key, value]) => ({ key: hex.decode(key), value: hex.decode(value) })));
  return concatBytes(
    hex.decode("70736274ff"),
    map([["00", transaction().toHex()], ...globals]),
    map(input),
    map(output),
  );
}

const key32 = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
const controlBlock = (steps: number) => `c0${key32}${"22".repeat(32 * steps)}`;
const leaf = (depth: number, version = "c0") => `${depth.toString(16).padStart(2, "0")}${version}0151`;

describe("a control block in a PSBT", () => {
  it.each([0, 1, 128])("has %i hashes", (steps) => {
    const bytes = psbtOf({ input: [[`15${controlBlock(steps)}`, "51c0"]] });
    expect(parsePsbt(bytes).data.inputs[0]!.tapLeafScript).toHaveLength(1);
    expect(() => wasm.Psbt.deserialize(bytes)).not.toThrow();
  });

  it.each([
    ["a byte alone", "c0"],
    ["129 hashes", controlBlock(129)],
    ["half a hash", `${controlBlock(1)}${"22".repeat(16)}`],
  ])("is refused of %s", (_, block) => {
    const bytes = psbtOf({ input: [[`15${block}`, "51c0"]] });
    refusal("invalid-psbt", () => parsePsbt(bytes));
    expect(() => wasm.Psbt.deserialize(bytes)).toThrow(Error);
  });
});

describe("a tree in a PSBT", () => {
  it.each([[[0]], [[1, 1]], [[1, 2, 2]], [[2, 2, 1]], [[2, 2, 2, 2]], [[1, 3, 3, 2]], [deepest()]])(
    "has leaves at %j",
    (depths) => {
      const bytes = psbtOf({ output: [["06", depths.map((depth) => leaf(depth)).join("")]] });
      const psbt = parsePsbt(bytes);
      expect(psbt.data.outputs[0]!.tapTree!.leaves.map(({ depth }) => depth)).toEqual(depths);
      expect(psbt.toHex()).toBe(hex.encode(bytes));
      expect(() => wasm.Psbt.deserialize(bytes)).not.toThrow();
    },
  );

  it.each([
    ["no leaf", ""],
    ["a branch alone", leaf(1)],
    ["a leaf beside the root", leaf(0) + leaf(0)],
    ["three halves", leaf(1) + leaf(1) + leaf(1)],
    ["a right branch that is too high", leaf(2) + leaf(1)],
    ["a tree that is not whole", leaf(1) + leaf(2)],
    ["a leaf at 129", [...deepest().slice(0, -2), 128, 129, 129].map((depth) => leaf(depth)).join("")],
    ["a leaf version that is odd", leaf(0, "c1")],
    ["half a leaf", leaf(0).slice(0, -2)],
  ])("is refused of %s", (_, tree) => {
    const bytes = psbtOf({ output: [["06", tree]] });
    refusal("invalid-psbt", () => parsePsbt(bytes));
    expect(() => wasm.Psbt.deserialize(bytes)).toThrow(Error);
  });

  it("is not written either, unless it is one", () => {
    const psbt = new Psbt(transaction());
    const script = Uint8Array.of(0x51);
    for (const depth of [1, 256]) {
      expect(() =>
        psbt.updateOutput(0, { tapTree: { leaves: [{ depth, leafVersion: 0xc0, script }] } }),
      ).toThrow(RangeError);
    }
  });

  /** One leaf at each depth, two at the last. */
  function deepest() {
    return [...Array.from({ length: 128 }, (_, i) => i + 1), 128];
  }
});

describe("a key in a PSBT", () => {
  const maps = ["globals", "input", "output"] as const;
  /** Types of one, three, five and nine bytes, the last and the first of each. */
  const types = [
    "fc",
    "fdfd00",
    "fdffff",
    "fe00000100",
    "feffffffff",
    "ff0000000001000000",
    "ffffffffffffffffff",
  ];

  it.each(maps)("of any type that has no name stays, in the map of the %s", (map) => {
    const pairs = types.flatMap((type): Pair[] => [
      [type, "01"],
      [`${type}0a`, "02"],
    ]);
    const bytes = psbtOf({ [map]: pairs });
    expect(parsePsbt(bytes).toHex()).toBe(BitcoinJsPsbt.fromBuffer(bytes).toHex());
  });

  it.each([
    "fd",
    "fd00",
    "fd0000",
    "fdfc00",
    "fd1300",
    "fe00000000",
    "feffff0000",
    "ff00000000",
    `ff${"ff".repeat(4)}00000000`,
  ])("is refused whose type is not in its shortest form: %s", (type) => {
    for (const map of maps) refusal("invalid-psbt", () => parsePsbt(psbtOf({ [map]: [[type, "01"]] })));
  });

  it("is refused twice, with a name or without", () => {
    for (const key of ["fc01", "0a", `15${controlBlock(0)}`, "17"]) {
      const value = key === "17" ? key32 : "51c0";
      refusal("invalid-psbt", () =>
        parsePsbt(
          psbtOf({
            input: [
              [key, value],
              [key, value],
            ],
          }),
        ),
      );
    }
  });

  it.each([
    ["globals", "0201"],
    ["globals", "fb01"],
    ["input", "0e01"],
    ["output", "0301"],
  ])("of version 2 is refused with more than its type: %s %s", (map, key) => {
    refusal("invalid-psbt", () => parsePsbt(psbtOf({ [map]: [[key, "00000000"]] })));
  });

  it("is not empty, nor written twice", () => {
    const psbt = new Psbt(transaction());
    const value = Uint8Array.of(1);
    expect(() => psbt.addUnknownKeyValToGlobal({ key: new Uint8Array(0), value })).toThrow(RangeError);
    const [empty, once] = [new Uint8Array(0), Uint8Array.of(0xfc)].map((key) => ({ key, value }));
    for (const list of [[empty!], [once!, once!]]) {
      psbt.data.inputs[0]!.unknownKeyVals = list;
      expect(() => psbt.toBuffer()).toThrow(RangeError);
    }
  });
});

it.each([
  ["below 0", "ffffffffffffffff"],
  ["of 2^63", "0000000000000080"],
  ["above all bitcoin", "0140075af0750700"],
])("a coin in a PSBT has no value %s", (_, value) => {
  refusal("invalid-psbt", () => parsePsbt(psbtOf({ input: [["01", `${value}0151`]] })));
});

describe("a field that is added to a PSBT", () => {
  it("is refused without a value", () => {
    const psbt = new Psbt(transaction());
    for (const field of ["tapInternalKey", "tapLeafScript", "partialSig"]) {
      expect(() => psbt.updateInput(0, { [field]: undefined })).toThrow(RangeError);
    }
    expect(psbt.data.inputs[0]).toEqual({});
  });

  it("is left out where its name is one that every object has", () => {
    const psbt = new Psbt(transaction());
    for (const name of ["constructor", "toString", "__proto__"]) {
      psbt.updateInput(0, JSON.parse(`{"${name}":[{}]}`) as object);
    }
    expect(psbt.toHex()).toBe(new Psbt(transaction()).toHex());
  });

  it("is refused when it is text", () => {
    const psbt = new Psbt(transaction());
    psbt.updateInput(0, { redeemScript: "0014" as never });
    expect(() => psbt.toBuffer()).toThrow("must be a Uint8Array");
  });
});
