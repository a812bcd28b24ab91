import { hasWork, parseHeader } from "../../src/bitcoin/header.js";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { createWriter } from "../../src/bitcoin/byte-writer.js";
import { txidOf } from "../../src/bitcoin/transaction.js";
import { concatBytes, hex } from "../../src/core/bytes.js";
import { TapstakeError } from "../../src/core/errors.js";
import { hash256 } from "../../src/core/hashes.js";
import type { BlockSource } from "../../src/watch/index.js";
import { EASY_BITS } from "./headers.js";

/** A block of {@link SimulatedBitcoin}. */
export interface SimulatedBlock {
  readonly hash: string;
  readonly previous: string;
  readonly height: number;
  readonly bytes: Uint8Array;
  /** Without the coinbase. */
  readonly transactions: readonly Transaction[];
}

const REGTEST_GENESIS = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";
const REGTEST_GENESIS_BLOCK =
  "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f20020000000101000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000";

/**
 * A regtest chain in memory, with whole blocks: hashes, Merkle roots and witness commitments are right, signatures and
 * amounts are not looked at. It is a source of blocks that a test moves from branch to branch.
 */
export class SimulatedBitcoin {
  readonly blocks = new Map<string, SimulatedBlock>();
  tip: SimulatedBlock;
  /** Whether a source finds spent transactions too, as with `-txindex`. */
  hasIndex = true;
  /** Whether a source gives headers in bulk. */
  hasHeaders = true;
  /** Called before each request of a source: for what happens in between. */
  beforeRequest: (request: string) => void = () => {};
  #extra = 0;
  #wake: (() => void)[] = [];

  constructor() {
    const bytes = hex.decode(REGTEST_GENESIS_BLOCK);
    this.tip = { hash: REGTEST_GENESIS, previous: "0".repeat(64), height: 0, bytes, transactions: [] };
    this.blocks.set(this.tip.hash, this.tip);
  }

