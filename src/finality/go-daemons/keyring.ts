import { createDecipheriv, pbkdf2Sync } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { hex, utf8 } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { parseJson, readJson } from "../../core/json.js";
import { publicKeyOf } from "../../core/keys.js";
import { decodeProtobuf, type Schema } from "../../core/protobuf.js";
import { attempt } from "../private-files.js";

/** The key of a keyring. The caller must wipe the secret. */
export interface KeyringKey {
  readonly secretKey: Uint8Array;
  /** X-only. */
  readonly publicKey: Uint8Array;
}

/** The ways in which a Cosmos SDK keyring keeps keys that eotsd can use. */
export const BACKENDS = ["test", "file"] as const;
export type Backend = (typeof BACKENDS)[number];

/** The passphrase of the backend `test` is part of the Cosmos SDK. */
const TEST_PASSPHRASE = "test";
const RECORD = ".info";
const MAX_BYTES = 1 << 16;

export const keyringFolder = (folder: string, backend: Backend) => join(folder, `keyring-${backend}`);

/** The names of the keys of a keyring; there may be no keyring. @throws TapstakeError `file-error` */
export function namesInKeyring(folder: string, backend: Backend): string[] {
  const path = keyringFolder(folder, backend);
  return attempt("read", path, () => {
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [];
    const files = readdirSync(path).filter((file) => file.endsWith(RECORD));
    return files.map((file) => unescaped(file.slice(0, -RECORD.length))).sort();
  });
}

/**
 * Decrypts one key of a keyring.
 * @param passphrase of the backend `file`; the backend `test` needs none
 * @throws TapstakeError `wrong-keyring-passphrase`, `invalid-keyring`, `file-error`
 */
export function readKeyringKey(
  folder: string,
  backend: Backend,
  name: string,
  passphrase: Uint8Array | undefined,
): KeyringKey {
  const path = join(keyringFolder(folder, backend), `${escaped(name)}${RECORD}`);
  const token = attempt("read", path, () => {
    if (statSync(path).size > MAX_BYTES) throw invalid(path, `it has more than ${MAX_BYTES} bytes`);
    return readFileSync(path, "latin1");
  });
  const item = decrypted(token, backend === "test" ? utf8(TEST_PASSPHRASE) : passphrase!, path);
  try {
    return keyOf(dataOf(item, path), path, name);
  } finally {
    item.fill(0);
  }
}

/** The content of a JWE in the compact form, of the one kind that the keyring writes (RFC 7516, 7518). */
function decrypted(token: string, passphrase: Uint8Array, path: string): Uint8Array {
  const parts = token.trim().split(".");
  if (parts.length !== 5 || parts.some((part) => !/^[\w-]*$/.test(part))) throw invalid(path, "it is no JWE");
  const [header, wrapped, iv, content, tag] = parts as [string, string, string, string, string];
  const { p2c, p2s } = headerOf(header, path);
  const salt = Buffer.concat([utf8(`${ALGORITHM}\0`), bytesOf(p2s)]);
  const wrapping = pbkdf2Sync(passphrase, salt, p2c, 16, "sha256");
  const key = unwrapped(bytesOf(wrapped), wrapping, path);
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, bytesOf(iv), { authTagLength: 16 });
    decipher.setAAD(utf8(header));
    decipher.setAuthTag(bytesOf(tag));
    return Buffer.concat([decipher.update(bytesOf(content)), decipher.final()]);
  } catch {
    throw invalid(path, "it was changed after it was written");
  } finally {
    key.fill(0);
  }
}

const ALGORITHM = "PBES2-HS256+A128KW";
/** As many rounds as the daemons' library takes. */
const MAX_ROUNDS = 1_300_000;

const headerForm = v.object({
  alg: v.literal(ALGORITHM),
  enc: v.literal("A256GCM"),
  zip: v.optional(v.never()),
  p2c: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_ROUNDS)),
  p2s: v.pipe(v.string(), v.regex(/^[\w-]{1,1000}$/, "a salt")),
});

