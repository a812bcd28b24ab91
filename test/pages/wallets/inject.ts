// What an extension puts into a page: bundled, and run before the page's own scripts.
import { hex } from "@scure/base";
import { babylon } from "./babylon.js";
import { Key, type Output } from "./key.js";
import { okx } from "./okx.js";
import { onekey } from "./onekey.js";
import { unisat } from "./unisat.js";
import { walletWindow } from "./window.js";

const WALLETS = { unisat, okx, onekey, babylon };
export type PlayedWallet = keyof typeof WALLETS;

export interface Played {
  readonly wallet: PlayedWallet;
  readonly output: Output;
  /** 32 bytes in hexadecimal. */
  readonly secret: string;
}

export function inject({ wallet, output, secret }: Played): void {
  const objects = WALLETS[wallet](new Key(hex.decode(secret), output));
  Object.assign(globalThis, objects, { walletWindow });
}
