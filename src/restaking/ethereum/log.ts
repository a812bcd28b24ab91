import { TapstakeError } from "../../core/errors.js";

/** A log of a contract, as `eth_getLogs` answers it, in the order of the chain. */
export interface Log {
  /** Lower case, with 0x. */
  readonly address: string;
  readonly topics: readonly string[];
  /** Hexadecimal digits without 0x. */
  readonly data: string;
  readonly block: bigint;
  readonly index: bigint;
  /** Where it stands in the list that was given. */
  readonly path: string;
}

/**
 * Logs from JSON: the answer of `eth_getLogs`, or several of them joined. Sorted; a log that stands there twice counts
 * once.
 * @throws TapstakeError `invalid-log`; `details.path` says where
 */
export function readLogs(json: unknown): Log[] {
  const list = Array.isArray(json) ? json : (json as { result?: unknown } | null)?.result;
  if (!Array.isArray(list)) throw refused("logs", "they must be a list of logs, as eth_getLogs answers");
  const logs = list.map((entry, i) => readLog(entry, `logs[${i}]`));
  const sorted = logs.toSorted((a, b) => order(a.block, b.block) || order(a.index, b.index));
  return sorted.filter(({ block, index, topics, path }, i) => {
    const before = sorted[i - 1];
    if (before?.block !== block || before.index !== index) return true;
    if (before.topics.join() === topics.join()) return false;
    throw refused(path, "another log has the same block and index: are these logs of one chain?");
  });
}

const order = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);

function readLog(value: unknown, path: string): Log {
  const { address, topics, data, blockNumber, logIndex, removed } = (value ?? {}) as Record<string, unknown>;
  if (removed === true) throw refused(path, "the chain took this log back: fetch the logs again");
  if (!isHex(address, 20)) throw refused(`${path}.address`, "it must be 20 bytes in hexadecimal");
  if (!Array.isArray(topics) || topics.length > 4 || !topics.every((topic) => isHex(topic, 32))) {
    throw refused(`${path}.topics`, "it must be up to four times 32 bytes in hexadecimal");
  }
  if (!isHex(data)) throw refused(`${path}.data`, "it must be bytes in hexadecimal");
  return {
    address: address.toLowerCase(),
    topics: (topics as string[]).map((topic) => topic.toLowerCase()),
    data: data.slice(2).toLowerCase(),
    block: quantity(blockNumber, `${path}.blockNumber`),
    index: quantity(logIndex, `${path}.logIndex`),
    path,
  };
}

function isHex(value: unknown, bytes?: number): value is string {
  if (typeof value !== "string" || !/^0x(?:[0-9a-fA-F]{2})*$/.test(value)) return false;
  return bytes === undefined || value.length === 2 + 2 * bytes;
}

/** Hexadecimal, as nodes write numbers. */
function quantity(value: unknown, path: string): bigint {
  if (typeof value !== "string" || !/^0x[0-9a-fA-F]{1,16}$/.test(value)) {
    throw refused(path, "it must be a number in hexadecimal, such as 0x10");
  }
  return BigInt(value);
}

export function refused(path: string, message: string): TapstakeError {
  return new TapstakeError("invalid-log", `${path}: ${message}`, { path });
}
