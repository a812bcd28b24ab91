import { createRequire } from "node:module";
import * as fc from "fast-check";
import * as secp256k1 from "tiny-secp256k1";
import { describe, expect, it } from "vitest";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { parseTransaction } from "../../src/bitcoin/transaction.js";
import { compareBytes, concatBytes, hex, utf8 } from "../../src/core/bytes.js";
import { taggedHash } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { Psbt } from "../../src/psbt/psbt.js";
import { parsePsbt, readWitnessStack } from "../../src/psbt/read.js";
import { signaturesFromPsbt } from "../../src/psbt/signatures.js";
import { spendPsbt } from "../../src/psbt/write.js";
import { merkleRootOf, NUMS_KEY } from "../../src/script/taproot.js";
import {
  checkLeafSignature,
  finishSpend,
  leafSighash,
  type LeafSignature,
  type LeafSpend,
} from "../../src/spending/spend.js";
import { readWitness } from "../../src/spending/witness.js";
import { inBitcoinJs } from "../support/bitcoinjs.js";
import { flipBit } from "../support/arbitraries.js";
import { executes } from "../support/interpreter.js";
import {
  anyLife,
  keyOf,
  lifeOf,
  P2WPKH,
  paramsFor,
  PATHS,
  secretOf,
  sign,
  signAll,
  signEnough,
  termsOf,
} from "../support/lives.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";

interface WasmPsbt {
  serialize(): Uint8Array;
  finalize(): unknown;
}
interface WasmUtxo {
  readonly Psbt: { deserialize(bytes: Uint8Array): WasmPsbt };
}
/** rust-bitcoin and rust-miniscript: it has never heard of staking. */
const wallet = createRequire(import.meta.url)("@bitgo/wasm-utxo") as WasmUtxo;

const terms = termsOf({ providers: 2 });
const life = lifeOf(terms, paramsFor(terms));
const spend = life["staking unbonding"];

/** What bitcoinjs asks of a signer, as a hardware wallet's adapter would give it. */
const bitcoinjsSigner = (publicKey: Uint8Array) => ({
  publicKey: Uint8Array.of(2, ...publicKey),
  sign: () => {
    throw new Error("no ECDSA");
  },
  signSchnorr: (digest: Uint8Array) => schnorr.sign(secretOf(publicKey), digest),
});

