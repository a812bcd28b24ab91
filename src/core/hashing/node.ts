import { hash } from "node:crypto";
import type { Hashing } from "../hashes.js";

/** OpenSSL, through Node. */
export const backend: Hashing = {
  sha256: (data) => plain(hash("sha256", data, "buffer")),
};

/** A Buffer's slices share its memory, unlike a Uint8Array's. */
const plain = ({ buffer, byteOffset, length }: Uint8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, length);
