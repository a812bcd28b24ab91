import { isIP } from "node:net";
import type { Metadata as GrpcMetadata, ServiceError } from "@grpc/grpc-js";
import { u64be } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { parseAddress, readCertificates, readPrivateKey, unusable } from "./endpoint.js";
import { grpc, status, withoutServerName } from "./grpc.js";
import {
  CHAIN_HEIGHT_HEADER,
  HMAC_HEADER,
  type Metadata,
  OPEN_METHODS,
  REFUSE_OVERLAP_HEADER,
  requestHmac,
} from "./metadata.js";
import { fromStatus } from "./status.js";
import {
  decodeResponse,
  DEFAULT_ADDRESS,
  encodeRequest,
  healthCheck,
  type HealthResponse,
  type Method,
  type Methods,
  NOT_SERVING,
  pathOf,
  SERVING,
  wipeRequest,
} from "./wire.js";

/** Where the signer is, and how to reach it. */
export interface EotsClientOptions {
  /** `host:port`; 127.0.0.1:12582 by default. */
  readonly address?: string;
  /** The key that the signer authenticates requests with. */
  readonly hmacKey?: string;
  /**
   * Encrypts the connection. `ca` is the PEM of the authority that certifies the signer; the system's authorities by
   * default. `certificate` and `key` (PEM) are the client's own, for a signer that asks for them.
   */
  readonly tls?: {
    readonly ca?: Uint8Array;
    readonly certificate?: Uint8Array;
    readonly key?: Uint8Array;
  };
  /** Milliseconds for each call; 100,000 heights take one second, and ten in constant time. */
  readonly timeout?: number;
}

interface Answered<M extends Method> {
  readonly answer: Methods[M]["response"];
  readonly trailer: Metadata;
}

/** A call's metadata: each field makes the signer stricter, if the signer knows it. */
interface Demands {
  readonly chainHeight?: bigint | undefined;
  readonly refuseOverlap?: boolean | undefined;
}

/** A connection to a signer, opened when it is needed. */
export interface Channel {
  call<M extends Method>(method: M, request: Methods[M]["request"], demands?: Demands): Promise<Answered<M>>;
  /** `undefined` if the server does not say. */
  health(): Promise<Health | undefined>;
  close(): void;
}

/** Whether a signer signs: not while it stops, and not after its store has failed. */
export type Health = "serving" | "not-serving";

/** @throws TapstakeError `invalid-address`, `invalid-certificate`, `package-missing` */
export function openChannel(options: EotsClientOptions): Channel {
  const { address = DEFAULT_ADDRESS, hmacKey, tls, timeout = 120_000 } = options;
  const { host } = parseAddress(address, "invalid-address");
  if (tls?.ca) readCertificates(tls.ca, "ca");
  const ca = tls?.ca && Buffer.from(tls.ca);
  const own = ownCertificate(tls);
  const { Client, credentials } = grpc();
  const secure = () => {
    const all = credentials.createSsl(ca ?? null, own?.key, own?.certificate);
    return isIP(host) === 0 ? all : withoutServerName(all);
  };
  const client = new Client(address, tls ? secure() : credentials.createInsecure(), {
    "grpc.max_receive_message_length": 32 << 20,
  });
  const deadline = () => ({ deadline: Date.now() + timeout });
  // The authenticated bytes are the bytes that are sent.
  const asIs = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let isClosed = false;
  const assertOpen = () => {
    if (!isClosed) return;
    const text = `no signer answers at ${address}: this client was closed`;
    throw new TapstakeError("signer-unreachable", text, { address });
  };
  return {
    async call(method, request, demands) {
      assertOpen();
      const bytes = encodeRequest(method, request);
      const metadata = metadataOf(method, bytes, { hmacKey, ...demands });
      return new Promise((resolve, reject) => {
        let settle: Buffer | undefined;
        const done = (error: ServiceError | null, reply?: Buffer) => {
          if (error) reject(fromStatus(error, address, tls !== undefined));
          else settle = reply!;
        };
        client
          .makeUnaryRequest(pathOf(method), asIs, (reply: Buffer) => reply, bytes, metadata, deadline(), done)
          .on("status", ({ metadata: trailer }) => {
            wipeRequest(method, bytes);
            // gRPC passes on the answer first and the trailer after it.
            if (settle === undefined) return;
            try {
              resolve({ answer: decodeResponse(method, settle), trailer });
            } catch (cause) {
              reject(unexpected("its bytes are not an answer of the interface", cause));
            }
          });
      });
    },
    async health() {
      assertOpen();
      const { path, requestSerialize, responseDeserialize } = healthCheck;
      return new Promise((resolve, reject) => {
        const done = (error: ServiceError | null, reply?: HealthResponse) => {
          if (error?.code === status.UNIMPLEMENTED) resolve(undefined);
          else if (error) reject(fromStatus(error, address, tls !== undefined));
          else resolve(healthOf(reply!));
        };
        const everything = { service: "" };
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, everything, deadline(), done);
      });
    },
    close() {
      isClosed = true;
      client.close();
    },
  };
}

/** @throws TapstakeError `invalid-certificate` unless both are there and belong together */
function ownCertificate(tls: EotsClientOptions["tls"]): { key: Buffer; certificate: Buffer } | undefined {
  if (!tls?.certificate && !tls?.key) return undefined;
  const { certificate = new Uint8Array(), key = new Uint8Array() } = tls;
  const [first] = readCertificates(certificate, "the client's certificate");
  if (!first.checkPrivateKey(readPrivateKey(key, "the client's key"))) {
    throw unusable("the client's key is the key of another certificate", "the client's key");
  }
  return { key: Buffer.from(key), certificate: Buffer.from(certificate) };
}

function metadataOf(
  method: Method,
  bytes: Uint8Array,
  { hmacKey, chainHeight, refuseOverlap = false }: Demands & { readonly hmacKey: string | undefined },
): GrpcMetadata {
  const metadata = new (grpc().Metadata)();
  if (hmacKey !== undefined && !OPEN_METHODS.has(method)) {
    metadata.set(HMAC_HEADER, requestHmac(hmacKey, bytes));
  }
  if (chainHeight !== undefined) {
    u64be(chainHeight, "chain height");
    metadata.set(CHAIN_HEIGHT_HEADER, `${chainHeight}`);
  }
  if (refuseOverlap) metadata.set(REFUSE_OVERLAP_HEADER, "true");
  return metadata;
}

const healthOf = ({ status: value }: HealthResponse): Health | undefined =>
  value === SERVING ? "serving" : value === NOT_SERVING ? "not-serving" : undefined;

export const unexpected = (message: string, cause?: unknown) =>
  new TapstakeError("signer-error", `the signer's answer is wrong: ${message}`, {}, { cause });
