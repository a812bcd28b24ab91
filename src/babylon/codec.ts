import type { Transaction } from "../bitcoin/transaction-class.js";
import { parseTransaction } from "../bitcoin/transaction.js";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import type { Delegation } from "../delegation/delegation.js";
import type { LeafSignature } from "../spending/spend.js";
import type { InclusionProof } from "./inclusion.js";
import { account, PROOF_KINDS, type ProofOfPossession } from "./pop.js";
import type { MessageOf } from "./schema.js";

/** One kind of value in both directions: as records have it, and as messages do. */
export interface Codec<Value, Wire> {
  readonly write: (value: Value) => Wire;
  readonly read: (wire: Wire) => Value;
}

/** Where a record has a value: under a name, or under one of an object in it, as in `terms.timelock`. */
type Path<R> = {
  [K in keyof R & string]: K | `${K}.${keyof NonNullable<R[K]> & string}`;
}[keyof R & string];

type At<R, P> = P extends keyof R
  ? R[P]
  : P extends `${infer K extends keyof R & string}.${infer Rest}`
    ? Rest extends keyof NonNullable<R[K]>
      ? NonNullable<R[K]>[Rest]
      : never
    : never;

/** Where a record has what a field says, and the codec of it where the two differ. Without a place: only checked. */
type Row<R, Wire> =
  | { [P in Path<R>]: (Wire extends At<R, P> ? P : never) | readonly [P, Codec<At<R, P>, Wire>] }[Path<R>]
  | readonly [null, Codec<null, Wire>];

/**
 * The codec between a message and what tapstake has in its place, by a table that names each field once. Fields are read
 * in the table's order.
 */
export function fields<Message extends object, R>(rows: {
  readonly [Field in keyof Message]-?: Row<R, Message[Field]>;
}): Codec<R, Message> {
  const table = Object.entries(rows as Record<string, string | AnyRow>).map(([field, row]) =>
    typeof row === "string" ? { field, path: row, codec: SAME } : { field, path: row[0], codec: row[1] },
  );
  return {
    write(record) {
      const entries = table.map(({ field, path, codec }) => [field, codec.write(valueAt(record, path))]);
      return Object.fromEntries(entries) as Message;
    },
    read(message) {
      const record = {};
      for (const { field, path, codec } of table) {
        const value = codec.read((message as Loose)[field]);
        if (path !== null && value !== undefined) put(record, path, value);
      }
      return record as R;
    },
  };
}

type Loose = Record<string, unknown>;
type AnyRow = readonly [path: string | null, codec: Codec<unknown, unknown>];
const SAME: AnyRow[1] = { write: (value) => value, read: (wire) => wire };

function valueAt(record: unknown, path: string | null): unknown {
  if (path === null) return null;
  return path.split(".").reduce((inner, name) => (inner as Loose | undefined)?.[name], record);
}

function put(record: Loose, path: string, value: unknown): void {
  const [name, inner] = path.split(".") as [string, string?];
  if (inner === undefined) record[name] = value;
  else ((record[name] ??= {}) as Loose)[inner] = value;
}

/** With the account that sends the message, in bech32. */
export type Sent<T> = T & { readonly signer: string };

/** An account in bech32, in lower case. @throws TapstakeError `invalid-address` */
export const ACCOUNT: Codec<string, string> = {
  write: (address) => account(address).text,
  read: (address) => account(address).text,
};

/** @throws TapstakeError `invalid-message` at an unknown type */
export const POP: Codec<ProofOfPossession, MessageOf<"ProofOfPossessionBTC">> = {
  write: ({ kind, signature }) => ({ btcSigType: PROOF_KINDS.indexOf(kind), btcSig: signature }),
  read({ btcSigType, btcSig }) {
    const kind = PROOF_KINDS[btcSigType];
    if (kind) return { kind, signature: btcSig };
    throw new TapstakeError("invalid-message", `btc_sig_type must be 0 to 2, not ${btcSigType}`);
  },
};

/**
 * Of the right form, and not of a coinbase, which neither stakes nor spends a stake: whether it proves anything needs the
 * block's header.
 * @throws TapstakeError `invalid-proof`
 */
