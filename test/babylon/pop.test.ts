import { base64, bech32 } from "@scure/base";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bip322 } from "../../src/babylon/bip322.js";
import {
  acceptProof,
  checkProofOfPossession,
  PROOF_KINDS,
  type ProofForm,
  type ProofOfPossession,
  proofOfPossession,
  proofOfPossessionDigest,
  proofOfPossessionText,
  proofToSign,
  signPossession,
  verifyProofOfPossession,
} from "../../src/babylon/pop.js";
import { addressOfScript } from "../../src/bitcoin/address.js";
import { hash160 } from "../../src/core/hashes.js";
import { concatBytes, equalBytes, hex, utf8 } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { sha256 } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { scalar } from "../../src/core/scalar.js";
import { bitcoinMessage } from "../../src/crypto/bitcoin-message.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { keySigner } from "../../src/spending/spend.js";
import { signingContext } from "../../src/vote/messages.js";
import { inBitcoinJs, asBitcoinJs } from "../support/bitcoinjs.js";
import { bytes32, flipBit, NOT_BYTES, secrets } from "../support/arbitraries.js";
import { failure } from "../support/errors.js";
import { peer, peerNetworks } from "../support/peer.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";
import { secretOf } from "../support/stake.js";

const secretKey = secretOf("staker");
const point = curve.pointFromScalar(secretKey)!;
const publicKey = publicKeyOf(secretKey);
const accountBytes = new Uint8Array(20).map((_, i) => i);
const address = bech32.encodeFromBytes("bbn", accountBytes);
const otherAddress = bech32.encodeFromBytes("bbn", accountBytes.toReversed());
const context = signingContext("staker_pop", "bbn-1", "bbn1module");
const network = "signet";
const other = secretOf("other");

const FORMS: [name: string, form: ProofForm][] = [
  ["BIP-340", { kind: "bip340", address }],
  ["BIP-322 of P2WPKH", { kind: "bip322", address, output: "p2wpkh", network }],
  ["BIP-322 of P2TR", { kind: "bip322", address, output: "p2tr", network }],
  ["ECDSA", { kind: "ecdsa", address }],
];

const verifies = (proof: ProofOfPossession, of: object = {}, key = publicKey): boolean =>
  verifyProofOfPossession(key, proof, { address, network, ...of });

