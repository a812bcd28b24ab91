import { createBase58check } from "@scure/base";
import { HDKey } from "@scure/bip32";
import { describe, expect, it, vi } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { parseKeyOrigin, readPublicKey, secretOfExpression } from "../../src/script/key-expression.js";
import { secretOfMnemonic } from "../../src/script/mnemonic.js";
import { refusal } from "../support/refusal.js";

const base58check = createBase58check(sha256);
const ORDER = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
const LAST = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140";
const ONE = "1".padStart(64, "0");
const WORDS = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

const wif = (secret: string, { version = 0x80, mark = "01" } = {}) =>
  base58check.encode(Uint8Array.of(version, ...hex.decode(`${secret}${mark}`)));
const secretOf = (expression: string, network?: "mainnet" | "signet") =>
  hex.encode(secretOfExpression(expression, network));

// BIP-32, test vector 1.
const SEED = hex.decode("000102030405060708090a0b0c0d0e0f");
const MASTER =
  "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi";
const DEEP =
  "xprvA41z7zogVVwxVSgdKUHDy1SKmdb533PjDz7J6N6mV6uS3ze1ai8FHa8kmHScGpWmj4WggLyQjgPie1rFSruoUihUZREPSL39UNdE3BBDu76";
/** The secret of an extended key: its last 32 bytes. */
const lastOf = (extended: string) => hex.encode(base58check.decode(extended).slice(46));

// BIP-86, BIP-84 and BIP-49, all of the words above.
const BIP86 =
  "xprv9xgqHN7yz9MwCkxsBPN5qetuNdQSUttZNKw1dcYTV4mkaAFiBVGQziHs3NRSWMkCzvgjEe3n9xV8oYywvM8at9yRqyaZVz6TYYhX98VjsUk";
const BIP86_PUBLIC =
  "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ";
const BIP86_KEY = "cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115";
const BIP84 =
  "zprvAdG4iTXWBoARxkkzNpNh8r6Qag3irQB8PzEMkAFeTRXxHpbF9z4QgEvBRmfvqWvGp42t42nvgGpNgYSJA9iefm1yYNZKEm7z6qUWCroSQnE";
const BIP84_PUBLIC =
  "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";
const BIP84_WIF = "KyZpNDKnfs94vbrwhJneDi77V6jF64PWPF8x5cdJb8ifgg2DUc9d";
const BIP49 =
  "tprv8gRrNu65W2Msef2BdBSUgFdRTGzC8EwVXnV7UGS3faeXtuMVtGfEdidVeGbThs4ELEoayCAzZQ4uUji9DUiAs7erdVskqju7hrBcDvDsdbY";
const BIP49_WIF = "cULrpoZGXiuC19Uhvykx7NugygA3k86b3hmdCeyvHYQZSxojGyXJ";

