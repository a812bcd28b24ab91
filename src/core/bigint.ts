/** The lesser of two, as `Math.min` is for numbers. */
export const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** The greater of two, as `Math.max` is for numbers. */
export const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
