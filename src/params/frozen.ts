/**
 * The same object, frozen with all objects in it: parameters that one part of a program trusts must not be changed
 * by another. The bytes of keys and scripts are what JavaScript cannot freeze.
 */
export function frozen<T extends object>(value: T): T {
  for (const inner of Object.values(value) as unknown[]) {
    if (typeof inner === "object" && inner !== null && !ArrayBuffer.isView(inner)) frozen(inner);
  }
  return Object.freeze(value);
}
