import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { scriptOfAddress } from "../../src/bitcoin/address.js";
import { parseTransaction } from "../../src/bitcoin/transaction.js";
import { coinsFromJson } from "../../src/chain/coins-json.js";
import { parseBtc, parseRate } from "../../src/core/amount.js";
import { hex } from "../../src/core/bytes.js";
import { TapstakeError } from "../../src/core/errors.js";
import { adaptor } from "../../src/crypto/adaptor.js";
import { eots } from "../../src/crypto/eots.js";
import { merkle, type MerkleProof } from "../../src/crypto/merkle.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { createDelegation } from "../../src/delegation/delegation.js";
import { delegationFromJson, delegationToJson } from "../../src/delegation/json.js";
import { signSlashings } from "../../src/delegation/sign.js";
import { mainnetPhase1 } from "../../src/params/data/mainnet.js";
import { paramsOf, paramsObject } from "../../src/params/json.js";
import { parseParamSet } from "../../src/params/read.js";
import { parsePsbt, readWitnessStack } from "../../src/psbt/read.js";
import { signaturesFromPsbt } from "../../src/psbt/signatures.js";
import { spendPsbt } from "../../src/psbt/write.js";
import { importableDescriptor, parseDescriptor } from "../../src/script/descriptor-parse.js";
import { parseLeaf } from "../../src/script/leaf.js";
import { decodeOpReturn, encodeOpReturn } from "../../src/script/op-return.js";
import { stakingOutput } from "../../src/script/outputs.js";
import { finishSpend, keySigner } from "../../src/spending/spend.js";
import { decodeSpends, decodeStaking } from "../../src/stake/decode.js";
import { shownPsbt } from "../../src/stake/explain-psbt.js";
import { explainSpends } from "../../src/stake/explain.js";
import { buildStaking, finishStaking } from "../../src/stake/staking.js";
import {
  COIN,
  feeRate,
  keyOf,
  lifeOf,
  P2WPKH,
  paramsFor,
  PATHS,
  secretOf,
  signEnough,
  termsOf,
} from "../support/lives.js";
import { runs } from "../support/runs.js";
import { readVectors } from "../support/vectors.js";

/**
 * Every parser, given garbage and good input that was damaged, answers or refuses with a TapstakeError: nothing
 * else is thrown, nothing hangs, and the input is as it was.
 */
const RUNS = { numRuns: runs(150) };

function expectAnswerOrRefusal<T extends Uint8Array | string | object>(
  parse: (input: T) => unknown,
  input: T,
): void {
  const before = structuredClone(input);
  const run = () => {
    try {
      parse(input);
    } catch (error) {
      if (!(error instanceof TapstakeError)) throw error;
    }
  };
  expect(run).not.toThrow();
  expect(input).toEqual(before);
}

const garbage = fc.uint8Array({ maxLength: 300 });

/** Good bytes with some of: a byte replaced, a count blown up, a piece cut out, repeated or put in, an end cut. */
const damaged = (good: Uint8Array): fc.Arbitrary<Uint8Array> => {
  const at = fc.nat(Math.max(0, good.length - 1));
  const splice = (from: number, remove: number, put: Uint8Array) => (bytes: Uint8Array) =>
    Uint8Array.of(...bytes.slice(0, from), ...put, ...bytes.slice(from + remove));
  const counts = fc.constantFrom("fdffff", "feffffffff", "ffffffffffffffffff", "ff0000000001000000", "00");
  const step = fc.oneof(
    fc.tuple(at, fc.uint8Array({ minLength: 1, maxLength: 1 })).map(([i, byte]) => splice(i, 1, byte)),
    fc.tuple(at, counts).map(([i, count]) => splice(i, 1, hex.decode(count))),
    fc.tuple(at, fc.nat(40)).map(([i, length]) => splice(i, length, new Uint8Array(0))),
    fc.tuple(at, fc.nat(40)).map(([i, length]) => splice(i, 0, good.slice(i, i + length))),
    fc.tuple(at, fc.uint8Array({ maxLength: 8 })).map(([i, put]) => splice(i, 0, put)),
    at.map((i) => (bytes: Uint8Array) => bytes.slice(0, i)),
  );
  return fc
    .array(step, { minLength: 1, maxLength: 3 })
    .map((steps) => steps.reduce((bytes, change) => change(bytes), good));
};

