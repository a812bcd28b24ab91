import { createRequire } from "node:module";
import type * as WasmUtxo from "@bitgo/wasm-utxo";
import { createBase58check } from "@scure/base";
import { HDKey } from "@scure/bip32";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes, hex, utf8 } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { importableDescriptor, parseDescriptor } from "../../src/script/descriptor-parse.js";
import { descriptorChecksum, withChecksum } from "../../src/script/descriptor.js";
import { parseKeyOrigin } from "../../src/script/key-expression.js";
import { sortKeys } from "../../src/script/leaf.js";
import { slashingChangeOutput, stakingOutput, unbondingOutput } from "../../src/script/outputs.js";
import { NUMS_KEY } from "../../src/script/taproot.js";
import { type KeySet, MAX_KEYS, stakerKeys, type StakeTerms } from "../../src/script/terms.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";
import { anyTerms, anyTimelock, keyOf, keysOf, termsOf } from "../support/stakes.js";

// rust-miniscript and rust-bitcoin: of other authors, in another language.
const { Descriptor } = createRequire(import.meta.url)("@bitgo/wasm-utxo") as typeof WasmUtxo;
const derive = (descriptor: string) =>
  hex.encode(Descriptor.fromString(descriptor, "definite").scriptPubkey());

const sizes = { stakers: 5, providers: 5, members: 20 };
const sorted = ({ keys, quorum }: KeySet): KeySet => ({ keys: sortKeys(keys), quorum });

/** The same terms as reading gives them: keys ascending, a single staker plain. */
function normal(terms: StakeTerms): StakeTerms {
  const staker = sorted(stakerKeys(terms.staker));
  return {
    staker: staker.keys.length === 1 ? staker.keys[0]! : staker,
    finalityProviders: sortKeys(terms.finalityProviders),
    covenant: sorted(terms.covenant),
    timelock: terms.timelock,
  };
}

/** The output script that what was read builds. */
function scriptOf(descriptor: string): string {
  const read = parseDescriptor(descriptor);
  switch (read.kind) {
    case "staking":
      return hex.encode(stakingOutput(read.terms, "regtest").script);
    case "unbonding":
      return hex.encode(
        unbondingOutput({ ...read.terms, timelock: 1 }, read.unbondingTime, "regtest").script,
      );
    case "refund":
      return hex.encode(slashingChangeOutput(read.staker, read.unbondingTime, "regtest").script);
  }
}

/** A small stake, and the pieces that its descriptor is written from. */
const [S, F, F2, C1, C2, C3] = keysOf(6).map(hex.encode).toSorted() as [string, ...string[]] as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const NUMS = hex.encode(NUMS_KEY);
const committee = `multi_a(2,${C1},${C2},${C3})`;
const timelock = (staker = `pk(${S})`, blocks = "1000") => `and_v(v:${staker},older(${blocks}))`;
const unbonding = (staker = `pk(${S})`, covenant = committee) => `and_v(v:${staker},${covenant})`;
const slashing = (staker = `pk(${S})`, providers = `pk(${F})`, covenant = committee) =>
  `and_v(and_v(v:${staker},v:${providers}),${covenant})`;
const tr = (tree: string, key = NUMS) => `tr(${key},${tree})`;
const stake = ({ lock = timelock(), early = unbonding(), slash = slashing() } = {}) =>
  tr(`{{${lock},${early}},${slash}}`);

const terms: StakeTerms = {
  staker: hex.decode(S),
  finalityProviders: [hex.decode(F)],
  covenant: { keys: [C1, C2, C3].map((key) => hex.decode(key)), quorum: 2 },
  timelock: 1000,
};

