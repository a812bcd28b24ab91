import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { equalBytes } from "../../src/core/bytes.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { sortKeys } from "../../src/script/leaf.js";
import {
  finishSpend,
  leafSighash,
  type LeafSpend,
  verifyLeafSignature,
  withWitness,
} from "../../src/spending/spend.js";
import { assembleWitness } from "../../src/spending/witness.js";
import { executes, verdict } from "../support/interpreter.js";
import {
  anyLife,
  keyOf,
  lifeOf,
  paramsFor,
  PATHS,
  secretOf,
  sign,
  signAll,
  signEnough,
  slotsOf,
  termsOf,
} from "../support/lives.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";

const executesAs = (spend: LeafSpend, transaction: Transaction, prevouts = spend.prevouts) =>
  executes(transaction, spend.inputIndex, prevouts);

/** A copy of a signed transaction, changed. */
function changed(transaction: Transaction, change: (copy: Transaction) => void): Transaction {
  const copy = transaction.clone();
  change(copy);
  return copy;
}

describe("every path of a stake, executed by another implementation", () => {
  const terms = termsOf({ providers: 2 });
  const life = lifeOf(terms, paramsFor(terms));

  it.each(PATHS)("%s: valid signatures spend", (path) => {
    const spend = life[path];
    expect(verdict(finishSpend(spend, signEnough(spend)), 0, spend.prevouts)).toBe("ok");
  });

  it.each(PATHS)("%s: each missing signature fails", (path) => {
    const spend = life[path];
    const signatures = signEnough(spend);
    for (const [i] of signatures.entries()) {
      const fewer = signatures.toSpliced(i, 1);
      expect(executesAs(spend, withWitness(spend, assembleWitness(spend.leaf, fewer)))).toBe(false);
      refusal("missing-signature", () => finishSpend(spend, fewer));
    }
  });

  it.each(PATHS)(
    "%s: 65 bytes with SIGHASH_ALL spend, and this package refuses each other hash type",
    (path) => {
      const spend = life[path];
      const keys = signEnough(spend).map(({ publicKey }) => publicKey);
      const all = keys.map((key) => sign(spend, key, 1));
      expect(verdict(finishSpend(spend, all), 0, spend.prevouts)).toBe("ok");
      for (const hashType of [2, 3, 0x81, 0x82, 0x83]) {
        const signatures = keys.map((key) => sign(spend, key, hashType));
        refusal("unsupported-sighash", () => finishSpend(spend, signatures));
        expect(verifyLeafSignature(spend, signatures[0]!)).toBe(false);
      }
      // BIP-341: SIGHASH_DEFAULT is written by leaving the byte out.
      const zero = keys.map((key) => {
        const { signature } = sign(spend, key);
        return { publicKey: key, signature: Uint8Array.of(...signature, 0) };
      });
      refusal("unsupported-sighash", () => finishSpend(spend, zero));
      expect(executesAs(spend, withWitness(spend, assembleWitness(spend.leaf, zero)))).toBe(false);
    },
  );

  it("a transaction of version 1 cannot spend a time lock", () => {
    const spend = life["staking timelock"];
    const old = { ...spend, transaction: changed(spend.transaction, (copy) => (copy.version = 1)) };
    expect(executesAs(old, finishSpend(old, signEnough(old)))).toBe(false);
  });

  it("a slashing transaction of version 1 spends, as the Go builder writes it", () => {
    const spend = life["staking slashing"];
    const old = { ...spend, transaction: changed(spend.transaction, (copy) => (copy.version = 1)) };
    expect(executesAs(old, finishSpend(old, signEnough(old)))).toBe(true);
  });

  it("a committee without the stakers and the finality provider spends no path", () => {
    for (const path of ["staking unbonding", "staking slashing", "unbonding slashing"] as const) {
      const spend = life[path];
      const covenant = spend.leaf.signers
        .at(-1)!
        .keys.slice(0, 3)
        .map((key) => sign(spend, key));
      expect(executesAs(spend, withWitness(spend, assembleWitness(spend.leaf, covenant)))).toBe(false);
    }
  });

  it("two finality providers at once fail: the script counts one", () => {
    const spend = life["staking slashing"];
    const extra = sign(spend, terms.finalityProviders[1]!);
    expect(
      executesAs(spend, withWitness(spend, assembleWitness(spend.leaf, [...signEnough(spend), extra]))),
    ).toBe(false);
  });
});

