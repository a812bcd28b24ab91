import { fileURLToPath } from "node:url";
import { loadSync, type ServiceDefinition } from "@grpc/proto-loader";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type Method,
  methodNames,
  pathOf,
} from "../../src/signer-client/wire.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";

/** PROTOCOL 10 as a .proto file, which is no part of the code under test. */
const definitions = loadSync(fileURLToPath(new URL("../fixtures/eots-manager.proto", import.meta.url)), {
  longs: String,
});
const service = definitions["proto.EOTSManager"] as ServiceDefinition;

const requestByProto = (method: Method, message: object): string =>
  hex.encode(Uint8Array.from(service[method]!.requestSerialize(message)));
const responseByProto = (method: Method, message: object): string =>
  hex.encode(Uint8Array.from(service[method]!.responseSerialize(message)));

const uid = new Uint8Array(32).fill(0xa1);
const chainId = new TextEncoder().encode("bbn-1");
const U64 = 0xffff_ffff_ffff_ffffn;

/** The same message in this project's names and in the .proto file's. */
const REQUESTS: [method: Method, ours: object, theirs: object][] = [
  ["Ping", {}, {}],
  [
    "CreateRandomnessPairList",
    { uid, chainId, startHeight: U64 - 1n, num: 4_294_967_295, interval: 7n },
    { uid, chainId, startHeight: "18446744073709551614", num: 4_294_967_295, interval: "7" },
  ],
  [
    "CreateRandomnessPairList",
    { uid, chainId, startHeight: 300n, num: 50_000 },
    { uid, chainId, startHeight: "300", num: 50_000 },
  ],
  [
    "SignEOTS",
    { uid, chainId, msg: uid, height: 2n ** 53n + 1n },
    { uid, chainId, msg: uid, height: "9007199254740993" },
  ],
  ["UnsafeSignEOTS", { uid, chainId, msg: uid, height: 1n }, { uid, chainId, msg: uid, height: "1" }],
  ["SignSchnorrSig", { uid, msg: uid }, { uid, msg: uid }],
  [
    "SignBatchEOTS",
    {
      uid,
      chainId,
      signRequests: [
        { msg: uid, height: 1n },
        { msg: chainId, height: U64 },
      ],
    },
    {
      uid,
      chainId,
      signRequests: [
        { msg: uid, height: "1" },
        { msg: chainId, height: "18446744073709551615" },
      ],
    },
  ],
  ["SaveEOTSKeyName", { keyName: "ключ", eotsPk: uid }, { keyName: "ключ", eotsPk: uid }],
  ["UnlockKey", { uid, passphrase: "geheim" }, { uid, passphrase: "geheim" }],
  ["Backup", { dbPath: "a", backupDir: "b" }, { dbPath: "a", backupDir: "b" }],
];

describe("the bytes of requests", () => {
  it.each(REQUESTS)("equal those of a .proto file, both ways: %s", (method, ours, theirs) => {
    const bytes = encodeRequest(method, ours as never);
    expect(hex.encode(bytes)).toBe(requestByProto(method, theirs));
    expect(decodeRequest(method, bytes)).toEqual(
      method === "CreateRandomnessPairList" ? { interval: 0n, ...ours } : ours,
    );
  });

  it("omit default values, as Go does, which authenticates the request that it encodes again", () => {
    const empty = { uid, chainId: new Uint8Array(), msg: new Uint8Array(), height: 0n };
    expect(hex.encode(encodeRequest("SignEOTS", empty))).toBe(`0a20${hex.encode(uid)}`);
    expect(decodeRequest("SignEOTS", encodeRequest("SignEOTS", empty))).toEqual(empty);
  });

  it("include an optional interval of 0 when one was given", () => {
    const range = { uid, chainId, startHeight: 1n, num: 1 };
    expect(hex.encode(encodeRequest("CreateRandomnessPairList", { ...range, interval: 0n }))).toBe(
      `${hex.encode(encodeRequest("CreateRandomnessPairList", range))}2800`,
    );
  });

  it("keep every height exactly", () => {
    fc.assert(
      fc.property(fc.bigInt(0n, U64), fc.uint8Array(), (height, msg) => {
        const { uid: key, ...request } = { uid, chainId, msg, height };
        const decoded = decodeRequest("SignEOTS", encodeRequest("SignEOTS", { uid: key, ...request }));
        expect(decoded.height).toBe(height);
        expect(hex.encode(decoded.msg)).toBe(hex.encode(msg));
      }),
      { numRuns: runs(50) },
    );
  });
});

