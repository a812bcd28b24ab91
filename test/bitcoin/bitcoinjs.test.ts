import { createRequire } from "node:module";
import { Psbt as BitcoinJsPsbt, script as scripts } from "bitcoinjs-lib";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeEcdsaSignature, encodeEcdsaSignature } from "../../src/bitcoin/ecdsa-signature.js";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { transactionsOfBlock } from "../../src/bitcoin/block.js";
import { toTransaction, type TransactionLike } from "../../src/bitcoin/transaction.js";
import { concatBytes, hex } from "../../src/core/bytes.js";
import { Psbt } from "../../src/psbt/psbt.js";
import { leafSighash } from "../../src/spending/spend.js";
import { bytes32, flipBit } from "../support/arbitraries.js";
import { asBitcoinJs } from "../support/bitcoinjs.js";
import { lifeOf, paramsFor, PATHS, termsOf } from "../support/lives.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";

const someBytes = fc.uint8Array({ maxLength: 300 });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const amount = fc.bigInt({ min: 0n, max: 2_100_000_000_000_000n });
const inputs = fc.array(
  fc.record({
    hash: bytes32,
    index: uint32,
    script: someBytes,
    sequence: uint32,
    witness: fc.array(someBytes, { maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 5 },
);
const outputs = fc.array(fc.record({ script: someBytes, value: amount }), { minLength: 1, maxLength: 5 });
const transactions = fc
  .record({ version: uint32, locktime: uint32, ins: inputs, outs: outputs })
  .map((parts) => Object.assign(new Transaction(), parts));

const P2PKH = hex.decode(`76a914${"22".repeat(20)}88ac`);
const plain = ({ version, locktime, ins, outs }: Transaction) => ({ version, locktime, ins, outs });

describe("a transaction beside bitcoinjs-lib", () => {
  it("has the same bytes, sizes and txid as in bitcoinjs", () => {
    fc.assert(
      fc.property(transactions, (transaction) => {
        const other = asBitcoinJs(transaction);
        expect(other.toHex()).toBe(transaction.toHex());
        expect(plain(Transaction.fromHex(other.toHex()))).toEqual(plain(transaction));
        expect(transaction.getId()).toBe(other.getId());
        expect(transaction.getHash(true)).toEqual(other.getHash(true));
        expect(transaction.weight()).toBe(other.weight());
        expect(transaction.virtualSize()).toBe(other.virtualSize());
        expect(transaction.byteLength(false)).toBe(other.byteLength(false));
        expect(transaction.isCoinbase()).toBe(other.isCoinbase());
        expect(plain(transaction.clone())).toEqual(plain(transaction));
      }),
      { numRuns: runs(100) },
    );
  });

  it("has the sizes of bitcoinjs with counts of 3 and 5 bytes", () => {
    const transaction = new Transaction();
    for (let i = 0; i < 300; i++) transaction.addInput(new Uint8Array(32).fill(i), i);
    for (const length of [0, 252, 253, 0xffff, 0x1_0000]) transaction.addOutput(new Uint8Array(length), 1n);
    transaction.setWitness(0, [new Uint8Array(70_000)]);
    expect(asBitcoinJs(transaction).toHex()).toBe(transaction.toHex());
    expect(Transaction.fromBuffer(transaction.toBuffer()).toHex()).toBe(transaction.toHex());
  });

  it("has the sighashes of bitcoinjs, for every hash type", () => {
    const types = [1, 2, 3, 0x81, 0x82, 0x83];
    // Of 34 bytes, as P2TR: with other scripts bitcoinjs knows no sighash of one input.
    const scriptOf34 = fc.uint8Array({ minLength: 34, maxLength: 34 }).map((all) => all.fill(0x51, 0, 2));
    const anything = fc.record({ of: transactions, code: scriptOf34, leaf: bytes32 });
    fc.assert(
      fc.property(anything, amount, fc.boolean(), ({ of, code, leaf }, value, withAnnex) => {
        const other = asBitcoinJs(of);
        const [coins, values] = [of.ins.map(() => code), of.ins.map(() => value)];
        const annex = withAnnex ? Uint8Array.of(0x50, 1) : undefined;
        for (const index of of.ins.keys()) {
          expect(of.hashForSignature(index, P2PKH, 1)).toEqual(other.hashForSignature(index, P2PKH, 1));
          for (const type of [0, ...types]) {
            // BIP-341: without an output of the input's index there is no sighash.
            if ((type & 3) === 3 && index >= of.outs.length) continue;
            for (const leafHash of [undefined, leaf]) {
              const mine = of.hashForWitnessV1(index, coins, values, type, leafHash, annex);
              expect(mine).toEqual(other.hashForWitnessV1(index, coins, values, type, leafHash, annex));
            }
          }
          for (const type of types) {
            const mine = of.hashForWitnessV0(index, code, value, type);
            expect(mine).toEqual(other.hashForWitnessV0(index, code, value, type));
          }
        }
      }),
      { numRuns: runs(30) },
    );
  });

  it("has no sighash of a missing input, without its coins, or of a legacy input with another type than ALL", () => {
    const transaction = new Transaction();
    transaction.addInput(new Uint8Array(32), 0);
    transaction.addOutput(new Uint8Array(1), 1n);
    const code = new Uint8Array(1);
    expect(() => transaction.hashForSignature(0, code, 2)).toThrow(RangeError);
    expect(() => transaction.hashForSignature(1, code, 1)).toThrow(RangeError);
    expect(() => transaction.hashForWitnessV0(1, code, 1n, 1)).toThrow(RangeError);
    expect(() => transaction.hashForWitnessV1(1, [code], [1n], 0)).toThrow(RangeError);
    expect(() => transaction.hashForWitnessV1(0, [], [1n], 0)).toThrow(RangeError);
    expect(() => transaction.hashForWitnessV1(0, [code], [], 0)).toThrow(RangeError);
  });

  it("refuses what bitcoinjs refuses", () => {
    const good = `0200000001${"11".repeat(36)}00ffffffff010100000000000000015100000000`;
    expect(Transaction.fromHex(good).toHex()).toBe(good);
    const witness = good.replace("0200000001", "02000000000101").replace(/00000000$/, "000000000000");
    for (const bad of [good.slice(0, -2), `${good}00`, "", witness, good.replace("0101000", "fd010001000")]) {
      expect(() => Transaction.fromHex(bad)).toThrow(RangeError);
    }
    refusal("invalid-bytes", () => new Transaction().addInput(new Uint8Array(31), 0));
    refusal("invalid-amount", () => new Transaction().addOutput(new Uint8Array(1), -1n));
  });

  it("is read from transactions of bitcoinjs 6 and 7", () => {
    const transaction = new Transaction();
    transaction.addInput(new Uint8Array(32).fill(1), 0);
    transaction.addOutput(hex.decode("51"), 5_000n);
    const peer = createRequire(createRequire(import.meta.url).resolve("@babylonlabs-io/btc-staking-ts"));
    const { Transaction: Six } = peer("bitcoinjs-lib") as {
      Transaction: { fromBuffer(bytes: Buffer): TransactionLike & { outs: { value: unknown }[] } };
    };
    const six = Six.fromBuffer(Buffer.from(transaction.toBuffer()));
    expect(six.outs[0]!.value).toBe(5_000);
    const seven: Transaction = asBitcoinJs(transaction);
    for (const given of [six, seven, transaction]) {
      expect(plain(toTransaction(given))).toEqual(plain(transaction));
    }
    expect(toTransaction(transaction)).toBe(transaction);
    for (const bad of [null, {}, transaction.toBuffer(), { toBuffer: () => new Uint8Array(3) }]) {
      refusal("invalid-transaction", () => toTransaction(bad as never));
    }
  });

  it("is read from transactions of a bitcoinjs block", () => {
    const one = `0200000001${"11".repeat(36)}00ffffffff010100000000000000015100000000`;
    const block = hex.decode(`${"00".repeat(80)}02${one}${one}`);
    expect(transactionsOfBlock(block).map((each) => each.toHex())).toEqual([one, one]);
    expect(() => transactionsOfBlock(block.slice(0, -1))).toThrow(RangeError);
    expect(() => transactionsOfBlock(concatBytes(block, Uint8Array.of(0)))).toThrow(RangeError);
    expect(() => transactionsOfBlock(hex.decode(`${"00".repeat(80)}00`))).toThrow(RangeError);
  });
});

describe("a DER signature beside bitcoinjs-lib", () => {
  const types = fc.constantFrom(1, 2, 3, 0x81, 0x82, 0x83);
  const numbers = fc.oneof(bytes32, fc.constantFrom(new Uint8Array(32), new Uint8Array(32).fill(0xff)));

  it("is written and read as by bitcoinjs, with any bit changed too", () => {
    fc.assert(
      fc.property(numbers, numbers, types, fc.nat(), (r, s, type, bit) => {
        const signature = concatBytes(r, s);
        const der = encodeEcdsaSignature(signature, type);
        expect(der).toEqual(scripts.signature.encode(signature, type));
        expect(decodeEcdsaSignature(der)).toEqual({ signature, hashType: type });
        const changed = flipBit(der, bit % (8 * der.length));
        expect(decodeEcdsaSignature(changed)).toEqual(read(changed));
      }),
      { numRuns: runs(300) },
    );
  });

  it("is refused with another length or hash type", () => {
    expect(() => encodeEcdsaSignature(new Uint8Array(63), 1)).toThrow(RangeError);
    for (const type of [0, 4, 0x80, 0x84]) {
      expect(() => encodeEcdsaSignature(new Uint8Array(64), type)).toThrow(RangeError);
    }
    expect(decodeEcdsaSignature(new Uint8Array(0))).toBeNull();
  });

  function read(bytes: Uint8Array) {
    try {
      return scripts.signature.decode(bytes);
    } catch {
      return null;
    }
  }
});

describe("a PSBT beside bitcoinjs-lib", () => {
  const key = fc.tuple(fc.constantFrom(2, 3), bytes32).map(([first, x]) => Uint8Array.of(first, ...x));
  const path = fc
    .array(fc.tuple(fc.integer({ min: 0, max: 0x7fff_ffff }), fc.boolean()), { maxLength: 4 })
    .map((steps) => ["m", ...steps.map(([step, isHard]) => `${step}${isHard ? "'" : ""}`)].join("/"));
  const masterFingerprint = fc.uint8Array({ minLength: 4, maxLength: 4 });
  const schnorrSignature = fc.uint8Array({ minLength: 64, maxLength: 65 });
  const leafHashes = fc.array(bytes32, { maxLength: 3 });
  const one = <T>(of: fc.Arbitrary<T>) => fc.array(of, { minLength: 1, maxLength: 2 });
  const unknown = one(
    fc.record({ key: fc.uint8Array({ minLength: 2, maxLength: 9 }), value: someBytes }),
  ).map((list) => list.map(({ key: some, value }, i) => ({ key: Uint8Array.of(0xfc, i, ...some), value })));
  const tapBip32Derivation = one(fc.record({ pubkey: bytes32, masterFingerprint, path, leafHashes }));
  const bip32Derivation = one(fc.record({ pubkey: key, masterFingerprint, path }));
  const script = fc.record({ leafVersion: fc.constant(0xc0), script: someBytes });
  const input = fc.record(
    {
      nonWitnessUtxo: someBytes,
      witnessUtxo: fc.record({ script: someBytes, value: amount }),
      partialSig: one(fc.record({ pubkey: key, signature: someBytes })),
      sighashType: uint32,
      redeemScript: someBytes,
      witnessScript: someBytes,
      bip32Derivation,
      finalScriptSig: someBytes,
      finalScriptWitness: someBytes,
      tapKeySig: schnorrSignature,
      tapScriptSig: one(fc.record({ pubkey: bytes32, leafHash: bytes32, signature: schnorrSignature })),
      tapLeafScript: one(script).map((list) =>
        list.map((each, i) => ({ ...each, controlBlock: new Uint8Array(33 + 32 * i).fill(0xc1) })),
      ),
      tapBip32Derivation,
      tapInternalKey: bytes32,
      tapMerkleRoot: bytes32,
      unknownKeyVals: unknown,
    },
    { requiredKeys: [] },
  );
  const output = fc.record(
    {
      redeemScript: someBytes,
      witnessScript: someBytes,
      bip32Derivation,
      tapInternalKey: bytes32,
      tapTree: fc.record({
        leaves: one(script).map((list) => list.map((each) => ({ depth: list.length - 1, ...each }))),
      }),
      tapBip32Derivation,
      unknownKeyVals: unknown,
    },
    { requiredKeys: [] },
  );
  const xpub = fc
    .tuple(fc.uint8Array({ minLength: 45, maxLength: 45 }), key, masterFingerprint, path)
    .map(([head, pubkey, fingerprint, steps]) => ({
      extendedPubkey: concatBytes(head, pubkey),
      masterFingerprint: fingerprint,
      path: steps,
    }));

  const psbts = fc
    .tuple(transactions, fc.infiniteStream(input), fc.infiniteStream(output), one(xpub), unknown)
    .map(([transaction, ins, outs, globalXpub, unknownKeyVals]) => {
      transaction.ins.forEach((each, i) =>
        Object.assign(each, { script: new Uint8Array(0), witness: [], index: i }),
      );
      const psbt = new Psbt(
        transaction,
        transaction.ins.map(() => ins.next().value!),
      );
      psbt.data.outputs = transaction.outs.map(() => outs.next().value!);
      Object.assign(psbt.data.globalMap, { globalXpub, unknownKeyVals });
      return psbt;
    })
    // Random keys can be the same: then there is nothing to write.
    .filter((psbt) => {
      try {
        return psbt.toBuffer().length > 0;
      } catch {
        return false;
      }
    });

  const fieldsOf = ({ data }: Pick<Psbt, "data">) => ({ inputs: data.inputs, outputs: data.outputs });

  it("is written and read as by bitcoinjs, with every kind of field", () => {
    fc.assert(
      fc.property(psbts, (psbt) => {
        const other = BitcoinJsPsbt.fromBuffer(psbt.toBuffer());
        expect(other.toHex()).toBe(psbt.toHex());
        const read = Psbt.fromHex(other.toHex());
        expect(fieldsOf(read)).toEqual({ inputs: other.data.inputs, outputs: other.data.outputs });
        expect(read.data.globalMap.globalXpub).toEqual(other.data.globalMap.globalXpub);
        expect(read.txInputs).toEqual(other.txInputs);
        expect([read.version, read.locktime, read.inputCount]).toEqual([
          other.version,
          other.locktime,
          other.inputCount,
        ]);
        expect(read.clone().toBase64()).toBe(other.toBase64());
      }),
      { numRuns: runs(60) },
    );
  });

  it("is refused with a bit changed, or read as by bitcoinjs", () => {
    fc.assert(
      fc.property(psbts, fc.nat(), (psbt, bit) => {
        const bytes = psbt.toBuffer();
        const changed = flipBit(bytes, bit % (8 * bytes.length));
        let read: Psbt;
        try {
          read = Psbt.fromBuffer(changed);
        } catch {
          return;
        }
        const other = BitcoinJsPsbt.fromBuffer(changed);
        expect(read.toHex()).toBe(other.toHex());
        expect(fieldsOf(read)).toEqual({ inputs: other.data.inputs, outputs: other.data.outputs });
      }),
      { numRuns: runs(200) },
    );
  });

  it("refuses fields that are incomplete or present already", () => {
    const transaction = new Transaction();
    transaction.addInput(new Uint8Array(32).fill(1), 0);
    transaction.addOutput(hex.decode("51"), 1n);
    const psbt = new Psbt(transaction);
    const signature = {
      pubkey: new Uint8Array(32),
      leafHash: new Uint8Array(32),
      signature: new Uint8Array(64),
    };
    psbt.updateInput(0, { tapScriptSig: [signature], tapInternalKey: new Uint8Array(32) });
    psbt.updateInput(0, { tapScriptSig: [{ ...signature, leafHash: new Uint8Array(32).fill(1) }] });
    expect(psbt.data.inputs[0]!.tapScriptSig).toHaveLength(2);
    for (const wrong of [
      { tapScriptSig: [signature] },
      { tapScriptSig: [{ ...signature, pubkey: new Uint8Array(33) }] },
      { tapInternalKey: new Uint8Array(32) },
      { tapMerkleRoot: new Uint8Array(31) },
      { partialSig: [{ pubkey: new Uint8Array(33), signature: new Uint8Array(9) }] },
      {
        bip32Derivation: [
          {
            pubkey: Uint8Array.of(2, ...new Uint8Array(32)),
            masterFingerprint: new Uint8Array(4),
            path: "0/1",
          },
        ],
      },
      {
        tapLeafScript: [
          { leafVersion: 0xc2, script: new Uint8Array(1), controlBlock: new Uint8Array(33).fill(0xc0) },
        ],
      },
    ]) {
      expect(() => psbt.updateInput(0, wrong)).toThrow(RangeError);
    }
    expect(() => psbt.updateInput(1, {})).toThrow(RangeError);
    const text = { key: Uint8Array.of(9), value: new Uint8Array(1) };
    psbt.addUnknownKeyValToGlobal(text);
    expect(() => psbt.addUnknownKeyValToGlobal(text)).toThrow(RangeError);
    expect(() => psbt.addUnknownKeyValToGlobal({ ...text, key: Uint8Array.of(0) })).toThrow(RangeError);
  });

  it("refuses a transaction with signatures, or one that spends a coin twice", () => {
    const twice = new Transaction();
    for (let i = 0; i < 2; i++) twice.addInput(new Uint8Array(32).fill(1), 0);
    expect(() => new Psbt(twice)).toThrow("twice");
    const signed = new Transaction();
    signed.addInput(new Uint8Array(32).fill(1), 0);
    signed.setWitness(0, [new Uint8Array(64)]);
    expect(() => new Psbt(signed)).toThrow("signatures");
  });
});

it.each(PATHS)("the digest of a stake's %s is that of bitcoinjs", (path) => {
  const terms = termsOf();
  const spend = lifeOf(terms, paramsFor(terms))[path];
  const coinScripts = spend.prevouts.map(({ script }) => script);
  const values = spend.prevouts.map(({ value }) => value);
  for (const type of [0, 1]) {
    const expected = asBitcoinJs(spend.transaction).hashForWitnessV1(
      spend.inputIndex,
      coinScripts,
      values,
      type,
      spend.leaf.hash,
    );
    expect(leafSighash(spend, type)).toEqual(expected);
  }
});
