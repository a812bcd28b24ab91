import { constants as cryptoConstants } from "node:crypto";
import { lookup } from "node:dns/promises";
import {
  constants,
  createSecureServer,
  createServer as createHttp2Server,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { type AddressInfo, createServer, isIP, type Server } from "node:net";
import type { TLSSocket } from "node:tls";
import { Metadata, type sendUnaryData, status } from "@grpc/grpc-js";
import { addressText, type ListenAddress } from "../signer-client/endpoint.js";
import {
  type Connection,
  Connections,
  type Limits,
  peerOf,
  type Refusal,
  type Share,
} from "./connections.js";
import { listenFailed, type TlsIdentity } from "./listen.js";
import { type Client, clientOf } from "./permissions.js";

/** One call as a handler sees it. */
export interface UnaryCall {
  /** The request's bytes. */
  readonly request: Buffer;
  readonly metadata: Metadata;
  /** Whether the caller has gone, or its deadline is over. */
  readonly cancelled: boolean;
  /** Whose certificate TLS has verified; undefined if TLS asks for none. */
  readonly client?: Client | undefined;
  /** `address:port` of the caller. */
  getPeer(): string;
  /** Says that the caller is known: its connection may stay, and has room of its own. */
  prove(): void;
}

export type UnaryHandler = (call: UnaryCall, answer: sendUnaryData<Buffer>) => void;

interface Parts {
  readonly handlers: ReadonlyMap<string, UnaryHandler>;
  readonly limits: Limits;
  readonly tls: TlsIdentity | undefined;
  /** Called for each connection and each call that a limit kept out. */
  readonly refused: (why: Refusal) => void;
  /** Called for each connection that TLS refused, with OpenSSL's reason. */
  readonly tlsRefused?: ((peer: string, reason: string) => void) | undefined;
}

/** The largest request: a batch of ten thousand votes is 1.1 MB. */
const MAX_REQUEST = 2 << 20;

/** gRPC's frame: whether the message is compressed, and its length in four bytes. */
const PREFIX = 5;

/**
 * A gRPC server for unary calls. It takes connections, calls and bytes within limits that hold before anything is
 * authenticated: the server of gRPC's own package buffers whatever callers begin to send.
 */
export class GrpcServer {
  readonly #connections: Connections;
  readonly #http2: Http2Server | Http2SecureServer;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #listeners: Server[] = [];

  constructor(private readonly parts: Parts) {
    const { limits, tls, refused } = parts;
    this.#connections = new Connections(limits, refused);
    const settings = {
      settings: { maxConcurrentStreams: limits.callsPerConnection, maxHeaderListSize: 16 << 10 },
      maxHeaderListPairs: 64,
      // Megabytes. It counts answers that wait for their caller; all requests together have a limit of their own.
      maxSessionMemory: 64,
    };
    this.#http2 = tls
      ? createSecureServer({
          ...settings,
          cert: Buffer.from(tls.certificate),
          key: Buffer.from(tls.key),
          handshakeTimeout: limits.headerTime,
          ...(tls.clientCa && {
            ca: Buffer.from(tls.clientCa),
            requestCert: true,
            rejectUnauthorized: true,
            // A resumed session would not show its certificate again.
            secureOptions: cryptoConstants.SSL_OP_NO_TICKET,
          }),
        })
      : createHttp2Server(settings);
    this.#http2.setTimeout(0);
    this.#http2.on("session", (session) => this.#onSession(session));
    this.#http2.on("stream", (stream, headers) => this.#onStream(stream, headers));
    this.#http2.on("sessionError", () => {});
    this.#http2.on("tlsClientError", (error: Error & { reason?: string }, socket: TLSSocket) => {
      parts.tlsRefused?.(peerOf(socket), error.reason ?? error.message);
    });
  }

  /** Listens on every address of a host, and returns the port. @throws TapstakeError `listen-failed` */
  async listen({ host, port }: ListenAddress): Promise<number> {
    const text = addressText({ host, port });
    try {
      const found = isIP(host) === 0 ? await lookup(host, { all: true }) : [{ address: host }];
      let bound = port;
      let failure: unknown;
      for (const { address } of found) {
        try {
          bound = await this.#listenOn(address, bound);
        } catch (error) {
          failure ??= error;
        }
      }
      if (this.#listeners.length > 0) return bound;
      throw failure;
    } catch (cause) {
      throw listenFailed(text, "--address", cause);
    }
  }

  /** Lets begun calls end and their answers arrive. Callers that do not fetch them are cut off in the end. */
  async stop(patience: number): Promise<void> {
    for (const server of this.#listeners.splice(0)) server.close();
    const closed = [...this.#sessions].map(
      (session) =>
        new Promise<void>((resolve) => {
          session.once("close", resolve);
          if (!session.closed) session.close();
        }),
    );
    let impatient: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (impatient = setTimeout(resolve, patience)));
    await Promise.race([Promise.all(closed), late]);
    clearTimeout(impatient);
    for (const session of this.#sessions) session.destroy();
    this.#connections.stop();
  }

  #listenOn(host: string, port: number): Promise<number> {
    const server = createServer({ noDelay: true }, (socket) => {
      socket.on("error", () => {});
      if (this.#connections.admit(socket)) this.#http2.emit("connection", socket);
    });
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, () => {
        server.off("error", reject);
        // One that cannot be taken, as without a free file descriptor, is the caller's loss alone.
        server.on("error", () => {});
        this.#listeners.push(server);
        resolve((server.address() as AddressInfo).port);
      });
    });
  }

  #onSession(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.on("error", () => {});
    session.once("close", () => this.#sessions.delete(session));
    const connection = this.#connections.find(session.socket);
    if (!connection) {
      session.destroy();
      return;
    }
    connection.retire = () => session.close();
    if (!this.parts.tls?.clientCa) return;
    const certificate = (session.socket as TLSSocket).getPeerX509Certificate();
    if (certificate) connection.client = clientOf(certificate);
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on("error", () => {});
    const socket = stream.session?.socket;
    const connection = socket && this.#connections.find(socket);
    if (!connection) {
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    const share = this.#connections.begin(connection);
    if (!share) {
      fail(stream, status.RESOURCE_EXHAUSTED, "the signer has too many calls in progress: try again");
      return;
    }
    new Exchange(stream, headers, { ...this.parts, connection, share }).begin();
  }
}

