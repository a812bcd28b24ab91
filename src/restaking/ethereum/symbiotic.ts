import { TapstakeError } from "../../core/errors.js";
import { checkGraph } from "../check.js";
import type { Asset, Edge, Pool, RestakingGraph, Service } from "../graph.js";
import { type DecodedEvent, decodeEvent, formsOf } from "./event.js";
import { SYMBIOTIC_EVENTS } from "./forms.js";
import { readLogs } from "./log.js";

/** What the logs of Symbiotic do not say. */
export interface SymbioticOptions {
  readonly assets: readonly Asset[];
  /** What no event says of a vault, by its address. */
  readonly vaults: Readonly<Record<string, VaultOptions>>;
  /** What no contract says of a network: the share that corrupts it, what counts, and its profit. */
  readonly service: Omit<Service, "id" | "profit"> & { readonly profits?: Readonly<Record<string, bigint>> };
}

interface VaultOptions {
  /** The id of its asset. */
  readonly asset: string;
  /** The one operator of an OperatorSpecific or OperatorNetworkSpecific delegator. */
  readonly operator?: string;
  /** The one network of an OperatorNetworkSpecific delegator. */
  readonly network?: string;
  /** `activeStake()` of the vault: deposits less withdrawals and slashings are the least that it can be. */
  readonly activeStake?: bigint;
}

/**
 * The graph that logs of Symbiotic's contracts describe: vaults, delegators, slashers and opt-in services of V1, delegators
 * and adapters of V2, all from the first on. A service is a subnetwork, `<network>/<number>`.
 * @param json what `eth_getLogs` answers
 * @throws TapstakeError `invalid-log`, `invalid-argument`, and the codes of `checkGraph`
 */
export function symbioticGraph(json: unknown, options: SymbioticOptions): RestakingGraph {
  const state = new State();
  const forms = formsOf(SYMBIOTIC_EVENTS);
  for (const log of readLogs(json)) {
    const event = decodeEvent(forms, log);
    if (event) state.apply(event);
  }
  const graph = state.graph(options);
  checkGraph(graph);
  return graph;
}

/** What a contract of any kind said. */
interface Contract {
  stake: bigint;
  delegator?: string;
  slasher?: string;
  readonly limits: Map<string, bigint>;
  readonly maxLimits: Map<string, bigint>;
  /** By subnetwork, of operators. */
  readonly shares: Map<string, Map<string, bigint>>;
  readonly operatorLimits: Map<string, Map<string, bigint>>;
  readonly resolvers: Map<string, string>;
  /** Of a delegator of V2: its adapters. */
  readonly adapters: Set<string>;
  /** Of an adapter: for whom it stands, and what it holds. */
  pair?: { readonly operator: string; readonly subnetwork: string };
  total: bigint;
}

class State {
  readonly #contracts = new Map<string, Contract>();
  readonly #optedIn = new Set<string>();

