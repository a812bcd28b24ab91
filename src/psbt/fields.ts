import { createReader, littleEndian } from "../bitcoin/byte-reader.js";
import { createWriter } from "../bitcoin/byte-writer.js";
import type { Transaction } from "../bitcoin/transaction-class.js";
import type { Prevout } from "../bitcoin/transaction.js";
import { MAX_MONEY } from "../core/amount.js";
import { compareBytes, concatBytes, hex } from "../core/bytes.js";

// The names are those of bitcoinjs-lib, so that programs that read its PSBTs read these.

export interface KeyValue {
  key: Uint8Array;
  value: Uint8Array;
}

export interface PartialSig {
  pubkey: Uint8Array;
  /** DER, with the hash type behind. */
  signature: Uint8Array;
}

/** Where a key comes from (BIP-32). */
export interface Bip32Derivation {
  masterFingerprint: Uint8Array;
  pubkey: Uint8Array;
  /** From `m` on, hardened steps with `'`. */
  path: string;
}

export interface TapBip32Derivation extends Bip32Derivation {
  leafHashes: Uint8Array[];
}

export interface TapScriptSig {
  pubkey: Uint8Array;
  leafHash: Uint8Array;
  signature: Uint8Array;
}

export interface TapLeafScript {
  leafVersion: number;
  script: Uint8Array;
  controlBlock: Uint8Array;
}

/** Leaves from left to right (BIP-371). */
export interface TapTree {
  leaves: { depth: number; leafVersion: number; script: Uint8Array }[];
}

export interface GlobalXpub {
  extendedPubkey: Uint8Array;
  masterFingerprint: Uint8Array;
  path: string;
}

/** What a PSBT says of one of its inputs. */
export interface PsbtInputFields {
  nonWitnessUtxo?: Uint8Array;
  witnessUtxo?: { script: Uint8Array; value: bigint };
  partialSig?: PartialSig[];
  sighashType?: number;
  redeemScript?: Uint8Array;
  witnessScript?: Uint8Array;
  bip32Derivation?: Bip32Derivation[];
  finalScriptSig?: Uint8Array;
  finalScriptWitness?: Uint8Array;
  tapKeySig?: Uint8Array;
  tapScriptSig?: TapScriptSig[];
  tapLeafScript?: TapLeafScript[];
  tapBip32Derivation?: TapBip32Derivation[];
  tapInternalKey?: Uint8Array;
  tapMerkleRoot?: Uint8Array;
}

/** What a PSBT says of one of its outputs. */
export interface PsbtOutputFields {
  redeemScript?: Uint8Array;
  witnessScript?: Uint8Array;
  bip32Derivation?: Bip32Derivation[];
  tapInternalKey?: Uint8Array;
  tapTree?: TapTree;
  tapBip32Derivation?: TapBip32Derivation[];
}

interface PsbtGlobalFields {
  globalXpub?: GlobalXpub[];
}

/** Fields that have no name here, which travel along. */
interface Unknown {
  unknownKeyVals?: KeyValue[];
}

/** What a PSBT says of one input, with the fields that have no name here (BIP-174, BIP-371). */
export type PsbtInput = PsbtInputFields & Unknown;
/** What a PSBT says of one output, with the fields that have no name here (BIP-174, BIP-371). */
export type PsbtOutput = PsbtOutputFields & Unknown;
export type PsbtGlobal = PsbtGlobalFields & Unknown & { unsignedTx: Transaction };

/** One kind of field: how what stands in a key behind its type, and the value, are read and written. */
interface Kind<T> {
  readonly type: number;
  /** Whether a map can have several, whose keys differ. */
  readonly isList: boolean;
  /** @throws RangeError at what BIP-174 and BIP-371 do not allow */
  read(key: Uint8Array, value: Uint8Array): T;
  write(item: T): readonly [key: Uint8Array, value: Uint8Array];
}

type Item<T> = T extends (infer E)[] ? E : T;

/** The kinds of fields of one map. */
export type Table<T> = { readonly [K in keyof T]-?: Kind<Item<NonNullable<T[K]>>> };