  /** Mines upon the tip, or upon another block; the new block is the tip. The proof of work is real, for any target. */
  mine(
    transactions: readonly Transaction[] = [],
    upon: SimulatedBlock = this.tip,
    { bits = EASY_BITS, time = 1_600_000_000 + (upon.height + 1) * 600 } = {},
  ): SimulatedBlock {
    const height = upon.height + 1;
    const coinbase = coinbaseOf(height, this.#extra++, transactions);
    const bytes = blockBytes(upon.hash, [coinbase, ...transactions], time, bits);
    const hash = txidOf(hash256(bytes.subarray(0, 80)));
    const block = { hash, previous: upon.hash, height, bytes, transactions };
    this.blocks.set(hash, block);
    this.moveTo(block);
    return block;
  }

  /** Makes another block the tip: a reorganisation, however much work there is. */
  moveTo(block: SimulatedBlock): void {
    this.tip = block;
    for (const wake of this.#wake.splice(0)) wake();
  }

  at(height: number, from: SimulatedBlock = this.tip): SimulatedBlock {
    let block = from;
    while (block.height > height) block = this.blocks.get(block.previous)!;
    return block;
  }

  /** The blocks of the best chain, or of the one that ends with a block, the lowest first. */
  chain(tip: SimulatedBlock = this.tip): SimulatedBlock[] {
    const chain: SimulatedBlock[] = [];
    for (let block: SimulatedBlock | undefined = tip; block; block = this.blocks.get(block.previous)) {
      chain.push(block);
    }
    return chain.toReversed();
  }

  source(): BlockSource {
    const ask = (request: string) => this.beforeRequest(request);
    const blockOf = (hash: string): SimulatedBlock => {
      const block = this.blocks.get(hash);
      if (block) return block;
      throw new TapstakeError("block-unavailable", `no block ${hash}`);
    };
    const tip = () => ({ height: this.tip.height, hash: this.tip.hash });
    return {
      name: "simulated",
      async tip() {
        ask("tip");
        return tip();
      },
      async header(hash) {
        ask("header");
        return blockOf(hash).bytes.slice(0, 80);
      },
      hashAt: async (height) => {
        ask("hashAt");
        return height > this.tip.height ? null : this.at(height).hash;
      },
      async block(hash) {
        ask("block");
        // A view of a Buffer's bytes is no copy of them, as with bitcoind's answers.
        return Buffer.from(blockOf(hash).bytes);
      },
      // What still reads it then, reads nonsense.
      release: (block) => void block.fill(0xee),
      waitForTip: async (known, signal) => {
        ask("waitForTip");
        if (this.tip.hash === known && !signal.aborted) {
          await new Promise<void>((resolve) => {
            this.#wake.push(resolve);
            signal.addEventListener("abort", () => resolve(), { once: true });
          });
        }
        return tip();
      },
      ...(this.hasHeaders && {
        headersAfter: async (hash: string, count: number) => {
          ask("headersAfter");
          const known = this.blocks.get(hash);
          if (!known || known.height > this.tip.height || this.at(known.height) !== known) return [];
          const last = Math.min(this.tip.height, known.height + count);
          return Array.from({ length: last - known.height }, (_, i) =>
            this.at(known.height + 1 + i).bytes.slice(0, 80),
          );
        },
      }),
      isUnspent: async ({ txid, vout }) => {
        ask("isUnspent");
        const all = this.chain().flatMap(({ transactions }) => transactions);
        const isSpent = all.some(({ ins }) =>
          ins.some(({ hash, index }) => index === vout && txidOf(hash) === txid),
        );
        return !isSpent && all.some((each) => each.getId() === txid);
      },
      locate: async (outpoints) => {
        ask("locate");
        const chain = this.chain();
        const heights = outpoints.map(({ txid, vout }) => {
          const made = chain.find(({ transactions }) => transactions.some((each) => each.getId() === txid));
          if (!made) return null;
          const isSpent = chain.some(({ transactions }) =>
            transactions.some(({ ins }) =>
              ins.some(({ hash, index }) => index === vout && txidOf(hash) === txid),
            ),
          );
          return isSpent && !this.hasIndex ? null : made.height;
        });
        return { tip: tip(), heights };
      },
    };
  }
}

/** A header with enough work, and the transactions behind it. */
export function blockBytes(
  previous: string,
  transactions: readonly Transaction[],
  time: number,
  bits = EASY_BITS,
): Uint8Array {
  const root = merkleRoot(transactions.map((transaction) => transaction.getHash()));
  let header: Uint8Array;
  for (let nonce = 0; ; nonce++) {
    header = createWriter()
      .uint32(0x2000_0000)
      .bytes(hex.decode(previous).toReversed())
      .bytes(root)
      .uint32(time)
      .uint32(bits)
      .uint32(nonce)
      .done();
    if (hasWork(parseHeader(header))) break;
  }
  const count = createWriter().size(transactions.length).done();
  return concatBytes(header, count, ...transactions.map((transaction) => transaction.toBuffer()));
}

export function merkleRoot(hashes: readonly Uint8Array[]): Uint8Array {
  let level = [...hashes];
  while (level.length > 1) {
    if (level.length % 2 === 1) level.push(level.at(-1)!);
    level = Array.from({ length: level.length / 2 }, (_, i) =>
      hash256(concatBytes(level[2 * i]!, level[2 * i + 1]!)),
    );
  }
  return level[0]!;
}

/** A coinbase with its height (BIP-34) and the witness commitment (BIP-141); `extra` makes each another one. */
export function coinbaseOf(height: number, extra: number, transactions: readonly Transaction[]): Transaction {
  const coinbase = new Transaction();
  coinbase.version = 2;
  const script = createWriter().uint8(4).uint32(height).uint8(4).uint32(extra).done();
  coinbase.addInput(new Uint8Array(32), 0xffff_ffff, 0xffff_ffff, script);
  coinbase.addOutput(hex.decode(`0014${"33".repeat(20)}`), 5_000_000_000n);
  const reserved = new Uint8Array(32);
  const root = merkleRoot([new Uint8Array(32), ...transactions.map((each) => each.getHash(true))]);
  coinbase.addOutput(concatBytes(hex.decode("6a24aa21a9ed"), hash256(concatBytes(root, reserved))), 0n);
  coinbase.setWitness(0, [reserved]);
  return coinbase;
}
