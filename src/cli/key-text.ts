import { hex } from "../core/bytes.js";
import type { KeyInfo } from "../finality/keys/keystore.js";
import { table } from "./output.js";

/** What commands say of a key, as data: nothing secret. */
export function keyFacts({ name, publicKey, origin, derivationVersion, createdAt, path }: KeyInfo) {
  const known = { name, publicKey: hex.encode(publicKey), origin, derivationVersion, createdAt };
  return { ...known, ...(path !== undefined && { path }) };
}

export type KeyFacts = ReturnType<typeof keyFacts>;

export function keyText({ name, publicKey, origin, derivationVersion, createdAt, path }: KeyFacts): string {
  return table([
    ["name", name],
    ["public key", publicKey],
    ["origin", origin],
    ["made", createdAt],
    ["path", path],
    ["derivation", `version ${derivationVersion}`],
  ]);
}
