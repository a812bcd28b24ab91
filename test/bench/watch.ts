/**
 * `npm run bench -- watch`: the walk of raw blocks beside bitcoinjs-lib and, where a compiler is, the same walk in C; and
 * the catch-up of a store by REST, by RPC and by block files, beside the bare downloads and calls; and the time from a
 * block to its event on the disk.
 */
import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Block } from "bitcoinjs-lib";
import { party, type RegtestNode, stake, startNode } from "../../regtest/index.js";
import { taprootAddress } from "../../src/bitcoin/address.js";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { concatBytes } from "../../src/core/bytes.js";
import { regtest } from "../../src/params/data/regtest.js";
import { Follower } from "../../src/watch/follow.js";
import {
  type BlockSource,
  blocksFolderSource,
  initStore,
  openWatch,
  restSource,
  rpcSource,
  type Watch,
} from "../../src/watch/index.js";
import { Scanner } from "../../src/watch/scanner.js";
import { settingsOf } from "../../src/watch/settings.js";
import { openWriter } from "../../src/watch/store/open.js";
import { ChainStore } from "../../src/watch/store/store.js";
import { ByteTable } from "../../src/watch/walk/byte-table.js";
import { walkBlock } from "../../src/watch/walk/walk.js";
import { figure, interleaved, say } from "./support/report.js";

const BLOCKS = 12;
const TRANSACTIONS = 3_000;
const folder = mkdtempSync(join(tmpdir(), "tapstake-bench-"));

/** Blocks of 1.6 MB whose transactions have the sizes of everyday ones. */
function makeBlocks(): Uint8Array[] {
  return Array.from({ length: BLOCKS }, () => {
    const transactions = Array.from({ length: TRANSACTIONS }, () => {
      const transaction = new Transaction();
      transaction.version = 2;
      for (let i = 0; i < 2; i++) {
        transaction.addInput(new Uint8Array(randomBytes(32)), 1);
        const taproot = [new Uint8Array(randomBytes(64))];
        const key = [new Uint8Array(randomBytes(71)), new Uint8Array(randomBytes(33))];
        transaction.setWitness(i, i === 0 ? taproot : key);
      }
      transaction.addOutput(concatBytes(Uint8Array.of(0x51, 0x20), new Uint8Array(randomBytes(32))), 1_000n);
      transaction.addOutput(concatBytes(Uint8Array.of(0, 0x14), new Uint8Array(randomBytes(20))), 1_000n);
      transaction.addOutput(concatBytes(Uint8Array.of(0, 0x20), new Uint8Array(randomBytes(32))), 1_000n);
      return transaction.toBuffer();
    });
    const count = Uint8Array.of(0xfd, TRANSACTIONS & 0xff, TRANSACTIONS >> 8);
    return concatBytes(new Uint8Array(80), count, ...transactions);
  });
}

function watchedOf(count: number) {
  const [outpoints, outputKeys] = [new ByteTable(36, count), new ByteTable(32, count)];
  for (let i = 0; i < count; i++) {
    const key = createHash("sha256").update(`${i}`).digest();
    outputKeys.add(key);
    outpoints.add(concatBytes(key, Uint8Array.of(i & 3, 0, 0, 0)));
  }
  return { outpoints, outputKeys, tags: [0x316e_6262] };
}

