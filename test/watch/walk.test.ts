import { Block, Transaction as BitcoinJs } from "bitcoinjs-lib";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { concatBytes, equalBytes, hex } from "../../src/core/bytes.js";
import { NUMS_KEY } from "../../src/script/taproot.js";
import { checkBlock } from "../../src/watch/sources/check-block.js";
import { spentOutpoint } from "../../src/watch/outpoint.js";
import { ByteTable } from "../../src/watch/walk/byte-table.js";
import { walkBlock } from "../../src/watch/walk/walk.js";
import { refusal } from "../support/refusal.js";
import { runs, seed } from "../support/runs.js";
import { blockBytes, coinbaseOf, merkleRoot, SimulatedBitcoin } from "../support/simulated-bitcoin.js";
import { play } from "../support/simulated-stakes.js";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const TAG = hex.decode("62626e31");
const NUMS_BLOCK = concatBytes(Uint8Array.of(0xc0), NUMS_KEY, new Uint8Array(32));

const script = fc.oneof(
  fc.uint8Array({ maxLength: 100 }),
  fc.uint8Array({ minLength: 250, maxLength: 600 }),
  bytes(32).map((key) => concatBytes(Uint8Array.of(0x51, 0x20), key)),
  fc
    .constantFrom(71, 78, 63, 62, 72)
    .chain((length) =>
      bytes(length - 4).map((rest) =>
        concatBytes(length > 75 ? Uint8Array.of(0x6a, 0x4c, length) : Uint8Array.of(0x6a, length), TAG, rest),
      ),
    ),
);
const element = fc.oneof(
  { weight: 4, arbitrary: fc.uint8Array({ maxLength: 80 }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 253, maxLength: 600 }) },
  { weight: 2, arbitrary: fc.constant(NUMS_BLOCK) },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 20 }).map((rest) => concatBytes(Uint8Array.of(0x50), rest)),
  },
);
const transaction = fc
  .record({
    inputs: fc.array(
      fc.record({
        hash: bytes(32),
        index: fc.nat(5),
        script: fc.oneof(fc.uint8Array({ maxLength: 30 }), fc.uint8Array({ minLength: 253, maxLength: 300 })),
        sequence: fc.nat(0xffff_ffff),
        witness: fc.array(element, { maxLength: 5 }),
      }),
      { minLength: 1, maxLength: 5 },
    ),
    outputs: fc.array(fc.record({ script, value: fc.bigInt({ min: 0n, max: 2_100_000_000n }) }), {
      minLength: 1,
      maxLength: 5,
    }),
    version: fc.constantFrom(1, 2, 3),
    locktime: fc.nat(0xffff_ffff),
  })
  .map(({ inputs, outputs, version, locktime }) => {
    const made = new Transaction();
    Object.assign(made, { version, locktime });
    for (const [i, { hash, index, script: from, sequence, witness }] of inputs.entries()) {
      made.addInput(hash, index, sequence, from);
      made.setWitness(i, witness);
    }
    for (const { script: to, value } of outputs) made.addOutput(to, value);
    return made;
  });
const block = fc.array(transaction, { maxLength: 12 }).map((transactions) => {
  const all = [coinbaseOf(7, 1, transactions), ...transactions];
  return { transactions: all, bytes: blockBytes("11".repeat(32), all, 1_600_000_000) };
});

const tagWord = TAG[0]! | (TAG[1]! << 8) | (TAG[2]! << 16) | (TAG[3]! << 24);
const isControlBlock = (each: Uint8Array | undefined) =>
  each !== undefined && each.length >= 33 && equalBytes(each.slice(1, 33), NUMS_KEY);

