import { HARDENED_OFFSET, type HDKey } from "@scure/bip32";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { assertSecretKey, publicKeyOf } from "../core/keys.js";
import { assertNetwork, type Network } from "../core/network.js";
import { decodeExtended, type ExtendedText, secretBelow, splitExtended } from "./hd-key.js";
import { type KeyOrigin, normalPath } from "./key-origin.js";
import { readWif } from "./wif.js";

/** A key of a descriptor as written (BIP-380): its origin, if given, and the key itself. */
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
  if (typeof expression !== "string") throw malformed("it must be text");
  const { key } = splitKeyExpression(expression);
  // Descriptors know no other version bytes (BIP-380).
  if (/^[yzuv]p/.test(key)) throw malformed(UNKNOWN);
  return publicKeyOfText(key);
}

const publicKeyOfText = (key: string): Uint8Array =>
  readPlainKey(key) ?? publicKeyOfWif(key) ?? publicKeyOfExtended(key);

const UNKNOWN = "the key must be hexadecimal, a private key (WIF) or an extended key";

/**
 * Reads the public key of a staker: x-only or compressed in hexadecimal, or an extended key followed by the path to one
 * key. It also reads the origin, if `[fingerprint/path]` stands before the key.
 * @throws TapstakeError `invalid-key-expression`, also for a secret key; `invalid-path`
 */
export function readPublicKey(expression: string): { publicKey: Uint8Array; origin?: KeyOrigin } {
  const { key, origin } = splitKeyExpression(expression);
  const isSecret = splitExtended(key)?.isPrivate === true || publicKeyOfWif(key) !== null;
  if (isSecret) throw malformed("it is a secret key: give the public key");
  return { publicKey: publicKeyOfText(key), ...(origin && { origin: parseKeyOrigin(expression) }) };
}

/**
 * Reads a secret key, 32 bytes. The expression is one of: 64 hexadecimal digits; a private key (WIF) of a compressed
 * public key; an extended private key followed by the path to one key, with hardened steps allowed. Extended keys may
 * begin with xprv, yprv, zprv, tprv, uprv or vprv. An origin before the key must agree with what the key says of
 * itself. The caller must wipe the secret.
 * @param network refuses a key that is written for other networks; hexadecimal does not say its network
 * @throws TapstakeError `invalid-key-expression`, `invalid-secret-key`, `invalid-path`, `wrong-network`; never shows
 * the expression
 * @example
 * ```ts
 * const secretKey = secretOfExpression("[73c5da0a/86h/0h/0h]xprv9xgqHN7yz9MwC…/0/0", "mainnet");
 * const staker = keySigner(secretKey);
 * secretKey.fill(0);
 * ```
 */
export function secretOfExpression(expression: string, network?: Network): Uint8Array {
  if (network !== undefined) assertNetwork(network);
  if (typeof expression !== "string") throw malformed("it must be text");
  const { key, origin } = splitKeyExpression(expression.trim());
  if (/^[0-9a-fA-F]{64}$/.test(key)) return checked(hex.decode(key));
  if (readPlainKey(key)) throw malformed(PUBLIC);
  const wif = readWif(key);
  if (wif) return checked(wif.secretKey, wif.isMainnet, network);
  const extended = splitExtended(key);
  if (extended) return checked(secretOfExtended(extended, origin), extended.isMainnet, network);
  throw malformed("the key must be 64 hexadecimal digits, a private key (WIF) or an extended private key");
}

function checked(secretKey: Uint8Array, isMainnet?: boolean, network?: Network): Uint8Array {
  try {
    assertSecretKey(secretKey);
    if (isMainnet !== undefined && network !== undefined && isMainnet !== (network === "mainnet")) {
      const got = isMainnet ? "mainnet" : "the test networks";
      const text = `the secret key is written for ${got}, and the stake is on ${network}`;
      throw new TapstakeError("wrong-network", text, { expected: network });
    }
    return secretKey;
  } catch (error) {
    secretKey.fill(0);
    throw error;
  }
}

