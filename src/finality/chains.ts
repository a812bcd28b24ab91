import { bech32 } from "@scure/base";
import * as v from "valibot";
import { TapstakeError } from "../core/errors.js";
import { parseJson, readJson } from "../core/json.js";
import { type ContextKind, signingContext } from "../vote/messages.js";
import type { Home } from "./home.js";
import { readPrivateFile } from "./private-files.js";
import { type ChainConfig, isChainId } from "../vote/chain.js";

/**
 * The chains of `chains.json` by id; none when there is no such file.
 * @throws TapstakeError `invalid-json`, `unknown-version`, `insecure-permissions`, `file-error`
 */
export function loadChains(home: Home): ReadonlyMap<string, ChainConfig> {
  const path = home.chainsFile;
  const content = readPrivateFile(path, MAX_FILE_BYTES);
  return content === undefined ? new Map() : parseChains(new TextDecoder().decode(content), path);
}

/**
 * What `chains.json` holds.
 * @param path for messages
 * @throws TapstakeError `invalid-json`, `unknown-version`
 */
export function parseChains(text: string, path: string): ReadonlyMap<string, ChainConfig> {
  const json = parseJson(text, path);
  const { version } = readJson(v.looseObject({ version: v.number() }), json, path);
  if (version !== 1) {
    throw new TapstakeError("unknown-version", `${path}: expected version 1, got ${version}`, { version });
  }
  const { chains } = readJson(file, json, path);
  return new Map(Object.entries(chains).map(([id, entry]) => [id, configOf(id, entry, path)]));
}

/**
 * One chain. One that `chains.json` does not name has no signing contexts, and commits to any number of heights.
 * @throws TapstakeError as {@link loadChains}
 */
export function chainConfig(home: Home, id: string): ChainConfig {
  return loadChains(home).get(id) ?? { id, minCount: 1 };
}

/** Of `chains.json`. */
export const MAX_FILE_BYTES = 1 << 20;

const context = v.custom<string>(
  (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value),
  "64 lower-case hexadecimal digits",
);

const count = v.custom<number>(
  (value) => typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 0xffff_ffff,
  "a whole number from 1 to 4294967295",
);

const address = v.custom<string>(isAddress, "an address in bech32");

const chain = v.strictObject({
  minCount: v.optional(count, 1),
  /** The release line: v3 signs with contexts, v4 without. */
  contexts: v.optional(v.picklist(["v3", "v4"]), "v4"),
  /** Who checks votes and commitments: the finality module, or a chain's finality contract. */
  moduleAddress: v.optional(address),
  /** Who checks proofs of possession: another module, with another address. */
  stakingModuleAddress: v.optional(address),
  voteContext: v.optional(context),
  commitContext: v.optional(context),
  popContext: v.optional(context),
});

const file = v.strictObject({
  version: v.literal(1),
  chains: v.pipe(
    v.custom<object>((value) => typeof value === "object" && !Array.isArray(value), "chains by id"),
    v.record(v.custom<string>(isChainId, "chain ids of 1 to 128 printable ASCII characters"), chain),
  ),
});

/** A context that is written out stands; the others follow from the addresses. */
function configOf(id: string, entry: v.InferOutput<typeof chain>, path: string): ChainConfig {
  const { minCount, contexts, moduleAddress, stakingModuleAddress, voteContext, commitContext, popContext } =
    entry;
  const given = { voteContext, commitContext, popContext };
  const where = `${path}.chains[${JSON.stringify(id)}]`;
  const refuse = (text: string) => new TapstakeError("invalid-json", `${where}: ${text}`, { path: where });
  if (contexts === "v4") {
    // A context that is silently left out, or silently used, makes votes that nobody accepts.
    const named = Object.entries({ ...given, moduleAddress, stakingModuleAddress })
      .filter(([, value]) => value !== undefined)
      .map(([name]) => name);
    if (named.length > 0) throw refuse(`${named.join(", ")} only has a meaning with "contexts": "v3"`);
    return { id, minCount };
  }
  if (moduleAddress === undefined && (voteContext === undefined || commitContext === undefined)) {
    throw refuse(`"contexts": "v3" needs moduleAddress, or both voteContext and commitContext`);
  }
  const derived = (kind: ContextKind, of: string | undefined) =>
    of === undefined ? undefined : signingContext(kind, id, of);
  const pop = popContext ?? derived("fp_pop", stakingModuleAddress);
  return {
    id,
    minCount,
    voteContext: voteContext ?? derived("fp_fin_vote", moduleAddress)!,
    commitContext: commitContext ?? derived("fp_rand_commit", moduleAddress)!,
    ...(pop !== undefined && { popContext: pop }),
  };
}

/** Whether it is bech32, with any prefix. */
export function isAddress(value: unknown): boolean {
  try {
    return typeof value === "string" && bech32.decode(value as `${string}1${string}`, false).words.length > 0;
  } catch {
    return false;
  }
}
