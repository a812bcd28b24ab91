import type { ChainConfig } from "../../vote/chain.js";
import { type Row, table, warn } from "../output.js";

/** @param before how it was configured until now: what changed is shown with what it was */
export function chainText(chain: ChainConfig, before: ChainConfig = chain): string {
  const old = new Map(rowsOf(before));
  return table(
    rowsOf(chain).map(([name, now]) => {
      const [is, was] = [now, old.get(name)].map((value) => value ?? "none");
      return [name, is === was ? now : `${is} (was ${was})`];
    }),
  );
}

const rowsOf = ({ id, minCount, voteContext, commitContext, popContext }: ChainConfig) =>
  [
    ["chain", id],
    ["least commitment", `${minCount} height${minCount === 1 ? "" : "s"}`],
    ["signing contexts", voteContext === undefined ? "none (v4)" : "v3"],
    ["  votes", voteContext],
    ["  commitments", commitContext],
    ["  possession", popContext ?? (voteContext === undefined ? undefined : "none")],
  ] satisfies Row[];

/** What a change of a chain's configuration changed, as it was; null for what was not there. */
export const changes = (before: ChainConfig, now: ChainConfig) =>
  Object.fromEntries(
    (["minCount", "voteContext", "commitContext", "popContext"] as const)
      .filter((name) => before[name] !== now[name])
      .map((name) => [name, before[name] ?? null]),
  );

/** Warns where the contexts of votes or commitments of a configured chain change, or go with it. */
export function warnOfContexts(before: ChainConfig, now: ChainConfig | undefined): void {
  if (before.voteContext === now?.voteContext && before.commitContext === now?.commitContext) return;
  const message =
    `the signing contexts of ${before.id} ${now ? "changed" : "are gone"}: never change them while the chain runs, as ` +
    "one height signed with two contexts, or with one and without, is signed twice. What was signed stays as it was " +
    "signed, and a signer that runs goes by the old ones until it is started again";
  warn({ code: "context-mismatch", message, details: { chain: before.id } });
}
