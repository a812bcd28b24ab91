import { expect, it } from "vitest";
import type { NamedMessage } from "../../src/babylon/messages.js";
import type { MessageName } from "../../src/babylon/releases.js";
import { checkRules, RULES } from "../../src/babylon/rules/check.js";
import type { ChainState, Until } from "../../src/babylon/rules/types.js";
import type { MessageOf } from "../../src/babylon/schema.js";
import { concatBytes, hex } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import type { Release } from "../../src/params/rules.js";

/** How one rule, and no other, is broken. */
export interface Break<Name extends MessageName> {
  readonly rule: string;
  readonly message?: Partial<MessageOf<Name>>;
  /** Merged into the facts, one level deep. */
  readonly state?: ChainState;
  readonly release?: Release;
  readonly until?: Until;
  readonly warns?: true;
}

/** A message that keeps every rule, with all facts; and how to break each of its rules. */
export interface Subject<Name extends MessageName> {
  readonly name: Name;
  readonly releases: readonly Release[];
  readonly message: MessageOf<Name>;
  readonly state: ChainState;
  readonly breaks: readonly Break<Name>[];
  /** Rules that the tests of another message break. */
  readonly elsewhere?: readonly string[];
}

/** Declares the tests of one message's rules. */
export function testRules<Name extends MessageName>(make: () => Subject<Name>): void {
  it("accept a message that keeps them, in each release that knows it", () => {
    const { name, releases, message, state } = make();
    for (const release of releases) {
      const answer = checkRules(release, { name, message } as NamedMessage, state);
      expect(answer).toEqual({ ok: true, verdict: "ok", unchecked: [], warnings: [] });
    }
  });

  it("require no facts where a message alone breaks none, and list the rules that were not checked", () => {
    const { name, releases, message } = make();
    for (const release of releases) {
      const answer = checkRules(release, { name, message } as NamedMessage);
      expect(answer).toMatchObject({ ok: true });
      for (const { rule, needs } of answer.unchecked) {
        expect(needs.length, rule).toBeGreaterThan(0);
        expect(RULES[name].map((each) => each.rule)).toContain(rule);
      }
    }
  });

  it("are each broken by a change that breaks no other", () => {
    const { name, releases, message, state, breaks } = make();
    for (const { rule, until, warns, ...change } of breaks) {
      const release = change.release ?? releases.at(-1)!;
      const changed = { name, message: { ...message, ...change.message } } as NamedMessage;
      const answer = checkRules(release, changed, merged(state, change.state));
      const { error } = RULES[name].find((each) => each.rule === rule && each.warns === warns) ?? {};
      const broken = { rule, ...(error && { error }) };
      if (warns) expect(answer, rule).toMatchObject({ ok: true, warnings: [broken] });
      else if (until) expect(answer, rule).toMatchObject({ ok: false, verdict: "later", until, ...broken });
      else expect(answer, rule).toMatchObject({ ok: false, verdict: "never", ...broken });
    }
  });

  it("are all among the tested ones", () => {
    const { name, breaks, elsewhere = [] } = make();
    const tested = new Set([...breaks.map(({ rule }) => rule), ...elsewhere]);
    expect(RULES[name].map(({ rule }) => rule).filter((rule) => !tested.has(rule))).toEqual([]);
  });
}

function merged(state: ChainState, change: ChainState = {}): ChainState {
  const entries = Object.entries(change).map(([key, value]: [string, unknown]) => {
    const old = (state as Readonly<Record<string, unknown>>)[key];
    return [key, isPlain(value) && isPlain(old) ? { ...old, ...value } : value];
  });
  return { ...state, ...(Object.fromEntries(entries) as ChainState) };
}

const isPlain = (value: unknown): value is object =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

const double = (bytes: Uint8Array): Uint8Array => sha256(sha256(bytes));

/** A block of a coinbase and one transaction: its header, and the proof of the transaction. */
export function blockOf(txid: string): {
  readonly header: Uint8Array;
  readonly inclusion: {
    readonly key: { readonly index: number; readonly hash: Uint8Array };
    readonly proof: Uint8Array;
  };
} {
  const coinbase = new Uint8Array(32).fill(9);
  const root = double(concatBytes(coinbase, hex.decode(txid).toReversed()));
  const header = concatBytes(new Uint8Array(36), root, new Uint8Array(12));
  return { header, inclusion: { key: { index: 1, hash: double(header) }, proof: coinbase } };
}
