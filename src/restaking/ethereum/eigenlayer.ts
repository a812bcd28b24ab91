import { checkGraph } from "../check.js";
import { sum } from "../fraction.js";
import type { Asset, Edge, Pool, RestakingGraph, Service } from "../graph.js";
import { type DecodedEvent, decodeEvent, formsOf } from "./event.js";
import { EIGENLAYER_EVENTS } from "./forms.js";
import { readLogs } from "./log.js";

/** What the logs of EigenLayer do not say. */
export interface EigenLayerOptions {
  /** Up to which block allocations have come into effect (default: the block of the last log). */
  readonly atBlock?: bigint;
  /** The assets of strategies, by the strategy's address: their value, where there are several. */
  readonly assets?: Readonly<Record<string, Omit<Asset, "id">>>;
  /** What no contract says of an operator set: the share that corrupts it, what counts, and its profit. */
  readonly service: Omit<Service, "id" | "profit"> & { readonly profits?: Readonly<Record<string, bigint>> };
}

/** A whole magnitude, before any slashing. */
const WHOLE = 10n ** 18n;

/**
 * The graph that logs of EigenLayer's AllocationManager and DelegationManager describe, all from the first on. An operator's
 * shares of a strategy are a pool; each operator set can slash its magnitude's part of them, which is its alone. A service
 * is an operator set, `<avs>/<number>`.
 * @param json what `eth_getLogs` answers
 * @throws TapstakeError `invalid-log`, and the codes of `checkGraph`
 */
export function eigenLayerGraph(json: unknown, options: EigenLayerOptions): RestakingGraph {
  const logs = readLogs(json);
  const state = new State();
  const forms = formsOf(EIGENLAYER_EVENTS);
  for (const log of logs) {
    const event = decodeEvent(forms, log);
    if (event) state.apply(event);
  }
  const atBlock = options.atBlock ?? logs.at(-1)?.block ?? 0n;
  const graph = state.graph(atBlock, options);
  checkGraph(graph);
  return graph;
}

interface Allocation {
  readonly operator: string;
  readonly set: string;
  readonly strategy: string;
  current: bigint;
  /** What is to come: more of it is added to what is there then; less is what remains. */
  pending: { readonly block: bigint; readonly added?: bigint; readonly left?: bigint } | null;
}

class State {
  /** By operator and strategy. */
  readonly #shares = new Map<string, bigint>();
  readonly #most = new Map<string, bigint>();
  readonly #allocations = new Map<string, Allocation>();
  readonly #members = new Set<string>();
  readonly #strategies = new Set<string>();
  readonly #sets = new Set<string>();

  apply(event: DecodedEvent): void {
    const { signature } = event.form;
    const name = signature.slice(0, signature.indexOf("("));
    const set = () => `${event.address("avs")}/${event.number("id")}`;
    const pair = () => `${event.address("operator")} ${event.address("strategy")}`;
    if (name === "AllocationUpdated") this.#allocate(event, set());
    else if (name === "MaxMagnitudeUpdated") this.#most.set(pair(), event.number("magnitude"));
    else if (name === "OperatorSetCreated") this.#sets.add(set());
    else if (name === "OperatorAddedToOperatorSet")
      this.#members.add(`${event.address("operator")} ${set()}`);
    else if (name === "OperatorRemovedFromOperatorSet")
      this.#members.delete(`${event.address("operator")} ${set()}`);
    else if (name === "StrategyAddedToOperatorSet")
      this.#strategies.add(`${set()} ${event.address("strategy")}`);
    else if (name === "StrategyRemovedFromOperatorSet") {
      this.#strategies.delete(`${set()} ${event.address("strategy")}`);
    } else if (name === "OperatorSharesIncreased" || name === "OperatorSharesDecreased") {
      const change = event.number("shares") * (name === "OperatorSharesIncreased" ? 1n : -1n);
      this.#shares.set(pair(), (this.#shares.get(pair()) ?? 0n) + change);
    }
  }

  #allocate(event: DecodedEvent, set: string): void {
    const [operator, strategy] = [event.address("operator"), event.address("strategy")];
    const key = `${operator} ${set} ${strategy}`;
    const there = this.#allocations.get(key) ?? { operator, set, strategy, current: 0n, pending: null };
    this.#allocations.set(key, there);
    this.#sets.add(set);
    const { block } = event.log;
    settle(there, block);
    const [magnitude, effect] = [event.number("magnitude"), event.number("effectBlock")];
    // A slashing lowers what is there, and leaves what is pending.
    if (effect <= block) there.current = magnitude;
    else if (magnitude > there.current) {
      there.pending = { block: effect, added: magnitude - there.current };
    } else there.pending = { block: effect, left: magnitude };
  }

  graph(atBlock: bigint, { assets = {}, service }: EigenLayerOptions): RestakingGraph {
    const known = new Map(Object.entries(assets).map(([address, asset]) => [address.toLowerCase(), asset]));
    const held = [...this.#shares].filter(([, shares]) => shares > 0n);
    const strategies = [...new Set(held.map(([pair]) => pair.split(" ")[1]!))].toSorted();
    const pools = held.map(([id, amount]): Pool => {
      return { id, asset: id.split(" ")[1]!, kind: "strategy-delegation", amount };
    });
    const edges = [...this.#allocations.values()].flatMap((each) => this.#edge(each, atBlock) ?? []);
    const operators = new Set([
      ...held.map(([pair]) => pair.split(" ")[0]!),
      ...edges.map((edge) => edge.operator),
    ]);
    const { profits = {}, ...rule } = service;
    return {
      assets: strategies.map((id) => ({ id, decimals: 18, ...known.get(id) })),
      pools,
      operators: [...operators].toSorted().map((id) => ({ id })),
      services: [...this.#sets].toSorted().map((id) => ({ id, profit: profits[id] ?? null, ...rule })),
      edges,
    };
  }

  #edge(allocation: Allocation, atBlock: bigint): Edge | null {
    const { operator, set, strategy } = allocation;
    settle(allocation, atBlock);
    const { current, pending } = allocation;
    const magnitude = current > 0n ? current : (pending?.added ?? 0n);
    const pool = `${operator} ${strategy}`;
    const shares = this.#shares.get(pool) ?? 0n;
    const isIn = this.#members.has(`${operator} ${set}`) && this.#strategies.has(`${set} ${strategy}`);
    if (magnitude === 0n || shares <= 0n || !isIn) return null;
    return {
      pool,
      operator,
      service: set,
      weight: shares,
      slashable: (shares * magnitude) / (this.#most.get(pool) ?? WHOLE),
      loss: { rate: [1n, 1n], fee: 0n },
      shares: "unique",
      onSlash: "reduce-pool",
      veto: false,
      pending: current === 0n,
    };
  }
}

/** Brings into effect what is due at a block. */
function settle(allocation: Allocation, block: bigint): void {
  const { pending, current } = allocation;
  if (!pending || pending.block > block) return;
  allocation.current = pending.left ?? sum([current, pending.added ?? 0n]);
  allocation.pending = null;
}
