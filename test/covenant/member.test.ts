import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { publicKeyOf } from "../../src/core/keys.js";
import {
  addCovenantSignatures,
  checkForMember,
  type CovenantSignatures,
  type CovenantSigner,
  covenantSigner,
  hasQuorum,
  signAsMember,
} from "../../src/covenant/member.js";
import { adaptor } from "../../src/crypto/adaptor.js";
import { checkDelegation } from "../../src/delegation/check.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { signSlashings } from "../../src/delegation/sign.js";
import { slashingSpend } from "../../src/delegation/spends.js";
import { finishSlashing } from "../../src/extract/slashing.js";
import { mainnet } from "../../src/params/data/mainnet.js";
import type { ProtocolParams } from "../../src/params/types.js";
import { keySigner, leafSighash } from "../../src/spending/spend.js";
import { runs } from "../support/runs.js";
import {
  codeOf,
  committeeSecrets,
  delegate,
  inForce,
  makeStake,
  nobodysScript,
  refusalOf,
  regtestParams,
  secretOf,
  signedBy,
  withSlashing,
} from "../support/stake.js";

/** The stake here has two finality providers. */
const ANY = { rules: "any" } as const;
const stake = makeStake({ providers: 2 });
const delegation = await delegate(stake);
const memberKeys = committeeSecrets.map(publicKeyOf);
const sign = (i: number) =>
  signAsMember(delegation, covenantSigner(committeeSecrets[i]!), inForce(regtestParams), ANY);
const signatures = await Promise.all([0, 1, 2, 3, 4].map(sign));
const signedByThese = (members: readonly number[]) =>
  members.reduce<Delegation>((all, i) => addCovenantSignatures(all, signatures[i]!), delegation);

describe("a committee member's signing", () => {
  it("covers the unbonding, and both slashings once for each finality provider", () => {
    for (const [i, { unbonding, slashing, unbondingSlashing }] of signatures.entries()) {
      expect(unbonding.publicKey).toEqual(memberKeys[i]);
      for (const adaptors of [slashing, unbondingSlashing]) {
        expect(adaptors.map(({ finalityProvider }) => finalityProvider)).toEqual(
          stake.terms.finalityProviders,
        );
        for (const { publicKey, signature } of adaptors) {
          expect(publicKey).toEqual(memberKeys[i]);
          expect(signature).toHaveLength(65);
        }
      }
    }
  });

  it("gives a signature for one finality provider and one transaction only", () => {
    const [{ slashing }] = signatures as [CovenantSignatures];
    const [first, second] = stake.terms.finalityProviders as [Uint8Array, Uint8Array];
    const digest = leafSighash(slashingSpend(delegation, "staking"));
    const { signature } = slashing[0]!;
    expect(adaptor.verify(memberKeys[0]!, first, digest, signature)).toBe(true);
    expect(adaptor.verify(memberKeys[0]!, second, digest, signature)).toBe(false);
    const unbonding = leafSighash(slashingSpend(delegation, "unbonding"));
    expect(adaptor.verify(memberKeys[0]!, first, unbonding, signature)).toBe(false);
  });

  it("accepts a compressed public key too", async () => {
    const inner = covenantSigner(committeeSecrets[0]!);
    const signer = { ...inner, publicKey: Uint8Array.of(2, ...inner.publicKey) };
    const signed = await signAsMember(delegation, signer, inForce(regtestParams), ANY);
    expect(await codeOf(() => checkDelegation(addCovenantSignatures(delegation, signed)))).toBe("passed");
  });
});

