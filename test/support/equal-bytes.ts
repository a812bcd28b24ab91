import { expect } from "vitest";

// Vitest compares arrays of bytes one by one, which takes longer than to compute them. Those that differ are left to it.
expect.addEqualityTesters([
  (a: unknown, b: unknown) => {
    if (!(a instanceof Uint8Array) || !(b instanceof Uint8Array)) return undefined;
    return a.constructor === b.constructor && Buffer.compare(a, b) === 0 ? true : undefined;
  },
]);
