import { describe, expect, it } from "vitest";
import { publicKeyOf } from "../../src/core/keys.js";
import { checkForMember, type MemberOptions, signAsMember } from "../../src/covenant/member.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { testnet } from "../../src/params/data/testnet.js";
import { checkInForce, type OwnParams } from "../../src/params/in-force.js";
import { ruleSet } from "../../src/params/rules.js";
import type { ParamSet, ProtocolParams } from "../../src/params/types.js";
import { expand, larger } from "../support/expansion.js";
import { refusal } from "../support/refusal.js";
import {
  codeOf,
  committeeSecrets,
  delegate,
  inForce,
  makeStake,
  refusalOf,
  regtestParams,
  secretOf,
  withSlashing,
} from "../support/stake.js";

const key = publicKeyOf(committeeSecrets[0]!);

/** Asked of a member, who signs nothing where it is refused. */
async function verdict(delegation: Delegation, own: OwnParams, options?: MemberOptions): Promise<string> {
  const code = await codeOf(() => checkForMember(delegation, key, own, options));
  let asked = 0;
  const ask = () => (asked++, new Uint8Array(64));
  const signer = { publicKey: key, signSchnorr: ask, signAdaptor: ask };
  const refused = await codeOf(() => signAsMember(delegation, signer, own, options));
  if (code === "passed") expect(asked).toBeGreaterThan(0);
  else expect([refused, asked]).toEqual([code, 0]);
  return code;
}

describe("a committee member without a release", () => {
  const stake = makeStake();
  const own = inForce(regtestParams);
  const previous = inForce(stake.params);
  const moved = { ...stake.terms, finalityProviders: [publicKeyOf(secretOf("another provider"))] };
  const added = {
    ...stake.terms,
    finalityProviders: [...stake.terms.finalityProviders, moved.finalityProviders[0]!],
  };

  it("refuses an expansion to another finality provider", async () => {
    const expansion = await expand(stake, { terms: moved });
    expect(await verdict(expansion, own, { previous })).toBe("unsupported-by-release");
    const { details } = await refusalOf(() => checkForMember(expansion, key, own, { previous }));
    expect(details).toMatchObject({ release: "v4", rule: "expansion" });
  });

  it("refuses an expansion to a further finality provider, which a named release accepts", async () => {
    const expansion = await expand(stake, { terms: added });
    expect(await verdict(expansion, own, { previous })).toBe("unsupported-by-release");
    expect(await verdict(expansion, own, { previous, rules: ruleSet("v3") })).toBe("passed");
  });

  it("refuses several finality providers and several stakers", async () => {
    for (const several of [{ providers: 2 }, { stakers: 2, stakerQuorum: 2 }]) {
      expect(await verdict(await delegate(makeStake(several)), own)).toBe("unsupported-by-release");
    }
  });

  it("accepts every form where it asks for any", async () => {
    for (const terms of [moved, added]) {
      const expansion = await expand(stake, { terms });
      expect(await verdict(expansion, own, { previous, rules: "any" })).toBe("passed");
    }
    expect(await verdict(await delegate(makeStake({ providers: 2 })), own, { rules: "any" })).toBe("passed");
  });

  it("accepts what the current release accepts", async () => {
    expect(await verdict(await delegate(stake), own)).toBe("passed");
    expect(await verdict(await expand(stake), own, { previous })).toBe("passed");
  });
});

/** A first version that slashes 1 %, one that slashes 10 % from height 200, and one that is not in force before 400. */
const lenient = withSlashing(regtestParams, { rate: "0.01" });
const versions: readonly ProtocolParams[] = [
  lenient,
  { ...regtestParams, version: 1, activationHeight: 200 },
  { ...regtestParams, version: 2, activationHeight: 400, minValue: 60_000n },
];
const set: ParamSet = { name: "own", network: "regtest", versions };
const stakeOf = (version: number) => makeStake({ params: versions[version]! });

