import { compactSize, concatBytes, isBytes, utf8 } from "../core/bytes.js";
import { curve } from "../core/curve/index.js";
import { TapstakeError } from "../core/errors.js";
import { sha256 } from "../core/hashes.js";
import { assertSecretKey } from "../core/keys.js";
import { assertText } from "../core/text.js";

/**
 * Texts signed as wallets and Bitcoin Core's `signmessage` do: compact ECDSA, `header ‖ r ‖ s` of 65 bytes with a low
 * s. The header is 27, plus 4 for a compressed key, plus the parity of R, which recovers the key: 31 or 32.
 */
export const bitcoinMessage = {
  /**
   * What is signed, 32 bytes: the double SHA256 of "Bitcoin Signed Message:\n" and the text, each after its length.
   * @throws TapstakeError `invalid-argument` unless `text` is text
   */
  digest(text: string): Uint8Array {
    assertText(text, "message");
    const [prefix, content] = [utf8("Bitcoin Signed Message:\n"), utf8(text)];
    const sized = [prefix, content].flatMap((part) => [compactSize(part.length), part]);
    return sha256(sha256(concatBytes(...sized)));
  },

  /**
   * Signs a text, and verifies the signature before it returns it.
   * @param secretKey 32 bytes
   * @returns 65 bytes
   * @throws TapstakeError `invalid-secret-key`, `invalid-argument`, `self-check-failed`
   */
  sign(secretKey: Uint8Array, text: string): Uint8Array {
    assertSecretKey(secretKey);
    const { signature, parity } = curve.signEcdsa(bitcoinMessage.digest(text), secretKey);
    const signed = concatBytes(Uint8Array.of(FIRST_COMPRESSED + parity), signature);
    const signer = bitcoinMessage.recover(text, signed);
    const publicKey = curve.pointFromScalar(secretKey);
    if (!signer || !publicKey || signer.some((byte, i) => byte !== publicKey[i])) {
      throw new TapstakeError("self-check-failed", "an ECDSA signature made here does not verify");
    }
    return signed;
  },

  /**
   * The key that signed a text, 33 bytes. Null for malformed input, a header outside 27 to 34, or a high s.
   *
   * Headers 27 and 28 mean uncompressed keys, but lead to the same key. Headers 29, 30, 33 and 34 mean an R that cannot
   * occur, so they recover nothing.
   */
  recover(text: string, signature: Uint8Array): Uint8Array | null {
    if (!isBytes(signature, 65) || typeof text !== "string") return null;
    const parity = signature[0]! - (signature[0]! < FIRST_COMPRESSED ? FIRST : FIRST_COMPRESSED);
    if (parity !== 0 && parity !== 1) return null;
    const digest = bitcoinMessage.digest(text);
    const point = curve.recoverEcdsa(digest, signature.subarray(1), parity);
    // Recovery itself accepts a high s, which anyone can make from a low one.
    return point && curve.verifyEcdsa(digest, point, signature.subarray(1)) ? point : null;
  },
};

const FIRST = 27;
const FIRST_COMPRESSED = 31;
