/**
 * Arithmetic modulo p = 2^256 - 2^32 - 977, the field of secp256k1 (SEC 2, 2.4.1), in AssemblyScript.
 *
 * An element is nine limbs of 29 bits, the lowest first, each a signed 32-bit integer: its value is the sum of
 * limb i × 2^(29 i). WebAssembly has the lower 64 bits of a product only, so that nine products of limbs must fit into
 * 63: they do up to 2^59 each. Hence the bounds that everything here keeps:
 *
 * - *reduced*: what `mul`, `sqr` and `mulSub` return, and what is read from bytes. Limbs are from -2^20 to 2^29 + 2^20;
 *   the value may be p or more, and a little below zero.
 * - a *difference* of two reduced elements: limbs are within 2^29 + 2^21 of zero. Factors may be such.
 * - *twice* a reduced element: no factor, only taken away.
 *
 * Elements are named by their addresses; a result may take the place of an argument.
 */

/** Bytes of an element. */
export const ELEMENT: usize = 36;

const MASK: i64 = (1 << 29) - 1;
/** 2^261, the first bit above nine limbs, is 2^5 × (2^32 + 977) modulo p: 2^8 limbs further up, and this much here. */
const FOLD: i64 = 977 << 5;

/** What limb 8 has below 2^256. */
const TOP: i32 = (1 << 24) - 1;

const P = memory.data<i32>([
  0x1ffffc2f, 0x1ffffff7, 0x1fffffff, 0x1fffffff, 0x1fffffff, 0x1fffffff, 0x1fffffff, 0x1fffffff, 0xffffff,
]);
export const ZERO = memory.data<i32>([0, 0, 0, 0, 0, 0, 0, 0, 0]);
export const ONE = memory.data<i32>([1, 0, 0, 0, 0, 0, 0, 0, 0]);
export const TWO = memory.data<i32>([2, 0, 0, 0, 0, 0, 0, 0, 0]);
export const THREE = memory.data<i32>([3, 0, 0, 0, 0, 0, 0, 0, 0]);

/** Where this file computes: seven elements, the bits of one, and the bytes of one. */
const SCRATCH = memory.data(7 * 36 + 40 + 32, 8);
const BITS: usize = SCRATCH + 7 * ELEMENT;
const CANONICAL: usize = BITS + 40;

/** Forgets what was computed. */
export function wipeField(): void {
  memory.fill(SCRATCH, 0, 7 * ELEMENT + 40 + 32);
}

export function copy(r: usize, a: usize): void {
  memory.copy(r, a, ELEMENT);
}

/** r = a - b, of reduced ones. */
export function sub(r: usize, a: usize, b: usize): void {
  i32.store(r, i32.load(a, 0) - i32.load(b, 0), 0);
  i32.store(r, i32.load(a, 4) - i32.load(b, 4), 4);
  i32.store(r, i32.load(a, 8) - i32.load(b, 8), 8);
  i32.store(r, i32.load(a, 12) - i32.load(b, 12), 12);
  i32.store(r, i32.load(a, 16) - i32.load(b, 16), 16);
  i32.store(r, i32.load(a, 20) - i32.load(b, 20), 20);
  i32.store(r, i32.load(a, 24) - i32.load(b, 24), 24);
  i32.store(r, i32.load(a, 28) - i32.load(b, 28), 28);
  i32.store(r, i32.load(a, 32) - i32.load(b, 32), 32);
}

/** r = 2a, of a reduced one. */
export function twice(r: usize, a: usize): void {
  for (let i: usize = 0; i < ELEMENT; i += 4) i32.store(r + i, i32.load(a + i) << 1);
}

/** r = a × b */
export function mul(r: usize, a: usize, b: usize): void {
  mulSub(r, a, b, 0, 0);
}

/** r = a² */
export function sqr(r: usize, a: usize): void {
  mulSub(r, a, a, 0, 0);
}