const terms = termsOf({ providers: 2 });
const params = paramsFor(terms);
const life = lifeOf(terms, params);
const spend = life["staking slashing"];
const signed = finishSpend(spend, signEnough(spend));
const staking = buildStaking({
  terms,
  params,
  value: 100_000n,
  coins: [{ ...COIN, script: P2WPKH }],
  changeScript: P2WPKH,
  feeRate: feeRate("1"),
});
const set = { name: "own", network: "regtest", versions: [params] } as const;
const { covenant: _, ...given } = terms;
const announcement = encodeOpReturn({
  tag: hex.decode("62626e31"),
  staker: keyOf(1),
  finalityProvider: keyOf(2),
  timelock: 1000,
});

const { descriptor } = stakingOutput(terms, "regtest");
/** The example of BIP-370 with the required fields only. */
const version2 = hex.decode(
  "70736274ff01020402000000010401010105010201fb040200000000010e200b0ad921419c1c8719735d72dc739f9ea9e0638d1fe4c1eef0f9944084815fc8010f0400000000000103080008af2f000000000104160014c430f64c4756da310dbd1a085572ef299926272c000103088bbdeb0b0000000001041600144dd193ac964a56ac1b9e1cca8454fe2f474f851300",
);
const psbt = spendPsbt(spend, signEnough(spend)).toBuffer();
const witness = spendPsbt(spend);
witness.updateInput(0, {
  finalScriptWitness: hex.decode(`0340${"11".repeat(64)}015121c0${"50".repeat(32)}`),
});

const leaves = PATHS.map((path) => life[path].leaf.script);

/** Each with one good input or several: bytes. */
const parsers: [string, (bytes: Uint8Array) => unknown, Uint8Array[]][] = [
  ["parseTransaction", parseTransaction, [signed.toBuffer(), spend.transaction.toBuffer()]],
  ["parsePsbt", parsePsbt, [psbt, witness.toBuffer(), staking.psbt.toBuffer(), version2]],
  [
    "shownPsbt, explained",
    (bytes) => {
      const shown = shownPsbt(parsePsbt(bytes));
      return explainSpends(shown.transaction, [set], shown.prevouts);
    },
    [psbt, witness.toBuffer(), staking.psbt.toBuffer()],
  ],
  ["signaturesFromPsbt", (bytes) => signaturesFromPsbt(spend, bytes), [psbt, witness.toBuffer()]],
  ["finishStaking", (bytes) => finishStaking(staking, bytes), [staking.psbt.toBuffer()]],
  ["readWitnessStack", readWitnessStack, [witness.data.inputs[0]!.finalScriptWitness!]],
  ["parseLeaf", parseLeaf, leaves],
  ["decodeOpReturn", decodeOpReturn, [announcement]],
  [
    "decodeStaking",
    (bytes) => decodeStaking(parseTransaction(bytes), set, { terms: given }),
    [staking.transaction.toBuffer()],
  ],
  [
    "decodeStaking by OP_RETURN",
    (bytes) => decodeStaking(parseTransaction(bytes), mainnetPhase1),
    [staking.transaction.toBuffer()],
  ],
  ["decodeSpends", (bytes) => decodeSpends(parseTransaction(bytes)), [signed.toBuffer()]],
];

describe.each(parsers)("%s", (_name, parse, good) => {
  it("accepts or refuses garbage", () => {
    fc.assert(
      fc.property(garbage, (bytes) => expectAnswerOrRefusal(parse, bytes)),
      RUNS,
    );
  });

  it("accepts or refuses damaged input", () => {
    for (const each of good) {
      fc.assert(
        fc.property(damaged(each), (bytes) => expectAnswerOrRefusal(parse, bytes)),
        {
          numRuns: Math.ceil(RUNS.numRuns / good.length),
        },
      );
    }
  });
});

