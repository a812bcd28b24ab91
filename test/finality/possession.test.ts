import { createHash } from "node:crypto";
import { bech32 } from "@scure/base";
import { describe, expect, it } from "vitest";
import { hex, utf8 } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { signingContext } from "../../src/crypto/messages.js";
import { possessionDigest, provePossession, verifyPossession } from "../../src/finality/possession.js";
import { codeOf, secretOf } from "../support/stake.js";

const account = new Uint8Array(20).map((_, i) => i);
const address = bech32.encode("bbn", bech32.toWords(account));
const secretKey = secretOf("provider");
const publicKey = publicKeyOf(secretKey);
const context = signingContext("fp_pop", "chain-1", "bbn1module");

describe("a proof of possession", () => {
  it("is BIP-340 over the hash of the address's 20 bytes", () => {
    const digest = createHash("sha256").update(account).digest("hex");
    expect(hex.encode(possessionDigest({ address }))).toBe(digest);
    const proof = provePossession(secretKey, { address });
    expect(schnorr.verify(publicKey, hex.decode(digest), proof)).toBe(true);
    expect(verifyPossession(publicKey, { address }, proof)).toBe(true);
  });

  it("has the chain's signing context before them, where there is one", () => {
    const digest = createHash("sha256").update(utf8(context)).update(account).digest("hex");
    expect(hex.encode(possessionDigest({ address, context }))).toBe(digest);
    const proof = provePossession(secretKey, { address, context });
    expect(verifyPossession(publicKey, { address, context }, proof)).toBe(true);
    expect(verifyPossession(publicKey, { address }, proof)).toBe(false);
  });

  it("is of one key and one account", () => {
    const proof = provePossession(secretKey, { address });
    const other = bech32.encode("bbn", bech32.toWords(account.toReversed()));
    expect(verifyPossession(publicKey, { address: other }, proof)).toBe(false);
    expect(verifyPossession(publicKeyOf(secretOf("b")), { address }, proof)).toBe(false);
    for (const bad of [null, undefined, 1, new Uint8Array(63), new Uint8Array(64)]) {
      expect(verifyPossession(publicKey, { address }, bad as never)).toBe(false);
      expect(verifyPossession(bad as never, { address }, proof)).toBe(false);
      expect(verifyPossession(publicKey, { address: bad as never }, proof)).toBe(false);
    }
  });

  it.each([
    ["text", "bbn"],
    ["nothing", ""],
    ["no text", undefined as never],
    ["a mistyped character", address.replace(/.$/, (last) => (last === "q" ? "p" : "q"))],
    ["an account of 32 bytes", bech32.encode("bbn", bech32.toWords(new Uint8Array(32)))],
    ["a segwit address", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"],
  ])("is refused for %s", async (_, bad) => {
    expect(await codeOf(() => provePossession(secretKey, { address: bad }))).toBe("invalid-address");
  });

  it("is refused for a context that is none, or in upper case", async () => {
    for (const bad of ["v3", context.toUpperCase()]) {
      expect(await codeOf(() => provePossession(secretKey, { address, context: bad }))).toBe("invalid-hex");
    }
  });
});
