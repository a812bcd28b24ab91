import { createHmac, timingSafeEqual } from "node:crypto";
import type { Method } from "./wire.js";

/** The metadata field of a request's authentication code (PROTOCOL 10); gRPC compares names in lower case. */
export const HMAC_HEADER = "x-fpd-hmac";

/** The methods that anyone may call (PROTOCOL 10): neither changes nor reveals anything here. */
export const OPEN_METHODS: ReadonlySet<Method> = new Set<Method>(["Ping", "SaveEOTSKeyName"]);

/** `base64(HMAC-SHA256(key string bytes, serialized request))` (PROTOCOL 10). */
export function requestHmac(key: string, request: Uint8Array): string {
  return createHmac("sha256", key).update(request).digest("base64");
}

/** Whether `given` is the code of a request, compared in constant time. */
export function isRequestHmac(key: string, request: Uint8Array, given: string): boolean {
  const expected = Buffer.from(requestHmac(key, request));
  const got = Buffer.from(given);
  return got.length === expected.length && timingSafeEqual(got, expected);
}
