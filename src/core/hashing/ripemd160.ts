/** OpenSSL 3 leaves RIPEMD-160 to a provider that not every Node has: one library in every environment. */
export { ripemd160 } from "@noble/hashes/legacy.js";