describe("parseDescriptor", () => {
  it("reads back every descriptor that is written, of any terms", () => {
    fc.assert(
      fc.property(anyTerms(sizes), anyTimelock, (any, time) => {
        const { timelock: _, ...others } = normal(any);
        const { descriptor } = stakingOutput(any, "regtest");
        expect(parseDescriptor(descriptor)).toEqual({ kind: "staking", terms: normal(any), derivations: [] });
        expect(parseDescriptor(unbondingOutput(any, time, "regtest").descriptor)).toEqual({
          kind: "unbonding",
          terms: others,
          unbondingTime: time,
          derivations: [],
        });
        expect(parseDescriptor(slashingChangeOutput(any.staker, time, "regtest").descriptor)).toEqual({
          kind: "refund",
          staker: others.staker,
          unbondingTime: time,
          derivations: [],
        });
      }),
      { numRuns: runs(60) },
    );
  });

  it("reads the pieces of this test, without a checksum, as what the terms build", () => {
    expect(parseDescriptor(stake())).toEqual({ kind: "staking", terms: normal(terms), derivations: [] });
    expect(withChecksum(stake())).toBe(stakingOutput(terms, "regtest").descriptor);
  });

  it("reads a stake with the most keys", () => {
    const most = termsOf(1, 400, MAX_KEYS - 401, 300);
    expect(parseDescriptor(stakingOutput(most, "regtest").descriptor)).toMatchObject({ terms: normal(most) });
  });

  const other = `{${slashing()},{${unbonding()},${timelock()}}}`;
  const nested = `and_v(v:pk(${S}),and_v(v:pk(${F}),${committee}))`;
  it.each([
    ["with white space around and within", ` ${stake().replaceAll(",", ",\n  ")}\n`],
    ["with keys in upper case", stake().replaceAll(C1, C1.toUpperCase())],
    ["with compressed keys", stake().replaceAll(S, `02${S}`).replaceAll(C2, `03${C2}`)],
    ["with the sides of its branches changed", tr(other)],
    ["with and_v nested the other way", stake({ slash: nested })],
    ["with its checksum", withChecksum(stake())],
    [
      "with an origin of the internal key, as Bitcoin Core writes it",
      stake().replace(NUMS, `[7c461e5d]${NUMS}`),
    ],
    ["with a checksum over what it is, not over how we write it", withChecksum(tr(other))],
  ])("reads a stake %s, whose output is the same", (_, descriptor) => {
    expect(parseDescriptor(descriptor)).toEqual({ kind: "staking", terms: normal(terms), derivations: [] });
    expect(scriptOf(descriptor)).toBe(derive(descriptor.replace(/\s/g, "")));
  });

  it("gives the origins of keys, with every sign of a hardened step, and keeps the terms", () => {
    for (const hardened of ["'", "h"]) {
      const origin = `[d34DB33F/86${hardened}/1${hardened}/0${hardened}/0/5]`;
      const descriptor = stake().replaceAll(S, `${origin}${S}`).replaceAll(F, `[00000001]${F}`);
      expect(parseDescriptor(withChecksum(descriptor))).toEqual({
        kind: "staking",
        terms: normal(terms),
        derivations: [
          {
            publicKey: hex.decode(S),
            fingerprint: hex.decode("d34db33f"),
            path: "m/86'/1'/0'/0/5",
          },
          { publicKey: hex.decode(F), fingerprint: hex.decode("00000001"), path: "m" },
        ],
      });
    }
  });

  const two = `multi_a(2,${[C1, C2].join()})`;
  it.each([
    ["invalid-descriptor", "no text", 5],
    ["invalid-descriptor", "nothing", ""],
    ["invalid-descriptor", "another kind of descriptor", `wpkh(02${S})`],
    ["invalid-descriptor", "a bracket too few", stake().slice(0, -1)],
    ["invalid-descriptor", "a bracket too many", `${stake().slice(0, -1)}))`],
    ["invalid-descriptor", "brackets that do not match", tr(`{${timelock()},${slashing()})`)],
    ["invalid-descriptor", "a bracket closed before it was opened", tr(`${timelock()})(`)],
    ["invalid-descriptor", "a branch of three", tr(`{${timelock()},${unbonding()},${slashing()}}`)],
    ["invalid-descriptor", "a branch of one", tr(`{${timelock()}}`)],
    ["invalid-descriptor", "two checksums", `${withChecksum(stake())}#${descriptorChecksum(stake())}`],
    ["invalid-descriptor", "characters that no descriptor has", stake().replace("v:", "v:é")],
    ["invalid-descriptor", "a lock that is no number", stake({ lock: timelock(undefined, "0x10") })],
    ["invalid-descriptor", "a lock with a zero in front", stake({ lock: timelock(undefined, "01000") })],
    ["invalid-descriptor", "and_v of three", stake({ early: `and_v(v:pk(${S}),${committee},older(1))` })],
    ["invalid-descriptor", "pk of two", stake({ early: unbonding(`pk(${S},${F})`) })],
    ["invalid-checksum", "a checksum of another descriptor", `${stake()}#${descriptorChecksum("")}`],
    ["invalid-checksum", "a checksum cut short", withChecksum(stake()).slice(0, -1)],
    ["invalid-checksum", "an empty checksum", `${stake()}#`],
    ["invalid-checksum", "a changed character", withChecksum(stake()).replace("older(1000)", "older(1001)")],
    ["wrong-internal-key", "an internal key whose secret may be known", tr(other, S)],
    ["wrong-script-tree", "no scripts", `tr(${NUMS})`],
    ["wrong-script-tree", "two trees", tr(`${timelock()},${unbonding()}`)],
    ["wrong-script-tree", "leaves that changed places", tr(`{{${timelock()},${slashing()}},${unbonding()}}`)],
    ["wrong-script-tree", "a leaf missing", tr(`{${timelock()},${unbonding()}}`)],
    ["wrong-script-tree", "a leaf twice", tr(`{{${timelock()},${timelock()}},${slashing()}}`)],
    ["wrong-script-tree", "no time lock among the leaves", tr(slashing())],
    ["wrong-script-tree", "a leaf more", tr(`{{${timelock()},${unbonding()}},{${slashing()},pk(${F})}}`)],
    ["wrong-script-tree", "a leaf deeper", tr(`{{{${timelock()},${unbonding()}},pk(${F})},${slashing()}}`)],
    ["wrong-script-tree", "a thousand branches", tr("{".repeat(1000) + "1" + ",1}".repeat(1000))],
    ["wrong-script-tree", "a thousand and_v", tr("and_v(".repeat(1000) + "1,1" + ",1)".repeat(1000))],
    ["wrong-script-tree", "a leaf with one signer and no lock", tr(`pk(${S})`)],
    ["wrong-script-tree", "a leaf with only a lock", tr("older(5)")],
    [
      "wrong-script-tree",
      "a lock behind two signers",
      stake({ lock: `and_v(and_v(v:pk(${S}),v:pk(${F})),older(5))` }),
    ],
    [
      "wrong-script-tree",
      "four sets of keys",
      stake({ slash: `and_v(and_v(v:pk(${S}),v:pk(${F})),and_v(v:pk(${F2}),${committee}))` }),
    ],
    ["wrong-script-tree", "a key that need not sign", stake({ early: `and_v(pk(${S}),${committee})` })],
    ["wrong-script-tree", "an absolute lock", stake({ lock: timelock().replace("older", "after") })],
    ["wrong-script-tree", "another way to count keys", stake({ early: unbonding(`thresh(1,pk(${S}))`) })],
    ["wrong-script-tree", "a count of one key", stake({ early: unbonding(`multi_a(1,${S})`) })],
    ["wrong-script-tree", "a hash lock", tr(`sha256(${S})`)],
    ["underived-key", "a key of 31 bytes", stake().replaceAll(S, S.slice(2))],
    ["underived-key", "an uncompressed key", stake().replaceAll(S, `04${S}${S}`)],
    ["unsorted-keys", "keys that are not ascending", stake().replaceAll(`${C1},${C2}`, `${C2},${C1}`)],
    ["invalid-path", "an origin with an invalid path", stake().replaceAll(S, `[d34db33f/x]${S}`)],
    ["invalid-key-expression", "an origin without a fingerprint", stake().replaceAll(S, `[86']${S}`)],
    ["leaves-disagree", "another staker in one leaf", stake({ lock: timelock(`pk(${F2})`) })],
    ["leaves-disagree", "another staker in the unbonding", stake({ early: unbonding(`pk(${F2})`) })],
    ["leaves-disagree", "another staker in the slashing", stake({ slash: slashing(`pk(${F2})`) })],
    ["leaves-disagree", "another committee in one leaf", stake({ early: unbonding(undefined, two) })],
    [
      "leaves-disagree",
      "another quorum in one leaf",
      stake({ slash: slashing(undefined, undefined, committee.replace("2", "3")) }),
    ],
    ["duplicate-key", "the staker in the committee", stake().replaceAll(C1, S)],
    [
      "duplicate-key",
      "the staker in the committee, in another case",
      stake().replaceAll(C1, S.toUpperCase()),
    ],
    ["duplicate-key", "a key twice in the committee", stake().replaceAll(C2, C1)],
    ["duplicate-key", "the provider as staker", stake().replaceAll(F, S)],
    ["invalid-quorum", "a quorum above the keys", stake().replaceAll("multi_a(2", "multi_a(4")],
    ["invalid-quorum", "a quorum of 0", stake().replaceAll("multi_a(2", "multi_a(0")],
    [
      "invalid-quorum",
      "providers of whom two must sign",
      stake({ slash: slashing(undefined, `multi_a(2,${F},${F2})`) }),
    ],
    ["invalid-timelock", "a lock of 0", stake({ lock: timelock(undefined, "0") })],
    ["invalid-timelock", "a lock of 65536", stake({ lock: timelock(undefined, "65536") })],
    ["invalid-timelock", "a refund with a lock of 65536", tr(timelock(undefined, "65536"))],
    ["invalid-public-key", "a key that is no point", stake().replaceAll(S, "00".repeat(32))],
    ["invalid-public-key", "a refund to a key that is no point", tr(timelock(`pk(${"00".repeat(32)})`))],
  ] as const)("refuses with %s: %s", (code, _, descriptor) => {
    refusal(code, () => parseDescriptor(descriptor as string));
  });

  it("refuses extended and private keys with the advice to derive, and does not show them", () => {
    const master = HDKey.fromMasterSeed(sha256(utf8("parse")));
    const secrets = [
      `${master.publicExtendedKey}/0/1`,
      `[d34db33f/86'/0'/0']${master.privateExtendedKey}/0/*`,
      wif(sha256(utf8("parse"))),
    ];
    for (const secret of secrets) {
      const { message } = refusal("underived-key", () => parseDescriptor(stake().replaceAll(S, secret)));
      expect(message).toContain("derive");
      expect(message).not.toContain(secret.slice(-20));
    }
  });

  it("refuses or reads exactly with any one character changed", () => {
    const good = withChecksum(stake());
    fc.assert(
      fc.property(
        fc.nat(stake().length - 1),
        fc.constantFrom(..."0123456789abcdefpk(){},_:tr#"),
        (at, put) => {
          fc.pre(good[at] !== put);
          refusal(put === "#" ? "invalid-descriptor" : "invalid-checksum", () =>
            parseDescriptor(good.slice(0, at) + put + good.slice(at + 1)),
          );
          const bare = stake().slice(0, at) + put + stake().slice(at + 1);
          let read: string;
          try {
            read = scriptOf(bare);
          } catch (error) {
            expect(error).toHaveProperty("name", "TapstakeError");
            return;
          }
          expect(read).toBe(derive(bare));
        },
      ),
      { numRuns: runs(1000) },
    );
  });

  it("accepts only what rust-miniscript derives the same output from, with leaves and branches in any order", () => {
    const set = fc.constantFrom(`pk(${S})`, `pk(${F})`, committee, two, `multi_a(1,${F},${F2})`);
    const leaf = fc.oneof(
      fc.tuple(set, fc.constantFrom("1", "1000")).map(([who, time]) => timelock(who, time)),
      fc.tuple(set, set).map(([who, with_]) => unbonding(who, with_)),
      fc.tuple(set, set, set).map(([who, any, with_]) => slashing(who, any, with_)),
      fc.constantFrom(timelock(), unbonding(), slashing()),
    );
    const { tree } = fc.letrec<{ tree: string }>((tie) => ({
      tree: fc.oneof(
        { depthSize: "small" },
        leaf,
        fc.tuple(tie("tree"), tie("tree")).map(([a, b]) => `{${a},${b}}`),
      ),
    }));
    fc.assert(
      fc.property(
        fc.oneof(
          tree,
          fc.tuple(leaf, leaf, leaf).map(([a, b, c]) => `{{${a},${b}},${c}}`),
        ),
        (any) => {
          let read: string;
          try {
            read = scriptOf(tr(any));
          } catch (error) {
            expect(error).toHaveProperty("name", "TapstakeError");
            return;
          }
          expect(read).toBe(derive(tr(any)));
        },
      ),
      { numRuns: runs(2000) },
    );
  });
});