describe("a PSBT of a leaf spend", () => {
  it("has what a wallet needs: the coin, the leaf, its control block, the internal key", () => {
    const [input] = inBitcoinJs(spendPsbt(spend)).data.inputs;
    expect(input).toMatchObject({
      witnessUtxo: spend.prevouts[0],
      tapInternalKey: NUMS_KEY,
      tapLeafScript: [
        { leafVersion: 0xc0, script: spend.leaf.script, controlBlock: spend.leaf.controlBlock },
      ],
    });
  });

  it("has the Merkle root only on request, as OKX and OneKey would sign the key path", () => {
    const { script, controlBlock } = spend.leaf;
    expect(spendPsbt(spend).data.inputs[0]).not.toHaveProperty("tapMerkleRoot");
    const [input] = spendPsbt(spend, [], [], { merkleRoot: true }).data.inputs;
    expect(input!.tapMerkleRoot).toEqual(merkleRootOf(script, controlBlock));
  });

  it("converts to an object, bytes, base64 and hexadecimal, with its signatures", () => {
    const signatures = signEnough(spend);
    const psbt = spendPsbt(spend, signatures);
    const byKey = (list: readonly { publicKey: Uint8Array }[]) =>
      list.map(({ publicKey }) => hex.encode(publicKey)).toSorted();
    const bytes = psbt.toBuffer();
    for (const form of [
      psbt,
      bytes,
      Buffer.from(bytes),
      psbt.toBase64(),
      ` ${psbt.toBase64()}\n`,
      JSON.stringify(psbt.toBase64()),
      hex.encode(bytes),
      ` "${hex.encode(bytes).toUpperCase()}"\r\n`,
      Buffer.from(hex.encode(bytes)),
      utf8(psbt.toBase64()),
    ]) {
      const read = signaturesFromPsbt(spend, form);
      expect(byKey(read)).toEqual(byKey(signatures));
      expect(executes(finishSpend(spend, read), 0, spend.prevouts)).toBe(true);
    }
  });

  it("collects signatures from one signer after another", () => {
    const keys = signEnough(spend).map(({ publicKey }) => publicKey);
    const gathered = keys.reduce<ReturnType<typeof signaturesFromPsbt>>((signatures, key) => {
      const psbt = inBitcoinJs(spendPsbt(spend, signatures));
      psbt.signTaprootInput(0, bitcoinjsSigner(key));
      return signaturesFromPsbt(spend, psbt.toBuffer());
    }, []);
    expect(gathered).toHaveLength(keys.length);
    expect(executes(finishSpend(spend, gathered), 0, spend.prevouts)).toBe(true);
  });

  it("may be returned with SIGHASH_ALL signatures of 65 bytes", () => {
    const psbt = spendPsbt(
      spend,
      signEnough(spend).map(({ publicKey }) => sign(spend, publicKey, 1)),
    );
    const signatures = signaturesFromPsbt(spend, psbt.toBase64());
    expect(signatures.every(({ signature }) => signature.length === 65)).toBe(true);
    expect(executes(finishSpend(spend, signatures), 0, spend.prevouts)).toBe(true);
  });

  it("returns no signatures when it is unsigned", () => {
    expect(signaturesFromPsbt(spend, spendPsbt(spend).toBuffer())).toEqual([]);
  });

  it("counts a signature for the key that verifies it, under any key and leaf hash", () => {
    const [member, another] = terms.covenant.keys;
    const { signature } = sign(spend, member!);
    const { leaf: other } = life["staking slashing"];
    for (const filed of [
      { pubkey: another!, leafHash: spend.leaf.hash },
      { pubkey: keyOf(-4), leafHash: spend.leaf.hash },
      { pubkey: member!, leafHash: other.hash },
      { pubkey: member!, leafHash: new Uint8Array(32) },
    ]) {
      const psbt = spendPsbt(spend);
      psbt.updateInput(0, { tapScriptSig: [{ ...filed, signature }] });
      expect(signaturesFromPsbt(spend, psbt)).toEqual([{ publicKey: member, signature }]);
    }
  });

  it("may be returned with signatures that do not count, beside one that does", () => {
    const [member, another] = terms.covenant.keys;
    const good = sign(spend, member!);
    const psbt = spendPsbt(spend, [good]);
    const wrong = sign({ ...spend, leaf: life["staking slashing"].leaf }, another!);
    psbt.data.inputs[0]!.tapScriptSig!.push({
      pubkey: another!,
      leafHash: spend.leaf.hash,
      signature: wrong.signature,
    });
    expect(signaturesFromPsbt(spend, psbt)).toEqual([good]);
    const { details } = refusal("missing-signature", () => signaturesFromPsbt(spend, psbt, [another!]));
    expect(details).toEqual({ missing: [hex.encode(another!)], bySomeoneElse: 1 });
    // What verified for a key of the leaf twice is not by someone else.
    const twice = spendPsbt(spend, [good]);
    twice.data.inputs[0]!.tapScriptSig!.push({ ...good, pubkey: another!, leafHash: spend.leaf.hash });
    const refused = refusal("missing-signature", () => signaturesFromPsbt(spend, twice, [another!]));
    expect(refused.details).toEqual({ missing: [hex.encode(another!)] });
  });
});

