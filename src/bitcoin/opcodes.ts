/** The few opcodes that staking scripts and the scripts of wallets use (BIP-342 for the tapscript ones). */
export const OP = {
  PUSHDATA1: 0x4c,
  PUSHDATA4: 0x4e,
  ONE: 0x51,
  SIXTEEN: 0x60,
  RETURN: 0x6a,
  DUP: 0x76,
  EQUAL: 0x87,
  EQUALVERIFY: 0x88,
  NUMEQUAL: 0x9c,
  NUMEQUALVERIFY: 0x9d,
  HASH160: 0xa9,
  CHECKSIG: 0xac,
  CHECKSIGVERIFY: 0xad,
  CHECKMULTISIG: 0xae,
  CHECKSEQUENCEVERIFY: 0xb2,
  CHECKSIGADD: 0xba,
} as const;

/** The opcode that pushes a 32-byte key. */
export const PUSH_KEY = 32;

/** A push of a number from 1 to 65535: OP_1 to OP_16, or a minimal script number behind its length. */
export function pushNumber(value: number): Uint8Array {
  if (value <= 16) return Uint8Array.of(OP.ONE - 1 + value);
  const bytes = [];
  for (let rest = value; rest > 0; rest >>= 8) bytes.push(rest & 0xff);
  // The top bit of the last byte is the sign, so 128 needs a second byte to stay positive.
  if (bytes[bytes.length - 1]! & 0x80) bytes.push(0);
  return Uint8Array.of(bytes.length, ...bytes);
}
