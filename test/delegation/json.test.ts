import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { hasQuorum } from "../../src/covenant/member.js";
import { adaptor } from "../../src/crypto/adaptor.js";
import { checkDelegation } from "../../src/delegation/check.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { DELEGATION_VERSION, delegationFromJson, delegationToJson } from "../../src/delegation/json.js";
import { signExpansion, signUnbonding } from "../../src/delegation/sign.js";
import { extractFromSlashing, finishSlashing } from "../../src/extract/slashing.js";
import { keySigner } from "../../src/spending/spend.js";
import { expand } from "../support/expansion.js";
import { goldenDelegation } from "../support/golden.js";
import { runs } from "../support/runs.js";
import { codeOf, delegate, makeStake, refusalOf, secretOf, signedBy } from "../support/stake.js";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Path = readonly (string | number)[];

const stake = makeStake({ seed: "golden", providers: 2, stakers: 3, stakerQuorum: 2 });
/** An expansion has all fields that a delegation can have. */
const full = await signExpansion(
  await signUnbonding(
    await signedBy(stake, await expand(stake), [0, 2, 4]),
    keySigner(stake.stakerSecrets[0]!),
  ),
  keySigner(stake.stakerSecrets[1]!),
);
const text = delegationToJson(full);
const document = (): Json => JSON.parse(text) as Json;
const single = delegationToJson(await delegate(makeStake()));

describe("a delegation in JSON", () => {
  it("of version 1 is still read, and is written unchanged", () => {
    const golden = delegationFromJson(goldenDelegation());
    checkDelegation(golden);
    expect(hasQuorum(golden)).toBe(true);
    expect(delegationToJson(golden)).toBe(goldenDelegation());
    const secret = secretOf("golden provider 1");
    const finished = finishSlashing(golden, "unbonding", secret);
    expect(extractFromSlashing(golden, finished).from).toBe("unbonding");
  });

  it("is read back and written unchanged", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: fc.string(),
          stakers: fc.integer({ min: 1, max: 3 }),
          providers: fc.integer({ min: 1, max: 3 }),
          committee: fc.integer({ min: 1, max: 4 }),
          value: fc.bigInt({ min: 50_000n, max: 10_000_000_000n }),
          timelock: fc.integer({ min: 10, max: 65_535 }),
        }),
        fc.boolean(),
        async (options, sign) => {
          const own = makeStake(options);
          const unsigned = await delegate(own);
          const delegation = sign ? await signedBy(own, unsigned, [0]) : unsigned;
          const written = delegationToJson(delegation);
          const back = delegationFromJson(written);
          expect(plain(back)).toEqual(plain(delegation));
          expect(delegationToJson(back)).toBe(written);
          checkDelegation(back);
        },
      ),
      { numRuns: runs(15) },
    );
  });

  it("keeps adaptor signatures of 66 bytes, and leaf signatures of 65", () => {
    const [first, ...rest] = full.slashing.covenantSignatures;
    const [own, ...others] = full.slashing.stakerSignatures;
    const longer: Delegation = {
      ...full,
      slashing: {
        ...full.slashing,
        stakerSignatures: [{ ...own!, signature: Uint8Array.of(...own!.signature, 1) }, ...others],
        covenantSignatures: [{ ...first!, signature: adaptor.toLegacy(first!.signature) }, ...rest],
      },
    };
    expect(plain(delegationFromJson(delegationToJson(longer)))).toEqual(plain(longer));
  });

  it("reads hexadecimal of either letter case", () => {
    const upper = JSON.parse(text, (key, value: unknown) =>
      typeof value === "string" && key !== "network" ? value.toUpperCase() : value,
    ) as Json;
    const back = delegationFromJson(JSON.stringify(upper));
    expect(plain(back)).toEqual(plain(full));
    expect(delegationToJson(back)).toBe(text);
  });

  it("writes only the fields of a delegation", () => {
    const secret = "5ec1e7".padEnd(64, "0");
    const [first, ...rest] = full.unbonding.covenantSignatures;
    const more = { ...first!, secretKey: hex.decode(secret) };
    const loaded = {
      ...full,
      note: secret,
      unbonding: { ...full.unbonding, covenantSignatures: [more, ...rest] },
    };
    expect(delegationToJson(loaded)).toBe(text);
  });

  it("has no secret that its signatures were made with", () => {
    for (const secret of [...stake.stakerSecrets, ...stake.providerSecrets, ...stake.memberSecrets]) {
      expect(text).not.toContain(hex.encode(secret));
    }
  });
});

