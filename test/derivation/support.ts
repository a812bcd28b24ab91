import { concatBytes } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { scalar } from "../../src/core/scalar.js";
import { SecretRandomness } from "../../src/crypto/randomness.js";
import { Kernel } from "../../src/derivation/kernel.js";

export const bytesOf = (...scalars: readonly bigint[]): Uint8Array =>
  concatBytes(...scalars.map(scalar.toBytes));

/** Random scalars: the secret randomness of heights from one on. */
export function randomScalars(seed: number, count: number): Uint8Array {
  const secrets = new SecretRandomness(new Uint8Array(32).fill(seed), "scalars");
  return concatBytes(...Array.from({ length: count }, (_, i) => secrets.at(BigInt(i))));
}

/** 33 bytes for each scalar, by libsecp256k1. */
export function pointsByLibrary(scalars: Uint8Array): Uint8Array {
  const count = scalars.length / 32;
  return concatBytes(
    ...Array.from({ length: count }, (_, i) => curve.pointFromScalar(scalars.subarray(32 * i, 32 * i + 32))!),
  );
}

/** A kernel whose results are changed before its caller reads them. */
export class FaultyKernel extends Kernel {
  readonly #mutate: (results: Uint8Array) => void;

  constructor(mutate: (results: Uint8Array) => void) {
    super(8, 1024);
    this.#mutate = mutate;
  }

  override multiply(scalars: Uint8Array): Uint8Array | undefined {
    const results = super.multiply(scalars);
    if (results) this.#mutate(results);
    return results;
  }
}
