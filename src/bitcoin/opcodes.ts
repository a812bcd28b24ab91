/** The opcodes that this package writes and reads (BIP-342 for the tapscript ones). */
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

/** A push of a number from 1 to 65535: OP_1 to OP_16, or a minimal script number after its length. */
export function pushNumber(value: number): Uint8Array {
  if (value <= 16) return Uint8Array.of(OP.ONE - 1 + value);
  const bytes = [];
  for (let rest = value; rest > 0; rest >>= 8) bytes.push(rest & 0xff);
  // The top bit of the last byte is the sign, so 128 needs a second byte to stay positive.
  if (bytes[bytes.length - 1]! & 0x80) bytes.push(0);
  return Uint8Array.of(bytes.length, ...bytes);
}

/** The data that a script pushes, in order; null when a push runs beyond the end. */
export function pushesOf(script: Uint8Array): Uint8Array[] | null {
  const pushes: Uint8Array[] = [];
  for (let at = 0; at < script.length;) {
    const opcode = script[at++]!;
    if (opcode === 0 || opcode > OP.PUSHDATA4) continue;
    const width = opcode < OP.PUSHDATA1 ? 0 : 1 << (opcode - OP.PUSHDATA1);
    let length = width === 0 ? opcode : 0;
    for (let i = 0; i < width; i++) length += (script[at + i] ?? 0) * 2 ** (8 * i);
    at += width;
    if (at + length > script.length) return null;
    pushes.push(script.slice(at, at + length));
    at += length;
  }
  return pushes;
}
