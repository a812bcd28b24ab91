import { hex } from "../../core/bytes.js";
import type { CommitmentsFacts } from "../../signerd/admin/operations.js";
import { type CommitmentJson, commitmentToJson } from "../../vote/json.js";
import type { Commitment } from "../../vote/vote.js";
import { type Row, section, table } from "../output.js";

/** A commitment as data. */
export function commitmentFacts(commitment: Commitment) {
  const { finalityProvider, startHeight, count, root, signature, context } = commitment;
  const lastHeight = startHeight + BigInt(count - 1);
  const known = { finalityProvider, startHeight, lastHeight, count, root, signature };
  return { ...known, ...(context !== undefined && { context }) };
}

/** A commitment as rows of a table. */
export function commitmentRows(commitment: Commitment): Row[] {
  const { finalityProvider, count, root, context } = commitment;
  return [
    ["finality provider", hex.encode(finalityProvider)],
    ["heights", heights(commitment)],
    ["count", `${count}`],
    ["root", hex.encode(root)],
    ["context", context ?? "none"],
  ];
}

/** The first and the last height. */
export const heights = ({ startHeight, count }: Pick<Commitment, "startHeight" | "count">): string =>
  `${startHeight} to ${startHeight + BigInt(count - 1)}`;

/** Each commitment in the form that `fp verify-commit` reads. */
export const storedFacts = ({ key: finalityProvider, chain, commitments }: CommitmentsFacts) => ({
  finalityProvider,
  chain,
  commitments: commitments.map((one) => ({
    ...(JSON.parse(commitmentToJson({ finalityProvider, ...one })) as CommitmentJson),
    made: one.at,
  })),
});

export const storedText = ({ key, chain, commitments }: CommitmentsFacts): string =>
  section(
    `${hex.encode(key)} on ${chain}`,
    commitments
      .map(({ root, signature, context, at, ...range }) =>
        table(
          [
            ["heights", `${heights(range)} (${range.count})`],
            ["root", hex.encode(root)],
            ["signature", hex.encode(signature)],
            ["context", context],
            ["made", at],
          ],
          "  ",
        ),
      )
      .join("\n\n"),
  );
