/**
 * The smallest value in satoshi that nodes relay for an output with this script, at Bitcoin Core's 3000 sat/kvB:
 * P2TR 330, P2WPKH 294, P2PKH 546; 0 for an OP_RETURN, which is never spent (PROTOCOL 3).
 */
export function dustThreshold(script: Uint8Array): bigint {
  if (script[0] === OP_RETURN) return 0n;
  const output = 8 + (script.length < 253 ? 1 : 3) + script.length;
  return BigInt(3 * (output + spendSize(script)));
}

/** What Bitcoin Core counts for the input that will spend an output with this script, in virtual bytes. */
export function spendSize(script: Uint8Array): number {
  return isWitnessProgram(script) ? WITNESS_INPUT : INPUT;
}

const OP_RETURN = 0x6a;
const INPUT = 148;
const WITNESS_INPUT = 67;

/** Whether an output is native segwit: a version (OP_0, OP_1 to OP_16), then one push of 2 to 40 bytes (BIP-141). */
function isWitnessProgram(script: Uint8Array): boolean {
  const [version = -1, push] = script;
  const versioned = version === 0 || (version >= 0x51 && version <= 0x60);
  return versioned && script.length >= 4 && script.length <= 42 && push === script.length - 2;
}