const NOTHING = new Uint8Array(0);

/** @param lengths that the value may have; any, where there is none */
const bytes = (type: number, ...lengths: number[]): Kind<Uint8Array> => ({
  type,
  isList: false,
  read: (_, value) => {
    assert(lengths.length === 0 || lengths.includes(value.length));
    return value;
  },
  write: (value) => [NOTHING, value],
});

const witnessUtxo: Kind<Prevout> = {
  type: 0x01,
  isList: false,
  read(_, value) {
    const reader = createReader(value, malformed);
    const amount = reader.int64();
    const script = reader.sized();
    assert(reader.left === 0 && amount >= 0n && amount <= MAX_MONEY);
    return { script, value: amount };
  },
  write: ({ script, value }) => [NOTHING, createWriter().int64(value).sized(script).done()],
};

const partialSig: Kind<PartialSig> = {
  type: 0x02,
  isList: true,
  read(pubkey, signature) {
    assert(isPublicKey(pubkey));
    return { pubkey, signature };
  },
  write: ({ pubkey, signature }) => [pubkey, signature],
};

const sighashType: Kind<number> = {
  type: 0x03,
  isList: false,
  read(_, value) {
    assert(value.length === 4);
    return littleEndian(value);
  },
  write: (type) => [NOTHING, createWriter().uint32(type).done()],
};

const bip32Derivation = (type: number): Kind<Bip32Derivation> => ({
  type,
  isList: true,
  read(pubkey, value) {
    assert(isPublicKey(pubkey));
    return { pubkey, ...readOrigin(value) };
  },
  write: (derivation) => [derivation.pubkey, writeOrigin(derivation)],
});

const globalXpub: Kind<GlobalXpub> = {
  type: 0x01,
  isList: true,
  read(extendedPubkey, value) {
    assert(extendedPubkey.length === 78 && isPublicKey(extendedPubkey.subarray(45)));
    return { extendedPubkey, ...readOrigin(value) };
  },
  write: (xpub) => [xpub.extendedPubkey, writeOrigin(xpub)],
};

const tapScriptSig: Kind<TapScriptSig> = {
  type: 0x14,
  isList: true,
  read(key, signature) {
    assert(key.length === 64 && (signature.length === 64 || signature.length === 65));
    return { pubkey: key.slice(0, 32), leafHash: key.slice(32), signature };
  },
  write: ({ pubkey, leafHash, signature }) => [concatBytes(pubkey, leafHash), signature],
};

const tapLeafScript: Kind<TapLeafScript> = {
  type: 0x15,
  isList: true,
  read(controlBlock, value) {
    const leafVersion = value.at(-1) ?? -1;
    const steps = (controlBlock.length - 33) / 32;
    assert(Number.isInteger(steps) && steps >= 0 && steps <= DEEPEST_LEAF);
    assert((controlBlock[0]! & 0xfe) === leafVersion);
    return { controlBlock, script: value.slice(0, -1), leafVersion };
  },
  write: ({ controlBlock, script, leafVersion }) => [
    controlBlock,
    concatBytes(script, Uint8Array.of(leafVersion)),
  ],
};

const tapBip32Derivation = (type: number): Kind<TapBip32Derivation> => ({
  type,
  isList: true,
  read(pubkey, value) {
    assert(pubkey.length === 32);
    const reader = createReader(value, malformed);
    const leafHashes: Uint8Array[] = [];
    for (let left = reader.size(); left > 0; left--) leafHashes.push(reader.take(32));
    return { pubkey, ...readOrigin(reader.take(reader.left)), leafHashes };
  },
  write(derivation) {
    const { pubkey, leafHashes } = derivation;
    const count = createWriter().size(leafHashes.length).done();
    return [pubkey, concatBytes(count, ...leafHashes, writeOrigin(derivation))];
  },
});

