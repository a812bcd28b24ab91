import { utf8 } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { loadChains, MAX_FILE_BYTES, parseChains } from "./chains.js";
import type { Home } from "./home.js";
import { readPrivateFile, writePrivateFile } from "./private-files.js";
import { type ChainConfig, assertChainId } from "../vote/chain.js";

/** A chain as it stands in `chains.json`. */
export interface ChainEntry {
  /** The fewest heights that a commitment may cover; 1 unless given. */
  readonly minCount?: number | undefined;
  /** The release line: v3 signs with contexts, v4, the default, without. */
  readonly contexts?: "v3" | "v4" | undefined;
  /** v3: the module that checks votes and commitments, in bech32. */
  readonly moduleAddress?: string | undefined;
  /** v3: the module that checks proofs of possession, in bech32. */
  readonly stakingModuleAddress?: string | undefined;
}

/**
 * Writes a chain to `chains.json`, or changes it there: what the entry does not say stays as it was, also contexts that
 * are written out, unless it says `contexts: "v4"` or gives the address that they are in place of. Others stay as they
 * are.
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

/** An entry that may have contexts written out, by hand. */
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

/** @throws TapstakeError `unknown-chain`, and as `loadChains` */
export function removeChain(home: Home, id: string): void {
  edit(home, (entries) => {
    if (entries.delete(id)) return;
    const known = entries.size === 0 ? "there are none" : `there are ${[...entries.keys()].join(", ")}`;
    throw new TapstakeError("unknown-chain", `no chain ${id} in ${home.chainsFile}: ${known}`, { chain: id });
  });
}

/** Changes the entries and writes them, if what results can be read again. Returns the file's text. */
function edit(home: Home, change: (entries: Map<string, WrittenEntry>) => void): string {
  const path = home.chainsFile;
  loadChains(home);
  const old = readPrivateFile(path, MAX_FILE_BYTES);
  const json = old
    ? (JSON.parse(new TextDecoder().decode(old)) as { chains: Record<string, WrittenEntry> })
    : { chains: {} };
  const entries = new Map(Object.entries(json.chains));
  change(entries);
  const text = `${JSON.stringify({ version: 1, chains: Object.fromEntries(entries) }, null, 2)}\n`;
  const read = parseChains(text, path);
  for (const id of entries.keys()) {
    // Names that every object has are left out when JSON is read.
    if (!read.has(id)) throw new TapstakeError("invalid-chain-id", `${id} cannot be configured as a chain`);
  }
  writePrivateFile(path, utf8(text), "replace");
  return text;
}
