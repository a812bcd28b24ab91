import { base64 } from "@scure/base";
import { Psbt, type Transaction } from "../core/bitcoin.js";
import { assertBytes, compactSize, concatBytes, equalBytes, hex, u64be } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { LEAF_VERSION, NUMS_KEY } from "../script/taproot.js";
import { checkLeafSignature, type LeafSignature, type LeafSpend } from "./spend.js";
import { readWitness } from "./witness.js";

/** A PSBT as it travels: the object, also one that another copy of bitcoinjs made; its bytes; or base64 text. */
export type PsbtLike = Psbt | { toBuffer(): Uint8Array } | Uint8Array | string;

/**
 * A leaf spend as a PSBT (BIP-174, BIP-371) that a wallet can sign without knowing about staking: the coin, the
 * leaf with its control block, the internal key. Signatures so far go along.
 */
export function spendPsbt(spend: LeafSpend, signatures: readonly LeafSignature[] = []): Psbt {
  const { transaction, inputIndex, prevouts, leaf } = spend;
  const psbt = unsignedPsbt(transaction, prevouts);
  psbt.updateInput(inputIndex, {
    tapInternalKey: NUMS_KEY,
    tapLeafScript: [{ leafVersion: LEAF_VERSION, script: leaf.script, controlBlock: leaf.controlBlock }],
  });
  if (signatures.length > 0) {
    psbt.updateInput(inputIndex, {
      tapScriptSig: signatures.map(({ publicKey, signature }) => ({
        pubkey: publicKey,
        leafHash: leaf.hash,
        signature,
      })),
    });
  }
  return psbt;
}

/** The first bytes of a PSBT, and the types of the two fields that are written here (BIP-174). */
const MAGIC = Uint8Array.of(0x70, 0x73, 0x62, 0x74, 0xff);
const UNSIGNED_TX = 0x00;
const WITNESS_UTXO = 0x01;

/**
 * A PSBT of a transaction and the coins that it spends, nothing signed. Written as bytes and read back: adding
 * hundreds of inputs to the object one by one takes seconds.
 */
export function unsignedPsbt(transaction: Transaction, prevouts: LeafSpend["prevouts"]): Psbt {
  const end = Uint8Array.of(0);
  const field = (type: number, value: Uint8Array) =>
    concatBytes(Uint8Array.of(1, type), compactSize(value.length), value);
  const unsigned = transaction.clone();
  unsigned.ins.forEach((input) => Object.assign(input, { script: new Uint8Array(0), witness: [] }));
  const inputs = prevouts.map(({ script, value }) =>
    concatBytes(
      field(WITNESS_UTXO, concatBytes(u64be(value).toReversed(), compactSize(script.length), script)),
      end,
    ),
  );
  const outputs = transaction.outs.map(() => end);
  return Psbt.fromBuffer(
    concatBytes(MAGIC, field(UNSIGNED_TX, unsigned.toBuffer()), end, ...inputs, ...outputs),
  );
}

/**
 * The signatures in a PSBT that came back from a signer, finalised or not. Each is verified over our own copy of
 * the transaction; nothing else in the PSBT is trusted.
 * @throws TapstakeError `invalid-psbt`; `psbt-mismatch` when the transaction was altered; `witness-mismatch`;
 * `unexpected-signer`, `unsupported-sighash`, `invalid-signature`
 */
export function signaturesFromPsbt(spend: LeafSpend, returned: PsbtLike): LeafSignature[] {
  const psbt = parsePsbt(returned);
  assertSameTransaction(spend.transaction, psbt);
  const input = psbt.data.inputs[spend.inputIndex]!;
  const signatures = input.finalScriptWitness
    ? readWitness(spend.leaf, readWitnessStack(input.finalScriptWitness))
    : (input.tapScriptSig ?? [])
        .filter(({ leafHash }) => equalBytes(leafHash, spend.leaf.hash))
        .map(({ pubkey, signature }) => ({ publicKey: pubkey, signature }));
  for (const signature of signatures) checkLeafSignature(spend, signature);
  return signatures;
}

/**
 * A PSBT from whatever form it came in. White space in base64 is passed over: many tools break its lines.
 * @throws TapstakeError `invalid-psbt`
 */
export function parsePsbt(psbt: PsbtLike): Psbt {
  if (psbt instanceof Psbt) return psbt;
  try {
    const bytes = bytesOf(psbt);
    const parsed = Psbt.fromBuffer(bytes);
    // The library stops reading where it likes; keys may be in another order, but all must be there.
    if (parsed.toBuffer().length !== bytes.length) throw new RangeError("it has bytes that mean nothing");
    return parsed;
  } catch (cause) {
    throw new TapstakeError("invalid-psbt", `not a PSBT: ${(cause as Error).message}`, {}, { cause });
  }
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
  const differs = (what: string, want: string | number | bigint, got: string | number | bigint) =>
    new TapstakeError("psbt-mismatch", `the PSBT came back with ${what} ${got}, expected ${want}`, { what });
  const compare = (what: string, want: string | number | bigint, got: string | number | bigint) => {
    if (want !== got) throw differs(what, want, got);
  };
  compare("version", expected.version, psbt.version);
  compare("lock time", expected.locktime, psbt.locktime);
  compare("number of inputs", expected.ins.length, psbt.inputCount);
  compare("number of outputs", expected.outs.length, psbt.txOutputs.length);
  for (const [i, input] of expected.ins.entries()) {
    const got = psbt.txInputs[i]!;
    compare(`input ${i}: previous transaction`, hex.encode(input.hash), hex.encode(got.hash));
    compare(`input ${i}: previous output`, input.index, got.index);
    compare(`input ${i}: sequence`, input.sequence, got.sequence ?? 0xffff_ffff);
  }
  for (const [i, output] of expected.outs.entries()) {
    const got = psbt.txOutputs[i]!;
    compare(`output ${i}: script`, hex.encode(output.script), hex.encode(got.script));
    compare(`output ${i}: value`, output.value, got.value);
  }
}

/**
 * The stack in a PSBT's final witness: a count, then each element behind its length.
 * @throws TapstakeError `invalid-psbt`
 */
export function readWitnessStack(bytes: Uint8Array): Uint8Array[] {
  let position = 0;
  const take = (length: number) => {
    if (position + length > bytes.length) throw malformedWitness();
    position += length;
    return bytes.slice(position - length, position);
  };
  const size = () => {
    const [first] = take(1);
    if (first! < 0xfd) return first!;
    // Elements of 65,536 bytes and more do not occur in a witness that relays.
    if (first !== 0xfd) throw malformedWitness();
    const [low, high] = take(2);
    const long = low! | (high! << 8);
    if (long < 0xfd) throw malformedWitness();
    return long;
  };
  const stack = Array.from({ length: size() }, () => take(size()));
  if (position !== bytes.length) throw malformedWitness();
  return stack;
}

const malformedWitness = () => new TapstakeError("invalid-psbt", "malformed final witness");