const tapTree: Kind<TapTree> = {
  type: 0x06,
  isList: false,
  read(_, value) {
    const reader = createReader(value, malformed);
    const leaves: TapTree["leaves"] = [];
    while (reader.left > 0) {
      const [depth, leafVersion] = reader.take(2);
      leaves.push({ depth: depth!, leafVersion: leafVersion!, script: reader.sized() });
    }
    assertTree(leaves);
    return { leaves };
  },
  write({ leaves }) {
    assertTree(leaves);
    const writer = createWriter();
    for (const { depth, leafVersion, script } of leaves) writer.uint8(depth).uint8(leafVersion).sized(script);
    return [NOTHING, writer.done()];
  },
};

/** BIP-371: the leaves from left to right are those of one whole tree. */
function assertTree(leaves: TapTree["leaves"]): void {
  /** The depths of the left branches that lack their right one, each deeper than the one before. */
  const open: number[] = [];
  let isWhole = false;
  for (const { depth, leafVersion } of leaves) {
    assert(!isWhole && depth <= DEEPEST_LEAF && (leafVersion & 1) === 0);
    assert(depth >= (open.at(-1) ?? 0));
    let at = depth;
    for (; at > 0 && open.at(-1) === at; at--) open.pop();
    if (at > 0) open.push(at);
    else isWhole = true;
  }
  assert(isWhole);
}

export const GLOBAL_TABLE: Table<PsbtGlobalFields> = { globalXpub };

export const INPUT_TABLE: Table<PsbtInputFields> = {
  nonWitnessUtxo: bytes(0x00),
  witnessUtxo,
  partialSig,
  sighashType,
  redeemScript: bytes(0x04),
  witnessScript: bytes(0x05),
  bip32Derivation: bip32Derivation(0x06),
  finalScriptSig: bytes(0x07),
  finalScriptWitness: bytes(0x08),
  tapKeySig: bytes(0x13, 64, 65),
  tapScriptSig,
  tapLeafScript,
  tapBip32Derivation: tapBip32Derivation(0x16),
  tapInternalKey: bytes(0x17, 32),
  tapMerkleRoot: bytes(0x18, 32),
};

export const OUTPUT_TABLE: Table<PsbtOutputFields> = {
  redeemScript: bytes(0x00),
  witnessScript: bytes(0x01),
  bip32Derivation: bip32Derivation(0x02),
  tapInternalKey: bytes(0x05, 32),
  tapTree,
  tapBip32Derivation: tapBip32Derivation(0x07),
};

/**
 * The fields of a map by their names; those without a name as they are.
 * @throws RangeError at a key that is there twice, and at a malformed field
 */
export function readFields<T>(table: Table<T>, pairs: readonly KeyValue[]): T & Unknown {
  const found: Record<string, unknown> & Unknown = {};
  const seen = new Set<string>();
  for (const { key, value } of pairs) {
    assertKeyType(key);
    const id = hex.encode(key);
    if (seen.has(id)) throw new RangeError(`it has the key ${id} twice in one map`);
    seen.add(id);
    const [name, kind] = kindOf(table, key[0]!) ?? [];
    if (!kind) (found.unknownKeyVals ??= []).push({ key, value });
    else if (kind.isList) ((found[name!] ??= []) as unknown[]).push(readField(kind, key, value));
    else found[name!] = readField(kind, key, value);
  }
  return found as T & Unknown;
}

/** The pairs of a map, in the order of their keys. @throws RangeError at a key that is there twice */
export function writeFields<T>(table: Table<T>, fields: T & Unknown): KeyValue[] {
  const { unknownKeyVals = [] } = fields;
  const named = Object.keys(table).flatMap((name) =>
    pairsOf(table, name as keyof T, fields[name as keyof T]),
  );
  for (const { key } of unknownKeyVals) assertKeyType(key);
  const pairs = [...named, ...unknownKeyVals];
  if (new Set(pairs.map(({ key }) => hex.encode(key))).size < pairs.length) {
    throw new RangeError("it has a key twice in one map");
  }
  return pairs.sort((a, b) => compareBytes(a.key, b.key));
}

/**
 * Adds fields to a map: lists grow, other fields must be new. What has no name here is left out.
 * @throws RangeError at a malformed field, and at a key that is there
 */
