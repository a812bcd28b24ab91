import { assertBytes, hex } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";

/**
 * A chain identifier as it goes into the randomness (PROTOCOL 6), byte for byte: "bbn-1" and "BBN-1" are two chains.
 * @throws TapstakeError `invalid-chain-id`
 */
export function assertChainId(value: unknown): asserts value is string {
  const length = typeof value === "string" ? Buffer.byteLength(value) : 0;
  // Half a surrogate pair has no UTF-8: two such texts would become one chain.
  if (typeof value !== "string" || length < 1 || length > 255 || LONE_SURROGATE.test(value)) {
    const got = typeof value === "string" ? `${length} bytes` : describeType(value);
    throw new TapstakeError("invalid-chain-id", `chain id: expected text of 1 to 255 bytes, got ${got}`);
  }
}

/** A key and a chain as one text, for maps. */
export function subjectName(key: Uint8Array, chainId: string): string {
  assertBytes(key, "public key", 32);
  assertChainId(chainId);
  return `${hex.encode(key)} ${chainId}`;
}

const LONE_SURROGATE = /\p{Surrogate}/u;