interface ExchangeParts extends Parts {
  readonly connection: Connection;
  readonly share: Share;
}

/** One call: its request is read within its share, and its answer is written. */
class Exchange {
  #isRunning = false;
  #isClosed = false;
  #isOver = false;
  #timer: NodeJS.Timeout | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #prefix = Buffer.alloc(PREFIX);
  #message: Buffer | undefined;
  #read = 0;

  constructor(
    private readonly stream: ServerHttp2Stream,
    private readonly headers: IncomingHttpHeaders,
    private readonly parts: ExchangeParts,
  ) {
    stream.once("close", () => {
      this.#isClosed = true;
      clearTimeout(this.#timer);
      clearTimeout(this.#deadline);
      this.#settle();
    });
  }

  begin(): void {
    const { stream, headers, parts } = this;
    const handler = parts.handlers.get(headers[":path"] ?? "");
    if (!/^application\/grpc(\+proto)?($|;)/.test(headers["content-type"] ?? "")) {
      stream.respond({ ":status": 415 }, { endStream: true });
      closeRead(stream);
      return;
    }
    if (headers[":method"] !== "POST" || !handler) {
      fail(stream, status.UNIMPLEMENTED, "this signer has no such method");
      return;
    }
    if (!this.#startDeadline()) return;
    this.#timer = setTimeout(() => {
      parts.refused("request-time");
      this.#fail(
        status.DEADLINE_EXCEEDED,
        `the request did not arrive within ${parts.limits.requestTime} ms`,
      );
    }, parts.limits.requestTime).unref();
    stream.on("data", (chunk: Buffer) => this.#take(chunk));
    stream.once("end", () => this.#run(handler));
  }

  /** @returns false if what the caller says of its deadline cannot be read */
  #startDeadline(): boolean {
    const text = this.headers["grpc-timeout"];
    if (text === undefined) return true;
    const match = /^(\d{1,8})([HMSmun])$/.exec(String(text));
    if (!match) {
      this.#fail(status.INTERNAL, "grpc-timeout cannot be read");
      return false;
    }
    const milliseconds = Math.min(Number(match[1]) * UNITS[match[2] as keyof typeof UNITS], 2 ** 31 - 1);
    this.#deadline = setTimeout(
      () => this.#fail(status.DEADLINE_EXCEEDED, "Deadline exceeded"),
      milliseconds,
    );
    return true;
  }

