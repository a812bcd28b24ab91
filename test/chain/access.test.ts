import { describe, expect, it } from "vitest";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { formatOutpoint } from "../../src/bitcoin/transaction.js";
import { type ChainAccess, checkChain, withKnownPrevious } from "../../src/chain/access.js";
import { type ErrorCode, TapstakeError } from "../../src/core/errors.js";
import { ownedCoin } from "../support/coins.js";

const whole = ownedCoin("P2WPKH", 70_000n, 1).coin;
const { previousTransaction: previous, ...plain } = whole;
const other = ownedCoin("P2WPKH", 70_000n, 2).coin;

/** A server that answers so when it is asked for a coin's previous transaction. */
const server = (answer: () => unknown) => {
  const asked: string[] = [];
  const chain = {
    previousTransaction: async (outpoint: typeof plain.outpoint) => {
      asked.push(formatOutpoint(outpoint));
      return answer() as Transaction | null;
    },
  } as ChainAccess;
  return { chain, asked };
};
const failing = (code: ErrorCode) =>
  server(() => {
    throw new TapstakeError(code, "no");
  });

describe("the network of a server", () => {
  it("is checked by its name: another word is refused, with the names", async () => {
    const chain = {} as ChainAccess;
    await expect(checkChain(chain, "bitcoin" as never)).rejects.toMatchObject({
      code: "invalid-network",
      message: 'network must be one of mainnet, testnet, signet, regtest, not "bitcoin"',
    });
  });
});

describe("the previous transactions of coins", () => {
  it("are added where the server has them, and requested only for coins without", async () => {
    const { chain, asked } = server(() => previous);
    expect(await withKnownPrevious(chain, [plain, other])).toEqual([whole, other]);
    expect(asked).toEqual([formatOutpoint(plain.outpoint)]);
  });

  it("are omitted where the server lacks them, or has pruned the block", async () => {
    expect(await withKnownPrevious(server(() => null).chain, [plain])).toEqual([plain]);
    expect(await withKnownPrevious(failing("node-error").chain, [plain])).toEqual([plain]);
  });

  it("are refused when they are not the coins' own, and a failing server is reported", async () => {
    const lying = server(() => other.previousTransaction);
    await expect(withKnownPrevious(lying.chain, [plain])).rejects.toMatchObject({ code: "invalid-coin" });
    await expect(withKnownPrevious(failing("node-unreachable").chain, [plain])).rejects.toMatchObject({
      code: "node-unreachable",
    });
  });
});
