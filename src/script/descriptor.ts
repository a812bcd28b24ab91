import { hex } from "../core/bytes.js";
import { sortKeys } from "./leaves.js";
import { NUMS_KEY } from "./taproot.js";
import { isBranch, type Tree } from "./tree.js";
import { anyOf, type KeySet } from "./terms.js";

/**
 * The same scripts as miniscript (BIP-379), for Bitcoin Core and every wallet that reads descriptors (BIP-386).
 */

/** A `tr()` descriptor under the NUMS key, with its checksum. */
export function descriptorOf(tree: Tree<string>): string {
  const text = `tr(${hex.encode(NUMS_KEY)},${format(tree)})`;
  return `${text}#${descriptorChecksum(text)}`;
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

function format(tree: Tree<string>): string {
  return isBranch(tree) ? `{${format(tree[0])},${format(tree[1])}}` : tree;
}

/** The characters of descriptors, in the order that groups common ones (BIP-380). */
const INPUT_CHARACTERS =
  "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
const CHECKSUM_CHARACTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR = [0xf5dee51989n, 0xa9fdca3312n, 0x1bab10e32dn, 0x3706b1677an, 0x644d626ffdn];

/** The 8 characters that guard a descriptor against typing errors (BIP-380). */
export function descriptorChecksum(descriptor: string): string {
  const values: number[] = [];
  let groups: number[] = [];
  for (const character of descriptor) {
    const position = INPUT_CHARACTERS.indexOf(character);
    values.push(position & 31);
    groups.push(position >> 5);
    if (groups.length === 3) {
      values.push(groups[0]! * 9 + groups[1]! * 3 + groups[2]!);
      groups = [];
    }
  }
  if (groups.length > 0) values.push(groups.reduce((sum, group) => sum * 3 + group, 0));
  const remainder = [...values, 0, 0, 0, 0, 0, 0, 0, 0].reduce(polymod, 1n) ^ 1n;
  return Array.from({ length: 8 }, (_, i) => {
    return CHECKSUM_CHARACTERS[Number((remainder >> BigInt(5 * (7 - i))) & 31n)]!;
  }).join("");
}

function polymod(sum: bigint, value: number): bigint {
  const top = sum >> 35n;
  const shifted = ((sum & 0x7ffffffffn) << 5n) ^ BigInt(value);
  return GENERATOR.reduce((acc, generator, i) => ((top >> BigInt(i)) & 1n ? acc ^ generator : acc), shifted);
}
