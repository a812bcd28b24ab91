import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { combineDelegations } from "../../src/delegation/combine.js";
import type { Delegation, ExpandedStake } from "../../src/delegation/delegation.js";
import { delegationToJson } from "../../src/delegation/json.js";
import { finishExpansion, signExpansion, signSlashings, signUnbonding } from "../../src/delegation/sign.js";
import { expansionSpend } from "../../src/delegation/spends.js";
import { checkReady, signatureStatus } from "../../src/delegation/status.js";
import { keySigner, type Signer } from "../../src/spending/spend.js";
import { expand, walletSigned } from "../support/expansion.js";
import { executes } from "../support/interpreter.js";
import { runs } from "../support/runs.js";
import { codeOf, delegate, makeStake, refusalOf, signedBy } from "../support/stake.js";

const stake = makeStake({ seed: "combine", stakers: 3, stakerQuorum: 2, providers: 2 });
const bare = await delegate(stake, { unsigned: true });
const ready = await delegate(stake);

const counts = (delegation: Delegation) =>
  signatureStatus(delegation).map(({ staker, covenant }) => [
    staker.signed.length,
    ...covenant.map(({ signed }) => signed.length),
  ]);

describe("copies of a delegation", () => {
  it("that each member signed apart become one with all signatures, in any order", async () => {
    const copies = await Promise.all([0, 2, 4].map((i) => signedBy(stake, ready, [i])));
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(copies, { minLength: 3 }), async (order) => {
        const combined = order.reduce(combineDelegations, ready);
        expect(counts(combined)).toEqual([
          [0, 3],
          [2, 3, 3],
          [2, 3, 3],
        ]);
        checkReady(combined);
      }),
      { numRuns: runs(6) },
    );
  });

  it("of several stakers become one, too", async () => {
    const [first, second] = stake.stakerSecrets.map(keySigner);
    const signed = combineDelegations(
      await signSlashings(bare, first!),
      await signUnbonding(await signSlashings(bare, second!), second!),
    );
    expect(counts(signed)).toEqual([
      [1, 0],
      [2, 0, 0],
      [2, 0, 0],
    ]);
  });

  it("without new signatures change nothing", async () => {
    const signed = await signedBy(stake, ready, [1]);
    for (const copy of [signed, ready, bare]) {
      expect(delegationToJson(combineDelegations(signed, copy))).toBe(delegationToJson(signed));
    }
  });

  it("are combined when only one has the signed staking transaction", async () => {
    const signed = {
      ...ready,
      staking: { ...ready.staking, transaction: ready.staking.transaction.clone() },
    };
    signed.staking.transaction.setWitness(0, [new Uint8Array(64)]);
    expect(counts(combineDelegations(bare, signed))).toEqual(counts(ready));
  });

  it.each<[string, (delegation: Delegation) => Delegation]>([
    ["params", (one) => ({ ...one, params: { ...one.params, unbondingFee: 1_001n } })],
    ["terms", (one) => ({ ...one, terms: { ...one.terms, timelock: 99 } })],
    ["unbondingTime", (one) => ({ ...one, unbondingTime: 21 })],
    ["staking", (one) => ({ ...one, staking: { ...one.staking, outputIndex: 1 } })],
    ["slashing", (one) => ({ ...one, slashing: altered(one.slashing) })],
    ["unbonding", (one) => ({ ...one, unbonding: altered(one.unbonding) })],
    ["unbondingSlashing", (one) => ({ ...one, unbondingSlashing: altered(one.unbondingSlashing) })],
  ])("are refused when the %s of one differs, by name", async (field, change) => {
    const refused = await refusalOf(() => combineDelegations(ready, change(ready)));
    expect(refused).toMatchObject({ code: "delegation-mismatch", details: { field } });
  });

  it("are refused with signatures that do not verify", async () => {
    const signed = await signedBy(stake, ready, [0]);
    const mutate = <T extends { readonly signature: Uint8Array }>([one]: readonly T[]): T[] => [
      { ...one!, signature: one!.signature.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) },
    ];
    const { unbonding, slashing, unbondingSlashing } = signed;
    const mutated: [Delegation, string][] = [
      [
        { ...signed, unbonding: { ...unbonding, covenantSignatures: mutate(unbonding.covenantSignatures) } },
        "invalid-signature",
      ],
      [
        { ...signed, slashing: { ...slashing, stakerSignatures: mutate(slashing.stakerSignatures) } },
        "invalid-signature",
      ],
      [
        { ...signed, slashing: { ...slashing, covenantSignatures: mutate(slashing.covenantSignatures) } },
        "invalid-covenant-signature",
      ],
      [
        {
          ...signed,
          unbondingSlashing: {
            ...unbondingSlashing,
            covenantSignatures: mutate(unbondingSlashing.covenantSignatures),
          },
        },
        "invalid-covenant-signature",
      ],
    ];
    for (const [copy, code] of mutated) expect(await codeOf(() => combineDelegations(bare, copy))).toBe(code);
  });
});

