import { compare, type Fraction, ONE, toNumber } from "../../src/restaking/fraction.js";

/** The longest name that the page shows whole. */
const LONGEST = 28;

/**
 * A name of the file, as the page shows it: cut, and kept apart from the text around it, which letters that run from right
 * to left would turn over.
 */
export function nameText(name: string): string {
  const letters = [
    ...name.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]/gu, "·"),
  ];
  const shown = letters.length > LONGEST ? `${letters.slice(0, LONGEST - 1).join("")}…` : letters.join("");
  return `\u2068${shown}\u2069`;
}

/** Names in a sentence: three of them, and how many others there are. */
export function namesText(names: readonly string[]): string {
  const shown = names.slice(0, 3).map(nameText);
  const others = names.length - shown.length;
  if (others > 0) return `${shown.join(", ")} and ${others} more`;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)!}`;
}

/** A load for people: two decimals. The mark of 1 is never crossed by rounding. */
export function loadText(load: Fraction | null): string {
  if (load === null) return "no limit";
  const [number, order] = [toNumber(load), compare(load, ONE)];
  if (number >= 1000) return `${Math.round(number)}`;
  const rounded = number.toFixed(2);
  if (order > 0 && rounded === "1.00") return "just above 1";
  if (order < 0 && rounded === "1.00") return "just below 1";
  return `${Number(rounded)}`;
}

/** `1 stake`, `2 stakes`. */
export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;
