import { Transaction } from "../bitcoin/transaction-class.js";
import { assertBytes, concatBytes, hex } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { type Coin, coinKind, previousBytes } from "../funding/coin.js";
import { type KeyOrigin, normalPath } from "../script/key-origin.js";
import type { Leaf, TaprootOutput } from "../script/outputs.js";
import { LEAF_VERSION, merkleRootOf, NUMS_KEY } from "../script/taproot.js";
import {
  assertNamed,
  assertSignatureLength,
  assertSpend,
  isNamed,
  type LeafSignature,
  type LeafSpend,
  xOnly,
} from "../spending/spend.js";
import { indexByKey } from "../spending/witness.js";
import { Psbt } from "./psbt.js";

/**
 * A leaf spend as a PSBT (BIP-174, BIP-371) that a wallet can sign without knowing about staking. It names the coin,
 * the internal key, and the leaf with its control block. The Merkle root is left out by default: OKX and OneKey treat
 * an input that has one as a key-path spend. The PSBT includes the signatures made so far.
 * @param derivations of keys that the leaf names: hardware wallets find their own keys by them
 * @throws TapstakeError `unexpected-signer` if the leaf does not name a key, or for two signatures of one;
 * `invalid-signature`, `invalid-public-key`, `invalid-bytes`; `invalid-argument`, `duplicate-key`, `invalid-path` for
 * malformed derivations
 */
export function spendPsbt(
  spend: LeafSpend,
  signatures: readonly LeafSignature[] = [],
  derivations: readonly KeyOrigin[] = [],
  { merkleRoot = false }: { readonly merkleRoot?: boolean } = {},
): Psbt {
  assertSpend(spend);
  const { transaction, inputIndex, prevouts, leaf } = spend;
  const { script, controlBlock } = leaf;
  const tapBip32Derivation = leafDerivations(leaf, derivations);
  const tapScriptSig = [...indexByKey(leaf, signatures)].map(([key, signature]) => {
    assertSignatureLength(key, signature);
    return { pubkey: hex.decode(key), leafHash: leaf.hash, signature };
  });
  const psbt = unsignedPsbt(transaction, prevouts);
  psbt.updateInput(inputIndex, {
    tapInternalKey: NUMS_KEY,
    ...(merkleRoot ? { tapMerkleRoot: merkleRootOf(script, controlBlock)! } : {}),
    tapLeafScript: [{ leafVersion: LEAF_VERSION, script, controlBlock }],
    ...(tapBip32Derivation.length > 0 ? { tapBip32Derivation } : {}),
    ...(tapScriptSig.length > 0 ? { tapScriptSig } : {}),
  });
  return psbt;
}

/**
 * Describes an output in a PSBT (BIP-371): its internal key, its tree of scripts, and which keys are the wallet's own.
 * A wallet can then see that the coins stay with its owner, and under which conditions.
 * @param derivations checked ones; keys that the output does not name are left out
 */
export function describeOutput(
  psbt: Psbt,
  index: number,
  output: Pick<TaprootOutput<"timelock">, "leaves">,
  derivations: readonly KeyOrigin[],
): void {
  const leaves: Leaf[] = Object.values(output.leaves);
  const tapBip32Derivation = outputDerivations(leaves, derivations);
  psbt.updateOutput(index, {
    tapInternalKey: NUMS_KEY,
    tapTree: {
      // From left to right, as BIP-371 has them.
      leaves: leaves.map(({ script, controlBlock }) => ({
        depth: (controlBlock.length - 33) / 32,
        leafVersion: LEAF_VERSION,
        script,
      })),
    },
    ...(tapBip32Derivation.length > 0 ? { tapBip32Derivation } : {}),
  });
}

/** A PSBT of a transaction and the coins that it spends, nothing signed. */
export function unsignedPsbt(transaction: Transaction, prevouts: LeafSpend["prevouts"]): Psbt {
  const inputs = prevouts.map(({ script, value }) => ({
    witnessUtxo: { script: Uint8Array.from(script), value },
  }));
  return new Psbt(withoutSignatures(transaction), inputs);
}

/** A copy of a transaction without its signatures, in memory of its own. */
export function withoutSignatures(transaction: Transaction): Transaction {
  const unsigned = transaction.clone();
  unsigned.ins.forEach((input) => Object.assign(input, { script: new Uint8Array(0), witness: [] }));
  return Transaction.fromBuffer(unsigned.toBuffer());
}

type InputFields = Psbt["data"]["inputs"][number];

/**
 * A PSBT (BIP-174, BIP-371) that the wallets of these coins can sign. For each coin it has the spent output, the
 * previous transaction if given, the scripts, and the origins of the keys.
 */
