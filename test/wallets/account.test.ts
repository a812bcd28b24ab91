import { beforeAll, describe, expect, it } from "vitest";
import { addressOfScript } from "../../src/bitcoin/address.js";
import { bip322 } from "../../src/babylon/bip322.js";
import type { Network } from "../../src/core/network.js";
import { signOptions } from "../../src/wallets/sign-options.js";
import type { WalletAccount, WalletKind } from "../../src/wallets/types.js";
import { checkAccount } from "../../src/wallets/account.js";
import { refusal } from "../support/refusal.js";
import { root, type WalletLife, walletLife } from "../support/wallet-life.js";

let life: WalletLife;
let other: WalletLife;
beforeAll(async () => {
  life = await walletLife("p2tr");
  other = await walletLife("p2wpkh");
});

const ask = (account: WalletAccount, wallet: WalletKind = "unisat") =>
  signOptions("slashing", life.delegation, { wallet, account });
const disagrees = (account: WalletAccount, wallet?: WalletKind) => {
  const { details, message } = refusal("account-mismatch", () => ask(account, wallet));
  return { what: details["what"], message };
};

describe("the account that signs", () => {
  it("is refused on another network", () => {
    const { what, message } = disagrees({ ...life.account, network: "mainnet" });
    expect(what).toBe("network");
    expect(message).toContain("the wallet is on mainnet, and the stake is on regtest");
  });

  it("is refused when its address belongs to another key", () => {
    expect(disagrees({ ...life.account, address: other.account.address }).what).toBe("address");
  });

  it("is refused when its key is the output key of its address", () => {
    const outputKey = bip322.script(life.account.publicKey, "p2tr").slice(2);
    const { what, message } = disagrees({ ...life.account, publicKey: outputKey });
    expect(what).toBe("address");
    expect(message).toContain("Give the internal key");
  });

  it("is refused when it belongs to another stake", () => {
    const { what, message } = disagrees(other.account);
    expect(what).toBe("key");
    expect(message).toContain("choose the account that staked");
  });

  it("is refused at an address of another network", () => {
    const address = addressOfScript(bip322.script(life.account.publicKey, "p2tr"), "mainnet")!;
    refusal("invalid-address", () => ask({ ...life.account, address }));
  });

  it("may have an x-only key at a P2TR address, and wallets are asked by its address", () => {
    const { native } = ask({ ...life.account, publicKey: life.account.publicKey.slice(1) });
    const { address } = life.account;
    expect(native).toEqual({
      autoFinalized: false,
      toSignInputs: [{ index: 0, address, useTweakedSigner: false }],
    });
  });

  it("must have the compressed key at a P2WPKH address", () => {
    const account = { ...other.account, publicKey: other.account.publicKey.slice(1) };
    const { message } = refusal("account-mismatch", () =>
      signOptions("slashing", other.delegation, { wallet: "unisat", account }),
    );
    expect(message).toContain("needs the key of 33 bytes");
  });

  it("is refused for a funding whose coins belong to another account", () => {
    const stranger = root.derivePath("m/86'/0'/0'/0/1");
    const address = addressOfScript(bip322.script(stranger.publicKey, "p2tr"), "regtest")!;
    const account: WalletAccount = { publicKey: stranger.publicKey, address, network: "regtest" };
    const of = { wallet: "unisat", account, coins: life.coins } as const;
    const { details } = refusal("account-mismatch", () => signOptions("funding", life.delegation, of));
    expect(details["what"]).toBe("address");
  });
});

describe("a wallet that says testnet on signet", () => {
  const on = (network: Network, wallet: WalletKind) => {
    const address = addressOfScript(bip322.script(life.account.publicKey, "p2tr"), "signet")!;
    return checkAccount({ ...life.account, network, address }, "signet", { wallet });
  };

  it("is accepted when it is OneKey", () => {
    expect(on("testnet", "onekey").output).toBe("p2tr");
  });

  it("is refused when it is another", () => {
    expect(refusal("account-mismatch", () => on("testnet", "okx")).details["what"]).toBe("network");
  });
});
