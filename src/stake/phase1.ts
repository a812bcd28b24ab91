import type { TransactionLike } from "../bitcoin/transaction.js";
import { assertSatoshi } from "../core/amount.js";
import { assertInteger } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { assertObject } from "../core/objects.js";
import type { ParamSet, Phase1Params } from "../params/types.js";
import { type DecodedStaking, decodeStaking } from "./decode.js";

/** What is known of the chain when a phase-1 stake is examined. Heights in blocks. */
export interface Phase1Observation {
  /** The height of the block that holds the transaction: it decides the version. */
  readonly height: number;
  /** The height of the best block. */
  readonly tip: number;
  /**
   * Satoshi in all stakes that were active just before this one, in chain order. Stakes unbonded by then no longer
   * count; overflowed stakes never did.
   */
  readonly staked: bigint;
}

/** The status of a transaction in phase 1. */
export type Phase1Stake =
  | {
      /**
       * `pending`: a stake whose block has fewer confirmations than the version requires; `active`: it counts;
       * `overflow`: its coins are locked, but it does not count, as the cap was reached.
       */
      readonly status: "pending" | "active" | "overflow";
      readonly stake: DecodedStaking;
    }
  | {
      /** Not a stake, or one that its version does not permit. */
      readonly status: "invalid";
      readonly refusal: TapstakeError;
    };

/**
 * What a transaction at a height is to phase 1 (PROTOCOL 3, 8). A stake has exactly one OP_RETURN with the version's
 * tag and the one staking output that it announces, and its value and time are in range. It counts if the version's cap
 * is not reached.
 *
 * A cap in satoshi is reached once the earlier stakes add up to it: the stake that crosses it still counts. A cap
 * height is the last height at which stakes count, whatever their sum; it goes before a cap in satoshi.
 * @throws TapstakeError `invalid-number`, `invalid-amount` for an impossible observation; `unsupported-params` if the
 * set is not of phase 1
 */
export function checkPhase1Stake(
  transaction: TransactionLike,
  set: ParamSet,
  observed: Phase1Observation,
): Phase1Stake {
  assertObject(set, "the set of parameters");
  assertObject(observed, "the third argument", "give { height, tip, staked }");
  const { height, tip, staked } = observed;
  assertInteger(tip, "tip", 0, Number.MAX_SAFE_INTEGER);
  assertInteger(height, "height", 0, tip);
  assertSatoshi(staked, "staked so far");
  if (!set.versions.every(({ phase1 }) => phase1)) {
    throw new TapstakeError("unsupported-params", `${set.name}: not all versions are of phase 1`);
  }
  let stake: DecodedStaking;
  try {
    stake = decodeStaking(transaction, set, { height });
  } catch (error) {
    if (error instanceof TapstakeError) return { status: "invalid", refusal: error };
    throw error;
  }
  const phase1 = stake.params.phase1!;
  // A block counts as its own first confirmation.
  if (tip - height + 1 < phase1.confirmationDepth) return { status: "pending", stake };
  return { status: isCapped(phase1, height, staked) ? "overflow" : "active", stake };
}

function isCapped({ cap, capHeight }: Phase1Params, height: number, staked: bigint): boolean {
  // 0 stands for none, as published parameters have it.
  if (capHeight) return height > capHeight;
  return cap !== undefined && staked >= cap;
}
