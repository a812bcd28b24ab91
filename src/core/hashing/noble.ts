import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, joinBytes } from "../bytes.js";
import type { Hashing } from "../hashes.js";

// @noble/hashes, where there is no Node: each function by itself, as bundles take what they use.

export { sha256 };

export const hashMany: Hashing["hashMany"] = (prefix, items, length) =>
  joinBytes(
    Array.from({ length: items.length / length }, (_, i) =>
      sha256(concatBytes(Uint8Array.of(prefix), items.subarray(i * length, (i + 1) * length))),
    ),
  );
