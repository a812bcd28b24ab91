import { describe, expect, it } from "vitest";
import { detectWallets } from "../../src/wallets/detect.js";

const unisat = { requestAccounts: () => {}, signPsbt: () => {} };
const bitgetUnisat = { requestAccounts: () => {}, signPsbt: () => {} };
const oneKeyUnisat = { isOneKey: true, requestAccounts: () => {} };
const request = () => {};
const found = (page: object) =>
  detectWallets(page).map(({ kind, network }) => (network ? `${kind} ${network}` : kind));

describe("detectWallets", () => {
  it.each<[string, object, readonly string[]]>([
    ["UniSat under its own name", { unisat_wallet: unisat }, ["unisat"]],
    ["UniSat under its older name", { unisat }, ["unisat"]],
    [
      "OKX, an object for each network",
      { okxwallet: { bitcoin: {}, bitcoinTestnet: {}, bitcoinSignet: {} } },
      ["okx mainnet", "okx testnet", "okx signet"],
    ],
    ["OKX of mainnet alone", { okxwallet: { bitcoin: {} } }, ["okx mainnet"]],
    ["OneKey", { $onekey: { btcwallet: {} } }, ["onekey"]],
    ["OneKey in UniSat's place", { $onekey: { btcwallet: {} }, unisat: oneKeyUnisat }, ["onekey"]],
    ["OneKey in UniSat's place alone", { unisat: oneKeyUnisat }, []],
    ["UniSat beside OneKey in its older place", { unisat_wallet: unisat, unisat: oneKeyUnisat }, ["unisat"]],
    ["Tomo", { tomo_btc: {} }, ["tomo"]],
    ["Bitget", { bitkeep: { unisat: bitgetUnisat } }, ["bitget"]],
    ["Bitget in UniSat's place", { bitkeep: { unisat: bitgetUnisat }, unisat: bitgetUnisat }, ["bitget"]],
    ["UniSat beside Bitget", { bitkeep: { unisat: bitgetUnisat }, unisat }, ["unisat", "bitget"]],
    ["Cactus Link", { cactuslink: {} }, ["cactus"]],
    ["imToken", { bitcoin: { request } }, ["imtoken"]],
    ["another program's window.bitcoin", { bitcoin: {} }, []],
    ["Binance", { binancew3w: { bitcoin: {} } }, ["binance"]],
    ["Utila", { utila: { bitcoin: {} } }, ["utila"]],
    ["Xverse", { XverseProviders: { BitcoinProvider: { request } } }, ["xverse"]],
    ["Leather", { LeatherProvider: { request } }, ["leather"]],
    ["an injected object of Babylon's shape", { btcwallet: {} }, ["babylon"]],
    ["no wallet", { okxwallet: { ethereum: {} }, unisat: undefined, tomo_btc: null, btcwallet: "none" }, []],
  ])("finds %s", (_, page, expected) => {
    expect(found(page)).toEqual(expected);
  });

  it("returns the wallet's object unchanged", () => {
    expect(detectWallets({ unisat })[0]!.provider).toBe(unisat);
  });

  it("skips objects that throw when they are read", () => {
    const page = {
      tomo_btc: {},
      get $onekey(): never {
        throw new Error("blocked");
      },
    };
    expect(found(page)).toEqual(["tomo"]);
  });
});
