import { assertBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { OP } from "./opcodes.js";

/** The kinds of output scripts. */
export type OutputKind = "p2pkh" | "p2sh" | "p2wpkh" | "p2wsh" | "p2tr";

/** The kind of an output script, or null for any other script. The key of a P2TR script need not be a point. */
export function outputKind(script: Uint8Array): OutputKind | null {
  const starts = (length: number, ...head: readonly number[]) =>
    script.length === length && head.every((byte, i) => script[i] === byte);
  if (starts(22, 0, 20)) return "p2wpkh";
  if (starts(34, OP.ONE, 32)) return "p2tr";
  if (starts(34, 0, 32)) return "p2wsh";
  if (starts(23, OP.HASH160, 20) && script[22] === OP.EQUAL) return "p2sh";
  return readKeyHash(script) ? "p2pkh" : null;
}

/** The P2TR script of an x-only output key (BIP-341). */
export const taprootScript = (outputKey: Uint8Array): Uint8Array => Uint8Array.of(OP.ONE, 32, ...outputKey);

/**
 * DUP HASH160 <20 bytes> EQUALVERIFY CHECKSIG: the script of a P2PKH output, and the script that P2WPKH signatures
 * commit to (BIP-143).
 */
export function keyHashScript(keyHash: Uint8Array): Uint8Array {
  return Uint8Array.of(OP.DUP, OP.HASH160, 20, ...keyHash, OP.EQUALVERIFY, OP.CHECKSIG);
}

/** The hash that a {@link keyHashScript} names, or null for any other script. */
export function readKeyHash(script: Uint8Array): Uint8Array | null {
  const isOne =
    script.length === 25 &&
    script[0] === OP.DUP &&
    script[1] === OP.HASH160 &&
    script[2] === 20 &&
    script[23] === OP.EQUALVERIFY &&
    script[24] === OP.CHECKSIG;
  return isOne ? script.slice(3, 23) : null;
}

/** The data of an OP_RETURN output with a single push, or null for any other script. */
export function opReturnData(script: Uint8Array): Uint8Array | null {
  if (script[0] !== OP.RETURN || script.length < 2) return null;
  const start = script[1] === OP.PUSHDATA1 ? 3 : 2;
  const length = script[start - 1]!;
  const isPush = start === 3 || length < OP.PUSHDATA1;
  return isPush && script.length === start + length ? script.slice(start) : null;
}

/** The satoshi in outputs that can never be spent. */
export const burntValue = (
  outputs: readonly { readonly script: Uint8Array; readonly value: bigint }[],
): bigint => outputs.reduce((sum, { script, value }) => sum + (opReturnData(script) ? value : 0n), 0n);

/**
 * Checks a script that coins go to. An empty script would let anyone take them.
 * @throws TapstakeError `invalid-bytes`
 */
export function assertOutputScript(script: unknown, name: string): asserts script is Uint8Array {
  if (typeof script === "string") {
    const text = `${name} must be a Uint8Array, not string: use scriptOfAddress for an address`;
    throw new TapstakeError("invalid-bytes", text);
  }
  assertBytes(script, name);
  if (script.length === 0)
    throw new TapstakeError(
      "invalid-bytes",
      `${name} must be a script, not 0 bytes: anyone could take its coins`,
    );
}

/** @throws TapstakeError `dust-output` if nodes do not relay this output */
export function assertNotDust(
  { script, value }: { readonly script: Uint8Array; readonly value: bigint },
  name: string,
): void {
  const threshold = dustThreshold(script);
  if (value >= threshold) return;
  const text = `${name}: ${value} sat is dust; nodes relay at least ${threshold} sat`;
  throw new TapstakeError("dust-output", text, { value, threshold });
}

/**
 * The smallest value in satoshi that nodes relay for an output with this script, at Bitcoin Core's 3000 sat/kvB:
 * P2TR 330, P2WPKH 294, P2PKH 546; 0 for an OP_RETURN, which is never spent (PROTOCOL 3).
 */
export function dustThreshold(script: Uint8Array): bigint {
  if (script[0] === OP.RETURN) return 0n;
  const output = 8 + (script.length < 253 ? 1 : 3) + script.length;
  return BigInt(3 * (output + spendSize(script)));
}

/** The virtual bytes that Bitcoin Core counts for the input that will spend an output with this script. */
export const spendSize = (script: Uint8Array): number => (isWitnessProgram(script) ? 67 : 148);

/** Whether an output is native segwit: a version (OP_0, OP_1 to OP_16), then one push of 2 to 40 bytes (BIP-141). */
function isWitnessProgram(script: Uint8Array): boolean {
  const [version = -1, push] = script;
  const versioned = version === 0 || (version >= OP.ONE && version <= OP.SIXTEEN);
  return versioned && script.length >= 4 && script.length <= 42 && push === script.length - 2;
}