export function fundingPsbt(transaction: Transaction, coins: readonly Coin[]): Psbt {
  const psbt = unsignedPsbt(transaction, coins);
  for (const [i, coin] of coins.entries()) {
    const input = psbt.data.inputs[i]!;
    // BIP-174: the output alone is for segwit coins. For a P2PKH coin, signers must see the whole transaction.
    if (coinKind(coin) === "p2pkh") delete input.witnessUtxo;
    Object.assign(input, fieldsOf(coin));
  }
  return psbt;
}

/** Adds the coins' previous transactions to a PSBT, in the order of its inputs. */
export function addPrevious(psbt: Psbt, coins: readonly Coin[], firstInput = 0): void {
  for (const [i, coin] of coins.entries()) {
    const nonWitnessUtxo = previousBytes(coin);
    if (nonWitnessUtxo) psbt.data.inputs[firstInput + i]!.nonWitnessUtxo = Uint8Array.from(nonWitnessUtxo);
  }
}

/** The PSBT fields of a coin beside its output. The coin must be checked already. */
export function fieldsOf(coin: Coin): Partial<InputFields> {
  const { redeemScript, witnessScript, leaf } = coin;
  const nonWitnessUtxo = previousBytes(coin);
  const tapInternalKey = coin.tapInternalKey ?? leaf?.controlBlock.slice(1, 33);
  return {
    ...(nonWitnessUtxo && { nonWitnessUtxo: Uint8Array.from(nonWitnessUtxo) }),
    ...(redeemScript && { redeemScript: Uint8Array.from(redeemScript) }),
    ...(witnessScript && { witnessScript: Uint8Array.from(witnessScript) }),
    ...(tapInternalKey && { tapInternalKey: Uint8Array.from(tapInternalKey) }),
    ...(leaf && {
      tapLeafScript: [
        {
          leafVersion: LEAF_VERSION,
          script: Uint8Array.from(leaf.script),
          controlBlock: Uint8Array.from(leaf.controlBlock),
        },
      ],
    }),
    ...derivationsOf(coin),
  };
}

function derivationsOf(coin: Coin): Partial<InputFields> {
  const { derivations = [] } = coin;
  if (derivations.length === 0) return {};
  const plain = ({ publicKey, fingerprint, path }: KeyOrigin) => ({
    pubkey: Uint8Array.from(publicKey),
    masterFingerprint: Uint8Array.from(fingerprint),
    path: normalPath(path),
  });
  return coinKind(coin) === "p2tr"
    ? {
        tapBip32Derivation: derivations.map((origin) => ({
          ...plain(origin),
          leafHashes: (origin.leafHashes ?? []).map((hash) => concatBytes(hash)),
        })),
      }
    : { bip32Derivation: derivations.map(plain) };
}

/** What a PSBT says of a key in a Taproot leaf (BIP-371). */
interface TapDerivation {
  readonly pubkey: Uint8Array;
  readonly masterFingerprint: Uint8Array;
  readonly path: string;
  readonly leafHashes: Uint8Array[];
}

/**
 * The origins of a leaf's keys as PSBT fields.
 * @throws TapstakeError `invalid-argument`, `invalid-public-key`, `unexpected-signer` if the leaf does not name the
 * key; `duplicate-key`, `invalid-bytes`, `invalid-path`
 */
export function leafDerivations(leaf: Leaf, derivations: readonly KeyOrigin[]): TapDerivation[] {
  if (!Array.isArray(derivations)) {
    const text = `derivations must be a list, not ${describeType(derivations)}`;
    throw new TapstakeError("invalid-argument", text);
  }
  const seen = new Set<string>();
  return derivations.map((derivation: Partial<KeyOrigin> | null | undefined, i) => {
    const { publicKey, fingerprint, path } = derivation ?? {};
    if (publicKey === undefined) {
      const text = `derivations[${i}] must be what parseKeyOrigin returns, not ${describeType(derivation)}`;
      throw new TapstakeError("invalid-public-key", text);
    }
    const pubkey = xOnly(publicKey);
    assertNamed(leaf, pubkey);
    const key = hex.encode(pubkey);
    if (seen.has(key)) throw new TapstakeError("duplicate-key", `two derivations of key ${key}`, { key });
    seen.add(key);
    assertBytes(fingerprint, "fingerprint", 4);
    const masterFingerprint = Uint8Array.from(fingerprint);
    return { pubkey, masterFingerprint, path: normalPath(path!), leafHashes: [leaf.hash] };
  });
}

/** The same for an output: each key with all leaves that name it. Keys that no leaf names are left out. */
export function outputDerivations(
  leaves: readonly Leaf[],
  derivations: readonly KeyOrigin[],
): TapDerivation[] {
  return derivations.flatMap((derivation) => {
    const pubkey = xOnly(derivation.publicKey);
    const naming = leaves.filter((leaf) => isNamed(leaf, pubkey));
    const leafHashes = naming.map(({ hash }) => hash);
    return naming
      .slice(0, 1)
      .flatMap((leaf) => leafDerivations(leaf, [derivation]).map((each) => ({ ...each, leafHashes })));
  });
}
