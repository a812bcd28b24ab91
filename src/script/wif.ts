import { ECPairFactory, networks } from "ecpair";
import { bitcoinjsCurve } from "../core/curve/bitcoinjs.js";
import { TapstakeError } from "../core/errors.js";

/** A private key as wallets export it, and whether it is one of mainnet or of the test networks, which share a form. */
export interface WifKey {
  readonly secretKey: Uint8Array;
  readonly isMainnet: boolean;
}

/**
 * A private key in the wallet import format, with the mark of a compressed key; null when the text has not that form.
 * The caller wipes the secret.
 * @throws TapstakeError `invalid-key-expression`, `invalid-secret-key`
 */
export function readWif(text: string): WifKey | null {
  // A hundred characters are more than any key has; the decoder's work grows with their square.
  if (!/^[59KLc][1-9A-HJ-NP-Za-km-z]{50,51}$/.test(text)) return null;
  const pair = decode(text);
  const given = pair.privateKey;
  const secretKey = Uint8Array.from(given);
  given.fill(0);
  // Taproot knows compressed keys only (BIP-386).
  if (!pair.compressed) {
    secretKey.fill(0);
    throw malformed(
      "the private key (WIF) is of an uncompressed public key, which Taproot does not know: export a compressed one, which begins with K, L or c",
    );
  }
  return { secretKey, isMainnet: pair.network.wif === networks.bitcoin.wif };
}

/** What is used of ecpair: the types that it comes with do not resolve under every `moduleResolution`. */
interface Pair {
  readonly privateKey: Uint8Array;
  readonly compressed: boolean;
  readonly network: { readonly wif: number };
}
interface Pairs {
  fromWIF(text: string, allowed: readonly unknown[]): Pair;
}

let pairs: Pairs | undefined;

function decode(text: string): Pair {
  // Made when it is needed: ecpair tries the curve first, which takes some milliseconds.
  pairs ??= ECPairFactory(bitcoinjsCurve) as Pairs;
  try {
    return pairs.fromWIF(text, [networks.bitcoin, networks.testnet]);
  } catch (cause) {
    // What the library says is not repeated: it may show the key.
    if (cause instanceof TypeError) {
      throw new TapstakeError("invalid-secret-key", "the private key (WIF) is not a number from 1 to n - 1");
    }
    throw malformed("the checksum, the length or the network byte of a private key (WIF) does not fit it");
  }
}

function malformed(message: string): TapstakeError {
  return new TapstakeError("invalid-key-expression", `key expression: ${message}`);
}
