import { assertSatoshi, type Rate } from "../core/amount.js";
import { assertBytes, assertInteger, compareBytes, equalBytes } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { assertNetwork } from "../core/network.js";
import { counted, show } from "../core/text.js";
import { checkKeySet, checkTerms, checkTimelock, type KeySet, type StakeTerms } from "../script/terms.js";
import {
  COMMISSION_DECIMALS,
  type ParamSet,
  type Phase1Params,
  type ProtocolParams,
  SLASHING_RATE_DECIMALS,
  type SlashingParams,
} from "./types.js";

/** Bitcoin heights, with the limit of lock times. */
const MAX_HEIGHT = 0xffff_ffff;

/**
 * Checks the rules for one version (PROTOCOL 8). A value that is wrong in itself has its own code; a broken rule
 * between values has `invalid-params`. `details.field` names the field.
 * @throws TapstakeError `invalid-params`, `invalid-number`, `invalid-amount`, `invalid-timelock`, `invalid-rate`,
 * `invalid-bytes`, `invalid-network`, and the codes of a key set: `no-keys`, `too-many-keys`, `invalid-public-key`,
 * `duplicate-key`, `invalid-quorum`
 */
export function checkParams(params: ProtocolParams): void {
  checkVersion(params, "");
}

/**
 * Checks every version and the rules between versions: numbers 0, 1, 2, …, strictly increasing activation heights, one
 * network. It also checks the form of what the set says of its chain.
 * @throws TapstakeError the codes of {@link checkParams}; `details.field` starts with `versions[i].`
 */
export function checkParamSet(set: ParamSet): void {
  if (typeof set !== "object" || set === null)
    throw broken("set", `must be a parameter set, not ${describeType(set)}`);
  if (typeof set.name !== "string" || set.name === "") {
    throw broken(
      "name",
      `must be a name, not ${typeof set.name === "string" ? "empty" : describeType(set.name)}`,
    );
  }
  inField("network", () => assertNetwork(set.network));
  checkOrigin(set);
  if (!Array.isArray(set.versions) || set.versions.length === 0) {
    throw broken("versions", `must be a list of at least one version, not ${describeType(set.versions)}`);
  }
  for (const [i, params] of set.versions.entries()) {
    const path = `versions[${i}].`;
    checkVersion(params, path);
    if (params.version !== i)
      throw broken(`${path}version`, `must be ${i}, the place in the list, not ${params.version}`);
    if (params.network !== set.network) {
      throw broken(`${path}network`, `must be ${set.network}, as the set says, not ${params.network}`);
    }
    const previous = set.versions[i - 1];
    if (previous && params.activationHeight <= previous.activationHeight) {
      throw broken(
        `${path}activationHeight`,
        `must be above ${previous.activationHeight}, the previous version's, not ${params.activationHeight}`,
      );
    }
  }
}

/**
 * Checks that the parameters permit a stake: its committee, its time and its value.
 * @param value satoshi
 * @throws TapstakeError the codes of {@link checkTerms}, `invalid-params`, `covenant-mismatch`,
 * `staking-time-out-of-range`, `staking-value-out-of-range`, `invalid-amount`; for malformed limits, which would permit
 * everything, `invalid-amount` and `invalid-timelock`
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
    const text = `a stake of ${value} sat is outside ${minValue} to ${maxValue} sat`;
    throw new TapstakeError("staking-value-out-of-range", text, { minValue, maxValue, got: value });
  }
}

/**
 * @throws TapstakeError `invalid-timelock`; `staking-time-out-of-range` if the parameters do not permit a stake of so
 * many blocks
 */
export function checkStakingTime({ minTime, maxTime, version }: ProtocolParams, timelock: number): void {
  checkTimelock(minTime, "least staking time");
  checkTimelock(maxTime, "longest staking time");
  if (timelock < minTime || timelock > maxTime) {
    const allowed = minTime === maxTime ? `exactly ${minTime}` : `from ${minTime} to ${maxTime}`;
    const text = `a staking time of ${counted(timelock, "block")} is not allowed by parameters v${version}: they demand ${allowed} blocks`;
    throw new TapstakeError("staking-time-out-of-range", text, { minTime, maxTime, got: timelock });
  }
}

