const ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/** The coefficients of the checksum (BIP-173), and what ends it (BIP-350). */
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const CONSTANT = 0x2bc830a3;
const CHECKSUM_LENGTH = 6;

/**
 * The address of a witness program of version 1 or above (BIP-350). It needs no decoder: a program that only shows an
 * output's address does not bundle one.
 * @param hrp lower case, such as `bc`
 */
export function encodeBech32m(hrp: string, version: number, program: Uint8Array): string {
  const words = [version, ...wordsOf(program)];
  const letters = Array.from(hrp, (letter) => letter.charCodeAt(0));
  const expanded = [...letters.map((code) => code >> 5), 0, ...letters.map((code) => code & 31)];
  const sum = checksum([...expanded, ...words, ...Array<number>(CHECKSUM_LENGTH).fill(0)]) ^ CONSTANT;
  const last = Array.from(
    { length: CHECKSUM_LENGTH },
    (_, i) => (sum >> (5 * (CHECKSUM_LENGTH - 1 - i))) & 31,
  );
  return `${hrp}1${[...words, ...last].map((word) => ALPHABET[word]).join("")}`;
}

/** Groups of 5 bits; zeros fill the last one. */
function wordsOf(bytes: Uint8Array): number[] {
  const words: number[] = [];
  let [held, bits] = [0, 0];
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) words.push((held >> (bits - 5)) & 31);
  }
  if (bits > 0) words.push((held << (5 - bits)) & 31);
  return words;
}

function checksum(words: readonly number[]): number {
  let sum = 1;
  for (const word of words) {
    const top = sum >> 25;
    sum = ((sum & 0x1ff_ffff) << 5) ^ word;
    for (const [i, coefficient] of GENERATOR.entries()) if ((top >> i) & 1) sum ^= coefficient;
  }
  return sum;
}
