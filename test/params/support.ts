import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { TapstakeError } from "../../src/core/errors.js";

const own = fileURLToPath(new URL("../vectors/", import.meta.url));
const shared =
  process.env.STAKING_VECTORS ?? fileURLToPath(new URL("../../../shared/vectors/", import.meta.url));

export const PUBLISHED = {
  phase1: "mainnet-phase1-params.json",
  phase2: "mainnet-phase2-params.json",
  testnet: "testnet-params.json",
} as const;

/** The text of a published file: this project's copy. */
export const publishedText = (file: string): string => readFileSync(`${own}${file}`, "utf8");

/** The text of the same file in the shared folder, when there is one. */
export function sharedText(file: string): string | undefined {
  const path = `${shared}/${file}`;
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

/** The TapstakeError that `act` throws; fails when it throws none, or another error. */
export function refusal(act: () => unknown): TapstakeError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(TapstakeError);
    return error as TapstakeError;
  }
  throw new Error("expected a TapstakeError, and nothing was thrown");
}

/** What fuzzing asks of a reader: an answer or a TapstakeError, and nothing else. */
export function answersOrRefuses(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    return error instanceof TapstakeError;
  }
}
