import type { Network } from "../core/network.js";
import type { WalletKind } from "./types.js";

/** A wallet that a page can talk to. */
export interface DetectedWallet {
  readonly kind: WalletKind;
  /** The wallet's own object. `babylon` and `utila` have Babylon's shape. */
  readonly provider: unknown;
  /** For OKX, which has an object for each network. */
  readonly network?: Network;
}

/**
 * The wallets that have put an object into a page, each once, in a fixed order. It calls no function of theirs: a
 * found wallet may still be locked, or refuse. UniSat comes a moment after the page (`unisat#initialized`), so look
 * again then.
 * @param page `globalThis`, or `window`
 */
export function detectWallets(page: object): DetectedWallet[] {
  return ROWS.flatMap(({ kind, at, network }): DetectedWallet[] => {
    const provider = at(page);
    if (!isProvider(provider)) return [];
    return [{ kind, provider, ...(network && { network }) }];
  });
}

interface Row {
  readonly kind: WalletKind;
  readonly at: (page: object) => unknown;
  readonly network?: Network;
}

/** Where each wallet's object is. Another wallet's object under the same name is left out. */
const ROWS: readonly Row[] = [
  { kind: "unisat", at: unisat },
  { kind: "okx", at: (page) => read(page, "okxwallet", "bitcoin"), network: "mainnet" },
  { kind: "okx", at: (page) => read(page, "okxwallet", "bitcoinTestnet"), network: "testnet" },
  { kind: "okx", at: (page) => read(page, "okxwallet", "bitcoinSignet"), network: "signet" },
  { kind: "onekey", at: (page) => read(page, "$onekey", "btcwallet") },
  { kind: "tomo", at: (page) => read(page, "tomo_btc") },
  { kind: "bitget", at: (page) => read(page, "bitkeep", "unisat") },
  { kind: "cactus", at: (page) => read(page, "cactuslink") },
  { kind: "imtoken", at: (page) => withRequest(read(page, "bitcoin")) },
  { kind: "binance", at: (page) => read(page, "binancew3w", "bitcoin") },
  { kind: "utila", at: (page) => read(page, "utila", "bitcoin") },
  { kind: "xverse", at: (page) => withRequest(read(page, "XverseProviders", "BitcoinProvider")) },
  { kind: "leather", at: (page) => withRequest(read(page, "LeatherProvider")) },
  { kind: "babylon", at: (page) => read(page, "btcwallet") },
];

/** OneKey and Bitget put their objects under UniSat's older name too. */
function unisat(page: object): unknown {
  const found = read(page, "unisat_wallet") ?? read(page, "unisat");
  const isOther = read(found, "isOneKey") || found === read(page, "bitkeep", "unisat");
  return isOther ? undefined : found;
}

const withRequest = (provider: unknown) =>
  typeof read(provider, "request") === "function" ? provider : undefined;

/** Objects of other programs in a page may throw when they are read. */
function read(from: unknown, ...path: readonly string[]): unknown {
  try {
    return path.reduce<unknown>(
      (object, name) => (isProvider(object) ? (object as Record<string, unknown>)[name] : undefined),
      from,
    );
  } catch {
    return undefined;
  }
}

/** Some wallets are classes, or functions with methods. */
const isProvider = (value: unknown): value is object =>
  (typeof value === "object" && value !== null) || typeof value === "function";