describe("a proof of possession", () => {
  it("is one of three kinds, in the order of btc_sig_type", () => {
    expect(PROOF_KINDS).toEqual(["bip340", "bip322", "ecdsa"]);
  });

  it("of BIP-340 is a signature of the hash of the account's 20 bytes", () => {
    const { signature } = proofOfPossession(secretKey, { kind: "bip340", address });
    expect(schnorr.verify(publicKey, sha256(accountBytes), signature)).toBe(true);
    expect(proofOfPossessionDigest(address, context)).toEqual(
      sha256(concatBytes(utf8(context), accountBytes)),
    );
  });

  it("of the other kinds signs the text, behind the context where there is one", () => {
    expect(proofOfPossessionText(address)).toBe(address);
    expect(proofOfPossessionText(address, context)).toBe(`${context}${address}`);
    expect(proofOfPossessionText(address.toUpperCase())).toBe(address);
  });

  describe.each(FORMS)("of the kind %s", (_, form) => {
    const proof = proofOfPossession(secretKey, form);

    it("verifies for its key and account, with and without a context", () => {
      expect(proof.kind).toBe(form.kind);
      expect(verifies(proof)).toBe(true);
      const inContext = proofOfPossession(secretKey, { ...form, context });
      expect(verifies(inContext, { context })).toBe(true);
      expect(verifies(inContext)).toBe(false);
      expect(verifies(proof, { context })).toBe(false);
      const otherContext = signingContext("fp_pop", "bbn-1", "bbn1module");
      expect(verifies(inContext, { context: otherContext })).toBe(false);
    });

    it("does not verify for another key, another account, or as another kind", () => {
      expect(verifies(proof, {}, publicKeyOf(other))).toBe(false);
      expect(verifies(proof, { address: otherAddress })).toBe(false);
      for (const kind of PROOF_KINDS.filter((each) => each !== form.kind)) {
        expect(verifies({ ...proof, kind })).toBe(false);
      }
      expect(verifies({ ...proof, kind: "ecdsa-2" as never })).toBe(false);
    });

    it("does not verify with any bit changed", () => {
      fc.assert(
        fc.property(fc.nat(8 * proof.signature.length - 1), (bit) => {
          const signature = flipBit(proof.signature, bit);
          // A header of ECDSA can say that the key is not compressed, which changes nothing of the key.
          fc.pre(form.kind !== "ecdsa" || bit > 7);
          expect(verifies({ ...proof, signature })).toBe(false);
        }),
        { numRuns: runs(100) },
      );
    });

    it("does not verify truncated, lengthened, or as anything but bytes", () => {
      const { signature } = proof;
      for (let length = 0; length < signature.length; length++) {
        expect(verifies({ ...proof, signature: signature.slice(0, length) })).toBe(false);
      }
      expect(verifies({ ...proof, signature: concatBytes(signature, Uint8Array.of(0)) })).toBe(false);
      for (const wrong of NOT_BYTES) {
        expect(verifies({ ...proof, signature: wrong as Uint8Array })).toBe(false);
        const of = { address, network } as const;
        expect(verifyProofOfPossession(wrong as Uint8Array, proof, of)).toBe(false);
        expect(verifies(wrong as ProofOfPossession)).toBe(false);
        expect(verifyProofOfPossession(publicKey, proof, wrong as never)).toBe(false);
      }
    });

    it("is refused for an invalid account, and for an invalid context", () => {
      for (const wrong of [
        "bbn",
        address.replace("qq", "qp"),
        bech32.encodeFromBytes("bbn", new Uint8Array(33)),
        bech32.encodeFromBytes("osmo", new Uint8Array(20)),
        bech32.encodeFromBytes("bbn", new Uint8Array(19)),
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
      ]) {
        refusal("invalid-address", () => proofOfPossession(secretKey, { ...form, address: wrong }));
        refusal("invalid-address", () => proofToSign(point, { ...form, address: wrong }));
        expect(verifies(proof, { address: wrong })).toBe(false);
      }
      refusal("invalid-hex", () => proofOfPossession(secretKey, { ...form, context: "context" }));
      refusal("invalid-secret-key", () => proofOfPossession(new Uint8Array(32), form));
    });

    it("is accepted from an external signer once it verifies", () => {
      const asked = proofToSign(point, form);
      const answer =
        form.kind === "bip340"
          ? schnorr.sign(secretKey, asked.digest!)
          : form.kind === "ecdsa"
            ? base64.encode(bitcoinMessage.sign(secretKey, asked.text!))
            : base64.encode(bip322.sign(secretKey, form.output, asked.text!));
      expect(verifies(acceptProof(point, form, answer))).toBe(true);
      expect(() => acceptProof(curve.pointFromScalar(other)!, form, answer)).toThrow(
        expect.objectContaining({ code: "invalid-possession" }),
      );
      refusal("invalid-possession", () => acceptProof(point, { ...form, address: otherAddress }, answer));
      refusal("invalid-possession", () => acceptProof(point, { ...form, context }, answer));
      refusal("invalid-possession", () => acceptProof(point, form, "no base64!"));
      refusal("invalid-possession", () => acceptProof(point, form, new Uint8Array(64)));
      refusal("invalid-public-key", () => acceptProof(new Uint8Array(33), form, answer));
    });
  });

  it("refuses unknown kinds and outputs", () => {
    refusal("invalid-argument", () => proofOfPossession(secretKey, { kind: "bip137", address } as never));
    refusal("invalid-argument", () =>
      proofOfPossession(secretKey, { kind: "bip322", address, output: "p2pkh", network } as never),
    );
    refusal("invalid-network", () =>
      proofOfPossession(secretKey, { kind: "bip322", address, output: "p2tr" } as never),
    );
  });

  it("has the key and the account in its errors", () => {
    const proof = proofOfPossession(other, { kind: "ecdsa", address });
    const { message } = refusal("invalid-possession", () =>
      checkProofOfPossession(publicKey, proof, { address, context }),
    );
    expect(message).toContain(hex.encode(publicKey));
    expect(message).toContain(address);
    expect(message).toContain("with this signing context");
  });
});

