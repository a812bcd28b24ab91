import { createRequire } from "node:module";
import type { Curve } from "./index.js";
import { backend as libsecp, LIBRARY } from "./libsecp.js";
import { backend as noble } from "./noble.js";
import type { Points } from "./points.js";

/** The curve in Node: libsecp256k1 if its package is installed, which is some ten times faster; else @noble/curves. */
export const backend: Curve = isInstalled(LIBRARY) ? libsecp : noble;

/** What {@link Points} has, by itself as elsewhere. */
export const isXOnlyPoint: Points["isXOnlyPoint"] = (bytes) => backend.isXOnlyPoint(bytes);
export const xOnlyPointAddTweak: Points["xOnlyPointAddTweak"] = (key, tweak) =>
  backend.xOnlyPointAddTweak(key, tweak);

function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}
