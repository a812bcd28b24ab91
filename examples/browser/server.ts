// What a page asks of servers: Bitcoin, and the staking chain. The examples' server plays both (serve.ts).
import { type Coin, hex, type OutpointLike, type Transaction } from "tapstake";

/** A message of the staking chain. */
export interface Message {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

export const server = {
  /** The height of the last block. */
  height: () => ask<number>("height"),
  /** A coin for an address. A page on another network asks for the address's coins: `coinsOfAddress`. */
  async fund(address: string): Promise<Coin> {
    const { txid, vout, value, script } = await ask<
      Record<"value" | "txid" | "script", string> & { vout: number }
    >("fund", { address });
    return { outpoint: { txid, vout }, value: BigInt(value), script: hex.decode(script) };
  },
  /** Hands a message to the staking chain, and waits for those of the committee. */
  async register({ typeUrl, value }: Message): Promise<Message[]> {
    const answers = await ask<{ typeUrl: string; value: string }[]>("register", {
      typeUrl,
      value: hex.encode(value),
    });
    return answers.map((answer) => ({ typeUrl: answer.typeUrl, value: hex.decode(answer.value) }));
  },
  /** Hands in a transaction; the examples' server mines it at once. */
  broadcast: (transaction: Transaction) => ask<string>("broadcast", { transaction: transaction.toHex() }),
  /** The confirmations of an output that nothing has spent, or null. */
  confirmations: (outpoint: OutpointLike) => ask<number | null>("confirmations", { outpoint }),
  /** Only on regtest. */
  mine: (blocks: number) => ask<number>("mine", { blocks }),
};

export type Server = typeof server;

async function ask<Answer>(what: string, body: object = {}): Promise<Answer> {
  const response = await fetch(`/api/${what}`, { method: "POST", body: JSON.stringify(body) });
  const answer = (await response.json()) as { result: Answer } | { error: string };
  if ("error" in answer) throw new Error(answer.error);
  return answer.result;
}
