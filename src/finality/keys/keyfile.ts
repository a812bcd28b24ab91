import { createCipheriv, createDecipheriv, randomBytes, scrypt, scryptSync } from "node:crypto";
import { promisify } from "node:util";
import * as v from "valibot";
import { assertInteger, equalBytes, hex, utf8 } from "../../core/bytes.js";
import { describeType, TapstakeError } from "../../core/errors.js";
import { jsonText, parseJson, readJson } from "../../core/json.js";
import { randomness } from "../../crypto/randomness.js";

/** A passphrase: text, or the UTF-8 bytes of its NFKC form, which the caller can wipe. */
export type Passphrase = string | Uint8Array;

/** The cost parameters of scrypt, which takes 128·n·r bytes of memory. */
export interface ScryptCost {
  /** A power of two. */
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

/** A third of a second and 128 MiB on a machine of 2024. */
export const DEFAULT_SCRYPT: ScryptCost = { n: 2 ** 17, r: 8, p: 1 };

/** The cost for a new passphrase, unless its owner chooses one: never less than that of the old one. */
export function costToKeep({ n, r, p }: ScryptCost): ScryptCost {
  const work = (cost: ScryptCost) => cost.n * cost.r * cost.p;
  return work({ n, r, p }) > work(DEFAULT_SCRYPT) ? { n, r, p } : DEFAULT_SCRYPT;
}

/** What a key file shows without its passphrase. */
export type KeyHeader = Pick<
  KeyFile,
  "name" | "publicKey" | "origin" | "derivationVersion" | "createdAt" | "path" | "store" | "arbiter"
>;

/** The form of a key file; bytes are hexadecimal. */
export type KeyFile = v.InferOutput<typeof schema>;

/**
 * A key file's text. Everything in it but the encrypted secret itself is authenticated with the secret.
 * @param secretKey 32 bytes
 * @throws TapstakeError `invalid-passphrase`, `invalid-number` (cost)
 */
export function sealKey(
  header: KeyHeader,
  secretKey: Uint8Array,
  passphrase: Passphrase,
  cost: ScryptCost = DEFAULT_SCRYPT,
): Uint8Array {
  checkCost(cost);
  const { n, r, p } = cost;
  const kdf = { name: "scrypt", n, r, p, salt: hex.encode(randomBytes(32)) } as const;
  const cipher = { name: "aes-256-gcm", nonce: hex.encode(randomBytes(12)) } as const;
  const key = withPassphrase(passphrase, (bytes) => scryptSync(bytes, ...scryptArguments(kdf)));
  try {
    const sealing = createCipheriv(cipher.name, key, hex.decode(cipher.nonce));
    sealing.setAAD(authenticated({ version: 1, ...header, kdf, cipher }));
    const data = hex.encode(sealing.update(secretKey)) + hex.encode(sealing.final());
    const tag = hex.encode(sealing.getAuthTag());
    return utf8(textOf({ version: 1, ...header, kdf, cipher: { ...cipher, tag, data } }));
  } finally {
    key.fill(0);
  }
}

/**
 * Parses a key file, which must be exactly the bytes that {@link sealKey} writes.
 * @param where the file, for messages
 * @throws TapstakeError `invalid-key-file`; `unknown-version` for a file or derivation version of a later release
 */
export function parseKeyFile(content: Uint8Array, where: string): KeyFile {
  const file = readForm(content, where);
  // Each file can be written in only one way, so no change of it goes unnoticed.
  if (!equalBytes(content, utf8(textOf(file)))) {
    throw invalid(where, "not written as this software writes it");
  }
  return file;
}

/**
 * The secret of a key file, 32 bytes.
 * @throws TapstakeError `wrong-passphrase`, `invalid-passphrase`
 */
export function openKey(file: KeyFile, passphrase: Passphrase): Uint8Array {
  return decrypt(
    file,
    withPassphrase(passphrase, (bytes) => scryptSync(bytes, ...scryptArguments(file.kdf))),
  );
}

/** {@link openKey} without blocking the process. */
export async function openKeyAsync(file: KeyFile, passphrase: Passphrase): Promise<Uint8Array> {
  const bytes = passphraseBytes(passphrase);
  try {
    return decrypt(file, await scryptAsync(bytes, ...scryptArguments(file.kdf)));
  } finally {
    bytes.fill(0);
  }
}

/**
 * A passphrase as scrypt takes it, in a buffer of its own. It is normalised, as keyboards write the same text in
 * different ways.
 * @throws TapstakeError `invalid-passphrase`
 */
export function passphraseBytes(passphrase: Passphrase): Uint8Array {
  if (typeof passphrase !== "string" && !(passphrase instanceof Uint8Array)) {
    throw new TapstakeError(
      "invalid-passphrase",
      `the passphrase must be text or bytes, not ${describeType(passphrase)}`,
    );
  }
  const bytes =
    typeof passphrase === "string" ? utf8(passphrase.normalize("NFKC")) : Uint8Array.from(passphrase);
  if (bytes.length === 0) throw new TapstakeError("invalid-passphrase", "the passphrase is empty");
  return bytes;
}

/** A thief of the file tries short ones first. */
export const LEAST_CHARACTERS = 8;

/** @throws TapstakeError `invalid-passphrase` for one that is too short to keep a key */
export function assertNewPassphrase(passphrase: Passphrase): void {
  const bytes = passphraseBytes(passphrase);
  // In UTF-8, every byte that does not continue a character begins one.
  const characters = bytes.filter((byte) => (byte & 0xc0) !== 0x80).length;
  bytes.fill(0);
  if (characters >= LEAST_CHARACTERS) return;
  const text = `the new passphrase must have ${LEAST_CHARACTERS} characters or more`;
  throw new TapstakeError("invalid-passphrase", text);
}

/** A stranger's file must not exhaust the machine: the limits are 1 GiB, and 32 times the default work. */
const MAX_MEMORY = 2 ** 30;
const MAX_WORK = 2 ** 32;

/** @throws TapstakeError `invalid-number` */
function checkCost({ n, r, p }: ScryptCost): void {
  assertInteger(n, "scrypt n", 2, 2 ** 23);
  assertInteger(r, "scrypt r", 1, 32);
  assertInteger(p, "scrypt p", 1, 16);
  const power = Math.log2(n);
  if (!Number.isInteger(power)) {
    throw new TapstakeError("invalid-number", `scrypt n must be a power of two, not ${n}`);
  }
  if (128 * n * r > MAX_MEMORY || 128 * n * r * p > MAX_WORK) {
    const text = `scrypt: n = ${n}, r = ${r}, p = ${p} takes more than 1 GiB, or more than 32 times the usual work`;
    throw new TapstakeError("invalid-number", text);
  }
}

const digits = (length: number) =>
  v.custom<string>(
    (value) => typeof value === "string" && value.length === 2 * length && /^[0-9a-f]*$/.test(value),
    `${length} bytes in lower-case hexadecimal`,
  );

const time = v.custom<string>(
  (value) => typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value),
  "a time such as 2026-01-31T12:00:00.000Z",
);

