import { adaptor } from "../src/crypto/adaptor.js";
import { schnorr } from "../src/crypto/schnorr.js";
import type { CovenantSigner } from "../src/covenant/member.js";
import type { Signer } from "../src/spending/spend.js";
import type { Party } from "./parties.js";

/**
 * Parties sign with no fresh randomness, which BIP-340 permits: the witnesses of a chain, and so its block hashes, are
 * the same in each run.
 */
export const NO_AUX = new Uint8Array(32);

/** The signer of a party. */
export const partySigner = ({ secretKey, publicKey }: Party): Signer => ({
  publicKey,
  signSchnorr: (digest) => schnorr.sign(secretKey, digest, NO_AUX),
});

/** The signer of a committee member. */
export const memberSigner = (member: Party): CovenantSigner => ({
  ...partySigner(member),
  signAdaptor: (encryptionKey, digest) => adaptor.sign(member.secretKey, encryptionKey, digest, NO_AUX),
});
