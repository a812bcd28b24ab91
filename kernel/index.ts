import { read, wipeField, write } from "./field";
import { add, addAll, double, POINT, weighted, wipePoints } from "./points";

/**
 * Many multiples of G at once: k G for each of a batch of scalars k, which all take the same steps side by side.
 *
 * A scalar is cut into digits of some bits, the *window*, and k G is the sum over its digits of digit × 2^(their bits
 * before) × G. All of these stand in a table, with a column for each place of a digit. Points are affine, as `addAll`
 * wants them.
 *
 * **The offset.** A sum must not meet the entry that is added to it: with the same x there is no slope, and by the
 * shared inversion one such sum spoils its batch. Sums of plain multiples do meet, at two digits of zero to begin with.
 * So each column is shifted by a multiple of a point O that nobody can foresee: the first by 2 O, the next ones by O,
 * and the last by what takes all of that away again. A sum then contains 2 O, 3 O, 4 O and so on, an entry contains O,
 * and for those of a whole batch to meet O has to be one of some ten thousand among 2^256 points. No entry is infinity,
 * either. Should sums meet all the same, `multiply` answers false.
 *
 * Which entries are read depends on the scalars, and so on secrets: see docs/randomness.md.
 */

/** Bits of a digit, and their places. */
let window: usize = 0;
let places: usize = 0;
/** How many scalars a batch has at most. */
let capacity: usize = 0;

/** Where things are. */
let scalars: usize = 0;
let results: usize = 0;
let digits: usize = 0;
let sums: usize = 0;
let differences: usize = 0;
let products: usize = 0;
let entries: usize = 0;
let end: usize = 0;
let table: usize = 0;

/** A scalar's bytes, little-endian, and as many zeros as the last digit's load takes. */
const DIGITS: usize = 36;

const GENERATOR = memory.data<u8>([
  0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac, 0x55, 0xa0, 0x62, 0x95, 0xce, 0x87, 0x0b, 0x07, 0x02, 0x9b,
  0xfc, 0xdb, 0x2d, 0xce, 0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16, 0xf8, 0x17, 0x98, 0x48, 0x3a, 0xda, 0x77,
  0x26, 0xa3, 0xc4, 0x65, 0x5d, 0xa4, 0xfb, 0xfc, 0x0e, 0x11, 0x08, 0xa8, 0xfd, 0x17, 0xb4, 0x48, 0xa6, 0x85,
  0x54, 0x19, 0x9c, 0x47, 0xd0, 0x8f, 0xfb, 0x10, 0xd4, 0xb8,
]);

/** 2^i G, for all i below 256. */
const POWERS = memory.data(256 * 72, 8);
/** Of the first column, of those between, and of the last. */
const SHIFTS = memory.data(3 * 72, 8);

/**
 * Makes room for batches of `batch` scalars and for a table of digits of `bits` bits: from 1 to 16.
 * The three scalars of the shifts are to be written to `scalarsAt` then, before `build`.
 */
export function prepare(bits: usize, batch: usize): void {
  window = bits;
  places = (256 + bits - 1) / bits;
  capacity = batch;
  scalars = (__heap_base + 7) & ~7;
  results = scalars + 32 * batch;
  digits = results + 64 * (batch + 1);
  sums = digits + DIGITS * batch;
  differences = sums + POINT * batch;
  products = differences + (POINT * batch) / 2;
  entries = products + (POINT * batch) / 2;
  end = entries + 4 * batch;
  table = (end + 7) & ~7;
  const pages = <i32>((table + (places << window) * POINT + 0xffff) >> 16) - memory.size();
  if (pages > 0) memory.grow(pages);
}

/** Where scalars are written: 32 bytes each, big-endian, below the order of the group and not 0. */
export function scalarsAt(): usize {
  return scalars;
}

/** Where results are found: 64 bytes each, x and y, big-endian. Behind a batch of them stands its `total`. */
export function resultsAt(): usize {
  return results;
}