describe("copies of an expansion", async () => {
  const before = makeStake({ seed: "combine", stakers: 3, stakerQuorum: 2 });
  const expanding = await expand(before);
  const [first, second] = before.stakerSecrets.map(keySigner) as [Signer, Signer, Signer];
  const countsOf = (delegation: Delegation) => counts(delegation).at(-1);

  it("that stakers and members signed apart become one with all signatures, ready to be sent", async () => {
    const copies = await Promise.all([
      signExpansion(expanding, first),
      signExpansion(expanding, second),
      ...[0, 2, 4].map((i) => signedBy(before, expanding, [i])),
    ]);
    const all = copies.reduce(combineDelegations);
    expect(countsOf(all)).toEqual([2, 3]);
    checkReady(all);
    const finished = finishExpansion(all, walletSigned(expansionSpend(all)));
    expect(executes(finished, 0, expansionSpend(all).prevouts)).toBe(true);
    expect(delegationToJson(combineDelegations(all, expanding))).toBe(delegationToJson(all));
  });

  it("are combined when only one has the funding transaction, or the previous stake's witness", async () => {
    const { funding, staking } = expanding.expansion!;
    const { script, value } = funding;
    const transaction = staking.transaction.clone();
    transaction.setWitness(0, [new Uint8Array(64)]);
    const bareCopy: Delegation = {
      ...expanding,
      expansion: {
        ...expanding.expansion!,
        funding: { script, value },
        staking: { ...staking, transaction },
      },
    };
    expect(combineDelegations(bareCopy, expanding).expansion!.funding).toEqual(funding);
    expect(combineDelegations(expanding, bareCopy).expansion!.funding).toEqual(funding);
  });

  it.each<[string, (expansion: ExpandedStake) => Partial<ExpandedStake> | undefined]>([
    ["terms", ({ terms }) => ({ terms: { ...terms, timelock: 99 } })],
    ["parameters", ({ params }) => ({ params: { ...params, unbondingFee: 1_001n } })],
    ["previous output", ({ staking }) => ({ staking: { ...staking, outputIndex: 1 } })],
    ["funding coin", ({ funding }) => ({ funding: { ...funding, value: 1n } })],
    ["expansion at all", () => undefined],
  ])("are refused when the %s of one differs", async (_, change) => {
    const changed = change(expanding.expansion!);
    const { expansion, ...plain } = expanding;
    const other = changed ? { ...plain, expansion: { ...expansion!, ...changed } } : plain;
    for (const [one, two] of [
      [expanding, other],
      [other, expanding],
    ] as const) {
      const refused = await refusalOf(() => combineDelegations(one, two));
      expect(refused).toMatchObject({ code: "delegation-mismatch", details: { field: "expansion" } });
    }
  });

  it("are refused with signatures that do not verify, or that stand in another's place", async () => {
    const signed = await signExpansion(await signedBy(before, expanding, [0]), first);
    const { expansion } = signed;
    const [staker] = expansion!.stakerSignatures;
    const [member] = expansion!.covenantSignatures;
    const mutated = { ...staker!, signature: member!.signature };
    const cases: [Partial<ExpandedStake>, string][] = [
      [{ stakerSignatures: [mutated] }, "invalid-signature"],
      [{ stakerSignatures: [member!] }, "unexpected-signer"],
      [{ covenantSignatures: [staker!] }, "unexpected-signer"],
    ];
    for (const [change, code] of cases) {
      const copy = { ...signed, expansion: { ...expansion!, ...change } };
      expect(await codeOf(() => combineDelegations(expanding, copy))).toBe(code);
    }
  });
});

function altered<T extends Delegation["unbonding"] | Delegation["slashing"]>(presigned: T): T {
  const transaction = presigned.transaction.clone();
  transaction.locktime = 1;
  return { ...presigned, transaction };
}