describe("a committee member's check of a delegation against its parameters", () => {
  // Each delegation is right by the parameters that it brings along.
  const forged: readonly [field: string, params: ProtocolParams][] = [
    ["slashing", withSlashing(regtestParams, { script: nobodysScript() })],
    ["slashing", withSlashing(regtestParams, { rate: "0.0001", script: regtestParams.slashing!.script })],
    ["slashing", withSlashing(regtestParams, { minFee: 1n })],
    ["unbondingTime", { ...regtestParams, unbondingTime: 1 }],
    ["unbondingFee", { ...regtestParams, unbondingFee: 1n }],
    ["minValue", { ...regtestParams, minValue: 10_000n }],
    ["minTime", { ...regtestParams, minTime: 1 }],
    ["version", { ...regtestParams, version: 1 }],
    ["network", { ...regtestParams, network: "signet" }],
    ["phase1", { ...regtestParams, phase1: { tag: new Uint8Array(4), confirmationDepth: 1 } }],
  ];
  it.each(forged)("refuses another %s", async (field, params) => {
    const harmful = await delegate(stake, { params });
    checkDelegation(harmful);
    let asked = 0;
    const ask = () => {
      asked++;
      return new Uint8Array(64);
    };
    const signer = { publicKey: memberKeys[0]!, signSchnorr: ask, signAdaptor: ask };
    const refusal = await refusalOf(() => signAsMember(harmful, signer, inForce(regtestParams), ANY));
    expect(refusal.code).toBe("params-mismatch");
    expect(refusal.details).toMatchObject({ field });
    expect(asked).toBe(0);
  });

  it("refuses a committee without its key, whatever the delegation says", async () => {
    const outsider = publicKeyOf(secretOf("outsider"));
    expect(await codeOf(() => checkForMember(delegation, outsider, inForce(regtestParams), ANY))).toBe(
      "not-a-member",
    );
    const own = mainnet.versions[0]!;
    expect(await codeOf(() => checkForMember(delegation, memberKeys[0]!, inForce(own), ANY))).toBe(
      "not-a-member",
    );
    const foreign = makeStake({ committee: 3 });
    const theirs = await delegate(foreign);
    const [key] = foreign.terms.covenant.keys as [Uint8Array];
    expect(await codeOf(() => checkForMember(theirs, key, inForce(foreign.params), ANY))).toBe("passed");
    expect(await codeOf(() => checkForMember(theirs, key, inForce(regtestParams), ANY))).toBe("not-a-member");
    expect(await codeOf(() => checkForMember(theirs, memberKeys[0]!, inForce(regtestParams), ANY))).toBe(
      "params-mismatch",
    );
  });

  it("ignores the order of the committee's keys", async () => {
    const { covenant } = regtestParams;
    const params = { ...regtestParams, covenant: { ...covenant, keys: covenant.keys.toReversed() } };
    expect(await codeOf(() => checkForMember(delegation, memberKeys[0]!, inForce(params), ANY))).toBe(
      "passed",
    );
  });
});

describe("a quorum", () => {
  it("is any three of five, in any order of signing", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 3, maxLength: 3 }), (members) => {
        expect(hasQuorum(signedByThese(members.slice(0, 2)))).toBe(false);
        const signed = signedByThese(members);
        expect(hasQuorum(signed)).toBe(true);
        checkDelegation(signed);
        expect(finishSlashing(signed, "staking", stake.providerSecrets[1]!).hasWitnesses()).toBe(true);
      }),
      { numRuns: runs(6) },
    );
  });

  it("stops further members from signing", async () => {
    const signed = signedByThese([4, 2, 0]);
    let asked = 0;
    const inner = covenantSigner(committeeSecrets[1]!);
    const signer = { ...inner, signSchnorr: () => (asked++, new Uint8Array(64)) };
    expect(await codeOf(() => signAsMember(signed, signer, inForce(regtestParams), ANY))).toBe(
      "quorum-reached",
    );
    expect(asked).toBe(0);
    // One signature short of it anywhere, and members still sign.
    const { slashing } = signed;
    const short = {
      ...signed,
      slashing: { ...slashing, covenantSignatures: slashing.covenantSignatures.slice(1) },
    };
    expect(await codeOf(() => signAsMember(short, inner, inForce(regtestParams), ANY))).toBe("passed");
  });

  it("requires every finality provider and all three transactions", () => {
    const full = signedByThese([0, 1, 2]);
    const { unbonding, slashing, unbondingSlashing } = full;
    expect(hasQuorum({ ...full, unbonding: without(unbonding, 0) })).toBe(false);
    for (let i = 0; i < 6; i++) {
      expect(hasQuorum({ ...full, slashing: without(slashing, i) })).toBe(false);
      expect(hasQuorum({ ...full, unbondingSlashing: without(unbondingSlashing, i) })).toBe(false);
    }
  });

  it("counts neither one member twice nor a key outside the committee", () => {
    const two = signedByThese([0, 1]);
    const extra = (publicKey: Uint8Array): Delegation => {
      const more = <T extends { readonly publicKey: Uint8Array }>(list: readonly T[]) => [
        ...list,
        ...list.map((signed) => ({ ...signed, publicKey })),
      ];
      const { unbonding, slashing, unbondingSlashing } = two;
      return {
        ...two,
        unbonding: { ...unbonding, covenantSignatures: more(unbonding.covenantSignatures) },
        slashing: { ...slashing, covenantSignatures: more(slashing.covenantSignatures) },
        unbondingSlashing: {
          ...unbondingSlashing,
          covenantSignatures: more(unbondingSlashing.covenantSignatures),
        },
      };
    };
    expect(hasQuorum(extra(memberKeys[0]!))).toBe(false);
    expect(hasQuorum(extra(publicKeyOf(secretOf("x"))))).toBe(false);
    expect(hasQuorum(extra(memberKeys[2]!))).toBe(true);
  });
});

