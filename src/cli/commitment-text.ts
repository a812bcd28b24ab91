import type { Commitment } from "../vote/commitment.js";
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

/** For examples of a help: a shell line that makes a file of a commitment. */
export const WRITE_COMMITMENT = `echo '{
  "finalityProvider": "21ed83cac3dc51752ef004425b6bda2ddabeaaa3294ecf4ed596d25f863ac4c7",
  "startHeight": "1000",
  "count": 4,
  "root": "fadd001121c97d178df09cf60bee2ff513317bc085db155f15dcb97d8d14b435",
  "signature": "524a091a243f1f70f5dac365f10af009769f728ff4aeb8554fc24f49be5ca25e39783694b619074b1a81e08901c4daa9b54bd5b3d842d6e4b27aad8887a087e4"
}' > commitment.json`;
