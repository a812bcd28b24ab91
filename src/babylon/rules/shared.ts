import type { Transaction } from "../../bitcoin/transaction-class.js";
import { parseTransaction } from "../../bitcoin/transaction.js";
import { hex, utf8 } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { decodeProtobuf } from "../../core/protobuf.js";
import { curve } from "../../core/curve/index.js";
import { verifyInclusionProof, type InclusionProof } from "../inclusion.js";
import { checkProofOfPossession, PROOF_KINDS, account } from "../pop.js";
import { DESCRIPTION_LIMITS, type ProviderDescription } from "../provider.js";
import { contextOf, type ReleaseFacts, releaseFacts } from "../releases.js";
import { type MessageOf, SCHEMA } from "../schema.js";
import { type Release, RELEASES } from "../../params/rules.js";
import type { RuleError, ChainState, Fact, Finding, Rule } from "./types.js";

export const staking = (code: number): RuleError => ({ codespace: "btcstaking", code });
export const finality = (code: number): RuleError => ({ codespace: "finality", code });

/** What a check throws, as a finding. @throws what is no `TapstakeError` */
export function refusedBy(check: () => unknown): Finding {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof TapstakeError) return { reason: `${error.code}: ${error.message}` };
    throw error;
  }
}

/** A transaction, or null where the bytes are none: a rule of its own says so. */
export function transactionIn(bytes: Uint8Array): Transaction | null {
  try {
    return parseTransaction(bytes);
  } catch {
    return null;
  }
}

/** An account of the chain in bech32. */
export const accountRule = <M>(of: (message: M) => string): Rule<M> => ({
  rule: "account",
  check: (message) => refusedBy(() => account(of(message))),
});

export const isSameAccount = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** The form of a proof of possession, and whether it proves anything. */
export function possessionRules<M extends { readonly pop: MessageOf<"ProofOfPossessionBTC"> }>(
  kind: "staker_pop" | "fp_pop",
  of: (message: M) => { readonly address: string; readonly publicKey: Uint8Array },
): readonly Rule<M>[] {
  const error = kind === "staker_pop" ? { error: staking(1117) } : {};
  return [
    {
      rule: "possession-kind",
      check: ({ pop }) =>
        pop.btcSigType < PROOF_KINDS.length
          ? undefined
          : { reason: `btc_sig_type must be 0 to 2, not ${pop.btcSigType}` },
    },
    {
      rule: "possession-form",
      check: ({ pop: { btcSigType, btcSig } }) => {
        if (btcSigType === 1) return refusedBy(() => decodeProtobuf(SCHEMA, "BIP322Sig", btcSig, "refuse"));
        const expected = btcSigType === 0 ? 64 : 65;
        return btcSig.length === expected
          ? undefined
          : { reason: `btc_sig must be ${expected} bytes, not ${btcSig.length}` };
      },
    },
    {
      rule: "possession",
      ...error,
      needs: ({ pop }, release) => [
        ...(pop.btcSigType === 1 ? (["network"] as const) : []),
        ...contextNeeds(release),
      ],
      check: (message, { network, chainId }, release) => {
        const { address, publicKey } = of(message);
        const { btcSigType, btcSig: signature } = message.pop;
        const context = contextOf(kind, chainId ?? "", release);
        const about = { address, context, ...(network && { network }) };
        return refusedBy(() =>
          checkProofOfPossession(publicKey, { kind: PROOF_KINDS[btcSigType]!, signature }, about),
        );
      },
    },
  ];
}

/** A signing context depends on the chain. */
export const contextNeeds = (release: Release): readonly Fact[] =>
  releaseFacts(release).forms.signingContext ? ["chainId"] : [];

export const releasesWhere = (holds: (facts: ReleaseFacts) => boolean): Release[] =>
  RELEASES.filter((release) => holds(releaseFacts(release)));

/** The description of a finality provider. */
export const descriptionRules: readonly Rule<{ readonly description: ProviderDescription }>[] = [
  {
    rule: "moniker",
    check: ({ description }) =>
      description?.moniker ? undefined : { reason: "the description has no moniker" },
  },
  {
    rule: "description-length",
    check({ description }) {
      for (const part of Object.keys(DESCRIPTION_LIMITS) as (keyof ProviderDescription)[]) {
        const [most, got] = [DESCRIPTION_LIMITS[part], utf8(description[part]).length];
        if (got > most) return { reason: `${part} has ${got} bytes; the chain takes at most ${most}` };
      }
      return undefined;
    },
  },
];

/** What a message says to be in a block. */
export interface Included {
  readonly inclusion: InclusionProof;
  readonly transaction: Transaction;
  /** How long the stake is locked, and the last blocks of that which unbonding takes. */
  readonly timelock: number;
  readonly unbondingTime: number;
}

