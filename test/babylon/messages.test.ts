import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { decodeMessage, encodeMessage, type MessageName, TYPE_URLS } from "../../src/babylon/messages.js";
import { releasesOf } from "../../src/babylon/releases.js";
import { SCHEMA } from "../../src/babylon/schema.js";
import { concatBytes, hex } from "../../src/core/bytes.js";
import type { Field } from "../../src/core/protobuf.js";
import { NOT_BYTES } from "../support/arbitraries.js";
import { loadPublished } from "../support/babylon.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";

let published: Awaited<ReturnType<typeof loadPublished>>;
beforeAll(async () => {
  published = await loadPublished();
});

const NAMES = Object.keys(TYPE_URLS) as MessageName[];
/** The published package has no larger numbers: its own are floats. */
const MOST = BigInt(Number.MAX_SAFE_INTEGER);

/** Any message with the lengths that its schema asks for, in numbers that the published package can hold. */
function anyMessage(name: keyof typeof SCHEMA): fc.Arbitrary<object> {
  const fields = Object.entries(SCHEMA[name] as Readonly<Record<string, Field>>).filter(
    ([key]) => !(name === "MsgCreateFinalityProvider" && key === "bsnId"),
  );
  return fc.record(Object.fromEntries(fields.map(([key, field]) => [key, anyField(field)])));
}

function anyField(field: Field): fc.Arbitrary<unknown> {
  if (field.repeated) return fc.array(anyValue(field), { maxLength: 4 });
  // The package writes no empty text, and so says nothing of it.
  if (field.optional && field.type === "string")
    return fc.option(fc.string({ minLength: 1 }), { nil: undefined });
  return field.optional ? fc.option(anyValue(field), { nil: undefined }) : anyValue(field);
}

function anyValue({ type, length }: Field): fc.Arbitrary<unknown> {
  if (type === "string") return fc.string({ unit: "grapheme" });
  if (type === "uint32") return fc.oneof(fc.constantFrom(0, 1, 127, 128, 0x7fff_ffff), fc.nat());
  if (type === "uint64" || type === "int64") return fc.oneof(fc.constant(0n), fc.bigInt(0n, MOST));
  if (type !== "bytes") return anyMessage(type as keyof typeof SCHEMA);
  const size = length === undefined ? { maxLength: 300 } : { minLength: length, maxLength: length };
  return fc.uint8Array(size);
}

/** As the published package has messages: numbers where ours are bigint. */
function asPublished(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(asPublished);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, asPublished(each)]));
}

describe("the messages of the chain", () => {
  it("have the published packages in their type URLs", () => {
    const [staking, finality] = published.packages;
    for (const name of NAMES) {
      const proto = name.replace(/^MsgUpdate(Staking|Finality)Params$/, "MsgUpdateParams");
      expect(published.packages.map((each) => `/${each}.${proto}`)).toContain(TYPE_URLS[name]);
      expect(published[name]).toBeDefined();
    }
    expect(TYPE_URLS.MsgAddFinalitySig).toBe(`/${finality}.MsgAddFinalitySig`);
    expect(TYPE_URLS.MsgCreateFinalityProvider).toBe(`/${staking}.MsgCreateFinalityProvider`);
  });

  it.each(NAMES)("%s has the published package's bytes, both ways", (name) => {
    fc.assert(
      fc.property(anyMessage(name), (message) => {
        const [release] = releasesOf(name, message);
        const ours = encodeMessage(name, message as never, release);
        const theirs = published[name];
        const bytes = theirs.encode(theirs.fromPartial(asPublished(message) as object)).finish();
        expect(hex.encode(ours.value)).toBe(hex.encode(bytes));
        const read = decodeMessage({ typeUrl: TYPE_URLS[name], value: bytes });
        expect(read.name).toBe(name);
        expect(withoutAbsent(read.message)).toEqual(withoutAbsent(message));
        expect(hex.encode(theirs.encode(theirs.decode(ours.value)).finish())).toBe(hex.encode(bytes));
      }),
      { numRuns: runs(200) },
    );
  });

  it.each(NAMES)("%s has every field of the published one", (name) => {
    const fields = Object.keys(published[name].fromPartial({}));
    expect(Object.keys(SCHEMA[name]).sort()).toEqual(fields.sort());
  });

  it("keep heights that a float cannot", () => {
    const message = {
      signer: "a",
      fpBtcPk: new Uint8Array(32),
      startHeight: 2n ** 64n - 1n,
      numPubRand: 2n ** 53n + 1n,
      commitment: new Uint8Array(32),
      sig: new Uint8Array(64),
    };
    expect(decodeMessage(encodeMessage("MsgCommitPubRandList", message)).message).toEqual(message);
  });
});

