import { bech32 } from "@scure/base";
import * as v from "valibot";
import { utf8 } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { jsonText, parseJson, readJson } from "../core/json.js";
import { assertChainId, type ChainConfig, isChainId } from "../vote/chain.js";
import { type ContextKind, signingContext } from "../vote/messages.js";
import type { Home } from "./home.js";
import { readPrivateFile, writePrivateFile } from "./private-files.js";

/**
 * The chains of `chains.json` by id; empty if there is no such file.
 * @throws TapstakeError `invalid-json`, `unknown-version`, `insecure-permissions`, `file-error`
 */
export function loadChains(home: Home): ReadonlyMap<string, ChainConfig> {
  const path = home.chainsFile;
  const content = readPrivateFile(path, MAX_FILE_BYTES);
  return content === undefined ? new Map() : parseChains(new TextDecoder().decode(content), path);
}

/**
 * Parses the text of `chains.json`.
 * @param path for messages
 * @throws TapstakeError `invalid-json`, `unknown-version`
 */
export function parseChains(text: string, path: string): ReadonlyMap<string, ChainConfig> {
  const json = parseJson(text, path);
  const { version } = readJson(v.looseObject({ version: v.number() }), json, path);
  if (version !== 1) {
    throw new TapstakeError(
      "unknown-version",
      `the version of ${path} must be 1, not ${version}: a later release may know it`,
      { version },
    );
  }
  const { chains } = readJson(file, json, path);
  return new Map(Object.entries(chains).map(([id, entry]) => [id, configOf(id, entry, path)]));
}

/**
 * The configuration of one chain. A chain that `chains.json` does not name has no signing contexts, and its commitments
 * may have any number of heights.
 * @throws TapstakeError as {@link loadChains}
 */
export function chainConfig(home: Home, id: string): ChainConfig {
  return loadChains(home).get(id) ?? { id, minCount: 1 };
}

/** A chain's entry in `chains.json`. */
export interface ChainEntry {
  /** The fewest heights that a commitment may cover; 1 by default. */
  readonly minCount?: number | undefined;
  /** The release line: v3 signs with contexts, v4, the default, without. */
  readonly contexts?: "v3" | "v4" | undefined;
  /** v3: the bech32 address of the module that checks votes and commitments. */
  readonly moduleAddress?: string | undefined;
  /** v3: the bech32 address of the module that checks proofs of possession. */
  readonly stakingModuleAddress?: string | undefined;
}

/**
 * Writes a chain to `chains.json`, or changes its entry. Fields that `entry` leaves out keep their values. So do
 * contexts that are written out, unless `entry` says `contexts: "v4"` or gives the address that the context stands for.
 * Other chains do not change.
 * @throws TapstakeError `invalid-chain-id`, `invalid-json` for an entry that breaks a rule, and as `loadChains`
 */
export function setChain(home: Home, id: string, entry: ChainEntry): ChainConfig {
  assertChainId(id);
  const chains = parseChains(
    edit(home, (entries) => entries.set(id, changed(entries.get(id) ?? {}, entry))),
    home.chainsFile,
  );
  return chains.get(id)!;
}

/** Removes a chain from `chains.json`. @throws TapstakeError `unknown-chain`, and as `loadChains` */
export function removeChain(home: Home, id: string): void {
  edit(home, (entries) => {
    if (entries.delete(id)) return;
    const known = entries.size === 0 ? "there are none" : `there are ${[...entries.keys()].join(", ")}`;
    throw new TapstakeError("unknown-chain", `no chain ${id} in ${home.chainsFile}: ${known}`, { chain: id });
  });
}

/** An entry in which a person may have written contexts out. */
interface WrittenEntry extends ChainEntry {
  readonly voteContext?: string | undefined;
  readonly commitContext?: string | undefined;
  readonly popContext?: string | undefined;
}

function changed(old: WrittenEntry, entry: ChainEntry): WrittenEntry {
  const { minCount = old.minCount, contexts = old.contexts, moduleAddress, stakingModuleAddress } = entry;
  const kept: WrittenEntry = contexts === "v3" ? old : {};
  return {
    minCount,
    contexts,
    ...(moduleAddress === undefined
      ? {
          moduleAddress: kept.moduleAddress,
          voteContext: kept.voteContext,
          commitContext: kept.commitContext,
        }
      : { moduleAddress }),
    ...(stakingModuleAddress === undefined
      ? { stakingModuleAddress: kept.stakingModuleAddress, popContext: kept.popContext }
      : { stakingModuleAddress }),
  };
}

/** Changes the entries, and writes them if the result can be read again. Returns the file's text. */
function edit(home: Home, change: (entries: Map<string, WrittenEntry>) => void): string {
  const path = home.chainsFile;
  loadChains(home);
  const old = readPrivateFile(path, MAX_FILE_BYTES);
  const json = old
    ? (JSON.parse(new TextDecoder().decode(old)) as { chains: Record<string, WrittenEntry> })
    : { chains: {} };
  const entries = new Map(Object.entries(json.chains));
  change(entries);
  const text = jsonText({ version: 1, chains: Object.fromEntries(entries) });
  const read = parseChains(text, path);
  for (const id of entries.keys()) {
    // JSON parsing leaves out names that every object has.
    if (!read.has(id)) throw new TapstakeError("invalid-chain-id", `${id} cannot be configured as a chain`);
  }
  writePrivateFile(path, utf8(text), "replace");
  return text;
}

/** The largest `chains.json`. */
const MAX_FILE_BYTES = 1 << 20;

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
  /** The bech32 address of what checks votes and commitments: the finality module, or a chain's finality contract. */
  moduleAddress: v.optional(address),
  /** The bech32 address of the module that checks proofs of possession. */
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

/** A context that is written out applies; the others follow from the addresses. */
function configOf(id: string, entry: v.InferOutput<typeof chain>, path: string): ChainConfig {
  const { minCount, contexts, moduleAddress, stakingModuleAddress, voteContext, commitContext, popContext } =
    entry;
  const given = { voteContext, commitContext, popContext };
  const where = `${path}.chains[${JSON.stringify(id)}]`;
  const refuse = (text: string) => new TapstakeError("invalid-json", `${where}: ${text}`, { path: where });
  if (contexts === "v4") {
    // If a context is left out or used without notice, the chain accepts no vote.
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
