import * as v from "valibot";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { type Release, RELEASES } from "../params/rules.js";
import { hexadecimal, list, time, u64 } from "./forms.js";
import { nullAt, type Server } from "./lcd.js";

/** Which chain a server is of, and which program it runs. */
export interface NodeInfo {
  readonly chainId: string;
  /** Of the program, such as `v4.3.1`. */
  readonly version: string;
  /** The release of the messages by that version; undefined for one that is not known. */
  readonly release?: Release;
}

export async function nodeInfo(server: Server): Promise<NodeInfo> {
  const answer = await server.get(
    "cosmos/base/tendermint/v1beta1/node_info",
    v.object({
      default_node_info: v.object({ network: v.string() }),
      application_version: v.object({ version: v.string() }),
    }),
  );
  const { version } = answer.application_version;
  const major = /^v?(\d+)\./.exec(version)?.[1];
  const release = RELEASES.find((name) => name === `v${major}`);
  return {
    chainId: answer.default_node_info.network,
    version,
    ...(release !== undefined && { release }),
  };
}

/** @throws TapstakeError `wrong-chain`, `node-catching-up` */
export async function checkNode(server: Server, chainId: string): Promise<void> {
  const info = await nodeInfo(server);
  if (info.chainId !== chainId) {
    const text = `${server.url} is a server of ${info.chainId}, not of ${chainId}`;
    throw new TapstakeError("wrong-chain", text, { url: server.url, expected: chainId, got: info.chainId });
  }
  const { syncing } = await server.get(
    "cosmos/base/tendermint/v1beta1/syncing",
    v.object({ syncing: v.boolean() }),
  );
  if (!syncing) return;
  throw new TapstakeError("node-catching-up", `${server.url} is catching up with ${chainId}`, {
    url: server.url,
  });
}

/**
 * The newest height of a CometBFT server.
 * @throws TapstakeError `wrong-chain`, `node-catching-up`
 */
export async function checkRpc(rpc: Server, chainId: string): Promise<bigint> {
  const body = { jsonrpc: "2.0", id: 1, method: "status", params: {} };
  const { result } = await rpc.post("", body, v.object({ result: rpcStatus }));
  const { network } = result.node_info;
  if (network !== chainId) {
    const text = `${rpc.url} is a server of ${network}, not of ${chainId}`;
    throw new TapstakeError("wrong-chain", text, { url: rpc.url, expected: chainId, got: network });
  }
  if (!result.sync_info.catching_up) return result.sync_info.latest_block_height;
  throw new TapstakeError("node-catching-up", `${rpc.url} is catching up with ${chainId}`, { url: rpc.url });
}

const rpcStatus = v.object({
  node_info: v.object({ network: v.string() }),
  sync_info: v.object({ latest_block_height: u64, catching_up: v.boolean() }),
});

/**
 * The newest block whose state the server answers from. A node can know a newer block that it has not run yet: what
 * depends on time would then seem to be there one block too early.
 */
export async function latestBlock(server: Server): Promise<{ height: bigint; time: Date }> {
  const { height, timestamp } = await status(server);
  if (timestamp != null) return { height, time: timestamp };
  const path = `cosmos/base/tendermint/v1beta1/blocks/${height}`;
  const form = v.object({ block: v.object({ header: v.object({ height: u64, time }) }) });
  const { header } = (await server.get(path, form)).block;
  if (header.height !== height) throw server.mismatch(path, "block.header.height", `${height}`);
  return header;
}

/** The newest height of the server. */
export const latestHeight = async (server: Server): Promise<bigint> => (await status(server)).height;

/** Some servers do not say the time. */
const status = (server: Server) =>
  server.get("cosmos/base/node/v1beta1/status", v.object({ height: u64, timestamp: v.nullish(time) }));

/** An account as the chain counts its transactions. */
export interface ChainAccount {
  readonly accountNumber: bigint;
  /** Of the next transaction. */
  readonly sequence: bigint;
}

/** Null when the account never received a coin. */
export async function account(server: Server, address: string): Promise<ChainAccount | null> {
  const path = `cosmos/auth/v1beta1/accounts/${encodeURIComponent(address)}`;
  const answer = await nullAt(server.get(path, v.object({ account: accountForm })));
  if (!answer) return null;
  const found = baseOf(answer.account);
  if (found.address !== address) throw server.mismatch(path, "account.address", address);
  return { accountNumber: found.account_number, sequence: found.sequence };
}

/** A transaction in a block. */
export interface ChainTransaction {
  readonly txhash: string;
  readonly height: bigint;
  /** 0 where it succeeded. */
  readonly code: number;
  readonly codespace: string;
  readonly log: string;
  readonly gasWanted: bigint;
  readonly gasUsed: bigint;
  readonly events: readonly ChainEvent[];
}

/** An event of a transaction: its type, and its attributes as text. */
export interface ChainEvent {
  readonly type: string;
  readonly attributes: readonly { readonly key: string; readonly value: string }[];
}

/** A transaction by its hash; null when no block that the server knows has it. */
export async function transaction(server: Server, hash: string): Promise<ChainTransaction | null> {
  const name = hex.encode(hex.decode(hash, 32, "txhash")).toUpperCase();
  const path = `cosmos/tx/v1beta1/txs/${name}`;
  const answer = await nullAt(server.get(path, v.object({ tx_response: txResponse })));
  if (!answer) return null;
  const found = answer.tx_response;
  if (found.txhash.toUpperCase() !== name) throw server.mismatch(path, "tx_response.txhash", name);
  return found;
}

const text = v.nullish(v.string(), "");
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** What happened, by the names of the chain's modules. */
export const events = list(
  v.object({ type: v.string(), attributes: list(v.object({ key: v.string(), value: text })) }),
);

const txResponse = v.pipe(
  v.object({
    txhash: hexadecimal,
    height: u64,
    code: count,
    codespace: text,
    raw_log: text,
    gas_wanted: u64,
    gas_used: u64,
    events,
  }),
  v.transform(({ txhash, height, code, codespace, raw_log, gas_wanted, gas_used, events: happened }) => ({
    txhash,
    height,
    code,
    codespace,
    log: raw_log,
    gasWanted: gas_wanted,
    gasUsed: gas_used,
    events: happened,
  })),
);

const base = v.object({ address: v.string(), account_number: u64, sequence: u64 });

/** Vesting accounts and module accounts have the account inside of another one. */
const accountForm = v.union([
  base,
  v.object({ base_account: base }),
  v.object({ base_vesting_account: v.object({ base_account: base }) }),
]);

const baseOf = (found: v.InferOutput<typeof accountForm>): v.InferOutput<typeof base> => {
  if ("account_number" in found) return found;
  return "base_account" in found ? found.base_account : found.base_vesting_account.base_account;
};