describe("covenant signatures", () => {
  it("are merged, and a member's later ones replace its earlier", async () => {
    const once = signedByThese([0, 1]);
    const again = addCovenantSignatures(once, await sign(0));
    expect(again.unbonding.covenantSignatures).toHaveLength(2);
    expect(again.slashing.covenantSignatures).toHaveLength(4);
    expect(again.unbondingSlashing.covenantSignatures).toHaveLength(4);
    expect(again.slashing.covenantSignatures).not.toEqual(once.slashing.covenantSignatures);
    checkDelegation(again);
    expect(delegation.slashing.covenantSignatures).toEqual([]);
  });

  it("are added only complete, valid, and from one member", async () => {
    const [mine, others] = signatures as [CovenantSignatures, CovenantSignatures];
    const again = await sign(0);
    const outsider = { ...mine.unbonding, publicKey: stake.terms.staker as Uint8Array };
    const cases: readonly [CovenantSignatures, string][] = [
      [{ ...mine, unbonding: outsider }, "not-a-member"],
      [
        { ...mine, unbonding: { ...others.unbonding, publicKey: mine.unbonding.publicKey } },
        "invalid-signature",
      ],
      [
        {
          ...mine,
          unbonding: { ...mine.unbonding, signature: Uint8Array.of(...mine.unbonding.signature, 3) },
        },
        "unsupported-sighash",
      ],
      [{ ...mine, slashing: mine.slashing.slice(1) }, "missing-signature"],
      [{ ...mine, unbondingSlashing: [] }, "missing-signature"],
      [{ ...mine, slashing: [mine.slashing[0]!, again.slashing[0]!] }, "duplicate-signature"],
      [
        { ...mine, unbondingSlashing: [...mine.unbondingSlashing, again.unbondingSlashing[1]!] },
        "duplicate-signature",
      ],
      [{ ...mine, slashing: others.slashing }, "invalid-covenant-signature"],
      [{ ...mine, slashing: [...mine.slashing, others.slashing[0]!] }, "invalid-covenant-signature"],
      [{ ...mine, slashing: mine.unbondingSlashing }, "invalid-covenant-signature"],
    ];
    for (const [given, code] of cases) {
      expect(await codeOf(() => addCovenantSignatures(delegation, given))).toBe(code);
    }
  });
});

