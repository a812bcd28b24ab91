import { encodeHex } from "../core/bytes.js";
import { isBranch, NUMS_KEY, type Tree } from "./taproot.js";

/**
 * A `tr()` descriptor (BIP-386) of leaves in miniscript under the NUMS key, with its checksum: for Bitcoin Core and
 * every wallet that reads descriptors.
 */
export function descriptorOf(tree: Tree<string>): string {
  return withChecksum(`tr(${encodeHex(NUMS_KEY)},${formatTree(tree)})`);
}

/** A tree as descriptors write it: `{left,right}`. */
export function formatTree(tree: Tree<string>): string {
  return isBranch(tree) ? `{${formatTree(tree[0])},${formatTree(tree[1])}}` : tree;
}

export const withChecksum = (descriptor: string): string => `${descriptor}#${descriptorChecksum(descriptor)}`;

/** The characters of descriptors, in the order that groups common ones (BIP-380). */
export const INPUT_CHARACTERS =
  "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
const CHECKSUM_CHARACTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/** The generators of BIP-380, 40 bits each, in halves of 20: whole numbers of so few bits are quick. */
const GENERATOR = [
  [0xf5dee, 0x51989],
  [0xa9fdc, 0xa3312],
  [0x1bab1, 0x0e32d],
  [0x3706b, 0x1677a],
  [0x644d6, 0x26ffd],
] as const;

/** The 8 characters that guard a descriptor against typing errors (BIP-380). */
export function descriptorChecksum(descriptor: string): string {
  let high = 0;
  let low = 1;
  const add = (value: number) => {
    const top = high >> 15;
    high = ((high & 0x7fff) << 5) | (low >> 15);
    low = ((low & 0x7fff) << 5) ^ value;
    for (const [i, generator] of GENERATOR.entries()) {
      if (!((top >> i) & 1)) continue;
      high ^= generator[0];
      low ^= generator[1];
    }
  };
  let groups = 0;
  let count = 0;
  for (const character of descriptor) {
    const position = INPUT_CHARACTERS.indexOf(character);
    add(position & 31);
    groups = groups * 3 + (position >> 5);
    if (++count % 3 === 0) {
      add(groups);
      groups = 0;
    }
  }
  if (count % 3 !== 0) add(groups);
  for (let i = 0; i < 8; i++) add(0);
  low ^= 1;
  return [high, low]
    .flatMap((half) => [15, 10, 5, 0].map((shift) => CHECKSUM_CHARACTERS[(half >> shift) & 31]!))
    .join("");
}
