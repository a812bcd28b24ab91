import type { Network } from "../core/network.js";
import type { WalletKind } from "./types.js";

/** A wallet that a page can talk to. */
export interface DetectedWallet {
  readonly kind: WalletKind;
  /** The wallet's own object. `babylon` and `utila` are of Babylon's shape. */
  readonly provider: unknown;
  /** For OKX, which has an object for each network. */
  readonly network?: Network;
}

/**
 * The wallets that have put themselves into a page, each once, in a fixed order. Nothing is called: what is found there
 * may still be locked, or say no. UniSat comes a moment after the page (`unisat#initialized`), so look again then.
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

/** Where each wallet is found. Objects of other wallets under a name are left out. */
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

/** OneKey and Bitget put themselves under UniSat's older name too. */
function unisat(page: object): unknown {
  const found = read(page, "unisat_wallet") ?? read(page, "unisat");
  const isOther = read(found, "isOneKey") || found === read(page, "bitkeep", "unisat");
  return isOther ? undefined : found;
}

const withRequest = (provider: unknown) =>
  typeof read(provider, "request") === "function" ? provider : undefined;

/** What other programs put into a page may throw when it is read. */
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

/** Some are classes, or functions with methods. */
const isProvider = (value: unknown): value is object =>
  (typeof value === "object" && value !== null) || typeof value === "function";
