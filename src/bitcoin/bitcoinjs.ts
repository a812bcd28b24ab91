export { hash160 } from "../core/hashes.js";
export { decodeEcdsaSignature, encodeEcdsaSignature } from "./ecdsa-signature.js";
export { Transaction } from "./transaction-class.js";
