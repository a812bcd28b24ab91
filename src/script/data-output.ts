import { OP } from "./opcodes.js";

const PUSHDATA1 = 0x4c;

/** What an OP_RETURN output with a single push carries, or null for every other script. */
export function opReturnData(script: Uint8Array): Uint8Array | null {
  if (script[0] !== OP.RETURN || script.length < 2) return null;
  const start = script[1] === PUSHDATA1 ? 3 : 2;
  const length = script[start - 1]!;
  const isPush = start === 3 || length < PUSHDATA1;
  return isPush && script.length === start + length ? script.slice(start) : null;
}
