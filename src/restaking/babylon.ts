import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { parseTransaction } from "../bitcoin/transaction.js";
import type { Delegation } from "../delegation/delegation.js";
import { checkGraph } from "./check.js";
import type { Fraction } from "./fraction.js";
import type { Edge, Operator, Pool, RestakingGraph, Service } from "./graph.js";

/** What the chain's JSON and the parameters do not say. */
export interface BabylonOptions {
  /** The service that stakes stand behind (default: `babylon`). */
  readonly service?: string;
  /** The chains of providers that vote elsewhere than on `service`, by their key in hexadecimal. */
  readonly chains?: Readonly<Record<string, string>>;
  /** The share of the voting power that can sign two blocks at one height (default: 1/3). */
  readonly alpha?: Fraction;
  /** What corrupting `service` brings, in satoshi (default: unknown). */
  readonly profit?: bigint;
  /** The legal person behind a finality provider, by its key in hexadecimal. */
  readonly groups?: Readonly<Record<string, string>>;
}

/** The asset of all graphs of Babylon. */
const BITCOIN = { id: "bitcoin", decimals: 8 } as const;

/**
 * The graph of stakes of ours: each is a pool that any of its finality providers ends by signing twice. The loss is what the
 * pre-signed slashing transaction takes: what goes to the slashing script, and its fee.
 */
export function graphOfDelegations(
  delegations: readonly Delegation[],
  options: BabylonOptions = {},
): RestakingGraph {
  const pools: Pool[] = [];
  const edges: Edge[] = [];
  for (const { staking, slashing, terms, params, unbondingTime } of delegations) {
    const amount = staking.transaction.outs[staking.outputIndex]!.value;
    const refund = slashing.transaction.outs[1]?.value ?? 0n;
    const id = `${staking.transaction.getId()}:${staking.outputIndex}`;
    const slashed = slashing.transaction.outs[0]!.value;
    const rate = params.slashing?.rate;
    if (!rate) {
      const text = `the stake ${id} is under parameters v${params.version}, which slash nothing`;
      throw new TapstakeError("unsupported-params", text, { version: params.version });
    }
    pools.push({ id, asset: BITCOIN.id, kind: "utxo", amount });
    const loss = {
      rate: [rate.numerator, rate.denominator] as const,
      fee: amount - refund - slashed,
      lockedBlocks: unbondingTime,
    };
    for (const key of terms.finalityProviders) edges.push(edgeOf(id, hex.encode(key), amount, loss, options));
  }
  return graphOf(pools, edges, options);
}

/** What the parameters of the chain say of every stake that is slashed. */
export interface SlashingRules {
  readonly rate: Fraction;
  readonly minFee: bigint;
  readonly unbondingTime: number;
}

/** A delegation of the chain's JSON, as its LCD answers: other fields are not read. */
interface DelegationRow {
  readonly fp_btc_pk_list: readonly string[];
  readonly total_sat: string;
  readonly active?: boolean;
  readonly status_desc?: string;
  readonly staking_tx_hex?: string;
  readonly staking_output_idx?: number;
}

/**
 * The graph of the chain's own delegations and finality providers, from the JSON of its LCD. Of delegations, those that are
 * active count. Each is named by its output, `<txid>:<index>`, or by its place in the list where the transaction is left out.
 * @param delegations the list `btc_delegations`, or the answer that holds it
 * @param providers the list `finality_providers`, or the answer that holds it: also those without stake
 * @throws TapstakeError `invalid-json`, and the codes of `checkGraph`
 */
export function graphOfChain(
  { delegations, providers }: { readonly delegations: unknown; readonly providers?: unknown },
  rules: SlashingRules,
  options: BabylonOptions = {},
): RestakingGraph {
  const pools: Pool[] = [];
  const edges: Edge[] = [];
  const loss = { rate: rules.rate, fee: rules.minFee, lockedBlocks: rules.unbondingTime };
  listOf(delegations, "btc_delegations").forEach((value, i) => {
    const row = delegationRow(value, `btc_delegations[${i}]`);
    if (row.active === false || (row.status_desc !== undefined && row.status_desc !== "ACTIVE")) return;
    const amount = BigInt(row.total_sat);
    const id = outpointOf(row, `btc_delegations[${i}]`) ?? `delegation ${i}`;
    pools.push({ id, asset: BITCOIN.id, kind: "utxo", amount });
    for (const key of row.fp_btc_pk_list) edges.push(edgeOf(id, key.toLowerCase(), amount, loss, options));
  });
  const known = providers === undefined ? [] : listOf(providers, "finality_providers");
  const keys = known.map((value, i) => keyOf(value, `finality_providers[${i}]`));
  return graphOf(pools, edges, options, keys);
}