/** The rules of a proof that a stake is in a block. They are skipped if there is no proof. */
export function inclusionRules<M>(
  of: (message: M, state: ChainState) => Included | undefined,
  proofOf: (message: M) => InclusionProof | undefined,
  needs: readonly Fact[],
  error: RuleError = staking(1108),
): readonly Rule<M>[] {
  const has = (facts: readonly Fact[]) => (message: M) => (proofOf(message) ? [...needs, ...facts] : []);
  return [
    {
      rule: "inclusion-form",
      check(message) {
        const inclusion = proofOf(message);
        if (!inclusion || (inclusion.key && inclusion.proof?.length > 0)) return undefined;
        return { reason: "the inclusion proof has no block or no branch" };
      },
    },
    {
      rule: "coinbase",
      error,
      check: (message) =>
        proofOf(message)?.key.index === 0
          ? { reason: "the proof is of index 0, the coinbase, which the chain takes for no stake" }
          : undefined,
    },
    headerRule(has(["inclusionBlock"]), proofOf, { codespace: "btclightclient", code: 1100 }),
    {
      rule: "inclusion",
      error,
      needs: has(["inclusionBlock.header"]),
      check(message, state) {
        const included = of(message, state);
        const header = state.inclusionBlock?.header;
        if (!included || !header || isIncluded(included, header)) return undefined;
        return { reason: `the proof does not show ${included.transaction.getId()} to be in its block` };
      },
    },
    {
      rule: "confirmation-depth",
      error,
      needs: has(["inclusionBlock.height", "btcTip.height", "confirmationDepth"]),
      check(message, { inclusionBlock, btcTip, confirmationDepth }) {
        if (!proofOf(message) || !inclusionBlock) return undefined;
        const height = inclusionBlock.height + confirmationDepth!;
        if (btcTip!.height >= height) return undefined;
        const reason = `the block is ${btcTip!.height - inclusionBlock.height} below the tip; the chain asks for ${confirmationDepth}`;
        return { reason, until: { kind: "btc-height", height } };
      },
    },
    {
      rule: "time-left",
      error,
      needs: has(["inclusionBlock.height", "btcTip.height"]),
      check(message, state) {
        const included = of(message, state);
        if (!included || !state.inclusionBlock) return undefined;
        const { timelock, unbondingTime } = included;
        const end = state.inclusionBlock.height + timelock;
        if (state.btcTip!.height + unbondingTime < end) return undefined;
        return { reason: `the time lock ends at ${end}, and unbonding takes ${unbondingTime} blocks` };
      },
    },
  ];
}

/** The light client must know the block that a proof names. */
export const headerRule = <M>(
  needs: Rule<M>["needs"] & object,
  proofOf: (message: M) => InclusionProof | undefined,
  error?: RuleError,
): Rule<M> => ({
  rule: "header-known",
  ...(error && { error }),
  needs,
  check(message, { inclusionBlock }) {
    const inclusion = proofOf(message);
    if (!inclusion || inclusionBlock !== null) return undefined;
    const hash = hex.encode(inclusion.key.hash.toReversed());
    return {
      reason: `the chain's light client does not know the block ${hash}`,
      until: { kind: "state", state: "header-reported" },
    };
  },
});

export const isIncluded = (
  { inclusion, transaction }: Pick<Included, "inclusion" | "transaction">,
  header: Uint8Array,
): boolean => verifyInclusionProof(inclusion, transaction, header);

/** A finality provider's key that a message names. */
export const keyRule = <M>(of: (message: M) => Uint8Array): Rule<M> => ({
  rule: "provider-key",
  check: (message) =>
    curve.isXOnlyPoint(of(message)) ? undefined : { reason: "the finality provider's key is no point" },
});

export const providerKnown = <M>(): Rule<M> => ({
  rule: "provider-known",
  error: staking(1100),
  needs: ["provider"],
  check: (_, { provider }) =>
    provider === null ? { reason: "the finality provider is not registered" } : undefined,
});

export const providerSlashed = <M>(): Rule<M> => ({
  rule: "provider-slashed",
  error: staking(1104),
  needs: ["provider.slashed"],
  check: (_, { provider }) =>
    provider?.slashed ? { reason: "the finality provider has been slashed" } : undefined,
});

export const providerAccount = <M>(of: (message: M) => string): Rule<M> => ({
  rule: "provider-account",
  needs: ["provider.address"],
  check(message, { provider }) {
    if (!provider || isSameAccount(provider.address!, of(message))) return undefined;
    return { reason: `only the provider's own account may send it: ${provider.address}` };
  },
});
