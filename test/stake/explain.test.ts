import { beforeAll, describe, expect, it } from "vitest";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { parseTransaction } from "../../src/bitcoin/transaction.js";
import { hex } from "../../src/core/bytes.js";
import { mainnet, mainnetPhase1 } from "../../src/params/data/mainnet.js";
import { regtest } from "../../src/params/data/regtest.js";
import { testnet } from "../../src/params/data/testnet.js";
import { explainSpends, identifyStaking } from "../../src/stake/explain.js";
import { observed } from "../cli/support.js";
import { type Life, provider, signers, staker, wholeLife } from "../support/life.js";

/** Mainnet as it stood when the observed stake was made and shortly after: later versions are no matter of it. */
const mainnetThen = { ...mainnet, versions: mainnet.versions.slice(0, 4) };
const all = [mainnetThen, mainnetPhase1, testnet, regtest];
const real = parseTransaction(hex.decode(observed["mainnet-300.004BTC"].hex));
const refusing = (code: string) => expect.objectContaining({ name: "TapstakeError", code });

let life: Life;
beforeAll(async () => {
  life = await wholeLife();
});

describe("identifyStaking", () => {
  it("returns the first set that matches, and names the others", () => {
    const { set, params, others } = identifyStaking(real, all);
    expect([set.name, params.version]).toEqual(["mainnet", 1]);
    expect(others.map(({ set: { name }, params: { version } }) => `${name} ${version}`)).toEqual([
      "mainnet 2",
      "mainnet 3",
      "mainnet-phase1 1",
      "mainnet-phase1 2",
    ]);
    expect(identifyStaking(real, [mainnetPhase1, mainnetThen]).set.name).toBe("mainnet-phase1");
  });

  it("accepts terms for a stake without an announcement", () => {
    const terms = { staker: staker.publicKey, finalityProviders: [provider.publicKey], timelock: 1000 };
    expect(identifyStaking(life.staking, all, { terms })).toMatchObject({ set: regtest, value: 1_000_000n });
    expect(() => identifyStaking(life.staking, all, { terms: { ...terms, timelock: 999 } })).toThrow(
      refusing("not-a-stake"),
    );
    expect(() => identifyStaking(life.staking, all)).toThrow(refusing("not-a-stake"));
  });

  it("passes on the refusal of the set that recognises the stake", () => {
    expect(() => identifyStaking(real, all, { height: 857_910 })).toThrow(
      refusing("staking-value-out-of-range"),
    );
    expect(() => identifyStaking(real, [mainnet], { height: 1 })).toThrow(refusing("not-active"));
    expect(() => identifyStaking(real, [testnet])).toThrow(refusing("not-a-stake"));
  });

  it("refuses two announcements", () => {
    const twice = real.clone();
    twice.addOutput(real.outs[1]!.script, 0n);
    expect(() => identifyStaking(twice, all)).toThrow(refusing("multiple-op-returns"));
  });
});

describe("explainSpends", () => {
  it("is empty for a transaction that spends no stake", () => {
    expect(explainSpends(real, all)).toEqual([]);
    expect(explainSpends(life.delegation.unbonding.transaction, all)).toEqual([]);
  });

  it("lists the signers, in ascending order, by role", () => {
    const [spend] = explainSpends(life.slashing, all);
    expect(spend!.signed).toEqual({
      staker: [staker.publicKey],
      finalityProviders: [provider.publicKey],
      covenant: signers.map(({ publicKey }) => publicKey).sort((a, b) => Buffer.compare(a, b)),
    });
  });

  it("marks signatures as unverified, and counts only those with the size of one", () => {
    const [before] = explainSpends(life.slashing, all);
    expect(before).toMatchObject({ verified: false, invalid: [], annex: false });
    const forged = life.slashing.clone();
    const slots = forged.ins[0]!.witness;
    const name = slots.findIndex(({ length }) => length === 64);
    forged.setWitness(0, slots.with(name, Uint8Array.of(1)));
    const [spend] = explainSpends(forged, all);
    const members = before!.signed.covenant;
    expect(spend!.signed.covenant).toEqual(members.slice(0, -1));
    expect(spend!.invalid).toEqual(members.slice(-1));
  });

  it("accepts a spend with an annex", () => {
    for (const name of ["staking", "unbonding", "refund"] as const) {
      const annexed = life.withdrawals[name].clone();
      annexed.setWitness(0, [...annexed.ins[0]!.witness, Uint8Array.of(0x50, 1)]);
      expect(explainSpends(annexed, all)).toMatchObject([
        {
          role: "withdrawal",
          from: name,
          annex: true,
          verified: false,
          signed: { staker: [staker.publicKey] },
        },
      ]);
    }
    const slashing = life.slashing.clone();
    slashing.setWitness(0, [...slashing.ins[0]!.witness, Uint8Array.of(0x50)]);
    expect(explainSpends(slashing, all)[0]!.signed).toEqual(explainSpends(life.slashing, all)[0]!.signed);
  });

  it("distinguishes the slashing of the two outputs, and lists where the coins go", () => {
    expect(explainSpends(life.slashing, all)).toMatchObject([
      { role: "slashing", from: "staking", outputs: { slashed: 0, refund: 1, refundLock: 20 } },
    ]);
    expect(explainSpends(life.unbondingSlashing, all)).toMatchObject([
      { role: "slashing", from: "unbonding", outputs: { slashed: 0, refund: 1, refundLock: 20 } },
    ]);
  });

  it("leaves the members unknown for an unknown committee", () => {
    const [spend] = explainSpends(life.slashing, [mainnet]);
    expect(spend).toMatchObject({ role: "slashing", versions: [] });
    expect(spend).not.toHaveProperty("from");
    expect(spend).not.toHaveProperty("outputs");
  });

  it("calls a spend of the unbonding leaf together with other coins an expansion", () => {
    const expanded = life.unbonding.clone();
    expanded.addInput(new Uint8Array(32), 1);
    expect(explainSpends(expanded, all)).toMatchObject([
      { role: "expansion", from: "staking", inputIndex: 0 },
    ]);
  });

  it("finds spends beside other inputs, by their index", () => {
    const both = new Transaction();
    both.addInput(new Uint8Array(32), 1);
    both.addInput(new Uint8Array(32), 2);
    both.setWitness(1, life.withdrawals.refund.ins[0]!.witness);
    expect(explainSpends(both, all)).toMatchObject([{ role: "withdrawal", from: "refund", inputIndex: 1 }]);
  });

  it("refuses a witness with other slots than the leaf's", () => {
    const broken = life.slashing.clone();
    broken.setWitness(0, broken.ins[0]!.witness.slice(1));
    expect(() => explainSpends(broken, all)).toThrow(refusing("witness-mismatch"));
  });
});
