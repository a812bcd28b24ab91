import { bech32 } from "@scure/base";
import { utf8 } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { sha256 } from "../core/hashes.js";
import type { Schema } from "../core/protobuf.js";
import { show } from "../core/text.js";
import { NEWEST_RELEASE, type Release, RELEASES, ruleSet, type RuleSet } from "../params/rules.js";
import { type ContextKind, signingContext } from "../vote/messages.js";
import { SCHEMA } from "./schema.js";

/** Where the chain finds each message: the `typeUrl` in a transaction of its own. */
export const TYPE_URLS = {
  MsgCreateFinalityProvider: "/babylon.btcstaking.v1.MsgCreateFinalityProvider",
  MsgEditFinalityProvider: "/babylon.btcstaking.v1.MsgEditFinalityProvider",
  MsgCreateBTCDelegation: "/babylon.btcstaking.v1.MsgCreateBTCDelegation",
  MsgBtcStakeExpand: "/babylon.btcstaking.v1.MsgBtcStakeExpand",
  MsgAddBTCDelegationInclusionProof: "/babylon.btcstaking.v1.MsgAddBTCDelegationInclusionProof",
  MsgBTCUndelegate: "/babylon.btcstaking.v1.MsgBTCUndelegate",
  MsgAddCovenantSigs: "/babylon.btcstaking.v1.MsgAddCovenantSigs",
  MsgSelectiveSlashingEvidence: "/babylon.btcstaking.v1.MsgSelectiveSlashingEvidence",
  MsgAddBsnRewards: "/babylon.btcstaking.v1.MsgAddBsnRewards",
  MsgUpdateStakingParams: "/babylon.btcstaking.v1.MsgUpdateParams",
  MsgCommitPubRandList: "/babylon.finality.v1.MsgCommitPubRandList",
  MsgAddFinalitySig: "/babylon.finality.v1.MsgAddFinalitySig",
  MsgUnjailFinalityProvider: "/babylon.finality.v1.MsgUnjailFinalityProvider",
  MsgEquivocationEvidence: "/babylon.finality.v1.MsgEquivocationEvidence",
  MsgResumeFinalityProposal: "/babylon.finality.v1.MsgResumeFinalityProposal",
  MsgUpdateFinalityParams: "/babylon.finality.v1.MsgUpdateParams",
  MsgInsertHeaders: "/babylon.btclightclient.v1.MsgInsertHeaders",
  MsgInsertBTCSpvProof: "/babylon.btccheckpoint.v1.MsgInsertBTCSpvProof",
} as const;

/** The name of a message of the staking chain. */
export type MessageName = keyof typeof TYPE_URLS;

/** What a release of the staking chain does otherwise than others (CHAIN.md, sections 1 and 2). */
export interface ReleaseFacts {
  readonly name: Release;
  /** The forms of stake that it registers, and whether it signs under contexts. */
  readonly forms: RuleSet;
  /** The messages that it knows. */
  readonly messages: readonly MessageName[];
  /** How it takes evidence against a finality provider. Every release also slashes for two votes in its own blocks. */
  readonly evidence: readonly ("MsgSelectiveSlashingEvidence" | "MsgEquivocationEvidence")[];
  /** A commitment must start less than so many heights above the chain's own. Absent where there is no limit. */
  readonly commitmentAhead?: bigint;
  /** Whether an account can register more than one finality provider. */
  readonly manyProvidersPerAccount: boolean;
  /** Whether a commission may fall by more than its largest change in a day. */
  readonly commissionFallsFreely: boolean;
}

/** Fields that a release lacks, by message; null where it lacks the message. */
type Lacking = { readonly [Name in keyof typeof SCHEMA]?: readonly (keyof (typeof SCHEMA)[Name])[] | null };

const BEFORE_EXPANSION: Lacking = {
  MsgCreateFinalityProvider: ["bsnId"],
  MsgBtcStakeExpand: null,
  MsgAddCovenantSigs: ["stakeExpansionTxSig"],
  MsgAddBsnRewards: null,
  MsgEquivocationEvidence: null,
  StakingParams: ["maxFinalityProviders"],
};

/** What each release lacks of the one schema. v3 is its release candidates: earlier snapshots numbered fields otherwise. */
const LACKING: Readonly<Record<Release, Lacking>> = {
  v1: BEFORE_EXPANSION,
  v2: BEFORE_EXPANSION,
  v3: { MsgSelectiveSlashingEvidence: ["stakingTxHash"] },
  v4: {
    MsgCreateFinalityProvider: ["bsnId"],
    MsgSelectiveSlashingEvidence: ["stakingTxHash"],
    MsgAddBsnRewards: null,
    MsgEquivocationEvidence: null,
    StakingParams: ["maxFinalityProviders"],
  },
};

const COMMITMENT_AHEAD = 160_000n;