/** What a walk must find, from the transactions as bitcoinjs reads them. */
function naive(parsed: readonly BitcoinJs[], outpoints: ByteTable, keys: ByteTable) {
  return parsed.flatMap(({ ins, outs }, position) => {
    const indexes = <T>(list: readonly T[], test: (each: T) => boolean) =>
      list.flatMap((each, i) => (test(each) ? [i] : []));
    const found = {
      position,
      spends: indexes(ins, (input) => outpoints.has(spentOutpoint(input as never))),
      numsInputs: indexes(ins, ({ witness }) => {
        if (witness.length < 3) return false;
        const [last, before] = [witness.at(-1)!, witness.at(-2)!];
        return isControlBlock(last) || (last[0] === 0x50 && isControlBlock(before));
      }),
      outputs: indexes(
        outs,
        (out) =>
          out.script.length === 34 &&
          out.script[0] === 0x51 &&
          out.script[1] === 0x20 &&
          keys.has(out.script.slice(2)),
      ),
      tagged: indexes(outs, (out) =>
        [71, 78, 63].some((length) => {
          const head = length > 75 ? [0x6a, 0x4c, length] : [0x6a, length];
          return (
            equalBytes(out.script.slice(0, head.length + 4), Uint8Array.of(...head, ...TAG)) &&
            out.script.length === head.length + length
          );
        }),
      ),
    };
    const isHit = [found.spends, found.numsInputs, found.outputs, found.tagged].some(
      ({ length }) => length > 0,
    );
    return isHit ? [found] : [];
  });
}

describe("a walk of a block", () => {
  it("finds what bitcoinjs finds, where it finds it", () => {
    fc.assert(
      fc.property(block, fc.infiniteStream(fc.boolean()), (made, chosen) => {
        const outpoints = new ByteTable(36);
        const keys = new ByteTable(32);
        for (const { ins, outs } of made.transactions) {
          for (const input of ins) if (chosen.next().value) outpoints.add(spentOutpoint(input));
          for (const out of outs) {
            if (out.script.length === 34 && chosen.next().value) keys.add(out.script.slice(2));
          }
        }
        const parsed = Block.fromBuffer(made.bytes).transactions!;
        const hits = walkBlock(made.bytes, { outpoints, outputKeys: keys, tags: [tagWord] });
        expect(
          hits.map(({ position, spends, numsInputs, outputs, tagged }) => ({
            position,
            spends,
            numsInputs,
            outputs,
            tagged,
          })),
        ).toEqual(naive(parsed, outpoints, keys));
        for (const { position, start, end } of hits) {
          const raw = made.bytes.slice(start, end);
          expect(hex.encode(raw)).toBe(parsed[position]!.toHex());
        }
      }),
      { numRuns: runs(1000), seed: seed() },
    );
  });

  it("refuses every shorter and longer form of a block by its code", () => {
    fc.assert(
      fc.property(block, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 5 }), (made, cut, more) => {
        const watched = { outpoints: new ByteTable(36), outputKeys: new ByteTable(32), tags: [tagWord] };
        const short = made.bytes.slice(0, cut % made.bytes.length);
        refusal("invalid-block", () => walkBlock(short, watched));
        const long = concatBytes(made.bytes, more);
        refusal("invalid-block", () => walkBlock(long, watched));
      }),
      { numRuns: runs(1000), seed: seed() },
    );
  });

  it("ends with a block or its code at garbage, and at a block with any byte changed", () => {
    const watched = { outpoints: new ByteTable(36), outputKeys: new ByteTable(32), tags: [tagWord] };
    const walk = (given: Uint8Array) => {
      try {
        return Array.isArray(walkBlock(given, watched));
      } catch (error) {
        return (error as { code?: string }).code === "invalid-block";
      }
    };
    fc.assert(
      fc.property(
        block,
        fc.nat(),
        fc.nat(255),
        fc.uint8Array({ maxLength: 300 }),
        (made, at, byte, garbage) => {
          const changed = made.bytes.slice();
          changed[80 + (at % (changed.length - 80))] = byte;
          expect(walk(changed)).toBe(true);
          expect(walk(garbage)).toBe(true);
          expect(walk(concatBytes(made.bytes.slice(0, 80), garbage))).toBe(true);
        },
      ),
      { numRuns: runs(2000), seed: seed() },
    );
  });

  it("finds each of many keys, and no other", () => {
    const table = new ByteTable(36);
    const key = (n: number) => {
      const made = new Uint8Array(36).fill(n & 0xff);
      new DataView(made.buffer).setUint32(0, n);
      return made;
    };
    for (let n = 0; n < 20_000; n++) table.add(key(n));
    const found = Array.from({ length: 40_000 }, (_, n) => table.has(key(n)));
    expect(found.lastIndexOf(true)).toBe(19_999);
    expect(found.indexOf(false)).toBe(20_000);
    table.add(key(3));
    expect(table.size).toBe(20_000);
  });
});

