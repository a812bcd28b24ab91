import type { IncomingMessage, ServerResponse } from "node:http";
import { serve } from "../../support/server.js";
import { addressOf, LogWriter } from "./logs.js";

/** What a test's node does with a request; undefined answers as a node does. */
export type Answering = (
  asked: { readonly id: number; readonly method: string; readonly params: readonly never[] },
  response: ServerResponse,
  request: IncomingMessage,
) => { readonly result?: unknown; readonly error?: unknown } | "answered" | undefined;

export interface Filter {
  readonly address: readonly string[];
  readonly topics: readonly (readonly string[])[];
  readonly fromBlock: string;
  readonly toBlock: string;
}

/** A node that holds these logs up to block 1000; returns its address. */
export function serveLogs(
  logs: readonly object[],
  answering: Answering = () => undefined,
  chainId = 1,
): Promise<string> {
  return serve((body, request, response) => {
    const asked = JSON.parse(body) as Parameters<Answering>[0];
    const special = answering(asked, response, request);
    if (special === "answered") return;
    const { id, method, params } = asked;
    const answer = special ?? { result: resultOf(logs, method, params, chainId) };
    response.end(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
  });
}

function resultOf(logs: readonly object[], method: string, params: readonly unknown[], chainId: number) {
  if (method === "eth_chainId") return `0x${chainId.toString(16)}`;
  if (method === "eth_getBlockByNumber") return { number: "0x3e8" };
  const { address, topics, fromBlock, toBlock } = params[0] as Filter;
  return (logs as { address: string; topics: string[]; blockNumber: string }[]).filter(
    (log) =>
      address.includes(log.address) &&
      topics[0]!.includes(log.topics[0]!) &&
      Number(log.blockNumber) >= Number(fromBlock) &&
      Number(log.blockNumber) <= Number(toBlock),
  );
}

export const MANAGER = "0x948a420b8cc1d6bfd0b6087c2e7c344a2cd0bc39";
export const OPERATOR = addressOf("aa");
export const AVS = addressOf("a5");
export const STRATEGY = addressOf("57");

/** An operator of EigenLayer with 10 shares, four tenths of which stand behind an operator set. */
export function eigenLayerLogs(): object[] {
  const writer = new LogWriter([
    "event AllocationUpdated(address operator, (address avs, uint32 id) operatorSet, address strategy, uint64 magnitude, uint32 effectBlock)",
    "event OperatorSetCreated((address avs, uint32 id) operatorSet)",
    "event OperatorAddedToOperatorSet(address indexed operator, (address avs, uint32 id) operatorSet)",
    "event StrategyAddedToOperatorSet((address avs, uint32 id) operatorSet, address strategy)",
    "event OperatorSharesIncreased(address indexed operator, address staker, address strategy, uint256 shares)",
  ]);
  const operatorSet = { avs: AVS, id: 1n };
  const [operator, strategy] = [OPERATOR, STRATEGY];
  writer.emit(MANAGER, "OperatorSetCreated", { operatorSet });
  writer.block = 300;
  writer.emit(MANAGER, "OperatorAddedToOperatorSet", { operator, operatorSet });
  writer.emit(MANAGER, "StrategyAddedToOperatorSet", { operatorSet, strategy });
  writer.emit(MANAGER, "OperatorSharesIncreased", { operator, staker: operator, strategy, shares: 10n });
  writer.block = 900;
  const magnitude = 4n * 10n ** 17n;
  writer.emit(MANAGER, "AllocationUpdated", {
    operator,
    operatorSet,
    strategy,
    magnitude,
    effectBlock: 900n,
  });
  return writer.logs;
}

export const VAULT = addressOf("7a");
export const NETWORK = addressOf("e1");

/** A vault of Symbiotic of 100, its delegator, and an operator that has 40 of it behind a network. */
export function symbioticLogs(): object[] {
  const writer = new LogWriter([
    "event Deposit(address indexed depositor, address indexed onBehalfOf, uint256 amount, uint256 shares)",
    "event SetDelegator(address indexed delegator)",
    "event SetNetworkLimit(bytes32 indexed subnetwork, uint256 amount)",
    "event SetOperatorNetworkLimit(bytes32 indexed subnetwork, address indexed operator, uint256 amount)",
    "event OptIn(address indexed who, address indexed where)",
  ]);
  const [toVaults, toNetworks] = [
    "0xb361894bc06cbba7ea8098bf0e32eb1906a5f891",
    "0x7133415b33b438843d581013f98a08704316633c",
  ];
  const delegator = addressOf("de");
  const subnetwork = Uint8Array.from(Buffer.from(`${NETWORK.slice(2)}${"0".repeat(24)}`, "hex"));
  writer.emit(VAULT, "SetDelegator", { delegator });
  writer.emit(VAULT, "Deposit", { depositor: OPERATOR, onBehalfOf: OPERATOR, amount: 100n, shares: 100n });
  writer.emit(delegator, "SetNetworkLimit", { subnetwork, amount: 80n });
  writer.emit(delegator, "SetOperatorNetworkLimit", { subnetwork, operator: OPERATOR, amount: 40n });
  writer.emit(toVaults, "OptIn", { who: OPERATOR, where: VAULT });
  writer.emit(toNetworks, "OptIn", { who: OPERATOR, where: NETWORK });
  return writer.logs;
}
