import { createHmac } from "node:crypto";
import { equalBytes, hex, u64be } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { sha256 } from "../../core/hashes.js";
import { publicKeyOf } from "../../core/keys.js";
import { decodeProtobuf, type Schema } from "../../core/protobuf.js";
import { eots } from "../../crypto/eots.js";
import { randomness } from "../../crypto/randomness.js";
import { higher, LAST_HEIGHT } from "../protection/decide.js";
import { mergeVotes, type ReadVote, type Votes } from "../protection/interchange.js";
import type { BoltEntry, BoltFile } from "./bolt.js";
import { assertUnchanged, type Daemon, openDatabase, settingsIn } from "./database.js";
import {
  type Backend,
  BACKENDS,
  keyringFolder,
  type KeyringKey,
  namesInKeyring,
  readKeyringKey,
} from "./keyring.js";

const EOTSD: Daemon = { name: "eotsd", config: "eotsd.conf", database: "eots.db" };
const NAMES = "fpKeyNames";
const VOTES = "signRecord";

/** A key of eotsd. */
export interface EotsdKey {
  /** Its name in the keyring. */
  readonly name: string;
  /** X-only: the public keys under which eotsd knows it. More than one is a mistake, or an attack. */
  readonly publicKeys: readonly Uint8Array[];
}

/** What a key signed on one chain, as eotsd remembers it. */
export interface EotsdVotes {
  readonly chainId: string;
  readonly votes: ReadonlyMap<bigint, ReadVote>;
  /** Null if there are only records above the last height, or traces. */
  readonly highest: bigint | null;
  /** A height above it at which the key signed: the file has the vote on a page that is no longer part of it. */
  readonly trace: bigint | null;
  /** Heights, in order, whose record cannot be read or whose signature does not verify. Nothing is signed there. */
  readonly unverified: readonly bigint[];
  /** Heights at which eotsd remembers two messages under two of its public keys. */
  readonly doubled: readonly bigint[];
  /** Votes of eotsd before 1.0, which derived randomness otherwise. They are not repeated. */
  readonly earlier: number;
  /** Records above the last height that tapstake signs at: they are left out. */
  readonly beyond: number;
}

/** The folder of eotsd. The daemon must not run. */
export class EotsdHome {
  readonly backend: Backend;
  readonly keys: readonly EotsdKey[];
  /** Names in the keyring that the database does not know. */
  readonly unknownNames: readonly string[];
  readonly isLocked: boolean;
  readonly #folder: string;
  readonly #database: ReturnType<typeof openDatabase>;

  /** @throws TapstakeError `database-in-use`, `invalid-database`, `invalid-keyring`, `file-error` */
  static open(folder: string): EotsdHome {
    const database = openDatabase(EOTSD, folder);
    try {
      return new EotsdHome(folder, database);
    } catch (error) {
      database.file.close();
      throw error;
    }
  }

  private constructor(folder: string, database: ReturnType<typeof openDatabase>) {
    this.#folder = folder;
    this.#database = database;
    this.isLocked = database.isLocked;
    this.backend = backendIn(folder);
    this.keys = keysIn(database.file);
    const known = new Set(this.keys.map(({ name }) => name));
    this.unknownNames = namesInKeyring(folder, this.backend).filter((name) => !known.has(name));
  }