/** r = a × b - u - v, where u and v are reduced or twice that; 0 for none. Nearly all time goes here. */
export function mulSub(r: usize, a: usize, b: usize, u: usize, v: usize): void {
  const a0 = limb(a, 0);
  const a1 = limb(a, 1);
  const a2 = limb(a, 2);
  const a3 = limb(a, 3);
  const a4 = limb(a, 4);
  const a5 = limb(a, 5);
  const a6 = limb(a, 6);
  const a7 = limb(a, 7);
  const a8 = limb(a, 8);
  const b0 = limb(b, 0);
  const b1 = limb(b, 1);
  const b2 = limb(b, 2);
  const b3 = limb(b, 3);
  const b4 = limb(b, 4);
  const b5 = limb(b, 5);
  const b6 = limb(b, 6);
  const b7 = limb(b, 7);
  const b8 = limb(b, 8);
  // Column i is worth 2^(29 i).
  let c0 = a0 * b0;
  let c1 = a0 * b1 + a1 * b0;
  let c2 = a0 * b2 + a1 * b1 + a2 * b0;
  let c3 = a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0;
  let c4 = a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0;
  let c5 = a0 * b5 + a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1 + a5 * b0;
  let c6 = a0 * b6 + a1 * b5 + a2 * b4 + a3 * b3 + a4 * b2 + a5 * b1 + a6 * b0;
  let c7 = a0 * b7 + a1 * b6 + a2 * b5 + a3 * b4 + a4 * b3 + a5 * b2 + a6 * b1 + a7 * b0;
  let c8 = a0 * b8 + a1 * b7 + a2 * b6 + a3 * b5 + a4 * b4 + a5 * b3 + a6 * b2 + a7 * b1 + a8 * b0;
  let c9 = a1 * b8 + a2 * b7 + a3 * b6 + a4 * b5 + a5 * b4 + a6 * b3 + a7 * b2 + a8 * b1;
  let c10 = a2 * b8 + a3 * b7 + a4 * b6 + a5 * b5 + a6 * b4 + a7 * b3 + a8 * b2;
  let c11 = a3 * b8 + a4 * b7 + a5 * b6 + a6 * b5 + a7 * b4 + a8 * b3;
  let c12 = a4 * b8 + a5 * b7 + a6 * b6 + a7 * b5 + a8 * b4;
  let c13 = a5 * b8 + a6 * b7 + a7 * b6 + a8 * b5;
  let c14 = a6 * b8 + a7 * b7 + a8 * b6;
  let c15 = a7 * b8 + a8 * b7;
  let c16 = a8 * b8;
  if (u) {
    c0 -= limb(u, 0) + limb(v, 0);
    c1 -= limb(u, 1) + limb(v, 1);
    c2 -= limb(u, 2) + limb(v, 2);
    c3 -= limb(u, 3) + limb(v, 3);
    c4 -= limb(u, 4) + limb(v, 4);
    c5 -= limb(u, 5) + limb(v, 5);
    c6 -= limb(u, 6) + limb(v, 6);
    c7 -= limb(u, 7) + limb(v, 7);
    c8 -= limb(u, 8) + limb(v, 8);
  }
  // Columns 9 and up to 29 bits each.
  c10 += c9 >> 29;
  c9 &= MASK;
  c11 += c10 >> 29;
  c10 &= MASK;
  c12 += c11 >> 29;
  c11 &= MASK;
  c13 += c12 >> 29;
  c12 &= MASK;
  c14 += c13 >> 29;
  c13 &= MASK;
  c15 += c14 >> 29;
  c14 &= MASK;
  c16 += c15 >> 29;
  c15 &= MASK;
  const c17 = c16 >> 29;
  c16 &= MASK;
  // Column 9 + i is 2^261 times column i.
  c0 += FOLD * c9;
  c1 += FOLD * c10 + (c9 << 8);
  c2 += FOLD * c11 + (c10 << 8);
  c3 += FOLD * c12 + (c11 << 8);
  c4 += FOLD * c13 + (c12 << 8);
  c5 += FOLD * c14 + (c13 << 8);
  c6 += FOLD * c15 + (c14 << 8);
  c7 += FOLD * c16 + (c15 << 8);
  c8 += FOLD * c17 + (c16 << 8);
  c1 += c0 >> 29;
  c0 &= MASK;
  c2 += c1 >> 29;
  c1 &= MASK;
  c3 += c2 >> 29;
  c2 &= MASK;
  c4 += c3 >> 29;
  c3 &= MASK;
  c5 += c4 >> 29;
  c4 &= MASK;
  c6 += c5 >> 29;
  c5 &= MASK;
  c7 += c6 >> 29;
  c6 &= MASK;
  c8 += c7 >> 29;
  c7 &= MASK;
  // And what is above 2^261 now.
  const high = (c17 << 8) + (c8 >> 29);
  c0 += FOLD * high;
  c1 += (high << 8) + (c0 >> 29);
  c2 += c1 >> 29;
  i64.store32(r, c0 & MASK, 0);
  i64.store32(r, c1 & MASK, 4);
  i64.store32(r, c2, 8);
  i64.store32(r, c3, 12);
  i64.store32(r, c4, 16);
  i64.store32(r, c5, 20);
  i64.store32(r, c6, 24);
  i64.store32(r, c7, 28);
  i64.store32(r, c8 & MASK, 32);
}