export function addFields<T>(table: Table<T>, fields: T, more: T): void {
  for (const name of Object.keys(more as object) as (keyof T)[]) {
    if (!Object.hasOwn(table, name)) continue;
    const kind = table[name] as Kind<unknown>;
    if (kind.isList ? !Array.isArray(more[name]) : more[name] === undefined) throw malformed(kind.type);
    const [before, added] = [pairsOf(table, name, fields[name]), pairsOf(table, name, more[name])];
    const all = [...before, ...added].map(({ key }) => hex.encode(key));
    if (new Set(all).size < all.length) throw new RangeError(`it has the field ${String(name)} already`);
    for (const { key, value } of added) readField(kind, key, value);
    const lists = [fields[name] ?? [], more[name]] as unknown[][];
    fields[name] = kind.isList ? (lists.flat() as T[keyof T]) : more[name];
  }
}

/** Whether a field of this type has a name in the table. */
export const isNamedField = <T>(table: Table<T>, type: number): boolean => kindOf(table, type) !== undefined;

function pairsOf<T>(table: Table<T>, name: keyof T, value: T[keyof T]): KeyValue[] {
  if (value === undefined) return [];
  const kind = table[name] as Kind<unknown>;
  return (kind.isList ? (value as unknown[]) : [value]).map((item) => {
    const [key, content] = kind.write(item);
    return { key: concatBytes(Uint8Array.of(kind.type), key), value: content };
  });
}

const kindOf = <T>(table: Table<T>, type: number) =>
  Object.entries<Kind<unknown>>(table as Record<string, Kind<unknown>>).find(
    ([, kind]) => kind.type === type,
  );

function readField<T>(kind: Kind<T>, key: Uint8Array, value: Uint8Array): T {
  try {
    assert(kind.isList || key.length === 1);
    return kind.read(key.slice(1), value);
  } catch (cause) {
    throw cause instanceof RangeError ? malformed(kind.type) : cause;
  }
}

/** BIP-174: a key begins with its type, which is a size in its shortest form. An empty key would end the map. */
export function assertKeyType(key: Uint8Array): void {
  const refuse = () =>
    new RangeError(`its key ${hex.encode(key)} does not begin with a type in its shortest form`);
  const [first] = key;
  if (first === undefined) throw refuse();
  if (first < 0xfd) return;
  const width = 2 ** (first - 0xfc);
  const digits = createReader(key.subarray(1), refuse).take(width);
  const fitsHalf = digits.subarray(width / 2).every((byte) => byte === 0);
  if (fitsHalf && (width > 2 || digits[0]! < 0xfd)) throw refuse();
}

/** A fingerprint, then each step of a path in four bytes. */
function readOrigin(value: Uint8Array): { masterFingerprint: Uint8Array; path: string } {
  assert(value.length >= 4 && value.length % 4 === 0);
  const reader = createReader(value, malformed);
  const masterFingerprint = reader.take(4);
  let path = "m";
  while (reader.left > 0) {
    const step = reader.uint32();
    path += step < HARDENED ? `/${step}` : `/${step - HARDENED}'`;
  }
  return { masterFingerprint, path };
}

function writeOrigin({ masterFingerprint, path }: Omit<Bip32Derivation, "pubkey">): Uint8Array {
  assert(masterFingerprint.length === 4 && /^m(?:\/\d{1,10}'?)*$/.test(path));
  const writer = createWriter().bytes(masterFingerprint);
  for (const step of path.split("/").slice(1)) {
    const number = parseInt(step, 10);
    assert(number < HARDENED);
    writer.uint32(number + (step.endsWith("'") ? HARDENED : 0));
  }
  return writer.done();
}

const HARDENED = 0x8000_0000;
/** The depth of a tree that a control block can prove (BIP-341). */
const DEEPEST_LEAF = 128;

const isPublicKey = ({ length, 0: first }: Uint8Array): boolean =>
  length === 33 ? first === 2 || first === 3 : length === 65 && first === 4;

function assert(holds: boolean): void {
  if (!holds) throw malformed();
}

const malformed = (type?: number): RangeError =>
  new RangeError(
    type === undefined ? "malformed field" : `its field 0x${type.toString(16).padStart(2, "0")} is malformed`,
  );
