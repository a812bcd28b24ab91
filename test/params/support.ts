import { expect } from "vitest";
import { TapstakeError } from "../../src/core/errors.js";

export const PUBLISHED = {
  phase1: "mainnet-phase1-params.json",
  phase2: "mainnet-phase2-params.json",
  testnet: "testnet-params.json",
} as const;

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
