import { describe, expect, it } from "vitest";
import { mainnet, mainnetPhase1 } from "../../src/params/data/mainnet.js";
import {
  checkForm,
  currentRules,
  type RuleContext,
  type RuleName,
  ruleSet,
  ruleSets,
} from "../../src/params/rules.js";
import type { StakeTerms } from "../../src/script/terms.js";
import { refusal } from "../support/refusal.js";
import { keyOf, termsOf } from "../support/stakes.js";

const one = termsOf(1, 1, 3, 2);
const twoProviders = termsOf(1, 2, 3, 2);
const twoStakers = termsOf(2, 1, 3, 2);
const [phase1] = mainnetPhase1.versions;
const [phase2] = mainnet.versions;

/** The rule that refuses, or "accepted". */
function judge(release: string, terms: StakeTerms, context: RuleContext = {}): string {
  try {
    checkForm(ruleSet(release), terms, context);
    return "accepted";
  } catch (error) {
    const { code, details } = error as { code: string; details: { rule: RuleName; release: string } };
    expect([code, details.release]).toEqual(["unsupported-by-release", release]);
    return details.rule;
  }
}

it("currentRules: are those of the newest release for parameters of that phase", () => {
  expect([currentRules(phase1!).name, currentRules(phase2!).name]).toEqual(["phase1", "v4"]);
});

const releases = ["phase1", "v1", "v2", "v3", "v4", "multi-staker"];
const all = (verdict: (release: string) => string) => releases.map(verdict);

describe("the rules of a release accept", () => {
  it("one staker with one finality provider, everywhere", () => {
    expect(all((release) => judge(release, one))).toEqual(releases.map(() => "accepted"));
    const asSet = { ...one, staker: { keys: [one.staker as Uint8Array], quorum: 1 } };
    expect(all((release) => judge(release, asSet))).toEqual(releases.map(() => "accepted"));
  });

  it("several finality providers, in v3 only", () => {
    const most = "maxFinalityProviders";
    expect(all((release) => judge(release, twoProviders))).toEqual([
      most,
      most,
      most,
      "accepted",
      most,
      most,
    ]);
  });

  it("several stakers, in the multi-staker branch only", () => {
    const most = "maxStakers";
    expect(all((release) => judge(release, twoStakers))).toEqual([most, most, most, most, most, "accepted"]);
  });

  it("expansions from v3 on: in v3 with more providers, later with the same ones, and never with fewer", () => {
    const none = "expansion";
    const to = (terms: StakeTerms, previous: StakeTerms) =>
      all((release) => judge(release, terms, { previous }));
    expect(to({ ...one, timelock: 9 }, one)).toEqual([none, none, none, "accepted", "accepted", "accepted"]);
    const other = { ...one, finalityProviders: [keyOf(77)] };
    expect(to(other, one)).toEqual([none, none, none, none, none, none]);
    const more = { ...one, finalityProviders: [...one.finalityProviders, keyOf(77)] };
    expect(judge("v3", more, { previous: one })).toBe("accepted");
    expect(judge("v3", one, { previous: more })).toBe(none);
    const unlimited = { ...ruleSet("v4"), maxFinalityProviders: 2 };
    const { details } = refusal("unsupported-by-release", () =>
      checkForm(unlimited, more, { previous: one }),
    );
    expect(details).toMatchObject({ release: "v4", rule: "expansion", added: [expect.any(String)] });
  });

  it("parameters of its own phase", () => {
    const under = (params: RuleContext["params"] & {}) => all((release) => judge(release, one, { params }));
    expect(under(phase1!)).toEqual(["accepted", "opReturn", "opReturn", "opReturn", "opReturn", "opReturn"]);
    expect(under(phase2!)).toEqual(["opReturn", "accepted", "accepted", "accepted", "accepted", "accepted"]);
  });

  it("signing contexts in v3 only", () => {
    expect(all((release) => `${ruleSet(release).signingContext}`)).toEqual([
      "false",
      "false",
      "false",
      "true",
      "false",
      "false",
    ]);
  });
});

describe("a rule set", () => {
  it("is found by the name of its release, and is frozen", () => {
    expect([...ruleSets.keys()]).toEqual(releases);
    expect(refusal("invalid-argument", () => ruleSet("v5")).details["names"]).toEqual(releases);
    refusal("invalid-argument", () => ruleSet(undefined as never));
    expect(Object.isFrozen(ruleSet("v4"))).toBe(true);
  });

  it("can be made by the caller, with the limits of a chain", () => {
    const own = { ...ruleSet("v3"), name: "our testnet", maxFinalityProviders: 1 };
    const error = refusal("unsupported-by-release", () => checkForm(own, twoProviders));
    expect(error.message).toContain("our testnet");
    expect(error.details).toMatchObject({ rule: "maxFinalityProviders", expected: 1, got: 2 });
  });

  it.each([undefined, null, "v4", 4, {}])("is refused: %s", (rules) => {
    refusal("invalid-argument", () => checkForm(rules as never, one));
  });

  it("has no rule that refuses nothing", () => {
    for (const expansion of [undefined, null, "any", "same-provider", true]) {
      const rules = { ...ruleSet("v4"), expansion } as never;
      refusal("invalid-argument", () => checkForm(rules, one, { previous: one }));
    }
    for (const most of [null, Number.NaN, "1", 1n, true, 0, 1.5]) {
      for (const rule of ["maxFinalityProviders", "maxStakers"]) {
        refusal("invalid-number", () => checkForm({ ...ruleSet("v4"), [rule]: most }, one));
      }
    }
  });

  it("does not replace the rules of all stakes", () => {
    refusal("duplicate-key", () =>
      checkForm(ruleSet("v3"), { ...one, finalityProviders: [keyOf(9), keyOf(9)] }),
    );
    refusal("no-keys", () => checkForm(ruleSet("v3"), undefined as never));
    refusal("no-keys", () => checkForm(ruleSet("v3"), one, { previous: { ...one, finalityProviders: [] } }));
  });
});