/** A secret as wallets import it: of a test network, for a compressed key by default. */
const wif = (secret: Uint8Array, end = [1], version = 0xef) =>
  createBase58check(sha256).encode(concatBytes(Uint8Array.of(version), secret, Uint8Array.from(end)));

describe("importableDescriptor", () => {
  const master = HDKey.fromMasterSeed(sha256(utf8("importable")), {
    private: 0x04358394,
    public: 0x043587cf,
  });
  const account = master.derive("m/86'/1'/0'");
  const secret = sha256(utf8("importable key"));
  const keys = [account.derive("m/0/5").publicKey!.slice(1), publicKeyOf(secret), keyOf(1)];
  const [own, second] = keys as [Uint8Array, Uint8Array];
  const mine: StakeTerms = {
    ...termsOf(1, 2, 3, 2),
    staker: { keys, quorum: 2 },
    finalityProviders: [keyOf(50)],
  };
  const output = stakingOutput(mine, "regtest");
  const { descriptor } = output;
  const origin = "[00c0ffee/86h/1h/0h]";

  it.each([
    ["an extended private key", `${origin}${account.privateExtendedKey}/0/5`],
    ["an extended public key", `${origin}${account.publicExtendedKey}/0/5`],
    ["the master key with hardened steps", `${master.privateExtendedKey}/86h/1'/0h/0/5`],
    ["the key itself with its origin", `${origin.slice(0, -1)}/0/5]${hex.encode(own)}`],
    ["the key itself", hex.encode(own)],
  ])("puts %s in the place of its key, in every leaf, with a checksum", (_, expression) => {
    const written = importableDescriptor(descriptor, [expression]);
    expect(written.split(expression)).toHaveLength(4);
    expect(written.split("#")[0]!.replaceAll(expression, hex.encode(own))).toBe(descriptor.split("#")[0]);
    expect(written.split("#")[1]).toBe(descriptorChecksum(written.split("#")[0]!));
    // rust-miniscript takes no private keys in Taproot.
    if (!expression.includes("tprv")) expect(derive(written)).toBe(hex.encode(output.script));
  });

  it("puts several keys in, replaces derivations, and takes private keys of each network", () => {
    const expressions = [`${account.privateExtendedKey}/0/5`, wif(secret)];
    const written = importableDescriptor(descriptor, expressions);
    for (const expression of expressions) expect(written.split(expression)).toHaveLength(4);
    const again = importableDescriptor(importableDescriptor(descriptor, [`${origin}${hex.encode(second)}`]), [
      wif(secret, [1], 0x80),
    ]);
    expect(again).not.toContain(origin);
    expect(again.split(wif(secret, [1], 0x80))).toHaveLength(4);
  });

  it.each([
    ["invalid-key-expression", "no text", 7],
    ["invalid-key-expression", "nothing", ""],
    ["invalid-key-expression", "a range", `${account.publicExtendedKey}/0/*`],
    ["invalid-key-expression", "several paths", `${account.publicExtendedKey}/<0;1>/5`],
    ["invalid-key-expression", "hardened steps of a public key", `${account.publicExtendedKey}/0'/5`],
    ["invalid-key-expression", "a damaged extended key", `${mistyped(account.publicExtendedKey)}/0/5`],
    ["invalid-key-expression", "a damaged private key", mistyped(wif(secret))],
    ["invalid-key-expression", "an uncompressed private key", wif(secret, [])],
    ["invalid-key-expression", "an origin that does not end", `[00c0ffee/86h${hex.encode(own)}`],
    ["invalid-path", "an invalid path", `${account.publicExtendedKey}/0/x`],
    ["invalid-path", "a step beyond 31 bits", `${account.publicExtendedKey}/2147483648`],
    ["invalid-path", "an origin with an invalid path", `[00c0ffee/86'']${hex.encode(own)}`],
    ["unexpected-signer", "a key that the descriptor does not have", `${account.publicExtendedKey}/0/6`],
    ["unexpected-signer", "a stranger's key", hex.encode(keyOf(-9))],
  ] as const)("refuses with %s: %s, and shows no secret", (code, _, expression) => {
    const { message } = refusal(code, () => importableDescriptor(descriptor, [expression as string]));
    for (const text of [account.publicExtendedKey, wif(secret)])
      expect(message).not.toContain(text.slice(4, 20));
  });

  it("refuses what is not a list of expressions", () => {
    for (const expressions of [undefined, null, 5, hex.encode(own), {}]) {
      refusal("invalid-key-expression", () => importableDescriptor(descriptor, expressions as never));
    }
  });

  it("refuses a descriptor that is not of a stake", () => {
    refusal("invalid-checksum", () => importableDescriptor(`${descriptor}q`, []));
    refusal("wrong-script-tree", () => importableDescriptor(`tr(${NUMS})`, []));
  });
});

