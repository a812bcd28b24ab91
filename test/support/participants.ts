import { party, type Party } from "../../regtest/parties.js";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { hex } from "../../src/core/bytes.js";
import { regtest } from "../../src/params/data/regtest.js";
import { paramsAt } from "../../src/params/in-force.js";
import type { ProtocolParams } from "../../src/params/types.js";
import { sortKeys } from "../../src/script/leaf.js";
import type { StakeTerms } from "../../src/script/terms.js";
import {
  keySigner,
  type LeafSignature,
  type LeafSpend,
  signLeaf,
  withWitness,
} from "../../src/spending/spend.js";
import { assembleWitness } from "../../src/spending/witness.js";

/** How many of each role, and how many of them must sign; of finality providers it is always one. */
export interface Shape {
  readonly stakers: readonly [quorum: number, keys: number];
  readonly providers: number;
  readonly committee: readonly [quorum: number, keys: number];
}

/** Everyone who has to do with a stake, with their secrets. */
export interface Participants {
  readonly stakers: readonly Party[];
  readonly providers: readonly Party[];
  readonly committee: readonly Party[];
  readonly params: ProtocolParams;
  terms(timelock: number): StakeTerms;
  /** The party of an x-only key. */
  of(publicKey: Uint8Array): Party;
}

/** People of their own for a shape, under regtest's parameters with their committee and this unbonding time. */
export function participantsOf(name: string, shape: Shape, unbondingTime: number): Participants {
  const parties = (role: string, count: number) =>
    Array.from({ length: count }, (_, i) => party(`${name} ${role} ${i}`));
  const stakers = parties("staker", shape.stakers[1]);
  const providers = parties("finality provider", shape.providers);
  const committee = parties("committee", shape.committee[1]);
  const keysOf = (list: readonly Party[]) => list.map(({ publicKey }) => publicKey);
  const covenant = { keys: keysOf(committee), quorum: shape.committee[0] };
  const known = new Map(
    [...stakers, ...providers, ...committee].map((one) => [hex.encode(one.publicKey), one]),
  );
  return {
    stakers,
    providers,
    committee,
    params: { ...paramsAt(regtest, 0), covenant, unbondingTime },
    terms: (timelock) => ({
      staker:
        stakers.length === 1 ? stakers[0]!.publicKey : { keys: keysOf(stakers), quorum: shape.stakers[0] },
      finalityProviders: keysOf(providers),
      covenant,
      timelock,
    }),
    of: (publicKey) => known.get(hex.encode(publicKey))!,
  };
}

/** Plain signatures of a leaf spend by these parties, as they could make them when they break the protocol. */
export function signAll(spend: LeafSpend, parties: readonly Party[]): Promise<LeafSignature[]> {
  return Promise.all(parties.map(({ secretKey }) => signLeaf(spend, keySigner(secretKey))));
}

/** Those of each key set of the leaf who sign: its quorum, first by key; `change` adds to or takes from a set. */
export function signersOf(
  { leaf }: LeafSpend,
  participants: Participants,
  change: { readonly set?: number; readonly by?: number } = {},
): Party[] {
  return leaf.signers.flatMap(({ keys, quorum }, set) =>
    sortKeys(keys)
      .slice(0, quorum + (set === change.set ? (change.by ?? 0) : 0))
      .map(participants.of),
  );
}

/** The transaction with these signatures in their slots, whether they are enough or not. */
export function withSignatures(spend: LeafSpend, signatures: readonly LeafSignature[]): Transaction {
  return withWitness(spend, assembleWitness(spend.leaf, signatures));
}

/** The transaction fully signed in plain. */
export async function signed(spend: LeafSpend, participants: Participants): Promise<Transaction> {
  return withSignatures(spend, await signAll(spend, signersOf(spend, participants)));
}
