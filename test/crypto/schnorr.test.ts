import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backend as libsecp } from "../../src/core/curve/libsecp.js";
import { backend as noble } from "../../src/core/curve/noble.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { bytes32, flipBit, NOT_BYTES, secrets } from "../support/arbitraries.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";
import { bytes, parseCsv, readVectors } from "../support/vectors.js";

const rows = parseCsv(readVectors("bip340.csv"));

describe("BIP-340's published vectors", () => {
  it("are complete", () => expect(rows).toHaveLength(19));

  for (const row of rows.filter((candidate) => candidate.bytes("message").length === 32)) {
    it(`hold for schnorr and for both curve libraries: ${row.name}`, () => {
      const [key, message, signature] = [
        row.bytes("public key"),
        row.bytes("message"),
        row.bytes("signature"),
      ];
      const expected = row.text("verification result") === "TRUE";
      expect(schnorr.verify(key, message, signature)).toBe(expected);
      for (const curve of [libsecp, noble])
        expect(curve.verifySchnorr(message, key, signature)).toBe(expected);
      if (row.text("secret key") !== "") {
        const [secret, aux] = [row.bytes("secret key"), row.bytes("aux_rand")];
        expect(publicKeyOf(secret)).toEqual(key);
        expect(schnorr.sign(secret, message, aux)).toEqual(signature);
        for (const curve of [libsecp, noble])
          expect(curve.signSchnorr(message, secret, aux)).toEqual(signature);
      }
    });
  }

  for (const row of rows.filter((candidate) => candidate.bytes("message").length !== 32)) {
    it(`with messages of other lengths verify in the libraries, and schnorr.sign refuses them: ${row.name}`, () => {
      const [key, message, signature] = [
        row.bytes("public key"),
        row.bytes("message"),
        row.bytes("signature"),
      ];
      refusal("invalid-bytes", () => schnorr.sign(row.bytes("secret key"), message));
      expect(schnorr.verify(key, message, signature)).toBe(false);
      for (const curve of [libsecp, noble]) {
        refusal("invalid-bytes", () => curve.signSchnorr(message, row.bytes("secret key")));
        expect(curve.verifySchnorr(message, key, signature)).toBe(false);
      }
    });
  }
});

describe("the finality providers registered on mainnet", () => {
  const registry = JSON.parse(readVectors("mainnet-fp-registry.json")) as Record<string, string>[];

  it("are 60 in number", () => expect(registry).toHaveLength(60));

  it("have each signed their registration with their key", () => {
    for (const entry of registry) {
      const [key, digest, sig] = [entry["eots_pk"]!, entry["message_sha256"]!, entry["sig"]!].map(bytes);
      expect(schnorr.verify(key!, digest!, sig!), entry["eots_pk"]).toBe(true);
      expect(schnorr.verify(key!, flipBit(digest!, 0), sig!), entry["eots_pk"]).toBe(false);
    }
  });
});

describe("schnorr", () => {
  const secret = new Uint8Array(32).fill(0x11);
  const publicKey = publicKeyOf(secret);
  const digest = new Uint8Array(32).fill(0x33);

  it("verify fails with any bit of the signature flipped", () => {
    fc.assert(
      fc.property(secrets, bytes32, fc.nat(511), (sk, message, bit) => {
        const key = publicKeyOf(sk);
        const signature = schnorr.sign(sk, message);
        expect(schnorr.verify(key, message, signature)).toBe(true);
        expect(schnorr.verify(key, message, flipBit(signature, bit))).toBe(false);
        expect(schnorr.verify(key, flipBit(message, bit), signature)).toBe(false);
        expect(schnorr.verify(flipBit(key, bit), message, signature)).toBe(false);
      }),
      { numRuns: runs(15) },
    );
  });

  it("sign uses fresh randomness unless auxiliary randomness is given", () => {
    const aux = new Uint8Array(32).fill(9);
    expect(schnorr.sign(secret, digest)).not.toEqual(schnorr.sign(secret, digest));
    expect(schnorr.sign(secret, digest, aux)).toEqual(schnorr.sign(secret, digest, aux));
  });

  it("verify is false on malformed input of any type, and sign refuses it with its code", () => {
    const signature = schnorr.sign(secret, digest);
    for (const bad of NOT_BYTES as Uint8Array[]) {
      expect(schnorr.verify(bad, digest, signature)).toBe(false);
      expect(schnorr.verify(publicKey, bad, signature)).toBe(false);
      expect(schnorr.verify(publicKey, digest, bad)).toBe(false);
      refusal("invalid-secret-key", () => schnorr.sign(bad, digest));
      refusal("invalid-bytes", () => schnorr.sign(secret, bad));
      if (bad !== undefined) refusal("invalid-bytes", () => schnorr.sign(secret, digest, bad));
    }
    refusal("invalid-secret-key", () => schnorr.sign(new Uint8Array(32), digest));
  });
});
