import type { ChannelCredentials, Client, ServiceError } from "@grpc/grpc-js";
import { isIP } from "node:net";
import { TapstakeError } from "../../core/errors.js";
import { parseAddress, readCertificates, reasonOf, unusable } from "../../signer-client/endpoint.js";
import { grpc, status, statusName, withoutServerName } from "../../signer-client/grpc.js";
import { unclear } from "./errors.js";
import { refusedRelease } from "./releases.js";
import {
  decodeResponse,
  encodeRequest,
  type Method,
  type Methods,
  pathOf,
  type ResponseHeader,
} from "./wire.js";

/** How to ask the members of an etcd cluster. */
export interface EtcdOptions {
  /** `host:port` of each member. */
  readonly addresses: readonly [string, ...string[]];
  /** PEM: who certifies the members, and this client's certificate with its key. */
  readonly tls?: EtcdTls | undefined;
  /** Milliseconds for each send. */
  readonly timeout?: number | undefined;
}

/** PEM: who certifies the members, and this client's certificate with its secret key. */
export interface EtcdTls {
  readonly ca: Uint8Array;
  readonly cert?: Uint8Array | undefined;
  readonly key?: Uint8Array | undefined;
}

/** A whole answer. */
export interface Answered<M extends Method> {
  readonly response: Methods[M]["response"];
  readonly header: ResponseHeader;
}

/** How often one request is sent. */
const SENDS = 3;

/**
 * A client of an etcd cluster. Each send goes to one member, has a deadline and is never repeated by the library: a
 * repeated transaction would hide what the first one did.
 */
export class EtcdClient {
  readonly #members: readonly Connection[];
  readonly #timeout: number;
  #at = 0;
  #closed = false;

  /** @throws TapstakeError `invalid-address`, `invalid-certificate`, `package-missing` */
  constructor({ addresses, tls, timeout = 2_000 }: EtcdOptions) {
    this.#timeout = timeout;
    this.#members = addresses.map((address) => connect(address, tls));
  }

  /**
   * Sends a request, and after an unclear answer the identical bytes to the next member, three times at most.
   * @throws TapstakeError `arbiter-unclear`: it may have been executed, or may be later; `arbiter-corrupt` if a member
   * says that the data differ between members; `arbiter-version`
   */
  async ask<M extends Method>(method: M, request: Methods[M]["request"]): Promise<Answered<M>> {
    const bytes = encodeRequest(method, request);
    let last: unknown;
    for (let sent = 0; sent < SENDS; sent++) {
      const member = this.#members[this.#at]!;
      try {
        await this.#checkRelease(member);
        return await this.#send(member, method, bytes);
      } catch (error) {
        if (!(error instanceof Unclear)) throw error;
        last = error;
        member.isChecked = false;
        this.#at = (this.#at + 1) % this.#members.length;
      }
    }
    const { message, address, code } = last as Unclear;
    throw unclear(`${address}: ${message}`, { address, status: statusName(code) }, last);
  }

