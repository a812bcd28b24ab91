import type { Edge, RestakingGraph, Service } from "../../../src/restaking/graph.js";

interface PlainService {
  readonly profit: bigint | null;
  readonly alpha?: readonly [bigint, bigint];
  /** The numbers of its operators. */
  readonly by: readonly number[];
  readonly tie?: Service["tie"];
}

/** The graph of the article: each operator has a stake, which is lost whole with the first attack that it joins. */
export function plainGraph(stakes: readonly bigint[], services: readonly PlainService[]): RestakingGraph {
  return {
    assets: [{ id: "coin", decimals: 0 }],
    pools: stakes.map((amount, i) => ({ id: `p${i}`, asset: "coin", kind: "vault", amount })),
    operators: stakes.map((_, i) => ({ id: `o${i}` })),
    services: services.map(({ profit, alpha = [1n, 1n], tie = "safe" }, i) => ({
      id: `s${i}`,
      profit,
      alpha,
      basis: "weight",
      tie,
    })),
    edges: services.flatMap(({ by }, s) => by.map((o) => plainEdge(`p${o}`, `o${o}`, `s${s}`, stakes[o]!))),
  };
}

export const plainEdge = (pool: string, operator: string, service: string, amount: bigint): Edge => ({
  pool,
  operator,
  service,
  weight: amount,
  slashable: amount,
  loss: { rate: [1n, 1n], fee: 0n },
  shares: "pool",
  onSlash: "spend-pool",
  veto: false,
  pending: false,
});

/** One of each kind of entry. */
export const SMALL: RestakingGraph = {
  assets: [
    { id: "bitcoin", decimals: 8, value: [1n, 1n] },
    { id: "ether", decimals: 18, value: [3n, 10n ** 11n] },
  ],
  pools: [
    { id: "txid:0", asset: "bitcoin", kind: "utxo", amount: 100_000_000n },
    { id: "vault", asset: "ether", kind: "vault", amount: 9n * 10n ** 18n, owner: "anna" },
    {
      id: "above",
      asset: "ether",
      kind: "adapter",
      amount: 5n * 10n ** 18n,
      backedBy: [{ pool: "vault", amount: 4n * 10n ** 18n }],
    },
  ],
  operators: [{ id: "anna", group: "Anna GmbH" }, { id: "bert" }],
  services: [
    { id: "chain", profit: 50_000_000n, alpha: [1n, 3n], basis: "weight", tie: "safe" },
    { id: "bridge", profit: null, alpha: [2n, 3n], basis: "slashable", tie: "attack" },
  ],
  edges: [
    {
      ...plainEdge("txid:0", "anna", "chain", 100_000_000n),
      loss: { rate: [1n, 1_000n], fee: 150_000n, lockedBlocks: 301 },
    },
    { ...plainEdge("vault", "bert", "bridge", 10n ** 18n), onSlash: "reduce-pool", veto: true },
    {
      ...plainEdge("above", "bert", "chain", 10n ** 18n),
      onSlash: "reduce-pool",
      shares: "unique",
      pending: true,
    },
  ],
};
