import { describe, expect, it } from "vitest";
import { checkDelegation, checkSoFar } from "../../src/delegation/check.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { stakeOutputs } from "../../src/delegation/outputs.js";
import { signExpansion, signSlashings, signUnbonding } from "../../src/delegation/sign.js";
import { checkReady, signatureStatus } from "../../src/delegation/status.js";
import { keySigner } from "../../src/spending/spend.js";
import { expand, larger } from "../support/expansion.js";
import { codeOf, delegate, makeStake, refusalOf, signedBy } from "../support/stake.js";

const stake = makeStake({ seed: "status", providers: 2 });
const bare = await delegate(stake, { unsigned: true });
const signed = await delegate(stake);
const two = await signedBy(stake, signed, [0, 1]);
const three = await signedBy(stake, signed, [0, 1, 3]);
const { keys } = stake.terms.covenant;

describe("the status of signatures", () => {
  it("lists for each transaction its signers, by role", () => {
    expect(signatureStatus(two)).toMatchObject([
      {
        transaction: "unbonding",
        staker: { signed: [] },
        covenant: [{ quorum: 3, signed: keys.slice(0, 2) }],
      },
      {
        transaction: "slashing",
        staker: { quorum: 1, signed: [stake.terms.staker] },
        covenant: stake.terms.finalityProviders.map((finalityProvider) => ({
          finalityProvider,
          quorum: 3,
          keys,
          signed: keys.slice(0, 2),
          invalid: [],
        })),
      },
      { transaction: "unbondingSlashing", staker: { signed: [stake.terms.staker] } },
    ]);
  });

  it("counts no signature that does not verify, and names its key", () => {
    const { covenantSignatures } = two.slashing;
    // Of the one provider under the name of the other.
    const swapped = covenantSignatures.map((one, i) => ({
      ...one,
      signature: covenantSignatures[(i + 2) % covenantSignatures.length]!.signature,
    }));
    const forged = { ...two, slashing: { ...two.slashing, covenantSignatures: swapped } };
    const [, { covenant }] = signatureStatus(forged) as [
      unknown,
      { covenant: { signed: unknown; invalid: unknown }[] },
    ];
    expect(covenant).toMatchObject([
      { signed: [], invalid: keys.slice(0, 2) },
      { signed: [], invalid: keys.slice(0, 2) },
    ]);
  });

  it("counts each signer once", () => {
    const { covenantSignatures } = two.unbonding;
    const twice = { ...two.unbonding, covenantSignatures: [...covenantSignatures, ...covenantSignatures] };
    expect(signatureStatus({ ...two, unbonding: twice })[0]!.covenant[0]!.signed).toHaveLength(2);
  });
});

describe("a stake is ready to be locked", () => {
  it("once the staker has signed both slashings and a quorum of the committee everything", () => {
    expect(() => checkReady(three)).not.toThrow();
  });

  it("and not before", async () => {
    expect(await codeOf(() => checkReady(bare))).toBe("invalid-staker-signature");
    expect(await codeOf(() => checkReady(signed))).toBe("missing-signature");
    const refused = await refusalOf(() => checkReady(two));
    expect(refused).toMatchObject({ code: "missing-signature", details: { needed: 3, got: 2 } });
    const lacking: Delegation[] = [
      { ...three, unbonding: two.unbonding },
      { ...three, slashing: two.slashing },
      { ...three, unbondingSlashing: two.unbondingSlashing },
      // All of one provider, but not of the other.
      {
        ...three,
        slashing: {
          ...three.slashing,
          covenantSignatures: three.slashing.covenantSignatures.filter(
            ({ finalityProvider }) =>
              finalityProvider === three.slashing.covenantSignatures[0]!.finalityProvider,
          ),
        },
      },
    ];
    for (const one of lacking) expect(await codeOf(() => checkReady(one))).toBe("missing-signature");
  });
});

