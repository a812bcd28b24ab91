import { assertSatoshi } from "../core/amount.js";
import { compareBytes, equalBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { checkTerms, checkTimelock, type KeySet, type StakeTerms } from "../script/terms.js";
import { assertParams } from "./check.js";
import type { ProtocolParams } from "./types.js";

/**
 * Whether a stake is one that the parameters admit: its committee, its time, its value.
 * @param value satoshi
 * @throws TapstakeError the codes of {@link checkTerms}, `invalid-params`, `covenant-mismatch`,
 * `staking-time-out-of-range`, `staking-value-out-of-range`, `invalid-amount`; of limits that are none, which would
 * admit everything, `invalid-amount` and `invalid-timelock`
 */
export function checkStake(params: ProtocolParams, terms: StakeTerms, value: bigint): void {
  assertParams(params);
  assertKeys(params);
  checkTerms(terms);
  assertSatoshi(value, "staking value");
  if (!sameKeySet(terms.covenant, params.covenant)) {
    throw new TapstakeError(
      "covenant-mismatch",
      `the committee is not that of parameters v${params.version}`,
      {
        version: params.version,
      },
    );
  }
  checkStakingTime(params, terms.timelock);
  const { minValue, maxValue } = params;
  assertSatoshi(minValue, "least staking value");
  assertSatoshi(maxValue, "largest staking value");
  if (value < minValue || value > maxValue) {
    const text = `expected a stake from ${minValue} to ${maxValue} satoshi, got ${value}`;
    throw new TapstakeError("staking-value-out-of-range", text, { minValue, maxValue, got: value });
  }
}

/** The keys are compared with those of the terms, which are checked. @throws TapstakeError `invalid-params` */
function assertKeys({ covenant }: ProtocolParams): void {
  if (Array.isArray(covenant?.keys) && covenant.keys.every((key) => key instanceof Uint8Array)) return;
  throw new TapstakeError("invalid-params", "covenant: expected a set of keys", { field: "covenant" });
}

/** @throws TapstakeError `invalid-timelock`; `staking-time-out-of-range` when the parameters do not admit a stake of so many blocks */
export function checkStakingTime({ minTime, maxTime, version }: ProtocolParams, timelock: number): void {
  checkTimelock(minTime, "least staking time");
  checkTimelock(maxTime, "longest staking time");
  if (timelock < minTime || timelock > maxTime) {
    const allowed = minTime === maxTime ? `exactly ${minTime}` : `from ${minTime} to ${maxTime}`;
    const text = `expected a staking time of ${allowed} blocks by parameters v${version}, got ${timelock}`;
    throw new TapstakeError("staking-time-out-of-range", text, { minTime, maxTime, got: timelock });
  }
}

/** Whether two key sets name the same keys, in whatever order, with the same quorum. */
export function sameKeySet(a: KeySet, b: KeySet): boolean {
  const [left, right] = [[...a.keys].sort(compareBytes), [...b.keys].sort(compareBytes)];
  return (
    a.quorum === b.quorum &&
    left.length === right.length &&
    left.every((key, i) => equalBytes(key, right[i]!))
  );
}
