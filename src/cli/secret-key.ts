import { addressOfScript } from "../bitcoin/address.js";
import { taprootScript } from "../bitcoin/output-script.js";
import { containsBytes, hex } from "../core/bytes.js";
import { curve } from "../core/curve/index.js";
import { TapstakeError } from "../core/errors.js";
import { taggedHash } from "../core/hashes.js";
import { assertSecretKey, publicKeyOf } from "../core/keys.js";
import type { Network } from "../core/network.js";
import type { Delegation } from "../delegation/delegation.js";
import { secretOfExpression } from "../script/key-expression.js";
import { secretOfMnemonic } from "../script/mnemonic.js";
import { stakerKeys } from "../script/terms.js";
import { UsageError } from "./errors.js";
import { readText } from "./input.js";
import { tell } from "./output.js";
import { askSecret, isWatched, readSecretLine, warnOfReaders } from "./secrets.js";

/** Options of a command that say where a secret key is. */
export interface SecretKeySource {
  readonly secretFile?: string | undefined;
  /** For BIP-39 words: the key's place in their tree. */
  readonly path?: string | undefined;
  readonly bip39PassphraseFile?: string | undefined;
}

/** The files that the command may read from standard input. */
export const secretFiles = ({ secretFile, bip39PassphraseFile }: SecretKeySource) => [
  secretFile,
  bip39PassphraseFile,
];

/** Where a secret key is looked for, by the names that the command gives to it. */
export interface SecretKeyNames {
  readonly file: string;
  readonly path: string;
  readonly variable: string;
  /** For BIP-39 words: the key's place in their tree, where the command line does not say it. */
  readonly defaultPath?: string;
}

const OWN: SecretKeyNames = { file: "--secret-file", path: "--path", variable: "TAPSTAKE_SECRET" };

/** Whose key it is, for the question; and its network, if known: a key may be written for one network. */
export interface SecretKeyUse {
  readonly whose: string;
  readonly network?: Network | undefined;
  /** Those of a staker's or a provider's key by default. */
  readonly names?: SecretKeyNames;
}

/**
 * Calls `use` with a secret key from a file, the environment (which loses it), or a prompt: hexadecimal, WIF, an
 * extended private key with its path, or BIP-39 words. The key is wiped in every case.
 * @throws TapstakeError `invalid-hex`, `invalid-secret-key`, `invalid-key-expression`, `invalid-mnemonic`,
 * `invalid-path`, `wrong-network`, `file-error`, `cancelled`; UsageError if no source has a key
 */
export async function withSecretKey<T>(
  source: SecretKeySource,
  { whose, network, names = OWN }: SecretKeyUse,
  use: (secretKey: Uint8Array) => T | Promise<T>,
): Promise<T> {
  const secretKey = await readSecretKey(await secretText(source, whose, names), source, network, names);
  try {
    return await use(secretKey);
  } finally {
    secretKey.fill(0);
  }
}

/**
 * {@link withSecretKey} for a staker of this stake. In a terminal, it first shows the key and its Taproot address.
 * @throws TapstakeError `unexpected-signer` for another key, before `use` begins, naming both
 */
export function withStakerKey<T>(
  { terms, params: { network } }: Delegation,
  source: SecretKeySource,
  use: (secretKey: Uint8Array) => T | Promise<T>,
): Promise<T> {
  return withSecretKey(source, { whose: "the staker", network }, (secretKey) => {
    const publicKey = publicKeyOf(secretKey);
    const { keys } = stakerKeys(terms.staker);
    if (!containsBytes(keys, publicKey)) throw notStaker(publicKey, keys, network);
    if (isWatched()) tell(`The key is ${keyText(publicKey, network)}.`);
    return use(secretKey);
  });
}

function notStaker(publicKey: Uint8Array, keys: readonly Uint8Array[], network: Network): TapstakeError {
  const [key, stakers] = [hex.encode(publicKey), keys.map(hex.encode)];
  const isTweaked = containsBytes(keys, outputKeyOf(publicKey));
  const hint = isTweaked
    ? "; the stake names the output key of this key's Taproot address, not its internal key"
    : "";
  const text = `wrong key: ${keyText(publicKey, network)} is not the staker of this stake${hint}. Do: sign with the staker's key, ${stakers.join(" or ")}`;
  return new TapstakeError("unexpected-signer", text, { key, stakers });
}

const keyText = (publicKey: Uint8Array, network: Network): string =>
  `${hex.encode(publicKey)} (Taproot address ${taprootAddressOf(publicKey, network)})`;

/** The address that a wallet shows for this key of its Taproot account (BIP-86). */
export const taprootAddressOf = (publicKey: Uint8Array, network: Network): string =>
  addressOfScript(taprootScript(outputKeyOf(publicKey)), network)!;

const outputKeyOf = (publicKey: Uint8Array): Uint8Array =>
  curve.xOnlyPointAddTweak(publicKey, taggedHash("TapTweak", publicKey))!.xOnlyPubkey;

async function secretText(
  { secretFile }: SecretKeySource,
  whose: string,
  { file, variable }: SecretKeyNames,
): Promise<string> {
  const given = process.env[variable];
  delete process.env[variable];
  const known = secretFile === undefined ? given : await secretOfFile(secretFile);
  if (known !== undefined) return known.trim();
  if (!isWatched()) {
    throw new UsageError(`no terminal to ask for the secret key of ${whose} at: give ${file} or ${variable}`);
  }
  return (await askSecret(`The secret key of ${whose} (hexadecimal, WIF, xprv with path, or words)`)).trim();
}

/** The first line of a file, or all of it if words stand on several lines. */
async function secretOfFile(path: string): Promise<string> {
  const content = await readText(path);
  if (path !== "-") await warnOfReaders(path);
  return isWords(content) ? content : content.split(/\r?\n/, 1)[0]!;
}

/** Letters with space between them: no other form of a key has spaces. */
const isWords = (text: string): boolean => /^\s*\p{L}+(?:\s+\p{L}+)+\s*$/u.test(text);

async function readSecretKey(
  text: string,
  { path, bip39PassphraseFile }: SecretKeySource,
  network: Network | undefined,
  names: SecretKeyNames,
): Promise<Uint8Array> {
  if (isWords(text)) {
    const place = path ?? names.defaultPath;
    if (place === undefined) {
      const coin = network === undefined || network === "mainnet" ? 0 : 1;
      throw new UsageError(`words lead to many keys: give ${names.path}, such as m/86'/${coin}'/0'/0/0`);
    }
    const passphrase = bip39PassphraseFile === undefined ? "" : await readSecretLine(bip39PassphraseFile);
    return secretOfMnemonic(text, place, passphrase);
  }
  if (path !== undefined || bip39PassphraseFile !== undefined) {
    throw new UsageError(
      `${names.path} and --bip39-passphrase-file go with words; write the path of an xprv behind it: xprv…/0/5`,
    );
  }
  if (isExpression(text)) return secretOfExpression(text, network);
  const secretKey = hex.decode(text, 32, "secret key");
  assertSecretKey(secretKey);
  return secretKey;
}

/** Whether it looks like anything but hexadecimal. */
const isExpression = (text: string): boolean =>
  /^(?:\[|[xyztuv]p(?:rv|ub)|[59KLc][1-9A-HJ-NP-Za-km-z]{50,51}$)/.test(text);
