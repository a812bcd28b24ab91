import { bip32, ecc, ECPair, ECPair2 } from "../support/bitcoinjs-keys.js";
import { describe, expect, it } from "vitest";
import { checkSoFar } from "../../src/delegation/check.js";
import { signSlashings, signUnbonding } from "../../src/delegation/sign.js";
import { equalBytes, hex } from "../../src/core/bytes.js";
import { parseKeyOrigin } from "../../src/script/key-expression.js";
import { seedOfMnemonic } from "../../src/script/mnemonic.js";
import { keySigner, type Signer } from "../../src/spending/spend.js";
import { fromBitcoinJs, hdSigner } from "../../src/spending/signers.js";
import { refusal } from "../support/refusal.js";
import { delegate, makeStake, refusalOf } from "../support/stake.js";

const WORDS = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
const root = bip32.fromSeed(seedOfMnemonic(WORDS, ""));
// BIP-86's first key: of odd y, so that a signer that does not negate its secret would be found out.
const KEY = "cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115";
const PATH = "m/86'/0'/0'/0/0";
const origin = parseKeyOrigin(`[73c5da0a/${PATH.slice(2)}]${KEY}`);
const secretKey = root.derivePath(PATH).privateKey!;
const wif = root.derivePath(PATH).toWIF();

/** A stake of that key, and the delegation with signatures of all that a staker signs. */
const stake = makeStake();
const terms = { ...stake.terms, staker: hex.decode(KEY) };
const unsigned = () => delegate({ ...stake, terms }, { unsigned: true });
async function signedWith(signer: Signer) {
  const signed = await signUnbonding(await signSlashings(await unsigned(), signer), signer);
  checkSoFar(signed);
  return [signed.slashing, signed.unbondingSlashing, signed.unbonding].map(
    ({ stakerSignatures }) => stakerSignatures,
  );
}

describe("a Signer", () => {
  it.each([
    ["ecpair 3", ECPair.fromWIF(wif)],
    ["ecpair 2", ECPair2.fromWIF(wif)],
    ["bip32 5", root.derivePath(PATH)],
    ["a bitcoinjs signer", fromBitcoinJs(ECPair.fromWIF(wif))],
    ["an HD root and an origin", hdSigner(root, origin)],
    ["a key in memory", keySigner(secretKey)],
  ] as const)("is %s: it signs all of a staker's transactions", async (_, signer) => {
    const signed = await signedWith(signer);
    const by = signed.map((signatures) => signatures.map(({ publicKey }) => hex.encode(publicKey)));
    expect(by).toEqual([[KEY], [KEY], [KEY]]);
  });

  it("is not the result of tweak, whose key is another", async () => {
    const tweaked = ECPair.fromWIF(wif).tweak(new Uint8Array(32).fill(1));
    const delegation = await unsigned();
    expect((await refusalOf(() => signSlashings(delegation, tweaked))).code).toBe("unexpected-signer");
  });
});

describe("fromBitcoinJs", () => {
  it("calls the signer as its method, with its current state", async () => {
    class Device {
      readonly publicKey = hex.decode(KEY);
      readonly #secret = secretKey;
      signSchnorr(digest: Uint8Array): Promise<Uint8Array> {
        return Promise.resolve(ecc.signSchnorr(digest, this.#secret));
      }
    }
    expect(await signedWith(fromBitcoinJs(new Device()))).toHaveLength(3);
  });

  it("refuses a signer for ECDSA only, and what is not a signer", () => {
    const { publicKey } = ECPair.fromWIF(wif);
    for (const signer of [{ publicKey, sign: () => new Uint8Array(64) }, undefined, null, 5, {}]) {
      expect(refusal("invalid-argument", () => fromBitcoinJs(signer as never)).message).toContain(
        "signSchnorr",
      );
    }
  });
});

describe("hdSigner", () => {
  it("signs with the root key where the path has no step", () => {
    const own = { publicKey: root.publicKey, fingerprint: root.fingerprint, path: "m" };
    expect(equalBytes(hdSigner(root, own).publicKey, root.publicKey)).toBe(true);
  });

  it("refuses another root, and an origin of another key", () => {
    const other = bip32.fromSeed(seedOfMnemonic(WORDS, "25th word"));
    expect(refusal("key-mismatch", () => hdSigner(other, origin)).details).toMatchObject({
      expected: "73c5da0a",
    });
    const details = refusal("key-mismatch", () =>
      hdSigner(root, { ...origin, path: "m/86'/0'/0'/0/1" }),
    ).details;
    expect(details).toMatchObject({ expected: KEY });
  });

  it("refuses a root that cannot derive the path, or cannot sign", () => {
    refusal("invalid-argument", () => hdSigner(root.neutered(), origin));
    const account = root.derivePath("m/86'");
    refusal("invalid-argument", () => hdSigner(account, { ...origin, fingerprint: account.fingerprint }));
    const { publicKey, fingerprint } = root;
    const ecdsa = { publicKey, fingerprint, derivePath: () => ({ publicKey }) };
    refusal("invalid-argument", () => hdSigner(ecdsa, origin));
    for (const none of [undefined, null, {}, { fingerprint: 5 }]) {
      refusal("invalid-argument", () => hdSigner(none as never, origin));
    }
  });

  it("fails when it signs, not before, when the root has no secret", async () => {
    const publicOnly = root.derivePath("m/86'/0'/0'").neutered();
    const path = "m/0/0";
    const top = bip32.fromPublicKey(publicOnly.publicKey, publicOnly.chainCode);
    const signer = hdSigner(top, { publicKey: hex.decode(KEY), fingerprint: top.fingerprint, path });
    const delegation = await unsigned();
    expect((await refusalOf(() => signSlashings(delegation, signer))).code).toBe("signer-failed");
  });
});