describe("BIP-340 by a signer of digests", () => {
  it("is made by any Signer, for an account of the staking chain and of no other", async () => {
    const proof = await signPossession(keySigner(secretKey), { address });
    expect(verifies(proof, { address })).toBe(true);
    expect(verifies(proof, { address: bech32.encodeFromBytes("cosmos", accountBytes) })).toBe(false);
  });

  it("is refused when the signer returns another signature, or fails", async () => {
    const wrong = { publicKey, signSchnorr: (digest: Uint8Array) => schnorr.sign(other, digest) };
    const refused = await failure(signPossession(wrong, { address }), "invalid-possession");
    expect(refused.message).toContain(hex.encode(publicKey));
    const failing = { publicKey, signSchnorr: () => Promise.reject(new Error("no")) };
    await failure(signPossession(failing, { address }), "signer-failed");
  });
});

describe("compact ECDSA", () => {
  const proof = proofOfPossession(secretKey, { kind: "ecdsa", address });
  const withHeader = (header: number) => ({
    ...proof,
    signature: concatBytes(Uint8Array.of(header), proof.signature.subarray(1)),
  });
  const header = proof.signature[0]!;

  it("is 65 bytes with a header for a compressed key", () => {
    expect(proof.signature).toHaveLength(65);
    expect([31, 32]).toContain(header);
  });

  it("verifies with the header of an uncompressed key too, as the chain compares x only; with no other", () => {
    const good = Array.from({ length: 256 }, (_, each) => each).filter((each) => verifies(withHeader(each)));
    expect(good).toEqual([header - 4, header]);
  });

  it("is refused with a high s, which anyone can make of a low one", () => {
    const { signature } = proof;
    const s = scalar.negate(scalar.reduce(signature.slice(33)));
    const flipped = 31 + (1 - (header - 31));
    const high = concatBytes(Uint8Array.of(flipped), signature.slice(1, 33), scalar.toBytes(s));
    expect(verifies({ ...proof, signature: high })).toBe(false);
    expect(
      curve.recoverEcdsa(bitcoinMessage.digest(address), high.slice(1), (flipped - 31) as 0 | 1),
    ).toEqual(point);
  });

  it("is the same key's with either parity", () => {
    const negated = scalar.toBytes(scalar.negate(scalar.reduce(secretKey)));
    expect(verifies(proofOfPossession(negated, { kind: "ecdsa", address }))).toBe(true);
    expect(verifies(proofOfPossession(negated, { kind: "bip322", address, output: "p2wpkh", network }))).toBe(
      true,
    );
  });

  it.each([35, 39])("takes a BIP-137 header (%i and on) from a wallet, and writes the chain's", (first) => {
    const answer = withHeader(first + header - 31).signature;
    expect(verifies({ kind: "ecdsa", signature: answer })).toBe(false);
    expect(acceptProof(publicKey, { kind: "ecdsa", address }, answer)).toEqual(proof);
  });

  it("has the digest of Bitcoin Core's signmessage", () => {
    // The double hash of 0x18 "Bitcoin Signed Message:\n", the length, the text.
    const preimage = concatBytes(
      Uint8Array.of(24),
      utf8("Bitcoin Signed Message:\n"),
      Uint8Array.of(3),
      utf8("abc"),
    );
    expect(bitcoinMessage.digest("abc")).toEqual(sha256(sha256(preimage)));
    const long = "x".repeat(300);
    expect(bitcoinMessage.digest(long)).toEqual(
      sha256(sha256(concatBytes(preimage.slice(0, 25), Uint8Array.of(0xfd, 0x2c, 0x01), utf8(long)))),
    );
  });
});

