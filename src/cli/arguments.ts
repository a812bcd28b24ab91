import { existsSync } from "node:fs";
import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { type Network, NETWORKS, sharesAddresses } from "../core/network.js";
import { readParamSet } from "../params/read.js";
import { paramSet, paramSets } from "../params/sets.js";
import type { ParamSet } from "../params/types.js";
import { parseKeyOrigin } from "../script/key-expression.js";
import type { KeyOrigin } from "../script/key-origin.js";
import type { StakeTerms } from "../script/terms.js";
import { UsageError } from "./errors.js";
import { readText } from "./files.js";

export const networkOption = () => new Option("--network <name>", "the Bitcoin network").choices(NETWORKS);

export const jsonOption = () => new Option("--json", "the same as data");

/** A whole number of the command line: blocks, a height, a version. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new InvalidArgumentError("expected a whole number.");
  return Number(text);
}

/** How many heights a commitment covers: 32 bits. */
export function countOfHeights(text: string): number {
  const count = wholeNumber(text);
  if (count < 1 || count > 0xffff_ffff) throw new InvalidArgumentError("expected 1 to 4294967295.");
  return count;
}

/** A height of a chain: 64 bits. */
export function chainHeight(text: string): bigint {
  if (!/^\d{1,20}$/.test(text) || BigInt(text) >= 2n ** 64n) {
    throw new InvalidArgumentError("expected a height, a whole number below 2^64.");
  }
  return BigInt(text);
}

/** 32 bytes. */
export function hash32(text: string): Uint8Array {
  if (!/^[0-9a-fA-F]{64}$/.test(text)) {
    throw new InvalidArgumentError("expected 32 bytes in hexadecimal, 64 digits.");
  }
  return hex.decode(text);
}

/** `<chain>=<height>`, repeated for several chains. */
export function chainHeights(
  text: string,
  earlier: ReadonlyMap<string, bigint> = new Map(),
): ReadonlyMap<string, bigint> {
  // An id may hold a "=" itself.
  const at = text.lastIndexOf("=");
  if (at === -1) throw new InvalidArgumentError("expected a chain id, =, and a height.");
  const chain = text.slice(0, at);
  if (earlier.has(chain)) throw new InvalidArgumentError(`chain ${chain} has a height already.`);
  return new Map([...earlier, [chain, chainHeight(text.slice(at + 1))]]);
}

/** For options that take several values: after one another, with commas between, or the option repeated. */
export function several(text: string, earlier: readonly string[] | undefined): string[] {
  return [...(earlier ?? []), ...text.split(",").filter((part) => part !== "")];
}

/**
 * An x-only key in either letter case.
 * @throws TapstakeError `invalid-hex`; `invalid-public-key` for a compressed key, saying how to shorten it
 */
export function parseKey(text: string, name: string): Uint8Array {
  if (/^0[23][0-9a-fA-F]{64}$/.test(text)) {
    // Dropping the parity silently would print another key than was pasted.
    throw new TapstakeError(
      "invalid-public-key",
      `${name}: expected an x-only key of 32 bytes, got a compressed one of 33: drop its first byte (${text.slice(0, 2)})`,
    );
  }
  return hex.decode(text, 32, name);
}

export interface TermsOptions {
  readonly staker?: readonly string[] | undefined;
  readonly stakerQuorum?: number | undefined;
  readonly fp?: readonly string[] | undefined;
  readonly time?: number | undefined;
}

/** Of commands that cannot do without terms. */
export const stakerOption = () =>
  new Option("--staker <key...>", "who owns the coins: an x-only key, or several with --staker-quorum")
    .argParser(several)
    .makeOptionMandatory();

export const stakerQuorumOption = () =>
  new Option("--staker-quorum <number>", "how many of several stakers must sign").argParser(wholeNumber);

export const providerOption = () =>
  new Option("--fp <key...>", "the finality provider's x-only key, or several")
    .argParser(several)
    .makeOptionMandatory();

export const timeOption = () =>
  new Option("--time <blocks>", "how long the stake is locked").argParser(wholeNumber).makeOptionMandatory();

/**
 * Who stakes with whom and for how long, or undefined when no option says so.
 * @throws UsageError when only some of them are given
 */
export function readTerms(options: TermsOptions): Omit<StakeTerms, "covenant"> | undefined {
  const { staker, stakerQuorum, fp, time } = options;
  if (!staker && !fp && time === undefined && stakerQuorum === undefined) return undefined;
  if (!staker || !fp || time === undefined) {
    throw new UsageError("terms need all of --staker, --fp and --time");
  }
  const stakers = staker.map((key) => parseKey(key, "staker"));
  if (stakers.length > 1 && stakerQuorum === undefined) {
    throw new UsageError(`${stakers.length} stakers need a --staker-quorum`);
  }
  const isOne = stakers.length === 1 && (stakerQuorum === undefined || stakerQuorum === 1);
  return {
    staker: isOne ? stakers[0]! : { keys: stakers, quorum: stakerQuorum! },
    finalityProviders: fp.map((key) => parseKey(key, "finality provider")),
    timelock: time,
  };
}

/**
 * A parameter set by its name, or from a file.
 * @throws TapstakeError `unknown-params`, `file-error`, `wrong-network`, and the codes of `readParamSet`
 */
export async function readParams(name: string, network?: Network): Promise<ParamSet> {
  const isFile = !paramSets.has(name) && (existsSync(name) || /[./\\]|^-$/.test(name));
  const set = isFile ? readParamSet(await readText(name), { name, network }) : paramSet(name);
  if (network && !sharesAddresses(network, set.network)) {
    const text = `expected parameters of ${network}, but those of ${name} are for ${set.network}`;
    throw new TapstakeError("wrong-network", text, { expected: network, got: set.network });
  }
  return set;
}

/** Where stakers' keys come from: wallets find their own keys in PSBTs by it. */
export const originOption = () =>
  new Option(
    "--origin <key...>",
    "where stakers' keys come from, for PSBTs: [fingerprint/path]key as wallets write it",
  );

/** @throws TapstakeError `invalid-key-expression`, `invalid-path`, `invalid-public-key` */
export const readOrigins = (origins: readonly string[] | undefined): KeyOrigin[] =>
  (origins ?? []).map(parseKeyOrigin);
