import type { Edge, Pool } from "./graph.js";
import { Names } from "./names.js";

/**
 * Pools and edges in the very bytes in which `restakingToJson` writes them: a file of 200,000 stakes is read in a fraction
 * of the time and memory that JSON.parse takes. What looks otherwise is left to the reader of any JSON.
 */
export class Rows {
  readonly #names = new Names();
  /** The objects of `loss`, and the ends of edges: few differ. */
  readonly #parts = new Names();
  readonly #losses = new Map<number, Edge["loss"]>();
  readonly #ends = new Map<number, End>();
  readonly #read: (text: string) => End;
  readonly #readLoss: (text: string) => Edge["loss"];
  /** The number of the last name behind each literal. */
  readonly #last = new Map<Uint8Array, number>();
  /** Where the last token ended. */
  #at = 0;

  /** @param readers strict readers of what the rows repeat: they throw at what is invalid, or not as expected */
  constructor(readers: { loss(text: string): Edge["loss"]; end(text: string): End }) {
    this.#readLoss = readers.loss;
    this.#read = readers.end;
  }

  /** Where the last entry that was read ended. */
  get end(): number {
    return this.#at;
  }

  /** The pool that begins there; undefined where the bytes are not exactly as expected, or not all there. */
  pool(bytes: Uint8Array, from: number): Pool | undefined {
    this.#at = from;
    const id = this.#field(bytes, POOL.id);
    const asset = id === undefined ? undefined : this.#field(bytes, POOL.asset);
    const kind = asset === undefined ? undefined : this.#field(bytes, POOL.kind);
    const amount = kind === undefined ? undefined : this.#amount(bytes, POOL.amount);
    if (amount === undefined || !KINDS.has(kind!) || !this.#literal(bytes, CLOSE)) return undefined;
    return { id: id!, asset: asset!, kind: kind as Pool["kind"], amount };
  }

  /** The edge that begins there, likewise. */
  edge(bytes: Uint8Array, from: number): Edge | undefined {
    this.#at = from;
    const pool = this.#field(bytes, EDGE.pool);
    const operator = pool === undefined ? undefined : this.#field(bytes, EDGE.operator);
    const service = operator === undefined ? undefined : this.#field(bytes, EDGE.service);
    const weight = service === undefined ? undefined : this.#amount(bytes, EDGE.weight);
    const slashable = weight === undefined ? undefined : this.#amount(bytes, EDGE.slashable);
    if (slashable === undefined || !this.#literal(bytes, EDGE.loss)) return undefined;
    const loss = this.#part(bytes, this.#losses, this.#readLoss);
    if (!loss || bytes[this.#at] !== COMMA) return undefined;
    const end = this.#part(bytes, this.#ends, this.#read);
    if (!end) return undefined;
    return {
      pool: pool!,
      operator: operator!,
      service: service!,
      weight: weight!,
      // Mostly the same amount: then it is stored once.
      slashable: slashable === weight ? weight : slashable,
      loss,
      shares: end.shares,
      onSlash: end.onSlash,
      veto: end.veto,
      pending: end.pending,
    };
  }

  #literal(bytes: Uint8Array, literal: Uint8Array): boolean {
    const at = this.#at;
    for (let i = 0; i < literal.length; i++) if (bytes[at + i] !== literal[i]) return false;
    this.#at = at + literal.length;
    return true;
  }

  /** A literal that ends with the quote of a name, and the name: of printable ASCII without escapes. */
  #field(bytes: Uint8Array, literal: Uint8Array): string | undefined {
    if (!this.#literal(bytes, literal)) return undefined;
    const from = this.#at;
    // Mostly the same as in the entry before, or, of an edge's pool, the next.
    const last = this.#last.get(literal) ?? 0;
    for (let number = last; number < last + 2; number++) {
      const end = this.#names.endOf(number, bytes, from);
      if (end === -1 || bytes[end] !== QUOTE) continue;
      this.#last.set(literal, number);
      this.#at = end;
      return this.#names.text(number);
    }
    let to = from;
    for (;;) {
      const byte = bytes[to];
      if (byte === QUOTE) break;
      if (byte === undefined || byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return undefined;
      to++;
    }
    if (to === from || to - from > LONGEST_NAME) return undefined;
    this.#at = to;
    const number = this.#names.numberOf(bytes, from, to);
    this.#last.set(literal, number);
    return this.#names.text(number);
  }

  /** A literal that ends with the quote of an amount, and the amount. */
  #amount(bytes: Uint8Array, literal: Uint8Array): bigint | undefined {
    if (!this.#literal(bytes, literal)) return undefined;
    const from = this.#at;
    let to = from;
    let value = 0;
    for (;;) {
      const byte = bytes[to];
      if (byte === QUOTE) break;
      if (byte === undefined || byte < 0x30 || byte > 0x39) return undefined;
      value = 10 * value + byte - 0x30;
      to++;
    }
    const digits = to - from;
    if (digits === 0 || digits > LONGEST_AMOUNT || (bytes[from] === 0x30 && digits > 1)) return undefined;
    this.#at = to;
    // So many digits are exact in a float.
    return digits <= 15 ? BigInt(value) : BigInt(String.fromCharCode(...bytes.subarray(from, to)));
  }

  /** What stands there up to the next closing brace, as its reader read the same bytes before. */
  #part<T>(bytes: Uint8Array, known: Map<number, T>, read: (text: string) => T): T | undefined {
    const from = this.#at;
    const to = bytes.indexOf(BRACE, from);
    if (to === -1 || to - from > LONGEST_PART) return undefined;
    const number = this.#parts.numberOf(bytes, from, to + 1);
    this.#at = to + 1;
    const there = known.get(number);
    if (there) return there;
    try {
      const value = read(this.#parts.text(number));
      known.set(number, value);
      return value;
    } catch {
      // The reader of any JSON says what is wrong, and where.
      return undefined;
    }
  }
}

/** What follows the loss of an edge. */
export type End = Pick<Edge, "shares" | "onSlash" | "veto" | "pending">;

const [QUOTE, BACKSLASH, COMMA, BRACE] = [0x22, 0x5c, 0x2c, 0x7d];
const LONGEST_NAME = 200;
const LONGEST_AMOUNT = 78;
const LONGEST_PART = 300;

const KINDS: ReadonlySet<string> = new Set(["utxo", "strategy-delegation", "vault", "adapter"]);

const ascii = (text: string) => new TextEncoder().encode(text);
const CLOSE = ascii('"}');
const POOL = {
  id: ascii('{"id":"'),
  asset: ascii('","asset":"'),
  kind: ascii('","kind":"'),
  amount: ascii('","amount":"'),
};
const EDGE = {
  pool: ascii('{"pool":"'),
  operator: ascii('","operator":"'),
  service: ascii('","service":"'),
  weight: ascii('","weight":"'),
  slashable: ascii('","slashable":"'),
  loss: ascii('","loss":'),
};
