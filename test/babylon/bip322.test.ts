import { base64 } from "@scure/base";
import { describe, expect, it } from "vitest";
import { bip322 } from "../../src/babylon/bip322.js";
import { acceptProof, type Bip322Form, proofToSign, verifyProofOfPossession } from "../../src/babylon/pop.js";
import { scriptOfAddress } from "../../src/bitcoin/address.js";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { hex, utf8 } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { TapstakeError } from "../../src/core/errors.js";
import { parsePsbt, readWitnessStack } from "../../src/psbt/read.js";
import { inBitcoinJs } from "../support/bitcoinjs.js";
import { refusal } from "../support/refusal.js";
import { secretOf } from "../support/stake.js";
import { readCopy, readVectors } from "../support/vectors.js";

interface Signed {
  readonly message: string;
  readonly address: string;
  readonly type: string;
  readonly bip322_signatures: readonly string[];
}
interface Wrong {
  readonly description: string;
  readonly message: string;
  readonly address: string;
  readonly signature: string;
}
interface Vectors {
  readonly tx_hashes: readonly (Record<"message" | "address", string> &
    Record<"to_spend_tx_hash" | "to_sign_tx_hash", string>)[];
  readonly simple: readonly Signed[];
  readonly full: readonly Signed[];
  readonly proof_of_funds: readonly Signed[];
  readonly error: readonly Wrong[];
}

const vectors = (name: string): Vectors => JSON.parse(readVectors(name)) as Vectors;
const basic = vectors("bip322-basic.json");
const generated = vectors("bip322-generated.json");
const simple = [...basic.simple, ...generated.simple];
const scriptOf = (address: string) => scriptOfAddress(address, "mainnet");
const isOurs = ({ type }: Signed) => type === "p2wpkh" || type === "p2tr";

/** What becomes of an answer: whether it verifies, or the code of the refusal. */
function verdict(message: string, address: string, answer: string): boolean | string {
  const script = scriptOf(address);
  try {
    return bip322.verify(message, script, bip322.fromAnswer(message, script, answer));
  } catch (error) {
    return (error as TapstakeError).code;
  }
}

describe("BIP-322: the vectors of the BIP", () => {
  it.each(basic.tx_hashes)("make the two transactions for $message", ({ message, address, ...ids }) => {
    expect(bip322.toSpend(message, scriptOf(address)).getId()).toBe(ids.to_spend_tx_hash);
    expect(bip322.toSign(message, scriptOf(address)).getId()).toBe(ids.to_sign_tx_hash);
  });

  it.each(simple.filter(isOurs))("verify: simple, $type, $message", ({ message, address, ...one }) => {
    expect(one.bip322_signatures.length).toBeGreaterThan(0);
    for (const signature of one.bip322_signatures) {
      expect(verdict(message, address, signature)).toBe(true);
      expect(verdict(`${message}.`, address, signature)).toBe(false);
      const full = withWitness(message, address, signature);
      expect(verdict(message, address, `ful${base64.encode(full.toBuffer())}`)).toBe(true);
    }
  });

  it.each(simple.filter((one) => !isOurs(one)))("are read, not verified: $type", (one) => {
    const [signature] = one.bip322_signatures;
    const script = scriptOf(one.address);
    const witness = bip322.fromAnswer(one.message, script, signature!);
    expect(readWitnessStack(witness).length).toBeGreaterThan(2);
    expect(bip322.verify(one.message, script, witness)).toBe(false);
  });

  // Each has a version and a lock time of its own, which the chain has no place for.
  it.each(generated.full.filter(isOurs))("refuse another transaction: full, $type", (one) => {
    const error = refusal("invalid-possession", () =>
      bip322.fromAnswer(one.message, scriptOf(one.address), one.bip322_signatures[0]!),
    );
    expect(error.message).toMatch(/behind ful must be the signed transaction .* Ask the wallet/);
  });

  it.each(generated.proof_of_funds)("refuse a proof of funds by name: $type, $message", (one) => {
    const error = refusal("invalid-possession", () =>
      bip322.fromAnswer(one.message, scriptOf(one.address), one.bip322_signatures[0]!),
    );
    expect(error.message).toContain("pof is a proof of funds");
  });

  it.each([...basic.error, ...generated.error])("refuse: $description", (one) => {
    expect([false, "invalid-possession"]).toContain(verdict(one.message, one.address, one.signature));
  });
});

