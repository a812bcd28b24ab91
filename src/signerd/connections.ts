import type { Socket } from "node:net";
import type { Client } from "./permissions.js";

/** What callers may use before and after the signer knows them. */
export interface Limits {
  /** Connections in all. */
  readonly connections: number;
  /** Connections from one address. */
  readonly connectionsPerAddress: number;
  /** Calls in progress on one connection. */
  readonly callsPerConnection: number;
  /** Calls in progress in all. Unproven connections share half of them. */
  readonly calls: number;
  /** Bytes of requests in progress in all. Unproven connections share half of them. */
  readonly bytes: number;
  /** Bytes of requests in progress on one connection. */
  readonly bytesPerConnection: number;
  /** Milliseconds from the opening of a connection, with its TLS handshake, to the first call. */
  readonly headerTime: number;
  /** Milliseconds in which a request must arrive. */
  readonly requestTime: number;
  /** Milliseconds in which a caller must fetch an answer. */
  readonly answerTime: number;
  /** Milliseconds that an unproven connection may stay open without a call in progress. */
  readonly unprovenIdleTime: number;
  /** The same for a proven one. */
  readonly idleTime: number;
  /** Calls without authentication that one address may make at once, and then in each second. */
  readonly anonymousBurst: number;
  readonly anonymousPerSecond: number;
}

export const LIMITS: Limits = {
  connections: 128,
  connectionsPerAddress: 64,
  callsPerConnection: 100,
  calls: 512,
  bytes: 32 << 20,
  bytesPerConnection: 16 << 20,
  headerTime: 10_000,
  requestTime: 20_000,
  answerTime: 60_000,
  unprovenIdleTime: 30_000,
  idleTime: 30 * 60_000,
  anonymousBurst: 200,
  anonymousPerSecond: 20,
};

/** The limits that keep a connection or a call out. */
export const REFUSALS = [
  "connections",
  "calls",
  "bytes",
  "header-time",
  "request-time",
  "answer-time",
] as const;

export type Refusal = (typeof REFUSALS)[number];

/** A request of so few bytes has its place in the limit of calls: a vote needs no room from the others. */
const SMALL = 4096;

/** How often the signer looks for connections whose time is over, in milliseconds. */
const SWEEP = 500;

export interface Connection {
  /** `address:port`. */
  readonly peer: string;
  readonly address: string;
  readonly openedAt: number;
  /** Whether an authenticated call came over it. */
  proven: boolean;
  /** Whose certificate TLS has verified. */
  client: Client | undefined;
  calls: number;
  bytes: number;
  /** When the first call came, and when the last one ended. */
  begunAt: number | undefined;
  idleSince: number;
  /** Ends it at once. */
  readonly cut: () => void;
  /** Ends it in order: the caller connects again. */
  retire: () => void;
}

/** The connections of a server, and what they may use. Bounds hold before anything of a request is read. */
export class Connections {
  readonly #open = new Map<string, Connection>();
  readonly #total = { proven: { calls: 0, bytes: 0 }, unproven: { calls: 0, bytes: 0 } };
  readonly #sweeper: NodeJS.Timeout;