describe("the version of a delegation's parameters", () => {
  it("is the one in force at the member's height, whatever the document says", async () => {
    const by = await Promise.all([0, 1, 2].map((version) => delegate(stakeOf(version))));
    const wrong = "params-not-in-force";
    const cases = [
      [0, "passed", wrong, wrong],
      [199, "passed", wrong, wrong],
      [200, wrong, "passed", wrong],
      [399, wrong, "passed", wrong],
      [400, wrong, wrong, "passed"],
    ] as const;
    for (const [height, ...expected] of cases) {
      for (const [version, code] of expected.entries()) {
        expect(await verdict(by[version]!, { set, height }), `v${version} at ${height}`).toBe(code);
      }
    }
  });

  it("is checked in an expansion, which could change 10 % slashing to 1 %", async () => {
    const stake = stakeOf(1);
    const previous = { set, height: 300 };
    const downgraded = await expand(
      stake,
      { params: versions[0]! },
      { ...larger(stake), params: versions[0]! },
    );
    expect(await verdict(downgraded, { set, height: 300 }, { previous })).toBe("params-not-in-force");
    const kept = await expand(stake);
    expect(await verdict(kept, { set, height: 300 }, { previous })).toBe("passed");
    expect(await verdict(kept, { set, height: 300 }, { previous: { set, height: 199 } })).toBe(
      "params-not-in-force",
    );
    expect(await verdict(kept, { set, height: 300 })).toBe("params-mismatch");
  });

  it("is refused under a set that has ended, at any height", async () => {
    const ended = { ...set, ended: true };
    const delegation = await delegate(stakeOf(2));
    expect(await verdict(delegation, { set, height: 400 })).toBe("passed");
    expect(await verdict(delegation, { set: ended, height: 400 })).toBe("params-not-in-force");
    const { message, details } = await refusalOf(() =>
      checkForMember(delegation, key, { set: ended, height: 400 }),
    );
    expect(message).toContain("the set own has ended: no version of it is in force");
    expect(details).toEqual({ set: "own" });
  });

  it("is, for the previous stake, of the same set as that of the stake that expands it", async () => {
    const own = { set, height: 300 };
    const kept = await expand(stakeOf(1));
    for (const other of [
      { ...set, name: "other" },
      { ...set, chainId: "other-1" },
    ]) {
      expect(await verdict(kept, own, { previous: { set: other, height: 300 } })).toBe("params-mismatch");
    }
    const previous = { set: { ...set, name: "other" }, height: 300 };
    const { details } = await refusalOf(() => checkForMember(kept, key, own, { previous }));
    expect(details).toEqual({ field: "previous", expected: "own", got: "other" });
    expect(await verdict(kept, own, { previous: own })).toBe("passed");
  });

  it("is named in the error with the height and the version in force there", () => {
    const { message, details } = refusal("params-not-in-force", () =>
      checkInForce(versions[0]!, { set, height: 250 }),
    );
    expect(message).toBe("at height 250, parameters v1 of the set own are in force, not v0");
    expect(details).toEqual({ height: 250, expected: 1, got: 0 });
  });

  it("needs a height at which the set has one, and every field equal to the set's", () => {
    const late = { ...set, versions: versions.slice(1) };
    refusal("not-active", () => checkInForce(versions[1]!, { set: late, height: 199 }));
    refusal("invalid-number", () => checkInForce(versions[1]!, { set, height: -1 }));
    const other = { ...versions[1]!, unbondingFee: 1_001n };
    expect(refusal("params-mismatch", () => checkInForce(other, { set, height: 200 })).details).toEqual({
      field: "unbondingFee",
    });
  });

  it("is the same on testnet and signet, which share their published parameters", () => {
    const newest = testnet.versions.at(-1)!;
    for (const network of ["testnet", "signet"] as const) {
      checkInForce({ ...newest, network }, { set: testnet, height: newest.activationHeight });
    }
    const elsewhere = { ...newest, network: "mainnet" as const };
    refusal("params-mismatch", () =>
      checkInForce(elsewhere, { set: testnet, height: newest.activationHeight }),
    );
  });
});
