import type { Edge, Pool } from "./graph.js";
import { isSame, Names, viewOf } from "./names.js";

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
  /** The number of the last name or part behind each literal. */
  readonly #last = new Int32Array(LITERALS.length);
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** Where the last token ended. */
  #at = 0;

  /** @param readers strict readers of what the rows repeat: they throw at what is invalid, or not as expected */
  constructor(readers: { loss(text: string): Edge["loss"]; end(text: string): End }) {
    this.#readLoss = readers.loss;
    this.#read = readers.end;
  }

  /** The bytes in which the next entries stand. */
  setBytes(bytes: Uint8Array): void {
    this.#view = viewOf(bytes);
  }

  /** Where the last entry that was read ended. */
  get end(): number {
    return this.#at;
  }

  /** The pool that begins there; undefined where the bytes are not exactly as expected, or not all there. */
  pool(from: number): Pool | undefined {
    this.#at = from;
    const id = this.#field(POOL.id);
    const asset = id === undefined ? undefined : this.#field(POOL.asset);
    const kind = asset === undefined ? undefined : this.#field(POOL.kind);
    const amount = kind === undefined ? undefined : this.#amount(POOL.amount);
    if (amount === undefined || !KINDS.has(kind!) || !this.#literal(CLOSE)) return undefined;
    return { id: id!, asset: asset!, kind: kind as Pool["kind"], amount };
  }

  /** The edge that begins there, likewise. */
  edge(from: number): Edge | undefined {
    this.#at = from;
    const pool = this.#field(EDGE.pool);
    const operator = pool === undefined ? undefined : this.#field(EDGE.operator);
    const service = operator === undefined ? undefined : this.#field(EDGE.service);
    const weight = service === undefined ? undefined : this.#amount(EDGE.weight);
    const slashable = weight === undefined ? undefined : this.#amount(EDGE.slashable);
    const loss = slashable === undefined ? undefined : this.#part(EDGE.loss, this.#losses, this.#readLoss);
    const end = loss === undefined ? undefined : this.#part(EDGE.end, this.#ends, this.#read);
    if (weight === undefined || slashable === undefined || !loss || !end) return undefined;
    return {
      pool: pool!,
      operator: operator!,
      service: service!,
      weight,
      // Mostly the same amount: then it is stored once.
      slashable: slashable === weight ? weight : slashable,
      loss,
      shares: end.shares,
      onSlash: end.onSlash,
      veto: end.veto,
      pending: end.pending,
    };
  }

  #literal({ view }: Literal): boolean {
    if (!isSame(this.#view, this.#at, view, 0, view.byteLength)) return false;
    this.#at += view.byteLength;
    return true;
  }

  /** A literal that ends with the quote of a name, and the name: of printable ASCII without escapes. */
  #field(literal: Literal): string | undefined {
    if (!this.#literal(literal)) return undefined;
    const view = this.#view;
    const from = this.#at;
    // Mostly the same as in the entry before, or, of an edge's pool, the next.
    const last = this.#last[literal.place]!;
    for (let number = last; number < last + 2; number++) {
      const end = this.#names.endOf(number, view, from);
      if (end === -1 || end >= view.byteLength || view.getUint8(end) !== QUOTE) continue;
      this.#last[literal.place] = number;
      this.#at = end;
      return this.#names.text(number);
    }
    const most = Math.min(view.byteLength, from + LONGEST_NAME + 1);
    let to = from;
    for (; ; to++) {
      if (to >= most) return undefined;
      const byte = view.getUint8(to);
      if (byte === QUOTE) break;
      if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return undefined;
    }
    if (to === from) return undefined;
    this.#at = to;
    const number = this.#names.numberOf(view, from, to);
    this.#last[literal.place] = number;
    return this.#names.text(number);
  }

  /** A literal that ends with the quote of an amount, and the amount. */
  #amount(literal: Literal): bigint | undefined {
    if (!this.#literal(literal)) return undefined;
    const view = this.#view;
    const from = this.#at;
    const most = Math.min(view.byteLength, from + LONGEST_AMOUNT + 1);
    let to = from;
    let value = 0;
    for (; ; to++) {
      if (to >= most) return undefined;
      const byte = view.getUint8(to);
      if (byte === QUOTE) break;
      if (byte < 0x30 || byte > 0x39) return undefined;
      value = 10 * value + byte - 0x30;
    }
    const digits = to - from;
    if (digits === 0 || (view.getUint8(from) === 0x30 && digits > 1)) return undefined;
    this.#at = to;
    // So many digits are exact in a float.
    return BigInt(digits <= 15 ? value : textOf(view, from, to));
  }

  /** A literal that a part begins with, up to the next closing brace, as its reader read the same bytes before. */
  #part<T>(literal: Literal, known: Map<number, T>, read: (text: string) => T): T | undefined {
    const view = this.#view;
    if (!this.#literal(literal)) return undefined;
    const from = this.#at - 1;
    let number = this.#last[literal.place]!;
    let to = this.#parts.endOf(number, view, from);
    if (to === -1) {
      const most = Math.min(view.byteLength, from + LONGEST_PART);
      for (to = from; to < most && view.getUint8(to) !== BRACE;) to++;
      if (to++ === most) return undefined;
      number = this.#parts.numberOf(view, from, to);
      this.#last[literal.place] = number;
    }
    this.#at = to;
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

const [QUOTE, BACKSLASH, BRACE] = [0x22, 0x5c, 0x7d];
const LONGEST_NAME = 200;
const LONGEST_AMOUNT = 78;
const LONGEST_PART = 300;

const KINDS: ReadonlySet<string> = new Set(["utxo", "strategy-delegation", "vault", "adapter"]);

/** What stands between values. */
interface Literal {
  readonly view: DataView;
  readonly place: number;
}

const LITERALS: Literal[] = [];

function literalOf(text: string): Literal {
  const made = { view: viewOf(new TextEncoder().encode(text)), place: LITERALS.length };
  LITERALS.push(made);
  return made;
}

const CLOSE = literalOf('"}');
const POOL = {
  id: literalOf('{"id":"'),
  asset: literalOf('","asset":"'),
  kind: literalOf('","kind":"'),
  amount: literalOf('","amount":"'),
};
const EDGE = {
  pool: literalOf('{"pool":"'),
  operator: literalOf('","operator":"'),
  service: literalOf('","service":"'),
  weight: literalOf('","weight":"'),
  slashable: literalOf('","slashable":"'),
  loss: literalOf('","loss":{'),
  end: literalOf(","),
};

const textOf = (view: DataView, from: number, to: number): string =>
  String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + from, to - from));
