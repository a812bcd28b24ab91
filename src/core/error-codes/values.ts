import type { ErrorGroup } from "./advice.js";

/** Values and formats. */
export const VALUES = {
  "invalid-bytes": {
    means: "A value is not bytes, or does not have the required length.",
    do: "Give bytes of the length that the message names.",
  },
  "invalid-hex": {
    means: "A value is not hexadecimal text, or does not have the required length.",
    do: "Give as many hexadecimal digits as the message asks for. Look for a missing digit or a stray character.",
  },
  "invalid-number": {
    means: "A number is not a whole number, or lies outside its permitted range.",
    do: "Give a whole number in the range that the message names.",
  },
  "invalid-argument": {
    means: "A value is not one of the documented choices, or has the wrong form.",
    do: "Give a value of the kind that the message names.",
  },
  "invalid-amount": {
    means: "An amount is not a valid number of satoshi or bitcoin, from 0 to 21,000,000 BTC.",
    do: "Give whole satoshi, or bitcoin with at most 8 decimals.",
  },
  "invalid-rate": {
    means:
      "A fee rate, a commission or a slashing rate is not a number in its permitted range and precision.",
    do: "Give a decimal number in the range that the message names. Fee rates are in sat/vB.",
  },
  "invalid-json": {
    means: "A file or text is not JSON, or does not have the documented form.",
    do: "Correct the field that the message names. If a command wrote the file, make it again with that command.",
  },
  "invalid-message": {
    means: "Bytes or fields are not a protobuf message of the expected form.",
    do: "Check the type of the message and the field that the error names.",
  },
  "invalid-network": {
    means: "A network name is unknown, or published parameters do not say their network.",
    do: "Name the Bitcoin network with `--network`: mainnet, testnet, signet or regtest.",
  },
  "invalid-public-key": {
    means: "A public key has the wrong length or form, or is not a point of the curve.",
    do: "Give the key in the form that the message names. If it asks for 32 bytes (x-only, 64 hexadecimal digits), drop the first byte (02 or 03) of a compressed key. If it asks for 33 bytes, take the compressed key (66 hexadecimal digits) from the wallet: the x-only key lacks the first byte.",
  },
  "invalid-secret-key": {
    means: "A secret key is not 32 bytes with a number from 1 to n - 1, or it was locked again.",
    do: "Check the file or variable that holds the key. It needs 64 hexadecimal digits, WIF of a compressed key, an xprv with its path (xprv…/0/5), or BIP-39 words with `--path`. If the key was locked, unlock it again.",
  },
} as const satisfies ErrorGroup;

/** Signatures and proofs. */
export const SIGNATURES = {
  "invalid-signature": {
    means: "A signature is malformed, or does not verify for its key and its message.",
    do: "Check that the key, the document and the signing context are the right ones. Then ask the signer to sign again.",
  },
  "invalid-randomness": {
    means: "Public randomness is not a point, or secret randomness is not a number from 1 to n - 1.",
    do: "Use the randomness of this key, chain and height.",
  },
  "invalid-encryption-key": {
    means: "An adaptor encryption key is not a point of 32 or 33 bytes.",
    do: "Use the finality provider's public key.",
  },
  "self-check-failed": {
    means: "A signature made on this machine did not verify, so tapstake withheld it.",
    causes: "faulty memory, a faulty processor or a faulty cryptographic library.",
    do: "Stop signing on this machine. Test its memory and install tapstake again.",
    never: "Do not sign with a faulty machine: a wrong signature can reveal the key.",
  },
  "same-message": {
    means: "Both signatures are of the same message, so they reveal no key.",
    do: "Give two votes for different blocks at one height.",
  },
  "same-signature": {
    means: "One signature was given twice, so it reveals no key.",
    do: "Give two different signatures, of two votes for different blocks at one height.",
  },
  "different-randomness": {
    means: "The two signatures were not made with the given public randomness.",
    do: "Give two votes of one finality provider at one height, with the randomness of that height.",
  },
  "key-mismatch": {
    means: "A key, or the secret of a key, is not the expected one.",
    do: "Compare both keys in the message. Give the right key, name or file.",
  },
  "invalid-proof": {
    means: "A Merkle proof is malformed or cannot be made, or does not lead to its root.",
    do: "Make the proof again from the right block or commitment. If the transaction is not in a block yet, wait.",
  },
  "invalid-header": {
    means: "Block headers do not form a chain, or lack the work that they state.",
    do: "Take the headers again from your own node: `bitcoin-cli getblockheader <hash> false`, the oldest first.",
  },
  "invalid-checkpoint": {
    means:
      "Data is no part of a checkpoint of the staking chain, or two transactions are not the parts of one checkpoint.",
    do: "Give the transaction of part 0 first, then that of part 1, both of one epoch.",
  },
  "index-out-of-range": {
    means: "An index or a height lies outside its list.",
    do: "Give one in the range that the message names.",
  },
} as const satisfies ErrorGroup;

/** The command line. */
export const COMMAND_LINE = {
  "file-error": {
    means: "A file or folder cannot be read or written.",
    do: "Check the path, its permissions and the free space.",
  },
  "package-missing": {
    means: "A package that this part of tapstake needs is not installed.",
    causes: "an installation with `--omit=optional`, or a platform without a build of the package.",
    do: "Install the optional packages with `npm install --include=optional`, or the package that the message names.",
  },
  cancelled: {
    means: "You or the calling program stopped this or did not confirm it, so nothing was done.",
    do: "When you are ready, run the command again.",
  },
} as const satisfies ErrorGroup;
