import { hash } from "node:crypto";
import type { Hashing } from "../hashes.js";
import { hashMany } from "./many.js";

/** OpenSSL, through Node; many hashes at once by a kernel of our own. */
export const backend: Hashing = {
  sha256: (data) => plain(hash("sha256", data, "buffer")),
  // A call of OpenSSL costs more than the hash of so few bytes.
  hashMany,
};

/** A Buffer's slices share its memory, unlike a Uint8Array's. */
const plain = ({ buffer, byteOffset, length }: Uint8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, length);
