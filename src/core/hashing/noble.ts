import { sha256 } from "@noble/hashes/sha2.js";
import type { Hashing } from "../hashes.js";

/** @noble/hashes: pure JavaScript. */
export const backend: Hashing = {
  sha256: (data) => sha256(data),
};
