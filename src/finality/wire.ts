import { fromJSON, type MessageTypeDefinition } from "@grpc/proto-loader";
import { TapstakeError } from "../core/errors.js";
import { assertWire } from "./wire-check.js";

/** The gRPC service that finality-provider software signs with today (PROTOCOL 10). */
export const SERVICE = "proto.EOTSManager";

/** Where such a signer listens unless told otherwise (PROTOCOL 10). */
export const DEFAULT_ADDRESS = "127.0.0.1:12582";

/** A field in protobufjs' JSON form. */
export interface Field {
  readonly type: string;
  readonly id: number;
  readonly rule?: "repeated";
  readonly options?: { readonly proto3_optional: true };
}

/** The fields of every message, by name. Numbers and types are the interface; names are ours. */
export const MESSAGES: Readonly<Record<string, Readonly<Record<string, Field>>>> = {
  PingRequest: {},
  PingResponse: {},
  CreateRandomnessPairListRequest: {
    uid: { type: "bytes", id: 1 },
    chainId: { type: "bytes", id: 2 },
    startHeight: { type: "uint64", id: 3 },
    num: { type: "uint32", id: 4 },
    interval: { type: "uint64", id: 5, options: { proto3_optional: true } },
  },
  CreateRandomnessPairListResponse: { pubRandList: { type: "bytes", id: 1, rule: "repeated" } },
  SignEOTSRequest: {
    uid: { type: "bytes", id: 1 },
    chainId: { type: "bytes", id: 2 },
    msg: { type: "bytes", id: 3 },
    height: { type: "uint64", id: 4 },
  },
  SignEOTSResponse: { sig: { type: "bytes", id: 1 } },
  SignSchnorrSigRequest: { uid: { type: "bytes", id: 1 }, msg: { type: "bytes", id: 2 } },
  SignSchnorrSigResponse: { sig: { type: "bytes", id: 1 } },
  SignDataRequest: { msg: { type: "bytes", id: 1 }, height: { type: "uint64", id: 2 } },
  SignDataResponse: { sig: { type: "bytes", id: 1 }, height: { type: "uint64", id: 2 } },
  SignBatchEOTSRequest: {
    uid: { type: "bytes", id: 1 },
    chainId: { type: "bytes", id: 2 },
    signRequests: { type: "SignDataRequest", id: 3, rule: "repeated" },
  },
  SignBatchEOTSResponse: { responses: { type: "SignDataResponse", id: 1, rule: "repeated" } },
  SaveEOTSKeyNameRequest: { keyName: { type: "string", id: 1 }, eotsPk: { type: "bytes", id: 2 } },
  SaveEOTSKeyNameResponse: {},
  UnlockKeyRequest: { uid: { type: "bytes", id: 1 }, passphrase: { type: "string", id: 2 } },
  UnlockKeyResponse: {},
  BackupRequest: { dbPath: { type: "string", id: 1 }, backupDir: { type: "string", id: 2 } },
  BackupResponse: { backupName: { type: "string", id: 1 } },
};

interface Empty {
  readonly [none: string]: never;
}

/** A vote: raw message bytes, as the caller wants them signed. */
export interface SignDataRequest {
  readonly msg: Uint8Array;
  readonly height: bigint;
}

interface SignEotsRequest extends SignDataRequest {
  /** The x-only EOTS key, 32 bytes. */
  readonly uid: Uint8Array;
  readonly chainId: Uint8Array;
}

/** What each method takes and answers. */
export interface Methods {
  Ping: { request: Empty; response: Empty };
  CreateRandomnessPairList: {
    request: {
      readonly uid: Uint8Array;
      readonly chainId: Uint8Array;
      readonly startHeight: bigint;
      readonly num: number;
      readonly interval?: bigint;
    };
    response: { readonly pubRandList: readonly Uint8Array[] };
  };
  SignEOTS: { request: SignEotsRequest; response: { readonly sig: Uint8Array } };
  UnsafeSignEOTS: { request: SignEotsRequest; response: { readonly sig: Uint8Array } };
  SignSchnorrSig: {
    request: { readonly uid: Uint8Array; readonly msg: Uint8Array };
    response: { readonly sig: Uint8Array };
  };
  SignBatchEOTS: {
    request: {
      readonly uid: Uint8Array;
      readonly chainId: Uint8Array;
      readonly signRequests: readonly SignDataRequest[];
    };
    response: { readonly responses: readonly { readonly sig: Uint8Array; readonly height: bigint }[] };
  };
  SaveEOTSKeyName: {
    request: { readonly keyName: string; readonly eotsPk: Uint8Array };
    response: Empty;
  };
  UnlockKey: { request: { readonly uid: Uint8Array; readonly passphrase: string }; response: Empty };
  Backup: {
    request: { readonly dbPath: string; readonly backupDir: string };
    response: { readonly backupName: string };
  };
}

