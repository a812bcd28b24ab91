import { base64, bech32 } from "@scure/base";
import { beforeAll, describe, expect, it } from "vitest";
import { acceptProof, proofToSign } from "../../src/babylon/pop.js";
import { hex } from "../../src/core/bytes.js";
import { parsePsbt } from "../../src/psbt/read.js";
import { signaturesFromPsbt } from "../../src/psbt/signatures.js";
import { keySigner } from "../../src/spending/spend.js";
import { provideSigner, walletSigner } from "../../src/wallets/provide-signer.js";
import { signOptions } from "../../src/wallets/sign-options.js";
import { refusalOf, secretOf } from "../support/stake.js";
import { OUTPUTS, type WalletLife, walletLife } from "../support/wallet-life.js";
import { ECPair } from "../support/wallet-signers.js";

let life: WalletLife;
let other: WalletLife;
beforeAll(async () => {
  life = await walletLife("p2tr");
  other = await walletLife("p2wpkh");
});

const provided = (of: WalletLife = life) => provideSigner(walletSigner(of.secretKey), of.account);
const withdrawal = () => life.withdrawals.staking;
const address = bech32.encodeFromBytes("bbn", secretOf("account").slice(0, 20));

describe("provideSigner", () => {
  it("finalises its inputs, unless autoFinalized is false", async () => {
    const psbt = withdrawal().psbt.toHex();
    const final = parsePsbt(await provided().signPsbt(psbt)).data.inputs[0]!;
    expect(final.finalScriptWitness).toBeDefined();
    expect(final.tapLeafScript).toBeUndefined();
    const open = parsePsbt(await provided().signPsbt(psbt, { autoFinalized: false })).data.inputs[0]!;
    expect(open.finalScriptWitness).toBeUndefined();
    expect(open.tapScriptSig).toHaveLength(1);
  });

  it("signs the inputs that signInputs names, and no others", async () => {
    const { psbtHex } = signOptions("funding", life.delegation, {
      wallet: "babylon",
      account: life.account,
      coins: life.coins,
    });
    const signed = await provided().signPsbt(psbtHex, { autoFinalized: false, signInputs: [{ index: 1 }] });
    const { inputs } = parsePsbt(signed).data;
    expect(inputs.map(({ tapKeySig }) => tapKeySig !== undefined)).toEqual([false, true]);
  });

  it("signs several PSBTs in their order", async () => {
    const { staking, unbonding } = life.withdrawals;
    const all = [staking, unbonding];
    const signed = await provided().signPsbts(all.map(({ psbt }) => psbt.toHex()));
    signed.forEach((psbt, i) => expect(signaturesFromPsbt(all[i]!, psbt)).toHaveLength(1));
  });

  it.each(OUTPUTS)("signs messages of both kinds with a %s account", async (output) => {
    const of = await walletLife(output);
    const { publicKey } = of.account;
    const bip322 = { kind: "bip322", output, network: "regtest", address } as const;
    const simple = await provided(of).signMessage(proofToSign(publicKey, bip322).text!, "bip322-simple");
    expect(acceptProof(publicKey, bip322, simple).kind).toBe("bip322");
    const ecdsa = { kind: "ecdsa", address } as const;
    const compact = await provided(of).signMessage(proofToSign(publicKey, ecdsa).text!, "ecdsa");
    expect(base64.decode(compact)).toHaveLength(65);
    expect(acceptProof(publicKey, ecdsa, compact).kind).toBe("ecdsa");
  });

  it("signs leaves with a signer that signs digests alone, and names what coins and messages need", async () => {
    const provider = provideSigner(keySigner(life.secretKey), {
      ...life.account,
      publicKey: life.account.publicKey.slice(1),
    });
    const psbt = await provider.signPsbt(withdrawal().psbt.toHex());
    expect(signaturesFromPsbt(withdrawal(), psbt)).toHaveLength(1);
    const message = await refusalOf(() => provider.signMessage("text", "bip322-simple"));
    expect([message.code, message.message]).toEqual(["signer-failed", expect.stringContaining("no tweak")]);
    const ecdsa = await refusalOf(() => provider.signMessage("text", "ecdsa"));
    expect([ecdsa.code, ecdsa.message]).toEqual(["signer-failed", expect.stringContaining("no sign")]);
  });

  it("refuses a PSBT without inputs of its key", async () => {
    const psbt = other.withdrawals.staking.psbt.toHex();
    expect((await refusalOf(() => provided().signPsbt(psbt))).code).toBe("unexpected-signer");
  });

  it("refuses hash types by which others could change the transaction", async () => {
    const { psbt } = withdrawal();
    const changed = parsePsbt(psbt.toBuffer());
    changed.updateInput(0, { sighashType: 0x81 });
    expect((await refusalOf(() => provided().signPsbt(changed.toHex()))).code).toBe("unsupported-sighash");
  });

  it("refuses a missing input, and an unknown kind of message", async () => {
    const psbt = withdrawal().psbt.toHex();
    const options = { signInputs: [{ index: 1 }] };
    expect((await refusalOf(() => provided().signPsbt(psbt, options))).code).toBe("invalid-argument");
    const kind = "schnorr" as "ecdsa";
    expect((await refusalOf(() => provided().signMessage("text", kind))).code).toBe("invalid-argument");
  });

  it("refuses an account of another key", async () => {
    const make = () => provideSigner(walletSigner(other.secretKey), life.account);
    const { code, details } = await refusalOf(make);
    expect([code, details["what"]]).toEqual(["account-mismatch", "key"]);
  });

  it("requests getTransactionHex where it was not given", async () => {
    expect((await refusalOf(() => provided().getTransactionHex("00"))).code).toBe("invalid-argument");
    const given = provideSigner(walletSigner(life.secretKey), life.account, {
      getTransactionHex: (txid) => Promise.resolve(`of ${txid}`),
    });
    expect(await given.getTransactionHex("00")).toBe("of 00");
  });
});

describe("walletSigner", () => {
  it("has the same tweaked key as ecpair", async () => {
    const tweak = secretOf("tweak");
    const digest = secretOf("digest");
    const pair = ECPair.fromPrivateKey(life.secretKey).tweak(tweak);
    const signature = await walletSigner(life.secretKey).tweak!(tweak).signSchnorr(digest);
    expect(pair.verifySchnorr(digest, signature)).toBe(true);
  });

  it("does not change when the caller wipes its secret", async () => {
    const secret = Uint8Array.from(life.secretKey);
    const signer = walletSigner(secret);
    const digest = secretOf("digest");
    const before = hex.encode(await signer.sign!(digest));
    secret.fill(0);
    expect(hex.encode(await signer.sign!(digest))).toBe(before);
  });
});
