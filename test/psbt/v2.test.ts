import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compactSize, concatBytes, hex, u64be } from "../../src/core/bytes.js";
import { parsePsbt } from "../../src/psbt/read.js";
import { signaturesFromPsbt } from "../../src/psbt/signatures.js";
import { spendPsbt } from "../../src/psbt/write.js";
import { finishSpend, type LeafSpend } from "../../src/spending/spend.js";
import { executes } from "../support/interpreter.js";
import { anyLife, lifeOf, paramsFor, PATHS, signEnough, termsOf } from "../support/lives.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";

/** The example of BIP-370 with the required fields only, and what each example puts where. */
const INPUT = "010e200b0ad921419c1c8719735d72dc739f9ea9e0638d1fe4c1eef0f9944084815fc8010f0400000000";
const OUTPUTS =
  "00" +
  "0103080008af2f000000000104160014c430f64c4756da310dbd1a085572ef299926272c00" +
  "0103088bbdeb0b0000000001041600144dd193ac964a56ac1b9e1cca8454fe2f474f851300";
const example = ({ global = "", input = "", version = "01020402000000", number = "01fb0402000000" } = {}) =>
  hex.decode(`70736274ff${version}${global}0104010101050102${number}00${INPUT}${input}${OUTPUTS}`);

describe("a PSBT of version 2 (BIP-370)", () => {
  it("is read as the transaction of its parts: the example with the required fields", () => {
    const psbt = parsePsbt(example());
    expect([psbt.version, psbt.locktime]).toEqual([2, 0]);
    expect(psbt.txInputs).toEqual([
      {
        hash: hex.decode("0b0ad921419c1c8719735d72dc739f9ea9e0638d1fe4c1eef0f9944084815fc8"),
        index: 0,
        sequence: 0xffff_ffff,
      },
    ]);
    expect(psbt.txOutputs.map(({ script, value }) => [hex.encode(script), value])).toEqual([
      ["0014c430f64c4756da310dbd1a085572ef299926272c", 800_000_000n],
      ["00144dd193ac964a56ac1b9e1cca8454fe2f474f8513", 199_998_859n],
    ]);
  });

  it("keeps its other fields: the example with all fields of the version", () => {
    const psbt = parsePsbt(
      hex.decode(
        "70736274ff010204020000000103040000000001040101010501020106010701fb0402000000000100520200000001c1aa256e214b96a1822f93de42bff3b5f3ff8d0519306e3515d7515a5e805b120000000000ffffffff0118c69a3b00000000160014b0a3af144208412693ca7d166852b52db0aef06e0000000001011f18c69a3b00000000160014b0a3af144208412693ca7d166852b52db0aef06e010e200b0ad921419c1c8719735d72dc739f9ea9e0638d1fe4c1eef0f9944084815fc8010f0400000000011004feffffff0111048c8dc4620112041027000000220202d601f84846a6755f776be00e3d9de8fb10acc935fb83c45fb0162d4cad5ab79218f69d873e540000800100008000000080000000002a0000000103080008af2f000000000104160014c430f64c4756da310dbd1a085572ef299926272c00220202e36fbff53dd534070cf8fd396614680f357a9b85db7340bf1cfa745d2ad7b34018f69d873e54000080010000800000008001000000640000000103088bbdeb0b0000000001041600144dd193ac964a56ac1b9e1cca8454fe2f474f851300",
      ),
    );
    expect(psbt.locktime).toBe(10_000);
    expect(psbt.txInputs[0]!.sequence).toBe(0xffff_fffe);
    expect(psbt.data.inputs[0]!.witnessUtxo?.value).toBe(999_999_000n);
    expect(psbt.data.outputs.map(({ bip32Derivation }) => bip32Derivation?.[0]?.path)).toEqual([
      "m/84'/1'/0'/0/42",
      "m/84'/1'/0'/1/100",
    ]);
  });

  // BIP-370, "the timelock determination algorithm": what stands in the two inputs, and what follows.
  const locks = (first: string, second: string) =>
    hex.decode(
      "70736274ff0102040200000001030400000000010401020105010101fb040200000000010e200f758dbfbd4da7c16c8a3309c3c81e1100f561ea646db5b01752c485e1bdde9f010f0401000000" +
        `${first}00010e203a1b3b3c837d6489ea7a31d8e6c7dd503c001bef3e06958e7574808d68ca78a5010f0400000000${second}00` +
        "0103084f9335770000000001041600140b1352cacd03cf6aa1b7f3c8d6388671b34a5e1100",
    );
  const [h10000, h9000] = ["01120410270000", "01120428230000"] as const;
  const [t59, t60] = ["0111048b8dc462", "0111048c8dc462"] as const;
  it.each([
    ["none", "", "", 0],
    ["a height", h10000, "", 10_000],
    ["two heights", h10000, h9000, 10_000],
    ["a height, and both", h10000, t60 + h9000, 10_000],
    ["both twice", t59 + h10000, t60 + h9000, 10_000],
    ["a time, and both", t59, t60 + h9000, 1_657_048_460],
    ["both, and a time", t59 + h10000, t60, 1_657_048_460],
    ["a time", "", t60, 1_657_048_460],
  ])("has the lock time that its inputs require: %s", (_, first, second, expected) => {
    expect(parsePsbt(locks(first, second)).locktime).toBe(expected);
  });

  it.each([
    ["locks by height and by time", locks(h10000, t60)],
    ["a height of 0", locks("01120400000000", "")],
    ["a height that is a time", locks("0112040065cd1d", "")],
    ["a time that is a height", locks("011104ff64cd1d", "")],
    ["no transaction version", example({ version: "" })],
    ["a transaction version of 3 bytes", example({ version: "010203020000" })],
    ["version 1", example({ number: "01fb0401000000" })],
    ["version 3", example({ number: "01fb0403000000" })],
    ["its version twice", example({ number: "01fb040200000001fb0402000000" })],
    ["an unsigned transaction too", example({ global: "01000102" })],
    ["its previous output twice", example({ input: "010f0401000000" })],
    ["bytes behind the end", concatBytes(example(), Uint8Array.of(0))],
    ["another number of inputs", hex.decode(hex.encode(example()).replace("01040101", "01040102"))],
    ["no inputs", hex.decode(hex.encode(example()).replace("01040101", "01040100"))],
    ["millions of inputs", hex.decode(hex.encode(example()).replace("01040101", "010405feffffff00"))],
    ["a count with more behind", hex.decode(hex.encode(example()).replace("01040101", "0104020101"))],
    ["no previous transaction", hex.decode(hex.encode(example()).replace("010e20", "017e20"))],
    ["no previous output", hex.decode(hex.encode(example()).replace("010f04", "017f04"))],
    ["no amount", hex.decode(hex.encode(example()).replace("010308", "017308"))],
    ["no script", hex.decode(hex.encode(example()).replace("010416", "017416"))],
  ])("is refused with %s", (_, bytes) => {
    refusal("invalid-psbt", () => parsePsbt(bytes));
  });

  it("is refused by its version where that is unknown", () => {
    const { message } = refusal("invalid-psbt", () => parsePsbt(example({ number: "01fb0403000000" })));
    expect(message).toContain("the version must be 0 or 2, not 3");
  });

  it("is refused when it is truncated anywhere", () => {
    for (let length = 0; length < example().length; length++) {
      refusal("invalid-psbt", () => parsePsbt(example().slice(0, length)));
    }
  });

  it("is read as version 0 when its version field says 0", () => {
    const psbt = spendPsbt(spend);
    psbt.addUnknownKeyValToGlobal({ key: Uint8Array.of(0xfb), value: new Uint8Array(4) });
    expect(parsePsbt(psbt.toBuffer()).inputCount).toBe(1);
  });

  it("returns the signatures of every path of any stake", () => {
    fc.assert(
      fc.property(anyLife, fc.constantFrom(...PATHS), (any, path) => {
        const each = lifeOf(any.terms, any.params)[path];
        const signatures = signEnough(each);
        const read = signaturesFromPsbt(each, version2(each, spendPsbt(each, signatures).toBuffer()));
        expect(read).toHaveLength(signatures.length);
        expect(executes(finishSpend(each, read), 0, each.prevouts)).toBe(true);
      }),
      { numRuns: runs(10) },
    );
  });

  it("is refused when it describes another transaction", () => {
    const other = spend.transaction.clone();
    other.outs[0]!.value -= 1n;
    const returned = version2({ ...spend, transaction: other }, spendPsbt(spend).toBuffer());
    const { details } = refusal("psbt-mismatch", () => signaturesFromPsbt(spend, returned));
    expect(details).toMatchObject({ what: "output 0: value", output: 0 });
  });
});

