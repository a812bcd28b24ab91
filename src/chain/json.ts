/**
 * JSON as bitcoind writes it, without floats: a number that a double cannot hold for certain (one with decimals or
 * an exponent, or beyond 2^53) becomes the text that stood there. Amounts are then read by `parseBtc`.
 * @throws SyntaxError at what is not JSON
 */
export function parseLossless(text: string): unknown {
  return JSON.parse(text.replace(TOKENS, (token) => (isExact(token) ? token : `"${token}"`)));
}

/** Strings (left as they are) and numbers. A string is matched whole, so that digits inside it are not touched. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

/** Only well-formed numbers are quoted: anything else is left for the parser to refuse. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function isExact(token: string): boolean {
  return !NUMBER.test(token) || (/^-?\d+$/.test(token) && Number.isSafeInteger(Number(token)));
}