describe("the version of a delegation", () => {
  it.each([0, 3, -1, 1.5, 1e300])("%s is refused before any other field is read", async (version) => {
    const refusal = await refusalOf(() =>
      delegationFromJson(JSON.stringify({ version, terms: 5, other: 1 })),
    );
    expect(refusal.code).toBe("unknown-version");
    expect(refusal.details).toEqual({ expected: DELEGATION_VERSION, got: version });
  });

  it.each(['"1"', "null", "true", "[1]", "{}"])("%s is refused as a version", async (version) => {
    const { code, details } = await refusalOf(() => delegationFromJson(`{"version":${version}}`));
    expect([code, details["path"]]).toEqual(["invalid-json", "delegation.version"]);
  });
});

describe("an expansion in JSON", () => {
  it("is of version 2, which is refused for a stake that expands nothing", async () => {
    expect(document()).toMatchObject({
      version: DELEGATION_VERSION,
      expansion: { funding: { value: "600000" } },
    });
    expect(JSON.parse(single)).toMatchObject({ version: 1 });
    expect(single).not.toContain("expansion");
    const { code, details } = await refusalOf(() => delegationFromJson(change(["version"], () => 1)));
    expect([code, details["path"]]).toEqual(["invalid-json", "delegation.expansion"]);
    const newer = delegationFromJson(single.replace('"version": 1', '"version": 2'));
    expect(delegationToJson(newer)).toBe(single);
  });

  it("has its terms, output and amount checked", async () => {
    const key = hex.encode(stake.terms.covenant.keys[0]!);
    const cases: readonly [path: Path, value: Json, code: ErrorCode, where: string][] = [
      [["terms", "finalityProviders", 0], key, "duplicate-key", "terms"],
      [["terms", "timelock"], 0, "invalid-timelock", "terms"],
      [["staking", "outputIndex"], 2, "output-not-found", "staking.outputIndex"],
      [["funding", "value"], "2100000000000001", "invalid-amount", "funding.value"],
      [["params", "unbondingTime"], 0, "invalid-timelock", "params.unbondingTime"],
    ];
    for (const [path, value, code, where] of cases) {
      await expectRefused(
        change(["expansion", ...path], () => value),
        [code],
        `delegation.expansion.${where}`,
      );
    }
  });
});

