import { beforeAll, describe, expect, it } from "vitest";
import { Transaction } from "../../src/core/bitcoin.js";
import { recognise } from "../../src/delegation/recognise.js";
import { type Life, wholeLife } from "../support/life.js";

let life: Life;
let other: Life;
beforeAll(async () => {
  [life, other] = [await wholeLife(), await wholeLife(2_000_000n)];
});

const refusing = (code: string) => expect.objectContaining({ name: "TapstakeError", code });

describe("recognise", () => {
  it("knows the staking transaction", () => {
    expect(recognise(life.delegation, life.staking)).toEqual({ kind: "staking" });
  });

  it("knows the pre-signed transactions, signed or not", () => {
    const { unbonding, slashing, unbondingSlashing } = life.delegation;
    for (const [transaction, role, from, value] of [
      [unbonding.transaction, "unbonding", "staking", 1_000_000n],
      [life.unbonding, "unbonding", "staking", 1_000_000n],
      [slashing.transaction, "slashing", "staking", 1_000_000n],
      [life.slashing, "slashing", "staking", 1_000_000n],
      [unbondingSlashing.transaction, "slashing", "unbonding", 999_000n],
      [life.unbondingSlashing, "slashing", "unbonding", 999_000n],
    ] as const) {
      const expected = { kind: "spend", presigned: true, spends: [{ role, from, value, inputIndex: 0 }] };
      expect(recognise(life.delegation, transaction)).toMatchObject(expected);
    }
  });

  it.each(["staking", "unbonding", "refund"] as const)("knows a withdrawal of the %s output", (from) => {
    const signed = life.withdrawals[from];
    const unsigned = signed.clone();
    unsigned.setWitness(0, []);
    for (const transaction of [signed, unsigned]) {
      expect(recognise(life.delegation, transaction)).toMatchObject({
        kind: "spend",
        presigned: false,
        spends: [{ role: "withdrawal", from }],
      });
    }
  });

  it("knows a spend that was not signed in advance from one that was", () => {
    const changed = life.slashing.clone();
    changed.outs[1]!.value -= 1n;
    expect(recognise(life.delegation, changed)).toMatchObject({
      presigned: false,
      spends: [{ role: "slashing", outputs: { slashed: 0, refund: 1 } }],
    });
  });

  it("refuses the transactions of another delegation", () => {
    for (const transaction of [other.staking, other.unbonding, other.slashing, other.withdrawals.refund]) {
      expect(() => recognise(life.delegation, transaction)).toThrow(refusing("not-a-stake"));
    }
  });

  it("refuses a witness that opens the right script with the wrong slots", () => {
    const broken = new Transaction();
    broken.addInput(life.staking.getHash(), 0);
    broken.addOutput(life.staking.outs[0]!.script, 1000n);
    broken.setWitness(0, life.unbonding.ins[0]!.witness.slice(1));
    expect(() => recognise(life.delegation, broken)).toThrow(refusing("witness-mismatch"));
  });
});
