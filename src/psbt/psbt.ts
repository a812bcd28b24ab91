import { base64 } from "@scure/base";
import type { Transaction } from "../bitcoin/bitcoinjs.js";
import { Psbt } from "./bitcoinjs.js";
import { assertBytes, compactSize, concatBytes, equalBytes, hex, u64be } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import type { KeyOrigin } from "../script/key-origin.js";
import { LEAF_VERSION, merkleRootOf, NUMS_KEY } from "../script/taproot.js";
import type { Leaf, TaprootOutput } from "../script/outputs.js";
import { leafDerivations, outputDerivations } from "./derivations.js";
import { assertSameCoins, assertSameLeaf, psbtMismatch } from "./inputs.js";
import { asVersion0, field, GLOBAL, PSBT_MAGIC } from "./v2.js";
import { createReader } from "../bitcoin/byte-reader.js";
import {
  assertNamed,
  assertSignatureLength,
  checkLeafSignature,
  type LeafSignature,
  type LeafSpend,
} from "../spending/spend.js";
import { outputAt, parseTransaction, type Prevout, txidOf } from "../bitcoin/transaction.js";
import { indexByKey, readWitness } from "../spending/witness.js";

/** A PSBT as it travels: the object, also one that another copy of bitcoinjs made; its bytes; or base64 text. */
export type PsbtLike = Psbt | { toBuffer(): Uint8Array } | Uint8Array | string;

/**
 * A leaf spend as a PSBT (BIP-174, BIP-371) that a wallet can sign without knowing about staking: the coin, the
 * leaf with its control block, the internal key and the Merkle root. Signatures so far go along.
 * @param derivations of keys that the leaf names: hardware wallets find their own keys by them
 * @throws TapstakeError `unexpected-signer` when the leaf does not name a key, or by two signatures of one;
 * `invalid-signature`, `invalid-public-key`, `invalid-bytes`; `invalid-argument`, `duplicate-key`, `invalid-path` at
 * derivations that are none
 */
export function spendPsbt(
  spend: LeafSpend,
  signatures: readonly LeafSignature[] = [],
  derivations: readonly KeyOrigin[] = [],
): Psbt {
  const { transaction, inputIndex, prevouts, leaf } = spend;
  const { script, controlBlock } = leaf;
  const tapBip32Derivation = leafDerivations(leaf, derivations);
  const tapScriptSig = [...indexByKey(leaf, signatures)].map(([key, signature]) => {
    assertSignatureLength(key, signature);
    return { pubkey: hex.decode(key), leafHash: leaf.hash, signature };
  });
  const psbt = unsignedPsbt(transaction, prevouts);
  // Through `data`: the library would build the output again to compare, which takes longer than all the rest.
  psbt.data.updateInput(inputIndex, {
    tapInternalKey: NUMS_KEY,
    tapMerkleRoot: merkleRootOf(script, controlBlock)!,
    tapLeafScript: [{ leafVersion: LEAF_VERSION, script, controlBlock }],
    ...(tapBip32Derivation.length > 0 ? { tapBip32Derivation } : {}),
    ...(tapScriptSig.length > 0 ? { tapScriptSig } : {}),
  });
  return psbt;
}

/**
 * Tells in a PSBT what one of its outputs is (BIP-371): the internal key, the tree of scripts, and the keys that are
 * the wallet's own. A wallet can then see that the coins stay its owner's, and under which conditions.
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
  psbt.data.updateOutput(index, {
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

/** The type of the field that says what an input spends (BIP-174). */
const WITNESS_UTXO = 0x01;

/**
 * A PSBT of a transaction and the coins that it spends, nothing signed. Written as bytes and read back: adding
 * hundreds of inputs to the object one by one takes seconds.
 */
export function unsignedPsbt(transaction: Transaction, prevouts: LeafSpend["prevouts"]): Psbt {
  const end = Uint8Array.of(0);
  const unsigned = transaction.clone();
  unsigned.ins.forEach((input) => Object.assign(input, { script: new Uint8Array(0), witness: [] }));
  const inputs = prevouts.map(({ script, value }) => {
    const coin = concatBytes(u64be(value).toReversed(), compactSize(script.length), script);
    return concatBytes(field(Uint8Array.of(WITNESS_UTXO), coin), end);
  });
  const outputs = transaction.outs.map(() => end);
  const globals = concatBytes(field(Uint8Array.of(GLOBAL.unsignedTx), unsigned.toBuffer()), end);
  return Psbt.fromBuffer(concatBytes(PSBT_MAGIC, globals, ...inputs, ...outputs));
}

