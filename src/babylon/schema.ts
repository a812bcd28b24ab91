import type { Schema } from "../core/protobuf.js";

const signer = { id: 1, type: "string" } as const;
const key = { type: "bytes", length: 32 } as const;
const header = { type: "bytes", length: 80 } as const;
const signature = { type: "bytes", length: 64 } as const;
/** An adaptor signature. */
const adaptor = { type: "bytes", length: 65, repeated: true } as const;

/** What creating a stake and expanding one have in common, up to the staking transaction. */
const STAKE_HEAD = {
  stakerAddr: signer,
  pop: { id: 2, type: "ProofOfPossessionBTC" },
  btcPk: { id: 3, ...key },
  fpBtcPkList: { id: 4, ...key, repeated: true },
  stakingTime: { id: 5, type: "uint32" },
  stakingValue: { id: 6, type: "int64" },
  stakingTx: { id: 7, type: "bytes" },
} as const;

/** What else they have in common; the numbers of these fields differ, as creating has one field more before them. */
const stakeTail = (first: number) =>
  ({
    slashingTx: { id: first, type: "bytes" },
    delegatorSlashingSig: { id: first + 1, ...signature },
    unbondingTime: { id: first + 2, type: "uint32" },
    unbondingTx: { id: first + 3, type: "bytes" },
    unbondingValue: { id: first + 4, type: "int64" },
    unbondingSlashingTx: { id: first + 5, type: "bytes" },
    delegatorUnbondingSlashingSig: { id: first + 6, ...signature },
  }) as const;

/**
 * The messages of the chain's modules `btcstaking`, `finality`, `btclightclient` and `btccheckpoint`, and what they are
 * made of, as protobuf has them: names and numbers are the published ones. Lengths are what the chain asks for.
 *
 * It holds what any release writes. `src/babylon/releases.ts` says which release lacks which message or field. Two
 * modules have a `MsgUpdateParams`: the names here tell them apart.
 */