  #take(chunk: Buffer): void {
    if (this.#isOver) return;
    let at = 0;
    if (this.#read < PREFIX) {
      at = Math.min(PREFIX - this.#read, chunk.length);
      chunk.copy(this.#prefix, this.#read, 0, at);
      this.#read += at;
      if (this.#read < PREFIX) return;
    }
    if (!this.#message) {
      const isReadable = this.#openMessage();
      if (!isReadable) return;
    }
    const rest = chunk.length - at;
    if (this.#read - PREFIX + rest > this.#message!.length) {
      this.#fail(status.UNIMPLEMENTED, "a call has one message");
      return;
    }
    // Copied: a part would keep the whole block in which it arrived.
    chunk.copy(this.#message!, this.#read - PREFIX, at);
    this.#read += rest;
  }

  /** Makes room for a message whose length is known now. */
  #openMessage(): boolean {
    const length = this.#prefix.readUInt32BE(1);
    if (this.#prefix[0] !== 0) {
      this.#fail(status.UNIMPLEMENTED, "this signer takes no compressed messages");
    } else if (length > MAX_REQUEST) {
      this.#fail(
        status.RESOURCE_EXHAUSTED,
        `Received message larger than max (${length} vs. ${MAX_REQUEST})`,
      );
    } else if (!this.parts.share.reserve(length)) {
      this.#fail(status.RESOURCE_EXHAUSTED, "the signer has no room for a request of this size: try again");
    } else {
      this.#message = Buffer.allocUnsafeSlow(length);
      return true;
    }
    return false;
  }

  #run(handler: UnaryHandler): void {
    clearTimeout(this.#timer);
    if (this.#isOver || this.#isClosed) return;
    if (!this.#message || this.#read !== PREFIX + this.#message.length) {
      this.#fail(status.INTERNAL, "the request ends within its message");
      return;
    }
    const { connection } = this.parts;
    const isGone = () => this.#isOver || this.#isClosed;
    this.#isRunning = true;
    const call: UnaryCall = {
      request: this.#message,
      metadata: Metadata.fromHttp2Headers(this.headers),
      get cancelled() {
        return isGone();
      },
      client: connection.client,
      getPeer: () => connection.peer,
      prove: () => void (connection.proven = true),
    };
    handler(call, (error, reply, trailer) => {
      this.#isRunning = false;
      if (error) this.#fail(error.code ?? status.UNKNOWN, error.details ?? "", error.metadata);
      else this.#reply(reply!, trailer ?? undefined);
      this.#settle();
    });
  }

  #reply(reply: Buffer, trailer: Metadata | undefined): void {
    const { stream } = this;
    if (!this.#end()) return;
    stream.respond(HEADERS, { waitForTrailers: true });
    stream.once("wantTrailers", () =>
      stream.sendTrailers({ ...trailer?.toHttp2Headers(), "grpc-status": status.OK }),
    );
    const frame = Buffer.allocUnsafe(PREFIX + reply.length);
    frame[0] = 0;
    frame.writeUInt32BE(reply.length, 1);
    reply.copy(frame, PREFIX);
    stream.end(frame);
  }

  #fail(code: status, details: string, metadata?: Partial<Metadata>): void {
    if (this.#end()) fail(this.stream, code, details, metadata as Metadata);
  }

  /** Whether an answer can still be given; it is given once. */
  #end(): boolean {
    if (this.#isOver || this.#isClosed || this.stream.destroyed) return false;
    this.#isOver = true;
    clearTimeout(this.#deadline);
    clearTimeout(this.#timer);
    const { limits, refused } = this.parts;
    this.#timer = setTimeout(() => {
      refused("answer-time");
      this.stream.close(constants.NGHTTP2_CANCEL);
    }, limits.answerTime).unref();
    return true;
  }

  /** The share ends with the stream and the handler, as both hold the request. */
  #settle(): void {
    if (!this.#isClosed || this.#isRunning) return;
    this.#message = undefined;
    this.parts.share.end();
  }
}

const UNITS = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 };

const HEADERS: OutgoingHttpHeaders = { ":status": 200, "content-type": "application/grpc+proto" };

function fail(stream: ServerHttp2Stream, code: status, details: string, metadata?: Metadata): void {
  if (stream.destroyed || stream.closed) return;
  const trailers = { ...metadata?.toHttp2Headers(), "grpc-status": code, "grpc-message": escaped(details) };
  stream.respond({ ...HEADERS, ...trailers }, { endStream: true });
  closeRead(stream);
}

/**
 * What a caller still sends for a call that has its answer is thrown away. The reset comes later: HTTP/2's library
 * drops an answer that is still in its queue when the stream is reset.
 */
function closeRead(stream: ServerHttp2Stream): void {
  stream.resume();
  const late = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), DISCARD_TIME).unref();
  stream.once("close", () => clearTimeout(late));
}

/** How long the signer reads on, in milliseconds. */
const DISCARD_TIME = 1000;

/** gRPC's text in a header: bytes beyond printable ASCII, and %, as %XX. */
const escaped = (text: string): string =>
  [...Buffer.from(text)]
    .map((byte) =>
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
    )
    .join("");
