import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assertOutputScript } from "../../src/bitcoin/output-script.js";
import {
  createTransaction,
  formatOutpoint,
  outpointOf,
  outputAt,
  parseOutpoint,
  parseTransaction,
  spends,
  spentBy,
  toOutpoint,
} from "../../src/bitcoin/transaction.js";
import { hex } from "../../src/core/bytes.js";
import { finishSpend } from "../../src/spending/spend.js";
import { findOutput } from "../../src/stake/decode.js";
import { NOT_BYTES } from "../support/arbitraries.js";
import { lifeOf, P2TR, P2WPKH, paramsFor, signEnough, termsOf } from "../support/lives.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";
import { readCase } from "../support/vectors.js";

const terms = termsOf();
const life = lifeOf(terms, paramsFor(terms));
const unsigned = life["staking slashing"].transaction;
const signed = finishSpend(life["staking slashing"], signEnough(life["staking slashing"]));

describe("a transaction", () => {
  it("is parsed and written to the same bytes, with and without witnesses", () => {
    for (const transaction of [unsigned, signed]) {
      expect(parseTransaction(transaction.toBuffer()).toHex()).toBe(transaction.toHex());
    }
  });

  it("keeps its bytes when the Node Buffer that it was read from changes", () => {
    const raw = Buffer.from(signed.toBuffer());
    const parsed = parseTransaction(raw);
    raw.fill(0);
    expect(parsed.toHex()).toBe(signed.toHex());
  });

  it("is refused when it is not bytes", () => {
    for (const value of NOT_BYTES.filter((each) => !(each instanceof Uint8Array))) {
      refusal("invalid-bytes", () => parseTransaction(value as Uint8Array));
    }
  });

  const input = `${"11".repeat(32)}0000000000ffffffff`;
  const output = "0100000000000000015a";
  const other = `${"11".repeat(32)}0100000000ffffffff`;
  /** An input that spends nothing, with a script. */
  const nothing = (script: string) => `${"00".repeat(32)}ffffffff${script}ffffffff`;
  /** A transaction of so many bytes: an output script of more than 65,535 bytes takes a size of 5. */
  const oversized = (bytes: number) => {
    const script = new Uint8Array(bytes - 4 - 1 - 41 - 1 - 8 - 5 - 4).fill(0x5a);
    const size = hex.encode(new Uint8Array(Uint32Array.of(script.length).buffer));
    return `02000000 01${input} 01 0100000000000000 fe${size}${hex.encode(script)} 00000000`;
  };
  it.each([
    ["no bytes", ""],
    ["a version alone", "02000000"],
    ["no inputs", `0200000000 01${output} 00000000`],
    ["no outputs", `02000000 01${input} 00 00000000`],
    ["2^32 inputs", `02000000 ff0000000001000000 ${input}`],
    ["2^53 inputs", `02000000 ff0000000000002000 ${input}`],
    ["2^64 inputs", `02000000 ffffffffffffffffff ${input}`],
    ["2^32 outputs", `02000000 01${input} feffffffff ${output}`],
    ["2^32 witness elements", `02000000 0001 01${input} 01${output} feffffffff 00000000`],
    ["a script of 4 GB", `02000000 01${"11".repeat(32)}00000000feffffffff`],
    ["a count written too long", `02000000 fd0100${input} 01${output} 00000000`],
    ["a script length written too long", `02000000 01${input} 01 0100000000000000 fd01005a 00000000`],
    ["a witness that holds nothing", `02000000 0001 01${input} 01${output} 00 00000000`],
    ["bytes behind its end", `02000000 01${input} 01${output} 00000000 00`],
    ["an output of more than all bitcoin", `02000000 01${input} 01 0140075af0750700015a 00000000`],
    ["a negative output", `02000000 01${input} 01 ffffffffffffffff015a 00000000`],
    [
      "outputs of more than all bitcoin together",
      `02000000 01${input} 02 0040075af0750700015a ${output} 00000000`,
    ],
    ["one outpoint twice", `02000000 02${input}${input} 01${output} 00000000`],
    ["one outpoint twice, not side by side", `02000000 03${input}${other}${input} 01${output} 00000000`],
    ["a null outpoint beside another", `02000000 02${other}${nothing("00")} 01${output} 00000000`],
    ["a null outpoint before another", `02000000 02${nothing("025152")}${other} 01${output} 00000000`],
    ["a coinbase script of 1 byte", `02000000 01${nothing("0151")} 01${output} 00000000`],
    ["no coinbase script", `02000000 01${nothing("00")} 01${output} 00000000`],
    ["a coinbase script of 101 bytes", `02000000 01${nothing(`65${"51".repeat(101)}`)} 01${output} 00000000`],
    ["more than a block can hold", oversized(1_000_001)],
  ])("is refused with %s", (_, text) => {
    refusal("invalid-transaction", () => parseTransaction(hex.decode(text.replaceAll(" ", ""))));
  });

  it.each([
    ["a coinbase script of 2 bytes", `02000000 01${nothing("025152")} 01${output} 00000000`],
    ["a coinbase script of 100 bytes", `02000000 01${nothing(`64${"51".repeat(100)}`)} 01${output} 00000000`],
    ["two outputs of one transaction", `02000000 02${input}${other} 01${output} 00000000`],
    ["as many bytes as a block can hold", oversized(1_000_000)],
  ])("is read with %s", (_, text) => {
    const raw = text.replaceAll(" ", "");
    expect(parseTransaction(hex.decode(raw)).toHex()).toBe(raw);
  });

  it("is refused with one outpoint twice, as a stake of two coins", () => {
    const { input: given } = readCase<{ stakingTx: string }>("07-same-coin-twice");
    const { message } = refusal("invalid-transaction", () => parseTransaction(hex.decode(given.stakingTx)));
    expect(message).toMatch(/^two inputs spend [0-9a-f]{64}:3$/);
  });

  it("is accepted with outputs of 21 million bitcoin, no satoshi more", () => {
    const text = `0200000001${input}010040075af0750700015a00000000`;
    expect(parseTransaction(hex.decode(text)).outs[0]!.value).toBe(2_100_000_000_000_000n);
  });

  it("is refused when it is truncated at any byte", () => {
    const raw = signed.toBuffer();
    for (let length = 0; length < raw.length; length++) {
      refusal("invalid-transaction", () => parseTransaction(raw.slice(0, length)));
    }
  });

  it("is written to the same bytes whenever damaged bytes are accepted", () => {
    const raw = signed.toBuffer();
    fc.assert(
      fc.property(fc.nat(raw.length - 1), fc.nat(255), (at, byte) => {
        const changed = raw.slice();
        changed[at] = byte;
        try {
          expect(parseTransaction(changed).toBuffer()).toEqual(changed);
        } catch (error) {
          expect((error as { code?: string }).code).toBe("invalid-transaction");
        }
      }),
      { numRuns: runs(200) },
    );
  });
});

