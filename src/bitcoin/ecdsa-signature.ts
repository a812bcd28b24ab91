import { concatBytes, isBytes } from "../core/bytes.js";
import { createReader } from "./byte-reader.js";
import { SIGHASH } from "./sighash.js";

const SEQUENCE = 0x30;
const INTEGER = 0x02;
/** The longest of two numbers of 33 bytes. */
const LONGEST_DER = 72;

/** A DER signature with its hash type behind (BIP-66), as r ‖ s; null when it is none. */
export function decodeEcdsaSignature(bytes: Uint8Array): { signature: Uint8Array; hashType: number } | null {
  try {
    return decode(bytes);
  } catch {
    return null;
  }
}

/**
 * r ‖ s as a DER signature with its hash type behind (BIP-66).
 * @throws RangeError unless the signature has 64 bytes and the hash type is one of Bitcoin's
 */
export function encodeEcdsaSignature(signature: Uint8Array, hashType: number): Uint8Array {
  if (!isBytes(signature, 64)) throw malformed();
  assertHashType(hashType);
  const numbers = [signature.subarray(0, 32), signature.subarray(32)].map((number) => {
    const digits = number.subarray(number.findIndex((byte, i) => byte !== 0 || i === 31));
    // Without the zero it would be a negative number.
    const positive = digits[0]! < 0x80 ? digits : concatBytes(Uint8Array.of(0), digits);
    return concatBytes(Uint8Array.of(INTEGER, positive.length), positive);
  });
  const body = concatBytes(...numbers);
  return concatBytes(Uint8Array.of(SEQUENCE, body.length), body, Uint8Array.of(hashType));
}

function decode(bytes: Uint8Array) {
  const hashType = bytes.at(-1) ?? 0;
  assertHashType(hashType);
  const der = Uint8Array.from(bytes.subarray(0, -1));
  const [tag, length] = der;
  if (der.length > LONGEST_DER || tag !== SEQUENCE || length !== der.length - 2) throw malformed();
  const reader = createReader(der.subarray(2), malformed);
  const number = (): Uint8Array => {
    const [kind, size] = reader.take(2);
    const digits = reader.take(size!);
    const [first, second = 0] = digits;
    const isPadded = first === 0 && size! > 1;
    if (kind !== INTEGER || first === undefined || first >= 0x80 || (isPadded && second < 0x80)) {
      throw malformed();
    }
    const padded = new Uint8Array(32);
    const significant = isPadded ? digits.subarray(1) : digits;
    padded.set(significant, 32 - significant.length);
    return padded;
  };
  const signature = concatBytes(number(), number());
  if (reader.left > 0) throw malformed();
  return { signature, hashType };
}

function assertHashType(hashType: number): void {
  const of = hashType & ~SIGHASH.anyoneCanPay;
  if (of < SIGHASH.all || of > SIGHASH.single) throw new RangeError(`unknown hash type ${hashType}`);
}

const malformed = () => new RangeError("not a DER signature");
