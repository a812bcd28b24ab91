import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import * as v from "valibot";
import { equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { parseJson, readJson } from "../core/json.js";
import type { Home } from "../finality/home.js";
import { showKey } from "../finality/keys/keystore.js";
import { attempt } from "../finality/private-files.js";
import { isChainId } from "../vote/chain.js";

/** What a client may ask for. Each of the first two includes `info`. */
const KINDS = ["vote", "commit", "info", "unlock"] as const;

export type Kind = (typeof KINDS)[number];

/** A client, as its certificate names it. The TLS library has verified the certificate. */
export interface Client {
  /** SHA-256 of the certificate, in hexadecimal. */
  readonly sha256: string;
  /** The common name of the subject, if there is exactly one. */
  readonly commonName: string | undefined;
  /** The alternative names of the subject. */
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  readonly validTo: Date;
}

/** What a client wants to do; without a chain, on any chain. */
export interface Wanted {
  readonly kind: Kind;
  /** X-only. */
  readonly key: Uint8Array;
  readonly chain?: string | undefined;
}

/** Which client may use which key on which chain, for which requests. What is not on the list is refused. */
export class Permissions {
  constructor(readonly clients: readonly ListedClient[]) {}

  /** Refuses a client that is not on the list. @throws TapstakeError `client-not-permitted` */
  mustKnow(client: Client): void {
    this.#entriesOf(client);
  }

  /** @throws TapstakeError `client-not-permitted` */
  mustAllow(client: Client, { kind, key, chain }: Wanted): void {
    const isAllowed = this.#entriesOf(client).some((entry) =>
      entry.allow.some(
        (one) =>
          equalBytes(one.key, key) &&
          (chain === undefined || one.chain === chain) &&
          one.requests.some((each) => each === kind || (kind === "info" && each !== "unlock")),
      ),
    );
    if (isAllowed) return;
    const where = chain === undefined ? "" : ` on chain ${chain}`;
    throw notPermitted(client, `may not ask for "${kind}" with key ${hex.encode(key)}${where}`);
  }

  /** The chains that it names, each once. */
  get chains(): readonly string[] {
    return [...new Set(this.clients.flatMap(({ allow }) => allow.map(({ chain }) => chain)))];
  }

  #entriesOf(client: Client): readonly ListedClient[] {
    // TLS checks this only as a connection begins.
    if (new Date() > client.validTo) throw notPermitted(client, "has expired since it connected");
    const entries = this.clients.filter(({ certificate }) => isNamed(client, certificate));
    if (entries.length > 0) return entries;
    throw notPermitted(client, "is not on the list of permissions");
  }
}

/** The names of a certificate, compared as they are written in the certificate. */
export function clientOf(certificate: X509Certificate): Client {
  const { CN } = (certificate.toLegacyObject().subject ?? {}) as unknown as Record<string, unknown>;
  const names = alternativeNames(certificate.subjectAltName ?? "");
  const of = (kind: string) => names.flatMap(([each, name]) => (each === kind ? [name] : []));
  return {
    sha256: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
    commonName: typeof CN === "string" ? CN : undefined,
    dnsNames: of("DNS").map((name) => name.toLowerCase()),
    uris: of("URI"),
    validTo: new Date(certificate.validTo),
  };
}

