import { concatBytes } from "../core/bytes.js";
import { type Network } from "../core/network.js";
import { taprootAddress } from "./address.js";
import { descriptorOf, slashingMiniscript, timelockMiniscript, unbondingMiniscript } from "./descriptor.js";
import { slashingScript, sortKeys, timelockScript, unbondingScript } from "./leaves.js";
import { OP } from "./opcodes.js";
import { type ScriptPath, type ScriptTree, taproot } from "./taproot.js";
import {
  anyOf,
  checkKeySet,
  checkTerms,
  checkTimelock,
  type KeySet,
  type StakeTerms,
  stakerKeys,
} from "./terms.js";

/** One way to spend an output: the script, where it stands in the tree, and who has to sign. */
export interface Leaf extends ScriptPath {
  readonly kind: "timelock" | "unbonding" | "slashing";
  /**
   * Who must sign: the sets, and the keys of each, in the order in which the script checks them. Of each set,
   * exactly the quorum.
   */
  readonly signers: readonly KeySet[];
  /** Blocks that the coins must be old: the sequence of the spending input. Only of a timelock. */
  readonly timelock?: number;
}

/** A Taproot output with the key path disabled and the given leaves. */
export interface TaprootOutput<Kind extends Leaf["kind"]> {
  /** The output script (scriptPubKey): 34 bytes. */
  readonly script: Uint8Array;
  readonly address: string;
  /**
   * As Bitcoin Core understands it. With the checksum that `getdescriptorinfo` adds, `deriveaddresses` gives
   * {@link address}.
   */
  readonly descriptor: string;
  readonly leaves: Readonly<Record<Kind, Leaf>>;
}

export type StakingOutput = TaprootOutput<"timelock" | "unbonding" | "slashing">;
export type UnbondingOutput = TaprootOutput<"timelock" | "slashing">;
export type SlashingChangeOutput = TaprootOutput<"timelock">;

/**
 * The output that holds a stake (PROTOCOL 2): timelock, unbonding and slashing leaf.
 * @throws TapstakeError the codes of {@link checkTerms}, `invalid-network`
 */
export function stakingOutput(terms: StakeTerms, network: Network): StakingOutput {
  checkTerms(terms);
  const timelock = timelockLeaf(stakerKeys(terms.staker), terms.timelock);
  const unbonding = unbondingLeaf(terms);
  const slashing = slashingLeaf(terms);
  const { script, address, paths } = output([[timelock.script, unbonding.script], slashing.script], network);
  return {
    script,
    address,
    descriptor: descriptorOf([[timelock.miniscript, unbonding.miniscript], slashing.miniscript]),
    leaves: {
      timelock: place(timelock, paths[0]!),
      unbonding: place(unbonding, paths[1]!),
      slashing: place(slashing, paths[2]!),
    },
  };
}

/**
 * The output that an unbonding stake rests in (PROTOCOL 2): still slashable, free after `unbondingTime` blocks.
 * @throws TapstakeError the codes of {@link checkTerms}, `invalid-timelock`, `invalid-network`
 */
export function unbondingOutput(terms: StakeTerms, unbondingTime: number, network: Network): UnbondingOutput {
  checkTerms(terms);
  checkTimelock(unbondingTime, "unbonding time");
  const timelock = timelockLeaf(stakerKeys(terms.staker), unbondingTime);
  const slashing = slashingLeaf(terms);
  const { script, address, paths } = output([timelock.script, slashing.script], network);
  return {
    script,
    address,
    descriptor: descriptorOf([timelock.miniscript, slashing.miniscript]),
    leaves: { timelock: place(timelock, paths[0]!), slashing: place(slashing, paths[1]!) },
  };
}

/**
 * The "refund": what slashing leaves to the staker, free after `unbondingTime` blocks (PROTOCOL 2).
 * @throws TapstakeError `no-keys`, `too-many-keys`, `invalid-public-key`, `duplicate-key`, `invalid-quorum`,
 * `invalid-timelock`, `invalid-network`
 */
export function slashingChangeOutput(
  staker: Uint8Array | KeySet,
  unbondingTime: number,
  network: Network,
): SlashingChangeOutput {
  checkKeySet(stakerKeys(staker), "staker");
  checkTimelock(unbondingTime, "unbonding time");
  const timelock = timelockLeaf(stakerKeys(staker), unbondingTime);
  const { script, address, paths } = output(timelock.script, network);
  return {
    script,
    address,
    descriptor: descriptorOf(timelock.miniscript),
    leaves: { timelock: place(timelock, paths[0]!) },
  };
}

/** A leaf before its place in a tree is known, and the same as miniscript. */
type UnplacedLeaf = Omit<Leaf, "hash" | "controlBlock"> & { readonly miniscript: string };

function timelockLeaf(staker: KeySet, blocks: number): UnplacedLeaf {
  return {
    kind: "timelock",
    script: timelockScript(staker, blocks),
    miniscript: timelockMiniscript(staker, blocks),
    signers: [staker],
    timelock: blocks,
  };
}

function unbondingLeaf(terms: StakeTerms): UnplacedLeaf {
  const staker = stakerKeys(terms.staker);
  return {
    kind: "unbonding",
    script: unbondingScript(staker, terms.covenant),
    miniscript: unbondingMiniscript(staker, terms.covenant),
    signers: [staker, terms.covenant],
  };
}

function slashingLeaf(terms: StakeTerms): UnplacedLeaf {
  const staker = stakerKeys(terms.staker);
  return {
    kind: "slashing",
    script: slashingScript(staker, terms.finalityProviders, terms.covenant),
    miniscript: slashingMiniscript(staker, terms.finalityProviders, terms.covenant),
    signers: [staker, anyOf(terms.finalityProviders), terms.covenant],
  };
}

function place({ kind, signers: unsorted, timelock }: UnplacedLeaf, path: ScriptPath): Leaf {
  const signers = unsorted.map(({ keys, quorum }) => ({ keys: sortKeys(keys), quorum }));
  return timelock === undefined ? { ...path, kind, signers } : { ...path, kind, signers, timelock };
}

function output(tree: ScriptTree, network: Network) {
  const { outputKey, paths } = taproot(tree);
  return {
    script: concatBytes(Uint8Array.of(OP.ONE, 32), outputKey),
    address: taprootAddress(outputKey, network),
    paths,
  };
}
