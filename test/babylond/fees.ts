import { base64 } from "@scure/base";
import { type AccountSigner, type SentTransaction, txHash } from "../../src/babylon-client/index.js";
import type { AnyMessage } from "../../src/babylon/messages.js";
import { insertHeadersMessage } from "../../src/babylon/reports.js";
import { waitFor } from "../../regtest/index.js";
import { signedTransaction } from "./broadcasts.js";
import { headerAt } from "./facts.js";
import { coinsTo, encoded, FEE_LIMIT, named, type World } from "./world.js";

/** What a transaction cost its account, beside what it says that it paid. */
export async function costOf(
  world: World,
  messages: readonly AnyMessage[],
  signer: AccountSigner,
): Promise<{ readonly sent: SentTransaction; readonly cost: bigint }> {
  const before = await balanceOf(world, signer);
  const sent = await world.chain.send(messages, signer, { feeLimit: FEE_LIMIT, mixRefunds: true });
  return { sent, cost: before - (await balanceOf(world, signer)) };
}

async function balanceOf({ babylond: { lcd } }: World, { address }: AccountSigner): Promise<bigint> {
  const answer = await fetch(`${lcd}/cosmos/bank/v1beta1/balances/${address}/by_denom?denom=ubbn`);
  return BigInt(((await answer.json()) as { balance: { amount: string } }).balance.amount);
}

/** The report of a new Bitcoin header, which the chain serves first and whose fee it gives back. */
export async function newHeader(world: World, signer: AccountSigner): Promise<AnyMessage> {
  const { bitcoin } = world;
  await bitcoin.mine(1);
  const headers = [await headerAt(bitcoin.rpc, await bitcoin.height())];
  return encoded(named("MsgInsertHeaders", insertHeadersMessage(headers, signer.address)));
}

const BLOCKS_TO_TRY = 10;

/**
 * Hands in a transfer with a high fee and then a report with the least, until one block has both.
 * @returns the places of the two in that block
 */
export async function placesInBlock(
  world: World,
): Promise<{ readonly report: number; readonly transfer: number }> {
  const { reporter, voter } = world.accounts;
  for (let i = 0; i < BLOCKS_TO_TRY; i++) {
    const transfer = coinsTo(voter.address, reporter.address, 1n);
    const both = [
      await signedTransaction(world, voter, transfer, { fee: 900_000n }),
      await signedTransaction(world, reporter, await newHeader(world, reporter)),
    ];
    await Promise.all(both.map((raw) => world.record.broadcast("in order", raw)));
    const [first, second] = await Promise.all(
      both.map((raw) =>
        waitFor(() => world.chain.transaction(txHash(raw)), { what: "a transaction to be in a block" }),
      ),
    );
    if (first!.height !== second!.height) continue;
    const hashes = await hashesIn(world, first!.height);
    const [at, before] = [first!, second!].map(({ txhash }) => hashes.indexOf(txhash.toUpperCase()));
    return { transfer: at!, report: before! };
  }
  throw new Error("no block has both transactions");
}

async function hashesIn({ babylond: { lcd } }: World, height: bigint): Promise<string[]> {
  const answer = await fetch(`${lcd}/cosmos/base/tendermint/v1beta1/blocks/${height}`);
  const { block } = (await answer.json()) as { block: { data: { txs: string[] } } };
  return block.data.txs.map((raw) => txHash(base64.decode(raw)));
}