function limb(a: usize, i: usize): i64 {
  return i64.load32_s(a + 4 * i);
}

/** r = 1 / a, by Fermat: a^(p - 2). 0 of 0. The chain has 255 squarings and 15 multiplications. */
export function invert(r: usize, a: usize): void {
  // xN is a^(2^N - 1): p - 2 begins with 223 ones, and what follows is 0, 22 ones, 0000, 1, 0, 11, 0, 1.
  const x2 = SCRATCH;
  const x3 = x2 + ELEMENT;
  const x22 = x3 + ELEMENT;
  const x44 = x22 + ELEMENT;
  const x = x44 + ELEMENT;
  const y = x + ELEMENT;
  raise(x2, a, 1, a);
  raise(x3, x2, 1, a);
  raise(x, x3, 3, x3);
  raise(x, x, 3, x3);
  raise(x, x, 2, x2);
  raise(x22, x, 11, x);
  raise(x44, x22, 22, x22);
  raise(x, x44, 44, x44);
  raise(y, x, 88, x);
  raise(y, y, 44, x44);
  raise(y, y, 3, x3);
  raise(y, y, 23, x22);
  raise(y, y, 5, a);
  raise(y, y, 3, x2);
  raise(r, y, 2, a);
}

/** r = a^(2^n) × b */
function raise(r: usize, a: usize, n: i32, b: usize): void {
  const power = SCRATCH + 6 * ELEMENT;
  sqr(power, a);
  for (let i = 1; i < n; i++) sqr(power, power);
  mul(r, power, b);
}

/** From 32 bytes, big-endian; reduced. */
export function read(r: usize, bytes: usize): void {
  for (let i: usize = 0; i < 32; i += 8) store<u64>(BITS + i, bswap(load<u64>(bytes + 24 - i)));
  store<u64>(BITS + 32, 0);
  for (let i: usize = 0; i < 9; i++) {
    const bit: usize = 29 * i;
    i64.store32(r + 4 * i, (load<u64>(BITS + (bit >> 3)) >> (bit & 7)) & MASK);
  }
}

/** The 32 bytes, big-endian, of the value modulo p of a reduced element. */
export function write(bytes: usize, a: usize): void {
  const v = SCRATCH;
  const w = v + ELEMENT;
  // The value may lie a little below zero: with p added it does not.
  for (let i: usize = 0; i < ELEMENT; i += 4) i32.store(v + i, i32.load(a + i) + i32.load(P + i));
  // What is above 2^256 folds down; what that carries over folds down once more.
  for (let i = 0; i < 2; i++) {
    const high = i32.load(v, 32) >> 24;
    i32.store(v, i32.load(v, 32) & TOP, 32);
    addFolded(v, high);
  }
  // Below 2^256 one p at most is too much, and v - p is v + (2^256 - p) without the bit 2^256.
  copy(w, v);
  addFolded(w, 1);
  if (i32.load(w, 32) >> 24) {
    copy(v, w);
    i32.store(v, i32.load(v, 32) & TOP, 32);
  }
  memory.fill(BITS, 0, 40);
  for (let i: usize = 0; i < 9; i++) {
    const bit: usize = 29 * i;
    const at = BITS + (bit >> 3);
    store<u64>(at, load<u64>(at) | (i64.load32_u(v + 4 * i) << (bit & 7)));
  }
  for (let i: usize = 0; i < 32; i += 8) store<u64>(bytes + 24 - i, bswap(load<u64>(BITS + i)));
}

/** a += n × (2^256 - p), carried. */
function addFolded(a: usize, n: i32): void {
  i32.store(a, i32.load(a) + 977 * n);
  i32.store(a, i32.load(a, 4) + (n << 3), 4);
  for (let i: usize = 0; i < 32; i += 4) {
    i32.store(a + i, i32.load(a + i, 4) + (i32.load(a + i) >> 29), 4);
    i32.store(a + i, i32.load(a + i) & i32(MASK));
  }
}

/** Whether a reduced element is 0 modulo p. */
export function isZero(a: usize): bool {
  write(CANONICAL, a);
  const low = load<u64>(CANONICAL) | load<u64>(CANONICAL, 8);
  return (low | load<u64>(CANONICAL, 16) | load<u64>(CANONICAL, 24)) === 0;
}