describe("a check of a block from another's server", () => {
  let bitcoin: SimulatedBitcoin;
  let made: ReturnType<SimulatedBitcoin["mine"]>;
  beforeAll(async () => {
    bitcoin = new SimulatedBitcoin();
    made = bitcoin.mine((await play()).moves.slice(0, 9).map((move) => move.transaction));
  });
  const check = (given: Uint8Array, hash = made.hash) =>
    refusal("invalid-block", () => checkBlock(given, hash, "regtest", "server"));

  it("accepts what was mined, with witnesses and without", () => {
    for (const { bytes: whole, hash } of [made, bitcoin.mine([], made), bitcoin.at(0)]) {
      expect(() => checkBlock(whole, hash, "regtest", "server")).not.toThrow();
    }
  });

  it("refuses another block, and one of too little work", () => {
    expect(check(bitcoin.at(0).bytes)).toMatchObject({ details: { reason: "hash" } });
    // Enough for regtest, and too easy for mainnet.
    const easy = refusal("invalid-block", () => checkBlock(made.bytes, made.hash, "mainnet", "server"));
    expect(easy).toMatchObject({ details: { reason: "work" } });
  });

  it("refuses a transaction that was changed, left out or put in twice", () => {
    const parsed = Block.fromBuffer(made.bytes).transactions!.map((each) =>
      Transaction.fromHex(each.toHex()),
    );
    const header = made.bytes.slice(0, 80);
    const of = (list: readonly Transaction[]) =>
      concatBytes(header, Uint8Array.of(list.length), ...list.map((each) => each.toBuffer()));
    expect(equalBytes(of(parsed), made.bytes)).toBe(true);
    const changed = parsed.map((each) => each.clone());
    changed[1]!.outs[0]!.value += 1n;
    for (const list of [changed, parsed.slice(0, -1), [...parsed, parsed.at(-1)!], parsed.toReversed()]) {
      expect(check(of(list))).toMatchObject({ details: { reason: "merkle-root" } });
    }
    expect(merkleRoot(parsed.map((each) => each.getHash()))).toHaveLength(32);
  });

  it("refuses a witness that was changed, by the witness commitment", () => {
    const parsed = Block.fromBuffer(made.bytes).transactions!.map((each) =>
      Transaction.fromHex(each.toHex()),
    );
    const at = parsed.findIndex((each, i) => i > 0 && each.hasWitnesses());
    const witness = parsed[at]!.ins[0]!.witness.map((each) => each.slice());
    witness.find(({ length }) => length > 0)![0]! ^= 1;
    parsed[at]!.setWitness(0, witness);
    const lie = concatBytes(
      made.bytes.slice(0, 80),
      Uint8Array.of(parsed.length),
      ...parsed.map((each) => each.toBuffer()),
    );
    expect(check(lie)).toMatchObject({ details: { reason: "witness-commitment" } });
  });

  it("refuses a block without its witnesses: a spend of a stake would be hidden", () => {
    const parsed = Block.fromBuffer(made.bytes).transactions!.map((each) =>
      Transaction.fromHex(each.toHex()),
    );
    for (const from of [0, 1]) {
      const bare = parsed.map((each) => each.clone());
      for (const each of bare.slice(from)) each.stripWitnesses();
      const stripped = concatBytes(
        made.bytes.slice(0, 80),
        Uint8Array.of(bare.length),
        ...bare.map((each) => each.toBuffer()),
      );
      expect(check(stripped)).toMatchObject({ details: { reason: "witness-commitment" } });
    }
  });
});
