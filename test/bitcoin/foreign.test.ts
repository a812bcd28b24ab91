import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { createWriter } from "../../src/bitcoin/byte-writer.js";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { parseTransaction, toTransaction, type TransactionLike } from "../../src/bitcoin/transaction.js";
import { hex } from "../../src/core/bytes.js";
import { refusal } from "../support/refusal.js";

const simple = () => {
  const transaction = new Transaction();
  transaction.addInput(new Uint8Array(32).fill(1), 0);
  transaction.addOutput(hex.decode("51"), 5_000n);
  return transaction;
};

describe("a sighash of Taproot", () => {
  const [script, hash] = [new Uint8Array(34).fill(0x51), new Uint8Array(32).fill(2)];
  const two = simple();
  two.addInput(new Uint8Array(32).fill(1), 1);
  const sighash = (type: number, index = 0, annex?: Uint8Array) =>
    two.hashForWitnessV1(index, [script, script], [1n, 2n], type, hash, annex);

  it.each([0x04, 0x20, 0x80, 0x84, 0xff, 0x101, -1])("has no type %i", (type) => {
    expect(() => sighash(type)).toThrow(RangeError);
  });

  it("of SINGLE needs an output of its input's index", () => {
    for (const type of [3, 0x83]) {
      expect(sighash(type)).toHaveLength(32);
      expect(() => sighash(type, 1)).toThrow(RangeError);
    }
  });

  it("has an annex that begins with 0x50, or none", () => {
    expect(sighash(0, 0, Uint8Array.of(0x50))).toHaveLength(32);
    for (const annex of [new Uint8Array(0), Uint8Array.of(0x51, 0x50)]) {
      expect(() => sighash(0, 0, annex)).toThrow(RangeError);
    }
  });
});

describe("what is written of a transaction", () => {
  it.each<[string, (transaction: Transaction) => unknown]>([
    ["an index below 0", (tx) => (tx.ins[0]!.index = -1)],
    ["half an index", (tx) => (tx.ins[0]!.index = 0.5)],
    ["a sequence of 33 bits", (tx) => (tx.ins[0]!.sequence = 2 ** 32)],
    ["a lock time that is no number", (tx) => (tx.locktime = Number.NaN)],
    ["a version that is missing", (tx) => (tx.version = undefined as never)],
    ["a value that is a number", (tx) => (tx.outs[0]!.value = 1 as never)],
    ["a script that is text", (tx) => (tx.outs[0]!.script = "51" as never)],
    ["a witness of text", (tx) => tx.setWitness(0, ["00"] as never)],
    ["an input script that is a list", (tx) => tx.setInputScript(0, [81] as never)],
  ])("is never %s", (_, change) => {
    const transaction = simple();
    change(transaction);
    expect(() => transaction.toBuffer()).toThrow(/must be a Uint8Array|is not an integer|BigInt/);
  });

  it("has bytes of 8 bits", () => {
    for (const value of [-1, 256, 0.5]) expect(() => createWriter().uint8(value)).toThrow(RangeError);
  });
});

describe("a transaction of another library", () => {
  const peer = createRequire(createRequire(import.meta.url).resolve("@babylonlabs-io/btc-staking-ts"));
  const { Transaction: Six } = peer("bitcoinjs-lib") as {
    Transaction: { fromBuffer(bytes: Buffer): TransactionLike & { outs: { value: unknown }[] } };
  };

  it("is refused by our code when it cannot be written", () => {
    for (const value of [1.5, -1, "1", undefined]) {
      const six = Six.fromBuffer(Buffer.from(simple().toBuffer()));
      six.outs[0]!.value = value;
      refusal("invalid-transaction", () => toTransaction(six));
    }
    for (const raw of ["00", null, [1]]) {
      refusal("invalid-transaction", () => toTransaction({ toBuffer: () => raw as never }));
    }
  });

  it("does not change with the memory that it gave", () => {
    const raw = Buffer.from(simple().toBuffer());
    const read = toTransaction({ toBuffer: () => raw });
    raw.fill(0);
    expect(read.toHex()).toBe(simple().toHex());
  });
});

it("a transaction above the weight of a block is refused before it is read", () => {
  const transaction = simple();
  const { length } = transaction.toBuffer();
  // A marker, a flag, and the count of the witness.
  transaction.setWitness(0, [new Uint8Array(4_000_000 - length - 2 - 1 - 5)]);
  expect(parseTransaction(transaction.toBuffer()).byteLength()).toBe(4_000_000);
  transaction.setWitness(0, [new Uint8Array(4_000_000 - length - 2 - 1 - 5 + 1)]);
  const { cause } = refusal("invalid-transaction", () => parseTransaction(transaction.toBuffer()));
  expect(cause).toBe(undefined);
});