describe("a signature in a returned PSBT is refused", () => {
  const returned = (publicKey: Uint8Array, signature: Uint8Array, of: LeafSpend = spend) => {
    const psbt = spendPsbt(of);
    psbt.updateInput(0, { tapScriptSig: [{ pubkey: publicKey, leafHash: of.leaf.hash, signature }] });
    return psbt.toBase64();
  };
  const [member] = terms.covenant.keys;
  const keys = spend.leaf.signers.flatMap((each) => each.keys.map(hex.encode));
  const expectRefused = (psbt: string) => {
    const { details } = refusal("missing-signature", () => signaturesFromPsbt(spend, psbt));
    expect(details).toMatchObject({ missing: keys, bySomeoneElse: 1 });
    return details;
  };

  it("when it is over another leaf's digest", () => {
    const other = { ...spend, leaf: life["staking slashing"].leaf };
    expectRefused(returned(member!, sign(other, member!).signature));
  });

  it("when the leaf does not name its key", () => {
    const stranger = sign(spend, keyOf(-4));
    const psbt = returned(stranger.publicKey, stranger.signature);
    expect(expectRefused(psbt)).not.toHaveProperty("tweaked");
    const refused = (expected?: readonly Uint8Array[]) =>
      refusal("missing-signature", () => signaturesFromPsbt(spend, psbt, expected)).message;
    expect(refused()).toBe(
      `the PSBT has no signature of the ${spend.leaf.kind} leaf by any of its keys; 1 signature by another key`,
    );
    expect(refused([member!])).toContain(`leaf by ${hex.encode(member!)}; 1 signature by another key`);
  });

  it.each([
    ["as for an output of the key alone (BIP-86)", undefined],
    ["by the Merkle root of the stake", merkleRootOf(spend.leaf.script, spend.leaf.controlBlock)!],
  ])("when a wallet tweaked the key %s, and the error says so", (_, root) => {
    const tweak = taggedHash("TapTweak", member!, ...(root ? [root] : []));
    const secret = secretOf(member!);
    const isOdd = secp256k1.pointFromScalar(secret)![0] === 3;
    const tweaked = secp256k1.privateAdd(isOdd ? secp256k1.privateNegate(secret) : secret, tweak)!;
    const signature = schnorr.sign(tweaked, leafSighash(spend));
    const psbt = returned(publicKeyOf(tweaked), signature);
    expect(expectRefused(psbt)).toMatchObject({ tweaked: true });
    const { message } = refusal("missing-signature", () => signaturesFromPsbt(spend, psbt));
    expect(message).toContain("useTweakedSigner false");
  });

  it.each([0x02, 0x03, 0x81, 0x82, 0x83])(
    "when it leaves parts of the transaction open: hash type %i",
    (type) => {
      const { signature } = sign(spend, member!, type);
      refusal("unsupported-sighash", () => signaturesFromPsbt(spend, returned(member!, signature)));
    },
  );

  it("when one bit of it is flipped", () => {
    const { signature } = sign(spend, member!);
    fc.assert(
      fc.property(fc.nat(511), (bit) => {
        expectRefused(returned(member!, flipBit(signature, bit)));
      }),
      { numRuns: runs(20) },
    );
  });
});

describe("a finalised PSBT", () => {
  const finalised = (witness: readonly Uint8Array[]) => {
    const psbt = spendPsbt(spend);
    const stack = witness.flatMap((element) => [
      element.length < 0xfd
        ? Uint8Array.of(element.length)
        : Uint8Array.of(0xfd, element.length & 0xff, element.length >> 8),
      element,
    ]);
    psbt.updateInput(0, { finalScriptWitness: concatBytes(Uint8Array.of(witness.length), ...stack) });
    return psbt;
  };

  it("returns its signatures", () => {
    const { witness } = finishSpend(spend, signEnough(spend)).ins[0]!;
    const signatures = signaturesFromPsbt(spend, finalised(witness).toBase64());
    expect(signatures).toEqual(readWitness(spend.leaf, witness));
    expect(finishSpend(spend, signatures).ins[0]!.witness).toEqual(witness);
  });

  it("may have its signatures in other slots, or without empty slots, as wallets finalise it", () => {
    const { witness } = finishSpend(spend, signEnough(spend)).ins[0]!;
    const slots = witness.slice(0, -2);
    const filled = slots.filter(({ length }) => length > 0);
    const whole = readWitness(spend.leaf, witness);
    const sorted = (list: readonly LeafSignature[]) =>
      list.toSorted((a, b) => compareBytes(a.publicKey, b.publicKey));
    for (const given of [filled, filled.toReversed(), slots.toReversed()]) {
      const read = signaturesFromPsbt(spend, finalised([...given, ...witness.slice(-2)]));
      expect(sorted(read)).toEqual(sorted(whole));
      expect(finishSpend(spend, read).ins[0]!.witness).toEqual(witness);
    }
    expect(signaturesFromPsbt(spend, finalised([filled[0]!, ...witness.slice(-2)]))).toHaveLength(1);
  });

  it("may be the whole signed transaction, in any form", () => {
    const finished = finishSpend(spend, signEnough(spend));
    for (const form of [finished, finished.toBuffer(), finished.toHex(), finished.toHex().toUpperCase()]) {
      expect(signaturesFromPsbt(spend, form)).toEqual(readWitness(spend.leaf, finished.ins[0]!.witness));
    }
    expect(signaturesFromPsbt(spend, spend.transaction)).toEqual([]);
    const other = finished.clone();
    other.outs[0]!.value -= 1n;
    const { details } = refusal("psbt-mismatch", () => signaturesFromPsbt(spend, other.toHex()));
    expect(details).toMatchObject({ what: "output 0: value" });
  });

  it.each<[string, (witness: Uint8Array[]) => Uint8Array[]]>([
    ["another leaf", (all) => [...all.slice(0, -2), life["staking slashing"].leaf.script, all.at(-1)!]],
    ["another control block", (all) => [...all.slice(0, -1), life["staking slashing"].leaf.controlBlock]],
    ["an annex", (all) => [...all, Uint8Array.of(0x50, 1)]],
    [
      "more elements than the leaf has keys",
      (all) => [...Array(40).fill(all.find((e) => e.length > 0)), ...all],
    ],
    ["a signature for the key path", () => [new Uint8Array(64).fill(1)]],
    ["the leaf alone", (all) => all.slice(-1)],
  ])("is refused with %s", (_, change) => {
    const { witness } = finishSpend(spend, signEnough(spend)).ins[0]!;
    refusal("witness-mismatch", () => signaturesFromPsbt(spend, finalised(change([...witness]))));
  });

  it.each([
    ["nothing", ""],
    ["a count without elements", "02"],
    ["an element cut short", "0105aabb"],
    ["bytes behind the end", "0101aabb"],
    ["a count of 4 bytes", "feffffffff"],
    ["a count of 8 bytes", "ffffffffffffffffff"],
    ["a length written too long", "01fd0100aa"],
  ])("is refused with %s as its witness", (_, text) => {
    refusal("invalid-psbt", () => readWitnessStack(hex.decode(text)));
  });
});

