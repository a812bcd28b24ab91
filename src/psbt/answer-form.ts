import { describeType, TapstakeError } from "../core/errors.js";
import { show } from "../core/text.js";

/** The objects in which wallets answer: Bitcoin Core and Xverse with `psbt`, Leather with `hex`; both within `result`. */
export type AnswerObject =
  | { readonly psbt: string }
  | { readonly hex: string }
  | { readonly result: { readonly psbt: string } | { readonly hex: string } | string };

/**
 * The PSBT within a wallet's answer: out of its object or its list of one, or out of their JSON. What is no answer of a
 * wallet is refused by what it is.
 * @throws TapstakeError `invalid-psbt`
 */
export function unwrapped(answer: unknown, depth = 0): unknown {
  if (typeof answer === "string") return ofText(answer, depth);
  if (answer instanceof Uint8Array) {
    return answer.every(isText) ? ofText(new TextDecoder().decode(answer), depth) : answer;
  }
  if (typeof answer !== "object" || answer === null || "toBuffer" in answer) return answer;
  if (depth > MOST_DEPTH) throw noAnswer("an object within objects");
  if (Array.isArray(answer)) {
    if (answer.length === 1) return unwrapped(answer[0], depth + 1);
    throw noAnswer(`a list of ${answer.length}: give one answer at a time`);
  }
  return ofObject(answer as Readonly<Record<string, unknown>>, depth);
}

/** Printable ASCII and white space. */
export const isText = (byte: number): boolean =>
  (byte >= 0x20 && byte < 0x7f) || (byte >= 0x09 && byte <= 0x0d);

const MOST_DEPTH = 4;

function ofText(text: string, depth: number): unknown {
  const trimmed = text.trim();
  if (trimmed === "") throw noAnswer("empty: the wallet answered nothing");
  if (trimmed.startsWith("{") || trimmed.startsWith("[")) {
    const value = parsed(trimmed);
    return value === undefined ? text : unwrapped(value, depth + 1);
  }
  // The text itself is not shown: it could be a secret.
  if (DECLINED.test(trimmed)) throw noAnswer("text that says that the user declined, or the wallet failed");
  return text;
}

/** A PSBT has no spaces between words. */
const DECLINED = /\b(?:reject|den(?:y|ied)|declin|cancel|abort|fail|error)/i;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function ofObject(answer: Readonly<Record<string, unknown>>, depth: number): unknown {
  if (typeof answer["then"] === "function") throw noAnswer("a promise: await the call of the wallet");
  if ("psbtHex" in answer && "step" in answer) {
    throw noAnswer("the request itself: have the wallet sign its PSBT, and give the wallet's answer");
  }
  const within = ["psbt", "hex", "result"].find(
    (name) => answer[name] !== undefined && answer[name] !== null,
  );
  if (within !== undefined) return unwrapped(answer[within], depth + 1);
  if (answer["error"] !== undefined) throw noAnswer(`an error of the wallet: ${errorText(answer["error"])}`);
  throw noAnswer("an object without psbt, hex or result");
}

function errorText(error: unknown): string {
  const { message = error } = (typeof error === "object" && error !== null ? error : {}) as {
    message?: unknown;
  };
  return typeof message === "string" ? show(message, MOST_SHOWN) : describeType(message);
}

const MOST_SHOWN = 80;

const noAnswer = (what: string) =>
  new TapstakeError("invalid-psbt", `this must be a PSBT, or a wallet's answer that has one; it is ${what}`);
