import type { ChainConfig } from "../finality/chains.js";
import { table } from "./output.js";

export function chainText({ id, minCount, voteContext, commitContext, popContext }: ChainConfig): string {
  return table([
    ["chain", id],
    ["least commitment", `${minCount} height${minCount === 1 ? "" : "s"}`],
    ["signing contexts", voteContext === undefined ? "none (v4)" : "v3"],
    ["  votes", voteContext],
    ["  commitments", commitContext],
    ["  possession", popContext ?? (voteContext === undefined ? undefined : "none")],
  ]);
}