/** Where the order of the results is written, 4 bytes each, for `total`. */
export function orderAt(): usize {
  return entries;
}

/** Where the table begins: 2^window entries a place. */
export function tableAt(): usize {
  return table;
}

/**
 * Computes the table.
 * Expects the scalars of the shifts: of the first column, of each of the next ones, and of the last, whose sum over
 * all columns is 0. False where their points meet others.
 */
export function build(): bool {
  read(POWERS, GENERATOR);
  read(POWERS + POINT / 2, GENERATOR + 32);
  for (let i: usize = 1; i < 256; i++) double(POWERS + i * POINT, POWERS + (i - 1) * POINT);
  for (let i: usize = 0; i < 3; i++) if (!multiple(SHIFTS + i * POINT, scalars + 32 * i)) return false;
  for (let place: usize = 0; place < places; place++) {
    const column = table + (place << window) * POINT;
    const shift: usize = place === 0 ? 0 : place + 1 < places ? 1 : 2;
    memory.copy(column, SHIFTS + shift * POINT, POINT);
    // Each half of a column is the one before it, further on by the next power of two.
    for (let bit: usize = 0; bit < window; bit++) {
      // Digits of the last place do not reach above 2^256.
      const power = place * window + bit;
      if (power < 256 && !extend(column, 1 << bit, POWERS + power * POINT)) return false;
    }
  }
  return true;
}

/** column[have + i] = column[i] + step, for all i below `have`. */
function extend(column: usize, have: usize, step: usize): bool {
  for (let i: usize = 0; i < have; i += capacity) {
    const count = min(capacity, have - i);
    const next = column + (have + i) * POINT;
    memory.copy(next, column + i * POINT, count * POINT);
    for (let j: usize = 0; j < count; j++) store<u32>(entries + 4 * j, step);
    if (!addAll(next, entries, count, differences, products)) return false;
  }
  return true;
}

/** r = k G, bit by bit; false where sums meet. */
function multiple(r: usize, k: usize): bool {
  let begun = false;
  for (let i: usize = 0; i < 256; i++) {
    if (!((load<u8>(k + 31 - (i >> 3)) >> (<u8>(i & 7))) & 1)) continue;
    const power = POWERS + i * POINT;
    if (!begun) memory.copy(r, power, POINT);
    else if (!add(r, r, power)) return false;
    begun = true;
  }
  return begun;
}

/** The multiples of the first `count` scalars. False where a sum met an entry: results are of no use then. */
export function multiply(count: usize): bool {
  for (let i: usize = 0; i < count; i++) {
    const from = scalars + 32 * i,
      to = digits + DIGITS * i;
    for (let j: usize = 0; j < 32; j += 8) store<u64>(to + j, bswap(load<u64>(from + 24 - j)));
    store<u32>(to, 0, 32);
  }
  for (let place: usize = 0; place < places; place++) {
    const column = table + (place << window) * POINT;
    const bit = place * window;
    for (let i: usize = 0; i < count; i++) {
      const digit =
        (load<u32>(digits + DIGITS * i + (bit >> 3)) >> (<u32>(bit & 7))) & ((1 << (<u32>window)) - 1);
      const entry = column + <usize>digit * POINT;
      if (place === 0) memory.copy(sums + i * POINT, entry, POINT);
      else store<u32>(entries + 4 * i, entry);
    }
    if (place > 0 && !addAll(sums, entries, count, differences, products)) return false;
  }
  for (let i: usize = 0; i < count; i++) {
    write(results + 64 * i, sums + i * POINT);
    write(results + 64 * i + 32, sums + i * POINT + POINT / 2);
  }
  return true;
}

/**
 * The sum of the first `count` results, as they stand, the i-th in an order i + 1 times, written behind them. False where
 * sums meet, and where there are none.
 */
export function total(count: usize): bool {
  return weighted(results + 64 * count, results, count, entries);
}

/** Forgets every batch; the table stays. */
export function wipe(): void {
  memory.fill(scalars, 0, end - scalars);
  wipeField();
  wipePoints();
}
