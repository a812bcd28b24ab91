import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Rpc } from "../../src/chain/rpc.js";
import { TapstakeError } from "../../src/core/errors.js";

/** What an Esplora server knows, asked of a real bitcoind that has all of its transactions (`-txindex`). */
export interface EsploraBridge {
  readonly url: string;
  close(): void;
}

/** Serves the paths of Esplora that tapstake asks for, with the answers of a bitcoind. */
export async function bridgeEsplora(rpc: Rpc, estimates = "{}"): Promise<EsploraBridge> {
  const server = createServer((request, response) => {
    answer(rpc, request, estimates).then(
      (given) => response.writeHead(given.status ?? 200).end(given.text),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

interface Answer {
  readonly status?: number;
  readonly text: string;
}

const NOT_FOUND: Answer = { status: 404, text: "Transaction not found" };
const json = (value: unknown): Answer => ({ text: JSON.stringify(value) });

async function answer(rpc: Rpc, request: IncomingMessage, estimates: string): Promise<Answer> {
  const path = request.url!.replace(/^\/api\//, "").split("/");
  const [what, id, part, index] = path as [string, string?, string?, string?];
  if (what === "tx" && request.method === "POST") return broadcast(rpc, request);
  if (what === "tx") return transaction(rpc, id!, part!, Number(index));
  if (what === "address") return json(await utxos(rpc, id!));
  if (what === "fee-estimates") return { text: estimates };
  if (what === "blocks") return { text: `${await rpc.getblockcount()}` };
  if (what === "block-height") return { text: await rpc.getblockhash(Number(id)) };
  return { status: 404, text: "Not found" };
}

async function broadcast(rpc: Rpc, request: IncomingMessage): Promise<Answer> {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk as string;
  try {
    return { text: await rpc.sendrawtransaction(body) };
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    const { code, reason: message } = error.details;
    return {
      status: 400,
      text: `sendrawtransaction RPC error: ${JSON.stringify({ code, message })}`,
    };
  }
}

async function transaction(rpc: Rpc, txid: string, part: string, index: number): Promise<Answer> {
  const info = await rpc.gettransactioninfo(txid).catch(() => null);
  if (!info) return NOT_FOUND;
  if (part === "hex") return { text: info.hex };
  if (part === "merkleblock-proof") {
    return info.blockhash === undefined ? NOT_FOUND : { text: await rpc.gettxoutproof(txid) };
  }
  if (part === "status") return json(await status(rpc, info.blockhash));
  if (await rpc.gettxout(txid, index)) return json({ spent: false });
  return json({ spent: true, ...(await spender(rpc, txid, index)) });
}

async function status(rpc: Rpc, hash: string | undefined) {
  if (hash === undefined) return { confirmed: false };
  const { height, time } = await rpc.getblock(hash);
  return { confirmed: true, block_height: height, block_hash: hash, block_time: time };
}

async function spender(rpc: Rpc, txid: string, index: number) {
  const mempool = await rpc.getrawmempool();
  const blocks: string[] = [];
  for (let hash: string | undefined = await rpc.getbestblockhash(); hash && blocks.length < 50;) {
    const block = await rpc.getblock(hash);
    blocks.push(...block.tx);
    hash = block.previousblockhash;
  }
  for (const candidate of [...mempool, ...blocks]) {
    const { vin } = await rpc.gettransactioninfo(candidate);
    const at = vin.findIndex((input) => input.txid === txid && input.vout === index);
    if (at >= 0) return { txid: candidate, vin: at };
  }
  throw new Error(`nothing spends ${txid}:${index}`);
}

async function utxos(rpc: Rpc, address: string) {
  const found = await rpc.scantxoutset([`addr(${address})`]);
  const mined = await Promise.all(
    found.map(async ({ txid, vout, value, height }) => ({
      txid,
      vout,
      value: Number(value),
      status: await status(rpc, await rpc.getblockhash(height)),
    })),
  );
  const waiting = await Promise.all(
    (await rpc.getrawmempool()).map(async (txid) => {
      const { vout } = await rpc.gettransactioninfo(txid);
      return vout
        .filter(({ scriptPubKey }) => scriptPubKey.address === address)
        .map(({ n, value }) => ({ txid, vout: n, value: Number(value), status: { confirmed: false } }));
    }),
  );
  const all = [...mined, ...waiting.flat()];
  const unspent = await Promise.all(all.map(({ txid, vout }) => rpc.gettxout(txid, vout)));
  return all.filter((_, i) => unspent[i] !== null);
}