/**
 * The signatures in a PSBT that came back from a signer, finalised or not. It must be of the same transaction,
 * coins and leaf, as far as it says; each signature is verified over our own copy of them. Fields of no concern are
 * passed over.
 * @param expected x-only keys whose signatures must be there: those of whoever was asked
 * @throws TapstakeError `invalid-psbt`; `psbt-mismatch` naming what was altered, and in which input or output;
 * `witness-mismatch`; `unexpected-signer`, `unsupported-sighash`, `invalid-signature`; `missing-signature` naming whose
 */
export function signaturesFromPsbt(
  spend: LeafSpend,
  returned: PsbtLike,
  expected: readonly Uint8Array[] = [],
): LeafSignature[] {
  const psbt = parsePsbt(returned);
  assertSameTransaction(spend.transaction, psbt);
  assertSameCoins(spend.transaction, spend.prevouts, psbt);
  const input = psbt.data.inputs[spend.inputIndex]!;
  assertSameLeaf(spend, input);
  const signatures = input.finalScriptWitness
    ? readWitness(spend.leaf, readWitnessStack(input.finalScriptWitness))
    : (input.tapScriptSig ?? [])
        .filter(({ leafHash }) => equalBytes(leafHash, spend.leaf.hash))
        .map(({ pubkey, signature }) => ({ publicKey: pubkey, signature }));
  for (const signature of signatures) checkLeafSignature(spend, signature);
  assertSignedBy(spend, signatures, expected);
  return signatures;
}

/**
 * The signatures in the PSBTs of one spend that came back from several signers, each of whom signed alone; of a key
 * that signed twice, the first. `finishSpend` makes the transaction of them.
 * @param expected x-only keys whose signatures must be there, in whichever PSBT
 * @throws TapstakeError the codes of {@link signaturesFromPsbt}, telling which PSBT (`psbt` in the details, from 0)
 * @example
 * ```ts
 * const signed = finishSpend(unbonding, signaturesFromPsbts(unbonding, [fromAlice, fromBob, fromCommittee]));
 * ```
 */
export function signaturesFromPsbts(
  spend: LeafSpend,
  returned: readonly PsbtLike[],
  expected: readonly Uint8Array[] = [],
): LeafSignature[] {
  if (!Array.isArray(returned)) {
    throw new TapstakeError("invalid-psbt", `expected a list of PSBTs, got ${describeType(returned)}`);
  }
  const byKey = new Map<string, LeafSignature>();
  for (const [i, psbt] of returned.entries()) {
    for (const signature of inPsbt(i, returned.length, () => signaturesFromPsbt(spend, psbt))) {
      const key = hex.encode(signature.publicKey);
      if (!byKey.has(key)) byKey.set(key, signature);
    }
  }
  const signatures = [...byKey.values()];
  assertSignedBy(spend, signatures, expected);
  return signatures;
}

/** What is made of one PSBT among several: where it is refused, the error says which. */
export function inPsbt<T>(index: number, count: number, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof TapstakeError)) throw cause;
    const message = `PSBT ${index + 1} of ${count}: ${cause.message}`;
    throw new TapstakeError(cause.code, message, { ...cause.details, psbt: index }, { cause });
  }
}

/**
 * That of everyone who was asked there is a signature.
 * @throws TapstakeError `missing-signature` naming whose; `unexpected-signer` when the leaf does not name one of them
 */
export function assertSignedBy(
  { leaf }: LeafSpend,
  signatures: readonly LeafSignature[],
  expected: readonly Uint8Array[],
): void {
  if (!Array.isArray(expected)) {
    throw new TapstakeError("invalid-argument", `expected a list of keys, got ${describeType(expected)}`);
  }
  for (const key of expected) assertNamed(leaf, key);
  const missing = expected
    .filter((key) => !signatures.some(({ publicKey }) => equalBytes(publicKey, key)))
    .map(hex.encode);
  if (missing.length === 0) return;
  const text = `the PSBT came back without a signature of the ${leaf.kind} leaf by ${missing.join(", ")}`;
  throw new TapstakeError("missing-signature", text, { missing });
}