function graphOf(
  pools: readonly Pool[],
  edges: readonly Edge[],
  { service = "babylon", chains = {}, alpha = [1n, 3n], profit, groups = {} }: BabylonOptions,
  keys: readonly string[] = [],
): RestakingGraph {
  const ids = new Set([...keys, ...edges.map(({ operator }) => operator)]);
  const operators = [...ids].toSorted().map((id): Operator => {
    const group = groups[id];
    return group === undefined ? { id } : { id, group };
  });
  const served = new Set(operators.map(({ id }) => chains[id] ?? service));
  const services = [...(served.size > 0 ? served : [service])].toSorted().map((id): Service => {
    return { id, profit: (id === service ? profit : undefined) ?? null, alpha, basis: "weight", tie: "safe" };
  });
  const graph = { assets: [BITCOIN], pools, operators, services, edges };
  checkGraph(graph);
  return graph;
}

const edgeOf = (
  pool: string,
  operator: string,
  amount: bigint,
  loss: Edge["loss"],
  { service = "babylon", chains = {} }: BabylonOptions,
): Edge => ({
  pool,
  operator,
  service: chains[operator] ?? service,
  weight: amount,
  slashable: amount,
  loss,
  shares: "pool",
  onSlash: "spend-pool",
  veto: false,
  pending: false,
});

function listOf(value: unknown, name: string): readonly unknown[] {
  const list = Array.isArray(value) ? value : (value as Record<string, unknown> | null)?.[name];
  if (!Array.isArray(list)) refuse(name, "a list");
  return list as unknown[];
}

function delegationRow(value: unknown, path: string): DelegationRow {
  // The answer about one delegation wraps it.
  const given = (value ?? {}) as { readonly btc_delegation?: object };
  const row = (given.btc_delegation ?? given) as Partial<DelegationRow>;
  const { fp_btc_pk_list: keys, total_sat: total } = row;
  if (!Array.isArray(keys) || keys.length === 0 || !keys.every(isKey)) {
    refuse(`${path}.fp_btc_pk_list`, "keys of 32 bytes in hexadecimal");
  }
  if (typeof total !== "string" || !/^(0|[1-9]\d{0,15})$/.test(total)) {
    refuse(`${path}.total_sat`, "satoshi as decimal text");
  }
  return row as DelegationRow;
}

/** The name of the staking output. Undefined where the row leaves out its transaction. */
function outpointOf({ staking_tx_hex, staking_output_idx }: DelegationRow, path: string): string | undefined {
  if (staking_tx_hex === undefined || staking_output_idx === undefined) return undefined;
  let transaction: ReturnType<typeof parseTransaction>;
  try {
    transaction = parseTransaction(hex.decode(staking_tx_hex));
  } catch {
    return refuse(`${path}.staking_tx_hex`, "a transaction in hexadecimal");
  }
  if (!transaction.outs[staking_output_idx]) {
    refuse(`${path}.staking_output_idx`, "the number of one of the transaction's outputs");
  }
  return `${transaction.getId()}:${staking_output_idx}`;
}

function keyOf(value: unknown, path: string): string {
  const { btc_pk: key } = (value ?? {}) as { btc_pk?: unknown };
  if (!isKey(key)) refuse(`${path}.btc_pk`, "a key of 32 bytes in hexadecimal");
  return (key as string).toLowerCase();
}

const isKey = (value: unknown): value is string =>
  typeof value === "string" && /^[0-9a-fA-F]{64}$/.test(value);

function refuse(path: string, expected: string): never {
  throw new TapstakeError("invalid-json", `${path} must be ${expected}`, { path });
}
