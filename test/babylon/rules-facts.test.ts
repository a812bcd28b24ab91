import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { encodeMessage, type NamedMessage } from "../../src/babylon/messages.js";
import { checkRules } from "../../src/babylon/rules/check.js";
import { FACTS } from "../../src/babylon/rules/facts.js";
import type { ChainState } from "../../src/babylon/rules/types.js";
import { refusal } from "../support/refusal.js";

const message = { signer: "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu", fpBtcPk: new Uint8Array(32).fill(7) };
const named: NamedMessage = { name: "MsgUnjailFinalityProvider", message };
const refused = (state: object) =>
  refusal("invalid-argument", () => checkRules("v4", named, state as ChainState));

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
