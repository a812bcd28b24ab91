import { secp256k1 } from "@noble/curves/secp256k1.js";
import { hash160 } from "../../src/core/hashes.js";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { FINAL_SEQUENCE, outpointOf, toOutpoint } from "../../src/bitcoin/transaction.js";
import { concatBytes, hex, utf8 } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import type { Delegation, ExpandedStake } from "../../src/delegation/delegation.js";
import type { Coin } from "../../src/funding/coin.js";
import type { Psbt } from "../../src/psbt/psbt.js";
import { unsignedPsbt } from "../../src/psbt/write.js";
import { type LeafSpend, withWitness } from "../../src/spending/spend.js";
import { asBitcoinJs } from "./bitcoinjs.js";
import { type Changes, delegate, nobodysScript, secretOf, type TestStake } from "./stake.js";

/** The owner who funds expansions: a P2WPKH coin, or a P2TR coin whose output key is the key itself. */
const owner = secretOf("owner of the funding coin");
const ownerKey = secp256k1.getPublicKey(owner, true);
export const FUNDING = {
  p2wpkh: concatBytes(Uint8Array.of(0, 20), hash160(ownerKey)),
  p2tr: concatBytes(Uint8Array.of(0x51, 32), publicKeyOf(owner)),
} as const;
export type FundingKind = keyof typeof FUNDING;

/** A coin of that owner, with the transaction that it is of. */
export function fundingCoin(
  value: bigint,
  kind: FundingKind = "p2wpkh",
): Coin & { transaction: Transaction } {
  const transaction = new Transaction();
  transaction.version = 2;
  transaction.addInput(sha256(utf8("funding of an expansion")), 1, FINAL_SEQUENCE);
  transaction.addOutput(nobodysScript(), 1_000n);
  transaction.addOutput(FUNDING[kind], value);
  return { outpoint: outpointOf(transaction, 1), value, script: FUNDING[kind], transaction };
}

/** The owner's wallet: a PSBT of the expansion with the funding coin signed. */
export function walletSigned({ transaction, prevouts }: Pick<LeafSpend, "transaction" | "prevouts">): Psbt {
  const psbt = unsignedPsbt(transaction, prevouts);
  const { script, value } = prevouts[1]!;
  if (script[0] === 0) {
    const code = concatBytes(hex.decode("76a914"), script.slice(2), hex.decode("88ac"));
    const digest = asBitcoinJs(transaction).hashForWitnessV0(1, code, value, 1);
    const der = secp256k1.sign(digest, owner, { prehash: false, lowS: true, format: "der" });
    psbt.updateInput(1, { partialSig: [{ pubkey: ownerKey, signature: Uint8Array.of(...der, 1) }] });
    return psbt;
  }
  const scripts = prevouts.map((each) => each.script);
  const values = prevouts.map((each) => each.value);
  const digest = asBitcoinJs(transaction).hashForWitnessV1(1, scripts, values, 0);
  psbt.updateInput(1, { tapKeySig: schnorr.sign(owner, digest) });
  return psbt;
}

/** The spend of input 0 with this witness, and the funding coin's in its place. */
export function withFunding(
  spend: LeafSpend,
  witness: readonly Uint8Array[],
  funding: readonly Uint8Array[],
) {
  const signed = withWitness(spend, witness);
  signed.setWitness(1, [...funding]);
  return signed;
}

export interface ExpansionChanges extends Changes {
  readonly expansion?: Partial<ExpandedStake>;
}

/** The stake that {@link expand} makes of another: larger and longer. */
export const larger = (previous: TestStake): TestStake => ({
  ...previous,
  terms: { ...previous.terms, timelock: previous.terms.timelock + 100 },
  value: previous.value + 500_000n,
});

/**
 * An expansion with the stakers' slashing signatures, right but for the changes; put together by hand, so that it can
 * be wrong in ways in which the builder makes none.
 */
export async function expand(
  previous: TestStake,
  changes: ExpansionChanges = {},
  stake = larger(previous),
): Promise<Delegation> {
  const before = await delegate(previous);
  const funding = fundingCoin(600_000n);
  const delegation = await delegate(stake, {
    ...changes,
    staking: (transaction) => {
      transaction.ins.length = 0;
      const inputs = [outpointOf(before.staking.transaction, before.staking.outputIndex), funding.outpoint];
      for (const outpoint of inputs) {
        const { txid, vout } = toOutpoint(outpoint);
        transaction.addInput(hex.decode(txid).toReversed(), vout, FINAL_SEQUENCE);
      }
      changes.staking?.(transaction);
    },
  });
  const expansion: ExpandedStake = {
    terms: previous.terms,
    params: previous.params,
    staking: before.staking,
    funding: { script: funding.script, value: funding.value, transaction: funding.transaction },
    stakerSignatures: [],
    covenantSignatures: [],
    ...changes.expansion,
  };
  return { ...delegation, expansion };
}
