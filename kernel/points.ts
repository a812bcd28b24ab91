import {
  copy,
  ELEMENT,
  invert,
  isZero,
  mul,
  mulSub,
  ONE,
  read,
  sqr,
  sub,
  THREE,
  TWO,
  twice,
  write,
  ZERO,
} from "./field";

/**
 * Points of y² = x³ + 7. An affine point is two reduced elements, x and y; infinity has no such form, and whatever
 * could lead there is refused by the answer false.
 */

/** Bytes of an affine point. */
export const POINT: usize = 2 * ELEMENT;

/** r = 2p. No point of secp256k1 has y = 0. */
export function double(r: usize, p: usize): void {
  // λ = 3x² / 2y
  sqr(T, p);
  mul(T, T, THREE);
  mul(U, p + ELEMENT, TWO);
  invert(U, U);
  mul(LAMBDA, T, U);
  follow(r, p, p);
}

/** r = p + q; false where x is the same. */
export function add(r: usize, p: usize, q: usize): bool {
  // λ = (y2 - y1) / (x2 - x1)
  sub(U, q, p);
  mul(U, U, ONE);
  if (isZero(U)) return false;
  invert(U, U);
  sub(T, q + ELEMENT, p + ELEMENT);
  mul(LAMBDA, T, U);
  follow(r, p, q);
  return true;
}

/** r is the third point of the line with slope λ through p and q, mirrored. */
function follow(r: usize, p: usize, q: usize): void {
  // x = λ² - x1 - x2, y = λ (x1 - x) - y1
  mulSub(T, LAMBDA, LAMBDA, p, q);
  sub(U, p, T);
  mulSub(r + ELEMENT, LAMBDA, U, p + ELEMENT, ZERO);
  copy(r, T);
}

/**
 * p[i] += q[i], for all i below `count`, with one inversion for them all (Montgomery's trick): six multiplications each
 * beside it. False, and nothing of use in p, where some p[i] and q[i] have the same x.
 * @param p the points, one after another
 * @param q the addresses of the others, 4 bytes each
 * @param differences room for an element a point
 * @param products room for an element a point
 */
export function addAll(p: usize, q: usize, count: usize, differences: usize, products: usize): bool {
  // products[i] is the product of the differences of x before i.
  copy(products, ONE);
  for (let i: usize = 0; i < count; i++) {
    const difference = differences + i * ELEMENT;
    sub(difference, load<u32>(q + 4 * i), p + i * POINT);
    mul(i + 1 < count ? products + (i + 1) * ELEMENT : INVERSE, products + i * ELEMENT, difference);
  }
  // One that is zero makes all of them zero.
  if (isZero(INVERSE)) return false;
  invert(INVERSE, INVERSE);
  // Before each step backwards, INVERSE is that of the differences up to and with i.
  for (let i = count; i-- > 0;) {
    const difference = differences + i * ELEMENT;
    const mine = p + i * POINT,
      other = <usize>load<u32>(q + 4 * i);
    mul(T, INVERSE, products + i * ELEMENT);
    mul(INVERSE, INVERSE, difference);
    sub(U, other + ELEMENT, mine + ELEMENT);
    mul(LAMBDA, U, T);
    follow(mine, mine, other);
  }
  return true;
}

/**
 * The sum of some points of 64 bytes each, x and y big-endian, as one more such point: by Jacobian coordinates
 * (x = X / Z², y = Y / Z³), which share nothing with `addAll` but the field. False where a sum meets its next point, and
 * where there are none.
 * @param choices a byte for each point: those count whose byte is `side`
 */
export function sum(result: usize, points: usize, count: usize, choices: usize, side: u8): bool {
  let begun = false;
  for (let i: usize = 0; i < count; i++) {
    if (load<u8>(choices + i) !== side) continue;
    if (!begun) {
      read(X, points + 64 * i);
      read(Y, points + 64 * i + 32);
      copy(Z, ONE);
      begun = true;
      continue;
    }
    read(T, points + 64 * i);
    read(U, points + 64 * i + 32);
    // H = x2 Z² - X, R = y2 Z³ - Y
    sqr(V, Z);
    mulSub(H, T, V, X, ZERO);
    if (isZero(H)) return false;
    mul(V, V, Z);
    mulSub(R, U, V, Y, ZERO);
    // Z' = Z H, X' = R² - H³ - 2 X H², Y' = R (X H² - X') - Y H³
    mul(Z, Z, H);
    sqr(T, H);
    mul(V, X, T);
    mul(H, H, T);
    twice(U, V);
    mulSub(X, R, R, H, U);
    mul(T, Y, H);
    sub(V, V, X);
    mulSub(Y, R, V, T, ZERO);
  }
  if (!begun) return false;
  invert(Z, Z);
  sqr(T, Z);
  mul(X, X, T);
  mul(T, T, Z);
  mul(Y, Y, T);
  write(result, X);
  write(result + 32, Y);
  return true;
}

/** Where this file computes: ten elements. */
const T = memory.data(10 * 36, 8);
const U: usize = T + ELEMENT;
const V: usize = T + 2 * ELEMENT;
const LAMBDA: usize = T + 3 * ELEMENT;
const INVERSE: usize = T + 4 * ELEMENT;
const X: usize = T + 5 * ELEMENT;
const Y: usize = T + 6 * ELEMENT;
const Z: usize = T + 7 * ELEMENT;
const H: usize = T + 8 * ELEMENT;
const R: usize = T + 9 * ELEMENT;

/** Forgets what was computed. */
export function wipePoints(): void {
  memory.fill(T, 0, 10 * ELEMENT);
}
