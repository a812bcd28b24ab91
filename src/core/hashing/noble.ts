import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, joinBytes } from "../bytes.js";
import type { Hashing } from "../hashes.js";

/** @noble/hashes, for programs outside Node. */
export const backend: Hashing = {
  sha256: (data) => sha256(data),
  hashMany: (prefix, items, length) =>
    joinBytes(
      Array.from({ length: items.length / length }, (_, i) =>
        sha256(concatBytes(Uint8Array.of(prefix), items.subarray(i * length, (i + 1) * length))),
      ),
    ),
};