/**
 * A PSBT from whatever form it came in. White space in base64 is passed over: many tools break its lines. One of
 * version 2 (BIP-370) becomes one of version 0, which every signer reads.
 * @throws TapstakeError `invalid-psbt`
 */
export function parsePsbt(psbt: PsbtLike): Psbt {
  if (psbt instanceof Psbt) return psbt;
  try {
    const bytes = asVersion0(bytesOf(psbt));
    const parsed = Psbt.fromBuffer(bytes);
    // The library stops reading where it likes; keys may be in another order, but all must be there.
    if (parsed.toBuffer().length !== bytes.length) throw new RangeError("it has bytes that mean nothing");
    return parsed;
  } catch (cause) {
    throw new TapstakeError("invalid-psbt", `not a PSBT: ${(cause as Error).message}`, {}, { cause });
  }
}

/** The unsigned transaction of a PSBT. @throws TapstakeError `invalid-transaction` */
export const transactionOf = (psbt: Psbt): Transaction =>
  parseTransaction(psbt.data.globalMap.unsignedTx.toBuffer());

/**
 * The outputs that a PSBT says that it spends, as far as it does. Whether they are what is on chain, only the chain
 * tells; Taproot signatures commit to them.
 * @throws TapstakeError `psbt-mismatch` when a whole previous transaction is not the one of the outpoint
 */
export function prevoutsOf(psbt: Psbt): readonly (Prevout | undefined)[] {
  return psbt.data.inputs.map(({ witnessUtxo, nonWitnessUtxo }, i) => {
    if (!nonWitnessUtxo) return witnessUtxo;
    const previous = parseTransaction(nonWitnessUtxo);
    const { hash, index } = psbt.txInputs[i]!;
    if (!equalBytes(previous.getHash(), hash)) {
      const text = `input ${i}: the previous transaction in the PSBT is ${previous.getId()}, not the one that is spent`;
      throw new TapstakeError("psbt-mismatch", text, { what: `input ${i}: previous transaction` });
    }
    return outputAt(previous, index);
  });
}

function bytesOf(psbt: PsbtLike): Uint8Array {
  // bitcoinjs' own base64 skips what is none.
  if (typeof psbt === "string") return base64.decode(psbt.replace(/\s/g, ""));
  const bytes = "toBuffer" in psbt ? psbt.toBuffer() : psbt;
  assertBytes(bytes, "PSBT");
  // A copy: slices of a Node Buffer would share its memory.
  return Uint8Array.from(bytes);
}

/**
 * @throws TapstakeError `psbt-mismatch` naming the first thing that differs: version, lock time, an input, an output
 */
export function assertSameTransaction(expected: Transaction, psbt: Psbt): void {
  type Value = string | number | bigint;
  const compare = (what: string, want: Value, got: Value, where?: { input?: number; output?: number }) => {
    if (want !== got) throw psbtMismatch(what, want, got, where);
  };
  compare("version", expected.version, psbt.version);
  compare("lock time", expected.locktime, psbt.locktime);
  compare("number of inputs", expected.ins.length, psbt.inputCount);
  compare("number of outputs", expected.outs.length, psbt.txOutputs.length);
  for (const [input, { hash, index, sequence }] of expected.ins.entries()) {
    const got = psbt.txInputs[input]!;
    compare(`input ${input}: previous transaction`, txidOf(hash), txidOf(got.hash), { input });
    compare(`input ${input}: previous output`, index, got.index, { input });
    compare(`input ${input}: sequence`, sequence, got.sequence ?? 0xffff_ffff, { input });
  }
  for (const [output, { script, value }] of expected.outs.entries()) {
    const got = psbt.txOutputs[output]!;
    compare(`output ${output}: script`, hex.encode(script), hex.encode(got.script), { output });
    compare(`output ${output}: value`, value, got.value, { output });
  }
}

/**
 * The stack in a PSBT's final witness: a count, then each element behind its length.
 * @throws TapstakeError `invalid-psbt`
 */
export function readWitnessStack(bytes: Uint8Array): Uint8Array[] {
  const reader = createReader(bytes, malformedWitness);
  const count = reader.size();
  // Each element takes a byte at least: no room is made for more.
  if (count > reader.left) throw malformedWitness();
  const stack = Array.from({ length: count }, () => reader.sized());
  if (reader.left > 0) throw malformedWitness();
  return stack;
}

const malformedWitness = () => new TapstakeError("invalid-psbt", "malformed final witness");
