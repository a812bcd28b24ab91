import { taprootAddress } from "../bitcoin/address.js";
import { OP } from "../bitcoin/opcodes.js";
import { concatBytes } from "../core/bytes.js";
import type { Network } from "../core/network.js";
import { descriptorOf } from "./descriptor.js";
import {
  type LeafKind,
  leafMiniscript,
  type LeafPolicy,
  leafScript,
  type LeafTerms,
  type LockedKind,
  type PartsOf,
  policyOf,
} from "./leaf.js";
import { leavesOf, mapTree, type ScriptPath, taproot, type Tree } from "./taproot.js";
import {
  type CheckedTerms,
  checkedTerms,
  checkKeySet,
  checkTimelock,
  copyKeySet,
  type KeySet,
  stakerKeys,
  type StakeTerms,
} from "./terms.js";

/** The outputs of a stake's life, and how the leaves of each are nested (PROTOCOL 2). */
export const OUTPUT_TREES = {
  staking: [["timelock", "unbonding"], "slashing"],
  unbonding: ["timelock", "slashing"],
  refund: "timelock",
} as const satisfies Record<string, Tree<LeafKind>>;

export type OutputKind = keyof typeof OUTPUT_TREES;

type LeavesIn<T> = T extends readonly [infer Left, infer Right] ? LeavesIn<Left> | LeavesIn<Right> : T;

/** The kinds of leaf that an output has. */
type LeafIn<K extends OutputKind> = Extract<LeavesIn<(typeof OUTPUT_TREES)[K]>, LeafKind>;

/** One way to spend an output: the script, where it stands in the tree, and who has to sign. */
export interface Leaf<Kind extends LeafKind = LeafKind> extends ScriptPath, Pick<LeafPolicy, "signers"> {
  readonly kind: Kind;
}

/** A leaf with a time lock; only the staker signs it. */
export interface TimelockLeaf<Kind extends LockedKind = LockedKind> extends Leaf<Kind> {
  /** Blocks that the coins must be old: the sequence of the spending input. */
  readonly timelock: number;
}

/** A Taproot output with the key path disabled and the given leaves. */
export interface TaprootOutput<Kind extends LeafKind> {
  /** The output script (scriptPubKey): 34 bytes. */
  readonly script: Uint8Array;
  readonly address: string;
  /**
   * The descriptor with its checksum (BIP-380), for Bitcoin Core's `deriveaddresses` and `importdescriptors`. It is
   * computed at the first read.
   */
  readonly descriptor: string;
  readonly leaves: { readonly [K in Kind]: K extends LockedKind ? TimelockLeaf<K> : Leaf<K> };
}

/** The output that holds a stake, with its three leaves. */
export type StakingOutput = TaprootOutput<LeafIn<"staking">>;
/** The output of an unbonding transaction, with its two leaves. */
export type UnbondingOutput = TaprootOutput<LeafIn<"unbonding">>;
/** The output that a slashing returns to the staker, with its one leaf. */
export type SlashingChangeOutput = TaprootOutput<LeafIn<"refund">>;

/**
 * The output that holds a stake (PROTOCOL 2): timelock, unbonding and slashing leaf.
 * @throws TapstakeError the codes of `checkTerms`, `invalid-network`
 */
export function stakingOutput(terms: StakeTerms, network: Network): StakingOutput {
  return assemble("staking", partsOf(checkedTerms(terms)), network);
}

/**
 * The output that an unbonding stake rests in (PROTOCOL 2): still slashable, free after `unbondingTime` blocks.
 * @throws TapstakeError the codes of `checkTerms`, `invalid-timelock`, `invalid-network`
 */
export function unbondingOutput(terms: StakeTerms, unbondingTime: number, network: Network): UnbondingOutput {
  return assemble("unbonding", unbondingParts(checkedTerms(terms), unbondingTime), network);
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
  const set = stakerKeys(staker);
  checkKeySet(set, "staker");
  return assemble("refund", refundParts(copyKeySet(set), unbondingTime), network);
}

/** The three outputs of one stake. */
export interface StakeOutputs {
  /** The terms that they are of: checked, and a copy. */
  readonly terms: CheckedTerms;
  readonly staking: StakingOutput;
  readonly unbonding: UnbondingOutput;
  readonly refund: SlashingChangeOutput;
}

/**
 * The outputs of a stake for everything that is built upon it: its terms are checked here, once, and each output is
 * made when it is first read. To be passed on; it does not follow a later change of the terms.
 * @throws TapstakeError the codes of `checkTerms`; at the outputs, `invalid-timelock` and `invalid-network`
 */
export function outputsOf(
  terms: StakeTerms,
  { network, unbondingTime }: { readonly network: Network; readonly unbondingTime: number },
): StakeOutputs {
  const checked = checkedTerms(terms);
  const staking = once(() => assemble("staking", partsOf(checked), network));
  const unbonding = once(() => assemble("unbonding", unbondingParts(checked, unbondingTime), network));
  const refund = once(() =>
    assemble("refund", refundParts(stakerKeys(checked.staker), unbondingTime), network),
  );
  return {
    terms: checked,
    get staking() {
      return staking();
    },
    get unbonding() {
      return unbonding();
    },
    get refund() {
      return refund();
    },
  };
}

/**
 * The checked parts of an output's leaves. No caller has a reference to them: the descriptor is computed from them
 * later.
 */
type OutputParts<K extends OutputKind> = PartsOf<LeafIn<K>>;

const partsOf = (terms: CheckedTerms): OutputParts<"staking"> => ({
  staker: stakerKeys(terms.staker),
  finalityProviders: terms.finalityProviders,
  covenant: terms.covenant,
  timelock: terms.timelock,
});

function unbondingParts(terms: CheckedTerms, unbondingTime: number): OutputParts<"unbonding"> {
  checkTimelock(unbondingTime, "unbonding time");
  return { ...partsOf(terms), timelock: unbondingTime };
}

function refundParts(staker: KeySet, unbondingTime: number): OutputParts<"refund"> {
  checkTimelock(unbondingTime, "unbonding time");
  return { staker, timelock: unbondingTime };
}

function assemble<K extends OutputKind>(
  kind: K,
  parts: OutputParts<K>,
  network: Network,
): TaprootOutput<LeafIn<K>> {
  const tree: Tree<LeafKind> = OUTPUT_TREES[kind];
  // Each leaf finds its parts among those of the output: their type says so.
  const policy = (leaf: LeafKind) => policyOf({ ...parts, kind: leaf } as unknown as LeafTerms);
  const policies = mapTree(tree, policy);
  const { outputKey, paths } = taproot(mapTree(policies, leafScript));
  const leaves = leavesOf(tree).map((leaf, i) => ({ ...paths[i]!, kind: leaf, ...leavesOf(policies)[i]! }));
  const descriptor = once(() => descriptorOf(mapTree(tree, (leaf) => leafMiniscript(policy(leaf)))));
  return {
    script: concatBytes(Uint8Array.of(OP.ONE, 32), outputKey),
    address: taprootAddress(outputKey, network),
    get descriptor() {
      return descriptor();
    },
    leaves: Object.fromEntries(leaves.map((leaf) => [leaf.kind, leaf])) as TaprootOutput<LeafIn<K>>["leaves"],
  };
}

/** Makes something when it is first asked for, and keeps it. */
function once<T extends object | string>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
