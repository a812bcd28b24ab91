import { formatOutpoint, toOutpoint } from "../bitcoin/transaction.js";
import { equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { counted } from "../core/text.js";
import type { Coin } from "../funding/coin.js";
import type { ChainAccess } from "./access.js";

/**
 * That coins are on the chain as they are given: unspent, with this value and this script. A mistake in a coin would
 * show only when the signed transaction is sent.
 * @param list all coins that were given, where `coins` are some of them: it says which index a coin has
 * @throws TapstakeError `invalid-coin` with the coin's `index` and `outpoint` in the details, and `reversed` where the
 * txid in reverse order of bytes is that of an unspent coin; the codes of {@link ChainAccess}
 */
export async function checkCoins(
  coins: readonly Coin[],
  chain: Pick<ChainAccess, "url" | "unspent" | "transaction">,
  list: readonly Coin[] = coins,
): Promise<void> {
  const places = new Map(list.map(({ outpoint }, index) => [formatOutpoint(outpoint), index]));
  // One after the other: a server that limits requests answers all the same.
  for (const coin of coins) {
    const outpoint = formatOutpoint(coin.outpoint);
    const index = places.get(outpoint) ?? coins.indexOf(coin);
    const wrong = await whatIsWrong(coin, chain);
    if (wrong === undefined) continue;
    const { text, ...details } = wrong;
    throw new TapstakeError("invalid-coin", `coins[${index}] ${outpoint}: ${text}`, {
      index,
      outpoint,
      ...details,
    });
  }
}

interface Wrong {
  readonly text: string;
  readonly reversed?: string;
}

async function whatIsWrong(
  coin: Coin,
  chain: Pick<ChainAccess, "url" | "unspent" | "transaction">,
): Promise<Wrong | undefined> {
  const found = await chain.unspent(coin.outpoint);
  if (!found) return whyNotThere(coin, chain);
  if (found.value !== coin.value) {
    return {
      text: `it has ${found.value} sat on ${chain.url}, and you gave ${coin.value}. Do: correct its amount`,
    };
  }
  if (equalBytes(found.script, coin.script)) return undefined;
  return { text: `its script on ${chain.url} is ${hex.encode(found.script)}. Do: correct its scriptPubKey` };
}

async function whyNotThere(
  coin: Coin,
  chain: Pick<ChainAccess, "url" | "unspent" | "transaction">,
): Promise<Wrong> {
  const { txid, vout } = toOutpoint(coin.outpoint);
  const backwards = hex.encode(hex.decode(txid).toReversed());
  if (await chain.unspent({ txid: backwards, vout })) {
    return {
      text: `its txid is written in reverse order of bytes. Do: give ${backwards}, as block explorers show it`,
      reversed: backwards,
    };
  }
  // A bitcoind without -txindex knows few.
  const known = await chain.transaction(txid);
  if (!known) {
    return {
      text: `${chain.url} knows no such unspent coin. Do: list the wallet's coins again, and compare`,
    };
  }
  const count = known.transaction.outs.length;
  return vout < count
    ? { text: `it is spent already. Do: list the wallet's coins again` }
    : { text: `its transaction has only ${counted(count, "output")}. Do: correct its vout` };
}
