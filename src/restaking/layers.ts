import type { Pool } from "./graph.js";

/**
 * The pools after losses, by their numbers. Layers hold the same coins: what a pool loses is gone from the pools above, each
 * by its part, and from the pools below, as far as the coins are theirs. Other layers of a pool below keep their coins.
 * Parts are rounded down.
 */
export function poolsAfter(pools: readonly Pool[], lost: ReadonlyMap<number, bigint>): Pool[] {
  const kept = pools.map(({ amount }, at) => amount - (lost.get(at) ?? 0n));
  if (!pools.some(({ backedBy }) => backedBy))
    return pools.map((pool, at) => ({ ...pool, amount: kept[at]! }));
  const links = linksOf(pools);
  const part = (amount: bigint, rest: bigint, at: number) =>
    pools[at]!.amount === 0n ? 0n : (amount * rest) / pools[at]!.amount;
  const order = upwards(pools, links);

  /** What losses in a pool and below it leave of its coins, and losses in it and above it. */
  const [fromBelow, fromAbove] = [[...kept], [...kept]];
  for (const at of order) {
    let coins = pools[at]!.amount;
    for (const { below, amount } of links.down[at]!) coins += part(amount, fromBelow[below]!, below) - amount;
    fromBelow[at] = part(coins, kept[at]!, at);
  }
  for (const at of order.toReversed()) {
    let coins = pools[at]!.amount;
    for (const { above, amount } of links.up[at]!) coins += part(amount, fromAbove[above]!, above) - amount;
    fromAbove[at] = part(coins, kept[at]!, at);
  }

  const after: Pool[] = [];
  /** By pool: what those above still hold of it. */
  const held = pools.map(() => 0n);
  for (const at of order.toReversed()) {
    const pool = pools[at]!;
    // What is no other layer's: all that the parts of those leave, so that their rounding takes no coin from the pool.
    let free = fromBelow[at]!;
    for (const { amount } of links.up[at]!) free -= part(amount, fromBelow[at]!, at);
    const amount = free + held[at]!;
    let left = amount;
    const backedBy = links.down[at]!.map((link) => {
      const rest = part(part(link.amount, fromBelow[link.below]!, link.below), fromAbove[at]!, at);
      const taken = rest < left ? rest : left;
      left -= taken;
      held[link.below]! += taken;
      return { pool: pools[link.below]!.id, amount: taken };
    });
    after[at] = { ...pool, amount, ...(pool.backedBy && { backedBy }) };
  }
  return after;
}

interface Links {
  readonly down: readonly { readonly below: number; readonly amount: bigint }[][];
  readonly up: readonly { readonly above: number; readonly amount: bigint }[][];
}

function linksOf(pools: readonly Pool[]): Links {
  const numbers = new Map(pools.map(({ id }, at) => [id, at]));
  const links: Links = { down: pools.map(() => []), up: pools.map(() => []) };
  for (const [above, { backedBy = [] }] of pools.entries()) {
    for (const { pool, amount } of backedBy) {
      const below = numbers.get(pool)!;
      links.down[above]!.push({ below, amount });
      links.up[below]!.push({ above, amount });
    }
  }
  return links;
}

/** The numbers of the pools, each after those that back it. */
function upwards(pools: readonly Pool[], { down, up }: Links): number[] {
  const waits = down.map(({ length }) => length);
  const order = [...pools.keys()].filter((at) => waits[at] === 0);
  // The list grows while it is gone through.
  for (const at of order) for (const { above } of up[at]!) if (--waits[above]! === 0) order.push(above);
  return order;
}