describe("a transaction output", () => {
  it("is found by its script, only where one output has it", () => {
    expect(findOutput(unsigned, unsigned.outs[1]!.script)).toBe(1);
    refusal("output-not-found", () => findOutput(unsigned, P2TR));
    const twice = unsigned.clone();
    twice.addOutput(unsigned.outs[1]!.script, 1n);
    const error = refusal("multiple-staking-outputs", () => findOutput(twice, unsigned.outs[1]!.script));
    expect(error.details).toEqual({ count: 2 });
  });

  it("is found by its index", () => {
    expect(outputAt(unsigned, 1)).toBe(unsigned.outs[1]);
    for (const index of [2, -1, 0.5, Number.NaN]) {
      refusal("output-not-found", () => outputAt(unsigned, index));
    }
  });

  it("is refused without a script", () => {
    refusal("invalid-bytes", () => assertOutputScript(new Uint8Array(0), "script"));
    expect(() => assertOutputScript(P2WPKH, "script")).not.toThrow();
  });

  it("is written as txid:index, as explorers write it", () => {
    const outpoint = outpointOf(unsigned, 1);
    expect(formatOutpoint(outpoint)).toBe(`${unsigned.getId()}:1`);
    const spender = unsigned.clone();
    spender.addInput(unsigned.getHash(), 1);
    expect(spender.ins.map((each) => spends(each, outpoint))).toEqual([false, true]);
  });
});

describe("an outpoint as text", () => {
  const txid = "00".repeat(31) + "2a";

  it("is read, and written in the same form", () => {
    const outpoint = parseOutpoint(`${txid}:7`);
    expect(outpoint).toEqual({ txid, vout: 7 });
    expect(formatOutpoint(outpoint)).toBe(`${txid}:7`);
  });

  it.each([
    ["", "invalid-coin"],
    [txid, "invalid-coin"],
    [`${txid}:-1`, "invalid-coin"],
    [`${txid}:01`, "invalid-coin"],
    [`${txid}:4294967295`, "invalid-coin"],
    [`${txid.slice(2)}:0`, "invalid-hex"],
    [`${txid.slice(2)}xy:0`, "invalid-hex"],
  ])("is refused: %j", (text, code) => {
    expect(() => parseOutpoint(text)).toThrow(expect.objectContaining({ code }));
  });
});

describe("an outpoint as text or object", () => {
  const txid = "ab".repeat(31) + "2a";

  it("is equal in both forms, with the txid in lower case", () => {
    const expected = { txid, vout: 7 };
    expect(toOutpoint({ txid, vout: 7 })).toEqual(expected);
    expect(toOutpoint({ txid: txid.toUpperCase(), vout: 7 })).toEqual(expected);
    expect(toOutpoint(`${txid.toUpperCase()}:7`)).toEqual(expected);
  });

  it("has its txid in internal byte order in a transaction, and reversed in text", () => {
    for (const outpoint of [{ txid, vout: 7 }, `${txid}:7`]) {
      const { ins } = createTransaction([{ outpoint, sequence: 0 }], []);
      expect(ins[0]).toMatchObject({ hash: hex.decode(txid).toReversed(), index: 7 });
      expect(spentBy(ins[0]!)).toEqual({ txid, vout: 7 });
      expect(spends(ins[0]!, outpoint)).toBe(true);
      expect(spends(ins[0]!, `${txid}:8`)).toBe(false);
    }
  });

  it("is refused with a txid as bytes, as their order is ambiguous", () => {
    for (const hash of [hex.decode(txid), hex.decode(txid).toReversed()]) {
      for (const outpoint of [{ hash, index: 7 }, { hash, txid: hash, vout: 7 }, hash]) {
        expect(() => toOutpoint(outpoint as never)).toThrow(
          expect.objectContaining({
            code: "invalid-coin",
            message: expect.stringContaining("{ txid, vout } or the text txid:vout") as string,
          }),
        );
      }
    }
  });
});