export const INCLUSION: Codec<InclusionProof, InclusionProof> = {
  write: ofRightForm,
  read: ofRightForm,
};

function ofRightForm(inclusion: InclusionProof): InclusionProof {
  const { key, proof } = inclusion;
  const steps = proof.length / 32;
  if (key.index === 0) {
    const text = "the proof is of index 0, the coinbase of its block, which cannot stake or spend a stake";
    throw new TapstakeError("invalid-proof", text);
  }
  if (Number.isInteger(steps) && key.index < 2 ** steps) return inclusion;
  const text = `a Merkle branch of ${proof.length} bytes cannot lead to index ${key.index}`;
  throw new TapstakeError("invalid-proof", text);
}

/** @throws TapstakeError `invalid-transaction` */
export const TRANSACTION: Codec<Transaction, Uint8Array> = {
  write: (transaction) => Uint8Array.from(transaction.toBuffer()),
  read: parseTransaction,
};

/** Written without witnesses, which change no txid. Input scripts would: they stay. */
export const WITHOUT_WITNESS: Codec<Transaction, Uint8Array> = {
  write(transaction) {
    const bare = transaction.clone();
    for (const input of bare.ins) input.witness = [];
    return TRANSACTION.write(bare);
  },
  read: parseTransaction,
};

/** 32 bytes as hexadecimal text. @throws TapstakeError `invalid-hex` */
export const hexOf = (name: string): Codec<Uint8Array, string> => ({
  write: (bytes) => hex.encode(bytes),
  read: (text) => hex.decode(text, 32, name),
});

/** @throws TapstakeError `invalid-message` at 2^53 and above */
export const countOf = (name: string): Codec<number, bigint> => ({
  write: BigInt,
  read(value) {
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
    throw new TapstakeError("invalid-message", `${name} must be below 2^53, not ${value}`);
  },
});

/**
 * The txid of a transaction that the message must name. Nothing of a record: it is known beforehand.
 * @throws TapstakeError `invalid-hex`, `message-mismatch`
 */
export const txid = (expected: string, name: string): Codec<null, string> => ({
  write: () => expected,
  read(got) {
    hex.decode(got, 32, name);
    if (got.toLowerCase() === expected) return null;
    throw new TapstakeError("message-mismatch", `${name} must be ${expected}, not ${got}`, { expected });
  },
});

/** Which stake a message is about: a field for its checking, and nothing of a record. */
export const aboutStake = ({ staking }: Delegation): readonly [null, Codec<null, string>] => [
  null,
  txid(staking.transaction.getId(), "staking transaction"),
];

/**
 * A signature as the chain verifies it: of SIGHASH_DEFAULT, 64 bytes. Bitcoin would take 65 as well.
 * @throws TapstakeError `unsupported-sighash` where one of 65 bytes is written
 */
export const chainSignature = (what: string): Codec<Uint8Array, Uint8Array> => ({
  write(signature) {
    if (signature.length === 64) return signature;
    const text = `${what}: the signature has ${signature.length} bytes; the staking chain takes 64`;
    throw new TapstakeError("unsupported-sighash", text);
  },
  read: (signature) => signature,
});

/** {@link chainSignature} of a key that the message has elsewhere, or that is known. */
export function signatureBy(publicKey: Uint8Array, what: string): Codec<LeafSignature, Uint8Array> {
  const { write, read } = chainSignature(what);
  return {
    write: ({ signature }) => write(signature),
    read: (wire) => ({ publicKey, signature: read(wire) }),
  };
}

export const listOf = <Value, Wire>(one: Codec<Value, Wire>): Codec<readonly Value[], readonly Wire[]> => ({
  write: (values) => values.map((value) => one.write(value)),
  read: (wires) => wires.map((wire) => one.read(wire)),
});

/** What a message may leave out. */
export const optional = <V, Wire>(one: Codec<V, Wire>): Codec<V | undefined, Wire | undefined> => ({
  write: (value) => (value === undefined ? undefined : one.write(value)),
  read: (wire) => (wire === undefined ? undefined : one.read(wire)),
});