describe("accepted input is valid", () => {
  it("a leaf that parses is written again to the same bytes", () => {
    // `parseLeaf` promises so itself; here it is seen from outside: no damaged leaf reads as the good one.
    for (const leaf of leaves) {
      fc.assert(
        fc.property(damaged(leaf), (bytes) => {
          fc.pre(hex.encode(bytes) !== hex.encode(leaf));
          let read: unknown = null;
          try {
            read = parseLeaf(bytes);
          } catch {
            return;
          }
          expect(read).not.toEqual(parseLeaf(leaf));
        }),
        { numRuns: runs(40) },
      );
    }
  });

  it("a damaged PSBT never yields a signature that does not verify", () => {
    fc.assert(
      fc.property(damaged(psbt), (bytes) => {
        try {
          const signatures = signaturesFromPsbt(spend, bytes);
          expect(() =>
            finishSpend(spend, [...signatures, ...signEnough(spend)].slice(0, signatures.length)),
          ).not.toThrow("does not verify");
        } catch (error) {
          expect(error).toBeInstanceOf(TapstakeError);
        }
      }),
      { numRuns: runs(60) },
    );
  });
});

const strings: [string, (text: string) => unknown, string[]][] = [
  ["hex.decode", (text) => hex.decode(text), ["00ff", "ABcd"]],
  ["parsePsbt of base64", parsePsbt, [spendPsbt(spend).toBase64()]],
  ["parseRate", (text) => parseRate(text), ["0.05", "1", "0.0001000"]],
  ["parseBtc", (text) => parseBtc(text), ["300.004", "0.00000001"]],
  [
    "scriptOfAddress",
    (text) => scriptOfAddress(text, "mainnet"),
    [
      "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
      "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
      "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
    ],
  ],
  ["parseDescriptor", parseDescriptor, [descriptor, descriptor.split("#")[0]!]],
  [
    "importableDescriptor",
    (text) => importableDescriptor(descriptor, [text]),
    [
      "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8/0/5",
      "KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn",
      `[d34db33f/86'/0h]${hex.encode(keyOf(1))}`,
    ],
  ],
  [
    "coinsFromJson",
    coinsFromJson,
    [`[{"txid":"${"07".repeat(32)}","vout":0,"amount":0.1,"scriptPubKey":"0014"}]`],
  ],
  [
    "delegationFromJson",
    delegationFromJson,
    ["{}", '{"version":1}', '{"version":2,"expansion":{}}', "null", "[]"],
  ],
  [
    "parseParamSet",
    (text) => parseParamSet(text, { name: "own", network: "mainnet" }),
    ["[]", '{"versions":[]}'],
  ],
];

describe.each(strings)("%s", (_name, parse, good) => {
  it("accepts or refuses any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 80 }), (text) => expectAnswerOrRefusal(parse, text)),
      RUNS,
    );
  });

  it("accepts or refuses damaged text", () => {
    const pieces = fc.constantFrom(...good).chain((text) =>
      fc.record({
        text: fc.constant(text),
        at: fc.nat(text.length),
        put: fc.string({ maxLength: 3 }),
        cut: fc.nat(3),
      }),
    );
    fc.assert(
      fc.property(pieces, ({ text, at, put, cut }) =>
        expectAnswerOrRefusal(parse, text.slice(0, at) + put + text.slice(at + cut)),
      ),
      RUNS,
    );
  });

  it("refuses what is not text", () => {
    for (const value of [undefined, null, 0, Number.NaN, 1n, true, {}, [[]], Symbol("text"), () => "00"]) {
      expect(() => parse(value as string)).toThrow(TapstakeError);
    }
  });
});

