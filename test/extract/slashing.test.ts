import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { compareBytes, equalBytes } from "../../src/core/bytes.js";
import { evenSecret, publicKeyOf } from "../../src/core/keys.js";
import { scalar } from "../../src/core/scalar.js";
import { adaptor } from "../../src/crypto/adaptor.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { type Delegation, presignedSlashing } from "../../src/delegation/delegation.js";
import { slashingSpend } from "../../src/delegation/spends.js";
import { extractFromSlashing, finishSlashing } from "../../src/extract/slashing.js";
import { finishSpend, leafSighash, withWitness } from "../../src/spending/spend.js";
import { readWitness } from "../../src/spending/witness.js";
import { runs } from "../support/runs.js";
import {
  codeOf,
  delegate,
  makeStake,
  refusalOf,
  secretOf,
  signedBy,
  type TestStake,
} from "../support/stake.js";

const evenOf = (secret: Uint8Array) => scalar.toBytes(evenSecret(secret).d);
const OUTPUTS = ["staking", "unbonding"] as const;

async function signedStake(stake: TestStake, members: readonly number[]): Promise<Delegation> {
  return signedBy(stake, await delegate(stake), members);
}

const stake = makeStake({ providers: 3 });
const signed = await signedStake(stake, [0, 1, 2, 3, 4]);

describe("a finished slashing reveals the finality provider's key", () => {
  it("from every member, provider and output", async () => {
    for (const [slot, secret] of stake.providerSecrets.entries()) {
      for (const from of OUTPUTS) {
        const finished = finishSlashing(signed, from, secret);
        const { leaf } = slashingSpend(signed, from);
        const used = readWitness(leaf, finished.ins[0]!.witness).map(({ publicKey }) => publicKey);
        const members = used.filter((key) => stake.terms.covenant.keys.some((each) => equalBytes(each, key)));
        expect(members).toHaveLength(3);
        for (const member of members) {
          // With the adaptor signatures of one member alone, that member's slot has to be found.
          const extracted = extractFromSlashing(only(signed, member), finished);
          expect(extracted).toEqual({
            secretKey: evenOf(secret),
            finalityProvider: stake.terms.finalityProviders[slot],
            member,
            from,
          });
        }
      }
    }
  });

  it("with witness slots that do not follow an unsorted committee list", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }),
        fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
        fc.constantFrom(...OUTPUTS),
        async (order, slots, from) => {
          const shuffled: TestStake = {
            ...stake,
            terms: {
              ...stake.terms,
              covenant: { ...stake.terms.covenant, keys: order.map((i) => stake.terms.covenant.keys[i]!) },
              finalityProviders: slots.map((i) => stake.terms.finalityProviders[i]!),
            },
            memberSecrets: order.map((i) => stake.memberSecrets[i]!),
          };
          const secret = stake.providerSecrets[1]!;
          const delegation = await signedStake(shuffled, [0, 1, 2]);
          const finished = finishSlashing(delegation, from, secret);
          for (const i of [0, 1, 2]) {
            const member = shuffled.terms.covenant.keys[i]!;
            expect(extractFromSlashing(only(delegation, member), finished)).toMatchObject({
              member,
              secretKey: evenOf(secret),
            });
          }
        },
      ),
      { numRuns: runs(5) },
    );
  });

  it("with slots in the order committee, providers, staker, each descending", () => {
    const finished = finishSlashing(signed, "staking", stake.providerSecrets[2]!);
    const { witness } = finished.ins[0]!;
    const { covenant, finalityProviders, staker } = stake.terms;
    const descending = (keys: readonly Uint8Array[]) => keys.toSorted(compareBytes).toReversed();
    const slots = [...descending(covenant.keys), ...descending(finalityProviders), staker as Uint8Array];
    const digest = leafSighash(slashingSpend(signed, "staking"));
    const filled = slots.filter(
      (key, i) => witness[i]!.length > 0 && schnorr.verify(key, digest, witness[i]!),
    );
    expect(witness).toHaveLength(slots.length + 2);
    expect(filled).toHaveLength(5);
    expect(witness.slice(0, -2).filter((item) => item.length > 0)).toHaveLength(5);
  });

  it("with a 65th byte of the signatures in the witness", () => {
    const finished = finishSlashing(signed, "staking", stake.providerSecrets[0]!);
    const witness = finished.ins[0]!.witness.map((item) =>
      item.length === 64 ? Uint8Array.of(...item, 1) : item,
    );
    finished.setWitness(0, witness);
    expect(extractFromSlashing(signed, finished).secretKey).toEqual(evenOf(stake.providerSecrets[0]!));
  });

  it("with adaptor signatures of 66 bytes", () => {
    const legacy: Delegation = {
      ...signed,
      slashing: {
        ...signed.slashing,
        covenantSignatures: signed.slashing.covenantSignatures.map((each) => ({
          ...each,
          signature: adaptor.toLegacy(each.signature),
        })),
      },
    };
    const secret = stake.providerSecrets[0]!;
    const finished = finishSlashing(legacy, "staking", secret);
    expect(finished.getHash(true)).toHaveLength(32);
    expect(extractFromSlashing(legacy, finished).secretKey).toEqual(evenOf(secret));
  });

  it("with either parity of the operator's key, which then slashes others", async () => {
    const parities = new Set<boolean>();
    for (let i = 0; parities.size < 2; i++) {
      const own = makeStake({ seed: `parity ${i}` });
      const [secret] = own.providerSecrets as [Uint8Array];
      const delegation = await signedStake(own, [0, 1, 2]);
      const { secretKey } = extractFromSlashing(delegation, finishSlashing(delegation, "staking", secret));
      parities.add(equalBytes(secretKey, secret));
      const negated = scalar.toBytes(scalar.negate(scalar.reduce(secret)));
      expect([secret, negated]).toContainEqual(secretKey);
      for (const either of [secret, negated]) {
        const unbonded = finishSlashing(delegation, "unbonding", either);
        expect(extractFromSlashing(delegation, unbonded).secretKey).toEqual(secretKey);
      }
    }
  });
});

