import { encodeCheckpoint } from "../../src/babylon/checkpoint.js";
import type { CheckpointPart } from "../../src/babylon/reports.js";
import { insertSpvProofMessage } from "../../src/babylon/reports.js";
import { account } from "../../src/babylon/pop.js";
import { parseTransaction } from "../../src/bitcoin/transaction.js";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import type { RawCheckpoint } from "../../src/babylon-client/index.js";
import { hex } from "../../src/core/bytes.js";
import { waitFor } from "../../regtest/index.js";
import { DEEP, type Message, named, type World } from "./world.js";

/** Blocks after which a checkpoint is final: the chain's `checkpoint_finalization_timeout`. */
const TIMEOUT = 2;

/** Brings all epochs up to one to Bitcoin, and waits until the chain calls them final. */
export async function finalizeEpochs(world: World, last: bigint): Promise<void> {
  for (let epoch = await firstOpen(world); epoch <= last; epoch++) {
    const message = await checkpointMessage(world, await sealed(world, epoch));
    await world.send(message, world.accounts.reporter);
  }
  await world.mineAndReport(TIMEOUT + 1);
  await waitFor(async () => (await statusOf(world, last)) === "CKPT_STATUS_FINALIZED", {
    what: `epoch ${last} to be final`,
    deadline: 120_000,
  });
}

/** The message that proves a checkpoint, whose transactions are mined here. */
export async function checkpointMessage(world: World, raw: RawCheckpoint): Promise<Message> {
  const { reporter } = world.accounts;
  const { tag } = await world.chain.checkpointParams();
  const { epoch, blockHash, bitmap, signature } = raw;
  const [first, second] = encodeCheckpoint({
    tag,
    epoch,
    blockHash,
    bitmap,
    submitter: account(reporter.address).bytes,
    blsSignature: signature,
  });
  const head = await carrying(world, first);
  const tail = await carrying(world, second, head);
  // By consensus, not by the policy of a node's mempool.
  await world.bitcoin.mineTransactions([head.toBuffer(), tail.toBuffer()]);
  await world.mineAndReport(DEEP - 1);
  const parts = [await partOf(world, head), await partOf(world, tail)] as const;
  return named("MsgInsertBTCSpvProof", insertSpvProofMessage({ submitter: reporter.address, parts }));
}

export async function sealed(world: World, epoch: bigint): Promise<RawCheckpoint> {
  const found = await waitFor(
    async () => {
      const raw = await world.chain.rawCheckpoint(epoch);
      return raw && raw.status !== "CKPT_STATUS_ACCUMULATING" ? raw : null;
    },
    { what: `the checkpoint of epoch ${epoch} to be sealed`, deadline: 120_000 },
  );
  return found;
}

async function firstOpen(world: World): Promise<bigint> {
  for (let epoch = 1n; ; epoch++) {
    const status = await statusOf(world, epoch);
    if (status === undefined || status === "CKPT_STATUS_SEALED" || status === "CKPT_STATUS_ACCUMULATING") {
      return epoch;
    }
  }
}

const statusOf = async ({ chain }: World, epoch: bigint) => (await chain.rawCheckpoint(epoch))?.status;

/** A transaction of the wallet with an OP_RETURN; the second one of a checkpoint spends the first. */
async function carrying({ bitcoin: { rpc } }: World, data: Uint8Array, before?: Transaction) {
  const outputs = [{ data: hex.encode(data) }];
  if (before) {
    const vout = before.outs.findIndex(({ script }) => script[0] !== 0x6a);
    const { value, script } = before.outs[vout]!;
    const spent = { txid: before.getId(), vout };
    const change = { [await rpc.getnewaddress()]: Number(value - 2_000n) / 1e8 };
    const raw = await rpc.call<string>("createrawtransaction", [spent], [...outputs, change]);
    return signedBy(rpc, raw, [{ ...spent, scriptPubKey: hex.encode(script), amount: Number(value) / 1e8 }]);
  }
  const raw = await rpc.call<string>("createrawtransaction", [], outputs);
  const funded = await rpc.call<{ hex: string }>("fundrawtransaction", raw, { changePosition: 1 });
  return signedBy(rpc, funded.hex, []);
}

async function signedBy(rpc: World["bitcoin"]["rpc"], raw: string, prevtxs: object[]): Promise<Transaction> {
  const signed = await rpc.call<{ hex: string; complete: boolean }>(
    "signrawtransactionwithwallet",
    raw,
    prevtxs,
  );
  if (!signed.complete) throw new Error("the wallet did not sign a checkpoint");
  return parseTransaction(hex.decode(signed.hex));
}

async function partOf(world: World, transaction: Transaction): Promise<CheckpointPart> {
  const inclusion = await world.inclusionOf(transaction);
  const hash = hex.encode(inclusion.key.hash.toReversed());
  const header = hex.decode(await world.bitcoin.rpc.call("getblockheader", hash, false), 80);
  return { transaction, inclusion, header };
}
