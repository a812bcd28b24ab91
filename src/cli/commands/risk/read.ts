import { stat } from "node:fs/promises";
import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { joinBytes } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import type { Fraction } from "../../../restaking/fraction.js";
import type { RestakingGraph } from "../../../restaking/graph.js";
import { loadSolver, type Solver } from "../../../restaking/solver.js";
import { restakingFromStream } from "../../../restaking/stream.js";
import { inFile, readChunks } from "../../input.js";
import { wholeNumber } from "../../options.js";
import { showProgress } from "../../output.js";

/** The argument of all commands about risk. */
export const GRAPH = ["<graph>", "restaking file (tapstake-restaking); - for standard input"] as const;

/** Two hundred thousand stakes are about a hundred. */
const MAX_MEGABYTES = 1024;

const MEGABYTE = 1024 * 1024;

/**
 * Reads the file entry by entry, with progress where it is long.
 * @throws TapstakeError `file-error`, and the codes of `restakingFromStream`
 */
export async function readGraph(path: string): Promise<RestakingGraph> {
  const { size = 0 } = path === "-" ? {} : ((await stat(path).catch(() => undefined)) ?? {});
  const progress =
    size > 8 * MEGABYTE ? await showProgress("reading MB", Math.ceil(size / MEGABYTE)) : undefined;
  try {
    return await restakingFromStream(readChunks(path, MAX_MEGABYTES), (bytes) =>
      progress?.update(Math.floor(bytes / MEGABYTE)),
    );
  } finally {
    progress?.stop();
  }
}

/** The JSON of a file that can be long. @throws TapstakeError `file-error`, `invalid-json` */
export async function readJson(path: string): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readChunks(path, MAX_ANSWERS)) chunks.push(chunk);
  const text = new TextDecoder().decode(joinBytes(chunks));
  return inFile(path, () => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new TapstakeError("invalid-json", "not JSON", { path });
    }
  });
}

/** Megabytes. The text of a file is held in memory whole. */
const MAX_ANSWERS = 256;

/** The solver where it is installed: without it, answers stay between bounds. */
export async function solverIfThere(): Promise<Solver | undefined> {
  try {
    return await loadSolver();
  } catch (error) {
    if (error instanceof TapstakeError && error.code === "package-missing") return undefined;
    throw error;
  }
}

export const secondsOption = () =>
  new Option("--seconds <number>", "longest time for each question to the solver (default: 60)").argParser(
    wholeNumber,
  );

/** `1/10` or `0.1`, exactly. */
export function fractionArgument(text: string): Fraction {
  const [, numerator, denominator] = /^(\d{1,30})\/(\d{1,30})$/.exec(text) ?? [];
  if (numerator !== undefined && BigInt(denominator!) > 0n) return [BigInt(numerator), BigInt(denominator!)];
  const [, whole, decimals = ""] = /^(\d{1,15})(?:\.(\d{1,30}))?$/.exec(text) ?? [];
  if (whole === undefined) throw new InvalidArgumentError("It must be a fraction, such as 1/10 or 0.1.");
  return [BigInt(whole + decimals), 10n ** BigInt(decimals.length)];
}
