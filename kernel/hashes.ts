/**
 * The SHA256 of many short messages, four side by side in the lanes of a vector (FIPS 180-4). Each message is one byte,
 * the prefix, and an item of 32 or 64 bytes: the leaves and the inner nodes of a Merkle tree.
 */
const ITEMS: usize = memory.data(64 * 1024, 16);
const HASHES: usize = memory.data(32 * 1024, 16);

const STATE: usize = memory.data(16 * 8, 16);
const SCHEDULE: usize = memory.data(16 * 64, 16);

const INITIAL: usize = memory.data<u32>([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);

/** The first 32 bits of the fractions of the cube roots of the first 64 primes. */
const CONSTANTS: usize = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
]);

/** Where up to 1,024 items are written, one after another, before {@link hash} is called. */
export function itemsAt(): usize {
  return ITEMS;
}

/** Where their hashes are afterwards, 32 bytes each. */
export function hashesAt(): usize {
  return HASHES;
}

/** @param length bytes of an item: 32 or 64 */
export function hash(prefix: u32, length: usize, count: usize): void {
  for (let i: usize = 0; i < count; i += 4) hashFour(prefix, ITEMS + i * length, length, HASHES + 32 * i);
}

/** Items beyond the count are whatever is there, and so are their hashes. */
function hashFour(prefix: u32, items: usize, length: usize, hashes: usize): void {
  for (let i: usize = 0; i < 8; i++) v128.store(STATE + 16 * i, v128.load32_splat(INITIAL + 4 * i));
  for (let lane: usize = 0; lane < 4; lane++) {
    const item = items + lane * length;
    // The prefix puts every word one byte off.
    setWord(0, lane, (prefix << 24) | (bswap(load<u32>(item)) >> 8));
    for (let word: usize = 1; word < min<usize>(length, 64) / 4; word++) {
      setWord(word, lane, bswap(load<u32>(item + 4 * word - 1)));
    }
    if (length == 32) setWord(8, lane, ending(item, length));
  }
  if (length == 32) {
    pad(9, length);
  } else {
    compress();
    for (let lane: usize = 0; lane < 4; lane++) setWord(0, lane, ending(items + lane * length, length));
    pad(1, length);
  }
  compress();
  for (let lane: usize = 0; lane < 4; lane++) {
    for (let word: usize = 0; word < 8; word++) {
      store<u32>(hashes + 32 * lane + 4 * word, bswap(load<u32>(STATE + 16 * word + 4 * lane)));
    }
  }
}

/** The word with an item's last byte and the bit that ends every message. */
function ending(item: usize, length: usize): u32 {
  return ((load<u8>(item + length - 1) as u32) << 24) | 0x800000;
}

/** Zeros from a word on, and the length in bits. */
function pad(from: usize, length: usize): void {
  for (let word = from; word < 15; word++) v128.store(SCHEDULE + 16 * word, i32x4.splat(0));
  v128.store(SCHEDULE + 16 * 15, i32x4.splat((8 * (length + 1)) as i32));
}

function setWord(word: usize, lane: usize, value: u32): void {
  store<u32>(SCHEDULE + 16 * word + 4 * lane, value);
}

/** One block of each of the four messages, in the names of FIPS 180-4, section 6.2.2. */
function compress(): void {
  for (let at = SCHEDULE + 16 * 16; at < SCHEDULE + 16 * 64; at += 16) {
    const w15 = v128.load(at - 16 * 15);
    const w2 = v128.load(at - 16 * 2);
    const s0 = xor3(rotr(w15, 7), rotr(w15, 18), i32x4.shr_u(w15, 3));
    const s1 = xor3(rotr(w2, 17), rotr(w2, 19), i32x4.shr_u(w2, 10));
    v128.store(at, add(add(v128.load(at - 16 * 16), s0), add(v128.load(at - 16 * 7), s1)));
  }
  let a = v128.load(STATE, 0);
  let b = v128.load(STATE, 16);
  let c = v128.load(STATE, 32);
  let d = v128.load(STATE, 48);
  let e = v128.load(STATE, 64);
  let f = v128.load(STATE, 80);
  let g = v128.load(STATE, 96);
  let h = v128.load(STATE, 112);
  for (let i: usize = 0; i < 64; i++) {
    const choice = v128.bitselect(f, g, e);
    const known = add(v128.load32_splat(CONSTANTS + 4 * i), v128.load(SCHEDULE + 16 * i));
    const t1 = add(add(h, xor3(rotr(e, 6), rotr(e, 11), rotr(e, 25))), add(choice, known));
    const majority = v128.bitselect(a, c, v128.xor(b, c));
    const t2 = add(xor3(rotr(a, 2), rotr(a, 13), rotr(a, 22)), majority);
    h = g;
    g = f;
    f = e;
    e = add(d, t1);
    d = c;
    c = b;
    b = a;
    a = add(t1, t2);
  }
  addTo(0, a);
  addTo(1, b);
  addTo(2, c);
  addTo(3, d);
  addTo(4, e);
  addTo(5, f);
  addTo(6, g);
  addTo(7, h);
}

function addTo(word: usize, value: v128): void {
  v128.store(STATE + 16 * word, add(v128.load(STATE + 16 * word), value));
}

function rotr(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shr_u(x, bits), i32x4.shl(x, 32 - bits));
}

function xor3(a: v128, b: v128, c: v128): v128 {
  return v128.xor(v128.xor(a, b), c);
}

function add(a: v128, b: v128): v128 {
  return i32x4.add(a, b);
}