const headerOf = (part: string, path: string) =>
  asInvalid(path, () => readJson(headerForm, parseJson(bytesOf(part).toString("utf8"), "header"), "header"));

/** AES key wrap (RFC 3394): it fails for another passphrase, and for a changed file. */
function unwrapped(wrapped: Buffer, wrapping: Buffer, path: string): Buffer {
  if (wrapped.length !== 40) throw invalid(path, "its wrapped key has another length than 40 bytes");
  const decipher = createDecipheriv("id-aes128-wrap", wrapping, Buffer.alloc(8, 0xa6));
  try {
    return Buffer.concat([decipher.update(wrapped), decipher.final()]);
  } catch {
    const text = `the passphrase of the keyring does not open ${path}, or the file is damaged`;
    throw new TapstakeError("wrong-keyring-passphrase", text, { path });
  } finally {
    wrapping.fill(0);
  }
}

/** What the keyring keeps beside the name of an item. */
function dataOf(item: Uint8Array, path: string): Buffer {
  return asInvalid(path, () => {
    const json = readJson(
      v.object({ Data: v.string() }),
      parseJson(Buffer.from(item).toString("utf8"), "item"),
      "item",
    );
    return Buffer.from(json.Data, "base64");
  });
}

/** cosmos.crypto.keyring.v1.Record, and what is in it. */
const SCHEMA = {
  Record: {
    name: { id: 1, type: "string" },
    publicKey: { id: 2, type: "Any" },
    local: { id: 3, type: "Local", optional: true },
    ledger: { id: 4, type: "bytes", optional: true },
    multisig: { id: 5, type: "bytes", optional: true },
    offline: { id: 6, type: "bytes", optional: true },
  },
  Local: { privateKey: { id: 1, type: "Any" } },
  Any: { typeUrl: { id: 1, type: "string" }, value: { id: 2, type: "bytes" } },
  Key: { key: { id: 1, type: "bytes" } },
} as const satisfies Schema;

interface Any {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

interface KeyringRecord {
  readonly name: string;
  readonly local?: { readonly privateKey: Any };
}

const SECRET = "/cosmos.crypto.secp256k1.PrivKey";

function keyOf(data: Buffer, path: string, name: string): KeyringKey {
  try {
    return asInvalid(path, () => {
      const record = decodeProtobuf(SCHEMA, "Record", data, "refuse") as unknown as KeyringRecord;
      if (record.name !== name) throw invalid(path, `it holds the key ${JSON.stringify(record.name)}`);
      if (!record.local) throw invalid(path, "its secret is elsewhere: on a device, or with other people");
      const { typeUrl, value } = record.local.privateKey;
      if (typeUrl !== SECRET)
        throw invalid(path, `its kind must be ${SECRET}, not ${JSON.stringify(typeUrl)}`);
      const { key } = decodeProtobuf(SCHEMA, "Key", value, "refuse") as { key: Uint8Array };
      value.fill(0);
      return { secretKey: key, publicKey: publicKeyOf(key) };
    });
  } finally {
    data.fill(0);
  }
}

const bytesOf = (part: string) => Buffer.from(part, "base64url");

/** The keyring escapes "/" alone, and "%", as in a URL. */
const escaped = (name: string) =>
  name.replaceAll(/[%/]/g, (character) => (character === "/" ? "%2F" : "%25"));
const unescaped = (file: string) =>
  file.replaceAll(/%([0-9a-fA-F]{2})/g, (_, digits: string) => String.fromCharCode(hex.decode(digits)[0]!));

function asInvalid<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof TapstakeError) || cause.code === "invalid-keyring") throw cause;
    // The message never has a value of the item: readers of protobuf and JSON name places and types alone.
    throw invalid(path, cause.message, { cause });
  }
}

const invalid = (path: string, what: string, options?: ErrorOptions) =>
  new TapstakeError("invalid-keyring", `${path} cannot be read: ${what}`, { path }, options);