describe("reading a message", () => {
  const typeUrl = TYPE_URLS.MsgSelectiveSlashingEvidence;
  const message = { signer: "bbn1x", stakingTxHash: "ab", recoveredFpBtcSk: new Uint8Array(32).fill(7) };
  const { value } = encodeMessage("MsgSelectiveSlashingEvidence", message, "v1");
  const read = (bytes: Uint8Array) => () => decodeMessage({ typeUrl, value: bytes });
  const after = (digits: string) => read(concatBytes(value, hex.decode(digits)));

  it("is refused wherever it is cut", () => {
    for (let length = 0; length < value.length; length++) {
      refusal("invalid-message", read(value.slice(0, length)));
    }
    expect(read(value)()).toEqual({ name: "MsgSelectiveSlashingEvidence", message });
  });

  it.each([
    ["a field of another wire type", "0801", /signer has wire type 0/],
    ["a field twice", "0a0141", /signer is there twice/],
    ["a field of unknown number, which may change what the rest means", "2001", /field 4 is not known/],
    ["field number 0", "00", /number 0/],
    ["a group", "0b", /wire type 3/],
    ["a number that is longer than it needs to be", "8a00", /longer than it needs/],
    ["a length that is longer than it needs to be", "12818000", /longer than it needs/],
    ["a number without end", "ff".repeat(11), /./],
    ["a length beyond the end", "12ff01", /./],
  ])("is refused with %s", (_, digits, text) => {
    expect(refusal("invalid-message", after(digits)).message).toMatch(text);
  });

  it("is refused with text that is not UTF-8, bytes of another length, and without a required message", () => {
    refusal("invalid-message", read(hex.decode(`0a01ff${hex.encode(value.slice(7))}`)));
    const short = concatBytes(hex.decode("1a1f"), new Uint8Array(31));
    expect(refusal("invalid-message", read(short)).message).toMatch(/must be 32 bytes, not 31/);
    const lone = { typeUrl: TYPE_URLS.MsgAddBTCDelegationInclusionProof, value: hex.decode("0a0141") };
    expect(refusal("invalid-message", () => decodeMessage(lone)).message).toMatch(
      /InclusionProof is missing/,
    );
  });

  it("is refused with numbers that are negative, or above 32 bits where the field has only so many", () => {
    const delegation = TYPE_URLS.MsgCreateBTCDelegation;
    const at = (digits: string) => () => decodeMessage({ typeUrl: delegation, value: hex.decode(digits) });
    expect(refusal("invalid-message", at(`30${"ff".repeat(9)}01`)).message).toMatch(/negative/);
    expect(refusal("invalid-message", at("28ffffffff1f")).message).toMatch(/more than 32 bits/);
  });

  it("names the place and not the value: a message may have a secret", () => {
    const broken = concatBytes(value, Uint8Array.of(0));
    expect(refusal("invalid-message", read(broken)).message).not.toContain("07");
  });

  it("is refused with an unknown type URL, and with what is not bytes", () => {
    refusal("invalid-message", () => decodeMessage({ typeUrl: "/cosmos.bank.v1beta1.MsgSend", value }));
    refusal("invalid-message", () => decodeMessage({ typeUrl: "toString", value }));
    for (const wrong of NOT_BYTES) {
      refusal("invalid-message", () => decodeMessage({ typeUrl, value: wrong as Uint8Array }));
    }
  });

  it("takes time in proportion to its length, however many elements a list has", () => {
    const count = 200_000;
    const element = Uint8Array.of(0x2a, 1, 7);
    const list = new Uint8Array(3 * count).map((_, i) => element[i % 3]!);
    const inclusion = hex.decode(`22240a221220${"05".repeat(32)}`);
    const undelegation = { typeUrl: TYPE_URLS.MsgBTCUndelegate, value: concatBytes(inclusion, list) };
    expect(decodeMessage(undelegation).message).toMatchObject({ fundingTransactions: { length: count } });
  });

  it("never crashes on random bytes", () => {
    fc.assert(
      fc.property(fc.constantFrom(...NAMES), fc.uint8Array({ maxLength: 200 }), (name, bytes) => {
        try {
          decodeMessage({ typeUrl: TYPE_URLS[name], value: bytes });
        } catch (error) {
          expect(error).toMatchObject({ code: "invalid-message" });
        }
      }),
      { numRuns: runs(2_000) },
    );
  });
});

describe("writing a message", () => {
  const message = { signer: "bbn1x", stakingTxHash: "ab", recoveredFpBtcSk: new Uint8Array(32) };
  const write = (change: object) => () =>
    encodeMessage("MsgSelectiveSlashingEvidence", { ...message, ...change } as never, "v1");

  it("is refused with fields of another type or length", () => {
    refusal("invalid-message", write({ signer: 1 }));
    refusal("invalid-message", write({ signer: undefined }));
    refusal("invalid-bytes", write({ recoveredFpBtcSk: new Uint8Array(31) }));
    refusal("invalid-bytes", write({ recoveredFpBtcSk: undefined }));
    refusal("invalid-message", () => encodeMessage("MsgBTCUndelegate", null as never));
    refusal("invalid-argument", () => encodeMessage("toString" as never, message as never));
    const vote = { signer: "", fpBtcPk: new Uint8Array(32) };
    for (const blockHeight of [-1n, 2n ** 64n, 1, undefined]) {
      refusal("invalid-number", () => encodeMessage("MsgAddFinalitySig", { ...vote, blockHeight } as never));
    }
  });

  it("is refused with what is not a list, and with a hole in one", () => {
    const head = {
      stakerAddr: "",
      pop: { btcSigType: 0, btcSig: new Uint8Array() },
      btcPk: new Uint8Array(32),
    };
    for (const fpBtcPkList of [undefined, new Uint8Array(32)]) {
      refusal("invalid-message", () =>
        encodeMessage("MsgCreateBTCDelegation", { ...head, fpBtcPkList } as never),
      );
    }
    refusal("invalid-bytes", () =>
      encodeMessage("MsgCreateBTCDelegation", { ...head, fpBtcPkList: [undefined] } as never),
    );
  });
});

/** The published package has absent messages as undefined; ours are not there. */
function withoutAbsent(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined));
}
