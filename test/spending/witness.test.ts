import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { sortKeys } from "../../src/script/leaf.js";
import {
  checkLeafSignature,
  finishSpend,
  keySigner,
  leafSighash,
  type Signer,
  signLeaf,
  verifyLeafSignature,
} from "../../src/spending/spend.js";
import { assembleWitness, leafWitness, placeholderWitness, readWitness } from "../../src/spending/witness.js";
import { NOT_BYTES } from "../support/arbitraries.js";
import { executes } from "../support/interpreter.js";
import { keyOf, lifeOf, paramsFor, secretOf, sign, signAll, signEnough, termsOf } from "../support/lives.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";

const terms = termsOf({ providers: 2 });
const life = lifeOf(terms, paramsFor(terms));
const spend = life["staking slashing"];
const { leaf } = spend;
const [staker, provider] = [terms.staker as Uint8Array, terms.finalityProviders[0]!];

async function refusalOf(promise: Promise<unknown>) {
  const [result] = await Promise.allSettled([promise]);
  return refusal((result as PromiseRejectedResult).reason?.code ?? "no error", () => {
    if (result.status === "rejected") throw result.reason;
  });
}

describe("witness slots", () => {
  it("are in the order committee, finality providers, staker, each descending", () => {
    const signatures = signAll(spend);
    const expected = leaf.signers.toReversed().flatMap(({ keys }) => sortKeys(keys).toReversed());
    const witness = assembleWitness(leaf, signatures);
    expect(witness.slice(-2)).toEqual([leaf.script, leaf.controlBlock]);
    expect(witness.slice(0, -2)).toEqual(
      expected.map((key) => signatures.find(({ publicKey }) => publicKey === key)!.signature),
    );
  });

  it("follow the sorted committee, whatever the order in which it is listed", () => {
    const signatures = signEnough(spend);
    const witness = leafWitness(leaf, signatures);
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...terms.covenant.keys], { minLength: terms.covenant.keys.length }),
        (keys) => {
          const listed = {
            ...leaf,
            signers: [leaf.signers[0]!, leaf.signers[1]!, { ...terms.covenant, keys }],
          };
          expect(leafWitness(listed, signatures)).toEqual(witness);
          const read = readWitness(listed, witness);
          expect(read).toHaveLength(signatures.length);
          for (const signature of read) checkLeafSignature(spend, signature);
        },
      ),
      { numRuns: runs(20) },
    );
  });

  it("have exactly a quorum of more signatures, the first by key", () => {
    const signatures = signAll(spend);
    const read = readWitness(leaf, leafWitness(leaf, signatures.toReversed()));
    const names = read.map(({ publicKey }) => hex.encode(publicKey));
    const chosen = leaf.signers.flatMap(({ keys, quorum }) => sortKeys(keys).slice(0, quorum));
    expect(names.toSorted()).toEqual(chosen.map(hex.encode).toSorted());
  });

  it("of a placeholder have the size of a real witness, with and without the stakers' hash type", () => {
    for (const path of Object.values(life)) {
      const sizes = (witness: readonly Uint8Array[]) => witness.map(({ length }) => length).toSorted();
      const signatures = (hashType: number) =>
        path.leaf.signers.flatMap(({ keys, quorum }, set) =>
          keys.slice(0, quorum).map((key) => sign(path, key, set === 0 ? hashType : 0)),
        );
      const real = [1, 0].map((hashType) => sizes(leafWitness(path.leaf, signatures(hashType))));
      expect([undefined, 64].map((length) => sizes(placeholderWitness(path.leaf, length)))).toEqual(real);
    }
  });
});

describe("a witness is refused", () => {
  it("below the quorum, with the missing signers", () => {
    const committee = terms.covenant.keys.slice(0, 2).map((key) => sign(spend, key));
    const error = refusal("missing-signature", () =>
      finishSpend(spend, [sign(spend, staker), sign(spend, provider), ...committee]),
    );
    expect(error.details).toEqual({
      needed: 3,
      got: 2,
      missing: sortKeys(terms.covenant.keys.slice(2)).map(hex.encode),
    });
  });

  it("without any signature", () => {
    refusal("missing-signature", () => finishSpend(spend, []));
    const { message } = refusal("invalid-argument", () => finishSpend(spend, "70736274ff" as never));
    expect(message).toBe(
      "signatures must be a list, not string: take them from a PSBT with signaturesFromPsbt",
    );
  });

  it("with a signature by a key that the leaf does not name", () => {
    const stranger = sign(spend, keyOf(-2));
    refusal("unexpected-signer", () => finishSpend(spend, [...signEnough(spend), stranger]));
    refusal("unexpected-signer", () => leafWitness(leaf, [stranger]));
    refusal("unexpected-signer", () => assembleWitness(leaf, [stranger]));
    expect(verifyLeafSignature(spend, stranger)).toBe(false);
  });

  it("with two different signatures by one key; equal ones count once", () => {
    const [first, ...rest] = signEnough(spend);
    refusal("unexpected-signer", () => finishSpend(spend, [first!, sign(spend, first!.publicKey), ...rest]));
    expect(finishSpend(spend, [first!, first!, ...rest]).ins[0]!.witness).toEqual(
      leafWitness(leaf, [first!, ...rest]),
    );
    const [oneMember] = terms.covenant.keys.map((key) => sign(spend, key));
    const again = [oneMember!, oneMember!, oneMember!];
    refusal("missing-signature", () =>
      finishSpend(spend, [sign(spend, staker), sign(spend, provider), ...again]),
    );
  });

  it("with signatures or keys of a wrong type", () => {
    for (const value of NOT_BYTES) {
      expect(verifyLeafSignature(spend, { publicKey: staker, signature: value as Uint8Array })).toBe(false);
      expect(
        verifyLeafSignature(spend, { publicKey: value as Uint8Array, signature: new Uint8Array(64) }),
      ).toBe(false);
      refusal("invalid-signature", () =>
        finishSpend(spend, [{ publicKey: staker, signature: value as Uint8Array }]),
      );
      refusal("invalid-public-key", () =>
        checkLeafSignature(spend, { publicKey: value as Uint8Array, signature: new Uint8Array(64) }),
      );
    }
  });

  it("that is read, when it opens another leaf or has other slots", () => {
    const witness = leafWitness(leaf, signEnough(spend));
    const broken = [
      [],
      witness.slice(1),
      [new Uint8Array(0), ...witness],
      [...witness.slice(0, -1), life["staking timelock"].leaf.controlBlock],
      [...witness.slice(0, -2), life["staking timelock"].leaf.script, leaf.controlBlock],
      [...witness, Uint8Array.of(0x50)],
    ];
    for (const each of broken) refusal("witness-mismatch", () => readWitness(leaf, each));
  });
});

