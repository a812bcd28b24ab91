import { describe, expect, it } from "vitest";
import { formatOutpoint, type OutpointLike, toOutpoint } from "../../src/bitcoin/transaction.js";
import type { ChainAccess } from "../../src/chain/access.js";
import { checkCoins } from "../../src/chain/coins.js";
import { hex } from "../../src/core/bytes.js";
import { ownedCoin } from "../support/coins.js";

const coins = [1, 2, 3].map((index) => ownedCoin("P2WPKH", 70_000n, index).coin);
const [first, second] = coins;
const outpointOf = (coin: (typeof coins)[number]) => toOutpoint(coin.outpoint);
const backwards = (txid: string) => hex.encode(hex.decode(txid).toReversed());

/** A server on which these coins are unspent, and these transactions known. */
function server(unspent = coins, known = coins) {
  const chain = {
    url: "http://node",
    unspent: async (outpoint: OutpointLike) => {
      const found = unspent.find((coin) => formatOutpoint(coin.outpoint) === formatOutpoint(outpoint));
      return found ? { value: found.value, script: found.script, confirmations: 6 } : null;
    },
    transaction: async (txid: string) => {
      const found = known.find((coin) => outpointOf(coin).txid === txid)?.previousTransaction;
      return found ? { transaction: found, confirmations: 6 } : null;
    },
  };
  return chain as unknown as ChainAccess;
}

describe("checkCoins", () => {
  it("accepts coins that are unspent, with their value and script", async () => {
    await expect(checkCoins(coins, server())).resolves.toBeUndefined();
  });

  const { txid, vout } = outpointOf(second!);
  const reversed = backwards(txid);
  it.each([
    [
      "a reversed txid, which is that of a known coin",
      { outpoint: { txid: reversed, vout } },
      server(),
      `its txid is written in reverse order of bytes. Do: give ${txid}, as block explorers show it`,
    ],
    ["a spent coin", {}, server([first!]), "it is spent already"],
    ["an unknown coin", {}, server([first!], []), "http://node knows no such unspent coin"],
    ["a coin of another output", { outpoint: { txid, vout: 9 } }, server(), "its transaction has only"],
    ["another value", { value: 80_000n }, server(), "it has 70000 sat on http://node, and you gave 80000"],
    [
      "another script",
      { script: first!.script.map((byte) => byte ^ 1) },
      server(),
      "its script on http://node is",
    ],
  ])("refuses %s, by its index and outpoint", async (_, change, chain, text) => {
    const coin = { ...second!, ...change };
    const outpoint = formatOutpoint(coin.outpoint);
    const refused = checkCoins([first!, coin], chain);
    await expect(refused).rejects.toMatchObject({
      code: "invalid-coin",
      message: expect.stringContaining(`coins[1] ${outpoint}: ${text}`) as string,
      details: { index: 1, outpoint },
    });
  });

  it("counts the index in the whole list, which may have other coins", async () => {
    const refused = checkCoins([second!], server([], []), coins);
    await expect(refused).rejects.toMatchObject({ details: { index: 1 } });
  });
});
