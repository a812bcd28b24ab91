import type { ChainDelegation } from "../../babylon/lcd/delegation.js";
import { blocks } from "./text.js";
import type { Row } from "../output.js";
import type { signatureFacts, StakeFound } from "./delegation.js";

/** Where a stake is on its way, from its terms to its end. */
export type Stage =
  | "built"
  | "signed"
  | "registered"
  | "ready"
  | "broadcast"
  | "confirmed"
  | "active"
  | "expired"
  | "unbonding"
  | "slashed"
  | "over"
  | "gone";

export interface WaySources {
  readonly signatures: ReturnType<typeof signatureFacts>;
  /** What the staking chain says: null if it does not have the stake, undefined if it was not asked. */
  readonly registered?: Pick<ChainDelegation, "status"> | null | undefined;
  /** What Bitcoin's server says; undefined if it was not asked. */
  readonly found?: StakeFound | undefined;
  readonly isExpansion: boolean;
}

/** Bitcoin's word comes first: the staking chain follows it. */
export function stageOf({ signatures, registered, found }: WaySources): Stage {
  const output = found?.output;
  const status = registered?.status;
  if (output?.name === "unbonding") return "unbonding";
  if (output && output.name !== "staking") return "slashed";
  if (output?.confirmations === 0) return "broadcast";
  if (found && !output && found.isSent) return "over";
  if (found && !output && found.hasCoins === false) return "gone";
  if (status === "ACTIVE") return "active";
  if (status === "EXPIRED") return "expired";
  if (status === "UNBONDED") return "unbonding";
  if (output) return "confirmed";
  if (status === "VERIFIED") return "ready";
  if (status === "PENDING") return "registered";
  if (registered === undefined && signatures.ready) return "ready";
  return hasStakers(signatures) ? "signed" : "built";
}

/** What comes next, as a sentence that names the command. @param file of the delegation */
export function nextOf(
  stage: Stage,
  file: string,
  { signatures, registered, isExpansion }: WaySources,
): string {
  switch (stage) {
    case "built":
      return `sign the slashings: tapstake stake sign ${file}`;
    case "signed":
      return isExpansion
        ? `register the expansion: tapstake register expand ${file}`
        : `register the stake: tapstake register create-delegation ${file}`;
    case "registered":
      return `wait until a quorum of the committee has signed, then take the signatures: tapstake stake combine ${file} --lcd <url>`;
    case "ready":
      if (!signatures.ready)
        return `take the committee's signatures: tapstake stake combine ${file} --lcd <url>`;
      return isExpansion
        ? `sign and send the expansion: tapstake stake sign ${file} --expansion`
        : `sign the PSBT in the wallet, and send it: tapstake stake broadcast ${file} --psbt <signed>`;
    case "broadcast":
      return "wait for a block";
    case "confirmed":
      if (registered === undefined) return "ask the staking chain whether the stake counts: add --lcd <url>";
      if (registered === null) return `register the stake: tapstake register create-delegation ${file}`;
      return isExpansion
        ? `when the block is deep enough, report it: tapstake register undelegate with the previous stake`
        : `when the block is deep enough, report it: tapstake register inclusion-proof ${file}`;
    case "active":
      return `nothing. To leave early: tapstake unbond ${file}`;
    case "expired":
      return `after the time lock, withdraw: tapstake withdraw ${file} --from staking`;
    case "unbonding":
      return `after the unbonding time, withdraw: tapstake withdraw ${file} --from unbonding`;
    case "slashed":
      return `after the unbonding time, withdraw what is left: tapstake withdraw ${file}`;
    case "over":
      return "nothing: the coins were withdrawn, or moved to an expanded stake";
    case "gone":
      return "nothing: another transaction spent the coins, or the stake ended long ago";
  }
}

const STAGES: Readonly<Record<Stage, string>> = {
  built: "built: the staker has not signed yet",
  signed: "signed by the staker, not registered",
  registered: "registered: the committee must still sign",
  ready: "the committee has signed: it can be broadcast",
  broadcast: "broadcast: it waits in the mempool",
  confirmed: "in a block, and not known to count yet",
  active: "active: it counts for its finality provider",
  expired: "expired: its time lock ends soon, and it counts no longer",
  unbonding: "left early: it counts no longer",
  slashed: "slashed",
  over: "over",
  gone: "gone: Bitcoin has neither the stake nor its coins",
};

/** @param depth how many blocks the staking chain wants on top, if it was asked */
export function wayRows(stage: Stage, sources: WaySources, next: string, depth?: number): Row[] {
  const { signatures, registered, found } = sources;
  const output = found?.output;
  const members = Math.min(
    ...signatures.transactions.flatMap(({ covenant }) => covenant.map(({ signed }) => signed.length)),
  );
  const { quorum } = signatures.transactions[0]!.covenant[0]!;
  const asked = depth === undefined ? "" : ` of ${depth + 1}`;
  return [
    ["state", STAGES[stage]],
    ["  signed by the staker", hasStakers(signatures) ? "yes" : "not yet"],
    [
      "  registered",
      registered === undefined ? "not asked: give --lcd" : registered ? registered.status : "not yet",
    ],
    ["  the committee's signatures", `${members} of ${quorum} in the file`],
    ["  on Bitcoin", found ? foundText(found, asked) : "not asked: give --rpc or --esplora"],
    ["  withdrawable", output && output.blocksLeft > 0 ? `in ${blocks(output.blocksLeft)}` : undefined],
    ["next", next],
  ];
}

function foundText({ output, isSent }: StakeFound, asked: string): string {
  if (!output) return isSent ? "spent" : "not yet";
  return `${output.name === "staking" ? "" : `${output.name}, `}${output.confirmations}${asked} confirmations`;
}

const hasStakers = ({ transactions }: WaySources["signatures"]): boolean =>
  transactions.every(
    ({ transaction, staker }) =>
      transaction === "unbonding" || transaction === "expansion" || staker.signed.length >= staker.quorum,
  );
