import { createRequire } from "node:module";
import type { Curve } from "./index.js";
import { backend as libsecp, LIBRARY } from "./libsecp.js";
import { backend as noble } from "./noble.js";

/** The curve in Node: libsecp256k1, which is some ten times faster, where its package is installed; else @noble/curves. */
export const backend: Curve = isInstalled(LIBRARY) ? libsecp : noble;

function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}
