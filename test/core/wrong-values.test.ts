// JavaScript callers pass text, nothing, or the wrong object: they must meet an error with a code, not a TypeError from
// within. These are the rooms that a wallet's code calls.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as core from "../../src/index.js";
import * as wallets from "../../src/wallets/index.js";

const ROOMS = new Set([
  "bitcoin",
  "core",
  "covenant",
  "crypto",
  "delegation",
  "extract",
  "funding",
  "params",
  "psbt",
  "script",
  "spending",
  "stake",
  "vote",
]);

const source = readFileSync(new URL("../../src/index.ts", import.meta.url), "utf8");
const named = new Set(
  [...source.matchAll(/export \{([^}]*)\} from "\.\/(\w+)\/[^"]*"/g)]
    .filter(([, , room]) => ROOMS.has(room!))
    .flatMap(([, names]) => names!.split(",").map((name) => name.trim())),
);

type Call = (...values: unknown[]) => unknown;

/** A function, or those of an object such as `hex`. Classes are called by the library alone. */
function callsOf([name, value]: readonly [string, unknown]): [string, Call][] {
  if (typeof value === "function")
    return String(value as Call).startsWith("class ") ? [] : [[name, value as Call]];
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  const own = value as Readonly<Record<string, unknown>>;
  return Object.keys(own).flatMap((key): [string, Call][] =>
    typeof own[key] === "function" ? [[`${name}.${key}`, (own[key] as Call).bind(own)]] : [],
  );
}

const calls = [
  ...Object.entries(core).filter(([name]) => named.has(name)),
  ...Object.entries(wallets),
].flatMap(callsOf);

const VALUES: Readonly<Record<string, unknown>> = {
  text: "abc",
  hexadecimal: "00".repeat(32),
  undefined: undefined,
  null: null,
  "an empty object": {},
  "a number": 7,
  "an empty list": [],
  "a list of nothing": [undefined],
  "3 bytes": new Uint8Array(3),
  "a function": () => 1,
};

/** What is thrown that has no code. */
async function rawError(call: Call, values: readonly unknown[]): Promise<string | undefined> {
  try {
    await call(...values);
    return undefined;
  } catch (error) {
    return error instanceof core.TapstakeError ? undefined : String(error);
  }
}

describe("every exported function, given wrong values, throws an error with a code", () => {
  it("is found", () => {
    expect(calls.length).toBeGreaterThan(120);
  });

  it.each(calls)("%s", async (_, call) => {
    const raw: string[] = [];
    for (const [name, value] of Object.entries(VALUES)) {
      for (const count of [1, 2, 3]) {
        const error = await rawError(
          call,
          Array.from({ length: count }, () => value),
        );
        if (error !== undefined) raw.push(`${count} times ${name}: ${error}`);
      }
    }
    expect(raw).toEqual([]);
  });
});

describe("createDelegation", () => {
  it("says what a staking transaction must be, where it is given its text", () => {
    const params = core.paramsAt(core.regtest, 100);
    const key = core.publicKeyOf(new Uint8Array(32).fill(1));
    const terms = { staker: key, finalityProviders: [key], covenant: params.covenant, timelock: 1000 };
    expect(() => core.createDelegation(terms, params, "0200000000" as never)).toThrow(
      expect.objectContaining({
        code: "invalid-transaction",
        message: "this must be a transaction, not string",
      }),
    );
  });
});