describe("BIP-322: a wallet's answer", () => {
  interface Case {
    readonly input: { readonly publicKey33: string; readonly form: Bip322Form; readonly answer: string };
  }
  const { input } = JSON.parse(readCopy("wallets/bip322-smp-p2wpkh.json")) as Case;
  const bare = input.answer.slice(3);
  const witness = base64.decode(bare);
  const key = hex.decode(input.publicKey33);
  const { form } = input;
  const script = bip322.script(key, form.output);
  const accepted = acceptProof(key, form, witness);

  it.each([
    ["with smp", input.answer],
    ["without a prefix", bare],
    ["in quotes and lines", `\n "${input.answer.slice(0, 50)}\r\n  ${input.answer.slice(50)}" \n`],
    ["in hexadecimal", hex.encode(witness)],
    ["in upper case", hex.encode(witness).toUpperCase()],
    ["as a file with smp", utf8(`${input.answer}\n`)],
    ["as a file in hexadecimal", utf8(`${hex.encode(witness)}\n`)],
    ["as the whole transaction", `ful${base64.encode(signedTransaction().toBuffer())}`],
  ])("%s is the same proof, which contains the bare witness", (_, answer) => {
    const proof = acceptProof(key, form, answer);
    expect(proof).toEqual(accepted);
    expect(hex.encode(proof.signature).endsWith(hex.encode(witness))).toBe(true);
    const { address, network } = form;
    expect(verifyProofOfPossession(key.slice(1), proof, { address, network })).toBe(true);
  });

  it.each([
    ["behind a prefix of another case", `SMP${bare}`],
    ["behind a prefix twice", `smp${input.answer}`],
    ["behind another prefix", `sim${bare}`],
    ["with nothing behind smp", "smp"],
    ["with nothing behind ful", "ful"],
    ["as a witness behind ful", `ful${bare}`],
    ["as a transaction behind smp", `smp${base64.encode(signedTransaction().toBuffer())}`],
    ["as a proof of funds", `pof${base64.encode(proofToSign(key, form).psbt!.toBuffer())}`],
    ["with a byte too many", base64.encode(Uint8Array.of(...witness, 0))],
    ["as nothing", ""],
  ])("is refused %s", (_, answer) => {
    refusal("invalid-possession", () => acceptProof(key, form, answer));
  });

  it.each<[string, (transaction: Transaction) => void]>([
    ["a version", (transaction) => (transaction.version = 2)],
    ["a lock time", (transaction) => (transaction.locktime = 1)],
    ["a sequence", (transaction) => (transaction.ins[0]!.sequence = 1)],
    ["an input script", (transaction) => (transaction.ins[0]!.script = Uint8Array.of(0))],
    ["an output", (transaction) => transaction.addOutput(script, 0n)],
    ["an input", (transaction) => transaction.addInput(new Uint8Array(32).fill(1), 0)],
    ["a value", (transaction) => (transaction.outs[0]!.value = 1n)],
  ])("is refused as a transaction with %s of its own", (_, change) => {
    const transaction = signedTransaction();
    change(transaction);
    const answer = `ful${base64.encode(transaction.toBuffer())}`;
    refusal("invalid-possession", () => acceptProof(key, form, answer));
  });

  it("is read as a PSBT in every text form", () => {
    const secret = secretOf("staker");
    const point = curve.pointFromScalar(secret)!;
    const psbt = inBitcoinJs(proofToSign(point, form).psbt!);
    psbt.signInput(0, {
      publicKey: point,
      sign: (digest: Uint8Array) => curve.signEcdsa(digest, secret).signature,
    });
    const bytes = psbt.toBuffer();
    const expected = acceptProof(point, form, bytes);
    for (const text of [psbt.toBase64(), hex.encode(bytes), hex.encode(bytes).toUpperCase()]) {
      expect(acceptProof(point, form, text)).toEqual(expected);
      expect(acceptProof(point, form, `"${text}"\n`)).toEqual(expected);
    }
  });

  function signedTransaction(): Transaction {
    const transaction = bip322.toSign(proofToSign(key, form).text!, script);
    transaction.setWitness(0, readWitnessStack(witness));
    return transaction;
  }
});

describe("BIP-322: the PSBT that a wallet signs", () => {
  const script = scriptOf(basic.tx_hashes[0]!.address);

  it.each(["", "Hello World", basic.tx_hashes[2]!.message])("has the text: %j", (text) => {
    const bytes = bip322.psbt(text, script).toBuffer();
    const [field, ...more] = parsePsbt(bytes).data.globalMap.unknownKeyVals!;
    expect(more).toEqual([]);
    expect([...field!.key]).toEqual([0x09]);
    expect(new TextDecoder().decode(field!.value)).toBe(text);
  });
});

/** The transaction that a simple signature stands for. */
function withWitness(message: string, address: string, signature: string): Transaction {
  const transaction = bip322.toSign(message, scriptOf(address));
  transaction.setWitness(0, readWitnessStack(base64.decode(signature.replace(/^smp/, ""))));
  return transaction;
}