describe("a wallet or library without knowledge of staking", () => {
  const quorum = () => signEnough(spend).map(({ publicKey }) => publicKey);

  it("rust-miniscript reads the PSBT of every path and finalises it to the same witness", () => {
    for (const path of PATHS) {
      const each = life[path];
      const signatures = signEnough(each);
      const psbt = wallet.Psbt.deserialize(spendPsbt(each, signatures).toBuffer());
      psbt.finalize();
      const ours = finishSpend(each, signatures);
      const theirs = Psbt.fromBuffer(psbt.serialize()).data.inputs[0]!.finalScriptWitness!;
      expect(readWitnessStack(theirs)).toEqual(ours.ins[0]!.witness);
      expect(signaturesFromPsbt(each, psbt.serialize())).toHaveLength(signatures.length);
    }
  });

  it("bitcoinjs' m-of-n finaliser drops empty slots, which no node accepts; finishSpend restores them", () => {
    const psbt = inBitcoinJs(spendPsbt(spend));
    for (const key of quorum()) psbt.signTaprootInput(0, bitcoinjsSigner(key));
    const signatures = signaturesFromPsbt(spend, psbt.clone());
    psbt.finalizeInput(0);
    const theirs = parseTransaction(psbt.extractTransaction(true).toBuffer());
    expect(executes(theirs, 0, spend.prevouts)).toBe(false);
    expect(signaturesFromPsbt(spend, psbt)).toEqual(expect.arrayContaining(signatures));

    const ours = finishSpend(spend, signatures);
    const empty = ours.ins[0]!.witness.filter(({ length }) => length === 0);
    expect(empty).toHaveLength(terms.covenant.keys.length - terms.covenant.quorum);
    expect(executes(ours, 0, spend.prevouts)).toBe(true);
  });
});

