import * as v from "valibot";
import { equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { parseJson, readJson } from "../core/json.js";
import { publicKeyOf } from "../core/keys.js";

const schema = v.object({
  publicKey: v.string(),
  derivationVersion: v.number(),
  path: v.optional(v.string()),
  secretKey: v.string(),
});

/**
 * What `tapstake fp keys export --json` printed.
 * @throws TapstakeError `invalid-json`, `invalid-hex`, `invalid-secret-key`, `key-mismatch`
 */
export function exportedKey(text: string) {
  const name = "exported key";
  const { publicKey, derivationVersion, path, secretKey } = readJson(schema, parseJson(text, name), name);
  const secret = hex.decode(secretKey, 32, `${name}.secretKey`);
  if (!equalBytes(publicKeyOf(secret), hex.decode(publicKey, 32, `${name}.publicKey`))) {
    throw new TapstakeError("key-mismatch", `${name}: its secret is that of another public key`);
  }
  return { secretKey: secret, derivationVersion, path };
}
