import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  decodeMessage,
  encodeMessage,
  type MessageName,
  type NamedMessage,
  TYPE_URLS,
} from "../../src/babylon/messages.js";
import { checkRules } from "../../src/babylon/rules/check.js";
import { FACTS } from "../../src/babylon/rules/facts.js";
import type { ChainState } from "../../src/babylon/rules/types.js";
import { hex } from "../../src/core/bytes.js";
import { TapstakeError } from "../../src/core/errors.js";
import type { Release } from "../../src/params/rules.js";
import { readVectors } from "../support/vectors.js";
import { refusal } from "../support/refusal.js";

const message = { signer: "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu", fpBtcPk: new Uint8Array(32).fill(7) };
const named: NamedMessage = { name: "MsgUnjailFinalityProvider", message };
const refused = (state: object) =>
  refusal("invalid-argument", () => checkRules("v4", named, state as ChainState));

const { messages: GOLDEN } = JSON.parse(readVectors("chain/golden-messages.json")) as {
  messages: Readonly<Record<string, Readonly<Partial<Record<Release, string>>>>>;
};

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run();
    return undefined;
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    return error.code;
  }
};

/** Each with one field left out, or of another type. */
function variants(value: object): object[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const others: unknown[] = [undefined, Symbol("other")];
    if (typeof inner === "object" && inner !== null && !(inner instanceof Uint8Array)) {
      others.push(...variants(inner));
    }
    return others.map((other) =>
      Array.isArray(value)
        ? value.map((each: unknown, i) => (`${i}` === key ? other : each))
        : { ...value, [key]: other },
    );
  });
}

describe("checkRules", () => {
  it.each([
    [{ height: 101 }, "height", "btcTip.height"],
    [{ btctip: { height: 101 } }, "btctip", "btcTip"],
    [{ btcTip: { hieght: 101 } }, "btcTip.hieght", "btcTip.height"],
    [{ provider: { btc_pk: "", soft_deleted: false } }, "provider.btc_pk", undefined],
    [{ provider: { soft_deleted: false } }, "provider.soft_deleted", "provider.softDeleted"],
    [{ constructor: 1 }, "constructor", undefined],
  ])("refuses a fact that no rule reads, and names the nearest: %o", (state, fact, near) => {
    const { message: text, details } = refused(state);
    expect(details["fact"]).toBe(fact);
    expect(details["near"]).toBe(near);
    expect(text).toContain(near === undefined ? "give one of" : `do you mean ${near}?`);
  });

  it("refuses a fact of another form: a number for the tip, one version for the set of parameters", () => {
    expect(refused({ btcTip: 101 }).message).toBe("btcTip must be an object of facts, not number");
    expect(refused({ params: { version: 1 } }).details["fact"]).toBe("params");
    refused([]);
    expect(checkRules("v4", named, { provider: null })).toMatchObject({ rule: "provider-known" });
  });

  it("reads a message that is not decoded, and refuses what is no message", () => {
    const encoded = encodeMessage(named.name, message);
    expect(checkRules("v4", encoded)).toEqual(checkRules("v4", named));
    refusal("invalid-message", () => checkRules("v4", { ...encoded, value: "00" as unknown as Uint8Array }));
    for (const wrong of [undefined, "00", {}, { name: "toString", message }, { name: named.name }]) {
      refusal("invalid-argument", () => checkRules("v4", wrong as NamedMessage));
    }
  });

  it("refuses a message that lacks a field or has one of another type, at any depth", () => {
    for (const [title, byRelease] of Object.entries(GOLDEN)) {
      const name = title.split(" ")[0] as MessageName;
      const [release, digits] = Object.entries(byRelease)[0]! as [Release, string];
      const whole = decodeMessage({ typeUrl: TYPE_URLS[name], value: hex.decode(digits) });
      expect(checkRules(release, whole)).toHaveProperty("verdict");
      for (const changed of variants(whole.message)) {
        // What can be encoded is whole; a field of another release is judged by a rule.
        const check = () => checkRules(release, { name, message: changed } as NamedMessage);
        const encoding = codeOf(() => encodeMessage(name, changed as never, release));
        if (encoding !== undefined && encoding !== "not-in-release") {
          refusal("invalid-message", check);
          continue;
        }
        expect(check()).toHaveProperty("verdict");
      }
    }
  });

  it.each([
    [{ chainHeight: 5 }, "chainHeight", "a bigint"],
    [{ chainTime: "2026-01-01T00:00:00Z" }, "chainTime", "a Date"],
    [{ btcTip: { height: 5n } }, "btcTip.height", "a whole number"],
    [{ btcTip: { hash: "00" } }, "btcTip.hash", "a Uint8Array"],
    [{ provider: { commission: "0.05" } }, "provider.commission", "a rate"],
    [{ provider: { slashed: 0 } }, "provider.slashed", "true or false"],
    [{ delegation: { delegation: {} } }, "delegation.delegation", "a delegation"],
    [{ delegation: { signedBy: ["00"] } }, "delegation.signedBy", "a list of Uint8Array"],
    [{ headerReporters: "all" }, "headerReporters", "a list of text"],
    [{ params: [] }, "params", "a set with all versions"],
    [{ storedVote: 1 }, "storedVote", "a Uint8Array"],
  ])("refuses a fact of another kind: %o", (state, fact, what) => {
    const { message: text, details } = refused(state);
    expect(details["fact"]).toBe(fact);
    expect(text).toContain(`${fact} must be ${what}`);
  });

  it("has each of its facts in the table of docs/registration.md", () => {
    const page = readFileSync("docs/registration.md", "utf8").split(/^\| fact /m)[1]!;
    const rows = [...page.matchAll(/^\| `(\w+)`\s+\| (.*?)\s+\| /gm)].map(([, name, fields]) => [
      name,
      [...fields!.matchAll(/`(\w+)`/g)].map(([, field]) => field),
    ]);
    const facts = Object.entries(FACTS).map(([name, fields]) => [name, fields ?? []]);
    expect(rows.filter(([name]) => Object.hasOwn(FACTS, name as string))).toEqual(facts);
  });
});