export const SCHEMA = {
  MsgCreateFinalityProvider: {
    addr: signer,
    description: { id: 2, type: "Description" },
    btcPk: { id: 4, ...key },
    pop: { id: 5, type: "ProofOfPossessionBTC" },
    commission: { id: 7, type: "CommissionRates" },
    bsnId: { id: 8, type: "string", optional: true },
  },
  MsgEditFinalityProvider: {
    addr: signer,
    btcPk: { id: 2, ...key },
    description: { id: 3, type: "Description" },
    /** As in `CommissionRates`; absent to keep it. */
    commission: { id: 4, type: "string", optional: true },
  },
  MsgCreateBTCDelegation: {
    ...STAKE_HEAD,
    stakingTxInclusionProof: { id: 8, type: "InclusionProof", optional: true },
    ...stakeTail(9),
  },
  MsgBtcStakeExpand: {
    ...STAKE_HEAD,
    ...stakeTail(8),
    /** A txid, as people write it. */
    previousStakingTxHash: { id: 15, type: "string" },
    fundingTx: { id: 16, type: "bytes" },
  },
  MsgAddBTCDelegationInclusionProof: {
    signer,
    stakingTxHash: { id: 2, type: "string" },
    stakingTxInclusionProof: { id: 3, type: "InclusionProof" },
  },
  MsgBTCUndelegate: {
    signer,
    stakingTxHash: { id: 2, type: "string" },
    stakeSpendingTx: { id: 3, type: "bytes" },
    stakeSpendingTxInclusionProof: { id: 4, type: "InclusionProof" },
    fundingTransactions: { id: 5, type: "bytes", repeated: true },
  },
  MsgAddCovenantSigs: {
    signer,
    pk: { id: 2, ...key },
    stakingTxHash: { id: 3, type: "string" },
    slashingTxSigs: { id: 4, ...adaptor },
    unbondingTxSig: { id: 5, ...signature },
    slashingUnbondingTxSigs: { id: 6, ...adaptor },
    stakeExpansionTxSig: { id: 7, ...signature, optional: true },
  },
  MsgSelectiveSlashingEvidence: {
    signer,
    stakingTxHash: { id: 2, type: "string", optional: true },
    recoveredFpBtcSk: { id: 3, ...key },
  },
  MsgAddBsnRewards: {
    sender: signer,
    bsnConsumerId: { id: 2, type: "string" },
    totalRewards: { id: 3, type: "Coin", repeated: true },
    fpRatios: { id: 4, type: "FpRatio", repeated: true },
  },
  MsgUpdateStakingParams: {
    authority: signer,
    params: { id: 2, type: "StakingParams" },
  },
  MsgCommitPubRandList: {
    signer,
    fpBtcPk: { id: 2, ...key },
    startHeight: { id: 3, type: "uint64" },
    numPubRand: { id: 4, type: "uint64" },
    commitment: { id: 5, ...key },
    sig: { id: 6, ...signature },
  },
  MsgAddFinalitySig: {
    signer,
    fpBtcPk: { id: 2, ...key },
    blockHeight: { id: 3, type: "uint64" },
    pubRand: { id: 4, ...key },
    proof: { id: 5, type: "Proof" },
    blockAppHash: { id: 6, ...key },
    finalitySig: { id: 7, ...key },
  },
  MsgUnjailFinalityProvider: {
    signer,
    fpBtcPk: { id: 2, ...key },
  },
  MsgEquivocationEvidence: {
    signer,
    fpBtcPkHex: { id: 2, type: "string" },
    blockHeight: { id: 3, type: "uint64" },
    pubRandHex: { id: 4, type: "string" },
    canonicalAppHashHex: { id: 5, type: "string" },
    forkAppHashHex: { id: 6, type: "string" },
    canonicalFinalitySigHex: { id: 7, type: "string" },
    forkFinalitySigHex: { id: 8, type: "string" },
    signingContext: { id: 9, type: "string" },
  },
  MsgResumeFinalityProposal: {
    authority: signer,
    fpPksHex: { id: 2, type: "string", repeated: true },
    haltingHeight: { id: 3, type: "uint32" },
  },
  MsgUpdateFinalityParams: {
    authority: signer,
    params: { id: 2, type: "FinalityParams" },
  },
  MsgInsertHeaders: {
    signer,
    /** 80 bytes each. */
    headers: { id: 2, ...header, repeated: true },
  },
  MsgInsertBTCSpvProof: {
    submitter: signer,
    proofs: { id: 2, type: "BTCSpvProof", repeated: true },
  },
  ProofOfPossessionBTC: { btcSigType: { id: 1, type: "uint32" }, btcSig: { id: 2, type: "bytes" } },
  BIP322Sig: { address: { id: 1, type: "string" }, sig: { id: 2, type: "bytes" } },
  InclusionProof: { key: { id: 1, type: "TransactionKey" }, proof: { id: 2, type: "bytes" } },
  TransactionKey: { index: { id: 1, type: "uint32" }, hash: { id: 2, ...key } },
  BTCSpvProof: {
    btcTransaction: { id: 1, type: "bytes" },
    btcTransactionIndex: { id: 2, type: "uint32" },
    merkleNodes: { id: 3, type: "bytes" },
    confirmingBtcHeader: { id: 4, ...header },
  },
  Description: {
    moniker: { id: 1, type: "string" },
    identity: { id: 2, type: "string" },
    website: { id: 3, type: "string" },
    securityContact: { id: 4, type: "string" },
    details: { id: 5, type: "string" },
  },
  /** Decimals of the chain: whole numbers of 10^-18. */
  CommissionRates: {
    rate: { id: 1, type: "string" },
    maxRate: { id: 2, type: "string" },
    maxChangeRate: { id: 3, type: "string" },
  },
  /** Of the Merkle tree of CometBFT. */
  Proof: {
    total: { id: 1, type: "int64" },
    index: { id: 2, type: "int64" },
    leafHash: { id: 3, ...key },
    aunts: { id: 4, ...key, repeated: true },
  },
  Coin: { denom: { id: 1, type: "string" }, amount: { id: 2, type: "string" } },
  FpRatio: { btcPk: { id: 1, ...key }, ratio: { id: 2, type: "string" } },
  /** The parameters of `btcstaking`; rates as in `CommissionRates`. */
  StakingParams: {
    covenantPks: { id: 1, ...key, repeated: true },
    covenantQuorum: { id: 2, type: "uint32" },
    minStakingValueSat: { id: 3, type: "int64" },
    maxStakingValueSat: { id: 4, type: "int64" },
    minStakingTimeBlocks: { id: 5, type: "uint32" },
    maxStakingTimeBlocks: { id: 6, type: "uint32" },
    slashingPkScript: { id: 7, type: "bytes" },
    minSlashingTxFeeSat: { id: 8, type: "int64" },
    slashingRate: { id: 9, type: "string" },
    unbondingTimeBlocks: { id: 10, type: "uint32" },
    unbondingFeeSat: { id: 11, type: "int64" },
    minCommissionRate: { id: 12, type: "string" },
    delegationCreationBaseGasFee: { id: 13, type: "uint64" },
    allowListExpirationHeight: { id: 14, type: "uint64" },
    btcActivationHeight: { id: 15, type: "uint32" },
    maxFinalityProviders: { id: 16, type: "uint32" },
  },
  FinalityParams: {
    maxActiveFinalityProviders: { id: 1, type: "uint32" },
    signedBlocksWindow: { id: 2, type: "int64" },
    finalitySigTimeout: { id: 3, type: "int64" },
    /** The digits of a decimal as in `CommissionRates`, in ASCII. */
    minSignedPerWindow: { id: 4, type: "bytes" },
    minPubRand: { id: 5, type: "uint64" },
    jailDuration: { id: 6, type: "Duration" },
    finalityActivationHeight: { id: 7, type: "uint64" },
  },
  Duration: { seconds: { id: 1, type: "int64" }, nanos: { id: 2, type: "uint32" } },
} as const satisfies Schema;

type Fields = typeof SCHEMA;

/** What a field holds: a `number` of up to 32 bits, a `bigint` of up to 64, bytes, text, or a message. */
type One<F extends { type: string }> = F["type"] extends "bytes"
  ? Uint8Array
  : F["type"] extends "string"
    ? string
    : F["type"] extends "uint32"
      ? number
      : F["type"] extends "uint64" | "int64"
        ? bigint
        : F["type"] extends keyof Fields
          ? MessageOf<F["type"]>
          : never;

type Value<F extends { type: string }> = F extends { repeated: true } ? readonly One<F>[] : One<F>;

type FieldOf<Name extends keyof Fields, Key extends keyof Fields[Name]> = Fields[Name][Key] extends {
  type: string;
}
  ? Value<Fields[Name][Key]>
  : never;

/** The fields of a message that it may leave out. */
type Optional<Name extends keyof Fields> = {
  [Key in keyof Fields[Name]]: Fields[Name][Key] extends { optional: true } ? Key : never;
}[keyof Fields[Name]];

/** A message by its name: its fields by their published names. */
export type MessageOf<Name extends keyof Fields> = {
  readonly [Key in Exclude<keyof Fields[Name], Optional<Name>>]: FieldOf<Name, Key>;
} & {
  readonly [Key in Optional<Name>]?: FieldOf<Name, Key> | undefined;
};
