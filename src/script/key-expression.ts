import { createBase58check } from "@scure/base";
import { HDKey } from "@scure/bip32";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { sha256 } from "../core/hashes.js";
import { publicKeyOf } from "../core/keys.js";
import { type KeyOrigin, normalPath } from "./key-origin.js";

/** A key of a descriptor as it is written (BIP-380): where it comes from, when that is said, and the key itself. */
interface KeyExpression {
  readonly origin?: Omit<KeyOrigin, "publicKey">;
  readonly key: string;
}

/**
 * Splits `[fingerprint/path]key`.
 * @throws TapstakeError `invalid-key-expression`, `invalid-path`
 */
export function splitKeyExpression(expression: string): KeyExpression {
  if (!expression.startsWith("[")) return { key: expression };
  const match = /^\[([0-9a-fA-F]{8})((?:\/[^\]]*)?)\](.*)$/.exec(expression);
  if (!match) throw malformed("an origin must be [8 hexadecimal digits, /path]");
  return {
    origin: { fingerprint: hex.decode(match[1]!), path: normalPath(`m${match[2]!}`) },
    key: match[3]!,
  };
}

/** The x-only key of 64 or 66 hexadecimal digits; null when the text is something else. */
export function readPlainKey(key: string): Uint8Array | null {
  if (/^[0-9a-fA-F]{64}$/.test(key)) return hex.decode(key);
  return /^0[23][0-9a-fA-F]{64}$/.test(key) ? hex.decode(key.slice(2)) : null;
}

/**
 * The x-only public key that a key expression stands for: hexadecimal, a private key (WIF), or an extended key with
 * the path to one key behind it.
 * @throws TapstakeError `invalid-key-expression`, `invalid-path`; never shows the expression, which may be secret
 */
export function publicKeyOfExpression(expression: string): Uint8Array {
  if (typeof expression !== "string") throw malformed("expected text");
  const { key } = splitKeyExpression(expression);
  return readPlainKey(key) ?? readWif(key) ?? readExtended(key);
}

/**
 * A key and where it comes from, as wallets write it (BIP-380): `[fingerprint/path]key`, where the key is hexadecimal
 * or an extended one with more steps behind. For the derivations of a PSBT.
 * @throws TapstakeError `invalid-key-expression`, `invalid-path`
 * @example
 * ```ts
 * const origin = parseKeyOrigin("[d34db33f/86'/0'/0']xpub6BgBgses…/0/5");
 * const { psbt } = buildUnbonding(terms, params, stake, [origin]);
 * ```
 */
export function parseKeyOrigin(expression: string): KeyOrigin {
  const publicKey = publicKeyOfExpression(expression);
  const { origin, key } = splitKeyExpression(expression);
  if (!origin) throw malformed("expected an origin before the key: [fingerprint/path]");
  const [, ...steps] = key.split("/");
  const path = normalPath([origin.path, ...steps].join("/"));
  return { publicKey, fingerprint: origin.fingerprint, path };
}

const base58check = createBase58check(sha256);
/** The first byte of a private key of mainnet, and of the test networks. */
const WIF_MAINNET = 0x80;
const WIF_TEST = 0xef;

/** A private key in the wallet import format, with the mark of a compressed key; null when the text is none. */
function readWif(text: string): Uint8Array | null {
  // A hundred characters are more than any key has; the decoder's work grows with their square.
  if (!/^[5KL9c][1-9A-HJ-NP-Za-km-z]{50,51}$/.test(text)) return null;
  const bytes = decodeBase58(text);
  if (bytes[0] !== WIF_MAINNET && bytes[0] !== WIF_TEST) return null;
  // Taproot knows compressed keys only (BIP-386).
  if (bytes.length !== 34 || bytes[33] !== 1) throw malformed("a private key must be of a compressed key");
  return publicKeyOf(bytes.slice(1, 33));
}

function decodeBase58(text: string): Uint8Array {
  try {
    return base58check.decode(text);
  } catch {
    throw malformed("the checksum of a private key does not fit it");
  }
}

const VERSIONS = {
  x: { private: 0x0488ade4, public: 0x0488b21e },
  t: { private: 0x04358394, public: 0x043587cf },
} as const;

function readExtended(text: string): Uint8Array {
  const match = /^(([xt])p(?:ub|rv)[1-9A-HJ-NP-Za-km-z]{107,108})(|\/.*)$/.exec(text);
  if (!match) throw malformed("expected hexadecimal, a private key (WIF) or an extended key");
  const path = match[3]!;
  if (path.includes("*") || path.includes("<")) {
    throw malformed("expected one key, got a range: write an index in place of *");
  }
  const steps = normalPath(`m${path}`);
  let child: HDKey;
  try {
    child = HDKey.fromExtendedKey(match[1]!, VERSIONS[match[2] as "x" | "t"]).derive(steps);
  } catch {
    // What the library says may show the key.
    throw malformed("the extended key is damaged, or public where its path has hardened steps");
  }
  return child.publicKey!.slice(1);
}

function malformed(message: string): TapstakeError {
  return new TapstakeError("invalid-key-expression", `key expression: ${message}`);
}