describe("BIP-322", () => {
  const wrapped = (form: ProofForm) => proofOfPossession(secretKey, form);

  it("needs the network of the address", () => {
    const proof = wrapped({ kind: "bip322", address, output: "p2tr", network });
    expect(verifyProofOfPossession(publicKey, proof, { address })).toBe(false);
    expect(verifies(proof, { network: "mainnet" })).toBe(false);
    expect(verifies(proof, { network: "nonsense" })).toBe(false);
  });

  it("is refused for an address of another key, even when that key signed correctly", () => {
    const proof = proofOfPossession(other, { kind: "bip322", address, output: "p2tr", network });
    expect(verifies(proof, {}, publicKeyOf(other))).toBe(true);
    expect(verifies(proof)).toBe(false);
  });

  it("is refused for what is not text, for no script, or for an unknown kind of output", () => {
    const script = bip322.script(point, "p2tr");
    for (const wrong of [undefined, null, 1, utf8(address)] as unknown[]) {
      refusal("invalid-argument", () => bip322.toSign(wrong as string, script));
      refusal("invalid-argument", () => bitcoinMessage.sign(secretKey, wrong as string));
      expect(bip322.verify(wrong as string, script, new Uint8Array(66))).toBe(false);
      expect(bitcoinMessage.recover(wrong as string, new Uint8Array(65))).toBeNull();
    }
    for (const wrong of [undefined, "", new Uint8Array()]) {
      refusal("invalid-bytes", () => bip322.psbt(address, wrong as Uint8Array));
    }
    refusal("invalid-argument", () => bip322.script(point, "p2pkh" as never));
    refusal("invalid-public-key", () => bip322.script(publicKey, "p2wpkh"));
  });

  it("is refused for another Taproot address than BIP-86's: the key untweaked", () => {
    const script = concatBytes(Uint8Array.of(0x51, 32), publicKey);
    const digest = asBitcoinJs(bip322.toSign(address, script)).hashForWitnessV1(0, [script], [0n], 0);
    const witness = concatBytes(Uint8Array.of(1, 64), schnorr.sign(secretKey, digest));
    expect(bip322.verify(address, script, witness)).toBe(true);
    const untweaked = addressOfScript(script, network)!;
    expect(verifies(bip322SigOf(untweaked, witness))).toBe(false);
  });

  it("is refused for other kinds of address", () => {
    const p2pkh = concatBytes(Uint8Array.of(0x76, 0xa9, 20), hash160(point), Uint8Array.of(0x88, 0xac));
    const p2wsh = concatBytes(Uint8Array.of(0, 32), sha256(point));
    const witness = bip322.sign(secretKey, "p2wpkh", address);
    for (const script of [p2pkh, p2wsh]) {
      expect(verifies(bip322SigOf(addressOfScript(script, network)!, witness))).toBe(false);
      expect(bip322.verify(address, script, witness)).toBe(false);
    }
  });

  it("is refused for a P2WSH output whose hash is a key: a signature of the key proves nothing of the script", () => {
    const script = concatBytes(Uint8Array.of(0, 32), publicKey);
    const digest = asBitcoinJs(bip322.toSign(address, script)).hashForWitnessV1(0, [script], [0n], 0);
    const witness = concatBytes(Uint8Array.of(1, 64), schnorr.sign(secretKey, digest));
    expect(bip322.verify(address, script, witness)).toBe(false);
  });

  it("accepts SIGHASH_ALL of Taproot signers, and no other hash type", () => {
    const script = bip322.script(point, "p2tr");
    const tweaked = tweakedSecret();
    const signed = (type: number) => {
      const digest = asBitcoinJs(bip322.toSign(address, script)).hashForWitnessV1(0, [script], [0n], type);
      return concatBytes(Uint8Array.of(1, 65), schnorr.sign(tweaked, digest), Uint8Array.of(type));
    };
    expect(bip322.verify(address, script, signed(1))).toBe(true);
    for (const type of [2, 3, 0x81, 0x82, 0x83]) {
      expect(bip322.verify(address, script, signed(type))).toBe(false);
    }
    const digest = asBitcoinJs(bip322.toSign(address, script)).hashForWitnessV1(0, [script], [0n], 0);
    const zero = concatBytes(Uint8Array.of(1, 65), schnorr.sign(tweaked, digest), Uint8Array.of(0));
    expect(bip322.verify(address, script, zero)).toBe(false);
  });

  it.each(["p2wpkh", "p2tr"] as const)("is read from a PSBT of %s that a wallet signed", (output) => {
    const form = { kind: "bip322", address, output, network } as const;
    const { psbt: unsigned } = proofToSign(point, form);
    refusal("missing-signature", () => acceptProof(point, form, unsigned!));
    const psbt = inBitcoinJs(unsigned!);
    if (output === "p2tr") psbt.signInput(0, signerOf(tweakedSecret()));
    else psbt.signInput(0, signerOf(secretKey));
    const partly = psbt.toBase64();
    expect(verifies(acceptProof(point, form, partly))).toBe(true);
    psbt.finalizeAllInputs();
    for (const answer of [psbt, psbt.toBuffer(), psbt.toBase64(), `\n${psbt.toBase64()}`]) {
      expect(verifies(acceptProof(point, form, answer))).toBe(true);
    }
    refusal("psbt-mismatch", () => acceptProof(point, { ...form, address: otherAddress }, partly));
    refusal("invalid-psbt", () => acceptProof(point, form, psbt.toBuffer().slice(0, 40)));
  });

  function tweakedSecret(): Uint8Array {
    const even = point[0] === 2 ? scalar.reduce(secretKey) : scalar.negate(scalar.reduce(secretKey));
    const tag = sha256(utf8("TapTweak"));
    return scalar.toBytes(scalar.add(even, scalar.reduce(sha256(concatBytes(tag, tag, publicKey)))));
  }
});

