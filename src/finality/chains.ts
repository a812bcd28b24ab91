import * as v from "valibot";
import { TapstakeError } from "../core/errors.js";
import { parseJson, readJson } from "../core/json.js";
import { type ContextKind, signingContext } from "../crypto/messages.js";
import type { Home } from "./home.js";
import { readPrivateFile } from "./private-files.js";

/** What a signer knows of a chain. Contexts are 64 hex characters, signed as text; chains of the v4 line have none. */
export interface ChainConfig {
  readonly id: string;
  /** The fewest heights that a commitment may cover. */
  readonly minCount: number;
  readonly voteContext?: string;
  readonly commitContext?: string;
  readonly popContext?: string;
}

/**
 * The chains of `chains.json` by id; none when there is no such file.
 * @throws TapstakeError `invalid-json`, `unknown-version`, `insecure-permissions`, `file-error`
 */
export function loadChains(home: Home): ReadonlyMap<string, ChainConfig> {
  const path = home.chainsFile;
  const bytes = readPrivateFile(path, MAX_FILE_BYTES);
  if (bytes === undefined) return new Map();
  const json = parseJson(new TextDecoder().decode(bytes), path);
  const { version, chains } = readJson(file, json, path);
  if (version !== 1) {
    throw new TapstakeError("unknown-version", `${path}: expected version 1, got ${version}`, { version });
  }
  return new Map(Object.entries(chains).map(([id, entry]) => [id, configOf(id, entry, path)]));
}

/**
 * One chain; one that `chains.json` does not name has no contexts and any count of heights.
 * @throws TapstakeError as {@link loadChains}, and `invalid-number` for an id that no chain can have
 */
export function chainConfig(home: Home, id: string): ChainConfig {
  return loadChains(home).get(id) ?? { id, minCount: 1 };
}

const MAX_FILE_BYTES = 1 << 20;
const context = v.pipe(
  v.string(),
  v.check((text) => /^[0-9a-f]{64}$/.test(text), "64 lower-case hexadecimal digits"),
);
const chain = v.strictObject({
  minCount: v.optional(v.number(), 1),
  contexts: v.optional(v.picklist(["v3", "v4"])),
  moduleAddress: v.optional(v.string()),
  stakingModuleAddress: v.optional(v.string()),
  voteContext: v.optional(context),
  commitContext: v.optional(context),
  popContext: v.optional(context),
});
const file = v.strictObject({ version: v.number(), chains: v.record(v.string(), chain) });

function configOf(id: string, entry: v.InferOutput<typeof chain>, _path: string): ChainConfig {
  const { minCount, moduleAddress, stakingModuleAddress } = entry;
  const of = (kind: ContextKind, address: string | undefined) =>
    address === undefined ? undefined : signingContext(kind, id, address);
  const voteContext = entry.voteContext ?? of("fp_fin_vote", moduleAddress);
  const commitContext = entry.commitContext ?? of("fp_rand_commit", moduleAddress);
  const popContext = entry.popContext ?? of("fp_pop", stakingModuleAddress);
  return {
    id,
    minCount,
    ...(voteContext !== undefined && { voteContext }),
    ...(commitContext !== undefined && { commitContext }),
    ...(popContext !== undefined && { popContext }),
  };
}
