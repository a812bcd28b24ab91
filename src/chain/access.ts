import { scriptOfAddress } from "../bitcoin/address.js";
import type { Transaction } from "../bitcoin/transaction-class.js";
import {
  formatOutpoint,
  type OutpointLike,
  type Prevout,
  type UnspentOutput,
} from "../bitcoin/transaction.js";
import type { Rate } from "../core/amount.js";
import { TapstakeError } from "../core/errors.js";
import { assertNetwork, type Network, sharesAddresses } from "../core/network.js";
import { assertCoin, type Coin, coinKind } from "../funding/coin.js";

/**
 * What stakers, committee and watchtowers need of a Bitcoin node, from either: bitcoind ({@link bitcoindAccess})
 * or an Esplora server ({@link esploraAccess}). Everything throws `node-unreachable` and `node-error`.
 */
export interface ChainAccess {
  /** The server's address, without credentials. */
  readonly url: string;
  /** The hash of block 0, as people write it. */
  genesis(): Promise<string>;
  tip(): Promise<ChainTip>;
  /** A transaction by its id; null when the server does not know it (bitcoind without `-txindex` knows few). */
  transaction(txid: string): Promise<ChainTransaction | null>;
  /**
   * The transaction that made an unspent output; null when the server does not have it. A bitcoind needs no index for
   * it, as the output tells the block, but must not have pruned that.
   */
  previousTransaction(outpoint: OutpointLike): Promise<Transaction | null>;
  /**
   * The header of a transaction's block with the part of its Merkle tree that leads to it (BIP-37); null when it is in no
   * block that the server knows (bitcoind without `-txindex` finds those with an unspent output).
   */
  merkleBlock(txid: string): Promise<Uint8Array | null>;
  /** The ids of all transactions in the server's mempool; absent where the server does not list them. */
  mempool?(): Promise<readonly string[]>;
  /** An output that neither a block nor the mempool spends; null when it is spent or unknown. */
  unspent(outpoint: OutpointLike): Promise<UnspentCoin | null>;
  /** The coins of an address that can be spent and that nothing spends yet; of bitcoind, those that are in blocks. */
  coins(address: string): Promise<(UnspentOutput & Pick<UnspentCoin, "confirmations">)[]>;
  /**
   * What to pay to be mined within so many blocks, in satoshi per virtual byte.
   * @throws TapstakeError `no-fee-estimate`
   */
  feeRate(blocks: number): Promise<Rate>;
  /**
   * Hands in a signed transaction; returns its id.
   * @param options.maxBurn satoshi that may go to unspendable outputs; Esplora servers have a limit of their own
   * @throws TapstakeError `node-refused` with the node's `reason`
   */
  broadcast(transaction: Transaction, options?: { readonly maxBurn?: bigint }): Promise<string>;
}

/** The newest block of a server. */
export interface ChainTip {
  readonly height: number;
  readonly hash: string;
}

/** A transaction as a server knows it. */
export interface ChainTransaction {
  readonly transaction: Transaction;
  /** 0 while it is in the mempool. */
  readonly confirmations: number;
}

/** An output that nothing spends. */
export interface UnspentCoin extends Prevout {
  /** 0 while it is in the mempool. */
  readonly confirmations: number;
}

/** Block 0 of each network; of a signet of one's own it is that of the public one. */
const GENESIS: Readonly<Record<string, Network>> = {
  "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f": "mainnet",
  "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943": "testnet",
  "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043": "testnet",
  "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6": "signet",
  "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206": "regtest",
};

/**
 * That a server is of a network, by its first block. Testnet and signet pass for each other, as parameters do that
 * name either.
 * @throws TapstakeError `wrong-network`, `invalid-network`, and the codes of {@link ChainAccess}
 */
export async function checkChain(
  chain: Pick<ChainAccess, "url" | "genesis">,
  network: Network,
): Promise<void> {
  assertNetwork(network);
  const genesis = await chain.genesis();
  const got = GENESIS[genesis];
  if (got && sharesAddresses(got, network)) return;
  const is = got ?? `a network with the first block ${genesis}`;
  throw new TapstakeError("wrong-network", `${chain.url} is a server of ${is}, not of ${network}`, {
    expected: network,
    got: got ?? genesis,
  });
}

/**
 * The coins of an address as the builders take them, P2PKH ones with their previous transactions. Those that are not
 * mined yet are among them where the server knows any, with `confirmations` of 0.
 * @throws TapstakeError `invalid-address`; `insufficient-funds` when there are none; `invalid-coin` when the address
 * does not tell how its coins are spent, and the codes of {@link withPrevious}
 */
export async function coinsOfAddress(chain: ChainAccess, address: string, network: Network): Promise<Coin[]> {
  const script = scriptOfAddress(address, network);
  const found = await chain.coins(address);
  if (found.length === 0) {
    const text = `${address} has no unspent coins on ${chain.url}`;
    throw new TapstakeError("insufficient-funds", text, { address });
  }
  const coins = found.map((coin): Coin => ({ ...coin, script }));
  const kind = coinKind(coins[0]!);
  if (kind === "p2sh-p2wpkh" || kind === "p2wsh") {
    const text = `${address} does not tell the script that its coins are spent by: take them from the wallet's own list, which has it`;
    throw new TapstakeError("invalid-coin", text, { address });
  }
  return withPrevious(chain, coins);
}

/**
 * The coins, those that need it with their previous transactions: P2PKH, as its signatures do not commit to amounts.
 * @throws TapstakeError `invalid-coin` when the server does not have one, and the codes of {@link ChainAccess}
 */
export async function withPrevious(chain: ChainAccess, coins: readonly Coin[]): Promise<Coin[]> {
  const complete: Coin[] = [];
  // One after the other: a server that limits requests answers all the same.
  for (const coin of coins) {
    const isLacking = coin.previousTransaction === undefined && coinKind(coin) === "p2pkh";
    complete.push(isLacking ? { ...coin, previousTransaction: await previousOf(chain, coin) } : coin);
  }
  return complete;
}

/**
 * The coins, each with its previous transaction where the server has it. A signature of a segwit coin before Taproot
 * commits to the amount of that coin alone (BIP-143), so some signers want to see where each coin comes from.
 * @throws TapstakeError `invalid-coin` when the server gives another one than the coin says
 */
export async function withKnownPrevious(chain: ChainAccess, coins: readonly Coin[]): Promise<Coin[]> {
  const complete: Coin[] = [];
  for (const coin of coins) {
    const found = coin.previousTransaction ?? (await knownPrevious(chain, coin));
    const shown = found ? { ...coin, previousTransaction: found } : coin;
    assertCoin(shown);
    complete.push(shown);
  }
  return complete;
}

async function knownPrevious(chain: ChainAccess, { outpoint }: Coin): Promise<Transaction | null> {
  try {
    return await chain.previousTransaction(outpoint);
  } catch (error) {
    // A bitcoind that has pruned the block says so.
    if (error instanceof TapstakeError && error.code === "node-error") return null;
    throw error;
  }
}

async function previousOf(chain: ChainAccess, { outpoint }: Coin): Promise<Transaction> {
  const transaction = await chain.previousTransaction(outpoint);
  if (transaction) return transaction;
  const name = formatOutpoint(outpoint);
  const text = `${name}: a P2PKH coin needs its previous transaction, which ${chain.url} does not have`;
  throw new TapstakeError("invalid-coin", text, { outpoint: name });
}
