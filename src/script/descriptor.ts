import { hex } from "../core/bytes.js";
import { sortKeys } from "./leaves.js";
import { NUMS_KEY } from "./taproot.js";
import { anyOf, type KeySet } from "./terms.js";

/**
 * The same scripts as miniscript (BIP-379), for Bitcoin Core and every wallet that reads descriptors (BIP-386).
 */

type MiniscriptTree = string | readonly [MiniscriptTree, MiniscriptTree];

/** A `tr()` descriptor under the NUMS key, without checksum. */
export function descriptorOf(tree: MiniscriptTree): string {
  return `tr(${hex.encode(NUMS_KEY)},${format(tree)})`;
}

export function timelockMiniscript(staker: KeySet, blocks: number): string {
  return `and_v(v:${quorumOf(staker)},older(${blocks}))`;
}

export function unbondingMiniscript(staker: KeySet, covenant: KeySet): string {
  return `and_v(v:${quorumOf(staker)},${quorumOf(covenant)})`;
}

export function slashingMiniscript(
  staker: KeySet,
  finalityProviders: readonly Uint8Array[],
  covenant: KeySet,
): string {
  const signers = `and_v(v:${quorumOf(staker)},v:${quorumOf(anyOf(finalityProviders))})`;
  return `and_v(${signers},${quorumOf(covenant)})`;
}

function quorumOf({ keys, quorum }: KeySet): string {
  const sorted = sortKeys(keys).map(hex.encode);
  return sorted.length === 1 ? `pk(${sorted[0]})` : `multi_a(${quorum},${sorted.join(",")})`;
}

function format(tree: MiniscriptTree): string {
  return typeof tree === "string" ? tree : `{${format(tree[0])},${format(tree[1])}}`;
}