  /** The answer of each member to a question about itself, or why there is none. */
  async status(): Promise<readonly MemberStatus[]> {
    const bytes = encodeRequest("Status", {});
    return Promise.all(
      this.#members.map(async (member) => {
        const { address } = member;
        try {
          const { response, header } = await this.#send(member, "Status", bytes);
          const { version, dbSize, leader, errors } = response;
          const refused = refusedRelease(version);
          return { address, version, dbSize, isLeader: leader === header.memberId, errors, refused };
        } catch (error) {
          return { address, unreachable: (error as Error).message };
        }
      }),
    );
  }

  close(): void {
    this.#closed = true;
    for (const { client } of this.#members) client.close();
  }

  /** After each failure too: a member may come back with another release. */
  async #checkRelease(member: Connection): Promise<void> {
    if (member.isChecked) return;
    const { response } = await this.#send(member, "Status", encodeRequest("Status", {}));
    const { version } = response;
    const why = refusedRelease(version);
    if (why !== undefined) {
      throw new TapstakeError(
        "arbiter-version",
        `the member ${member.address} runs etcd ${version}, which tapstake does not trust with votes: ${why}. Upgrade every member of the cluster`,
        { address: member.address, version },
      );
    }
    member.isChecked = true;
  }

  #send<M extends Method>(member: Connection, method: M, bytes: Uint8Array): Promise<Answered<M>> {
    if (this.#closed) return Promise.reject(unclear("the connection to the arbiter was closed"));
    const { address, client } = member;
    const { Metadata } = grpc();
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, reply?: Buffer) => {
        if (error) reject(failure(address, error));
        else resolve2(reply!);
      };
      const resolve2 = (reply: Buffer) => {
        try {
          const response = decodeResponse(method, reply);
          const { header } = response;
          if (!header) throw new Unclear("its answer has no header", address, status.INTERNAL);
          resolve({ response, header });
        } catch (error) {
          const { message } = error as Error;
          reject(
            error instanceof Unclear
              ? error
              : new Unclear(`its answer is damaged: ${message}`, address, status.INTERNAL),
          );
        }
      };
      const asIs = (content: Uint8Array) => Buffer.from(content.buffer, content.byteOffset, content.length);
      const deadline = { deadline: Date.now() + this.#timeout };
      client.makeUnaryRequest(
        pathOf(method),
        asIs,
        (reply: Buffer) => reply,
        bytes,
        new Metadata(),
        deadline,
        done,
      );
    });
  }
}

/** What a member says about itself. */
export type MemberStatus =
  | {
      readonly address: string;
      readonly version: string;
      readonly dbSize: bigint;
      readonly isLeader: boolean;
      readonly errors: readonly string[];
      /** Why its release cannot be an arbiter. */
      readonly refused: string | undefined;
    }
  | { readonly address: string; readonly unreachable: string };

interface Connection {
  readonly address: string;
  readonly client: Client;
  /** Whether its release is known, since the last failure. */
  isChecked: boolean;
}

/** Anything but a whole answer: the request may have been executed, or may be later. */
class Unclear extends Error {
  constructor(
    message: string,
    readonly address: string,
    readonly code: number,
  ) {
    super(message);
  }
}

function failure(address: string, { code, details }: ServiceError): Error {
  if (code === status.DATA_LOSS) {
    const text = `the member ${address} says that its data differ from those of other members: ${details}`;
    return new TapstakeError("arbiter-corrupt", text, { address });
  }
  return new Unclear(reasonIn(code, details), address, code);
}

/** gRPC's text about a connection that failed, in words for an operator. */
function reasonIn(code: number, details: string): string {
  if (/\bECONNREFUSED\b/.test(details)) return "it refused the connection";
  if (code === status.DEADLINE_EXCEEDED) return "it did not answer in time";
  const reason = /^No connection established\. Last error: (?:Error: )?(.*?)\s*\. Resolution note: .*$/s.exec(
    details,
  )?.[1];
  if (reason?.startsWith("Failed to connect")) return "it closed the connection";
  return reason ?? details;
}

function connect(address: string, tls: EtcdTls | undefined): Connection {
  const { host } = parseAddress(address, "invalid-address");
  const { Client: GrpcClient, credentials } = grpc();
  const client = new GrpcClient(address, tls ? secure(host, tls) : credentials.createInsecure(), {
    // By default, the library would take other rules from the name service, and send a request again by itself.
    "grpc.service_config_disable_resolution": 1,
    "grpc.enable_retries": 0,
    // An answer that is too long is an unclear one.
    "grpc.max_receive_message_length": 32 << 20,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1_000,
  });
  return { address, client, isChecked: false };
}

function secure(host: string, { ca, cert, key }: EtcdTls): ChannelCredentials {
  readCertificates(ca, "ca.pem");
  if (cert) readCertificates(cert, "cert.pem");
  try {
    const [root, secret, chain] = [ca, key, cert].map((pem) => (pem ? Buffer.from(pem) : null));
    const all = grpc().credentials.createSsl(root!, secret!, chain!);
    return isIP(host) === 0 ? all : withoutServerName(all);
  } catch (error) {
    throw unusable(`the client certificate and its key cannot be used: ${reasonOf(error)}`, "key.pem", error);
  }
}
