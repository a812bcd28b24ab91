import { beforeEach, describe, expect, it, vi } from "vitest";
import { publicKeyOf } from "../../src/core/keys.js";
import { adaptor } from "../../src/crypto/adaptor.js";
import { eots } from "../../src/crypto/eots.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { refusal } from "../support/refusal.js";

const faulty = vi.hoisted(() => ({ verify: false, add: false }));

// A machine that computes wrongly: what it signs must not get out.
vi.mock("../../src/core/curve/index.js", async (load) => {
  const { curve } = await load<typeof import("../../src/core/curve/index.js")>();
  return {
    curve: {
      ...curve,
      verifySchnorr: (...args: Parameters<typeof curve.verifySchnorr>) =>
        !faulty.verify && curve.verifySchnorr(...args),
      pointAdd: (...args: Parameters<typeof curve.pointAdd>) => (faulty.add ? null : curve.pointAdd(...args)),
    },
  };
});

const secret = new Uint8Array(32).fill(0x11);
const nonce = new Uint8Array(32).fill(0x22);
const digest = new Uint8Array(32).fill(0x33);
const encryptionKey = publicKeyOf(nonce);

beforeEach(() => Object.assign(faulty, { verify: false, add: false }));

describe("self-check: a signature that does not verify is withheld", () => {
  const signers: [string, () => Uint8Array, keyof typeof faulty][] = [
    ["schnorr.sign", () => schnorr.sign(secret, digest), "verify"],
    ["eots.sign", () => eots.sign(secret, nonce, digest), "verify"],
    ["adaptor.sign", () => adaptor.sign(secret, encryptionKey, digest), "add"],
  ];
  for (const [name, sign, fault] of signers) {
    it(`${name} refuses with self-check-failed and shows no part of the signature`, () => {
      expect(sign().length).toBeGreaterThan(31);
      faulty[fault] = true;
      const error = refusal("self-check-failed", sign);
      expect(error.details).toEqual({});
      expect(error.message).not.toMatch(/[0-9a-f]{16}/);
    });
  }
});