describe("an altered PSBT is refused, and the error names the difference", () => {
  const { transaction, prevouts } = spend;
  const [input] = transaction.ins;
  const [output] = transaction.outs;
  const make = ({ version = 2, locktime = 0, inputs = [{}] as object[], outputs = [{}] as object[] }) => {
    const made = new Transaction();
    made.version = version;
    made.locktime = locktime;
    made.ins = inputs.map((change) => ({ ...input!, ...change }));
    made.outs = outputs.map((change) => ({ ...output!, ...change }));
    return new Psbt(
      made,
      made.ins.map(() => ({ witnessUtxo: { ...prevouts[0]! } })),
    ).toBuffer();
  };
  const another = { hash: new Uint8Array(32).fill(8), index: 0 };

  it("without outputs: no transaction is without", () => {
    refusal("invalid-transaction", () => signaturesFromPsbt(spend, make({ outputs: [] })));
  });

  it.each([
    ["version", make({ version: 1 })],
    ["lock time", make({ locktime: 1 })],
    ["number of inputs", make({ inputs: [{}, another] })],
    ["number of outputs", make({ outputs: [{}, {}] })],
    ["input 0: previous transaction", make({ inputs: [{ hash: another.hash }] })],
    ["input 0: previous output", make({ inputs: [{ index: 2 }] })],
    ["input 0: sequence", make({ inputs: [{ sequence: 0xfffffffd }] })],
    ["output 0: script", make({ outputs: [{ script: P2WPKH }] })],
    ["output 0: value", make({ outputs: [{ value: output!.value - 1n }] })],
  ])("%s", (what, returned) => {
    const error = refusal("psbt-mismatch", () => signaturesFromPsbt(spend, returned));
    const [where, index] = /^(input|output) (\d)/.exec(what)?.slice(1) ?? [];
    expect(error.details).toMatchObject({ what, ...(where && { [where]: Number(index) }) });
    expect(error.message).toContain(what);
    // As explorers write it.
    if (what.endsWith("transaction")) {
      const { hash } = spend.transaction.ins[0]!;
      expect(error.details.expected).toBe(Buffer.from(hash.toReversed()).toString("hex"));
    }
    expect(error.details.expected).not.toEqual(error.details.got);
  });
});

describe("a PSBT in the form of other tools", () => {
  const psbt = spendPsbt(spend, signAll(spend));
  const bytes = hex.encode(psbt.toBuffer());

  it("may have line breaks in its base64", () => {
    for (const end of ["\n", "\r\n", " \t"]) {
      const wrapped = psbt.toBase64().replace(/.{64}/g, `$&${end}`);
      expect(hex.encode(parsePsbt(` ${wrapped}\n`).toBuffer())).toBe(bytes);
    }
  });

  it("may be an object of bitcoinjs", () => {
    const other = inBitcoinJs(psbt);
    expect(hex.encode(parsePsbt(other).toBuffer())).toBe(bytes);
    expect(signaturesFromPsbt(spend, other)).toHaveLength(signAll(spend).length);
  });

  it("is refused when it is an object with other bytes than a PSBT's", () => {
    for (const toBuffer of [
      () => "cHNidP8=",
      () => undefined,
      () => psbt.toBuffer().slice(1),
      fail,
    ] as never[]) {
      refusal("invalid-psbt", () => parsePsbt({ toBuffer }));
    }
    const { message } = refusal("invalid-psbt", () => parsePsbt(spend.transaction));
    expect(message).toContain("not a transaction");
  });
});

const fail = () => {
  throw new Error("no bytes today");
};

describe("what is not a PSBT is refused", () => {
  const good = spendPsbt(spend, signAll(spend)).toBuffer();

  it("as garbage, and of wrong types", () => {
    const garbage = [
      new Uint8Array(0),
      "",
      "garbage",
      "cHNidP8=",
      hex.encode(good).slice(1),
      `${hex.encode(good)}00`,
      '"cHNidP8=',
      undefined,
      null,
      5,
      {},
      [],
      // "psbt" 0xff and then sizes beyond all memory.
      hex.decode("70736274ff01000a02000000feffffffff"),
      hex.decode("70736274ffffffffffffffffffff"),
    ];
    for (const each of garbage) refusal("invalid-psbt", () => parsePsbt(each as Uint8Array));
  });

  it("with trailing bytes, and in invalid base64", () => {
    refusal("invalid-psbt", () => parsePsbt(concatBytes(good, Uint8Array.of(0))));
    const text = Buffer.from(good).toString("base64");
    for (const each of [`#${text}`, `${text}!`, `${text.slice(0, 20)}.${text.slice(20)}`]) {
      refusal("invalid-psbt", () => parsePsbt(each));
    }
  });

  it("truncated anywhere", () => {
    for (let length = 0; length < good.length; length += 7) {
      refusal("invalid-psbt", () => parsePsbt(good.slice(0, length)));
    }
  });
});

it("a PSBT: its round trip keeps every signature of every path of any stake", () => {
  fc.assert(
    fc.property(anyLife, fc.constantFrom(...PATHS), (any, path) => {
      const each = lifeOf(any.terms, any.params)[path];
      const signatures = signEnough(each);
      const read = signaturesFromPsbt(each, spendPsbt(each, signatures).toBase64());
      expect(read).toHaveLength(signatures.length);
      for (const signature of read) checkLeafSignature(each, signature);
    }),
    { numRuns: runs(15) },
  );
});
