import { adviceText } from "../../core/advice.js";
import { hex } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import type { VoteAnswer } from "../../signer-client/votes.js";
import { type FinalityVoteJson, voteToJson } from "../../vote/json.js";
import { colors, table } from "../output.js";

/** The answers as data. */
export const voteFacts = (answers: readonly VoteAnswer[]) =>
  answers.map((one) =>
    one.kind === "refused" ? one : { ...one, vote: JSON.parse(voteToJson(one.vote)) as FinalityVoteJson },
  );

/** One line for each height. */
export function votesText(answers: readonly VoteAnswer[]): string {
  return table(
    answers.map((one) => {
      if (one.kind === "refused") return [`${one.height}`, `${colors.red("refused")}  ${one.code}`];
      return [`${one.height}`, `${one.kind.padEnd("refused".length)}  ${hex.encode(one.vote.signature)}`];
    }),
  );
}

/** The refusals among the answers as the error that a command ends with; undefined if there are none. */
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
  const advice = codes.map((code) => (codes.length === 1 ? "" : `${code}\n`) + adviceText(code));
  const text = asJson ? message : [message, ...advice].join("\n");
  return new TapstakeError(first.code, text, { heights, codes });
}

const line = ({ height, code, message }: { height: bigint; code: string; message: string }) =>
  `  ${height}  ${code}: ${message}`;
