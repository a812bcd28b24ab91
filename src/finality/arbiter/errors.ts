import { type ErrorDetails, TapstakeError } from "../../core/errors.js";

/** Why a signer signs nothing until a person acts. */
export interface Hold {
  readonly reason: HoldReason;
  /** What was found, in words. */
  readonly found: string;
  /** ISO 8601. */
  readonly at: string;
}

export type HoldReason = (typeof HOLD_REASONS)[number];

export const HOLD_REASONS = [
  "store-changed",
  "went-back",
  "other-signer",
  "retired",
  "members-changed",
  "vote-rewritten",
  "corrupt",
] as const;

/** Whether the store itself may have lost votes, so that every other signer must stop too. */
export const isLoss = (reason: HoldReason): boolean =>
  reason === "went-back" || reason === "vote-rewritten" || reason === "corrupt";

export const held = ({ reason, found, at }: Hold): TapstakeError =>
  new TapstakeError(
    "arbiter-held",
    `this signer signs nothing since ${at}: ${found}. Find out what happened to the arbiter (docs/arbiter.md), then enrol the signer anew with --end-hold`,
    { reason, at },
  );

export const unclear = (found: string, details: ErrorDetails = {}, cause?: unknown): TapstakeError =>
  new TapstakeError(
    "arbiter-unclear",
    `the arbiter gave no clear answer, so tapstake released nothing: ${found}. Ask for the same vote again`,
    details,
    cause === undefined ? {} : { cause },
  );

export const halted = (found: string): TapstakeError =>
  new TapstakeError(
    "arbiter-halted",
    `the arbiter is halted, so tapstake signed nothing: ${found}. Find out why, then end the halt (docs/arbiter.md)`,
  );

export const notInitialised = (found: string): TapstakeError =>
  new TapstakeError(
    "arbiter-uninitialised",
    `the arbiter ${found}. Begin above the key's last vote with fp arbiter init (docs/arbiter.md)`,
  );

export const conflict = (found: string): TapstakeError =>
  new TapstakeError(
    "arbiter-conflict",
    `${found}. Nothing was changed: look at fp arbiter status, then repeat`,
  );

/**
 * @param bound the store of the arbiter that the key is bound to; undefined if it votes by its home alone
 * @param given the store of the arbiter that the signer asks; undefined if it asks none
 */
export function otherArbiter(
  name: string,
  bound: string | undefined,
  given: string | undefined,
): TapstakeError {
  const text =
    bound === undefined
      ? `key ${name} is not bound to the arbiter that this signer asks: other signers could vote without it. Enrol the key first: fp arbiter enrol`
      : `key ${name} is bound to the arbiter ${bound}, not to ${given ?? "none"}: it signs nothing without that. Give --arbiter, or enrol the key anew after a restore`;
  return new TapstakeError("arbiter-required", text, { name });
}