describe("every path of any stake", () => {
  it("is spent by any quorum of valid signatures, and by no spend with one thing wrong", () => {
    fc.assert(
      fc.property(anyLife, fc.constantFrom(...PATHS), fc.infiniteStream(fc.nat()), (life, path, dice) => {
        const roll = (below: number) => (dice.next().value as number) % below;
        const spend = lifeOf(life.terms, life.params)[path];
        const { leaf, transaction, prevouts } = spend;

        // Some quorum of each set, not always the first.
        const chosen = leaf.signers.map(({ keys, quorum }) => {
          const start = roll(keys.length);
          return Array.from({ length: quorum }, (_, i) => keys[(start + i) % keys.length]!);
        });
        // Some wallets write the hash type behind: 65 bytes, beside others' 64.
        const signatures = chosen.flat().map((key) => sign(spend, key, roll(2)));
        const right = finishSpend(spend, signatures);
        expect(verdict(right, 0, prevouts)).toBe("ok");

        const wrong = (name: string, tried: Transaction, coins = prevouts) =>
          expect({ name, runs: executes(tried, 0, coins) }).toEqual({ name, runs: false });
        const slots = slotsOf(leaf);
        const [witness] = [right.ins[0]!.witness];

        const missing = signatures.toSpliced(roll(signatures.length), 1);
        wrong("a signature missing", withWitness(spend, assembleWitness(leaf, missing)));

        const spare = leaf.signers.flatMap(({ keys }, i) =>
          keys.filter((key) => !chosen[i]!.some((used) => equalBytes(used, key))),
        );
        if (spare.length > 0) {
          const extra = sign(spend, spare[roll(spare.length)]!);
          wrong("one too many", withWitness(spend, assembleWitness(leaf, [...signatures, extra])));
        }

        if (slots > 1) {
          const a = witness.findIndex(({ length }) => length > 0);
          const b = (a + 1 + roll(slots - 1)) % slots;
          const swapped = witness.map((each, i) => (i === a ? witness[b]! : i === b ? witness[a]! : each));
          wrong("two slots swapped", withWitness(spend, swapped));
        }

        const [forged] = signatures;
        const byStranger = schnorr.sign(secretOf(keyOf(-1)), leafSighash(spend));
        const stranger = [{ ...forged!, signature: byStranger }, ...signatures.slice(1)];
        wrong("signature by another key", withWitness(spend, assembleWitness(leaf, stranger)));
        refusal("invalid-signature", () => finishSpend(spend, stranger));

        const { sequence } = transaction.ins[0]!;
        if (leaf.kind === "timelock" && sequence > 1) {
          // Signed anew for the early sequence: the script itself must refuse.
          const early = {
            ...spend,
            transaction: changed(transaction, (copy) => (copy.ins[0]!.sequence = sequence - 1)),
          };
          wrong(
            "sequence below the timelock",
            finishSpend(
              early,
              chosen.flat().map((key) => sign(early, key)),
            ),
          );
        }
        wrong(
          "sequence changed",
          changed(right, (copy) => (copy.ins[0]!.sequence = (copy.ins[0]!.sequence ^ 1) >>> 0)),
        );
        wrong(
          "locktime changed",
          changed(right, (copy) => (copy.locktime = 1)),
        );
        wrong(
          "output value changed",
          changed(right, (copy) => (copy.outs.at(-1)!.value -= 1n)),
        );
        wrong(
          "output script changed",
          changed(right, (copy) => {
            const script = copy.outs.at(-1)!.script.slice();
            script[script.length - 1]! ^= 1;
            copy.outs.at(-1)!.script = script;
          }),
        );
        wrong(
          "outpoint changed",
          changed(right, (copy) => (copy.ins[0]!.index += 1)),
        );
        wrong("another prevout value", right, [{ ...prevouts[0]!, value: prevouts[0]!.value + 1n }]);

        const other = lifeOf(life.terms, life.params)[
          path === "staking timelock" ? "staking slashing" : "staking timelock"
        ].leaf;
        wrong(
          "the control block of another leaf",
          withWitness(spend, [...witness.slice(0, -1), other.controlBlock]),
        );
        wrong(
          "another leaf",
          withWitness(spend, [...witness.slice(0, -2), other.script, other.controlBlock]),
        );
      }),
      { numRuns: runs(40) },
    );
  });

  it("is finished with exactly the quorum, from more signatures in any order", () => {
    fc.assert(
      fc.property(
        anyLife.chain((life) =>
          fc.constantFrom(...PATHS).chain((path) => {
            const spend = lifeOf(life.terms, life.params)[path];
            const everybody = signAll(spend);
            return fc.record({
              spend: fc.constant(spend),
              signatures: fc.shuffledSubarray(everybody, { minLength: everybody.length }),
            });
          }),
        ),
        ({ spend, signatures }) => {
          const finished = finishSpend(spend, signatures);
          expect(verdict(finished, 0, spend.prevouts)).toBe("ok");
          const filled = finished.ins[0]!.witness.slice(0, -2).filter(({ length }) => length > 0);
          expect(filled).toHaveLength(spend.leaf.signers.reduce((sum, { quorum }) => sum + quorum, 0));
          // PROTOCOL 4: committee first, stakers last; each set descending.
          const order = spend.leaf.signers.toReversed().flatMap(({ keys }) => sortKeys(keys).toReversed());
          for (const [slot, key] of order.entries()) {
            const signature = finished.ins[0]!.witness[slot]!;
            expect(signature.length === 0 || verifyLeafSignature(spend, { publicKey: key, signature })).toBe(
              true,
            );
          }
        },
      ),
      { numRuns: runs(15) },
    );
  });
});