try {
  const blocks = makeBlocks();
  const megabytes = blocks.reduce((sum, { length }) => sum + length, 0) / 1e6;
  const [few, many, most] = [watchedOf(1_000), watchedOf(100_000), watchedOf(1_000_000)];
  const walk = (watched: typeof few) => () => {
    let hits = 0;
    for (const block of blocks) hits += walkBlock(block, watched).length;
    return hits;
  };
  const times = await interleaved(13, { few: walk(few), many: walk(many), most: walk(most) });
  say(`a walk of ${megabytes.toFixed(0)} MB of blocks, 1,000 watched`, times.few, "ms");
  say("  100,000 watched", times.many, "ms");
  say("  1,000,000 watched", times.most, "ms");
  figure("1,000,000 watched, of 1,000", times.most / times.few, { atMost: 5 });

  // In turns, as below: what else the machine does must meet both. Several walks, as the first clears up after the peer.
  const walks = Array.from({ length: 5 }, () => walk(many));
  const { walked, peer } = await interleaved(7, {
    walked: () => walks.map((each) => each()),
    peer: () => Block.fromBuffer(Buffer.from(blocks[0]!)),
  });
  say("  bitcoinjs-lib reads them in", peer * BLOCKS, "ms");
  const ratio = (peer * BLOCKS) / (walked / walks.length);
  figure("a walk, how much faster than bitcoinjs-lib", ratio, { atLeast: 50 });

  const program = join(folder, "walk");
  const compiled = spawnSync("cc", ["-O2", "-o", program, resolve("test/bench/support/walk.c")], {
    encoding: "utf8",
  });
  if (compiled.error) console.log("    no C compiler is installed: nothing to compare with");
  else if (compiled.status !== 0) throw new Error(`cc failed:\n${compiled.stderr}`);
  else {
    const sized = blocks.flatMap((block) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(block.length);
      return [length, block];
    });
    writeFileSync(join(folder, "blocks"), concatBytes(...sized.map((each) => new Uint8Array(each))));
    writeFileSync(join(folder, "keys"), many.outpoints.keys.subarray(0, 36 * many.outpoints.size));
    const inC: number[] = [];
    const beside = await interleaved(9, {
      walked: walk(many),
      c() {
        const ran = spawnSync(program, [join(folder, "blocks"), join(folder, "keys")], { encoding: "utf8" });
        inC.push(Number(ran.stdout.trim().split(" ")[1]));
      },
    });
    const c = inC.toSorted((a, b) => a - b)[inC.length >> 1]!;
    say("  the same in C, compiled with -O2", c, "ms");
    figure("a walk, of C's", beside.walked / c, { atMost: 3 });
  }

  await catchUp();
} finally {
  rmSync(folder, { recursive: true });
}

/** Catch-ups of a store from a bitcoind, with blocks of outputs. */
async function catchUp(): Promise<void> {
  // Each store that has caught up waits for a block, and bitcoind keeps a thread for it.
  const args = ["-rest=1", "-rpcthreads=32"];
  const node = await startNode({ args, blocks: 110 });
  try {
    // To strangers: the node's wallet would take longer to note its own outputs than all else here.
    const addresses = Array.from({ length: 2_200 }, () =>
      taprootAddress(new Uint8Array(randomBytes(32)), "regtest"),
    );
    const outputs = Object.fromEntries(addresses.map((address) => [address, "0.00001"]));
    // 80 MB: a deep catch-up, beside which opening a store is short.
    for (let i = 0; i < 80; i++) {
      for (let j = 0; j < 10; j++) await node.rpc.call("sendmany", "", outputs);
      await node.mine();
    }
    const { url, cookieFile } = node.connection;
    const rest = () => restSource({ url, rpc: node.connection });
    const rpc = () => rpcSource(node.connection);
    // As deep in the chain: the node has begun two files since. The source checks every block of those alone.
    const blocks = join(folder, "blk");
    cpSync(cookieFile!.replace(/\.cookie$/, "blocks"), blocks, { recursive: true });
    for (const name of ["blk00001.dat", "blk00002.dat"]) writeFileSync(join(blocks, name), "");
    const files = () => blocksFolderSource({ folder: blocks, node: rest(), network: "regtest" });
    const tip = await rest().tip();
    const hashes: (string | null)[] = [];
    for (let i = 1; i <= tip.height; i++) hashes.push(await rest().hashAt(i));
    // Made before: a catch-up is no making of a store, and no end of a watch.
    const paths = Array.from({ length: 40 }, (_, i) => join(folder, `${i}.db`));
    for (const path of paths) initStore(path, { network: "regtest", first: 1 });
    const open: Watch[] = [];
    const store = (source: () => BlockSource) => async () => {
      const watch = await openWatch({ source: source(), store: paths.pop()! });
      open.push(watch);
      await watch.caughtUp();
    };
    const authorization = `Basic ${Buffer.from(readFileSync(cookieFile!, "utf8").trim()).toString("base64")}`;
    /** Nothing of this project: one call for each block, six at once. */
    const bareCalls = async () => {
      const block = async (hash: string) => {
        const body = JSON.stringify({ id: 1, method: "getblock", params: [hash, 0] });
        const response = await fetch(url, { method: "POST", headers: { authorization }, body });
        const { result } = (await response.json()) as { result: string };
        return Buffer.from(result, "hex");
      };
      for (let i = 0; i < hashes.length; i += 6) {
        await Promise.all(hashes.slice(i, i + 6).map((hash) => block(hash!)));
      }
    };
    const bare = (source: () => BlockSource) => async () => {
      const from = source();
      const ahead = 6;
      for (let i = 0; i < hashes.length; i += ahead) {
        const got = await Promise.all(hashes.slice(i, i + ahead).map((hash) => from.block(hash!)));
        // As a follower does when it has stored them.
        for (const block of got) from.release?.(block);
      }
      if (source === files) await from.close?.();
    };
    const taken = await interleaved(9, { rest: store(rest), bareRest: bare(rest), files: bare(files) });
    // Apart: its megabytes of text leave much to clear up.
    const byRpc = await interleaved(7, { rpc: store(rpc), bareRpc: bareCalls });
    for (const watch of open) await watch.close();
    say("a catch-up by REST", taken.rest, "ms");
    say("  downloading alone", taken.bareRest, "ms");
    say("a catch-up by RPC", byRpc.rpc, "ms");
    say("  the bare calls", byRpc.bareRpc, "ms");
    say("the blocks from block files", taken.files, "ms");
    figure("a catch-up by REST, of downloading alone", taken.rest / taken.bareRest, { atMost: 1.3 });
    figure("a catch-up by RPC, of the bare calls", byRpc.rpc / byRpc.bareRpc, { atMost: 1.2 });
    figure("block files, how much faster than REST", taken.bareRest / taken.files, { atLeast: 5 });
    await blockToEvent(node);
  } finally {
    await node.stop();
  }
}