describe("parseKeyOrigin", () => {
  const account = HDKey.fromMasterSeed(sha256(utf8("origin"))).derive("m/86'/0'/0'");
  const key = account.derive("m/0/5").publicKey!;
  const origin = { publicKey: key.slice(1), fingerprint: hex.decode("d34db33f"), path: "m/86'/0'/0'/0/5" };

  it.each([
    ["an extended key with steps", `[d34db33f/86h/0h/0h]${account.publicExtendedKey}/0/5`],
    ["an x-only key", `[D34DB33F/86'/0'/0'/0/5]${hex.encode(origin.publicKey)}`],
    ["a compressed key", `[d34db33f/86'/0'/0'/0/5]${hex.encode(key)}`],
  ])("reads %s", (_, expression) => expect(parseKeyOrigin(expression)).toEqual(origin));

  it.each([
    ["invalid-key-expression", "no text", 5],
    ["invalid-key-expression", "no origin", `${account.publicExtendedKey}/0/5`],
    ["invalid-key-expression", "no key", "[d34db33f/86']"],
    ["invalid-key-expression", "a range", `[d34db33f/86']${account.publicExtendedKey}/0/*`],
    ["invalid-key-expression", "a fingerprint of 3 bytes", `[d34db3/86']${hex.encode(key)}`],
    ["invalid-path", "an invalid path", `[d34db33f/86x]${hex.encode(key)}`],
  ] as const)("refuses with %s: %s", (code, _, expression) => {
    refusal(code, () => parseKeyOrigin(expression as string));
  });
});

/** With two neighbours that changed places. */
function mistyped(text: string): string {
  const at = [...text].findIndex((character, i) => i > 20 && character !== text[i + 1]);
  return text.slice(0, at) + text[at + 1]! + text[at]! + text.slice(at + 2);
}
