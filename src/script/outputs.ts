import { concatBytes } from "../core/bytes.js";
import { type Network } from "../core/network.js";
import { taprootAddress } from "../bitcoin/address.js";
import { descriptorOf, slashingMiniscript, timelockMiniscript, unbondingMiniscript } from "./descriptor.js";
import { slashingScript, sortKeys, timelockScript, unbondingScript } from "./leaves.js";
import { OP } from "../bitcoin/opcodes.js";
import { type ScriptPath, taproot } from "./taproot.js";
import { leavesOf, mapTree, type Tree } from "./tree.js";
import {
  anyOf,
  checkKeySet,
  checkTerms,
  checkTimelock,
  type KeySet,
  type StakeTerms,
  stakerKeys,
} from "./terms.js";

/** The ways to spend an output of a stake. */
export type LeafKind = "timelock" | "unbonding" | "slashing";

/** One way to spend an output: the script, where it stands in the tree, and who has to sign. */
export interface Leaf<Kind extends LeafKind = LeafKind> extends ScriptPath {
  readonly kind: Kind;
  /**
   * Who must sign: the sets, and the keys of each, in the order in which the script checks them. Of each set,
   * exactly the quorum.
   */
  readonly signers: readonly KeySet[];
}

/** The leaf that asks for nobody but the staker, and for time. */
export interface TimelockLeaf extends Leaf<"timelock"> {
  /** Blocks that the coins must be old: the sequence of the spending input. */
  readonly timelock: number;
}

/** A Taproot output with the key path disabled and the given leaves. */
export interface TaprootOutput<Kind extends LeafKind> {
  /** The output script (scriptPubKey): 34 bytes. */
  readonly script: Uint8Array;
  readonly address: string;
  /** With its checksum (BIP-380): Bitcoin Core's `deriveaddresses` and `importdescriptors` take it as it is. */
  readonly descriptor: string;
  readonly leaves: { readonly [K in Kind]: K extends "timelock" ? TimelockLeaf : Leaf<K> };
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
  const { staker, timelock } = terms;
  const tree = [[timelockLeaf(staker, timelock), unbondingLeaf(terms)], slashingLeaf(terms)] as const;
  const { leaves, ...output } = assemble(tree, network);
  return {
    ...output,
    leaves: {
      timelock: { ...leaves[0]!, kind: "timelock", timelock },
      unbonding: { ...leaves[1]!, kind: "unbonding" },
      slashing: { ...leaves[2]!, kind: "slashing" },
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
  const tree = [timelockLeaf(terms.staker, unbondingTime), slashingLeaf(terms)] as const;
  const { leaves, ...output } = assemble(tree, network);
  return {
    ...output,
    leaves: {
      timelock: { ...leaves[0]!, kind: "timelock", timelock: unbondingTime },
      slashing: { ...leaves[1]!, kind: "slashing" },
    },
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
  const { leaves, ...output } = assemble(timelockLeaf(staker, unbondingTime), network);
  return { ...output, leaves: { timelock: { ...leaves[0]!, kind: "timelock", timelock: unbondingTime } } };
}

/** A leaf before it has its place in a tree, and the same as miniscript. */
interface UnplacedLeaf {
  readonly script: Uint8Array;
  readonly miniscript: string;
  readonly signers: readonly KeySet[];
}

function timelockLeaf(stakers: StakeTerms["staker"], blocks: number): UnplacedLeaf {
  const staker = stakerKeys(stakers);
  return {
    script: timelockScript(staker, blocks),
    miniscript: timelockMiniscript(staker, blocks),
    signers: [staker],
  };
}

function unbondingLeaf({ staker: stakers, covenant }: StakeTerms): UnplacedLeaf {
  const staker = stakerKeys(stakers);
  return {
    script: unbondingScript(staker, covenant),
    miniscript: unbondingMiniscript(staker, covenant),
    signers: [staker, covenant],
  };
}

function slashingLeaf({ staker: stakers, finalityProviders, covenant }: StakeTerms): UnplacedLeaf {
  const staker = stakerKeys(stakers);
  return {
    script: slashingScript(staker, finalityProviders, covenant),
    miniscript: slashingMiniscript(staker, finalityProviders, covenant),
    signers: [staker, anyOf(finalityProviders), covenant],
  };
}

/** The output of a tree of leaves, and the leaves from left to right. */
function assemble(tree: Tree<UnplacedLeaf>, network: Network) {
  const { outputKey, paths } = taproot(mapTree(tree, ({ script }) => script));
  return {
    script: concatBytes(Uint8Array.of(OP.ONE, 32), outputKey),
    address: taprootAddress(outputKey, network),
    descriptor: descriptorOf(mapTree(tree, ({ miniscript }) => miniscript)),
    leaves: leavesOf(tree).map(({ signers }, i) => ({
      ...paths[i]!,
      signers: signers.map(({ keys, quorum }) => ({ keys: sortKeys(keys), quorum })),
    })),
  };
}