describe("secretOfExpression", () => {
  it.each([
    ["hexadecimal", ONE, ONE],
    ["hexadecimal in capitals, between spaces", ` ${LAST.toUpperCase()}\r\n`, LAST],
    ["a private key of mainnet", "KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn", ONE],
    ["a private key of test networks", "cMahea7zqjxrtgAbB7LSGbcQUr1uX1ojuat9jZodMN87JcbXMTcA", ONE],
    ["the greatest private key", wif(LAST), LAST],
    [
      "the private key of Bitcoin's wiki",
      "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617",
      "0c28fca386c7a227600b2fe50b7cae11ec86d3bf1fbe471be89827e19d72aa1d",
    ],
    ["a private key with an origin", `[73c5da0a/84h/0h/0h/0/0]${BIP84_WIF}`, secretOf(BIP84_WIF)],
    ["an extended key", DEEP, lastOf(DEEP)],
    ["a master key with hardened steps", `${MASTER}/0'/1/2h/2/1000000000`, lastOf(DEEP)],
    ["zprv, by the vector of BIP-84", `${BIP84}/0/0`, secretOf(BIP84_WIF)],
    ["tprv, by the vector of BIP-49", `${BIP49}/0/0`, secretOf(BIP49_WIF)],
  ])("reads %s", (_, expression, secret) => expect(secretOf(expression)).toBe(secret));

  it("gives the keys of BIP-86, and compares their origin", () => {
    const expression = `[73c5da0a/86h/0h/0h]${BIP86}/0/0`;
    expect(hex.encode(publicKeyOf(secretOfExpression(expression)))).toBe(BIP86_KEY);
    expect(secretOf(`${BIP86}/0/1`)).toBe(hex.encode(secretOfMnemonic(WORDS, "m/86'/0'/0'/0/1")));
  });

  it("reads every kind of extended private key by its version bytes", () => {
    const node = HDKey.fromMasterSeed(SEED);
    for (const [letter, version, isMainnet] of [
      ["x", 0x0488ade4, true],
      ["y", 0x049d7878, true],
      ["z", 0x04b2430c, true],
      ["t", 0x04358394, false],
      ["u", 0x044a4e28, false],
      ["v", 0x045f18bc, false],
    ] as const) {
      const bytes = base58check.decode(MASTER);
      new DataView(bytes.buffer).setUint32(0, version);
      const text = base58check.encode(bytes);
      expect(text.startsWith(`${letter}prv`)).toBe(true);
      expect(secretOf(text)).toBe(hex.encode(node.privateKey!));
      const [fits, other] = isMainnet ? (["mainnet", "signet"] as const) : (["signet", "mainnet"] as const);
      expect(secretOf(text, fits)).toBe(hex.encode(node.privateKey!));
      refusal("wrong-network", () => secretOfExpression(text, other));
    }
  });

  it("refuses a private key with the network byte of another network; hexadecimal has no such byte", () => {
    for (const network of ["testnet", "signet", "regtest"] as const) {
      expect(secretOfExpression(BIP49_WIF, network)).toHaveLength(32);
      refusal("wrong-network", () => secretOfExpression(BIP84_WIF, network));
    }
    expect(secretOf(BIP84_WIF, "mainnet")).toBe(secretOf(BIP84_WIF));
    refusal("wrong-network", () => secretOfExpression(BIP49_WIF, "mainnet"));
    expect(secretOf(ONE, "mainnet")).toBe(secretOf(ONE, "signet"));
    refusal("invalid-network", () => secretOfExpression(ONE, "main" as never));
  });

  it("refuses the private key of an uncompressed public key by name", () => {
    for (const text of [
      "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ",
      wif(ONE, { version: 0xef, mark: "" }),
    ]) {
      expect(refusal("invalid-key-expression", () => secretOfExpression(text)).message).toContain(
        "uncompressed",
      );
    }
  });

  const child = HDKey.fromMasterSeed(SEED).deriveChild(7);
  it.each([
    ["invalid-key-expression", "no text", 5],
    ["invalid-key-expression", "empty text", ""],
    ["invalid-key-expression", "half of the digits", ONE.slice(32)],
    ["invalid-secret-key", "0", "0".repeat(64)],
    ["invalid-secret-key", "the order of the group", ORDER],
    ["invalid-secret-key", "0 as a private key", wif("0".repeat(64))],
    ["invalid-secret-key", "the order as a private key", wif(ORDER)],
    ["invalid-key-expression", "a compressed public key", `02${BIP86_KEY}`],
    ["invalid-key-expression", "an extended public key", `${BIP86_PUBLIC}/0/0`],
    [
      "invalid-key-expression",
      "an extended public key with an origin",
      `[73c5da0a/86h/0h/0h]${BIP86_PUBLIC}/0/0`,
    ],
    ["invalid-key-expression", "a private key with a wrong character", `${BIP84_WIF.slice(0, -1)}e`],
    ["invalid-key-expression", "a private key with another mark", wif(ONE, { mark: "02" })],
    ["invalid-key-expression", "a private key of another coin", wif(ONE, { version: 0x9e })],
    ["invalid-key-expression", "an extended key with a wrong character", `${BIP86.slice(0, -1)}m/0/0`],
    ["invalid-key-expression", "a range", `${BIP86}/0/*`],
    ["invalid-key-expression", "two paths", `${BIP86}/<0;1>/0`],
    ["invalid-path", "an invalid step", `${BIP86}/0/x`],
    ["invalid-path", "a step of 2^31", `${BIP86}/2147483648`],
    ["invalid-key-expression", "an extended key that would be too deep", `${BIP86}${"/0".repeat(253)}`],
    ["invalid-key-expression", "an origin that is too short", `[73c5da0a/86h/0h]${BIP86}/0/0`],
    ["invalid-key-expression", "an origin that is too long", `[73c5da0a/86h/0h/0h/0]${BIP86}/0`],
    ["invalid-key-expression", "an origin with another last step", `[73c5da0a/86h/0h/1h]${BIP86}/0/0`],
    [
      "invalid-key-expression",
      "an origin whose last step is not hardened",
      `[73c5da0a/86h/0h/0]${BIP86}/0/0`,
    ],
    ["invalid-key-expression", "another fingerprint of a master key", `[73c5da0a]${MASTER}/0`],
    ["invalid-key-expression", "another fingerprint of a child", `[73c5da0a/7]${child.privateExtendedKey}`],
    ["invalid-key-expression", "words", WORDS],
  ] as const)("refuses with %s: %s, and does not show it", (code, _, expression) => {
    const { message } = refusal(code, () => secretOfExpression(expression as string));
    if (typeof expression === "string" && expression.length > 30) {
      expect(message).not.toContain(expression.slice(10, 30));
    }
  });

  it("accepts the right fingerprint of a master key, and of its child", () => {
    const print = HDKey.fromMasterSeed(SEED).fingerprint.toString(16).padStart(8, "0");
    expect(secretOf(`[${print}]${MASTER}`)).toBe(lastOf(MASTER));
    expect(secretOf(`[${print}/7]${child.privateExtendedKey}`)).toBe(hex.encode(child.privateKey!));
  });

  it("wipes every node that it derives, also when it refuses", () => {
    const made: HDKey[] = [];
    const read = HDKey.fromExtendedKey.bind(HDKey);
    const spies = [
      vi.spyOn(HDKey, "fromExtendedKey").mockImplementation((...args) => made[made.push(read(...args)) - 1]!),
      vi.spyOn(HDKey.prototype, "deriveChild"),
    ] as const;
    try {
      secretOfExpression(`${BIP86}/0/5`);
      refusal("invalid-key-expression", () => secretOfExpression(`[73c5da0a]${BIP86}/0/5`));
      const derived = spies[1].mock.results.map(({ value }) => value as HDKey);
      expect(made).toHaveLength(2);
      expect(derived).toHaveLength(2);
      expect([...made, ...derived].map(({ privateKey }) => privateKey)).toEqual(Array(4).fill(null));
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
  });
});

describe("readPublicKey", () => {
  const origin = {
    fingerprint: hex.decode("73c5da0a"),
    path: "m/86'/0'/0'/0/0",
    publicKey: hex.decode(BIP86_KEY),
  };

  it.each([
    ["x-only", BIP86_KEY],
    ["compressed", `03${BIP86_KEY.toUpperCase()}`],
    ["extended", `${BIP86_PUBLIC}/0/0`],
  ])("reads a key as %s", (_, text) => {
    expect(readPublicKey(text)).toEqual({ publicKey: origin.publicKey });
  });

  it("reads a key with its origin, from a zpub too", () => {
    expect(readPublicKey(`[73c5da0a/86h/0h/0h]${BIP86_PUBLIC}/0/0`)).toEqual({
      publicKey: origin.publicKey,
      origin,
    });
    const publicKey = publicKeyOf(secretOfExpression(BIP84_WIF));
    const wallet = parseKeyOrigin(`[73c5da0a/84'/0'/0']${BIP84_PUBLIC}/0/0`);
    expect(wallet).toEqual({ ...origin, publicKey, path: "m/84'/0'/0'/0/0" });
  });

  it.each([
    ["a private key", BIP84_WIF],
    ["an extended private key", `${BIP86}/0/0`],
    ["an extended private key with an origin", `[73c5da0a/86h/0h/0h]${BIP86}/0/0`],
    ["a range", `${BIP86_PUBLIC}/0/*`],
    ["hardened steps", `${BIP86_PUBLIC}/0h`],
    ["half a key", BIP86_KEY.slice(32)],
  ])("refuses %s, and does not show it", (_, text) => {
    const { message } = refusal("invalid-key-expression", () => readPublicKey(text));
    expect(message).not.toContain(text.slice(25, 45));
  });
});
