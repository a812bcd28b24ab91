import { hex } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { sealKey } from "../../src/finality/keys/keyfile.js";
import { LIGHT } from "./home.js";
import { secretOf } from "./stake.js";

export const secretKey = secretOf("key");
export const header = {
  name: "validator-1",
  publicKey: hex.encode(publicKeyOf(secretKey)),
  origin: "imported",
  derivationVersion: 1,
  createdAt: "2026-01-31T12:00:00.000Z",
  path: "m/44'/118'/0'/0/0",
} as const;
/** Its key file, whose passphrase is `pass`. */
export const sealed = sealKey(header, secretKey, "pass", LIGHT);
