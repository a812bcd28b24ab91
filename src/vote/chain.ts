import { describeType, TapstakeError } from "../core/errors.js";
import { contextBytes } from "./messages.js";

/**
 * What a signer knows of a chain. A chain of the v3 line has two signing contexts, one for votes and one for
 * commitments. Each is 64 hexadecimal characters, which are signed as text. A chain of the v4 line has neither.
 */
export type ChainConfig = AnyChain & (ContextsOfChain | WithoutContexts);

interface AnyChain {
  readonly id: string;
  /** The fewest heights that a commitment may cover. */
  readonly minCount: number;
  readonly popContext?: string;
}

interface ContextsOfChain {
  readonly voteContext: string;
  readonly commitContext: string;
}

interface WithoutContexts {
  readonly voteContext?: undefined;
  readonly commitContext?: undefined;
}

/**
 * Refuses a chain configuration whose votes and commitments would not belong together.
 * @throws TapstakeError `invalid-chain-id`; `invalid-argument` for one of `voteContext` and `commitContext` without the
 * other; `invalid-hex` for a malformed context
 */
export function assertChainConfig({ id, voteContext, commitContext, popContext }: ChainConfig): void {
  assertChainId(id);
  for (const context of [voteContext, commitContext, popContext]) contextBytes(context);
  if ((voteContext === undefined) === (commitContext === undefined)) return;
  const [missing, given] =
    voteContext === undefined ? ["voteContext", "commitContext"] : ["commitContext", "voteContext"];
  const text = `chain ${id} has ${given} without ${missing}: give both contexts, or neither`;
  throw new TapstakeError("invalid-argument", text, { chain: id, field: missing! });
}

/**
 * Checks a chain identifier, which goes into the randomness byte for byte (PROTOCOL 6): "bbn-1" and "BBN-1" are two
 * chains. Only plain ASCII is accepted, so that neither people nor programs confuse two of them.
 * @throws TapstakeError `invalid-chain-id`
 */
export function assertChainId(value: unknown): asserts value is string {
  if (isChainId(value)) return;
  const got = typeof value === "string" ? `${value.length} characters` : describeType(value);
  const text = `chain id must be 1 to 128 printable ASCII characters without spaces, not ${got}`;
  throw new TapstakeError("invalid-chain-id", text);
}

/** Whether {@link assertChainId} accepts it. */
export const isChainId = (value: unknown): value is string => typeof value === "string" && PLAIN.test(value);

/** Bytes as a chain identifier. @throws TapstakeError `invalid-chain-id` */
export function chainIdOf(bytes: Uint8Array): string {
  const id = String.fromCharCode(...bytes.subarray(0, 129));
  assertChainId(id);
  return id;
}

/** @throws TapstakeError `count-too-small` */
export function assertMinCount({ id, minCount: minimum }: ChainConfig, count: number): void {
  if (count >= minimum) return;
  const text = `chain ${id} accepts commitments to at least ${minimum} heights, not to ${count}: commit to more`;
  throw new TapstakeError("count-too-small", text, { minimum, count });
}

const PLAIN = /^[!-~]{1,128}$/;
