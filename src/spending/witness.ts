import { SCHNORR_LENGTHS } from "../bitcoin/fee.js";
import { assertBytes, equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { assertList, assertObject } from "../core/objects.js";
import { sortKeys } from "../script/leaf.js";
import type { Leaf } from "../script/outputs.js";
import type { LeafSignature } from "./spend.js";

/**
 * The witness of a leaf (PROTOCOL 4): exactly the quorum of each key set, and an empty slot for every other key. The
 * order of the signatures does not matter. If more than a quorum signed, the first by key count.
 * @throws TapstakeError `missing-signature`, `unexpected-signer`
 */
export function leafWitness(leaf: Leaf, signatures: readonly LeafSignature[]): Uint8Array[] {
  assertLeaf(leaf);
  const given = indexByKey(leaf, signatures);
  const chosen = leaf.signers.flatMap((set) => {
    const signed = sortKeys(set.keys).filter((key) => given.has(hex.encode(key)));
    if (signed.length < set.quorum) {
      const { quorum, keys } = set;
      const missing = sortKeys(keys)
        .map(hex.encode)
        .filter((key) => !given.has(key));
      const text = `the ${leaf.kind} leaf has ${signed.length} of ${quorum} signatures`;
      throw new TapstakeError("missing-signature", `${text}; not signed by: ${missing.join(", ")}`, {
        needed: quorum,
        got: signed.length,
        missing,
      });
    }
    return signed.slice(0, set.quorum);
  });
  return assembleWitness(
    leaf,
    chosen.map((publicKey) => ({ publicKey, signature: given.get(hex.encode(publicKey))! })),
  );
}

/**
 * A witness with each of these signatures in its slot, without a check of the quorum. It shows that Bitcoin refuses too
 * few and too many; otherwise use {@link leafWitness}.
 * @throws TapstakeError `unexpected-signer`
 */
export function assembleWitness(leaf: Leaf, signatures: readonly LeafSignature[]): Uint8Array[] {
  assertLeaf(leaf);
  const given = indexByKey(leaf, signatures);
  const slots = slotKeys(leaf).map((key) => given.get(hex.encode(key)) ?? new Uint8Array(0));
  return [...slots, leaf.script, leaf.controlBlock];
}

/**
 * The witness of a fully signed spend, with zeros as signatures, to compute its size. Stakers sign with wallets, and
 * some wallets append the hash type: signatures of the first key set have the given length. All others have 64 bytes,
 * as the staking chain accepts no longer ones.
 */
export function placeholderWitness(leaf: Leaf, stakerLength: number = SCHNORR_LENGTHS.most): Uint8Array[] {
  const signatures = leaf.signers.flatMap(({ keys, quorum }, set) =>
    keys.slice(0, quorum).map((publicKey) => ({
      publicKey,
      signature: new Uint8Array(set === 0 ? stakerLength : SCHNORR_LENGTHS.least),
    })),
  );
  return assembleWitness(leaf, signatures);
}

/**
 * The signatures in a witness of this leaf, by key. They are not verified.
 * @throws TapstakeError `witness-mismatch` when the witness opens another leaf or has other slots
 */
export function readWitness(leaf: Leaf, witness: readonly Uint8Array[]): LeafSignature[] {
  assertLeaf(leaf);
  assertList(witness, "witness");
  const keys = slotKeys(leaf);
  const [script, controlBlock] = witness.slice(-2);
  if (
    witness.length !== keys.length + 2 ||
    !equalBytes(script!, leaf.script) ||
    !equalBytes(controlBlock!, leaf.controlBlock)
  ) {
    throw new TapstakeError("witness-mismatch", `the witness does not open the expected ${leaf.kind} leaf`);
  }
  return keys.flatMap((publicKey, slot) => {
    const signature = witness[slot]!;
    return signature.length > 0 ? [{ publicKey, signature }] : [];
  });
}

/** BIP-341: a last element that starts with 0x50 is the annex, which does not open the leaf. */
export function withoutAnnex(witness: readonly Uint8Array[]): readonly Uint8Array[] {
  return witness.length >= 2 && witness.at(-1)![0] === 0x50 ? witness.slice(0, -1) : witness;
}

/** Checks that a value has the parts of a leaf. @throws TapstakeError `invalid-argument` */
export function assertLeaf(value: unknown): asserts value is Leaf {
  assertObject(value, "the leaf", "give the leaf of a spend, or of stakingOutput");
  assertList((value as Partial<Leaf>).signers, "the leaf's signers");
}

/** The key of each slot: sets and keys in the reverse of the order in which the script checks them. */
function slotKeys(leaf: Leaf): Uint8Array[] {
  return leaf.signers.flatMap(({ keys }) => sortKeys(keys)).toReversed();
}

/**
 * Signatures by their keys in hexadecimal. They are not verified.
 * @throws TapstakeError `invalid-bytes`; `unexpected-signer` when the leaf does not name a key, or by two different
 * signatures of one
 */
export function indexByKey(leaf: Leaf, signatures: readonly LeafSignature[]): Map<string, Uint8Array> {
  assertList(signatures, "signatures");
  const named = new Set(slotKeys(leaf).map(hex.encode));
  const given = new Map<string, Uint8Array>();
  for (const each of signatures) {
    assertObject(each, "a signature", "give { publicKey, signature }");
    const { publicKey, signature } = each;
    assertBytes(publicKey, "signature's public key", 32);
    assertBytes(signature, "signature");
    const key = hex.encode(publicKey);
    if (!named.has(key)) {
      throw new TapstakeError(
        "unexpected-signer",
        `wrong key: ${key} cannot sign for the ${leaf.kind} leaf of this stake`,
        { key },
      );
    }
    const earlier = given.get(key);
    if (earlier && !equalBytes(earlier, signature)) {
      throw new TapstakeError("unexpected-signer", `key ${key} has two different signatures`, { key });
    }
    given.set(key, signature);
  }
  return given;
}