export type Method = keyof Methods;

const METHODS: Readonly<Record<Method, readonly [request: string, response: string]>> = {
  Ping: ["PingRequest", "PingResponse"],
  CreateRandomnessPairList: ["CreateRandomnessPairListRequest", "CreateRandomnessPairListResponse"],
  SignEOTS: ["SignEOTSRequest", "SignEOTSResponse"],
  UnsafeSignEOTS: ["SignEOTSRequest", "SignEOTSResponse"],
  SignSchnorrSig: ["SignSchnorrSigRequest", "SignSchnorrSigResponse"],
  SignBatchEOTS: ["SignBatchEOTSRequest", "SignBatchEOTSResponse"],
  SaveEOTSKeyName: ["SaveEOTSKeyNameRequest", "SaveEOTSKeyNameResponse"],
  UnlockKey: ["UnlockKeyRequest", "UnlockKeyResponse"],
  Backup: ["BackupRequest", "BackupResponse"],
};

export const methodNames = Object.keys(METHODS) as Method[];

export const pathOf = (method: Method): string => `/${SERVICE}/${method}`;

/** A request's bytes as Go would write them: in the order of field numbers, without fields of default value. */
export const encodeRequest = <M extends Method>(method: M, request: Methods[M]["request"]): Uint8Array =>
  encode(METHODS[method][0], request);

/** @throws TapstakeError `invalid-request` */
export const decodeRequest = <M extends Method>(method: M, bytes: Uint8Array): Methods[M]["request"] =>
  decode(METHODS[method][0], bytes) as Methods[M]["request"];

export const encodeResponse = <M extends Method>(method: M, response: Methods[M]["response"]): Uint8Array =>
  encode(METHODS[method][1], response);

/** @throws TapstakeError `invalid-request` */
export const decodeResponse = <M extends Method>(method: M, bytes: Uint8Array): Methods[M]["response"] =>
  decode(METHODS[method][1], bytes) as Methods[M]["response"];

/** A definition in code rather than a .proto file: nothing is read at run time, so any bundle carries it. */
const definitions = fromJSON(
  {
    nested: {
      proto: {
        nested: Object.fromEntries(Object.entries(MESSAGES).map(([name, fields]) => [name, { fields }])),
      },
    },
  },
  { longs: String, defaults: true, arrays: true },
);

type Plain = Record<string, unknown>;

function encode(name: string, message: object): Uint8Array {
  const { serialize } = definitions[`proto.${name}`] as MessageTypeDefinition<object, object>;
  // A Buffer's slice shares memory, unlike a Uint8Array's.
  return Uint8Array.from(serialize(toProtobuf(name, message as Plain)));
}

function decode(name: string, bytes: Uint8Array): Plain {
  assertWire(MESSAGES, name, bytes);
  const { deserialize } = definitions[`proto.${name}`] as MessageTypeDefinition<object, object>;
  try {
    return fromProtobuf(
      name,
      deserialize(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)) as Plain,
    );
  } catch (cause) {
    throw new TapstakeError("invalid-request", `${name}: not a message of this form`, {}, { cause });
  }
}

/** proto3 leaves out fields that hold their default; the Go side re-encodes what it authenticates, so it matters. */
function toProtobuf(name: string, message: Plain): Plain {
  const entries = Object.entries(MESSAGES[name]!).flatMap(([key, field]) => {
    const value = message[key];
    if (value === undefined || (isDefault(value) && !field.options)) return [];
    return [[key, convert(field, value, toProtobuf)]];
  });
  return Object.fromEntries(entries) as Plain;
}

function fromProtobuf(name: string, message: Plain): Plain {
  const fields = MESSAGES[name]!;
  return Object.fromEntries(
    Object.entries(fields).map(([key, field]) => [key, convert(field, message[key], fromProtobuf)]),
  );
}

/** 64-bit numbers are bigint here and decimal text there; neither ever is a float. */
function convert(field: Field, value: unknown, inner: (name: string, message: Plain) => Plain): unknown {
  if (field.rule === "repeated") {
    const { rule: _, ...one } = field;
    return (value as unknown[]).map((each) => convert(one, each, inner));
  }
  if (field.type in MESSAGES) return inner(field.type, value as Plain);
  // protobufjs gives Buffers that share the memory of the whole message.
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (field.type === "uint64") return typeof value === "bigint" ? value.toString() : BigInt(value as string);
  return value;
}

function isDefault(value: unknown): boolean {
  if (value instanceof Uint8Array || typeof value === "string") return value.length === 0;
  return value === 0n || value === 0;
}
