import { createRequire } from "node:module";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes, hex } from "../../src/core/bytes.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { Psbt } from "../../src/psbt/bitcoinjs.js";
import { parsePsbt, readWitnessStack } from "../../src/psbt/read.js";
import { signaturesFromPsbt } from "../../src/psbt/signatures.js";
import { spendPsbt } from "../../src/psbt/write.js";
import { NUMS_KEY } from "../../src/script/taproot.js";
import { checkLeafSignature, finishSpend, type LeafSpend } from "../../src/spending/spend.js";
import { readWitness } from "../../src/spending/witness.js";
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
  it("says what a wallet needs: the coin, the leaf, its control block, the internal key", () => {
    const [input] = Psbt.fromBuffer(spendPsbt(spend).toBuffer()).data.inputs;
    expect(input).toMatchObject({
      witnessUtxo: spend.prevouts[0],
      tapInternalKey: NUMS_KEY,
      tapLeafScript: [
        { leafVersion: 0xc0, script: spend.leaf.script, controlBlock: spend.leaf.controlBlock },
      ],
    });
  });

  it("travels as an object, as bytes and as base64, with its signatures", () => {
    const signatures = signEnough(spend);
    const psbt = spendPsbt(spend, signatures);
    const byKey = (list: readonly { publicKey: Uint8Array }[]) =>
      list.map(({ publicKey }) => hex.encode(publicKey)).toSorted();
    for (const form of [
      psbt,
      psbt.toBuffer(),
      Buffer.from(psbt.toBuffer()),
      psbt.toBase64(),
      ` ${psbt.toBase64()}\n`,
    ]) {
      const read = signaturesFromPsbt(spend, form);
      expect(byKey(read)).toEqual(byKey(signatures));
      expect(executes(finishSpend(spend, read), 0, spend.prevouts)).toBe(true);
    }
  });

  it("gathers signatures from one signer after another", () => {
    const keys = signEnough(spend).map(({ publicKey }) => publicKey);
    const gathered = keys.reduce<ReturnType<typeof signaturesFromPsbt>>((signatures, key) => {
      const psbt = spendPsbt(spend, signatures);
      psbt.signTaprootInput(0, bitcoinjsSigner(key));
      return signaturesFromPsbt(spend, psbt.toBuffer());
    }, []);
    expect(gathered).toHaveLength(keys.length);
    expect(executes(finishSpend(spend, gathered), 0, spend.prevouts)).toBe(true);
  });

  it("may come back with SIGHASH_ALL signatures of 65 bytes", () => {
    const psbt = spendPsbt(
      spend,
      signEnough(spend).map(({ publicKey }) => sign(spend, publicKey, 1)),
    );
    const signatures = signaturesFromPsbt(spend, psbt.toBase64());
    expect(signatures.every(({ signature }) => signature.length === 65)).toBe(true);
    expect(executes(finishSpend(spend, signatures), 0, spend.prevouts)).toBe(true);
  });

  it("comes back unsigned as no signatures", () => {
    expect(signaturesFromPsbt(spend, spendPsbt(spend).toBuffer())).toEqual([]);
  });

  it("does not count a signature that says it is of another leaf", () => {
    const psbt = spendPsbt(spend);
    const { leaf } = life["staking slashing"];
    const { signature } = sign(spend, terms.covenant.keys[0]!);
    psbt.updateInput(0, {
      tapScriptSig: [{ pubkey: terms.covenant.keys[0]!, leafHash: leaf.hash, signature }],
    });
    expect(signaturesFromPsbt(spend, psbt)).toEqual([]);
  });
});

