import { TapstakeError } from "../core/errors.js";
import { decodeProtobuf, encodeProtobuf, type Schema } from "../core/protobuf.js";

/** The gRPC service through which today's finality-provider software signs (PROTOCOL 10). */
export const SERVICE = "proto.EOTSManager";

/** The default address of such a signer (PROTOCOL 10). */
export const DEFAULT_ADDRESS = "127.0.0.1:12582";

/** The fields of every message, by name. The interface fixes numbers and types; the names are ours. */
const MESSAGES: Schema = {
  PingRequest: {},
  PingResponse: {},
  CreateRandomnessPairListRequest: {
    uid: { type: "bytes", id: 1 },
    chainId: { type: "bytes", id: 2 },
    startHeight: { type: "uint64", id: 3 },
    num: { type: "uint32", id: 4 },
    interval: { type: "uint64", id: 5, optional: true },
  },
  CreateRandomnessPairListResponse: { pubRandList: { type: "bytes", id: 1, repeated: true } },
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
    signRequests: { type: "SignDataRequest", id: 3, repeated: true },
  },
  SignBatchEOTSResponse: { responses: { type: "SignDataResponse", id: 1, repeated: true } },
  SaveEOTSKeyNameRequest: { keyName: { type: "string", id: 1 }, eotsPk: { type: "bytes", id: 2 } },
  SaveEOTSKeyNameResponse: {},
  UnlockKeyRequest: { uid: { type: "bytes", id: 1 }, passphrase: { type: "string", id: 2 } },
  UnlockKeyResponse: {},
  BackupRequest: { dbPath: { type: "string", id: 1 }, backupDir: { type: "string", id: 2 } },
  BackupResponse: { backupName: { type: "string", id: 1 } },
  HealthCheckRequest: { service: { type: "string", id: 1 } },
  HealthCheckResponse: { status: { type: "uint32", id: 1 } },
};

interface Empty {
  readonly [none: string]: never;
}

/** A vote: the raw message bytes that the caller wants signed. */
export interface SignDataRequest {
  readonly msg: Uint8Array;
  readonly height: bigint;
}

interface SignEotsRequest extends SignDataRequest {
  /** The x-only EOTS key, 32 bytes. */
  readonly uid: Uint8Array;
  readonly chainId: Uint8Array;
}

/** The request and the answer of each method. */
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

/** A request's bytes as Go writes them: in the order of field numbers, without fields of default value. */
export const encodeRequest = <M extends Method>(method: M, request: Methods[M]["request"]): Uint8Array =>
  encode(METHODS[method][0], request);

/** Overwrites a request with a passphrase after its use. It cannot reach gRPC's copies. */
export function wipeRequest(method: Method, bytes: Uint8Array): void {
  if (method === "UnlockKey") bytes.fill(0);
}

/** @throws TapstakeError `invalid-request` */
export const decodeRequest = <M extends Method>(method: M, bytes: Uint8Array): Methods[M]["request"] =>
  decode(METHODS[method][0], bytes) as unknown as Methods[M]["request"];

export const encodeResponse = <M extends Method>(method: M, response: Methods[M]["response"]): Uint8Array =>
  encode(METHODS[method][1], response);

/** @throws TapstakeError `invalid-request` */
export const decodeResponse = <M extends Method>(method: M, bytes: Uint8Array): Methods[M]["response"] =>
  decode(METHODS[method][1], bytes) as unknown as Methods[M]["response"];

function encode(name: string, message: object): Uint8Array {
  return encodeProtobuf(MESSAGES, name, message);
}

/** HMACs do not cover the method's name (PROTOCOL 10), so messages must be read strictly. */
function decode(name: string, bytes: Uint8Array): Record<string, unknown> {
  try {
    // Newer callers may send unknown fields.
    return decodeProtobuf(MESSAGES, name, bytes, "skip");
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    throw new TapstakeError("invalid-request", error.message, {}, { cause: error });
  }
}

/** Values of grpc.health.v1's `ServingStatus`. */
export const SERVING = 1;
export const NOT_SERVING = 2;

const asBuffer = ({ buffer, byteOffset, length }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, length);

/** The gRPC standard's health check, `grpc.health.v1.Health/Check`. */
export const healthCheck = {
  path: "/grpc.health.v1.Health/Check",
  requestStream: false,
  responseStream: false,
  requestSerialize: (request: HealthRequest): Buffer => asBuffer(encode("HealthCheckRequest", request)),
  requestDeserialize: (bytes: Buffer) => decode("HealthCheckRequest", bytes) as unknown as HealthRequest,
  responseSerialize: (response: HealthResponse): Buffer => asBuffer(encode("HealthCheckResponse", response)),
  responseDeserialize: (bytes: Buffer) => decode("HealthCheckResponse", bytes) as unknown as HealthResponse,
} as const;

interface HealthRequest {
  /** All services if it is empty. */
  readonly service: string;
}

export interface HealthResponse {
  readonly status: number;
}
