import { comparable, onNetworkOf } from "./in-force.js";
import type { ParamSet } from "./types.js";

/** One value in which two copies of a network's parameters differ. */
export interface ParamsDifference {
  readonly version: number;
  /** `version` where one of the copies lacks it. */
  readonly field: string;
  /** As in the first copy; absent where it has no such value. */
  readonly own?: string;
  /** As in the second copy; absent where it has no such value. */
  readonly other?: string;
}

/**
 * Every difference between two copies of a network's parameters, by version and field; empty when they are equal. The
 * order of a committee's keys makes none, and what a set says of its origin is not compared.
 */
export function paramsDifferences(own: ParamSet, other: ParamSet): readonly ParamsDifference[] {
  const numbers = new Set([...own.versions, ...other.versions].map(({ version }) => version));
  return [...numbers].flatMap((version) => {
    const [mine, theirs] = [own, other].map((set) => set.versions.find((one) => one.version === version));
    if (mine && theirs) return fieldsOf(comparable(mine), comparable(onNetworkOf(mine, theirs)), version);
    return [
      {
        version,
        field: "version",
        ...(mine && { own: `${version}` }),
        ...(theirs && { other: `${version}` }),
      },
    ];
  });
}

function fieldsOf(
  own: Readonly<Record<string, string>>,
  other: Readonly<Record<string, string>>,
  version: number,
): ParamsDifference[] {
  return [...new Set([...Object.keys(own), ...Object.keys(other)])].flatMap((field) => {
    const [mine, theirs] = [own[field], other[field]];
    if (field === "version" || mine === theirs) return [];
    return [
      {
        version,
        field,
        ...(mine !== undefined && { own: mine }),
        ...(theirs !== undefined && { other: theirs }),
      },
    ];
  });
}

const DAY = 86_400_000;
/** The age in days from which a copy of a chain's parameters is old: its chain changes them several times a year. */
const OLD = 365;

/** How many days ago a set was taken from its chain, if that is more than a year; undefined for any other set. */
export function daysOld({ takenOn, ended }: ParamSet, now: Date): number | undefined {
  if (takenOn === undefined || ended === true) return undefined;
  const days = Math.floor((now.getTime() - Date.parse(`${takenOn}T00:00:00Z`)) / DAY);
  return days > OLD ? days : undefined;
}