  #at(address: string): Contract {
    const there = this.#contracts.get(address);
    if (there) return there;
    const made: Contract = {
      stake: 0n,
      limits: new Map(),
      maxLimits: new Map(),
      shares: new Map(),
      operatorLimits: new Map(),
      resolvers: new Map(),
      adapters: new Set(),
      total: 0n,
    };
    this.#contracts.set(address, made);
    return made;
  }

  apply(event: DecodedEvent): void {
    const contract = this.#at(event.log.address);
    const { signature } = event.form;
    const subnetwork = () => event.address("subnetwork");
    switch (signature.slice(0, signature.indexOf("("))) {
      case "Deposit":
        contract.stake += event.number("amount");
        break;
      case "Withdraw":
        contract.stake -= event.number("amount");
        break;
      case "OnSlash":
        contract.stake -= event.number("slashed");
        break;
      case "AccrueInterest":
        contract.total = event.number("amount");
        break;
      case "SetDelegator":
        contract.delegator = event.address("delegator");
        break;
      case "SetSlasher":
        contract.slasher = event.address("slasher");
        break;
      case "SetNetworkLimit":
        contract.limits.set(subnetwork(), event.number("amount"));
        break;
      case "SetMaxNetworkLimit":
        this.#limit(contract, subnetwork(), event.number("amount"));
        break;
      case "SetOperatorNetworkShares":
        within(contract.shares, subnetwork()).set(event.address("operator"), event.number("shares"));
        break;
      case "SetOperatorNetworkLimit":
        within(contract.operatorLimits, subnetwork()).set(event.address("operator"), event.number("amount"));
        break;
      case "SetResolver":
        contract.resolvers.set(subnetwork(), event.address("resolver"));
        break;
      case "OptIn":
        this.#optedIn.add(`${event.address("who")} ${event.address("where")}`);
        break;
      case "OptOut":
        this.#optedIn.delete(`${event.address("who")} ${event.address("where")}`);
        break;
      case "Initialize":
        contract.pair = { operator: event.address("operator"), subnetwork: subnetwork() };
        break;
      case "Slash":
        contract.total -= event.number("amount");
        break;
      case "Allocate":
      case "Deallocate":
        contract.adapters.add(event.address("adapter"));
        this.#at(event.address("adapter")).total = event.number("total");
        break;
    }
  }

  /** The vault's limit never exceeds what the network accepts. */
  #limit(contract: Contract, subnetwork: string, most: bigint): void {
    contract.maxLimits.set(subnetwork, most);
    const limit = contract.limits.get(subnetwork);
    if (limit !== undefined && limit > most) contract.limits.set(subnetwork, most);
  }

  graph({ assets, vaults, service }: SymbioticOptions): RestakingGraph {
    const given = new Map(Object.entries(vaults).map(([address, each]) => [address.toLowerCase(), each]));
    const pools: Pool[] = [];
    const edges: Edge[] = [];
    for (const [address, vault] of this.#contracts) {
      if (vault.delegator === undefined) continue;
      const known = given.get(address);
      if (!known) {
        const text = `vaults: the logs have the vault ${address}, and its asset is not given`;
        throw new TapstakeError("invalid-argument", text, { vault: address });
      }
      const delegator = this.#at(vault.delegator);
      const adapters = [...delegator.adapters].filter((each) => this.#at(each).pair !== undefined);
      const held = adapters.reduce((all, each) => all + this.#at(each).total, 0n);
      const counted = adapters.length > 0 ? larger(vault.total, held) : larger(vault.stake, 0n);
      const amount = known.activeStake ?? counted;
      pools.push({ id: address, asset: known.asset, kind: "vault", amount });
      if (adapters.length === 0) edges.push(...this.#edges(address, vault, amount, known));
      for (const adapter of adapters) {
        const { total, pair } = this.#at(adapter);
        const backedBy = [{ pool: address, amount: total }];
        pools.push({ id: adapter, asset: known.asset, kind: "adapter", amount: total, backedBy });
        edges.push({ ...edgeOf(adapter, pair!.operator, pair!.subnetwork, total), shares: "unique" });
      }
    }
    const { profits = {}, ...rule } = service;
    const named = (list: readonly string[]) => [...new Set(list)].toSorted();
    return {
      assets,
      pools,
      operators: named(edges.map(({ operator }) => operator)).map((id) => ({ id })),
      services: named(edges.map((edge) => edge.service)).map((id) => ({
        id,
        profit: profits[id] ?? null,
        ...rule,
      })),
      edges,
    };
  }

  /** What each subnetwork has of a vault of V1 by each operator that opted in to both. */
  #edges(address: string, vault: Contract, active: bigint, known: VaultOptions): Edge[] {
    const delegator = this.#at(vault.delegator!);
    const resolvers = vault.slasher === undefined ? undefined : this.#at(vault.slasher).resolvers;
    const one = known.operator?.toLowerCase();
    const edges: Edge[] = [];
    for (const subnetwork of new Set([...delegator.limits.keys(), ...delegator.maxLimits.keys()])) {
      const network = networkOf(subnetwork);
      const stakes = stakesOf(delegator, subnetwork, active, { one, network: known.network?.toLowerCase() });
      for (const [operator, stake] of stakes) {
        const isIn = [address, network].every((where) => this.#optedIn.has(`${operator} ${where}`));
        if (stake === 0n || !isIn) continue;
        const resolver = resolvers?.get(subnetwork);
        const veto = resolver !== undefined && BigInt(resolver) !== 0n;
        edges.push({ ...edgeOf(address, operator, subnetwork, stake), veto });
      }
    }
    return edges;
  }
}

/** The stake of each operator in a subnetwork, as the four delegators of V1 count it. */
function stakesOf(
  { limits, maxLimits, shares, operatorLimits }: Contract,
  subnetwork: string,
  active: bigint,
  { one, network }: { one: string | undefined; network: string | undefined },
): [operator: string, stake: bigint][] {
  const limit = lesser(active, limits.get(subnetwork) ?? 0n);
  if (one !== undefined && network !== undefined) {
    return network === networkOf(subnetwork) ? [[one, lesser(active, maxLimits.get(subnetwork) ?? 0n)]] : [];
  }
  if (one !== undefined) return [[one, limit]];
  const parts = shares.get(subnetwork);
  if (parts) {
    let all = 0n;
    for (const part of parts.values()) all += part;
    return [...parts].map(([operator, part]) => [operator, all === 0n ? 0n : (part * limit) / all]);
  }
  const own = operatorLimits.get(subnetwork) ?? new Map<string, bigint>();
  return [...own].map(([operator, most]) => [operator, lesser(limit, most)]);
}

const edgeOf = (pool: string, operator: string, subnetwork: string, stake: bigint): Edge => ({
  pool,
  operator,
  service: `${networkOf(subnetwork)}/${BigInt(`0x${subnetwork.slice(42)}`)}`,
  weight: stake,
  slashable: stake,
  loss: { rate: [1n, 1n], fee: 0n },
  shares: "pool",
  onSlash: "reduce-pool",
  veto: false,
  pending: false,
});

/** A subnetwork is the network's address and a number of 12 bytes. */
const networkOf = (subnetwork: string): string => subnetwork.slice(0, 42);

const within = (maps: Map<string, Map<string, bigint>>, key: string): Map<string, bigint> => {
  const there = maps.get(key) ?? new Map<string, bigint>();
  maps.set(key, there);
  return there;
};

const lesser = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