const arbiterStore = v.custom<string>(
  (value) => typeof value === "string" && /^[0-9a-f-]{36} [1-9]\d{0,15}$/.test(value),
  "the store of an arbiter",
);

/** In the order of writing. */
const schema = v.strictObject({
  version: v.literal(1),
  name: v.string(),
  publicKey: digits(32),
  origin: v.picklist(["generated", "imported"]),
  derivationVersion: v.literal(randomness.derivationVersion as 1),
  createdAt: time,
  path: v.optional(v.string()),
  /** The store of votes that a new key was generated for. */
  store: v.optional(digits(16)),
  /** The arbiter that each vote is claimed from; without it, the key does not vote. */
  arbiter: v.optional(arbiterStore),
  kdf: v.strictObject({
    name: v.literal("scrypt"),
    n: v.number(),
    r: v.number(),
    p: v.number(),
    salt: digits(32),
  }),
  cipher: v.strictObject({
    name: v.literal("aes-256-gcm"),
    nonce: digits(12),
    tag: digits(16),
    data: digits(32),
  }),
});

/** Versions are read before the rest, which another version may have changed. */
const versions = v.looseObject({ version: v.number(), derivationVersion: v.optional(v.unknown()) });

function readForm(content: Uint8Array, where: string): KeyFile {
  const json = asInvalid(where, () => parseJson(new TextDecoder().decode(content), where));
  const { version, derivationVersion } = asInvalid(where, () => readJson(versions, json, where));
  if (version !== 1) throw unknownVersion(where, "key file", version);
  if (typeof derivationVersion === "number" && derivationVersion !== randomness.derivationVersion) {
    throw unknownVersion(where, "derivation", derivationVersion);
  }
  return asInvalid(where, () => {
    const file = readJson(schema, json, where);
    checkCost(file.kdf);
    return file;
  });
}