describe("finishing a spend", () => {
  it("leaves the unsigned transaction unchanged", () => {
    const before = spend.transaction.toHex();
    finishSpend(spend, signEnough(spend));
    expect(spend.transaction.toHex()).toBe(before);
  });

  it("verifies signatures: one flipped bit in one of them is refused", () => {
    const signatures = signEnough(spend);
    const bad = { ...signatures[1]!, signature: signatures[1]!.signature.slice() };
    bad.signature[40]! ^= 4;
    refusal("invalid-signature", () => finishSpend(spend, signatures.with(1, bad)));
  });
});

describe("signing a leaf", () => {
  it("accepts any signer: synchronous or not, with an x-only or compressed key", async () => {
    const secret = secretOf(staker);
    const inMemory = keySigner(secret);
    const remote: Signer = {
      publicKey: Uint8Array.of(3, ...staker),
      signSchnorr: async (digest) => inMemory.signSchnorr(digest),
    };
    for (const signer of [inMemory, remote]) {
      const signature = await signLeaf(spend, signer);
      expect(signature.publicKey).toEqual(staker);
      checkLeafSignature(spend, signature);
    }
  });

  it("requests the SIGHASH_DEFAULT digest of this leaf only", async () => {
    const asked: Uint8Array[] = [];
    const inMemory = keySigner(secretOf(staker));
    await signLeaf(spend, {
      publicKey: staker,
      signSchnorr: (digest) => {
        asked.push(digest);
        return inMemory.signSchnorr(digest);
      },
    });
    expect(asked).toEqual([leafSighash(spend)]);
  });

  it("refuses a key that the leaf does not name, before it requests a signature", async () => {
    let asked = 0;
    const signer = { publicKey: keyOf(-3), signSchnorr: () => (asked++, new Uint8Array(64)) };
    expect((await refusalOf(signLeaf(spend, signer))).code).toBe("unexpected-signer");
    expect(asked).toBe(0);
  });

  it("refuses when the signer fails or returns another type; its error is not shown", async () => {
    const failing: Signer = {
      publicKey: staker,
      signSchnorr: () => {
        throw new Error("the secret is 1234");
      },
    };
    const error = await refusalOf(signLeaf(spend, failing));
    expect(error.code).toBe("signer-failed");
    expect(error.message).not.toContain("1234");
    for (const value of NOT_BYTES) {
      const odd: Signer = { publicKey: staker, signSchnorr: () => value as Uint8Array };
      expect((await refusalOf(signLeaf(spend, odd))).code).toBe("signer-failed");
      const nobody: Signer = { publicKey: value as Uint8Array, signSchnorr: () => new Uint8Array(64) };
      expect((await refusalOf(signLeaf(spend, nobody))).code).toBe("invalid-public-key");
    }
  });

  it("refuses a signature by another key or over another digest", async () => {
    const wrongKey: Signer = { ...keySigner(secretOf(provider)), publicKey: staker };
    expect((await refusalOf(signLeaf(spend, wrongKey))).code).toBe("invalid-signature");
    const wrongDigest: Signer = {
      publicKey: staker,
      signSchnorr: () => keySigner(secretOf(staker)).signSchnorr(new Uint8Array(32)),
    };
    expect((await refusalOf(signLeaf(spend, wrongDigest))).code).toBe("invalid-signature");
  });

  it("copies the key, also from a Node Buffer", async () => {
    const secret = Buffer.from(secretOf(staker));
    const signer = keySigner(secret);
    secret.fill(0);
    checkLeafSignature(spend, await signLeaf(spend, signer));
    expect(JSON.stringify(signer)).not.toContain(hex.encode(secretOf(staker)));
  });

  it("refuses an invalid key", () => {
    for (const value of [...NOT_BYTES, new Uint8Array(32), new Uint8Array(32).fill(0xff)]) {
      refusal("invalid-secret-key", () => keySigner(value as Uint8Array));
    }
  });

  it("commits to every coin that the transaction spends", () => {
    const prevouts = [...spend.prevouts, { script: spend.prevouts[0]!.script, value: 5000n }];
    const transaction = spend.transaction.clone();
    transaction.addInput(new Uint8Array(32).fill(9), 0);
    const two = { ...spend, transaction, prevouts };
    const finished = finishSpend(two, signEnough(two));
    expect(executes(finished, 0, prevouts)).toBe(true);
    expect(executes(finished, 0, [prevouts[0]!, { ...prevouts[1]!, value: 5001n }])).toBe(false);
  });
});
