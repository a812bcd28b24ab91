import type { NamedMessage } from "../../../babylon/messages.js";
import { commitRandomnessMessage } from "../../../babylon/provider.js";
import { moduleAddress } from "../../../babylon/releases.js";
import type { Commitment } from "../../../vote/vote.js";
import { commitmentFacts, commitmentRows } from "../../format/commitment.js";
import { note, table } from "../../output.js";
import { checkOnChain, type CheckOptions } from "../register/check.js";
import { checkedByChain, sendMade, type SendingOptions, type SentFacts, sentRows } from "../register/send.js";

/** The heights of a commitment, before it is made. */
export interface Planned {
  readonly key: Uint8Array;
  readonly start: bigint;
  readonly count: number;
}

/** What no message holds before the commitment is made. */
const NOT_YET = ["commitment-signature"];

/** The message of a commitment that is still to be made. */
const plannedMessage = ({ key, start, count }: Planned, signer: string): NamedMessage => ({
  name: "MsgCommitPubRandList",
  message: {
    signer,
    fpBtcPk: key,
    startHeight: start,
    numPubRand: BigInt(count),
    commitment: new Uint8Array(32),
    sig: new Uint8Array(64),
  },
});

/** Says what the chain would answer to a commitment to these heights. @throws TapstakeError as `checkOnChain` */
export const checkPlanned = (planned: Planned, options: CheckOptions): Promise<void> =>
  // Anyone may send it.
  checkOnChain(plannedMessage(planned, moduleAddress("finality")), {}, { ...options, except: NOT_YET });

/** How a commitment is made, and where it is written. */
export interface Maker {
  readonly make: () => Promise<Commitment>;
  readonly write: (commitment: Commitment) => Promise<void>;
}

interface Sent extends SentFacts {
  readonly commitment: Commitment;
}

/**
 * Asks the chain whether it takes a commitment to these heights, makes it, and sends it.
 * @throws TapstakeError `would-be-refused` before anything is made; the codes of the maker and of `sendMade`
 */
export async function sendPlanned(
  planned: Planned,
  { make, write }: Maker,
  options: SendingOptions,
): Promise<Sent> {
  let commitment: Commitment | undefined;
  const sent = await sendMade(
    {
      name: "MsgCommitPubRandList",
      async make({ account, chain, release, agree }) {
        const checking = { records: {}, release, force: options.force === true, except: NOT_YET };
        await checkedByChain(chain, plannedMessage(planned, account), checking);
        await agree();
        commitment = await make();
        note(`made the commitment. If sending it fails, send it with tapstake register commit-randomness`);
        await write(commitment);
        return { name: "MsgCommitPubRandList", message: commitRandomnessMessage(commitment, account) };
      },
    },
    options,
  );
  return { ...sent, commitment: commitment! };
}

/** As data. */
export const sentFacts = ({ commitment, ...sent }: Sent) => ({ ...commitmentFacts(commitment), ...sent });

export const sentText = ({ commitment, ...sent }: Sent): string =>
  table([...commitmentRows(commitment), ...sentRows(sent)]);
