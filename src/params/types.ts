import type { Rate } from "../core/amount.js";
import type { Network } from "../core/network.js";
import type { KeySet } from "../script/terms.js";

/** One version of a network's protocol parameters (PROTOCOL 8). Amounts in satoshi, times in blocks. */
export interface ProtocolParams {
  readonly version: number;
  readonly network: Network;
  /** The Bitcoin height from which this version is in force, until the next one's. */
  readonly activationHeight: number;
  readonly covenant: KeySet;
  readonly minValue: bigint;
  readonly maxValue: bigint;
  readonly minTime: number;
  readonly maxTime: number;
  /** The time lock of the unbonding output and of a slashing's refund. */
  readonly unbondingTime: number;
  /** The exact fee of an unbonding transaction, in satoshi. */
  readonly unbondingFee: bigint;
  /** Absent in phase 1, which only locked coins. */
  readonly slashing?: SlashingParams;
  /**
   * The lowest commission that a finality provider may charge, 0 to 1. The chain enforces it; Bitcoin does not see it.
   */
  readonly minCommission?: Rate;
  readonly phase1?: Phase1Params;
}

/** How much a slashing transaction must pay, and to which script. */
export interface SlashingParams {
  /** The output script that receives the slashed coins. */
  readonly script: Uint8Array;
  /** The slashed part of the stake: between 0 and 1, at most 4 decimals. */
  readonly rate: Rate;
  readonly minFee: bigint;
}

/** What only phase 1 had: stakes announced in an OP_RETURN and counted against a cap. */
export interface Phase1Params {
  /** The 4 bytes that open the OP_RETURN. */
  readonly tag: Uint8Array;
  /** The cap on all stakes together, in satoshi. */
  readonly cap?: bigint;
  /** The last Bitcoin height at which a stake counts, in place of a cap. */
  readonly capHeight?: number;
  readonly confirmationDepth: number;
}

/** All versions of the parameters of a staking chain, oldest first. */
export interface ParamSet {
  /** `mainnet`, `mainnet-phase1`, `testnet`, `bbn-test-5`, `regtest`, or an operator's own name. */
  readonly name: string;
  /**
   * The Bitcoin network of the stakes. It is not the staking chain: several staking chains use the same Bitcoin
   * network.
   */
  readonly network: Network;
  /** The staking chain's own id (`bbn-1`). Absent if there is no chain, or the file does not name it. */
  readonly chainId?: string;
  /**
   * The day on which these were all versions, as `YYYY-MM-DD` (UTC): the chain may have added others since. Absent for
   * a caller's own parameters.
   */
  readonly takenOn?: string;
  /** No further version will come, however old this copy of the set is: its phase or network has ended. */
  readonly ended?: boolean;
  readonly versions: readonly ProtocolParams[];
}

/** A slashing rate has at most 4 decimals (PROTOCOL 3). */
export const SLASHING_RATE_DECIMALS = 4;
/** A commission is a decimal of the chain, which has 18. */
export const COMMISSION_DECIMALS = 18;

/**
 * The same object, frozen with all objects in it: no part of a program may change parameters that another part trusts.
 * JavaScript cannot freeze the bytes of keys and scripts.
 */
export function frozen<T extends object>(value: T): T {
  for (const inner of Object.values(value) as unknown[]) {
    if (typeof inner === "object" && inner !== null && !ArrayBuffer.isView(inner)) frozen(inner);
  }
  return Object.freeze(value);
}
