import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { concatBytes } from "../../src/core/bytes.js";
import { type LeafSpend, withWitness } from "../../src/spending/spend.js";
import { type Participants, signAll, signersOf, withSignatures } from "./participants.js";
import { SCRIPT } from "./verdicts.js";

/** A transaction that is wrong in one thing, and what bitcoind says against it. */
export interface Mutation {
  readonly what: string;
  readonly transaction: Transaction;
  readonly reason: RegExp;
}

/** The fully signed spend with each single thing wrong that its leaf allows to be wrong. */
export async function mutationsOf(spend: LeafSpend, participants: Participants): Promise<Mutation[]> {
  const counts = await Promise.all(
    spend.leaf.signers.flatMap((_, set) => [
      miscount(spend, participants, set, -1),
      miscount(spend, participants, set, 1),
    ]),
  );
  const witness = withSignatures(spend, await signAll(spend, signersOf(spend, participants))).ins[
    spend.inputIndex
  ]!.witness;
  return [...counts.flat(), ...mutatedSlots(spend, witness), ...mutatedTransactions(spend, witness)];
}

/** One signature more or less in one key set; absent where the set has no other. */
async function miscount(
  spend: LeafSpend,
  participants: Participants,
  set: number,
  by: 1 | -1,
): Promise<Mutation[]> {
  const { leaf } = spend;
  const { keys, quorum } = leaf.signers[set]!;
  if (quorum + by > keys.length) return [];
  const isLast = set === leaf.signers.length - 1 && leaf.kind !== "timelock";
  const before = keys.length === 1 ? SCRIPT.missing : SCRIPT.countBefore;
  return [
    {
      what: `${quorum + by} signatures where set ${set} needs ${quorum}`,
      transaction: withSignatures(spend, await signAll(spend, signersOf(spend, participants, { set, by }))),
      reason: isLast ? SCRIPT.count : before,
    },
  ];
}

function mutatedSlots(spend: LeafSpend, witness: readonly Uint8Array[]): Mutation[] {
  const slots = witness.slice(0, -2);
  const opening = witness.slice(-2);
  const filled = slots.flatMap(({ length }, i) => (length > 0 ? [i] : []));
  const last = filled.at(-1)!;
  const put = (index: number, slot: Uint8Array) => [...slots.with(index, slot), ...opening];
  const mutated = (what: string, stack: readonly Uint8Array[], reason: RegExp): Mutation => ({
    what,
    transaction: withWitness(spend, stack),
    reason,
  });
  const signature = slots[last]!;
  const [script, controlBlock] = opening as [Uint8Array, Uint8Array];
  const flipped = controlBlock.slice();
  flipped[0]! ^= 1;
  const swapped =
    filled.length > 1
      ? [
          mutated(
            "two signatures in each other's slots",
            [...slots.with(last, slots[filled[0]!]!).with(filled[0]!, signature), ...opening],
            SCRIPT.signature,
          ),
        ]
      : [];
  return [
    ...swapped,
    mutated("a signature of 63 bytes", put(last, signature.slice(1)), SCRIPT.size),
    mutated(
      "hash type 0 in a 65th byte",
      put(last, concatBytes(signature, Uint8Array.of(0))),
      SCRIPT.hashType,
    ),
    mutated(
      "hash type ALL without signing it",
      put(last, concatBytes(signature, Uint8Array.of(1))),
      SCRIPT.signature,
    ),
    mutated("a slot too many", [new Uint8Array(0), ...witness], SCRIPT.slots),
    mutated("the parity of the control block", [...slots, script, flipped], SCRIPT.tree),
  ];
}

function mutatedTransactions(spend: LeafSpend, witness: readonly Uint8Array[]): Mutation[] {
  const altered = (what: string, alter: (transaction: Transaction) => void): Mutation => {
    const transaction = withWitness(spend, witness);
    alter(transaction);
    return { what, transaction, reason: SCRIPT.signature };
  };
  const last = spend.transaction.outs.length - 1;
  return [
    altered("an output of 1 satoshi less", ({ outs }) => {
      outs[last]!.value -= 1n;
    }),
    altered("an output to another script", ({ outs }) => {
      outs[last]!.script = concatBytes(
        outs[last]!.script.slice(0, -1),
        Uint8Array.of(outs[last]!.script.at(-1)! ^ 1),
      );
    }),
    altered("a lock time of 1", (transaction) => {
      transaction.locktime = 1;
    }),
  ];
}
