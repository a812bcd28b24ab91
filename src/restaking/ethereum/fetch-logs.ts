import { TapstakeError } from "../../core/errors.js";
import { SYMBIOTIC_EVENTS, EIGENLAYER_EVENTS } from "./forms.js";
import { decodeEvent, formsOf } from "./event.js";
import { type Log, readLogs } from "./log.js";
import { type EthereumOptions, type EthereumRpc, ethereumRpc } from "./rpc.js";

/** Which system's logs to ask a node for. */
export interface FetchLogsOptions extends EthereumOptions {
  readonly system: "eigenlayer" | "symbiotic";
  /**
   * The contracts whose logs are asked for (default: those of mainnet). For Symbiotic, its vaults: their delegators,
   * slashers and adapters are found from them, and the opt-in services of mainnet are asked too.
   */
  readonly contracts?: readonly string[];
  /** The first block (default: 0): that of the oldest contract saves requests. */
  readonly fromBlock?: bigint;
  /** The last block (default: the newest that is final, which no reorganisation takes back). */
  readonly toBlock?: bigint;
  /** The most blocks of one request (default: 10000). It is halved where the node finds that too many. */
  readonly range?: number;
  /** The most logs of all requests (default: 2 million). */
  readonly maxLogs?: number;
  /** Is called with the number of blocks before the first request for logs. */
  readonly onStart?: (blocks: number) => void | Promise<void>;
  /** Is called with the number of blocks so far; Symbiotic's are gone through once for each layer of contracts. */
  readonly onProgress?: (blocks: number) => void;
}

/** Logs of a node, as `eth_getLogs` answers them: what `eigenLayerGraph` and `symbioticGraph` read. */
export interface FetchedLogs {
  readonly logs: readonly unknown[];
  readonly chainId: bigint;
  readonly fromBlock: bigint;
  readonly toBlock: bigint;
}

/** EigenLayer's AllocationManager and DelegationManager on mainnet. */
export const EIGENLAYER_MAINNET = [
  "0x948a420b8cc1d6bfd0b6087c2e7c344a2cd0bc39",
  "0x39053d51b77dc0d36036fc1fcc8cb819df8ef37a",
] as const;
/** Symbiotic's opt-in services of operators on mainnet: to vaults, to networks. */
export const SYMBIOTIC_MAINNET = [
  "0xb361894bc06cbba7ea8098bf0e32eb1906a5f891",
  "0x7133415b33b438843d581013f98a08704316633c",
] as const;

const MAINNET = 1n;
const RANGE = 10_000;
const MAX_LOGS = 2_000_000;
/** Adapters are found one layer after another; a deeper chain of them is refused. */
const MOST_LAYERS = 8;

/**
 * Asks a node for all logs of a system's contracts, in ranges of blocks. Each answer is checked: what was not asked for is
 * refused. A node that leaves out logs is not noticed: ask your own.
 * @throws TapstakeError `node-unreachable`, `node-error`, `unexpected-answer`, `invalid-log`, `invalid-argument`
 */
export async function fetchLogs(options: FetchLogsOptions): Promise<FetchedLogs> {
  const { system, contracts, maxLogs = MAX_LOGS, onStart = () => {}, onProgress = () => {} } = options;
  const rpc = ethereumRpc(options);
  const chainId = quantityOf(rpc, "eth_chainId", await rpc.request("eth_chainId", []));
  const given = (contracts ?? []).map(addressOf);
  if (given.length === 0 && (chainId !== MAINNET || system === "symbiotic")) {
    const what =
      system === "symbiotic" ? "Symbiotic's logs need its vaults" : `chain ${chainId} needs its contracts`;
    throw new TapstakeError("invalid-argument", `contracts: ${what}`, { chainId });
  }
  const asked = new Set<string>(
    system === "symbiotic"
      ? [...given, ...(chainId === MAINNET ? SYMBIOTIC_MAINNET : [])]
      : given.length > 0
        ? given
        : EIGENLAYER_MAINNET,
  );
  const { fromBlock = 0n } = options;
  const toBlock = options.toBlock ?? (await finalBlock(rpc));
  if (fromBlock > toBlock) {
    const text = `fromBlock: ${fromBlock} is after the last block, ${toBlock}`;
    throw new TapstakeError("invalid-argument", text, { fromBlock, toBlock });
  }
  await onStart(Number(toBlock - fromBlock) + 1);
  const forms = system === "symbiotic" ? SYMBIOTIC_EVENTS : EIGENLAYER_EVENTS;
  const topics = forms.map(({ topic }) => topic);
  const logs: unknown[] = [];
  let fresh = [...asked];
  for (let layer = 0; fresh.length > 0; layer++) {
    if (layer === MOST_LAYERS) {
      throw rpc.unexpected("eth_getLogs", "form", `contracts lead to others over more than ${layer} layers`);
    }
    const walk = new Walk(rpc, {
      addresses: fresh,
      topics,
      fromBlock,
      toBlock,
      range: options.range ?? RANGE,
    });
    const found: Log[] = [];
    for await (const answer of walk.answers()) {
      // One by one: a call takes some hundred thousand arguments at most.
      for (const each of answer.raw) logs.push(each);
      for (const each of answer.logs) found.push(each);
      if (logs.length > maxLogs) {
        throw rpc.unexpected("eth_getLogs", "size", `more than ${maxLogs} logs. Give fewer contracts`);
      }
      onProgress(Number(answer.end - fromBlock) + 1);
    }
    fresh = system === "symbiotic" ? namedBy(found).filter((address) => !asked.has(address)) : [];
    for (const address of fresh) asked.add(address);
  }
  return { logs, chainId, fromBlock, toBlock };
}

