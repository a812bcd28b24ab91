import { HARDENED_OFFSET, HDKey } from "@scure/bip32";

/** The version bytes of extended keys (BIP-32), and of those that wallets write for P2WPKH accounts (SLIP-132). */
const VERSIONS = {
  x: { private: 0x0488ade4, public: 0x0488b21e, isMainnet: true },
  y: { private: 0x049d7878, public: 0x049d7cb2, isMainnet: true },
  z: { private: 0x04b2430c, public: 0x04b24746, isMainnet: true },
  t: { private: 0x04358394, public: 0x043587cf, isMainnet: false },
  u: { private: 0x044a4e28, public: 0x044a5262, isMainnet: false },
  v: { private: 0x045f18bc, public: 0x045f1cf6, isMainnet: false },
} as const;

/** An extended key as text, taken apart but not decoded. */
export interface ExtendedText {
  readonly key: string;
  readonly kind: keyof typeof VERSIONS;
  readonly isPrivate: boolean;
  readonly isMainnet: boolean;
  /** What stands behind the key: empty, or steps that begin with a slash. */
  readonly steps: string;
}

/** `xprv…/0/5` and the like; null when the text has another form. */
export function splitExtended(text: string): ExtendedText | null {
  const match = /^(([xyztuv])p(ub|rv)[1-9A-HJ-NP-Za-km-z]{107,108})(|\/.*)$/.exec(text);
  if (!match) return null;
  const kind = match[2] as keyof typeof VERSIONS;
  const { isMainnet } = VERSIONS[kind];
  return { key: match[1]!, kind, isPrivate: match[3] === "rv", isMainnet, steps: match[4]! };
}

/** Throws what the library throws, which may show the key. */
export const decodeExtended = ({ key, kind }: ExtendedText): HDKey =>
  HDKey.fromExtendedKey(key, VERSIONS[kind]);

/**
 * The secret key, 32 bytes, at a path below a private node. The node and all between are wiped.
 * @param path in the form of `normalPath`
 */
export function secretBelow(root: HDKey, path: string): Uint8Array {
  let node = root;
  try {
    // Not `derive`, which leaves the secrets of the nodes between in memory.
    for (const [, index, hardened] of path.matchAll(/(\d+)('?)/g)) {
      const child = node.deriveChild(Number(index) + (hardened ? HARDENED_OFFSET : 0));
      node.wipePrivateData();
      node = child;
    }
    // The node's own bytes or a copy of them, by its version: neither is left.
    const given = node.privateKey!;
    const secret = Uint8Array.from(given);
    given.fill(0);
    return secret;
  } finally {
    node.wipePrivateData();
  }
}
