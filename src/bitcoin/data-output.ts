import { OP } from "./opcodes.js";

/** What an OP_RETURN output with a single push carries, or null for every other script. */
export function opReturnData(script: Uint8Array): Uint8Array | null {
  if (script[0] !== OP.RETURN || script.length < 2) return null;
  const start = script[1] === OP.PUSHDATA1 ? 3 : 2;
  const length = script[start - 1]!;
  const isPush = start === 3 || length < OP.PUSHDATA1;
  return isPush && script.length === start + length ? script.slice(start) : null;
}

/** Satoshi that outputs hold which nobody can spend. */
export const burntValue = (
  outputs: readonly { readonly script: Uint8Array; readonly value: bigint }[],
): bigint => outputs.reduce((sum, { script, value }) => sum + (opReturnData(script) ? value : 0n), 0n);
