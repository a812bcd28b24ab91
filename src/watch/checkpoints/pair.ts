/** A part of a checkpoint, where it is in the chain. */
export interface PartAt {
  readonly height: number;
  readonly position: number;
  /** The output. */
  readonly index: number;
  /** What follows OP_RETURN: 78 bytes for part 0, 63 for part 1. */
  readonly data: Uint8Array;
  /** 32 bytes in the order of bytes of a transaction. */
  readonly txid: Uint8Array;
  /** Of a part 1: the txid of the part 0 with its checksum that its transaction spends. */
  readonly spends: Uint8Array | null;
}

/** A part 0 and a part 1 that name each other by checksum. Only BLS says whether validators signed it. */
export interface Pair {
  readonly first: PartAt;
  readonly second: PartAt;
  /** Whether the transaction of part 1 spends that of part 0. */
  readonly linked: boolean;
  /** Of the block that completed it. */
  readonly height: number;
}

/**
 * The pairs among parts of one tag and checksum. Every part 0 stands with every part 1, as anyone can write a part with
 * any checksum, and no part is used up. Copies of the same bytes count once: the pair is the one that is linked, or else
 * the one that was complete first.
 */
export function pairsOf(parts: readonly PartAt[]): Pair[] {
  // A flood of one checksum comes here at each of its blocks: the length says enough of what was read before.
  const ofPart = (part: 0 | 1) =>
    grouped(parts.filter(({ data }) => data.length === LENGTHS[part]).toSorted(byPlace));
  const seconds = ofPart(1);
  return ofPart(0).flatMap((firsts) => seconds.map((copies) => pairOf(firsts, copies)));
}

const LENGTHS = [78, 63] as const;

function pairOf(firsts: readonly PartAt[], seconds: readonly PartAt[]): Pair {
  for (const second of seconds) {
    const { spends } = second;
    const first = spends && firsts.find(({ txid }) => keyOf(txid) === keyOf(spends));
    if (first) return { first, second, linked: true, height: second.height };
  }
  const [first, second] = [firsts[0]!, seconds[0]!];
  return { first, second, linked: false, height: Math.max(first.height, second.height) };
}

/** What two pairs have in common when they say the same. */
export const contentOf = ({ first, second }: Pick<Pair, "first" | "second">): string =>
  keyOf(first.data) + keyOf(second.data);

function grouped(parts: readonly PartAt[]): PartAt[][] {
  const groups = new Map<string, PartAt[]>();
  for (const part of parts) {
    const key = keyOf(part.data);
    const group = groups.get(key);
    if (group) group.push(part);
    else groups.set(key, [part]);
  }
  return [...groups.values()];
}

const byPlace = (a: PartAt, b: PartAt): number =>
  a.height - b.height || a.position - b.position || a.index - b.index;

/** Bytes as a key of a map: quicker than hexadecimal, as a flood asks for many. */
export const keyOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