  constructor(
    private readonly limits: Limits,
    private readonly refused: (why: Refusal) => void,
  ) {
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP).unref();
  }

  stop(): void {
    clearInterval(this.#sweeper);
  }

  /** The connection of a socket that is open. */
  find(socket: Pick<Socket, "remoteAddress" | "remotePort">): Connection | undefined {
    return this.#open.get(peerOf(socket));
  }

  /** Takes a connection. If there are too many, the oldest unproven one makes room; else this one is cut. */
  admit(socket: Socket): boolean {
    const { remoteAddress: address = "" } = socket;
    const peer = peerOf(socket);
    const cut = () => void socket.destroy();
    const { connections, connectionsPerAddress } = this.limits;
    const neighbours = [...this.#open.values()].filter((other) => other.address === address);
    const hasRoom =
      (neighbours.length < connectionsPerAddress || this.#makeRoom(neighbours)) &&
      (this.#open.size < connections || this.#makeRoom([...this.#open.values()]));
    if (!hasRoom) {
      this.refused("connections");
      cut();
      return false;
    }
    const now = Date.now();
    const connection: Connection = {
      peer,
      address,
      openedAt: now,
      proven: false,
      client: undefined,
      calls: 0,
      bytes: 0,
      begunAt: undefined,
      idleSince: now,
      cut,
      retire: cut,
    };
    this.#open.set(peer, connection);
    socket.once("close", () => this.#forget(connection));
    return true;
  }

  /**
   * Begins a call.
   * @returns its share of the limits, or undefined if there is no room for it
   */
  begin(connection: Connection): Share | undefined {
    const { limits } = this;
    connection.begunAt ??= Date.now();
    // A call keeps to the pool in which it began.
    const { proven } = connection;
    const pool = proven ? this.#total.proven : this.#total.unproven;
    const calls = this.#total.proven.calls + this.#total.unproven.calls;
    const isFull =
      connection.calls >= limits.callsPerConnection ||
      calls >= limits.calls ||
      (!proven && pool.calls >= limits.calls / 2);
    if (isFull) {
      this.refused("calls");
      return undefined;
    }
    connection.calls++;
    pool.calls++;
    let held = 0;
    return {
      reserve: (count) => {
        if (count <= SMALL) return true;
        const bytes = this.#total.proven.bytes + this.#total.unproven.bytes + count;
        const isTooMuch =
          connection.bytes + count > limits.bytesPerConnection ||
          bytes > limits.bytes ||
          (!proven && pool.bytes + count > limits.bytes / 2);
        if (isTooMuch) {
          this.refused("bytes");
          return false;
        }
        held = count;
        connection.bytes += count;
        pool.bytes += count;
        return true;
      },
      end: () => {
        connection.calls--;
        connection.bytes -= held;
        pool.calls--;
        pool.bytes -= held;
        connection.idleSince = Date.now();
      },
    };
  }

  #makeRoom(among: readonly Connection[]): boolean {
    const oldest = among.find(({ proven }) => !proven);
    if (!oldest) return false;
    this.refused("connections");
    this.#forget(oldest);
    oldest.cut();
    return true;
  }

  #forget(connection: Connection): void {
    if (this.#open.get(connection.peer) === connection) this.#open.delete(connection.peer);
  }

  #sweep(): void {
    const now = Date.now();
    const { headerTime, unprovenIdleTime, idleTime } = this.limits;
    for (const connection of this.#open.values()) {
      if (connection.begunAt === undefined) {
        if (now - connection.openedAt < headerTime) continue;
        this.refused("header-time");
        connection.cut();
      } else if (connection.calls === 0) {
        const limit = connection.proven ? idleTime : unprovenIdleTime;
        if (now - connection.idleSince >= limit) connection.retire();
      }
    }
  }
}

/** What one call holds of the limits. */
export interface Share {
  /** Reserves room for a request's bytes, once. */
  readonly reserve: (count: number) => boolean;
  readonly end: () => void;
}

export const peerOf = (socket: Pick<Socket, "remoteAddress" | "remotePort">): string =>
  `${socket.remoteAddress}:${socket.remotePort}`;

/** The most addresses whose calls are counted. */
const MAX_ADDRESSES = 1024;

/** Calls without authentication, by the address that they are from. */
export class AnonymousCalls {
  readonly #left = new Map<string, { tokens: number; at: number }>();

  constructor(
    private readonly limits: Pick<Limits, "anonymousBurst" | "anonymousPerSecond">,
    private readonly now: () => number = Date.now,
  ) {}

  /** Whether an address may make another one. */
  take(peer: string): boolean {
    const address = peer.replace(/:\d+$/, "");
    const { anonymousBurst, anonymousPerSecond } = this.limits;
    const now = this.now();
    const { tokens, at } = this.#left.get(address) ?? { tokens: anonymousBurst, at: now };
    const filled = Math.min(anonymousBurst, tokens + ((now - at) / 1000) * anonymousPerSecond);
    const isAllowed = filled >= 1;
    this.#left.delete(address);
    this.#left.set(address, { tokens: isAllowed ? filled - 1 : filled, at: now });
    if (this.#left.size > MAX_ADDRESSES) this.#left.delete(this.#left.keys().next().value!);
    return isAllowed;
  }
}