describe("a remote signer", () => {
  const inner = covenantSigner(committeeSecrets[0]!);
  const other = covenantSigner(committeeSecrets[1]!);
  const remote = (change: Partial<CovenantSigner>): CovenantSigner => ({
    publicKey: inner.publicKey,
    signSchnorr: async (digest) => inner.signSchnorr(digest),
    signAdaptor: async (key, digest) => inner.signAdaptor(key, digest),
    ...change,
  });
  const bad = (value: unknown) => async () => value as Uint8Array;
  const fails = async () => {
    throw new Error("the line is dead");
  };
  const cases: readonly [name: string, signer: CovenantSigner, code: string][] = [
    ["that answers later serves", remote({}), "passed"],
    ["that fails is named", remote({ signSchnorr: fails }), "signer-failed"],
    ["that fails at adaptor signatures is named", remote({ signAdaptor: fails }), "signer-failed"],
    [
      "that throws at once is named",
      remote({
        signAdaptor: () => {
          throw new Error("no");
        },
      }),
      "signer-failed",
    ],
    ["that returns nothing is refused", remote({ signSchnorr: bad(undefined) }), "signer-failed"],
    ["that returns text is refused", remote({ signSchnorr: bad("00".repeat(64)) }), "signer-failed"],
    [
      "that returns garbage is refused",
      remote({ signSchnorr: bad(new Uint8Array(64).fill(7)) }),
      "invalid-signature",
    ],
    ["that signs by another key is refused", remote({ signSchnorr: other.signSchnorr }), "invalid-signature"],
    [
      "that adapts to nothing is refused",
      remote({ signAdaptor: bad(undefined) }),
      "invalid-covenant-signature",
    ],
    [
      "that returns garbage adaptors is refused",
      remote({ signAdaptor: bad(new Uint8Array(65).fill(2)) }),
      "invalid-covenant-signature",
    ],
    [
      "that adaptor-signs by another key is refused",
      remote({ signAdaptor: other.signAdaptor }),
      "invalid-covenant-signature",
    ],
    [
      "that signs outright instead of an adaptor is refused",
      remote({ signAdaptor: (_, digest) => inner.signSchnorr(digest) }),
      "invalid-covenant-signature",
    ],
    [
      "that encrypts to one provider only is refused",
      remote({ signAdaptor: (_, digest) => inner.signAdaptor(stake.terms.finalityProviders[0]!, digest) }),
      "invalid-covenant-signature",
    ],
    [
      "whose key is no member's is refused",
      remote({ publicKey: publicKeyOf(secretOf("x")) }),
      "not-a-member",
    ],
    ["whose key is no key is refused", remote({ publicKey: new Uint8Array(3) }), "not-a-member"],
  ];
  it("whose key is a Node Buffer that changes while it answers signs with the original key", async () => {
    const publicKey = Buffer.from(inner.publicKey);
    const signSchnorr = async (digest: Uint8Array) => {
      const signature = await inner.signSchnorr(digest);
      publicKey.fill(0);
      return signature;
    };
    const given = await signAsMember(
      delegation,
      remote({ publicKey, signSchnorr }),
      inForce(regtestParams),
      ANY,
    );
    expect(given.unbonding.publicKey).toEqual(inner.publicKey);
    for (const each of [...given.slashing, ...given.unbondingSlashing]) {
      expect(each.publicKey).toEqual(inner.publicKey);
    }
  });

  it("that writes each answer into the same memory is supported, and so is a staker's", async () => {
    const [schnorrAnswer, adaptorAnswer] = [new Uint8Array(64), new Uint8Array(65)];
    const reusing = remote({
      signSchnorr: async (digest) => (schnorrAnswer.set(await inner.signSchnorr(digest)), schnorrAnswer),
      signAdaptor: async (key, digest) => (
        adaptorAnswer.set(await inner.signAdaptor(key, digest)),
        adaptorAnswer
      ),
    });
    const given = await signAsMember(delegation, reusing, inForce(regtestParams), ANY);
    expect(await codeOf(() => addCovenantSignatures(delegation, given))).toBe("passed");
    const staker = keySigner(stake.stakerSecrets[0]!);
    const unsigned = await delegate(stake, { unsigned: true });
    const signed = await signSlashings(unsigned, {
      publicKey: staker.publicKey,
      signSchnorr: async (digest) => (schnorrAnswer.set(await staker.signSchnorr(digest)), schnorrAnswer),
    });
    expect(await codeOf(() => checkDelegation(signed))).toBe("passed");
  });

  it.each(cases)("%s", async (_, signer, code) => {
    expect(await codeOf(() => signAsMember(delegation, signer, inForce(regtestParams), ANY))).toBe(code);
  });

  it("signs what was checked, though the transaction changes while it answers", async () => {
    const mine = await delegate(stake);
    const checked = leafSighash(slashingSpend(mine, "unbonding"));
    const asked: Uint8Array[] = [];
    const signer = remote({
      signSchnorr: async (digest) => {
        mine.unbondingSlashing.transaction.outs[1]!.script = nobodysScript();
        return inner.signSchnorr(digest);
      },
      signAdaptor: async (key, digest) => {
        asked.push(digest);
        return inner.signAdaptor(key, digest);
      },
    });
    expect(await codeOf(() => signAsMember(mine, signer, inForce(regtestParams), ANY))).toBe(
      "invalid-covenant-signature",
    );
    expect(asked.at(-1)).toEqual(checked);
  });

  it("may return adaptor signatures of 66 bytes", async () => {
    const signer = remote({
      signAdaptor: async (key, digest) => adaptor.toLegacy(await inner.signAdaptor(key, digest)),
    });
    const legacy = await signAsMember(delegation, signer, inForce(regtestParams), ANY);
    expect(legacy.slashing[0]!.signature).toHaveLength(66);
    const signed = [1, 2].reduce(
      (all, i) => addCovenantSignatures(all, signatures[i]!),
      addCovenantSignatures(delegation, legacy),
    );
    checkDelegation(signed);
    finishSlashing(signed, "unbonding", stake.providerSecrets[0]!);
  });
});

it("committees of one up to twenty: sign", async () => {
  for (const committee of [1, 2, 20]) {
    const own = makeStake({ seed: `c${committee}`, committee });
    const { quorum } = own.terms.covenant;
    const members = Array.from({ length: quorum }, (_, i) => committee - 1 - i);
    const signed = await signedBy(own, await delegate(own), members);
    expect(hasQuorum(signed)).toBe(true);
    finishSlashing(signed, "staking", own.providerSecrets[0]!);
  }
});

function without<T extends { readonly covenantSignatures: readonly unknown[] }>(presigned: T, i: number): T {
  return { ...presigned, covenantSignatures: presigned.covenantSignatures.toSpliced(i, 1) };
}
