import { bech32 } from "@scure/base";
import { describe, expect, it } from "vitest";
import { concatBytes, utf8 } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { signingContext } from "../../src/crypto/messages.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import {
  proofOfPossession,
  proofOfPossessionDigest,
  verifyProofOfPossession,
} from "../../src/finality/pop.js";
import { refusal } from "../support/refusal.js";
import { secretOf } from "../support/stake.js";

const secretKey = secretOf("provider");
const publicKey = publicKeyOf(secretKey);
const account = new Uint8Array(20).map((_, i) => i);
const address = bech32.encodeFromBytes("bbn", account);
const context = signingContext("fp_pop", "bbn-1", "bbn1module");

describe("a proof of possession", () => {
  it("is a BIP-340 signature of the hash of the account's 20 bytes", () => {
    const proof = proofOfPossession(secretKey, address);
    expect(schnorr.verify(publicKey, sha256(account), proof)).toBe(true);
    expect(verifyProofOfPossession(publicKey, address, proof)).toBe(true);
  });

  it("has the chain's context before the bytes, where it uses one", () => {
    expect(proofOfPossessionDigest(address, context)).toEqual(sha256(concatBytes(utf8(context), account)));
    const proof = proofOfPossession(secretKey, address, context);
    expect(verifyProofOfPossession(publicKey, address, proof, context)).toBe(true);
    expect(verifyProofOfPossession(publicKey, address, proof)).toBe(false);
    expect(verifyProofOfPossession(publicKey, address, proofOfPossession(secretKey, address), context)).toBe(
      false,
    );
  });

  it("is for one account, whatever its prefix", () => {
    const proof = proofOfPossession(secretKey, address);
    expect(verifyProofOfPossession(publicKey, bech32.encodeFromBytes("cosmos", account), proof)).toBe(true);
    const other = bech32.encodeFromBytes(
      "bbn",
      account.map((byte) => byte + 1),
    );
    expect(verifyProofOfPossession(publicKey, other, proof)).toBe(false);
    expect(verifyProofOfPossession(publicKeyOf(secretOf("other")), address, proof)).toBe(false);
  });

  it.each([
    ["no bech32", "bbn"],
    ["a mistyped one", address.replace("qq", "qp")],
    ["an account of 32 bytes", bech32.encodeFromBytes("bbn", new Uint8Array(32))],
    ["an account of 19 bytes", bech32.encodeFromBytes("bbn", new Uint8Array(19))],
    ["a Bitcoin address", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"],
  ])("is refused for %s", (_, wrong) => {
    refusal("invalid-address", () => proofOfPossession(secretKey, wrong));
    expect(verifyProofOfPossession(publicKey, wrong, new Uint8Array(64))).toBe(false);
  });

  it("is refused with a context that is none", () => {
    refusal("invalid-hex", () => proofOfPossession(secretKey, address, "context"));
    expect(verifyProofOfPossession(publicKey, address, new Uint8Array(3), context)).toBe(false);
  });
});
