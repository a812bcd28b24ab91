import { describeType, TapstakeError } from "../core/errors.js";

/** What a signer knows of a chain. Contexts are 64 hex characters, signed as text; chains of the v4 line have none. */
export interface ChainConfig {
  readonly id: string;
  /** The fewest heights that a commitment may cover. */
  readonly minCount: number;
  readonly voteContext?: string;
  readonly commitContext?: string;
  readonly popContext?: string;
}

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

/** @throws TapstakeError `count-too-small` */
export function assertMinCount({ id, minCount: minimum }: ChainConfig, count: number): void {
  if (count >= minimum) return;
  const text = `chain ${id} takes commitments to ${minimum} heights or more, got ${count}`;
  throw new TapstakeError("count-too-small", text, { minimum, count });
}

const PLAIN = /^[!-~]{1,128}$/;