const DIFFERENCES: Readonly<Record<Release, Omit<ReleaseFacts, "name" | "forms" | "messages" | "evidence">>> =
  {
    v1: { manyProvidersPerAccount: true, commissionFallsFreely: true },
    v2: { manyProvidersPerAccount: false, commissionFallsFreely: false },
    v3: {
      commitmentAhead: COMMITMENT_AHEAD,
      manyProvidersPerAccount: false,
      commissionFallsFreely: false,
    },
    v4: {
      commitmentAhead: COMMITMENT_AHEAD,
      manyProvidersPerAccount: false,
      commissionFallsFreely: false,
    },
  };

/**
 * The facts of a release by its name: `v1`, `v2`, `v3`, `v4`. One name stands for a whole line: `v4` for v4.0 to v4.4.
 * @throws TapstakeError `invalid-argument`, which lists the names
 */
export function releaseFacts(name: Release): ReleaseFacts {
  assertRelease(name);
  const knows = (message: MessageName) => LACKING[name][message] !== null;
  const evidence = ["MsgSelectiveSlashingEvidence", "MsgEquivocationEvidence"] as const;
  return {
    name,
    forms: ruleSet(name),
    messages: (Object.keys(TYPE_URLS) as MessageName[]).filter(knows),
    evidence: evidence.filter(knows),
    ...DIFFERENCES[name],
  };
}

/** @throws TapstakeError `invalid-argument`, which lists the releases whose messages are known */
export function assertRelease(name: Release): void {
  if (RELEASES.includes(name)) return;
  const text = `release must be one of ${RELEASES.join(", ")}, not ${show(name)}`;
  throw new TapstakeError("invalid-argument", text, { names: RELEASES });
}

/**
 * The schema of a release: what encoding for it can write. Its chain cannot decode a transaction with any other field.
 * @throws TapstakeError `invalid-argument`
 */
export function schemaOf(release: Release): Schema {
  assertRelease(release);
  const known = Object.entries<Schema[string]>(SCHEMA).flatMap(([name, fields]) => {
    const lacking = lackingIn(release, name);
    if (lacking === null) return [];
    return [[name, Object.fromEntries(Object.entries(fields).filter(([key]) => !lacking.includes(key)))]];
  });
  return Object.fromEntries(known) as Schema;
}

/**
 * The first part of a message that a release does not know: the message's name, or the path of a field of it. Undefined
 * when it knows all. A field that holds nothing is not written, so it is not looked at.
 */
export function unknownTo(release: Release, name: MessageName, message: object): string | undefined {
  assertRelease(release);
  return unknownPart(release, name, name, message);
}

/** The releases that know all of a message, oldest first: which chain it was written for. */
export const releasesOf = (name: MessageName, message: object): readonly Release[] =>
  RELEASES.filter((release) => unknownTo(release, name, message) === undefined);

function unknownPart(release: Release, type: string, path: string, message: object): string | undefined {
  const lacking = lackingIn(release, type);
  if (lacking === null) return path;
  for (const [key, value] of Object.entries(message)) {
    const field = (SCHEMA as Schema)[type]?.[key];
    if (!field || holdsNothing(value)) continue;
    if (lacking.includes(key)) return `${path}.${key}`;
    // What is no message is refused where it is encoded.
    const inner = field.type in SCHEMA ? [value].flat().filter(isMessage) : [];
    const found = inner.flatMap((each) => unknownPart(release, field.type, `${path}.${key}`, each) ?? []);
    if (found.length > 0) return found[0];
  }
  return undefined;
}

const isMessage = (value: unknown): value is object => typeof value === "object" && value !== null;

const lackingIn = (release: Release, name: string): readonly string[] | null => {
  const lacking = (LACKING[release] as Readonly<Record<string, readonly string[] | null>>)[name];
  return lacking === undefined ? [] : lacking;
};

const holdsNothing = (value: unknown): boolean =>
  value === undefined || value === null || value === "" || value === 0 || value === 0n;

/** The prefix of accounts: the program of the chain has it built in, for every one of its networks. */
export const ACCOUNT_PREFIX = "bbn";

/** A module's account: its name's SHA256, cut to 20 bytes. */
export const moduleAddress = (name: "btcstaking" | "finality" | "gov"): string =>
  bech32.encodeFromBytes(ACCOUNT_PREFIX, sha256(utf8(name)).slice(0, 20));

/**
 * The signing context of a chain under a release (PROTOCOL 6); undefined where the release uses none. Votes and
 * commitments are of the finality module, proofs of possession of the staking module.
 * @param chainId such as `bbn-1`
 * @throws TapstakeError `invalid-argument`
 */
export function contextOf(
  kind: ContextKind,
  chainId: string,
  release: Release = NEWEST_RELEASE,
): string | undefined {
  if (!releaseFacts(release).forms.signingContext) return undefined;
  const isFinality = kind === "fp_rand_commit" || kind === "fp_fin_vote";
  return signingContext(kind, chainId, moduleAddress(isFinality ? "finality" : "btcstaking"));
}