/**
 * A key and where it comes from, as wallets write it (BIP-380): `[fingerprint/path]key`, where the key is hexadecimal
 * or an extended one with more steps behind: xpub, or the ypub and zpub that wallets write for other accounts. For the
 * derivations of a PSBT.
 * @throws TapstakeError `invalid-key-expression`, `invalid-path`
 * @example
 * ```ts
 * const origin = parseKeyOrigin("[d34db33f/86'/0'/0']xpub6BgBgses…/0/5");
 * const { psbt } = buildUnbonding(terms, params, stake, [origin]);
 * ```
 */
export function parseKeyOrigin(expression: string): KeyOrigin {
  if (typeof expression !== "string") throw malformed("it must be text");
  const { origin, key } = splitKeyExpression(expression);
  const publicKey = publicKeyOfText(key);
  if (!origin) throw malformed("the origin is missing: write [fingerprint/path] before the key");
  const [, ...steps] = key.split("/");
  const path = normalPath([origin.path, ...steps].join("/"));
  return { publicKey, fingerprint: origin.fingerprint, path };
}

function publicKeyOfWif(text: string): Uint8Array | null {
  const secretKey = readWif(text)?.secretKey;
  if (!secretKey) return null;
  try {
    return publicKeyOf(secretKey);
  } finally {
    secretKey.fill(0);
  }
}

function publicKeyOfExtended(text: string): Uint8Array {
  const extended = splitExtended(text);
  if (!extended) throw malformed(UNKNOWN);
  const steps = stepsOf(extended);
  try {
    return decodeExtended(extended).derive(steps).publicKey!.slice(1);
  } catch {
    // What the library says may show the key.
    throw malformed("the extended key is damaged, or public where its path has hardened steps");
  }
}

/** The path behind an extended key, to one key. */
function stepsOf({ steps }: ExtendedText): string {
  if (steps.includes("*") || steps.includes("<")) {
    throw malformed("it is a range of keys: write an index in place of *");
  }
  return normalPath(`m${steps}`);
}

function secretOfExtended(extended: ExtendedText, origin: KeyExpression["origin"]): Uint8Array {
  if (!extended.isPrivate) throw malformed(PUBLIC);
  const steps = stepsOf(extended);
  let root: HDKey | undefined;
  try {
    root = decodeExtended(extended);
    if (origin) checkOrigin(root, origin);
    return secretBelow(root, steps);
  } catch (error) {
    if (error instanceof TapstakeError) throw error;
    throw malformed("the extended key is damaged, or its path is too long");
  } finally {
    root?.wipePrivateData();
  }
}

/** An extended key says its depth, its last step and its parent: what is written before it must say the same. */
function checkOrigin(
  { depth, index, parentFingerprint, fingerprint: own }: HDKey,
  { fingerprint, path }: NonNullable<KeyExpression["origin"]>,
): void {
  const [, ...steps] = path.split("/");
  if (steps.length !== depth) {
    throw malformed(`the origin has ${steps.length} steps, but the extended key lies ${depth} deep`);
  }
  const last = steps.at(-1);
  if (last !== undefined && indexOf(last) !== index) {
    throw malformed("the last step of the origin is not that of the extended key");
  }
  // A key below the first level knows only its parent's fingerprint.
  const known = [own, parentFingerprint][depth];
  if (known !== undefined && known !== new DataView(Uint8Array.from(fingerprint).buffer).getUint32(0)) {
    throw malformed("the fingerprint of the origin is not that of the extended key");
  }
}

const indexOf = (step: string): number =>
  Number.parseInt(step, 10) + (step.endsWith("'") ? HARDENED_OFFSET : 0);

const PUBLIC = "it is a public key: give the secret key";

function malformed(message: string): TapstakeError {
  return new TapstakeError("invalid-key-expression", `key expression: ${message}`);
}
