import { beforeAll, describe, expect, it } from "vitest";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { recognise } from "../../src/delegation/recognise.js";
import { type Life, provider, staker, wholeLife } from "../support/life.js";
import { keyOf } from "../support/lives.js";

let life: Life;
let other: Life;
beforeAll(async () => {
  [life, other] = [await wholeLife(), await wholeLife(2_000_000n)];
});

const refusing = (code: string) => expect.objectContaining({ name: "TapstakeError", code });

describe("recognise", () => {
  it("recognises the staking transaction", () => {
    expect(recognise(life.delegation, life.staking)).toEqual({ kind: "staking" });
  });

  it("recognises the pre-signed transactions, signed or unsigned", () => {
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

  it.each(["staking", "unbonding", "refund"] as const)("recognises a withdrawal of the %s output", (from) => {
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

  it("distinguishes a spend without advance signatures from a pre-signed one", () => {
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

  it("refuses a document whose transactions do not match its terms", () => {
    const { delegation } = life;
    const { terms, params, staking } = delegation;
    const forgeries: [string, Partial<Delegation>][] = [
      ["staking-output-mismatch", { terms: { ...terms, staker: keyOf(1) } }],
      ["staking-output-mismatch", { terms: { ...terms, timelock: terms.timelock + 1 } }],
      ["output-not-found", { staking: { ...staking, outputIndex: 1 } }],
      ["unbonding-fee-mismatch", { params: { ...params, unbondingFee: params.unbondingFee + 1n } }],
      ["unbonding-time-mismatch", { unbondingTime: delegation.unbondingTime + 1 }],
      ["wrong-outpoint", { slashing: other.delegation.slashing }],
    ];
    for (const [code, change] of forgeries) {
      expect(() => recognise({ ...delegation, ...change }, life.staking)).toThrow(refusing(code));
      expect(() => recognise({ ...delegation, ...change }, life.slashing)).toThrow(refusing(code));
    }
  });

  it("verifies every signature, and lists as signers only those whose does", () => {
    expect(recognise(life.delegation, life.slashing)).toMatchObject({
      sameTxid: true,
      spends: [{ verified: true, invalid: [], signed: { finalityProviders: [provider.publicKey] } }],
    });
    const forged = life.delegation.slashing.transaction.clone();
    const garbage = life.slashing.ins[0]!.witness.map((slot, i, { length }) =>
      i < length - 2 && slot.length > 0 ? new Uint8Array(64).fill(1) : slot,
    );
    forged.setWitness(0, garbage);
    expect(forged.getId()).toBe(life.slashing.getId());
    const answer = recognise(life.delegation, forged);
    expect(answer).toMatchObject({
      sameTxid: true,
      presigned: false,
      spends: [{ verified: true, signed: { staker: [], finalityProviders: [], covenant: [] } }],
    });
    expect(answer.kind === "spend" && answer.spends[0]!.invalid).toHaveLength(5);
  });

  it("does not call a transaction pre-signed that lacks one signature of its quorum, or has one of another key", () => {
    const { witness } = life.unbonding.ins[0]!;
    const filled = witness.flatMap(({ length }, i) => (length === 64 ? [i] : []));
    for (const slot of [new Uint8Array(0), witness[filled[1]!]!]) {
      const changed = life.unbonding.clone();
      changed.setWitness(0, witness.with(filled[0]!, slot));
      expect(recognise(life.delegation, changed)).toMatchObject({ sameTxid: true, presigned: false });
    }
  });

  it("refuses the right script with a control block that does not open the output", () => {
    const changed = life.unbonding.clone();
    const { witness } = changed.ins[0]!;
    const controlBlock = witness.at(-1)!.slice();
    controlBlock[40]! ^= 1;
    changed.setWitness(0, [...witness.slice(0, -1), controlBlock]);
    expect(() => recognise(life.delegation, changed)).toThrow(refusing("witness-mismatch"));
  });

  it.each(["staking", "unbonding", "refund"] as const)(
    "recognises a withdrawal of the %s output with an annex, without verifying its signature",
    (from) => {
      const annexed = life.withdrawals[from].clone();
      annexed.setWitness(0, [...annexed.ins[0]!.witness, Uint8Array.of(0x50, 7)]);
      expect(recognise(life.delegation, annexed)).toMatchObject({
        spends: [{ role: "withdrawal", from, annex: true, verified: false }],
      });
    },
  );

  it("verifies a signature beside a known other coin, and not beside an unknown one", () => {
    const beside = (hash: Uint8Array, index: number) => {
      const transaction = life.withdrawals.staking.clone();
      transaction.addInput(hash, index, 20);
      return recognise(life.delegation, transaction);
    };
    expect(beside(new Uint8Array(32), 0)).toMatchObject({
      spends: [{ verified: false, invalid: [], signed: { staker: [staker.publicKey] } }],
    });
    // The signature was made before the input was added.
    expect(beside(life.delegation.unbonding.transaction.getHash(), 0)).toMatchObject({
      spends: [{ verified: true, invalid: [staker.publicKey], signed: { staker: [] } }, { verified: true }],
    });
  });

  it("refuses a witness that opens the right script with the wrong slots", () => {
    const broken = new Transaction();
    broken.addInput(life.staking.getHash(), 0);
    broken.addOutput(life.staking.outs[0]!.script, 1000n);
    broken.setWitness(0, life.unbonding.ins[0]!.witness.slice(1));
    expect(() => recognise(life.delegation, broken)).toThrow(refusing("witness-mismatch"));
  });
});
