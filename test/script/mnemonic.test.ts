import { base58 } from "@scure/base";
import { describe, expect, it } from "vitest";
import { addressOfScript } from "../../src/bitcoin/address.js";
import { taprootScript } from "../../src/bitcoin/output-script.js";
import { hex } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { taggedHash } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { secretOfMnemonic } from "../../src/script/mnemonic.js";
import { refusal } from "../support/refusal.js";

const WORDS = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

describe("secretOfMnemonic", () => {
  it("equals BIP-39's with a passphrase", () => {
    const master =
      "xprv9s21ZrQH143K3h3fDYiay8mocZ3afhfULfb5GX8kCBdno77K4HiA15Tg23wpbeF1pLfs1c5SPmYHrEpTuuRhxMwvKDwqdKiGJS9XFKzUsAF";
    expect(hex.encode(secretOfMnemonic(WORDS, "m", "TREZOR"))).toBe(
      hex.encode(base58.decode(master).slice(46, 78)),
    );
  });

  // BIP-86: https://github.com/bitcoin/bips/blob/master/bip-0086.mediawiki
  it.each([
    [
      "m/86'/0'/0'/0/0",
      "cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115",
      "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
    ],
    [
      "m/86h/0h/0h/0/1",
      "83dfe85a3151d2517290da461fe2815591ef69f2b18a2ce63f01697a8b313145",
      "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh",
    ],
    [
      "m/86'/0'/0'/1/0",
      "399f1b2f4393f29a18c937859c5dd8a77350103157eb880f02e8c08214277cef",
      "bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7",
    ],
  ])("equals BIP-86's at %s", (path, key, address) => {
    const publicKey = publicKeyOf(secretOfMnemonic(WORDS, path));
    expect(hex.encode(publicKey)).toBe(key);
    const output = curve.xOnlyPointAddTweak(publicKey, taggedHash("TapTweak", publicKey))!.xOnlyPubkey;
    expect(addressOfScript(taprootScript(output), "mainnet")).toBe(address);
  });

  it("ignores case, white space, and the Unicode composition of a passphrase", () => {
    const spread = `\n ${WORDS.toUpperCase().replaceAll(" ", "\r\n\t")} `;
    expect(secretOfMnemonic(spread, "m")).toEqual(secretOfMnemonic(WORDS, "m"));
    // The wide letters of BIP-39's Japanese vectors compose to these.
    expect(secretOfMnemonic(WORDS.replaceAll("a", "ａ"), "m")).toEqual(secretOfMnemonic(WORDS, "m"));
    expect(secretOfMnemonic(WORDS, "m", "caf\u00e9")).toEqual(secretOfMnemonic(WORDS, "m", "cafe\u0301"));
    expect(secretOfMnemonic(WORDS, "m", "cafe")).not.toEqual(secretOfMnemonic(WORDS, "m", "caf\u00e9"));
  });

  it.each([
    ["invalid-mnemonic", "no text", 5, "m"],
    ["invalid-mnemonic", "nothing", " \n", "m"],
    ["invalid-mnemonic", "11 words", WORDS.split(" ").slice(1).join(" "), "m"],
    ["invalid-mnemonic", "a wrong checksum", WORDS.replace("about", "abandon"), "m"],
    ["invalid-mnemonic", "an unknown word", WORDS.replace("about", "abuot"), "m"],
    ["invalid-path", "an invalid path", WORDS, "m/86x"],
    ["invalid-path", "a range", WORDS, "m/86'/0'/0'/0/*"],
    ["invalid-path", "no path", WORDS, undefined],
  ] as const)("refuses with %s: %s, and does not show it", (code, _, words, path) => {
    const { message } = refusal(code, () => secretOfMnemonic(words as string, path as string));
    expect(message).not.toMatch(/abuot|abandon abandon/);
  });
});
