import { hex } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import type { VoteAnswer } from "../../signer-client/votes.js";
import { type FinalityVoteJson, voteToJson } from "../../vote/json.js";
import { isRefusal, type RefusalCode } from "../../vote/vote.js";
import { colors, table } from "../output.js";

/** The answers as data. */
export const voteFacts = (answers: readonly VoteAnswer[]) =>
  answers.map((one) =>
    one.kind === "refused" ? one : { ...one, vote: JSON.parse(voteToJson(one.vote)) as FinalityVoteJson },
  );

/** A line a height. */
export function votesText(answers: readonly VoteAnswer[]): string {
  return table(
    answers.map((one) => {
      if (one.kind === "refused") return [`${one.height}`, `${colors.red("refused")}  ${one.code}`];
      return [`${one.height}`, `${one.kind.padEnd("refused".length)}  ${hex.encode(one.vote.signature)}`];
    }),
  );
}

/** The refusals among answers, in words, as the error that a command ends with; undefined when there are none. */
export function refusalError(answers: readonly VoteAnswer[], asJson: boolean): TapstakeError | undefined {
  const refused = answers.filter((one) => one.kind === "refused");
  const [first] = refused;
  if (!first) return undefined;
  const heights = refused.map(({ height }) => `${height}`);
  const codes = [...new Set(refused.map(({ code }) => code))];
  const message =
    refused.length === 1
      ? first.message
      : `${refused.length} of ${answers.length} heights were refused${asJson ? "" : `:\n${refused.map(line).join("\n")}`}`;
  const advice = codes.filter(isRefusal).map((code) => {
    const title = codes.length === 1 ? "" : `${code}\n`;
    return title + adviceText(code);
  });
  const text = asJson ? message : [message, ...advice].join("\n");
  return new TapstakeError(first.code, text, { heights, codes });
}

const line = ({ height, code, message }: { height: bigint; code: string; message: string }) =>
  `  ${height}  ${code}: ${message}`;

/** What a refusal means, what to do, and what not to, as lines below its message. */
function adviceText(code: RefusalCode): string {
  const { means, remedy, never } = ADVICE[code];
  return `What it means: ${means}\nWhat to do: ${remedy}\nWhat not to do: ${never}`;
}

/** What an operator needs to know of a refusal in the middle of the night. */
interface Advice {
  readonly means: string;
  readonly remedy: string;
  readonly never: string;
}

const ADVICE: Readonly<Record<RefusalCode, Advice>> = {
  "double-vote": {
    means:
      "At this height nothing was signed, and the key is safe. Someone asked for a second vote where there is one.",
    remedy:
      "Leave the first vote as it is and go on with the next height. Find out who asked: a fork of the chain, a node that was rolled back, a second node with this key, or signing contexts that were changed: the same block under another signing context is another message.",
    never:
      "Do not sign it another way (another home, another tool, --remote elsewhere): two votes give the key away, and every stake with it is slashed.",
  },
  "unknown-earlier-vote": {
    means:
      "At this height nothing was signed. It has a vote, made here or where the interchange file came from, and what it was for is not known.",
    remedy:
      "Skip this height: a vote that is missed costs far less than one too many. If the first vote reached the chain, nothing is missing.",
    never:
      "Do not delete the record, or begin with a fresh home, to get past it: the first vote exists, whether it is remembered or not.",
  },
  "below-watermark": {
    means:
      "At this height nothing was signed. It is older than what this signer remembers: it was pruned, or is below the height that votes began at.",
    remedy:
      "See that your node is at the tip of the chain. Votes for old blocks are not needed: go on with new ones.",
    never:
      "Do not look for a way to lower the watermark: there is none, because what was signed below it is forgotten.",
  },
  "at-or-below-chain-height": {
    means:
      "At this height nothing was signed. The chain has votes up to the height you gave, and this signer has none for this one: another machine or a newer copy of this home may have made it.",
    remedy:
      "Go on with heights above it. If the key moved here, import the interchange file of its former signer: tapstake fp protection import.",
    never:
      "Do not give a lower --chain-height, or leave it out, to get past this, unless you are certain that this key never voted at this height.",
  },
};
