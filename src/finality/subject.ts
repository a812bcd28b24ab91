import { assertBytes, equalBytes, hex, isBytes } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";

/**
 * A chain identifier as it goes into the randomness (PROTOCOL 6), byte for byte: "bbn-1" and "BBN-1" are two chains.
 * Only plain text is one, so that two are never taken for each other, by people or by programs.
 * @throws TapstakeError `invalid-chain-id`
 */
export function assertChainId(value: unknown): asserts value is string {
  if (isChainId(value)) return;
  const got = typeof value === "string" ? `${value.length} characters` : describeType(value);
  const text = `chain id: expected 1 to 128 printable ASCII characters without spaces, got ${got}`;
  throw new TapstakeError("invalid-chain-id", text);
}

/** Whether {@link assertChainId} lets it pass. */
export const isChainId = (value: unknown): value is string => typeof value === "string" && PLAIN.test(value);

/** The chain identifier that some bytes are. @throws TapstakeError `invalid-chain-id` */
export function chainIdOf(bytes: Uint8Array): string {
  const id = String.fromCharCode(...bytes.subarray(0, 129));
  assertChainId(id);
  return id;
}

/** A key and a chain as one text, for maps. */
export function subjectName(key: Uint8Array, chainId: string): string {
  // One vote asks for it many times, and so does the next one.
  if (chainId !== last.chainId || !isBytes(key, 32) || !equalBytes(key, last.key)) {
    assertBytes(key, "public key", 32);
    assertChainId(chainId);
    last = { key: Uint8Array.from(key), chainId, name: `${hex.encode(key)} ${chainId}` };
  }
  return last.name;
}

let last = { key: new Uint8Array(), chainId: "", name: "" };

const PLAIN = /^[!-~]{1,128}$/;
