import { TapstakeError } from "../core/errors.js";
import type { Sending } from "./send.js";
import { account, type ChainTransaction, latestHeight, transaction } from "./node.js";

/** A transaction that was handed in. */
export interface Awaited {
  readonly txhash: string;
  readonly address: string;
  readonly sequence: bigint;
  readonly timeoutHeight: bigint;
  readonly doubt?: TapstakeError;
}

/** How long the server may fail or stand still, in milliseconds, before the outcome is unknown. */
const PATIENCE = 600_000;
/** Blocks after the last height of a transaction in which an index may still lag behind. */
const INDEX_BLOCKS = 2n;

/**
 * Waits until a block has a transaction, or none can any more. Failures of the server are endured: after a signature,
 * only the chain's own answer is a verdict.
 * @throws TapstakeError `transaction-expired`, `outcome-unknown`
 */
export async function awaitBlock(
  { lcd, clock, pollInterval }: Sending,
  sent: Awaited,
): Promise<ChainTransaction> {
  let [newest, changedAt] = [-1n, clock.now()];
  let failure: TapstakeError | undefined;
  for (;;) {
    try {
      const height = await latestHeight(lcd);
      const found = await transaction(lcd, sent.txhash);
      if (found && found.height > 0n) return found;
      failure = undefined;
      // Past its last height, new blocks are no news of it.
      if (height > newest && newest <= sent.timeoutHeight) [newest, changedAt] = [height, clock.now()];
      if (height > sent.timeoutHeight + INDEX_BLOCKS) throw await expiry(lcd, sent);
    } catch (error) {
      if (!(error instanceof TapstakeError) || VERDICTS.has(error.code)) throw error;
      failure = error;
    }
    if (clock.now() - changedAt > PATIENCE) {
      throw unknown(sent, failure ? "the server fails" : "the server has no new blocks", failure);
    }
    await clock.sleep(pollInterval);
  }
}

const VERDICTS: ReadonlySet<string> = new Set(["transaction-expired", "outcome-unknown"]);

/** No block has it. Where the account's sequence is still its own, no block has any other in its place either. */
async function expiry(lcd: Sending["lcd"], sent: Awaited): Promise<TapstakeError> {
  const { txhash, address, sequence, timeoutHeight, doubt } = sent;
  const now = await account(lcd, address);
  if (now && now.sequence > sequence) {
    return unknown(
      sent,
      `the account's sequence went past ${sequence}, and the server does not know the transaction`,
    );
  }
  const text = `${txhash} was in no block up to height ${timeoutHeight}`;
  const about = { txhash, timeoutHeight, sequence };
  return new TapstakeError("transaction-expired", text, about, doubt && { cause: doubt });
}

function unknown({ txhash, timeoutHeight, sequence, doubt }: Awaited, why: string, failure?: TapstakeError) {
  const text = `it is not known whether a block has ${txhash}: ${why}`;
  const cause = failure ?? doubt;
  return new TapstakeError("outcome-unknown", text, { txhash, timeoutHeight, sequence }, cause && { cause });
}
