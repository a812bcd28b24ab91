import { createRequire } from "node:module";

/** The slow parts of bitcore-lib's curve; it comes without typings. */
interface Point {
  liftX(): Point;
}
interface Points {
  fromX(odd: boolean, x: Uint8Array): Point;
  readonly prototype: Point;
}
interface Signature {
  toBuffer(): Buffer;
}
interface PublicKey {
  readonly point: { readonly x: { toString(base: "hex"): string } };
}
interface Schnorr {
  verify(publicKey: PublicKey | Buffer, digest: Buffer, signature: Signature | Buffer): boolean;
}

const load = createRequire(import.meta.url);
const { Point } = (load("bitcore-lib") as { crypto: { Point: Points } }).crypto;
const schnorr = load("bitcore-lib/lib/crypto/schnorr.js") as Schnorr;

/**
 * Lets bitcore-lib remember points of x coordinates and verified signatures by their bytes. It multiplies every point
 * that it makes by the order of the curve, and a transaction that is wrong in one thing has the other signatures and
 * keys of the right one: they cost milliseconds each.
 */
export function rememberPoints(): void {
  const { fromX } = Point;
  const points = new Map<string, Point>();
  Point.fromX = (odd, x) => {
    const name = `${odd} ${(x as Buffer).toString("hex")}`;
    return remembered(points, name, () => fromX(odd, x));
  };
  const { liftX } = Point.prototype;
  const lifted = new WeakMap<Point, Point>();
  Point.prototype.liftX = function (this: Point) {
    const known = lifted.get(this) ?? liftX.call(this);
    lifted.set(this, known);
    return known;
  };
  const { verify } = schnorr;
  const verdicts = new Map<string, boolean>();
  schnorr.verify = (publicKey, digest, signature) => {
    const key = Buffer.isBuffer(publicKey) ? publicKey.toString("hex") : publicKey.point.x.toString("hex");
    const signed = Buffer.isBuffer(signature) ? signature : signature.toBuffer();
    const name = `${key} ${digest.toString("hex")} ${signed.toString("hex")}`;
    return remembered(verdicts, name, () => verify(publicKey, digest, signature));
  };
}

function remembered<T>(known: Map<string, T>, name: string, compute: () => T): T {
  const before = known.get(name);
  if (before !== undefined) return before;
  const value = compute();
  known.set(name, value);
  return value;
}