  /**
   * The secret of a key; the caller must wipe it.
   * @param passphrase of the keyring; the backend `test` needs none
   * @throws TapstakeError `wrong-keyring-passphrase`, `invalid-keyring`, `file-error`; `key-mismatch` if eotsd knows the name
   * under other public keys alone
   */
  readKey({ name, publicKeys }: EotsdKey, passphrase: Uint8Array | undefined): KeyringKey {
    const key = readKeyringKey(this.#folder, this.backend, name, passphrase);
    if (publicKeys.some((known) => equalBytes(known, key.publicKey))) return key;
    key.secretKey.fill(0);
    const [known, got] = [publicKeys.map(hex.encode).join(", "), hex.encode(key.publicKey)];
    const text = `the key ${JSON.stringify(name)} of the keyring is ${got}, and ${EOTSD.database} names ${known}`;
    throw new TapstakeError("key-mismatch", text, { expected: known, got });
  }

  /**
   * Everything that a key signed, by chain. It reads the whole database, and verifies each signature.
   * @throws TapstakeError `invalid-database`
   */
  votesOf({ publicKeys }: EotsdKey, { secretKey, publicKey }: KeyringKey): EotsdVotes[] {
    const { file } = this.#database;
    const chains = new Map<string, Reading>();
    const isOwn = (owner: Uint8Array) => publicKeys.some((known) => equalBytes(known, owner));
    for (const entry of bucketOf(file, VOTES)) {
      const vote = signedAt(entry);
      if (!vote) {
        const text = `the bucket ${VOTES} has a key of ${entry.key.length} bytes, which is no vote`;
        throw file.damaged(entry.page, text);
      }
      if (!isOwn(vote.owner)) continue;
      const reading = chains.get(vote.chain) ?? newReading();
      chains.set(vote.chain, reading);
      addRecord(reading, vote.height, readRecord(entry.value, { secretKey, publicKey, ...vote }));
    }
    for (const entry of file.leftovers()) {
      const vote = signedAt(entry);
      if (!vote || !isOwn(vote.owner) || vote.height > LAST_HEIGHT) continue;
      const reading = chains.get(vote.chain) ?? newReading();
      if (vote.height <= (highestOf(reading) ?? -1n)) continue;
      if (!readRecord(entry.value, { secretKey, publicKey, ...vote }).isVerified) continue;
      chains.set(vote.chain, reading);
      reading.trace = higher(vote.height, reading.trace);
    }
    return [...chains].map(([chainId, { unverified, doubled, ...rest }]) => ({
      chainId,
      ...rest,
      unverified: [...unverified],
      doubled: [...doubled],
    }));
  }

  /** @throws TapstakeError `database-in-use` if another program has written to the database since it was opened */
  assertUnchanged(): void {
    assertUnchanged(EOTSD, this.#database);
  }

  close(): void {
    this.#database.file.close();
  }
}

interface Reading {
  readonly votes: Votes;
  readonly unverified: Set<bigint>;
  readonly doubled: Set<bigint>;
  highest: bigint | null;
  trace: bigint | null;
  earlier: number;
  beyond: number;
}

const newReading = (): Reading => ({
  votes: new Map(),
  unverified: new Set(),
  doubled: new Set(),
  highest: null,
  trace: null,
  earlier: 0,
  beyond: 0,
});

const highestOf = ({ highest, trace }: Reading): bigint | null => higher(highest, trace);

/** proto.SigningRecord */
const SCHEMA = {
  SigningRecord: {
    message: { id: 1, type: "bytes" },
    signature: { id: 2, type: "bytes" },
    time: { id: 3, type: "int64" },
  },
} as const satisfies Schema;

interface ReadRecord {
  readonly vote: ReadVote;
  /** Whether the signature is of the message, at this height. */
  readonly isVerified: boolean;
  /** Whether it was made by the derivation of eotsd before 1.0. */
  readonly isEarlier: boolean;
}

function addRecord(reading: Reading, height: bigint, { vote, isVerified, isEarlier }: ReadRecord): void {
  if (!isVerified) reading.unverified.add(height);
  if (height > LAST_HEIGHT) {
    reading.beyond++;
    return;
  }
  if (isEarlier) reading.earlier++;
  const known = reading.votes.get(height);
  const merged = known ? mergeVotes(known, vote) : vote;
  if (known?.digest && vote.digest && !merged.digest) reading.doubled.add(height);
  reading.votes.set(height, merged);
  reading.highest = higher(height, reading.highest);
}

interface Signer {
  readonly secretKey: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly chain: string;
  readonly height: bigint;
}

/**
 * A record of a vote. One that cannot be read blocks its height. One whose signature cannot be repeated here keeps none,
 * which blocks its height too.
 */
function readRecord(value: Uint8Array, signer: Signer): ReadRecord {
  let record: { readonly message: Uint8Array; readonly signature: Uint8Array };
  try {
    record = decodeProtobuf(SCHEMA, "SigningRecord", value, "refuse") as unknown as typeof record;
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    return { vote: { digest: null, signature: null }, isVerified: false, isEarlier: false };
  }
  const { message, signature } = record;
  const { secretKey, publicKey, chain, height } = signer;
  const isOf = (publicRandomness: Uint8Array) => eots.verify(publicKey, publicRandomness, message, signature);
  const digest = sha256(message);
  const chainId = Buffer.from(chain, "latin1");
  if (isOf(randomness.derive(secretKey, chainId, height).public)) {
    return { vote: { digest, signature }, isVerified: true, isEarlier: false };
  }
  const isEarlier = isOf(earlierRandomness(secretKey, chainId, height));
  return { vote: { digest, signature: null }, isVerified: isEarlier, isEarlier };
}

/** The public randomness of eotsd before 1.0.0-rc.2, which had no counter. */
function earlierRandomness(secretKey: Uint8Array, chainId: Uint8Array, height: bigint): Uint8Array {
  const secret = createHmac("sha256", secretKey).update(u64be(height)).update(chainId).digest();
  try {
    return publicKeyOf(secret);
  } catch {
    return new Uint8Array(32);
  } finally {
    secret.fill(0);
  }
}

/** The key of a record: chain id, public key, height. The chain id is as many characters as bytes. */
function signedAt({ key }: BoltEntry) {
  const end = key.length - 8;
  if (end < 32) return undefined;
  return {
    chain: Buffer.from(key.subarray(0, end - 32)).toString("latin1"),
    owner: key.subarray(end - 32, end),
    height: Buffer.from(key.subarray(end)).readBigUInt64BE(),
  };
}

function bucketOf(file: BoltFile, name: string): Iterable<BoltEntry> {
  const bucket = file.bucket(name);
  if (bucket) return bucket;
  throw file.damaged(
    0,
    `there is no bucket ${name}: it is no database of eotsd, or of a release before 0.14`,
  );
}

/** The keys that the database names. */
function keysIn(file: BoltFile): EotsdKey[] {
  const keys = new Map<string, Uint8Array[]>();
  for (const { key, value, page } of bucketOf(file, NAMES)) {
    if (key.length !== 32 || value.length === 0) {
      throw file.damaged(page, `the bucket ${NAMES} has an entry that is no key and its name`);
    }
    const name = Buffer.from(value).toString("utf8");
    keys.set(name, [...(keys.get(name) ?? []), Uint8Array.from(key)]);
  }
  return [...keys].map(([name, publicKeys]) => ({ name, publicKeys }));
}

/** The backend of the keyring that has keys. If both have, the daemon's configuration says which one it uses. */
function backendIn(folder: string): Backend {
  const used = BACKENDS.filter((backend) => namesInKeyring(folder, backend).length > 0);
  if (used.length === 1) return used[0]!;
  const places = BACKENDS.map((backend) => keyringFolder(folder, backend));
  if (used.length === 0) {
    const text = `${folder} has no keyring that can be read: there is no key in ${places.join(" or ")}`;
    throw new TapstakeError("invalid-keyring", text, { path: folder });
  }
  const named = settingsIn(EOTSD, folder).get("KeyringBackend");
  const backend = used.find((each) => each === named);
  if (backend) return backend;
  const text = `${folder} has two keyrings, ${places.join(" and ")}, and ${EOTSD.config} does not say which one eotsd uses: move the other one away`;
  throw new TapstakeError("invalid-keyring", text, { path: folder });
}