/** The contracts that logs of Symbiotic name: a vault's delegator and slasher, a delegator's adapters. */
function namedBy(logs: readonly Log[]): string[] {
  const forms = formsOf(SYMBIOTIC_EVENTS);
  const named = new Set<string>();
  for (const log of logs) {
    const event = decodeEvent(forms, log);
    if (!event) continue;
    const [name] = event.form.signature.split("(");
    if (name === "SetDelegator") named.add(event.address("delegator"));
    else if (name === "SetSlasher") named.add(event.address("slasher"));
    else if (name === "Allocate") named.add(event.address("adapter"));
  }
  named.delete(`0x${"0".repeat(40)}`);
  return [...named];
}

interface Asked {
  readonly addresses: readonly string[];
  readonly topics: readonly string[];
  readonly fromBlock: bigint;
  readonly toBlock: bigint;
  readonly range: number;
}

/** Goes over the blocks in ranges that the node can answer. */
class Walk {
  readonly #rpc: EthereumRpc;
  readonly #asked: Asked;
  readonly #topics: ReadonlySet<string>;
  readonly #addresses: ReadonlySet<string>;

  constructor(rpc: EthereumRpc, asked: Asked) {
    this.#rpc = rpc;
    this.#asked = asked;
    this.#topics = new Set(asked.topics);
    this.#addresses = new Set(asked.addresses);
  }

  async *answers(): AsyncGenerator<{ raw: readonly unknown[]; logs: readonly Log[]; end: bigint }> {
    const { fromBlock, toBlock, range } = this.#asked;
    let span = BigInt(range);
    for (let at = fromBlock; at <= toBlock;) {
      const end = at + span - 1n < toBlock ? at + span - 1n : toBlock;
      let raw: readonly unknown[];
      try {
        raw = await this.#ask(at, end);
      } catch (error) {
        if (at === end || !isTooMuch(error)) throw error;
        span = (end - at + 1n) / 2n;
        continue;
      }
      yield { raw, logs: this.#checked(raw, at, end), end };
      at = end + 1n;
      if (span < BigInt(range)) span *= 2n;
    }
  }

  async #ask(from: bigint, to: bigint): Promise<readonly unknown[]> {
    const { addresses, topics } = this.#asked;
    const filter = { address: addresses, topics: [topics], fromBlock: quantity(from), toBlock: quantity(to) };
    const answer = await this.#rpc.request("eth_getLogs", [filter]);
    if (!Array.isArray(answer)) throw this.#rpc.unexpected("eth_getLogs", "form", "expected a list of logs");
    return answer as unknown[];
  }

  #checked(raw: readonly unknown[], from: bigint, to: bigint): Log[] {
    const logs = readLogs(raw);
    for (const { address, topics, block } of logs) {
      const isAsked =
        block >= from && block <= to && this.#addresses.has(address) && this.#topics.has(topics[0] ?? "");
      if (isAsked) continue;
      const what = `a log of ${address} in block ${block}, which was not asked for`;
      throw this.#rpc.unexpected("eth_getLogs", "mismatch", what);
    }
    return logs;
  }
}

/**
 * Whether fewer blocks may be answered: nodes say in many ways that a range or its answer is too long. An unknown method and
 * a refused account stay what they are.
 */
function isTooMuch(error: unknown): boolean {
  if (!(error instanceof TapstakeError)) return false;
  const { code, status, reason } = error.details;
  if (error.code === "unexpected-answer") return reason === "size";
  if (error.code !== "node-error") return false;
  if (status !== undefined) return status === 413 || status === 400;
  return code !== METHOD_NOT_FOUND && code !== INVALID_REQUEST;
}

const INVALID_REQUEST = -32600;
const METHOD_NOT_FOUND = -32601;

async function finalBlock(rpc: EthereumRpc): Promise<bigint> {
  const method = "eth_getBlockByNumber";
  const block = await rpc.request(method, ["finalized", false]);
  const { number } = (block ?? {}) as { number?: unknown };
  return quantityOf(rpc, method, number);
}

function quantityOf(rpc: EthereumRpc, method: string, value: unknown): bigint {
  if (typeof value !== "string" || !/^0x[0-9a-fA-F]{1,16}$/.test(value)) {
    throw rpc.unexpected(method, "form", "expected a number in hexadecimal, such as 0x10");
  }
  return BigInt(value);
}

const quantity = (value: bigint) => `0x${value.toString(16)}`;

function addressOf(text: string): string {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) {
    const message = `contracts: expected 20 bytes in hexadecimal with 0x, got ${text.slice(0, 50)}`;
    throw new TapstakeError("invalid-argument", message, { field: "contracts" });
  }
  return text.toLowerCase();
}
