import type { AnyMessage } from "../babylon/messages.js";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";

/** The one coin that pays fees. */
export const FEE_DENOM = "ubbn";

/** The most gas that nodes take in a transaction: the default of `babylon-mempool.max-gas-wanted-per-tx`. */
export const MAX_GAS = 10_000_000n;

/** Gas to allow for what a simulation used. The block's state can be another: 1.2 has run out of gas in the field. */
export function gasLimitFor(gasUsed: bigint, maxGas = MAX_GAS): bigint {
  const limit = (gasUsed * 3n + 1n) / 2n;
  if (limit <= maxGas) return limit;
  const text = `the messages need ${limit} gas, and nodes take at most ${maxGas} in a transaction`;
  throw new TapstakeError("gas-above-limit", text, { gasLimit: limit, maxGas });
}

/** The fee of the chain's least gas price, 0.002 ubbn: rounded up, and never nothing. */
export function feeFor(gasLimit: bigint, feeLimit: bigint): bigint {
  const fee = (gasLimit * 2n + 999n) / 1000n || 1n;
  if (fee <= feeLimit) return fee;
  const text = `the fee would be ${fee} ${FEE_DENOM}, above the limit of ${feeLimit}`;
  throw new TapstakeError("fee-above-limit", text, { fee, feeLimit });
}

/** Messages whose fee the chain gives back, if all of a transaction are such, succeed and are new (CHAIN 2). */
const REFUNDED: ReadonlySet<string> = new Set([
  "/babylon.btclightclient.v1.MsgInsertHeaders",
  "/babylon.btccheckpoint.v1.MsgInsertBTCSpvProof",
  "/babylon.btcstaking.v1.MsgAddCovenantSigs",
  "/babylon.btcstaking.v1.MsgBTCUndelegate",
  "/babylon.btcstaking.v1.MsgSelectiveSlashingEvidence",
  "/babylon.btcstaking.v1.MsgAddBTCDelegationInclusionProof",
  "/babylon.finality.v1.MsgAddFinalitySig",
]);

/** Why a transaction of these messages loses a refund that some of them would have; undefined when it does not. */
export function lostRefund(messages: readonly AnyMessage[]): string | undefined {
  const refunded = messages.filter(({ typeUrl }) => REFUNDED.has(typeUrl));
  if (refunded.length === 0) return undefined;
  const other = messages.find(({ typeUrl }) => !REFUNDED.has(typeUrl));
  if (other) return `${other.typeUrl} has no refund, so the messages beside it lose theirs`;
  const different = new Set(refunded.map(({ typeUrl, value }) => `${typeUrl} ${hex.encode(value)}`));
  return different.size === refunded.length ? undefined : "a message is there twice, so all lose the refund";
}