describe("the bytes of answers", () => {
  it.each<[Method, object, object]>([
    ["CreateRandomnessPairList", { pubRandList: [uid, uid] }, { pubRandList: [uid, uid] }],
    ["SignEOTS", { sig: uid }, { sig: uid }],
    ["SignSchnorrSig", { sig: uid }, { sig: uid }],
    [
      "SignBatchEOTS",
      { responses: [{ sig: uid, height: U64 }] },
      { responses: [{ sig: uid, height: "18446744073709551615" }] },
    ],
    ["Backup", { backupName: "name" }, { backupName: "name" }],
  ])("equal those of a .proto file, both ways: %s", (method, ours, theirs) => {
    const bytes = encodeResponse(method, ours as never);
    expect(hex.encode(bytes)).toBe(responseByProto(method, theirs));
    expect(decodeResponse(method, bytes)).toEqual(ours);
  });
});

describe("the service", () => {
  it("has the methods of PROTOCOL 10, and their paths", () => {
    expect([...methodNames].sort()).toEqual(Object.keys(service).sort());
    for (const method of methodNames) expect(pathOf(method)).toBe(service[method]!.path);
    expect(pathOf("SignEOTS")).toBe("/proto.EOTSManager/SignEOTS");
  });
});

describe("the strict reader", () => {
  const at = (method: Method, digits: string) => () => decodeRequest(method, hex.decode(digits));

  it.each([
    ["a number where bytes belong", "0801", /uid has wire type 0/],
    ["bytes where a number belongs", "2203010203", /height has wire type 2/],
    ["a field that is there twice", "0a01010a0102", /uid is there twice/],
    ["a length beyond the end", "0aff01", /ends within a field/],
    ["a number without end", "20" + "ff".repeat(10), /does not end/],
    ["a number of 65 bits", "20" + "ff".repeat(9) + "02", /more than 64 bits/],
    ["an end within a number", "20ff", /ends within a number/],
    ["a group", "0b", /wire type 3/],
    ["field number 0", "00", /number 0/],
    ["random bytes", "ffffffffffffffffffff", /./],
  ])("refuses %s", (_what, digits, message) => {
    expect(refusal("invalid-request", at("SignEOTS", digits)).message).toMatch(message);
  });

  it("refuses a broken message within a message, and text that is not UTF-8", () => {
    refusal("invalid-request", at("SignBatchEOTS", "1a020800"));
    refusal("invalid-request", at("UnlockKey", "1201ff"));
    refusal("invalid-request", at("CreateRandomnessPairList", "20ffffffff1f"));
  });

  it("skips fields with unknown numbers, as newer callers may send them", () => {
    for (const extra of ["7801", "7a0101", "790102030405060708", "7d01020304"]) {
      expect(decodeRequest("SignEOTS", hex.decode(`${extra}2005`)).height).toBe(5n);
    }
    refusal("invalid-request", at("SignEOTS", "7d010203"));
  });

  it("refuses the bytes of a batch as a single vote, and the other way round", () => {
    const votes = [1n, 2n].map((height) => ({ msg: uid, height }));
    const batch = encodeRequest("SignBatchEOTS", { uid, chainId, signRequests: votes });
    refusal("invalid-request", () => decodeRequest("SignEOTS", batch));
    const vote = encodeRequest("SignEOTS", { uid, chainId, msg: new Uint8Array(40), height: 1n });
    refusal("invalid-request", () => decodeRequest("SignBatchEOTS", vote));
  });
});
