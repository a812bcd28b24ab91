import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { TapstakeError } from "../core/errors.js";
import type { Delegation } from "../delegation/delegation.js";
import { identifyParams } from "../params/identify.js";
import { checkSameParams } from "../params/same.js";
import { ruleSet, ruleSets } from "../params/rules.js";
import { paramsAt, paramsVersion } from "../params/select.js";
import type { ProtocolParams } from "../params/types.js";
import { readParams, wholeNumber } from "./arguments.js";
import { checkOut } from "./files.js";

/** Of commands that extend a delegation. */
export const outOption = () =>
  new Option("--out <file>", "write the delegation there, not back into its file; - for standard output");

/** Of commands that end with a signed transaction. */
export const rawOption = () =>
  new Option("--out <file>", "send nothing: write the raw transaction to a new file; - for standard output");

export const trustedParamsOption = () =>
  new Option(
    "--params <set>",
    "your own copy of the parameters: a set's name or a file; the published sets unless told",
  );

/** An amount of the command line. */
export function satoshiAmount(text: string): bigint {
  if (!/^\d{1,19}$/.test(text)) throw new InvalidArgumentError("expected a whole number of satoshi.");
  return BigInt(text);
}

export const heightOption = () =>
  new Option("--height <height>", "the version must be the one in force at this height").argParser(
    wholeNumber,
  );

export const previousHeightOption = () =>
  new Option(
    "--previous-height <height>",
    "of an expansion: the previous stake's version must be the one in force at this height",
  ).argParser(wholeNumber);

export const releaseOption = () =>
  new Option("--release <name>", "refuse what the chain of this release does not accept").choices([
    ...ruleSets.keys(),
  ]);

/** The rules of `--release`, for functions that take them. */
export const rulesOf = ({ release }: { readonly release?: string | undefined }) =>
  release === undefined ? {} : { rules: ruleSet(release) };

export interface TrustOptions {
  readonly params?: string | undefined;
  readonly height?: number | undefined;
  readonly previousHeight?: number | undefined;
}

/** Parameters that are known from elsewhere than the delegation. */
interface Trusted {
  /** Of the set that they are of. */
  readonly name: string;
  readonly params: ProtocolParams;
}

/**
 * The parameters that a delegation was made under, and of an expansion also those of the stake that it expands, from a
 * source other than the delegation itself: whoever wrote that could have put there parameters of their own.
 * @throws TapstakeError `params-mismatch`, `unknown-params`, `not-active`, and the codes of `readParams`
 */
export async function trustedParams(
  { params, expansion }: Pick<Delegation, "params" | "expansion">,
  options: TrustOptions,
): Promise<Trusted & { readonly previousParams?: ProtocolParams }> {
  const trusted = await trust(params, options);
  if (!expansion) return trusted;
  const previous = await trust(expansion.params, { ...options, height: options.previousHeight });
  return { ...trusted, previousParams: previous.params };
}

async function trust(given: ProtocolParams, { params: name, height }: TrustOptions): Promise<Trusted> {
  const found = name === undefined ? identifyParams(given)?.set : await readParams(name, given.network);
  if (!found) {
    const text = `the delegation's parameters v${given.version} are of no published set: give your own copy by --params`;
    throw new TapstakeError("unknown-params", text, { version: given.version });
  }
  const trusted = height === undefined ? paramsVersion(found, given.version) : paramsAt(found, height);
  checkSameParams(given, { ...trusted, network: given.network });
  return { name: found.name, params: given };
}

/** Sees to it that new files can be written, before the work is done. @throws TapstakeError `file-error` */
export async function checkNewFiles(...paths: readonly (string | undefined)[]): Promise<void> {
  for (const path of paths) if (path !== "-") await checkOut(path);
}