describe("extraction gives no key", () => {
  const secret = stake.providerSecrets[0]!;
  const finished = finishSlashing(signed, "staking", secret);

  it("from another transaction", async () => {
    for (const transaction of [signed.staking.transaction, signed.unbonding.transaction]) {
      expect(await codeOf(() => extractFromSlashing(signed, transaction))).toBe("not-a-slashing");
    }
    const another = await signedStake(makeStake({ seed: "another" }), [0, 1, 2]);
    expect(await codeOf(() => extractFromSlashing(another, finished))).toBe("not-a-slashing");
    const altered = finished.clone();
    altered.outs[1]!.value -= 1n;
    expect(await codeOf(() => extractFromSlashing(signed, altered))).toBe("not-a-slashing");
  });

  it("from a slashing that the committee signed outright", async () => {
    const spend = slashingSpend(signed, "staking");
    const digest = leafSighash(spend);
    const plain = (key: Uint8Array) => ({
      publicKey: publicKeyOf(key),
      signature: schnorr.sign(key, digest),
    });
    const outright = finishSpend(spend, [
      ...signed.slashing.stakerSignatures,
      plain(secret),
      ...stake.memberSecrets.slice(0, 3).map(plain),
    ]);
    expect(await codeOf(() => extractFromSlashing(signed, outright))).toBe("no-evidence");
  });

  it("without the adaptor signatures that were completed, or with those for another provider", async () => {
    const bare = { ...signed, slashing: { ...signed.slashing, covenantSignatures: [] } };
    expect(await codeOf(() => extractFromSlashing(bare, finished))).toBe("no-evidence");
    const [, others] = stake.terms.finalityProviders as [Uint8Array, Uint8Array];
    const covenantSignatures = signed.slashing.covenantSignatures.filter(({ finalityProvider }) =>
      equalBytes(finalityProvider, others),
    );
    const wrong = { ...signed, slashing: { ...signed.slashing, covenantSignatures } };
    expect(await codeOf(() => extractFromSlashing(wrong, finished))).toBe("no-evidence");
    // What comes out of the right signatures under a wrong name is not that provider's key.
    const named = signed.slashing.covenantSignatures.map((each) => ({ ...each, finalityProvider: others }));
    const misnamed = { ...signed, slashing: { ...signed.slashing, covenantSignatures: named } };
    expect(await codeOf(() => extractFromSlashing(misnamed, finished))).toBe("no-evidence");
  });

  it("from a witness that is missing, of another leaf, or garbage", async () => {
    expect(await codeOf(() => extractFromSlashing(signed, signed.slashing.transaction))).toBe(
      "witness-mismatch",
    );
    const spend = slashingSpend(signed, "staking");
    const { witness } = finished.ins[0]!;
    const other = finishSlashing(signed, "unbonding", secret).ins[0]!.witness;
    for (const items of [other, witness.slice(1), [new Uint8Array(), ...witness], witness.slice(0, 2)]) {
      expect(await codeOf(() => extractFromSlashing(signed, withWitness(spend, items)))).toBe(
        "witness-mismatch",
      );
    }
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 70 }), { minLength: 9, maxLength: 9 }),
        async (junk) => {
          const code = await codeOf(() =>
            extractFromSlashing(signed, withWitness(spend, [...junk, ...witness.slice(-2)])),
          );
          expect(code).toBe("no-evidence");
        },
      ),
      { numRuns: runs(30) },
    );
  });
});

