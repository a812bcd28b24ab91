import { hash } from "node:crypto";
import type { Hashing } from "../hashes.js";

/** OpenSSL, through Node. */
export const sha256: Hashing["sha256"] = (data) => plain(hash("sha256", data, "buffer"));

/** By a kernel of our own: a call of OpenSSL costs more than the hash of so few bytes. */
export { hashMany } from "./many.js";

/** A Buffer's slices share its memory, unlike a Uint8Array's. */
const plain = ({ buffer, byteOffset, length }: Uint8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, length);