describe("the status of an expansion", async () => {
  const expanding = await expand(stake);
  const half = await signedBy(stake, expanding, [0, 1]);
  const members = await signedBy(stake, expanding, [0, 1, 3]);
  const statusOf = (delegation: Delegation) => signatureStatus(delegation).at(-1)!;

  it("has one more entry: the spend of the stake that it expands", async () => {
    expect(signatureStatus(members).map(({ transaction }) => transaction)).toEqual([
      "unbonding",
      "slashing",
      "unbondingSlashing",
      "expansion",
    ]);
    expect(statusOf(half)).toMatchObject({
      transaction: "expansion",
      staker: { quorum: 1, signed: [] },
      covenant: [{ quorum: 3, keys, signed: keys.slice(0, 2), invalid: [] }],
    });
    const owner = keySigner(stake.stakerSecrets[0]!);
    expect(statusOf(await signExpansion(members, owner)).staker.signed).toEqual([stake.terms.staker]);
  });

  it("counts the members of the stake's previous committee, and no signature that does not verify", async () => {
    const fresh = makeStake({ committee: 2, seed: "fresh" });
    const covenant = { keys: [...keys.slice(0, 3), ...fresh.terms.covenant.keys], quorum: 3 };
    const next = larger(stake);
    const rotated = await expand(
      stake,
      {},
      {
        ...next,
        terms: { ...next.terms, covenant },
        params: { ...stake.params, covenant, version: 1 },
      },
    );
    expect(statusOf(rotated).covenant[0]!.keys).toEqual(stake.params.covenant.keys);
    const { expansion } = members;
    const [one, ...others] = expansion!.covenantSignatures;
    const forged = { ...one!, signature: others[0]!.signature };
    const mutated = { ...members, expansion: { ...expansion!, covenantSignatures: [forged, ...others] } };
    expect(statusOf(mutated).covenant).toMatchObject([{ signed: [keys[1], keys[3]], invalid: [keys[0]] }]);
  });

  it("is ready once a quorum of that committee has signed; the staker signs it last", async () => {
    expect(() => checkReady(members)).not.toThrow();
    const { expansion } = half;
    const refused = await refusalOf(() => checkReady({ ...members, expansion: expansion! }));
    expect(refused).toMatchObject({
      code: "missing-signature",
      details: { transaction: "expansion", needed: 3, got: 2 },
    });
  });
});

describe("a delegation that is still being signed", () => {
  it("may lack any signature", () => {
    for (const one of [bare, signed, two, three]) checkSoFar(one);
    expect(() => checkDelegation(bare)).toThrow(
      expect.objectContaining({ code: "invalid-staker-signature" }),
    );
  });

  it("is refused with a signature that does not verify, or with any other broken rule", async () => {
    const [own] = signed.slashing.stakerSignatures;
    const crossed = { ...bare, unbondingSlashing: { ...bare.unbondingSlashing, stakerSignatures: [own!] } };
    expect(await codeOf(() => checkSoFar(crossed))).toBe("invalid-staker-signature");
    expect(await codeOf(() => checkSoFar({ ...bare, unbondingTime: 21 }))).toBe("unbonding-time-mismatch");
  });
});

describe("the staker's part", () => {
  it("is not signed by another key that the leaves name", async () => {
    for (const secret of [...stake.memberSecrets, ...stake.providerSecrets]) {
      expect(await codeOf(() => signSlashings(bare, keySigner(secret)))).toBe("unexpected-signer");
      expect(await codeOf(() => signUnbonding(bare, keySigner(secret)))).toBe("unexpected-signer");
    }
  });
});

describe("the outputs of a stake", () => {
  it("have their place in its transactions, each with its lock", () => {
    const { staking, unbonding, slashing, unbondingSlashing } = bare;
    const found = stakeOutputs(bare).map(({ name, from, coin, timelock }) => [name, from, coin, timelock]);
    const at = (transaction: typeof staking.transaction, index: number) => ({
      outpoint: { txid: transaction.getId(), vout: index },
      value: transaction.outs[index]!.value,
      script: transaction.outs[index]!.script,
    });
    expect(found).toEqual([
      ["staking", "staking", at(staking.transaction, 0), 100],
      ["unbonding", "unbonding", at(unbonding.transaction, 0), 20],
      ["refund", "refund", at(slashing.transaction, 1), 20],
      ["unbonding-refund", "refund", at(unbondingSlashing.transaction, 1), 20],
    ]);
  });
});