describe("a field of a delegation", () => {
  const optional = new Set([
    ...["slashing", "minCommission", "phase1"].flatMap((name) => [
      `delegation.params.${name}`,
      `delegation.expansion.params.${name}`,
    ]),
    "delegation.expansion",
    "delegation.expansion.funding.transaction",
  ]);

  it("is refused when it is missing", async () => {
    for (const { path, value } of places(document())) {
      for (const key of isObject(value) ? Object.keys(value) : []) {
        const where = nameOf([...path, key]);
        const broken = change(path, (object) => {
          const { [key]: _, ...rest } = object as Record<string, Json>;
          return rest;
        });
        if (optional.has(where)) {
          expect(await codeOf(() => delegationFromJson(broken))).toBe("passed");
        } else {
          await expectRefused(broken, ["invalid-json"], where);
        }
      }
    }
  });

  it("is refused with another type", async () => {
    for (const { path, value } of places(document()).filter((place) => place.path.length > 0)) {
      const others: Json[] = [null, true, 7, "text", [], {}].filter(
        (other) => typeOf(other) !== typeOf(value),
      );
      for (const other of others) {
        const where = nameOf(path);
        // A staker may be text or an object, so those two are refused by what is in them.
        const codes: ErrorCode[] = where.endsWith(".terms.staker")
          ? ["invalid-json", "invalid-hex"]
          : ["invalid-json"];
        await expectRefused(
          change(path, () => other),
          codes,
          where,
        );
      }
    }
  });

  it("is refused when it is unknown, in every object", async () => {
    for (const { path } of places(document()).filter((place) => isObject(place.value))) {
      for (const key of ["extra", "constructor", "toString", "__proto__"]) {
        const broken = change(
          path,
          (object) =>
            Object.defineProperty({ ...(object as object) }, key, {
              value: { polluted: "yes" },
              enumerable: true,
            }) as Json,
        );
        expect(broken).toContain(key);
        await expectRefused(broken, ["invalid-json"], nameOf([...path, key]));
      }
    }
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("is refused with hexadecimal that is invalid, odd, too short or too long", async () => {
    const isHex =
      /(transaction|signature|publicKey|finalityProvider|script|tag|keys\[\d+\]|finalityProviders\[\d+\])$/;
    const fields = places(document()).filter(({ path }) => isHex.test(nameOf(path)));
    expect(fields.length).toBeGreaterThan(60);
    for (const { path, value } of fields) {
      const where = nameOf(path);
      const good = value as string;
      for (const bad of [
        `zz${good.slice(2)}`,
        `0x${good}`,
        good.slice(1),
        ` ${good.slice(1)}`,
        `${good.slice(2)}é!`,
      ]) {
        await expectRefused(
          change(path, () => bad),
          ["invalid-hex"],
          where,
        );
      }
      // An output script has any length; a transaction has to be one.
      if (where.endsWith(".script")) continue;
      const longer = where.endsWith("signature") ? `${good}0000` : `${good}00`;
      for (const bad of ["", good.slice(2), longer]) {
        const code = where.endsWith("transaction") ? "invalid-transaction" : "invalid-hex";
        await expectRefused(
          change(path, () => bad),
          [code],
          where,
        );
      }
    }
  });

  it("is refused with a number outside its range", async () => {
    const numbers: readonly [path: Path, codes: ErrorCode[], bad: number[]][] = [
      [
        ["terms", "timelock"],
        ["invalid-timelock", "invalid-json"],
        [0, 65_536, -1, 1.5],
      ],
      [["unbondingTime"], ["invalid-timelock", "invalid-json"], [0, 65_536, -1, 1.5]],
      [
        ["staking", "outputIndex"],
        ["output-not-found", "invalid-json"],
        [2, -1, 0.5, 2 ** 53],
      ],
      [
        ["terms", "covenant", "quorum"],
        ["invalid-quorum", "invalid-json"],
        [0, 6, -1, 1.5],
      ],
      [
        ["terms", "staker", "quorum"],
        ["invalid-quorum", "invalid-json"],
        [0, 4, -1, 1.5],
      ],
      [
        ["params", "covenant", "quorum"],
        ["invalid-quorum", "invalid-params"],
        [0, 6, 2],
      ],
      [["params", "unbondingTime"], ["invalid-timelock"], [0, 65_536]],
    ];
    for (const [path, codes, bad] of numbers) {
      // The terms are judged together.
      const where = nameOf(path[0] === "terms" ? ["terms"] : path);
      for (const value of bad)
        await expectRefused(
          change(path, () => value),
          codes,
          where,
        );
    }
  });

  it("is refused with terms that no safe scripts can have", async () => {
    const key = (document() as { terms: { covenant: { keys: string[] } } }).terms.covenant.keys[0]!;
    const cases: readonly [path: Path, value: Json, code: ErrorCode][] = [
      [["terms", "finalityProviders"], [], "no-keys"],
      [["terms", "covenant", "keys"], [], "no-keys"],
      [["terms", "staker", "keys"], [], "no-keys"],
      [["terms", "finalityProviders", 1], key, "duplicate-key"],
      [["terms", "covenant", "keys", 1], key, "duplicate-key"],
      // The same key in another case is the same key.
      [["terms", "covenant", "keys", 1], key.toUpperCase(), "duplicate-key"],
      [["terms", "finalityProviders", 0], "ff".repeat(32), "invalid-public-key"],
      [["terms", "staker"], "00".repeat(32), "invalid-public-key"],
      [["terms", "staker"], "", "invalid-hex"],
    ];
    for (const [path, value, code] of cases) {
      await expectRefused(
        change(path, () => value),
        [code],
        "delegation.terms",
      );
    }
  });

  it("is refused with transactions of more than 21 million bitcoin, without inputs, or with trailing bytes", async () => {
    const raw = (document() as { slashing: { transaction: string } }).slashing.transaction;
    const value = hex.encode(valueBytes(full.slashing.transaction.outs[0]!.value));
    expect(raw).toContain(value);
    for (const bad of [
      raw.replace(value, "ff".repeat(8)),
      raw.replace(value, `${"00".repeat(7)}80`),
      "02000000000000000000",
      `${raw}00`,
    ]) {
      await expectRefused(
        change(["slashing", "transaction"], () => bad),
        ["invalid-transaction"],
        "delegation.slashing.transaction",
      );
    }
  });
});

describe("text that is read as a delegation", () => {
  const cases: readonly [name: string, bad: string][] = [
    ["nothing", ""],
    ["no JSON", "{"],
    ["an array", "[]"],
    ["null", "null"],
    ["text", '"delegation"'],
    ["a prototype in place of fields", '{"__proto__":{"version":1}}'],
    ["deep nesting", "[".repeat(200_000)],
    ["deep nesting, closed", `{"version":1,"terms":${"[".repeat(5_000)}${"]".repeat(5_000)}}`],
    [
      "a million elements",
      text.replace('"finalityProviders": [', `"finalityProviders": [${'"00",'.repeat(1_000_000)}`),
    ],
    [
      "a transaction of megabytes",
      text.replace(/"transaction": "/, `"transaction": "${"00".repeat(2_000_000)}`),
    ],
    ["a huge number of inputs", text.replace(/"transaction": "\d{8}/, '"transaction": "02000000feffffffff')],
  ];
  it.each(cases)("is refused with its code: %s", async (_, bad) => {
    expect(["passed", "crashed"]).not.toContain(await codeOf(() => delegationFromJson(bad)));
  });

  it.each([undefined, null, 5, {}, [], new Uint8Array(3), Symbol("s")])(
    "is refused when it is not text: %s",
    async (bad) => {
      expect(await codeOf(() => delegationFromJson(bad as never))).toBe("invalid-json");
    },
  );

  it("gives a delegation or a TapstakeError", async () => {
    const anywhere = places(document()).filter(({ path }) => path.length > 0);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...anywhere), fc.jsonValue(), async ({ path }, value) => {
        expect(await codeOf(() => delegationFromJson(change(path, () => value as Json)))).not.toBe("crashed");
      }),
      { numRuns: runs(300) },
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(single.length - 1), fc.string({ maxLength: 3 }), async (at, insert) => {
        const mangled = single.slice(0, at) + insert + single.slice(at + 1);
        const code = await codeOf(() => checkDelegation(delegationFromJson(mangled)));
        expect(code).not.toBe("crashed");
      }),
      { numRuns: runs(300) },
    );
  });

  it("is not quoted when it is refused", async () => {
    const secret = hex.encode(secretOf("something private"));
    for (const { path } of places(document()).filter((place) => typeof place.value === "string")) {
      if (nameOf(path).includes("params.")) continue;
      const bad = `x${secret}`;
      const { message, details } = await refusalOf(() => delegationFromJson(change(path, () => bad)));
      expect(`${message} ${JSON.stringify(details)}`).not.toContain(secret);
    }
  });
});

/** Refused by one of the codes, at the place or within it; bytes and rules inside the parameters or terms, there. */
async function expectRefused(broken: string, codes: readonly ErrorCode[], where: string): Promise<void> {
  const { code, details, message } = await refusalOf(() => delegationFromJson(broken));
  expect(codes, where).toContain(code);
  expect(message.startsWith("delegation"), message).toBe(true);
  const path = String(details["path"]);
  const isWhole = /^delegation(\.expansion)?\.(params(\.covenant)?|terms(\.staker)?)$/.test(path);
  const found = path.startsWith(where) || (isWhole && where.startsWith(path));
  expect(found, `${where}: ${path}: ${message}`).toBe(true);
}

function places(json: Json, path: Path = []): { path: Path; value: Json }[] {
  const inside = isObject(json)
    ? Object.entries(json).flatMap(([key, value]) => places(value, [...path, key]))
    : Array.isArray(json)
      ? json.flatMap((value, i) => places(value, [...path, i]))
      : [];
  return [{ path, value: json }, ...inside];
}

/** The document's text with one place in it changed. */
function change(path: Path, to: (value: Json) => Json): string {
  const within = (json: Json, [step, ...rest]: Path): Json => {
    if (step === undefined) return to(json);
    if (Array.isArray(json)) return json.map((value, i) => (i === step ? within(value, rest) : value));
    const object = json as { [key: string]: Json };
    return { ...object, [step]: within(object[step]!, rest) };
  };
  return JSON.stringify(within(document(), path));
}

const nameOf = (path: Path) =>
  path.reduce<string>(
    (name, step) => name + (typeof step === "number" ? `[${step}]` : `.${step}`),
    "delegation",
  );

const isObject = (json: Json): json is { [key: string]: Json } =>
  typeof json === "object" && json !== null && !Array.isArray(json);

const typeOf = (json: Json) => (Array.isArray(json) ? "array" : json === null ? "null" : typeof json);

const valueBytes = (value: bigint) => new Uint8Array(new BigUint64Array([value]).buffer);

/** For comparing: transactions as hexadecimal, as bitcoinjs-lib gives them buffers of several kinds. */
function plain(delegation: Delegation): unknown {
  const { staking, unbonding, slashing, unbondingSlashing, ...rest } = delegation;
  const flat = <T extends { readonly transaction: { toHex(): string } }>(each: T) => ({
    ...each,
    transaction: each.transaction.toHex(),
  });
  return {
    ...rest,
    staking: flat(staking),
    unbonding: flat(unbonding),
    slashing: flat(slashing),
    unbondingSlashing: flat(unbondingSlashing),
  };
}