/** Of the BIP, and one of P2TR that the JavaScript implementation of it publishes. */
describe("the published vectors of BIP-322", () => {
  const secret = hex.decode(wif("L3VFeEujGtevx9w18HD1fhRbCH67Az2dpCymeRE1SoPK6XQtaN2k"));
  const key = curve.pointFromScalar(secret)!;
  const script = bip322.script(key, "p2wpkh");

  it("have the address of the key", () => {
    expect(addressOfScript(script, "mainnet")).toBe("bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l");
  });

  it.each([
    [
      "",
      "c5680aa69bb8d860bf82d4e9cd3504b55dde018de765a91bb566283c545a99a7",
      "1e9654e951a5ba44c8604c4de6c67fd78a27e81dcadcfe1edf638ba3aaebaed6",
      "AkcwRAIgM2gBAQqvZX15ZiysmKmQpDrG83avLIT492QBzLnQIxYCIBaTpOaD20qRlEylyxFSeEA2ba9YOixpX8z46TSDtS40ASECx/EgAxlkQpQ9hYjgGu6EBCPMVPwVIVJqO4XCsMvViHI=",
      "AkgwRQIhAPkJ1Q4oYS0htvyuSFHLxRQpFAY56b70UvE7Dxazen0ZAiAtZfFz1S6T6I23MWI2lK/pcNTWncuyL8UL+oMdydVgzAEhAsfxIAMZZEKUPYWI4BruhAQjzFT8FSFSajuFwrDL1Yhy",
    ],
    [
      "Hello World",
      "b79d196740ad5217771c1098fc4a4b51e0535c32236c71f1ea4d61a2d603352b",
      "88737ae86f2077145f93cc4b153ae9a1cb8d56afa511988c149c5c8c9d93bddf",
      "AkcwRAIgZRfIY3p7/DoVTty6YZbWS71bc5Vct9p9Fia83eRmw2QCICK/ENGfwLtptFluMGs2KsqoNSk89pO7F29zJLUx9a/sASECx/EgAxlkQpQ9hYjgGu6EBCPMVPwVIVJqO4XCsMvViHI=",
      "AkgwRQIhAOzyynlqt93lOKJr+wmmxIens//zPzl9tqIOua93wO6MAiBi5n5EyAcPScOjf1lAqIUIQtr3zKNeavYabHyR8eGhowEhAsfxIAMZZEKUPYWI4BruhAQjzFT8FSFSajuFwrDL1Yhy",
    ],
  ])("hold for %j", (text, toSpend, toSign, ...signatures) => {
    expect(bip322.toSpend(text, script).getId()).toBe(toSpend);
    expect(bip322.toSign(text, script).getId()).toBe(toSign);
    for (const signature of signatures) {
      expect(bip322.verify(text, script, base64.decode(signature))).toBe(true);
      expect(bip322.verify(`${text}.`, script, base64.decode(signature))).toBe(false);
    }
    // The first is made with the nonce of RFC 6979, as ours is.
    expect(signatures).toContain(base64.encode(bip322.sign(secret, "p2wpkh", text)));
  });

  it("hold for P2TR", () => {
    const taproot = bip322.script(key, "p2tr");
    expect(addressOfScript(taproot, "mainnet")).toBe(
      "bc1ppv609nr0vr25u07u95waq5lucwfm6tde4nydujnu8npg4q75mr5sxq8lt3",
    );
    const signature = base64.decode(
      "AUHd69PrJQEv+oKTfZ8l+WROBHuy9HKrbFCJu7U1iK2iiEy1vMU5EfMtjc+VSHM7aU0SDbak5IUZRVno2P5mjSafAQ==",
    );
    expect(bip322.verify("Hello World", taproot, signature)).toBe(true);
    expect(bip322.verify("Hello World!", taproot, signature)).toBe(false);
  });
});

