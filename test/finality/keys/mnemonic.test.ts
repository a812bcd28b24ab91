import { base58 } from "@scure/base";
import { describe, expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.js";
import { publicKeyOf } from "../../../src/core/keys.js";
import {
  DEFAULT_PATH,
  newMnemonic,
  secretFromMnemonic,
  secretFromSeed,
} from "../../../src/finality/keys/mnemonic.js";
import { refusal } from "../../support/refusal.js";

/** The secret of an extended private key: what follows its version, depth, parent, index, chain code, and a 0. */
const secretOfExtended = (key: string) => hex.encode(base58.decode(key).slice(46, 78));

const repeat = (word: string, times: number, last: string) =>
  [...Array<string>(times).fill(word), last].join(" ");

describe("the secret of mnemonic words", () => {
  // BIP-39's own vectors, with their passphrase: https://github.com/trezor/python-mnemonic/blob/master/vectors.json
  it.each([
    [
      repeat("abandon", 11, "about"),
      "xprv9s21ZrQH143K3h3fDYiay8mocZ3afhfULfb5GX8kCBdno77K4HiA15Tg23wpbeF1pLfs1c5SPmYHrEpTuuRhxMwvKDwqdKiGJS9XFKzUsAF",
    ],
    [
      "legal winner thank year wave sausage worth useful legal winner thank yellow",
      "xprv9s21ZrQH143K2gA81bYFHqU68xz1cX2APaSq5tt6MFSLeXnCKV1RVUJt9FWNTbrrryem4ZckN8k4Ls1H6nwdvDTvnV7zEXs2HgPezuVccsq",
    ],
    [
      repeat("zoo", 11, "wrong"),
      "xprv9s21ZrQH143K2V4oox4M8Zmhi2Fjx5XK4Lf7GKRvPSgydU3mjZuKGCTg7UPiBUD7ydVPvSLtg9hjp7MQTYsW67rZHAXeccqYqrsx8LcXnyd",
    ],
    [
      repeat("zoo", 23, "vote"),
      "xprv9s21ZrQH143K2WFF16X85T2QCpndrGwx6GueB72Zf3AHwHJaknRXNF37ZmDrtHrrLSHvbuRejXcnYxoZKvRquTPyp2JiNG3XcjQyzSEgqCB",
    ],
  ])("equals BIP-39's with a passphrase: %s", (words, master) => {
    expect(hex.encode(secretFromMnemonic(words, "m", "TREZOR"))).toBe(secretOfExtended(master));
  });

  it("is the root of the tree at path m, where the Go key manager has its keys by default", () => {
    expect(hex.encode(secretFromMnemonic(repeat("abandon", 11, "about"), "m"))).toBe(
      "1837c1be8e2995ec11cda2b066151be2cfb48adf9e47b151d46adab3a21cdf67",
    );
  });

  // Known answers of the Cosmos SDK (crypto/hd) and of CosmJS (proto-signing).
  const fundraiser = "barrel original fuel morning among eternal filter ball stove pluck matrix mechanic";
  it.each([
    [DEFAULT_PATH, "bfcb217c058d8bbafd5e186eae936106ca3e943889b0b4a093ae13822fd3170c"],
    ["m/44'/0'/0'/0/0", "e77c3de76965ad89997451de97b95bb65ede23a6bf185a55d80363d92ee37c3d"],
    ["m/44'/60'/0'/0/0", "7fc4d8a8146dea344ba04c593517d3f377fa6cded36cd55aee0a0bb968e651bc"],
  ])("equals the Cosmos SDK's at %s", (path, secret) => {
    expect(hex.encode(secretFromMnemonic(fundraiser, path))).toBe(secret);
  });

  it("is by default that of a Cosmos account", () => {
    const words = "special sign fit simple patrol salute grocery chicken wheat radar tonight ceiling";
    expect(hex.encode(publicKeyOf(secretFromMnemonic(words)))).toBe(
      "baa4ef93f2ce84592a49b1d729c074eab640112522a7a89f7d03ebab21ded7b6",
    );
  });

  it("ignores letter case and white space", () => {
    const words = fundraiser.toUpperCase().replaceAll(" ", "\n  ");
    expect(secretFromMnemonic(`  ${words}\n`)).toEqual(secretFromMnemonic(fundraiser));
  });

  it.each([
    ["no words", "", "not 0"],
    ["too few", repeat("zoo", 10, "wrong"), "not 11"],
    ["too many", repeat("zoo", 26, "wrong"), "not 27"],
    ["a word of no list", fundraiser.replace("morning", "mourning"), "word 4 is not in the English list"],
    ["a wrong checksum", repeat("zoo", 11, "zoo"), "checksum"],
    ["two words that changed places", fundraiser.replace("barrel original", "original barrel"), "checksum"],
  ])("is refused for %s, without showing them", (_, words, why) => {
    const error = refusal("invalid-mnemonic", () => secretFromMnemonic(words));
    expect(error.message).toContain(why);
    for (const word of words.split(" ").filter((each) => each !== ""))
      expect(error.message).not.toContain(word);
  });

  it.each(["", "44'/118'/0'/0/0", "m/", "m/x", "m/-1", "m/2147483648", "m/0''", "m//0", "m/0 ", "M/0"])(
    "is refused for an invalid path: %j",
    (path) => {
      refusal("invalid-path", () => secretFromMnemonic(fundraiser, path));
    },
  );
});

describe("the secret of a seed", () => {
  // BIP-32, test vectors 1 and 3; the latter keeps leading zeroes.
  const seed1 = "000102030405060708090a0b0c0d0e0f";
  const seed3 =
    "4b381541583be4423346c643850da4b320e46a87ae3d2a4e6da11eba819cd4acba45d239319ac14f863b8d5ab5a0d0c64d2e8a1e7d1457df2e5a3c51c73235be";
  it.each([
    [
      seed1,
      "m",
      "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
    ],
    [
      seed1,
      "m/0'",
      "xprv9uHRZZhk6KAJC1avXpDAp4MDc3sQKNxDiPvvkX8Br5ngLNv1TxvUxt4cV1rGL5hj6KCesnDYUhd7oWgT11eZG7XnxHrnYeSvkzY7d2bhkJ7",
    ],
    [
      seed1,
      "m/0'/1/2'/2/1000000000",
      "xprvA41z7zogVVwxVSgdKUHDy1SKmdb533PjDz7J6N6mV6uS3ze1ai8FHa8kmHScGpWmj4WggLyQjgPie1rFSruoUihUZREPSL39UNdE3BBDu76",
    ],
    [
      seed3,
      "m/0'",
      "xprv9uPDJpEQgRQfDcW7BkF7eTya6RPxXeJCqCJGHuCJ4GiRVLzkTXBAJMu2qaMWPrS7AANYqdq6vcBcBUdJCVVFceUvJFjaPdGZ2y9WACViL4L",
    ],
  ])("equals BIP-32's: %s at %s", (seed, path, extended) => {
    expect(hex.encode(secretFromSeed(hex.decode(seed), path))).toBe(secretOfExtended(extended));
  });
});

describe("new words", () => {
  it("are 24, random, and lead to a key", () => {
    const all = Array.from({ length: 10 }, newMnemonic);
    expect(new Set(all).size).toBe(10);
    for (const words of all) {
      expect(words.split(" ")).toHaveLength(24);
      expect(secretFromMnemonic(words)).toHaveLength(32);
    }
  });
});
