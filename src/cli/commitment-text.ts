import type { Commitment } from "../finality/commitment.js";
import type { Row } from "./output.js";
import { hex } from "../core/bytes.js";

/** What commands say of a commitment, as data. */
export function commitmentFacts(commitment: Commitment) {
  const { finalityProvider, startHeight, count, root, signature, context } = commitment;
  const lastHeight = startHeight + BigInt(count - 1);
  const known = { finalityProvider, startHeight, lastHeight, count, root, signature };
  return { ...known, ...(context !== undefined && { context }) };
}

/** The same as rows of a table. */
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

/** From which height to which. */
export const heights = ({ startHeight, count }: Pick<Commitment, "startHeight" | "count">): string =>
  `${startHeight} to ${startHeight + BigInt(count - 1)}`;