describe("btc-staking-ts", () => {
  const params = {
    covenantNoCoordPks: [hex.encode(publicKeyOf(secretOf("member")))],
    covenantQuorum: 1,
    unbondingTime: 10,
    unbondingFeeSat: 1000,
    maxStakingAmountSat: 10_000_000,
    minStakingAmountSat: 10_000,
    maxStakingTimeBlocks: 1000,
    minStakingTimeBlocks: 10,
    btcActivationHeight: 1,
    version: 0,
  };
  const upgradeHeight = 100;
  const chainId = "bbn-1";
  const moduleAddress = "bbn13837feaxn8t0zvwcjwhw7lhpgdcx4s36eqteah";

  /** The wallet behind the peer signs with our key; what it is asked to sign is the peer's own text. */
  async function proofOfPeer(
    secret: Uint8Array,
    account: string,
    output: "p2wpkh" | "p2tr" | "p2pkh",
    height: number,
  ) {
    const key = curve.pointFromScalar(secret)!;
    const script =
      output === "p2pkh"
        ? concatBytes(Uint8Array.of(0x76, 0xa9, 20), hash160(key), Uint8Array.of(0x88, 0xac))
        : bip322.script(key, output);
    const manager = new peer.BabylonBtcStakingManager(
      peerNetworks.mainnet,
      [params],
      {
        signPsbt: () => Promise.reject(new Error("unused")),
        getTransactionHex: () => Promise.reject(new Error("unused")),
        signMessage: (text, type) => {
          if (type === "ecdsa") return Promise.resolve(base64.encode(bitcoinMessage.sign(secret, text)));
          return Promise.resolve(base64.encode(bip322.sign(secret, output as "p2tr", text)));
        },
      },
      {
        signTransaction: () => Promise.reject(new Error("unused")),
        getChainId: () => Promise.resolve(chainId),
        getCurrentHeight: () => Promise.resolve(height),
      },
      undefined,
      { pop: { upgradeHeight, version: 0 } } as never,
    );
    return manager.createProofOfPossession("delegation:create", account, addressOfScript(script, "mainnet")!);
  }

  it("makes the same proofs, byte for byte, with and without a context, in random cases", async () => {
    let seen = 0;
    const upgraded = signingContext("staker_pop", chainId, moduleAddress);
    await fc.assert(
      fc.asyncProperty(
        secrets,
        bytes32.map((bytes) => bech32.encodeFromBytes("bbn", bytes.slice(0, 20))),
        fc.constantFrom("p2wpkh", "p2tr", "p2pkh"),
        fc.boolean(),
        async (secret, account, output, isUpgraded) => {
          const theirs = await proofOfPeer(secret, account, output, isUpgraded ? upgradeHeight : 0);
          const proof = { kind: PROOF_KINDS[theirs.btcSigType]!, signature: theirs.btcSig };
          const of = { address: account, context: isUpgraded ? upgraded : undefined };
          expect(verifyProofOfPossession(publicKeyOf(secret), proof, { ...of, network: "mainnet" })).toBe(
            true,
          );
          if (output !== "p2tr") {
            // Taproot signatures have fresh randomness.
            const form: ProofForm =
              output === "p2pkh"
                ? { ...of, kind: "ecdsa" }
                : { ...of, kind: "bip322", output, network: "mainnet" };
            const ours = proofOfPossession(secret, form);
            expect(equalBytes(ours.signature, theirs.btcSig)).toBe(true);
          }
          seen++;
        },
      ),
      { numRuns: runs(2_000) },
    );
    expect(seen).toBe(runs(2_000));
  });
});

const bip322SigOf = (bitcoinAddress: string, sig: Uint8Array): ProofOfPossession => ({
  kind: "bip322",
  signature: concatBytes(
    Uint8Array.of(0x0a, bitcoinAddress.length),
    utf8(bitcoinAddress),
    Uint8Array.of(0x12, sig.length),
    sig,
  ),
});

/** A wallet's own key, as bitcoinjs-lib takes it. */
const signerOf = (secret: Uint8Array) => ({
  publicKey: curve.pointFromScalar(secret)!,
  sign: (digest: Uint8Array) => curve.signEcdsa(digest, secret).signature,
  signSchnorr: (digest: Uint8Array) => schnorr.sign(secret, digest),
});

/** The secret in a compressed WIF. */
function wif(text: string): string {
  const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  const value = [...text].reduce((sum, letter) => sum * 58n + BigInt(alphabet.indexOf(letter)), 0n);
  return value.toString(16).padStart(76, "0").slice(2, 66);
}
