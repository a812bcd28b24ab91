import type { Fraction } from "./fraction.js";

/**
 * What stands behind which services, and who decides about it: the form `tapstake-restaking`, version 1. The operator
 * decides, the pool pays. Amounts are whole numbers of an asset's smallest unit; fractions are exact.
 */
export interface RestakingGraph {
  readonly assets: readonly Asset[];
  readonly pools: readonly Pool[];
  readonly operators: readonly Operator[];
  readonly services: readonly Service[];
  readonly edges: readonly Edge[];
}

/** What pools hold: bitcoin, a token. */
export interface Asset {
  readonly id: string;
  /** Decimals of the unit that people read: 8 for bitcoin. */
  readonly decimals: number;
  /**
   * What one smallest unit is worth in the unit of profits. Absent where the graph has one asset: then profits are in its
   * smallest unit.
   */
  readonly value?: Fraction;
}

export const POOL_KINDS = ["utxo", "strategy-delegation", "vault", "adapter"] as const;

/** Coins that are lost together or pro rata: an output of Bitcoin, shares delegated in a strategy, a vault. */
export interface Pool {
  readonly id: string;
  readonly asset: string;
  readonly kind: (typeof POOL_KINDS)[number];
  readonly amount: bigint;
  /** The operator whose own stake it is. Absent of what stakers hold. */
  readonly owner?: string;
  /** The pools whose coins this one holds, with how much of each: a layer above them. */
  readonly backedBy?: readonly { readonly pool: string; readonly amount: bigint }[];
}

/** Who decides about pools: a finality provider, an operator of EigenLayer or Symbiotic. */
export interface Operator {
  readonly id: string;
  /** The legal person behind it: operators of one group count as one, where the answer is by group. */
  readonly group?: string;
}

export const BASES = ["weight", "slashable"] as const;
export const TIES = ["attack", "safe"] as const;

/** What relies on stake: a chain, an operator set, a network. */
export interface Service {
  readonly id: string;
  /** What corrupting it brings, in the unit of profits. Null where it is unknown: then answers are break-even profits. */
  readonly profit: bigint | null;
  /** The share of its stake that corrupts it, above 0 and up to 1. */
  readonly alpha: Fraction;
  /** What of an edge counts as stake of the service. */
  readonly basis: (typeof BASES)[number];
  /** Whether a profit that just equals the cost counts as an attack. */
  readonly tie: (typeof TIES)[number];
}

export const SHARES = ["pool", "unique"] as const;
export const ON_SLASH = ["spend-pool", "reduce-pool"] as const;

/** A pool stands behind a service by an operator. */
export interface Edge {
  readonly pool: string;
  readonly operator: string;
  readonly service: string;
  /** Voting power. */
  readonly weight: bigint;
  /** What a slashing by this service can reach. */
  readonly slashable: bigint;
  readonly loss: {
    /** The part that is lost: of the pool where a slashing spends it, else of `slashable`. */
    readonly rate: Fraction;
    /** What is lost beside it, once. */
    readonly fee: bigint;
    /** For how many blocks the rest stays locked. */
    readonly lockedBlocks?: number;
  };
  /** Whether the pool's other edges stand for the same coins, or each for coins of its own. */
  readonly shares: (typeof SHARES)[number];
  /** Whether a slashing ends the whole pool, for every service, or lowers its amount. */
  readonly onSlash: (typeof ON_SLASH)[number];
  /** Somebody can veto a slashing. */
  readonly veto: boolean;
  /** Announced and not in force yet: no answer counts it. */
  readonly pending: boolean;
}

/** The edges that are in force. */
export const edgesInForce = ({ edges }: RestakingGraph): readonly Edge[] =>
  edges.some(({ pending }) => pending) ? edges.filter(({ pending }) => !pending) : edges;