describe("a signature in a returned PSBT is refused", () => {
  const returned = (publicKey: Uint8Array, signature: Uint8Array, of: LeafSpend = spend) => {
    const psbt = spendPsbt(of);
    psbt.updateInput(0, { tapScriptSig: [{ pubkey: publicKey, leafHash: of.leaf.hash, signature }] });
    return psbt.toBase64();
  };
  const [member] = terms.covenant.keys;

  it("when it is over another leaf's digest", () => {
    const other = { ...spend, leaf: life["staking slashing"].leaf };
    refusal("invalid-signature", () =>
      signaturesFromPsbt(spend, returned(member!, sign(other, member!).signature)),
    );
  });

  it("when it is by another key", () => {
    const { signature } = sign(spend, terms.covenant.keys[1]!);
    refusal("invalid-signature", () => signaturesFromPsbt(spend, returned(member!, signature)));
  });

  it("when the leaf does not name its key", () => {
    const stranger = sign(spend, keyOf(-4));
    refusal("unexpected-signer", () =>
      signaturesFromPsbt(spend, returned(stranger.publicKey, stranger.signature)),
    );
  });

  it.each([0x02, 0x03, 0x81, 0x82, 0x83])(
    "when it leaves parts of the transaction open: hash type %i",
    (type) => {
      const { signature } = sign(spend, member!, type);
      refusal("unsupported-sighash", () => signaturesFromPsbt(spend, returned(member!, signature)));
    },
  );

  it("when a bit of it has changed", () => {
    const { signature } = sign(spend, member!);
    fc.assert(
      fc.property(fc.nat(511), (bit) => {
        refusal("invalid-signature", () =>
          signaturesFromPsbt(spend, returned(member!, flipBit(signature, bit))),
        );
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

  it("gives its signatures back", () => {
    const { witness } = finishSpend(spend, signEnough(spend)).ins[0]!;
    const signatures = signaturesFromPsbt(spend, finalised(witness).toBase64());
    expect(signatures).toEqual(readWitness(spend.leaf, witness));
    expect(finishSpend(spend, signatures).ins[0]!.witness).toEqual(witness);
  });

  it("is refused when its signatures do not verify or stand in wrong slots", () => {
    const { witness } = finishSpend(spend, signEnough(spend)).ins[0]!;
    const filled = witness.slice(0, -2).flatMap(({ length }, slot) => (length > 0 ? [slot] : []));
    const [a, b] = filled as [number, number];
    const swapped = witness.with(a, witness[b]!).with(b, witness[a]!);
    refusal("invalid-signature", () => signaturesFromPsbt(spend, finalised(swapped)));
    refusal("witness-mismatch", () => signaturesFromPsbt(spend, finalised(witness.slice(1))));
  });

  it.each([
    ["nothing", ""],
    ["a count without elements", "02"],
    ["an element cut short", "0105aabb"],
    ["bytes behind the end", "0101aabb"],
    ["a count of 4 bytes", "feffffffff"],
    ["a count of 8 bytes", "ffffffffffffffffff"],
    ["a length written too long", "01fd0100aa"],
  ])("is refused with %s for a witness", (_, text) => {
    refusal("invalid-psbt", () => readWitnessStack(hex.decode(text)));
  });
});

describe("wallets that know nothing of staking", () => {
  const quorum = () => signEnough(spend).map(({ publicKey }) => publicKey);

  it("rust-miniscript reads our PSBT of every path and finalises it to our witness", () => {
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

  it("bitcoinjs' own m-of-n finaliser drops empty slots, which no node accepts; finishSpend does not", () => {
    const psbt = spendPsbt(spend);
    for (const key of quorum()) psbt.signTaprootInput(0, bitcoinjsSigner(key));
    const signatures = signaturesFromPsbt(spend, psbt.clone());
    psbt.finalizeInput(0);
    const theirs = psbt.extractTransaction(true);
    expect(executes(theirs, 0, spend.prevouts)).toBe(false);
    refusal("witness-mismatch", () => signaturesFromPsbt(spend, psbt));

    const ours = finishSpend(spend, signatures);
    const empty = ours.ins[0]!.witness.filter(({ length }) => length === 0);
    expect(empty).toHaveLength(terms.covenant.keys.length - terms.covenant.quorum);
    expect(executes(ours, 0, spend.prevouts)).toBe(true);
  });
});

describe("a PSBT that came back altered is refused, naming what differs", () => {
  const { transaction, prevouts } = spend;
  const [input] = transaction.ins;
  const [output] = transaction.outs;
  type Parts = Parameters<Psbt["addInput"]>[0];
  const make = ({
    version = 2,
    locktime = 0,
    inputs = [{}] as Partial<Parts>[],
    outputs = [{}] as Partial<{ script: Uint8Array; value: bigint }>[],
  }) => {
    const psbt = new Psbt();
    psbt.setVersion(version);
    psbt.setLocktime(locktime);
    const { hash, index, sequence } = input!;
    for (const change of inputs)
      psbt.addInput({ hash, index, sequence, witnessUtxo: prevouts[0]!, ...change } as Parts);
    for (const change of outputs) psbt.addOutput({ ...output!, ...change });
    return psbt.toBuffer();
  };
  const another = { hash: new Uint8Array(32).fill(8), index: 0 };

  it.each([
    ["version", make({ version: 1 })],
    ["lock time", make({ locktime: 1 })],
    ["number of inputs", make({ inputs: [{}, another] })],
    ["number of outputs", make({ outputs: [{}, {}] })],
    ["number of outputs", make({ outputs: [] })],
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

describe("a PSBT as other tools pass it on", () => {
  const psbt = spendPsbt(spend, signAll(spend));
  const bytes = hex.encode(psbt.toBuffer());

  it("may have its base64 broken into lines", () => {
    for (const end of ["\n", "\r\n", " \t"]) {
      const wrapped = psbt.toBase64().replace(/.{64}/g, `$&${end}`);
      expect(hex.encode(parsePsbt(` ${wrapped}\n`).toBuffer())).toBe(bytes);
    }
  });

  it("may be an object of another copy of the library", () => {
    const twin = createRequire(import.meta.url)("bitcoinjs-lib") as { Psbt: typeof Psbt };
    expect(twin.Psbt).not.toBe(Psbt);
    const other = twin.Psbt.fromBuffer(psbt.toBuffer());
    expect(hex.encode(parsePsbt(other).toBuffer())).toBe(bytes);
    expect(signaturesFromPsbt(spend, other)).toHaveLength(signAll(spend).length);
  });

  it("is refused when its bytes are none", () => {
    for (const toBuffer of [
      () => "cHNidP8=",
      () => undefined,
      () => psbt.toBuffer().slice(1),
      fail,
    ] as never[]) {
      refusal("invalid-psbt", () => parsePsbt({ toBuffer }));
    }
    refusal("invalid-psbt", () => parsePsbt(spend.transaction));
  });
});

const fail = () => {
  throw new Error("no bytes today");
};

describe("what is no PSBT is refused", () => {
  const good = spendPsbt(spend, signAll(spend)).toBuffer();

  it("as garbage, and of wrong types", () => {
    const garbage = [
      new Uint8Array(0),
      "",
      "garbage",
      "cHNidP8=",
      hex.encode(good),
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

  it("with bytes behind its end, and in base64 that is none", () => {
    refusal("invalid-psbt", () => parsePsbt(concatBytes(good, Uint8Array.of(0))));
    const text = Buffer.from(good).toString("base64");
    for (const each of [`#${text}`, `${text}!`, `${text.slice(0, 20)}.${text.slice(20)}`]) {
      refusal("invalid-psbt", () => parsePsbt(each));
    }
  });

  it("cut anywhere", () => {
    for (let length = 0; length < good.length; length += 7) {
      refusal("invalid-psbt", () => parsePsbt(good.slice(0, length)));
    }
  });
});

it("a PSBT round trip keeps every signature of every path of any stake", () => {
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
