import { expect } from "vitest";
import { TapstakeError } from "../../src/core/errors.js";
import { readVectors } from "../support/vectors.js";

export const PUBLISHED = {
  phase1: "mainnet-phase1-params.json",
  phase2: "mainnet-phase2-params.json",
  mainnet: "chain/lcd-params_versions-bbn-1.json",
  testnet: "chain/lcd-params_versions-bbn-test-6.json",
  bbnTest5: "bbn-test-5-params.json",
} as const;

export type Fields = Record<string, unknown>;

/** The versions of a file of phase 2 as bare fields: a chain's answer wraps each with its number. */
export function publishedVersions(file: string): Fields[] {
  const list = JSON.parse(readVectors(file)) as (Fields | { version: number; params: Fields })[];
  return list.map((one, i) => {
    if (!("params" in one)) return one;
    expect(one["version"]).toBe(i);
    return one["params"] as Fields;
  });
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
