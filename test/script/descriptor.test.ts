import { createRequire } from "node:module";
import * as miniscript from "@bitcoinerlab/miniscript";
import type * as WasmUtxo from "@bitgo/wasm-utxo";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { descriptorChecksum } from "../../src/script/descriptor.js";
import { leafMiniscript } from "../../src/script/leaf.js";
import { slashingChangeOutput, stakingOutput, unbondingOutput } from "../../src/script/outputs.js";
import { MAX_KEYS, type StakeTerms } from "../../src/script/terms.js";
import { runs, some } from "../support/runs.js";
import { anyTerms, anyTimelock, termsOf } from "../support/stakes.js";

// rust-miniscript and rust-bitcoin: of other authors, in another language.
const { Descriptor, Miniscript } = createRequire(import.meta.url)("@bitgo/wasm-utxo") as typeof WasmUtxo;

/** The output script that rust-miniscript derives from a descriptor. */
const derive = (descriptor: string) =>
  hex.encode(Descriptor.fromString(descriptor, "definite").scriptPubkey());

const sizes = { stakers: 5, providers: 5, members: 20 };

const expressionsAndScripts = (terms: StakeTerms): [string, Uint8Array][] =>
  Object.values(stakingOutput(terms, "regtest").leaves).map((leaf) => [leafMiniscript(leaf), leaf.script]);

describe("a descriptor", () => {
  it("gives the output script in rust-miniscript, for any terms", () => {
    fc.assert(
      fc.property(anyTerms(sizes), anyTimelock, (terms, time) => {
        const outputs = [
          stakingOutput(terms, "regtest"),
          unbondingOutput(terms, time, "regtest"),
          slashingChangeOutput(terms.staker, time, "regtest"),
        ];
        for (const { descriptor, script } of outputs) expect(derive(descriptor)).toBe(hex.encode(script));
      }),
      { numRuns: runs(200) },
    );
  });

  it("has leaves that rust-miniscript compiles to the same bytes, and lifts back from them", () => {
    fc.assert(
      fc.property(anyTerms(sizes), (terms) => {
        for (const [expression, script] of expressionsAndScripts(terms)) {
          expect(hex.encode(Miniscript.fromString(expression, "tap").encode())).toBe(hex.encode(script));
          expect(hex.encode(Miniscript.fromBitcoinScript(script, "tap").encode())).toBe(hex.encode(script));
        }
      }),
      { numRuns: runs(30) },
    );
  });

  it("has leaves that a second miniscript compiler calls sane and compiles to the same script", () => {
    fc.assert(
      fc.property(anyTerms(sizes), (terms) => {
        for (const [expression, script] of expressionsAndScripts(terms)) {
          const { asm, issane } = miniscript.compileMiniscript(expression, { tapscript: true });
          expect(issane).toBe(true);
          expect(assemble(asm)).toBe(hex.encode(script));
        }
      }),
      { numRuns: runs(30) },
    );
  });

  // What holds at the limit. A stack has room for 1000 elements (BIP-342). The slashing leaf starts with one for each key
  // and never needs more than one besides, so 999 keys can be spent, and Bitcoin Core reads their descriptor:
  // regtest/limits.test.ts. rust-miniscript reckons with two besides for a sum in progress, and stops at 998.
  const shapes: readonly (readonly [stakers: number, providers: number])[] = [
    [1, 1],
    [1, 400],
    [400, 1],
    [300, 697],
  ];
  const filled = (stakers: number, providers: number, keys: number) =>
    termsOf(stakers, providers, keys - stakers - providers);

  it.each(some(shapes, 0))(
    "of 998 keys is accepted by rust-miniscript: %s stakers, %s providers",
    (stakers, providers) => {
      const terms = filled(stakers, providers, MAX_KEYS - 1);
      for (const { descriptor, script } of [
        stakingOutput(terms, "regtest"),
        unbondingOutput(terms, 20, "regtest"),
        slashingChangeOutput(terms.staker, 20, "regtest"),
      ]) {
        expect(derive(descriptor)).toBe(hex.encode(script));
      }
    },
  );

  it.each(some(shapes, 0))(
    "of 999 keys, the most that can be spent, is accepted unless one leaf has them all: %s stakers, %s providers",
    (stakers, providers) => {
      const terms = filled(stakers, providers, MAX_KEYS);
      for (const { descriptor } of [stakingOutput(terms, "regtest"), unbondingOutput(terms, 20, "regtest")]) {
        expect(() => derive(descriptor)).toThrow("resource limits");
      }
      const refund = slashingChangeOutput(terms.staker, 20, "regtest");
      expect(derive(refund.descriptor)).toBe(hex.encode(refund.script));
      // It is the slashing leaf that stands in the way.
      const { timelock, unbonding } = stakingOutput(terms, "regtest").leaves;
      for (const { script } of [timelock, unbonding]) {
        expect(hex.encode(Miniscript.fromBitcoinScript(script, "tap").encode())).toBe(hex.encode(script));
      }
    },
  );
});

/** The bytes of what the compiler writes: `<hex> OP_NAME 2`. */
function assemble(asm: string): string {
  const opcodes: Record<string, string> = {
    OP_CHECKSIG: "ac",
    OP_CHECKSIGVERIFY: "ad",
    OP_CHECKSIGADD: "ba",
    OP_NUMEQUAL: "9c",
    OP_NUMEQUALVERIFY: "9d",
    OP_CHECKSEQUENCEVERIFY: "b2",
  };
  return asm
    .split(" ")
    .map((word) => {
      const data = /^<([0-9a-f]+)>$/.exec(word)?.[1];
      if (data) return (data.length / 2).toString(16).padStart(2, "0") + data;
      if (/^\d+$/.test(word)) return (0x50 + Number(word)).toString(16);
      return opcodes[word] ?? `unknown ${word}`;
    })
    .join("");
}

describe("a descriptor's checksum", () => {
  it("equals BIP-380's", () => {
    expect(descriptorChecksum("raw(deadbeef)")).toBe("89f8spxm");
  });

  it("is verified by rust-miniscript, which refuses any other", () => {
    const terms = fc.sample(anyTerms(sizes), { numRuns: 1, seed: 1 })[0]!;
    const { descriptor, script } = stakingOutput(terms, "regtest");
    expect(derive(descriptor)).toBe(hex.encode(script));
    const last = descriptor.endsWith("q") ? "p" : "q";
    expect(() => derive(descriptor.slice(0, -1) + last)).toThrow("checksum");
  });
});
