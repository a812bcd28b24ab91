import type { Transaction } from "../bitcoin/transaction-class.js";
import { type OutpointLike, parseTransaction, toOutpoint } from "../bitcoin/transaction.js";
import { parseBtc } from "../core/amount.js";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import type { ChainAccess } from "./access.js";
import { createRpc, type Rpc, type RpcOptions } from "./rpc.js";

/** Going through all unspent outputs of Bitcoin takes minutes, in milliseconds. */
const SCAN_TIMEOUT = 900_000;

/** Blocks before the coins of a block's reward can be spent, by consensus. */
const COINBASE_MATURITY = 100;

/** The error code by which bitcoind says that there is no such transaction: RPC_INVALID_ADDRESS_OR_KEY. */
const NOT_FOUND = -5;

/**
 * A bitcoind as {@link ChainAccess}. It needs no wallet and no index: the coins of an address come from
 * `scantxoutset`, which takes a minute or more on mainnet, and which knows none that are not mined yet.
 */
export function bitcoindAccess(options: RpcOptions): ChainAccess {
  const rpc = createRpc(options);
  const patient = createRpc({ ...options, timeout: SCAN_TIMEOUT });
  return {
    url: rpc.url,
    genesis: () => rpc.getblockhash(0),
    async tip() {
      const hash = await rpc.getbestblockhash();
      return { height: (await rpc.getblockheader(hash)).height, hash };
    },
    transaction: (txid) => findTransaction(rpc, txid),
    previousTransaction: (outpoint) => findPrevious(rpc, outpoint),
    merkleBlock: (txid) => findMerkleBlock(rpc, txid),
    mempool: () => rpc.getrawmempool(),
    async unspent(outpoint) {
      const { txid, vout } = toOutpoint(outpoint);
      const found = await rpc.gettxout(txid, vout);
      if (!found) return null;
      const { value, confirmations, scriptPubKey } = found;
      return { value, confirmations, script: hex.decode(scriptPubKey.hex) };
    },
    async coins(address) {
      const found = await patient.scantxoutset([`addr(${address})`]);
      const unspent = await Promise.all(found.map(({ txid, vout }) => rpc.gettxout(txid, vout)));
      return found.flatMap(({ txid, vout, value }, i) => {
        const known = unspent[i];
        // The mempool may spend what blocks do not.
        if (!known) return [];
        const { confirmations, coinbase } = known;
        if (coinbase && confirmations < COINBASE_MATURITY) return [];
        return [{ outpoint: toOutpoint({ txid, vout }), value, confirmations }];
      });
    },
    async feeRate(blocks) {
      const { feerate } = await rpc.call<{ feerate?: string | number }>("estimatesmartfee", blocks);
      if (feerate === undefined) {
        throw new TapstakeError("no-fee-estimate", `${rpc.url} has no estimate of what to pay`);
      }
      // Bitcoin for a thousand virtual bytes.
      return { numerator: parseBtc(String(feerate), "the node's fee rate"), denominator: 1000n };
    },
    broadcast: (transaction, { maxBurn = 0n } = {}) =>
      rpc.sendrawtransaction(transaction.toBuffer(), { maxBurn }),
  };
}

/** Without an index, bitcoind finds a mined transaction only in a block that is named. */
async function findPrevious(rpc: Rpc, outpoint: OutpointLike): Promise<Transaction | null> {
  const { txid, vout } = toOutpoint(outpoint);
  const known = await findTransaction(rpc, txid);
  if (known) return known.transaction;
  const output = await rpc.gettxout(txid, vout);
  if (!output || output.confirmations === 0) return null;
  const { height } = await rpc.getblockheader(output.bestblock);
  const block = await rpc.getblockhash(height - output.confirmations + 1);
  return parseTransaction(hex.decode(await rpc.call<string>("getrawtransaction", txid, false, block)));
}

async function findTransaction(rpc: Rpc, txid: string) {
  try {
    const { hex: raw, confirmations = 0 } = await rpc.gettransactioninfo(txid);
    return { transaction: parseTransaction(hex.decode(raw)), confirmations };
  } catch (error) {
    const isUnknown = error instanceof TapstakeError && error.details["code"] === NOT_FOUND;
    if (isUnknown) return null;
    throw error;
  }
}

async function findMerkleBlock(rpc: Rpc, txid: string): Promise<Uint8Array | null> {
  try {
    return hex.decode(await rpc.gettxoutproof(txid));
  } catch (error) {
    if (error instanceof TapstakeError && error.details["code"] === NOT_FOUND) return null;
    throw error;
  }
}