describe("finishing a slashing is refused", () => {
  const secret = stake.providerSecrets[0]!;
  const cases: readonly [name: string, code: string, finish: () => Transaction][] = [
    [
      "with the key of no provider of the stake",
      "unknown-finality-provider",
      () => finishSlashing(signed, "staking", secretOf("x")),
    ],
    [
      "with the staker's key",
      "unknown-finality-provider",
      () => finishSlashing(signed, "staking", stake.stakerSecrets[0]!),
    ],
    [
      "of an output that no stake has",
      "invalid-argument",
      () => finishSlashing(signed, "constructor" as "staking", secret),
    ],
    ["with no key", "invalid-secret-key", () => finishSlashing(signed, "staking", new Uint8Array(32))],
    [
      "with a key of 31 bytes",
      "invalid-secret-key",
      () => finishSlashing(signed, "staking", secret.slice(1)),
    ],
    [
      "with too few adaptor signatures",
      "missing-signature",
      () => finishSlashing(fewer(2), "unbonding", secret),
    ],
    [
      "with adaptor signatures for another provider",
      "missing-signature",
      () => finishSlashing(fewer(5, 1), "unbonding", secret),
    ],
    [
      "without the staker's signature",
      "missing-signature",
      () =>
        finishSlashing(
          { ...signed, slashing: { ...signed.slashing, stakerSignatures: [] } },
          "staking",
          secret,
        ),
    ],
    [
      "with adaptor signatures of the other slashing",
      "missing-signature",
      () =>
        finishSlashing(
          {
            ...signed,
            slashing: { ...signed.slashing, covenantSignatures: signed.unbondingSlashing.covenantSignatures },
          },
          "staking",
          secret,
        ),
    ],
    [
      "with garbage for adaptor signatures",
      "missing-signature",
      () =>
        finishSlashing(
          {
            ...signed,
            slashing: {
              ...signed.slashing,
              covenantSignatures: signed.slashing.covenantSignatures.map((each) => ({
                ...each,
                signature: new Uint8Array(65),
              })),
            },
          },
          "staking",
          secret,
        ),
    ],
  ];
  it.each(cases)("%s", async (_, code, finish) => {
    expect(await codeOf(finish)).toBe(code);
  });

  it("unless a quorum of signatures is valid: invalid ones beside it do not matter", () => {
    const { slashing } = signed;
    const garbage = { ...slashing.covenantSignatures[0]!, signature: new Uint8Array(65) };
    const doubled = signed.slashing.covenantSignatures[1]!;
    const mutated: Delegation = {
      ...signed,
      slashing: {
        ...slashing,
        stakerSignatures: [
          { ...slashing.stakerSignatures[0]!, signature: new Uint8Array(64) },
          ...slashing.stakerSignatures,
        ],
        covenantSignatures: [garbage, doubled, ...slashing.covenantSignatures],
      },
    };
    const finished = finishSlashing(mutated, "staking", secret);
    expect(extractFromSlashing(mutated, finished).secretKey).toEqual(evenOf(secret));
  });

  it("with no secret in the error", async () => {
    const { message, details } = await refusalOf(() => finishSlashing(fewer(2), "unbonding", secret));
    expect(`${message}${JSON.stringify(details)}`).not.toContain(Buffer.from(secret).toString("hex"));
  });

  /** With the signatures of so many members, for the provider of that slot only. */
  function fewer(members: number, slot = 0): Delegation {
    const provider = stake.terms.finalityProviders[slot]!;
    const covenantSignatures = signed.unbondingSlashing.covenantSignatures
      .filter(({ finalityProvider }) => equalBytes(finalityProvider, provider))
      .slice(0, members);
    return { ...signed, unbondingSlashing: { ...signed.unbondingSlashing, covenantSignatures } };
  }
});

it("finishing and extracting: leave the delegation unchanged", () => {
  const before = JSON.stringify(signed, (_, value: unknown) =>
    typeof value === "bigint" ? `${value}` : value,
  );
  extractFromSlashing(signed, finishSlashing(signed, "staking", stake.providerSecrets[0]!));
  const after = JSON.stringify(signed, (_, value: unknown) =>
    typeof value === "bigint" ? `${value}` : value,
  );
  expect(after).toBe(before);
});

function only(delegation: Delegation, member: Uint8Array): Delegation {
  const keep = (from: (typeof OUTPUTS)[number]) => {
    const presigned = presignedSlashing(delegation, from);
    const covenantSignatures = presigned.covenantSignatures.filter(({ publicKey }) =>
      equalBytes(publicKey, member),
    );
    return { ...presigned, covenantSignatures };
  };
  return { ...delegation, slashing: keep("staking"), unbondingSlashing: keep("unbonding") };
}
