import { address as addresses, initEccLib, networks } from "bitcoinjs-lib";
import * as fc from "fast-check";
import * as ecc from "tiny-secp256k1";
import { afterAll, beforeAll, describe, expect, it, type MockInstance, vi } from "vitest";
import { addressOfScript, scriptOfAddress, taprootAddress } from "../../src/bitcoin/address.js";
import { concatBytes, hex } from "../../src/core/bytes.js";
import { type Network, NETWORKS } from "../../src/core/network.js";
import { show } from "../../src/core/text.js";
import { keyOf, refusalOf } from "../support/stakes.js";

const hash20 = hex.decode("751e76e8199196d454941c45d1b3a323f1433bd6");
const hash32 = hex.decode("1863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262");
const script = (head: string, body: Uint8Array, tail = "") =>
  concatBytes(hex.decode(head), body, hex.decode(tail));

/** The hash of the generator's key under each kind of output; the addresses are those of BIP-173 and Bitcoin Core. */
const kinds = {
  p2pkh: script("76a914", hash20, "88ac"),
  p2sh: script("a914", hash20, "87"),
  p2wpkh: script("0014", hash20),
  p2wsh: script("0020", hash32),
  p2tr: script("5120", keyOf(1)),
};
const beginnings: Record<Network, RegExp[]> = {
  mainnet: [/^1/, /^3/, /^bc1q.{38}$/, /^bc1q.{58}$/, /^bc1p.{58}$/],
  testnet: [/^[mn]/, /^2/, /^tb1q.{38}$/, /^tb1q.{58}$/, /^tb1p.{58}$/],
  signet: [/^[mn]/, /^2/, /^tb1q.{38}$/, /^tb1q.{58}$/, /^tb1p.{58}$/],
  regtest: [/^[mn]/, /^2/, /^bcrt1q.{38}$/, /^bcrt1q.{58}$/, /^bcrt1p.{58}$/],
};

const refusal = (address: unknown, network: Network = "mainnet") =>
  refusalOf(() => scriptOfAddress(address as string, network));

