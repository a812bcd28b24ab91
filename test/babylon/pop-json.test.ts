import { describe, expect, it } from "vitest";
import { proofFromJson, proofOfPossession, type ProofRecord, proofToJson } from "../../src/babylon/pop.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { refusal } from "../support/refusal.js";
import { secretOf } from "../support/stake.js";

const address = "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu";
const secretKey = secretOf("staker");
const publicKey = publicKeyOf(secretKey);
const context = "ab".repeat(32);

describe("a proof of possession in JSON", () => {
  const records: ProofRecord[] = [
    { publicKey, address, proof: proofOfPossession(secretKey, { kind: "bip340", address }) },
    { publicKey, address, context, proof: proofOfPossession(secretKey, { kind: "ecdsa", address, context }) },
    {
      publicKey,
      address,
      network: "signet",
      proof: proofOfPossession(secretKey, { kind: "bip322", address, output: "p2tr", network: "signet" }),
    },
  ];

  it.each(records)("is read back unchanged", (record) => {
    expect(proofFromJson(proofToJson(record))).toEqual(record);
  });

  const json = JSON.parse(proofToJson(records[0]!)) as Record<string, unknown>;
  it.each([
    ["another kind", { kind: "bip137" }, "invalid-json"],
    ["a field more", { more: 1 }, "invalid-json"],
    ["a field less", { signature: undefined }, "invalid-json"],
    ["an invalid network", { network: "moonnet" }, "invalid-json"],
    ["a key of 33 bytes", { publicKey: `02${"11".repeat(32)}` }, "invalid-hex"],
    ["a signature that is no hexadecimal", { signature: "xx" }, "invalid-hex"],
    ["a mistyped account", { address: address.replace("q", "p") }, "invalid-address"],
    ["an invalid context", { context: "ab" }, "invalid-hex"],
  ] as const)("is refused with %s", (_what, change, code) => {
    refusal(code, () => proofFromJson(JSON.stringify({ ...json, ...change })));
  });

  it("is refused when it is not JSON", () => {
    refusal("invalid-json", () => proofFromJson("{"));
  });
});
