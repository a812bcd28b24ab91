// The wallets that the pages in Chromium meet (test/pages) demand what WALLETS says of them: an answer to the wrong
// question must not pass there for one to the right question.
import { base64 } from "@scure/base";
import { beforeAll, describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { addStakerPsbts } from "../../src/delegation/psbt.js";
import { Psbt } from "../../src/psbt/psbt.js";
import { merkleRootOf } from "../../src/script/taproot.js";
import { signOptions } from "../../src/wallets/sign-options.js";
import { babylon } from "../pages/wallets/babylon.js";
import { Key } from "../pages/wallets/key.js";
import { okx } from "../pages/wallets/okx.js";
import { onekey } from "../pages/wallets/onekey.js";
import { unisat } from "../pages/wallets/unisat.js";
import { OUTPUTS, type WalletLife, walletLife } from "../support/wallet-life.js";

type Sign = (psbt: string, options?: object) => Promise<string>;
const WALLETS = {
  unisat: (key: Key) => (unisat(key) as { unisat: { signPsbt: Sign } }).unisat,
  okx: (key: Key) =>
    (okx(key) as { okxwallet: { bitcoinSignet: { signPsbt: Sign } } }).okxwallet.bitcoinSignet,
  onekey: (key: Key) => (onekey(key) as { $onekey: { btcwallet: { signPsbt: Sign } } }).$onekey.btcwallet,
  babylon: (key: Key) => (babylon(key) as { btcwallet: { signPsbt: Sign } }).btcwallet,
};
const KINDS = Object.keys(WALLETS) as (keyof typeof WALLETS)[];

describe.each(OUTPUTS)("the played wallets with a %s account", (output) => {
  let life: WalletLife;
  beforeAll(async () => {
    life = await walletLife(output);
  });
  const request = <W extends keyof typeof WALLETS>(kind: W) =>
    signOptions("slashing", life.delegation, { wallet: kind, account: life.account });
  /** Throws what a wallet throws at once, as a rejection. */
  const sign = async (kind: keyof typeof WALLETS, psbt: string, options?: object) =>
    WALLETS[kind](new Key(life.secretKey, output)).signPsbt(psbt, options);

  it("have the account's key and address", () => {
    const { publicKey, address } = new Key(life.secretKey, output);
    expect([publicKey, address]).toEqual([hex.encode(life.account.publicKey), life.account.address]);
  });

  it.each(KINDS)("%s signs the requested inputs, and finalises unless asked not to", async (kind) => {
    const { psbtHex, native, accept } = request(kind);
    expect(accept(await sign(kind, psbtHex, native))).toHaveLength(1);
    const finalised = await sign(kind, psbtHex, { ...native, autoFinalized: true });
    expect(Psbt.fromHex(finalised).data.inputs[0]!.finalScriptWitness).toBeDefined();
    const signed = addStakerPsbts(life.delegation, [finalised]);
    expect(signed.slashing.stakerSignatures).toHaveLength(1);
  });

  it.each(["okx", "onekey"] as const)(
    "%s signs by the key path where the PSBT has a Merkle root",
    async (kind) => {
      const psbt = Psbt.fromHex(request(kind).psbtHex);
      const [leaf] = psbt.data.inputs[0]!.tapLeafScript!;
      psbt.data.inputs[0]!.tapMerkleRoot = merkleRootOf(leaf!.script, leaf!.controlBlock)!;
      const options = { isBtcWalletProvider: true };
      await expect(sign(kind, psbt.toHex(), options)).rejects.toThrow("Can not sign for input #0");
    },
  );

  it("onekey needs the internal key, and its flag for inputs of other addresses", async () => {
    const { psbtHex, native, accept } = request("onekey");
    const { isBtcWalletProvider: _, ...rest } = native;
    const unsigned = await sign("onekey", psbtHex, rest);
    expect(() => accept(unsigned)).toThrow(expect.objectContaining({ code: "missing-signature" }));
    const psbt = Psbt.fromHex(psbtHex);
    delete psbt.data.inputs[0]!.tapInternalKey;
    await expect(sign("onekey", psbt.toHex(), native)).rejects.toThrow("Need Schnorr Signer");
  });

  it("unisat signs with the tweaked key where asked to, or where others have signed", async () => {
    const { psbtHex, native } = request("unisat");
    const tweaked = native.toSignInputs.map((input) => ({ ...input, useTweakedSigner: true }));
    await expect(sign("unisat", psbtHex, { ...native, toSignInputs: tweaked })).rejects.toThrow(
      "Can not sign",
    );
    const psbt = Psbt.fromHex(await sign("okx", psbtHex, request("okx").native));
    await expect(sign("unisat", psbt.toHex())).rejects.toThrow("Can not sign");
  });

  it.each(["unisat", "okx", "babylon"] as const)("%s refuses the key of another account", async (kind) => {
    const { psbtHex, native } = request(kind);
    const other = [{ index: 0, publicKey: `02${"11".repeat(32)}` }];
    const options = { ...native, toSignInputs: other, signInputs: other };
    await expect(sign(kind, psbtHex, options)).rejects.toThrow(/public key|wrong account/);
  });

  it("babylon accepts hexadecimal only, and the others base64 too", async () => {
    for (const kind of KINDS) {
      const { psbtBase64, native, accept } = request(kind);
      const answer = sign(kind, psbtBase64, native);
      if (kind === "babylon") await expect(answer).rejects.toThrow("Unknown letter");
      else expect(accept(base64.encode(hex.decode(await answer)))).toHaveLength(1);
    }
  });

  it("babylon refuses to sign without contracts and action", async () => {
    const { psbtHex, native } = request("babylon");
    for (const missing of [{ contracts: [] }, { action: undefined }]) {
      await expect(sign("babylon", psbtHex, { ...native, ...missing })).rejects.toThrow("are required");
    }
  });
});