let warn: MockInstance;
beforeAll(() => {
  initEccLib(ecc);
  warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterAll(() => {
  const calls = warn.mock.calls.length;
  warn.mockRestore();
  if (calls > 0) throw new Error("something was printed");
});

const CHECKSUM = ": its checksum does not fit, so a character is wrong or missing";

describe("an address", () => {
  it("and the output script convert both ways, of each kind on each network", () => {
    for (const network of NETWORKS) {
      for (const [i, output] of Object.values(kinds).entries()) {
        const address = addressOfScript(output, network)!;
        expect(address).toMatch(beginnings[network][i]!);
        expect(scriptOfAddress(address, network)).toEqual(output);
      }
    }
  });

  it("of the published pairs has the published script", () => {
    expect(addressOfScript(kinds.p2pkh, "mainnet")).toBe("1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH");
    expect(addressOfScript(kinds.p2wpkh, "mainnet")).toBe("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4");
    expect(addressOfScript(kinds.p2wpkh, "testnet")).toBe("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx");
  });

  it("is refused on every network that has another prefix", () => {
    const family = { mainnet: "main", testnet: "test", signet: "test", regtest: "reg" };
    for (const from of NETWORKS) {
      for (const to of NETWORKS) {
        for (const [kind, output] of Object.entries(kinds)) {
          // In Base58 the three test networks share their prefixes.
          const shared =
            family[from] === family[to] ||
            (["p2pkh", "p2sh"].includes(kind) && from !== "mainnet" && to !== "mainnet");
          const address = addressOfScript(output, from);
          expect(refusal(address, to), `${address} on ${to}`).toBe(shared ? "no error" : "invalid-address");
        }
      }
    }
  });

  it.each([
    ["no text", ""],
    ["a space before", ` ${addressOfScript(kinds.p2wpkh, "mainnet")}`],
    ["a space behind", `${addressOfScript(kinds.p2pkh, "mainnet")} `],
    ["a space before Base58", ` ${addressOfScript(kinds.p2pkh, "mainnet")}`],
    ["a wrong Base58 checksum", "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMh"],
    ["a letter that Base58 lacks", "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAM0"],
    ["a Base58 payload of 22 bytes", "111111111111111111111111111"],
    ["a bech32 checksum with one letter changed", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"],
    ["P2TR with 20 bytes", addresses.toBech32(hash20, 1, "bc")],
    ["pay-to-anchor", addresses.toBech32(hex.decode("4e73"), 1, "bc")],
    ["P2TR of a key that is no point", addresses.toBech32(new Uint8Array(32), 1, "bc")],
    ["version 0 with 21 bytes", addresses.toBech32(new Uint8Array(21), 0, "bc")],
    ["version 2", addresses.toBech32(hash32, 2, "bc")],
    ["version 16", addresses.toBech32(hash32, 16, "bc")],
    ["a WIF key", "KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn"],
    ["hexadecimal", hex.encode(kinds.p2wpkh)],
    ["undefined", undefined],
    ["null", null],
    ["bytes", kinds.p2tr],
    ["a bigint", 7n],
  ])("is refused when it is %s", (_, wrong) => expect(refusal(wrong)).toBe("invalid-address"));

  it.each([
    ["of another network", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", ": it is one of mainnet"],
    ["of two other networks", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", ": it is one of testnet, signet"],
    ["of another network, in Base58", "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH", ": it is one of mainnet"],
    ["mistyped", "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt08q", CHECKSUM],
    ["mistyped, in capitals", "BCRT1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KYGT08Q", CHECKSUM],
    ["mistyped, in Base58", "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfm", CHECKSUM],
    ["in mixed case", "bcrt1qW508d6qejxtdg4y5r3zarvary0c5xw7kygt080", ""],
    ["no address", "bcrt1", ""],
    ["an account on the staking chain", "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu", ""],
  ])("is refused with the reason when it is %s", (_, address, reason) => {
    expect(() => scriptOfAddress(address, "regtest")).toThrow(
      expect.objectContaining({
        code: "invalid-address",
        message: `${show(address)} is not an address of regtest${reason}`,
      }),
    );
  });

  it("may be in upper case, and is refused in mixed case", () => {
    const address = addressOfScript(kinds.p2tr, "mainnet")!;
    expect(scriptOfAddress(address.toUpperCase(), "mainnet")).toEqual(kinds.p2tr);
    expect(refusal(address.replace(/.$/, (last) => (/\d/.test(last) ? "Q" : last.toUpperCase())))).toBe(
      "invalid-address",
    );
    expect(refusal(`BC${address.slice(2)}`)).toBe("invalid-address");
  });

  it("is refused without a secret in the message that was pasted in its place", () => {
    const secret = "KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn";
    let error: Error | undefined;
    try {
      scriptOfAddress(secret, "mainnet");
    } catch (thrown) {
      error = thrown as Error;
    }
    expect(error!.message).toContain(secret.slice(0, 8));
    expect(`${error!.message} ${error!.stack}`).not.toContain(secret.slice(0, 12));
    expect(error!.cause).toBeUndefined();
  });

  it.each(["bitcoin", undefined])("is refused for the unknown network %s", (network) => {
    const wrong = network as Network;
    expect(refusalOf(() => scriptOfAddress(addressOfScript(kinds.p2tr, "mainnet")!, wrong))).toBe(
      "invalid-network",
    );
    expect(refusalOf(() => addressOfScript(kinds.p2tr, wrong))).toBe("invalid-network");
    expect(refusalOf(() => taprootAddress(keyOf(1), wrong))).toBe("invalid-network");
  });

  it("is made from a Taproot key of 32 bytes only", () => {
    expect(taprootAddress(keyOf(1), "signet")).toBe(addressOfScript(kinds.p2tr, "signet"));
    for (const wrong of [hash20, new Uint8Array(33), hex.encode(keyOf(1)), undefined]) {
      expect(refusalOf(() => taprootAddress(wrong as Uint8Array, "mainnet"))).toBe("invalid-bytes");
    }
  });
});

describe("a script without an address", () => {
  it.each([
    ["no bytes", ""],
    ["an OP_RETURN", "6a0401020304"],
    ["a bare key", `21${"02".repeat(33)}ac`],
    ["witness version 2", `5220${"11".repeat(32)}`],
    ["witness version 16", "6002751e"],
    ["P2TR of a key that is no point", `5120${"00".repeat(32)}`],
    ["pay-to-anchor", "51024e73"],
    ["a push that ends early", "0014ff"],
  ])("is of kind %s", (_, output) => expect(addressOfScript(hex.decode(output), "mainnet")).toBeNull());
});

describe("the segwit addresses of BIP-350", () => {
  it.each<[string, string, Network]>([
    ["BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "0014751e76e8199196d454941c45d1b3a323f1433bd6", "mainnet"],
    [
      "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
      "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
      "testnet",
    ],
    [
      "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy",
      "0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
      "testnet",
    ],
    [
      "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c",
      "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
      "signet",
    ],
    [
      "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
      "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
      "mainnet",
    ],
  ])("are accepted: %s", (address, expected, network) =>
    expect(hex.encode(scriptOfAddress(address, network))).toBe(expected),
  );

  // Valid for BIP-350, refused here: anyone could take coins that are sent there.
  it.each([
    "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
    "BC1SW50QGDZ25J",
    "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs",
  ])("are refused without rules in Bitcoin for their version: %s", (address) =>
    expect(refusal(address)).toBe("invalid-address"),
  );

  it.each([
    "tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
    "tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf",
    "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh",
    "tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47",
    "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",
    "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R",
    "bc1pw5dgrnzv",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav",
    "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P",
    "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf",
    "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j",
    "bc1gmk9yu",
  ])("are invalid: %s", (address) => {
    const network = address.toLowerCase().startsWith("tb") ? "testnet" : "mainnet";
    expect(refusal(address, network)).toBe("invalid-address");
  });
});

const HEADS = { p2pkh: "76a914", p2sh: "a914", p2wpkh: "0014", p2wsh: "0020", p2tr: "5120" } as const;
const TAILS = { p2pkh: "88ac", p2sh: "87", p2wpkh: "" } as const;

describe("bitcoinjs-lib", () => {
  const networksOfPeer = {
    mainnet: networks.bitcoin,
    testnet: networks.testnet,
    signet: networks.testnet,
    regtest: networks.regtest,
  };
  const network = fc.constantFrom(...NETWORKS);
  const hash = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const output = fc.oneof(
    ...(["p2pkh", "p2sh", "p2wpkh"] as const).map((kind) =>
      hash(20).map((bytes) => script(HEADS[kind], bytes, TAILS[kind])),
    ),
    ...(["p2wsh", "p2tr"] as const).map((kind) => hash(32).map((bytes) => script(HEADS[kind], bytes))),
    fc.uint8Array({ maxLength: 42 }).filter(([first]) => first! < 0x52 || first! > 0x60),
  );
  const orNull = <T>(ask: () => T): T | null => {
    try {
      return ask();
    } catch {
      return null;
    }
  };
  const theirs = (address: string, of: Network) =>
    orNull(() => Uint8Array.from(addresses.toOutputScript(address, networksOfPeer[of])));

  it("has the same address for any script", () => {
    fc.assert(
      fc.property(output, network, (bytes, of) => {
        const expected = orNull(() => addresses.fromOutputScript(bytes, networksOfPeer[of]));
        expect(addressOfScript(bytes, of)).toBe(expected);
        if (expected) expect(scriptOfAddress(expected, of)).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  it("accepts and refuses the same addresses, whole or with one character changed", () => {
    const versions = fc.constantFrom(0, 1);
    const segwit = fc
      .tuple(fc.constantFrom("bc", "tb", "bcrt", "ltc"), versions, fc.uint8Array({ maxLength: 41 }))
      .map(([hrp, version, program]) => addresses.toBech32(program, version, hrp));
    const base58 = fc
      .tuple(hash(20), fc.constantFrom(0, 5, 0x6f, 0xc4, 7))
      .map(([bytes, version]) => addresses.toBase58Check(bytes, version));
    const change = fc.option(fc.tuple(fc.nat(), fc.constantFrom(..."qpzry9x8QPZ1l0OI ")));
    fc.assert(
      fc.property(fc.oneof(segwit, base58), change, network, (address, changed, of) => {
        const at = changed ? changed[0] % address.length : 0;
        const text = changed ? address.slice(0, at) + changed[1] + address.slice(at + 1) : address;
        expect(orNull(() => scriptOfAddress(text, of))).toEqual(theirs(text, of));
      }),
      { numRuns: 1000 },
    );
  });
});