/** From a new block to its event on the disk, beside the download of that block and one commit. */
async function blockToEvent(node: RegtestNode): Promise<void> {
  const source = restSource({ url: node.connection.url, rpc: node.connection });
  const from = await node.height();
  const params = regtest.versions[0]!;
  const delegations = [];
  for (let i = 0; i < 60; i++) {
    const [staker, provider] = [party(`staker ${i}`), party(`provider ${i}`)];
    const terms = {
      staker: staker.publicKey,
      finalityProviders: [provider.publicKey],
      covenant: params.covenant,
      timelock: 200,
    };
    delegations.push(await stake(node, { terms, params, value: 500_000n, stakers: [staker] }));
  }
  const open = (name: string) => {
    initStore(join(folder, name), { network: "regtest", first: from + 1 });
    return new ChainStore(openWriter(join(folder, name)));
  };
  const [followed, bare] = [open("followed.db"), open("bare.db")];
  const scanner = new Scanner(followed, settingsOf(followed));
  scanner.add(delegations);
  // As in a running watch, which looks for earlier blocks of new delegations once, before their own blocks come.
  scanner.located(new Map(scanner.unlocated(delegations.length).map((outpoint) => [outpoint, null])));
  const follower = new Follower(scanner, source);
  const times = { event: [] as number[], bare: [] as number[] };
  const timed = async (list: number[], work: () => Promise<unknown>) => {
    const start = performance.now();
    await work();
    list.push(performance.now() - start);
  };
  for (let height = from + 1; height <= (await node.height()); height++) {
    const hash = (await source.hashAt(height))!;
    // As in a running watch: the wait for a block gave its height and hash.
    const follow = () => timed(times.event, () => follower.step(undefined, { height, hash }));
    const store = () =>
      timed(times.bare, async () => {
        const raw = await source.block(hash);
        const mined = { height, position: 0, hash: new Uint8Array(32), raw: raw.subarray(0, 300) };
        bare.transaction(() => bare.addMined(mined));
      });
    // In turns: the first of the two has the node read the block from its disk.
    for (const each of height % 2 === 0 ? [follow, store] : [store, follow]) await each();
  }
  const events = followed.eventsAbove(from).length;
  if (events !== delegations.length) throw new Error(`${events} events of ${delegations.length} stakes`);
  followed.close();
  bare.close();
  const [event, alone] = [times.event, times.bare].map(
    (list) => list.toSorted((a, b) => a - b)[list.length >> 1]!,
  );
  say("from a block to its event on the disk", event!, "ms");
  say("  its download and one commit alone", alone!, "ms");
  figure("a block's way to the disk, of download and commit", event! / alone!, { atMost: 2 });
}
