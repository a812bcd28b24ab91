import { assertBytes, hex } from "../../core/bytes.js";
import { assertChainId } from "../../vote/chain.js";
import type { StoredWatermarks } from "./decide.js";

/** A key and the chain that it votes on. Every memory of votes belongs to one of these. */
export interface KeyChain {
  /** X-only, 32 bytes. */
  readonly key: Uint8Array;
  readonly chainId: string;
}

/** A key and a chain as one text, for maps. @throws TapstakeError `invalid-bytes`, `invalid-chain-id` */
export function keyChainName(key: Uint8Array, chainId: string): string {
  assertBytes(key, "public key", 32);
  assertChainId(chainId);
  return `${hex.encode(key)} ${chainId}`;
}

/** The state of a key and chain in memory. It equals the store, which only this process writes. */
export interface KeyChainState extends KeyChain, Mutable<Omit<StoredWatermarks, "retired">> {
  retired: boolean;
  readonly id: number;
  /** The heights with votes: a store that has fewer has lost some. */
  readonly heights: Heights;
  /** The heights with a vote whose message is unknown. */
  readonly blocked: Heights;
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** A set of heights, kept as runs of neighbours: any number of consecutive votes costs one run. */
export class Heights {
  /** In order, with a gap between each two. */
  #runs: Run[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(height: bigint): boolean {
    const run = this.#runs[this.#place(height)];
    return run !== undefined && run.first <= height;
  }

  /** Returns whether the height is new. */
  add(height: bigint): boolean {
    if (this.has(height)) return false;
    this.#size++;
    const at = this.#place(height);
    const [before, after] = [this.#runs[at - 1], this.#runs[at]];
    const follows = before?.last === height - 1n;
    const leads = after?.first === height + 1n;
    if (follows && leads) this.#runs.splice(at - 1, 2, { first: before.first, last: after.last });
    else if (follows) before.last = height;
    else if (leads) after.first = height;
    else this.#runs.splice(at, 0, { first: height, last: height });
    return true;
  }

  /** Returns how many heights it removed. */
  removeBelow(height: bigint): number {
    const before = this.#size;
    this.#runs = this.#runs.slice(this.#place(height));
    const [run] = this.#runs;
    if (run && run.first < height) run.first = height;
    this.#size = this.#runs.reduce((size, { first, last }) => size + Number(last - first + 1n), 0);
    return before - this.#size;
  }

  /** The heights from one to another, in order. */
  *between(from: bigint, to: bigint): Generator<bigint, void> {
    for (let at = this.#place(from); at < this.#runs.length; at++) {
      const { first, last } = this.#runs[at]!;
      for (let height = first > from ? first : from; height <= last; height++) {
        if (height > to) return;
        yield height;
      }
    }
  }

  /** The first run that does not end before a height. */
  #place(height: bigint): number {
    let [from, to] = [0, this.#runs.length];
    // Most queries are for the last run.
    if (to === 0 || this.#runs[to - 1]!.last < height) return to;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#runs[middle]!.last < height) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

interface Run {
  first: bigint;
  last: bigint;
}