describe("JSON", () => {
  /** Values of every type of JSON, in place of one field. */
  const values = fc.oneof(
    fc.constantFrom<unknown>(
      null,
      true,
      0,
      -1,
      1.5,
      1e308,
      2 ** 53,
      "",
      "0",
      "-1",
      "zz",
      "00",
      "1e9",
      [],
      {},
      [[]],
      "9".repeat(25),
    ),
    fc.string({ maxLength: 6 }),
    fc.nat(100_000),
  );

  const pathsOf = (value: unknown, path: readonly string[] = []): (readonly string[])[] =>
    typeof value === "object" && value !== null
      ? [path, ...Object.entries(value).flatMap(([key, each]) => pathsOf(each, [...path, key]))]
      : [path];

  function replaced(
    value: unknown,
    [key, ...rest]: readonly string[],
    change: (old: unknown) => unknown,
  ): unknown {
    if (key === undefined) return change(value);
    const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) }) as Record<
      string,
      unknown
    >;
    const next = replaced(copy[key], rest, change);
    if (next === undefined) delete copy[key];
    else copy[key] = next;
    return copy;
  }

  /** The JSON with one field of another type, without one, or with one more. */
  const damagedJson = (json: unknown): fc.Arbitrary<object> =>
    fc
      .tuple(
        fc.constantFrom(...pathsOf(json).slice(1)),
        fc.oneof(
          values.map((value) => () => value),
          fc.constant(() => undefined),
          fc.constant((old: unknown) =>
            Array.isArray(old) ? [...(old as unknown[]), ...(old as unknown[])] : { extra: old },
          ),
          fc.constant((old: unknown) => (typeof old === "string" ? old.slice(1) : [old])),
        ),
      )
      .map(([path, change]) => replaced(json, path, change) as object);

  let delegation: object;
  beforeAll(async () => {
    const made = createDelegation(terms, params, staking);
    const withSignatures = await signSlashings(made, keySigner(secretOf(terms.staker as Uint8Array)));
    delegation = JSON.parse(delegationToJson(withSignatures)) as object;
  });

  it("of a delegation is accepted or refused with any field damaged", () => {
    fc.assert(
      fc.property(damagedJson(delegation), (json) =>
        expectAnswerOrRefusal((each) => delegationFromJson(JSON.stringify(each)), json),
      ),
      RUNS,
    );
  });

  it("of parameters is accepted or refused with any field damaged", () => {
    const json = paramsObject({ ...params, phase1: { tag: hex.decode("62626e31"), confirmationDepth: 1 } });
    fc.assert(
      fc.property(damagedJson(json), (each) => expectAnswerOrRefusal(paramsOf, each)),
      RUNS,
    );
    fc.assert(
      fc.property(fc.jsonValue(), (each) => expectAnswerOrRefusal(paramsOf, [each])),
      RUNS,
    );
  });

  it.each(["mainnet-phase1-params.json", "mainnet-phase2-params.json"])(
    "of published parameters is accepted or refused with any field damaged: %s",
    (file) => {
      const json = JSON.parse(readVectors(file)) as object;
      const read = (each: object) => parseParamSet(each, { name: "own", network: "mainnet" });
      fc.assert(
        fc.property(damagedJson(json), (each) => expectAnswerOrRefusal(read, each)),
        RUNS,
      );
    },
  );
});

describe("verification of any bytes is false, and throws no error", () => {
  const anything = fc.oneof(
    fc.constantFrom<unknown>(undefined, null, 1, "00", {}, [], 1n),
    fc.uint8Array({ maxLength: 70 }),
    ...[32, 33, 64, 65, 66].map((length) => fc.uint8Array({ minLength: length, maxLength: length })),
    // Values at the edges of what a field element or a scalar can be.
    ...[32, 64, 65].map((length) =>
      fc.constantFrom(0, 0xff).map((byte) => new Uint8Array(length).fill(byte)),
    ),
  ) as fc.Arbitrary<Uint8Array>;

  it.each<[string, (a: Uint8Array, b: Uint8Array, c: Uint8Array, d: Uint8Array) => boolean]>([
    ["schnorr", (a, b, c) => schnorr.verify(a, b, c)],
    ["adaptor", (a, b, c, d) => adaptor.verify(a, b, c, d)],
    ["eots", (a, b, c, d) => eots.verify(a, b, c, d)],
    ["merkle", (a, b, c) => merkle.verify(a, b, c as unknown as MerkleProof)],
  ])("%s", (_name, verify) => {
    fc.assert(
      fc.property(anything, anything, anything, anything, (a, b, c, d) => {
        expect(verify(a, b, c, d)).toBe(false);
        expect(verify(keyOf(1), b, c, d)).toBe(false);
        expect(verify(keyOf(1), keyOf(2), c, d)).toBe(false);
      }),
      RUNS,
    );
  });
});
