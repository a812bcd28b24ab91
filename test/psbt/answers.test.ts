import { describe, expect, it } from "vitest";
import { createTransaction } from "../../src/bitcoin/transaction.js";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { equalBytes, hex } from "../../src/core/bytes.js";
import { parseAnswer, parsePsbt, prevoutsOf, transactionOf } from "../../src/psbt/read.js";
import { signaturesFromPsbt } from "../../src/psbt/signatures.js";
import { parseLeaf, policyOf } from "../../src/script/leaf.js";
import { tapleafHash } from "../../src/script/taproot.js";
import type { LeafSpend } from "../../src/spending/spend.js";
import { refusal } from "../support/refusal.js";
import { readCopy } from "../support/vectors.js";

const recorded = <T>(name: string) => (JSON.parse(readCopy(`wallets/${name}.json`)) as { input: T }).input;

/** The spend that a PSBT of ours asks to sign. */
function spendIn(psbtHex: string): LeafSpend {
  const psbt = parsePsbt(psbtHex);
  const { script, controlBlock } = psbt.data.inputs[0]!.tapLeafScript![0]!;
  const terms = parseLeaf(script);
  const { signers } = policyOf(terms);
  return {
    transaction: transactionOf(psbt),
    inputIndex: 0,
    prevouts: prevoutsOf(psbt).map((prevout) => prevout!),
    leaf: { kind: terms.kind, signers, script, controlBlock, hash: tapleafHash(script) },
  };
}

const own = (psbtHex: string, stakerKey: string, returned: string) => {
  const signatures = signaturesFromPsbt(spendIn(psbtHex), returned, [hex.decode(stakerKey)]);
  return signatures.map(({ publicKey }) => hex.encode(publicKey));
};

describe("the answer of a published wallet", () => {
  interface Okx {
    readonly unsignedPsbtHex: string;
    readonly returnedPsbtHex: string;
    readonly stakerKey: string;
  }
  const okx = recorded<Okx>("okx-signature-under-another-key");

  it("OKX: counts for the staker, although filed under the tweaked key", () => {
    const returned = parsePsbt(okx.returnedPsbtHex).data.inputs[0]!.tapScriptSig!;
    expect(returned.some(({ pubkey }) => equalBytes(pubkey, hex.decode(okx.stakerKey)))).toBe(false);
    expect(own(okx.unsignedPsbtHex, okx.stakerKey, okx.returnedPsbtHex)).toEqual([okx.stakerKey]);
  });

  interface Unisat {
    readonly unsigned: Readonly<Record<"unbonding" | "slashing" | "unbondingSlashing", string>>;
    readonly returned: readonly string[];
    readonly stakerKey: string;
  }
  const unisat = recorded<Unisat>("wallet-autofinalised-unisat");

  it.each(
    Object.entries(unisat.unsigned).map(([step, psbt], i) => [step, psbt, unisat.returned[i]!] as const),
  )("UniSat: counts from a final witness with the staker's signature alone: %s", (_, psbt, returned) => {
    expect(own(psbt, unisat.stakerKey, returned)).toEqual([unisat.stakerKey]);
    expect(own(psbt, unisat.stakerKey, returned.toUpperCase())).toEqual([unisat.stakerKey]);
  });

  it("UniSat: is refused for another step's transaction", () => {
    const [unbonding] = unisat.returned;
    refusal("psbt-mismatch", () => own(unisat.unsigned.slashing, unisat.stakerKey, unbonding!));
  });
});

describe("a PSBT that the standards' vectors call invalid, or empty", () => {
  const cases = recorded<readonly { readonly case: string; readonly psbt: string }[]>;

  it.each(cases("bip370-v0-with-v2-fields").map((each) => [each.case, each.psbt] as const))(
    "is refused: %s",
    (_, psbt) => {
      const { message } = refusal("invalid-psbt", () => parsePsbt(psbt));
      expect(message).toMatch(
        /version 0 has a field of version 2: (global|input|output) \w+ \(0x[0-9a-f]{2}\)/,
      );
    },
  );

  it.each(cases("bip174-zero-inputs").map((each) => [each.case, each.psbt] as const))(
    "is refused: %s",
    (_, psbt) => {
      expect(refusal("invalid-psbt", () => parsePsbt(psbt)).message).toContain("has no inputs");
      expect(refusal("invalid-psbt", () => parsePsbt(JSON.stringify(psbt))).message).toContain(
        "has no inputs",
      );
    },
  );

  it.each([
    ["one coin twice", (tx: Transaction) => void tx.addInput(tx.ins[0]!.hash, tx.ins[0]!.index)],
    ["no coin beside another", (tx: Transaction) => void tx.addInput(new Uint8Array(32), 0xffff_ffff)],
    ["no outputs", (tx: Transaction) => (tx.outs.length = 0)],
    ["more than all bitcoin", (tx: Transaction) => (tx.outs[0]!.value = 2_100_000_000_000_001n)],
  ])("is refused with %s, and so is a whole transaction", (_, change) => {
    const transaction = createTransaction(
      [{ outpoint: `${"11".repeat(32)}:0`, sequence: 0 }],
      [{ script: Uint8Array.of(0x51), value: 1n }],
    );
    const written = () => {
      const raw = transaction.toBuffer();
      const maps = transaction.ins.length + transaction.outs.length;
      const head = Uint8Array.of(0x70, 0x73, 0x62, 0x74, 0xff, 1, 0, raw.length);
      return Uint8Array.of(...head, ...raw, 0, ...new Uint8Array(maps));
    };
    expect(parsePsbt(written()).inputCount).toBe(1);
    change(transaction);
    refusal("invalid-transaction", () => parsePsbt(written()));
    refusal("invalid-transaction", () => parseAnswer(written()));
    refusal("invalid-psbt", () => parseAnswer(transaction.toBuffer()));
  });

  it("is refused with a required height of 0", () => {
    refusal("invalid-psbt", () => parsePsbt(recorded<string>("bip370-required-height-0")));
  });
});
