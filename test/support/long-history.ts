import { randomBytes } from "node:crypto";
import type { Home } from "../../src/finality/home.js";
import { inHome } from "./signer.js";

/** Records votes at the heights from 0 on, of random digests: quicker than signing them. */
export function fillHome(home: Home, key: Uint8Array, chainId: string, votes: number): void {
  inHome(home, (protection) => {
    if (!protection.watermarks(key, chainId)) protection.init(key, chainId, 0n);
    const entries = Array.from({ length: votes }, (_, i) => ({
      height: BigInt(i),
      digest: Uint8Array.from(randomBytes(32)),
      signature: Uint8Array.from(randomBytes(32)),
    }));
    protection.append(key, chainId, entries);
  });
}
