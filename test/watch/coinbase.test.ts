import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RegtestNode, startNode } from "../../regtest/index.js";
import { parseHeader } from "../../src/bitcoin/header.js";
import { parseTransaction } from "../../src/bitcoin/transaction.js";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { concatBytes, hex } from "../../src/core/bytes.js";
import { TapstakeError } from "../../src/core/errors.js";
import { hash256 } from "../../src/core/hashes.js";
import { hashText } from "../../src/watch/outpoint.js";
import { checkBlock } from "../../src/watch/sources/check-block.js";
import { blockBytes, merkleRoot } from "../support/simulated-bitcoin.js";

let node: RegtestNode;
let spend: Transaction;
beforeAll(async () => {
  node = await startNode({ blocks: 101 });
  const { rpc } = node;
  const txid = await rpc.sendtoaddress(await rpc.getnewaddress(), 100_000n);
  spend = parseTransaction(hex.decode(await rpc.getrawtransaction(txid)));
});
afterAll(() => node?.stop());

const COMMITMENT = "6a24aa21a9ed";
const NOUGHT = new Uint8Array(32);
const wrong = `${COMMITMENT}${"77".repeat(32)}`;

/** What a coinbase has, in hexadecimal. */
interface Coinbase {
  /** Behind the height. */
  readonly input?: string;
  /** The scripts of the outputs behind the first, by the right commitment. */
  readonly outputs: (right: string) => string[];
  readonly witness?: string[];
}

describe("a coinbase", () => {
  it.each<[string, "accepted" | "refused", "with witnesses" | "without", Coinbase]>([
    ["with the commitment", "accepted", "with witnesses", { outputs: (right) => [right] }],
    ["with another commitment", "refused", "with witnesses", { outputs: () => [wrong] }],
    ["without one", "refused", "with witnesses", { outputs: () => [] }],
    ["without one", "accepted", "without", { outputs: () => [], witness: [] }],
    ["with another commitment", "refused", "without", { outputs: () => [wrong] }],
    [
      "with more bytes behind the commitment",
      "accepted",
      "with witnesses",
      { outputs: (right) => [`${right}0401020304`] },
    ],
    [
      "whose commitment lacks a byte",
      "refused",
      "with witnesses",
      { outputs: (right) => [right.slice(0, -2)] },
    ],
    [
      "whose commitment lacks a byte",
      "accepted",
      "without",
      { outputs: (r) => [r.slice(0, -2)], witness: [] },
    ],
    ["whose last commitment is right", "accepted", "with witnesses", { outputs: (right) => [wrong, right] }],
    ["whose last commitment is wrong", "refused", "with witnesses", { outputs: (right) => [right, wrong] }],
    [
      "with the bytes of one in another output",
      "accepted",
      "with witnesses",
      { outputs: (right) => [right, `6a4c2a00000026${wrong}`] },
    ],
    [
      "with the bytes of one in its input",
      "accepted",
      "without",
      { input: `26${wrong}`, outputs: () => [], witness: [] },
    ],
    [
      "with another reserved value, which the commitment covers",
      "accepted",
      "with witnesses",
      { outputs: (right) => [right], witness: ["05".repeat(32)] },
    ],
    [
      "with a reserved value of 31 bytes",
      "refused",
      "with witnesses",
      { outputs: (right) => [right], witness: ["00".repeat(31)] },
    ],
    [
      "with two reserved values",
      "refused",
      "with witnesses",
      { outputs: (right) => [right], witness: ["00".repeat(32), "00".repeat(32)] },
    ],
    ["without a reserved value", "refused", "with witnesses", { outputs: (right) => [right], witness: [] }],
  ])("%s is %s in a block %s, by bitcoind too", async (_name, verdict, kind, given) => {
    const { rpc } = node;
    const previous = await rpc.getblockheader(await rpc.getbestblockhash());
    const transactions = kind === "without" ? [] : [spend];
    const block = blockBytes(
      previous.hash,
      [coinbase(previous.height + 1, transactions, given), ...transactions],
      previous.time + 1,
    );
    const hash = hashText(parseHeader(block.subarray(0, 80)).hash);
    const own = verdictOf(() => checkBlock(block, hash, "regtest", "server"));
    const theirs = await rpc.submitblock(hex.encode(block)).then(
      () => "accepted",
      () => "refused",
    );
    if (theirs === "accepted") await rpc.call("invalidateblock", hash);
    expect({ own, theirs }).toEqual({ own: verdict, theirs: verdict });
  });
});

function coinbase(
  height: number,
  transactions: readonly Transaction[],
  { input = "", outputs, witness }: Coinbase,
) {
  const made = new Transaction();
  made.version = 2;
  // BIP-34, of a height that one byte holds.
  const script = concatBytes(Uint8Array.of(1, height), hex.decode(input || "00"));
  made.addInput(NOUGHT, 0xffff_ffff, 0xffff_ffff, script);
  made.addOutput(hex.decode(`0014${"33".repeat(20)}`), 1_000n);
  const reserved = (witness ?? [hex.encode(NOUGHT)]).map((each) => hex.decode(each));
  const root = merkleRoot([NOUGHT, ...transactions.map((each) => each.getHash(true))]);
  const digest = hash256(concatBytes(root, reserved[0] ?? NOUGHT));
  for (const each of outputs(COMMITMENT + hex.encode(digest))) made.addOutput(hex.decode(each), 0n);
  if (reserved.length > 0) made.setWitness(0, reserved);
  return made;
}

function verdictOf(check: () => void): string {
  try {
    check();
    return "accepted";
  } catch (error) {
    if (error instanceof TapstakeError && error.details["reason"] === "witness-commitment") return "refused";
    throw error;
  }
}