/** Whether two key sets name the same keys, in any order, with the same quorum. */
export function sameKeySet(a: KeySet, b: KeySet): boolean {
  const [left, right] = [[...a.keys].sort(compareBytes), [...b.keys].sort(compareBytes)];
  return (
    a.quorum === b.quorum &&
    left.length === right.length &&
    left.every((key, i) => equalBytes(key, right[i]!))
  );
}

/** What a set says of the chain that it was taken from. */
function checkOrigin({ chainId, takenOn, ended }: ParamSet): void {
  if (chainId !== undefined && (typeof chainId !== "string" || chainId === "")) {
    throw broken("chainId", `must be the name of a chain, not ${show(chainId)}`);
  }
  if (takenOn !== undefined && !isDay(takenOn)) {
    throw broken("takenOn", `must be a day as YYYY-MM-DD, not ${show(takenOn)}`);
  }
  if (ended !== undefined && typeof ended !== "boolean") {
    throw broken("ended", `must be true or false, not ${describeType(ended)}`);
  }
}

/** `Date` turns the 30th of February into another day, and rejects month 13. */
function isDay(value: unknown): boolean {
  if (typeof value !== "string" || !/^\d{4}-\d{2}-\d{2}$/.test(value)) return false;
  const time = Date.parse(`${value}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(value);
}

/** @throws TapstakeError `invalid-params` unless `params` is an object */
export function assertParams(params: ProtocolParams, name = "params"): void {
  if (typeof params === "object" && params !== null) return;
  throw broken(name, `must be protocol parameters, not ${describeType(params)}`);
}

function checkVersion(params: ProtocolParams, path: string): void {
  assertParams(params, path.slice(0, -1) || undefined);
  const { covenant, minValue, maxValue, minTime, maxTime, unbondingFee } = params;
  inField(`${path}version`, (name) => assertInteger(params.version, name, 0, MAX_HEIGHT));
  inField(`${path}network`, () => assertNetwork(params.network));
  inField(`${path}activationHeight`, (name) => assertInteger(params.activationHeight, name, 0, MAX_HEIGHT));

  inField(`${path}covenant`, (name) => checkKeySet(covenant, name));
  // Two quorums of one committee must share a member. Otherwise the committee could sign two contradictory
  // transactions.
  if (covenant.quorum * 2 <= covenant.keys.length) {
    throw broken(
      `${path}covenant.quorum`,
      `must be more than half of the ${covenant.keys.length} keys, not ${covenant.quorum}`,
    );
  }

  inField(`${path}minValue`, (name) => assertSatoshi(minValue, name));
  inField(`${path}maxValue`, (name) => assertSatoshi(maxValue, name));
  if (minValue > maxValue)
    throw broken(`${path}minValue`, `must be at most maxValue, ${maxValue} sat, not ${minValue} sat`);
  inField(`${path}minTime`, (name) => checkTimelock(minTime, name));
  inField(`${path}maxTime`, (name) => checkTimelock(maxTime, name));
  if (minTime > maxTime)
    throw broken(`${path}minTime`, `must be at most maxTime, ${maxTime} blocks, not ${minTime} blocks`);

  inField(`${path}unbondingTime`, (name) => checkTimelock(params.unbondingTime, name));
  checkFee(unbondingFee, `${path}unbondingFee`);
  if (unbondingFee >= minValue) {
    throw broken(`${path}unbondingFee`, `must be below minValue, ${minValue} sat, not ${unbondingFee} sat`);
  }

  if (params.slashing !== undefined) checkSlashing(params.slashing, `${path}slashing`);
  if (params.minCommission !== undefined) checkCommission(params.minCommission, `${path}minCommission`);
  if (params.phase1 !== undefined) checkPhase1(params.phase1, `${path}phase1`);
}

/** @throws TapstakeError `invalid-params`, `invalid-bytes`, `invalid-rate`, `invalid-amount` */
export function checkSlashing(slashing: SlashingParams, path = "slashing"): void {
  if (typeof slashing !== "object" || slashing === null) {
    throw broken(path, `must be slashing parameters, not ${describeType(slashing)}`);
  }
  inField(`${path}.script`, (name) => assertBytes(slashing.script, name));
  if (slashing.script.length === 0) throw broken(`${path}.script`, "must be an output script, not 0 bytes");
  inField(`${path}.rate`, (name) => {
    const { numerator, denominator } = checkDecimal(slashing.rate, SLASHING_RATE_DECIMALS, name);
    if (numerator <= 0n || numerator >= denominator) {
      const got = `${numerator}/${denominator}`;
      throw new TapstakeError("invalid-rate", `${name} must be above 0 and below 1, not ${got}`);
    }
  });
  checkFee(slashing.minFee, `${path}.minFee`);
}

/** No node relays a transaction without a fee, and the staking chain takes no such parameters. */
function checkFee(fee: bigint, path: string): void {
  inField(path, (name) => assertSatoshi(fee, name));
  if (fee === 0n) throw broken(path, "must be above 0 sat, not 0 sat");
}

function checkCommission(commission: Rate, path: string): void {
  inField(path, (name) => {
    const { numerator, denominator } = checkDecimal(commission, COMMISSION_DECIMALS, name);
    if (numerator < 0n || numerator > denominator) {
      throw new TapstakeError("invalid-rate", `${name} must be from 0 to 1, not ${numerator}/${denominator}`);
    }
  });
}

function checkPhase1(phase1: Phase1Params, path: string): void {
  if (typeof phase1 !== "object" || phase1 === null) {
    throw broken(path, `must be phase-1 parameters, not ${describeType(phase1)}`);
  }
  const { tag, cap, capHeight, confirmationDepth } = phase1;
  inField(`${path}.tag`, (name) => assertBytes(tag, name, 4));
  if (cap !== undefined) inField(`${path}.cap`, (name) => assertSatoshi(cap, name));
  if (capHeight !== undefined)
    inField(`${path}.capHeight`, (name) => assertInteger(capHeight, name, 0, MAX_HEIGHT));
  inField(`${path}.confirmationDepth`, (name) => assertInteger(confirmationDepth, name, 1, MAX_HEIGHT));
}

/** A fraction that needs at most `decimals` decimals. */
function checkDecimal(rate: Rate, decimals: number, name: string): Rate {
  const { numerator, denominator } = rate ?? {};
  const isFraction = typeof numerator === "bigint" && typeof denominator === "bigint" && denominator > 0n;
  if (!isFraction || (numerator * 10n ** BigInt(decimals)) % denominator !== 0n) {
    const got = isFraction ? `${numerator}/${denominator}` : describeType(rate);
    throw new TapstakeError(
      "invalid-rate",
      `${name} must be a fraction with at most ${decimals} decimals, not ${got}`,
    );
  }
  return rate;
}

/** The keys are compared with those of the terms, which are checked. @throws TapstakeError `invalid-params` */
function assertKeys({ covenant }: ProtocolParams): void {
  if (Array.isArray(covenant?.keys) && covenant.keys.every((key) => key instanceof Uint8Array)) return;
  throw new TapstakeError("invalid-params", "covenant must be a set of keys and a quorum", {
    field: "covenant",
  });
}

function broken(field: string, message: string): TapstakeError {
  return new TapstakeError("invalid-params", `${field}: ${message}`, { field });
}

/** Runs `check`, and adds the field to the details and the message of its error. */
function inField(field: string, check: (name: string) => void): void {
  try {
    check(field);
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    const message = error.message.startsWith(field) ? error.message : `${field}: ${error.message}`;
    throw new TapstakeError(error.code, message, { ...error.details, field });
  }
}
