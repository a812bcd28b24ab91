import { createHash } from "node:crypto";
import { hasWork, HEADER_LENGTH, parseHeader, targetOf } from "../../bitcoin/header.js";
import type { Transaction } from "../../bitcoin/transaction-class.js";
import { parseTransaction } from "../../bitcoin/transaction.js";
import { equalBytes } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import type { Network } from "../../core/network.js";
import { hashText } from "../outpoint.js";
import { ByteTable } from "../walk/byte-table.js";
import { type BlockLayout, walkBlock } from "../walk/walk.js";

/** The easiest target that a network permits, in its compact form; testnet and signet pass for each other. */
const EASIEST: Readonly<Record<Network, number>> = {
  mainnet: 0x1d00_ffff,
  testnet: 0x1e03_77ae,
  signet: 0x1e03_77ae,
  regtest: 0x207f_ffff,
};

const NOTHING = { outpoints: new ByteTable(36), outputKeys: new ByteTable(32), tags: [] };

/**
 * That a block of a server that is not one's own is the block with this hash, and whole: its header has the work that it
 * states, and no easier target than the network permits; its Merkle root and witness commitment are those of its bytes.
 * Nothing else of a block can be changed without another hash. Whether its signatures are valid, this does not say.
 * @throws TapstakeError `invalid-block` with the `reason`: `hash`, `work`, `merkle-root`, `witness-commitment`
 */
export function checkBlock(block: Uint8Array, hash: string, network: Network, source: string): void {
  const layout: BlockLayout = [];
  walkBlock(block, NOTHING, layout);
  checkHeader(block.subarray(0, HEADER_LENGTH), hash, network, source);
  const count = layout.length / 4;
  const ids = new Uint8Array(32 * count);
  const witnessIds = new Uint8Array(32 * count);
  let hasWitness = false;
  for (let i = 0; i < count; i++) {
    const [start, inputs, witnesses, end] = layout.slice(4 * i, 4 * i + 4) as [
      number,
      number,
      number,
      number,
    ];
    const isSegwit = inputs - start > 4;
    hasWitness ||= isSegwit;
    const whole = block.subarray(start, end);
    const id = isSegwit
      ? twice(
          block.subarray(start, start + 4),
          block.subarray(inputs, witnesses),
          block.subarray(end - 4, end),
        )
      : twice(whole);
    ids.set(id, 32 * i);
    // BIP-141: of the coinbase, which carries the root of these hashes, it is zero.
    if (i > 0) witnessIds.set(isSegwit ? twice(whole) : id, 32 * i);
  }
  const root = rootOf(ids, source, hash);
  if (!equalBytes(root, block.subarray(36, 68)))
    throw lie(source, hash, "merkle-root", "another Merkle root");
  const coinbase = coinbaseOf(block.slice(layout[0], layout[3]), source, hash);
  const commitment = commitmentIn(coinbase);
  // Without the commitment in the coinbase, there is no witness in the block. With it, none can be left out.
  if (!commitment && !hasWitness) return;
  const reserved = reservedValue(coinbase);
  const isCommitted =
    commitment && reserved && equalBytes(twice(rootOf(witnessIds, source, hash), reserved), commitment);
  if (!isCommitted) throw lie(source, hash, "witness-commitment", "other witnesses than it commits to");
}

/** That a header has this hash, and the work for it. @throws TapstakeError `invalid-block` */
export function checkHeader(bytes: Uint8Array, hash: string, network: Network, source: string): void {
  const header = parseHeader(bytes);
  if (hashText(header.hash) !== hash) throw lie(source, hash, "hash", `the hash ${hashText(header.hash)}`);
  const isEasy = targetOf(header) > targetOf({ bits: EASIEST[network] });
  if (isEasy || !hasWork(header)) throw lie(source, hash, "work", "less work than the network asks for");
}

const twice = (...parts: readonly Uint8Array[]): Uint8Array => {
  const first = createHash("sha256");
  for (const part of parts) first.update(part);
  return createHash("sha256").update(first.digest()).digest();
};

/** A Merkle root; a list that ends in a repeated pair has the root of a shorter one (CVE-2012-2459), and is refused. */
function rootOf(hashes: Uint8Array, source: string, hash: string): Uint8Array {
  let level = hashes;
  while (level.length > 32) {
    const pairs = Math.ceil(level.length / 64);
    const next = new Uint8Array(32 * pairs);
    for (let i = 0; i < pairs; i++) {
      const left = level.subarray(64 * i, 64 * i + 32);
      const right = level.subarray(64 * i + 32, 64 * i + 64);
      if (right.length > 0 && equalBytes(left, right)) {
        throw lie(source, hash, "merkle-root", "a transaction twice");
      }
      next.set(twice(left, right.length > 0 ? right : left), 32 * i);
    }
    level = next;
  }
  return level;
}

function coinbaseOf(raw: Uint8Array, source: string, hash: string): Transaction {
  try {
    return parseTransaction(raw);
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    throw lie(source, hash, "merkle-root", `a malformed coinbase: ${error.message}`);
  }
}

const COMMITMENT = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];

/** The last witness commitment among the outputs of a coinbase (BIP-141): any bytes may follow it in its script. */
function commitmentIn({ outs }: Transaction): Uint8Array | null {
  const last = outs.findLast(
    ({ script }) => script.length >= 38 && COMMITMENT.every((byte, i) => script[i] === byte),
  );
  return last?.script.subarray(6, 38) ?? null;
}

/** The one element of a coinbase's witness, of 32 bytes. */
function reservedValue({ ins }: Transaction): Uint8Array | null {
  const [value, ...more] = ins[0]?.witness ?? [];
  return value?.length === 32 && more.length === 0 ? value : null;
}

function lie(source: string, hash: string, reason: string, what: string): TapstakeError {
  const text = `${source} gave a false block ${hash}: it has ${what}`;
  return new TapstakeError("invalid-block", text, { source, hash, reason });
}