/** @throws TapstakeError `unknown-version` unless tapstake can derive randomness in this version */
export function checkDerivationVersion(version: number): asserts version is 1 {
  if (version !== randomness.derivationVersion) throw unknownVersion("the key", "derivation", version);
}

function unknownVersion(where: string, what: string, version: number): TapstakeError {
  return new TapstakeError(
    "unknown-version",
    `the ${what} version of ${where} must be 1, not ${version}: a later release may know it`,
    { version },
  );
}

function asInvalid<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof TapstakeError)) throw cause;
    throw invalid(where, cause.message.replace(where, "").replace(/^[:.] ?/, ""), { cause });
  }
}

function invalid(where: string, why: string, options?: ErrorOptions): TapstakeError {
  const text = `${where} is no key file, or damaged: ${why}; restore it from a backup, or import the key again`;
  return new TapstakeError("invalid-key-file", text, { path: where }, options);
}

type Sealed = Omit<KeyFile, "cipher"> & { cipher: Pick<KeyFile["cipher"], "name" | "nonce"> };

/** What the tag authenticates besides the secret. */
function authenticated({ cipher: { name, nonce }, ...rest }: Sealed): Uint8Array {
  return utf8(JSON.stringify(inOrder({ ...rest, cipher: { name, nonce } })));
}

const textOf = (file: KeyFile) => jsonText(inOrder(file));

function inOrder<File extends Sealed>(file: File): File {
  const {
    version,
    name,
    publicKey,
    origin,
    derivationVersion,
    createdAt,
    path,
    store,
    arbiter,
    kdf,
    cipher,
  } = file;
  const { n, r, p, salt } = kdf;
  const fields = { version, name, publicKey, origin, derivationVersion, createdAt, path, store, arbiter };
  return { ...fields, kdf: { name: kdf.name, n, r, p, salt }, cipher: { ...cipher } } as File;
}

function decrypt(file: KeyFile, key: Uint8Array): Uint8Array {
  const { name, nonce, tag, data } = file.cipher;
  try {
    const opening = createDecipheriv(name, key, hex.decode(nonce), { authTagLength: 16 });
    opening.setAAD(authenticated(file));
    opening.setAuthTag(hex.decode(tag));
    const opened = opening.update(hex.decode(data));
    // Node returns views of a shared buffer: copies leave no view of it with a caller.
    const secret = Uint8Array.from(opened);
    opened.fill(0);
    try {
      opening.final();
    } catch {
      secret.fill(0);
      throw new TapstakeError(
        "wrong-passphrase",
        `the passphrase does not open key ${file.name}, or its file was changed`,
        { name: file.name },
      );
    }
    return secret;
  } finally {
    key.fill(0);
  }
}

function withPassphrase<T>(passphrase: Passphrase, use: (bytes: Uint8Array) => T): T {
  const bytes = passphraseBytes(passphrase);
  try {
    return use(bytes);
  } finally {
    bytes.fill(0);
  }
}

const scryptAsync = promisify(
  (
    passphrase: Uint8Array,
    salt: Uint8Array,
    length: number,
    options: ReturnType<typeof scryptArguments>[2],
    done: (error: Error | null, key: Uint8Array) => void,
  ) => scrypt(passphrase, salt, length, options, done),
);

function scryptArguments({ n, r, p, salt }: KeyFile["kdf"]) {
  // OpenSSL counts a little more memory than the table itself.
  const options = { N: n, r, p, maxmem: 128 * r * (n + p + 4) + 2 ** 16 };
  return [hex.decode(salt), 32, options] as const;
}
