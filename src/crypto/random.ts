/** 32 fresh bytes for the nonce of a signature: Web Crypto, which browsers and Node share. */
export function freshAux(): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(32));
}
