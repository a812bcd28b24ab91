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
 * The sum of some points of 64 bytes each, x and y big-endian, the i-th in an order i + 1 times, as one more such point:
 * by Jacobian coordinates (x = X / Z², y = Y / Z³), which share nothing with `addAll` but the field. From the last point
 * to the first, one point is the sum of all so far, and a second one sums up the first. False where a sum meets its next
 * point, and where there are none.
 * @param order for each of `count` places, 4 bytes: which point it is
 */
export function weighted(result: usize, points: usize, count: usize, order: usize): bool {
  for (let i = count; i-- > 0;) {
    const point = points + 64 * <usize>load<u32>(order + 4 * i);
    read(T, point);
    read(U, point + 32);
    if (i + 1 === count) {
      copy(X, T);
      copy(Y, U);
      copy(Z, ONE);
      memory.copy(SUM, X, 3 * ELEMENT);
    } else if (!addAffine() || !addToSum()) return false;
  }
  if (count === 0) return false;
  invert(Z, SUM + 2 * ELEMENT);
  sqr(T, Z);
  mul(X, SUM, T);
  mul(T, T, Z);
  mul(Y, SUM + ELEMENT, T);
  write(result, X);
  write(result + 32, Y);
  return true;
}

/** (X, Y, Z) += the affine point (T, U); false where x is the same. */
function addAffine(): bool {
  // H = x2 Z² - X, R = y2 Z³ - Y
  sqr(V, Z);
  mulSub(H, T, V, X, ZERO);
  if (isZero(H)) return false;
  mul(V, V, Z);
  mulSub(R, U, V, Y, ZERO);
  mul(Z, Z, H);
  finish(X, Y, X, Y);
  return true;
}

/** SUM += (X, Y, Z); false where x is the same. */
function addToSum(): bool {
  const x = SUM;
  const y = x + ELEMENT;
  const z = y + ELEMENT;
  // U1 = x Z², U2 = X z², S1 = y Z³, S2 = Y z³; H = U2 - U1, R = S2 - S1
  sqr(T, Z);
  sqr(U, z);
  mul(U1, x, T);
  mulSub(H, X, U, U1, ZERO);
  if (isZero(H)) return false;
  mul(T, T, Z);
  mul(U, U, z);
  mul(S1, y, T);
  mulSub(R, Y, U, S1, ZERO);
  mul(z, z, Z);
  mul(z, z, H);
  finish(x, y, U1, S1);
  return true;
}

/** x = R² - H³ - 2 u H², y = R (u H² - x) - s H³ */
function finish(x: usize, y: usize, u: usize, s: usize): void {
  sqr(T, H);
  mul(V, u, T);
  mul(H, H, T);
  mul(T, s, H);
  twice(U, V);
  mulSub(x, R, R, H, U);
  sub(V, V, x);
  mulSub(y, R, V, T, ZERO);
}

/** Where this file computes: fifteen elements. */
const T = memory.data(15 * 36, 8);
const U: usize = T + ELEMENT;
const V: usize = T + 2 * ELEMENT;
const LAMBDA: usize = T + 3 * ELEMENT;
const INVERSE: usize = T + 4 * ELEMENT;
const X: usize = T + 5 * ELEMENT;
const Y: usize = T + 6 * ELEMENT;
const Z: usize = T + 7 * ELEMENT;
const H: usize = T + 8 * ELEMENT;
const R: usize = T + 9 * ELEMENT;
const U1: usize = T + 10 * ELEMENT;
const S1: usize = T + 11 * ELEMENT;
/** A second point: three elements. */
const SUM: usize = T + 12 * ELEMENT;

/** Forgets what was computed. */
export function wipePoints(): void {
  memory.fill(T, 0, 15 * ELEMENT);
}