/** `DNS:a, URI:b` as Node writes it: a name with a comma or another special character stands in quotes, as in JSON. */
const alternativeNames = (text: string): (readonly [kind: string, name: string])[] =>
  [...text.matchAll(/([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g)].map(([, kind, name]) => [
    kind!,
    name!.startsWith('"') ? (JSON.parse(name!) as string) : name!,
  ]);

function isNamed(client: Client, named: NamedCertificate): boolean {
  const { sha256, commonName, dnsName, uri } = named;
  if (sha256 !== undefined) return client.sha256 === sha256;
  if (dnsName !== undefined) return client.dnsNames.includes(dnsName);
  if (uri !== undefined) return client.uris.includes(uri);
  return commonName !== undefined && client.commonName === commonName;
}

/** One of these names a certificate. */
interface NamedCertificate {
  readonly sha256?: string | undefined;
  readonly commonName?: string | undefined;
  readonly dnsName?: string | undefined;
  readonly uri?: string | undefined;
}

/** A client of the list. */
export interface ListedClient {
  /** For people. */
  readonly name: string;
  readonly certificate: NamedCertificate;
  readonly allow: readonly {
    readonly key: Uint8Array;
    readonly chain: string;
    readonly requests: readonly Kind[];
  }[];
}

const text = v.custom<string>(
  (value) => typeof value === "string" && value.trim() !== "" && value.length <= 256,
  "text of 1 to 256 characters",
);

const sha256 = v.pipe(
  v.custom<string>(
    (value) => typeof value === "string" && /^[0-9a-f]{64}$/i.test(value.replaceAll(":", "")),
    "the SHA-256 of a certificate, 64 hexadecimal digits",
  ),
  v.transform((value) => value.replaceAll(":", "").toLowerCase()),
);

const dnsName = v.pipe(
  v.custom<string>(
    (value) => typeof value === "string" && /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/i.test(value),
    "a DNS name without a wildcard",
  ),
  v.transform((value) => value.toLowerCase()),
);

const file = v.strictObject({
  version: v.literal(1),
  clients: v.array(
    v.strictObject({
      name: text,
      certificate: v.strictObject({
        sha256: v.optional(sha256),
        commonName: v.optional(text),
        dnsName: v.optional(dnsName),
        uri: v.optional(text),
      }),
      allow: v.array(
        v.strictObject({
          key: text,
          chain: v.custom<string>(
            (value) => isChainId(value) && !/[*?]/.test(value),
            "a chain id without a wildcard",
          ),
          requests: v.array(v.picklist(KINDS)),
        }),
      ),
    }),
  ),
});

/** A list of more bytes is a mistake. */
const MAX_BYTES = 1 << 20;

/**
 * Reads a list of permissions.
 * @throws TapstakeError `invalid-permissions`, which names the file and the field; `insecure-permissions` for a file that
 * others can change; `file-error`
 */
export function readPermissions(path: string, home: Home): Permissions {
  const json = attempt("read", path, () => {
    mustBeOurs(path);
    return readFileSync(path, "utf8");
  });
  if (json.length > MAX_BYTES) throw invalid(path, `must have at most ${MAX_BYTES} bytes`);
  const { clients } = asInvalid(() => readJson(file, parseJson(json, path), path));
  if (clients.length === 0)
    throw invalid(`${path}.clients`, "must have a client, or no caller can use the signer");
  const seen = new Set<string>();
  return new Permissions(
    clients.map(({ name, certificate, allow }, i) => {
      const at = `${path}.clients[${i}]`;
      if (Object.keys(certificate).length !== 1) {
        throw invalid(`${at}.certificate`, "must have exactly one of sha256, commonName, dnsName and uri");
      }
      const named = JSON.stringify(certificate);
      if (seen.has(named))
        throw invalid(`${at}.certificate`, "names a certificate that an earlier client has");
      seen.add(named);
      return {
        name,
        certificate,
        allow: allow.map((one, j) => ({ ...one, key: keyOf(home, one.key, `${at}.allow[${j}].key`) })),
      };
    }),
  );
}

/** @throws TapstakeError `invalid-permissions` for a key that this home does not have */
function keyOf(home: Home, nameOrKey: string, at: string): Uint8Array {
  try {
    return showKey(home, nameOrKey).publicKey;
  } catch (error) {
    if (!(error instanceof TapstakeError) || !/^(key-not-found|invalid-key-name)$/.test(error.code))
      throw error;
    throw invalid(at, `this home has no key ${nameOrKey}: tapstake fp keys list shows its keys`);
  }
}

/** A user who can change the list can let anyone in. */
function mustBeOurs(path: string): void {
  const user = process.geteuid?.();
  if (user === undefined) return;
  const { uid, mode } = statSync(path);
  if ((uid === user || uid === 0) && (mode & 0o022) === 0) return;
  const why = (mode & 0o022) === 0 ? `user ${uid} owns it` : "others than its owner can write to it";
  throw new TapstakeError(
    "insecure-permissions",
    `${path} says who may use the keys, and ${why}: find out who changed it, then chmod go-w it, and give it to root or to this user`,
    { path },
  );
}

function asInvalid<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    throw new TapstakeError("invalid-permissions", error.message, error.details, { cause: error });
  }
}

const invalid = (path: string, message: string): TapstakeError =>
  new TapstakeError("invalid-permissions", `${path}: ${message}`, { path });

function notPermitted(client: Client, what: string): TapstakeError {
  const { sha256: print, commonName } = client;
  const name = commonName ?? client.dnsNames[0] ?? client.uris[0] ?? "without a name";
  return new TapstakeError(
    "client-not-permitted",
    `the client ${name} (certificate ${print.slice(0, 16)}…) ${what}`,
    { client: name, sha256: print },
  );
}