const terms = termsOf();
const spend = lifeOf(terms, paramsFor(terms))["staking unbonding"];

/** A PSBT of one input with its transaction in the fields of version 2, and its own fields behind them. */
function version2({ transaction }: LeafSpend, bytes: Uint8Array): Uint8Array {
  const field = (type: number, value: Uint8Array) =>
    concatBytes(Uint8Array.of(1, type), compactSize(value.length), value);
  const u32 = (value: number) => u64be(BigInt(value)).toReversed().slice(0, 4);
  const end = Uint8Array.of(0);
  const unsigned = transaction.clone();
  const { length } = unsigned.toBuffer();
  const own = bytes.slice(
    5 + 2 + compactSize(length).length + length + 1,
    bytes.length - unsigned.outs.length,
  );
  const [{ hash, index, sequence }] = transaction.ins as [LeafSpend["transaction"]["ins"][number]];
  return concatBytes(
    bytes.slice(0, 5),
    field(2, u32(transaction.version)),
    field(3, u32(transaction.locktime)),
    field(4, Uint8Array.of(1)),
    field(5, compactSize(transaction.outs.length)),
    field(0xfb, u32(2)),
    end,
    field(0x0e, hash),
    field(0x0f, u32(index)),
    field(0x10, u32(sequence)),
    own,
    ...transaction.outs.flatMap(({ value, script }) => [
      field(3, u64be(value).toReversed()),
      field(4, script),
      end,
    ]),
  );
}
