import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { HEADER_LENGTH, parseHeader } from "../../bitcoin/header.js";
import { littleEndian } from "../../bitcoin/byte-reader.js";
import { TapstakeError } from "../../core/errors.js";
import type { Network } from "../../core/network.js";
import { hashText } from "../outpoint.js";
import type { BlockSource } from "../source.js";
import { checkBlock } from "./check-block.js";

/** bitcoind's own files of blocks. */
export interface BlocksFolderOptions {
  /** The folder with `blk00000.dat`, for example `~/.bitcoin/blocks`. */
  readonly folder: string;
  /** The node that the files are of: it says which chain is the best one, and has what is not in the files yet. */
  readonly node: BlockSource;
  readonly network: Network;
}

/** What stands before each block: 4 bytes of the network, 4 bytes of the length. */
const HEAD = 8;
const MAGIC: Readonly<Record<Network, readonly number[]>> = {
  mainnet: [0xf9be_b4d9],
  // testnet3 and testnet4.
  testnet: [0x0b11_0907, 0x1c16_3f28],
  signet: [0x0a03_cf40],
  regtest: [0xfabf_b5da],
};
const MOST_BLOCK = 4_000_000;
/** How much is read to see the head of a block: the heads of old, small blocks share a read, the rest is passed over. */
const STEP = 4 * 1024;

const MEBIBYTE = 1024 * 1024;
/** How many released blocks are kept for their memory: more than a follower has at once. */
const MOST_FREE = 32;

interface Place {
  readonly file: number;
  readonly at: number;
  readonly length: number;
}

/**
 * Reads blocks from bitcoind's files, for a catch-up of many. Their order in the files is not the chain's: each header
 * names the block before it, and the node says which chain is the best. The files may grow, and the last one may end in
 * a block that is not written yet: such a block comes from the node.
 * @throws TapstakeError `file-error`
 */
export function blocksFolderSource({ folder, node, network }: BlocksFolderOptions): BlockSource {
  const files = new BlockFiles(folder, network);
  return {
    ...node,
    name: folder,
    async header(hash) {
      return files.header(hash) ?? node.header(hash);
    },
    async block(hash) {
      return files.block(hash) ?? node.block(hash);
    },
    release(block) {
      files.release(block);
      node.release?.(block);
    },
    async close() {
      files.close();
      await node.close?.();
    },
  };
}

/** The block files of a folder, and where each block is in them. */
export class BlockFiles {
  readonly #folder: string;
  readonly #magic: readonly number[];
  readonly #key: Uint8Array;
  readonly #places = new Map<string, Place>();
  /** How far each file was read. */
  readonly #read = new Map<number, number>();
  /** The files that had grown to their end when they were read. */
  readonly #done = new Set<number>();
  /** Memory for blocks: most of the time of a block is that of new memory. */
  readonly #free: ArrayBuffer[] = [];
  #open: { readonly file: number; readonly descriptor: number } | null = null;
  #isClosed = false;
  readonly #heads = Buffer.allocUnsafeSlow(STEP);
  #newest = 0;
  readonly #network: Network;

  constructor(folder: string, network: Network) {
    this.#folder = folder;
    this.#network = network;
    this.#magic = MAGIC[network];
    this.#key = keyOf(folder);
    if (this.#names().length === 0) {
      throw new TapstakeError("file-error", `there is no blk*.dat in ${folder}`, { path: folder });
    }
  }

  /** How many blocks were found. */
  get size(): number {
    return this.#places.size;
  }

  header(hash: string): Uint8Array | null {
    const place = this.#place(hash);
    const bytes = new Uint8Array(HEADER_LENGTH);
    return place && this.#fill(bytes, place) ? bytes : null;
  }

  /** The bytes of a block; null where the files do not have it, whole. */
  block(hash: string): Uint8Array | null {
    const place = this.#place(hash);
    if (!place) return null;
    const bytes = this.#memory(place.length);
    if (this.#fill(bytes, place) && this.#isWhole(bytes, hash, place)) return bytes;
    this.#places.delete(hash);
    this.release(bytes);
    return null;
  }

  /** Takes back the memory of a block that came from {@link BlockFiles.block}. */
  release({ buffer }: Uint8Array): void {
    const isOurs = buffer.byteLength > 0 && buffer.byteLength % MEBIBYTE === 0;
    if (!isOurs || this.#free.length === MOST_FREE || this.#free.includes(buffer as ArrayBuffer)) return;
    this.#free.push(buffer as ArrayBuffer);
  }

  /** A file may have been written over, or begun anew; a crash of the node leaves the end of the newest one torn. */
  #isWhole(bytes: Uint8Array, hash: string, { file }: Place): boolean {
    if (hashText(parseHeader(bytes.subarray(0, HEADER_LENGTH)).hash) !== hash) return false;
    if (file < this.#newest - 1) return true;
    try {
      checkBlock(bytes, hash, this.#network, this.#folder);
      return true;
    } catch (error) {
      if (error instanceof TapstakeError && error.code === "invalid-block") return false;
      throw error;
    }
  }

  /** Afterwards it has no block: who still asks, as a watch does that is being closed, opens no file again. */
  close(): void {
    this.#isClosed = true;
    this.#closeFile();
  }

  #closeFile(): void {
    if (this.#open) closeSync(this.#open.descriptor);
    this.#open = null;
  }

  #place(hash: string): Place | null {
    if (!this.#places.has(hash)) this.#find(hash);
    return this.#places.get(hash) ?? null;
  }

  /** Reads heads until it meets a block, the newest file first: a watch needs few of the old ones. */
  #find(hash: string): void {
    const names = this.#names();
    this.#newest = names.at(-1) ?? 0;
    for (const file of names.toReversed()) {
      if (this.#done.has(file)) continue;
      this.#indexFile(file);
      // Only the last two grow.
      if (file < this.#newest - 1) this.#done.add(file);
      if (this.#places.has(hash)) return;
    }
  }

  #indexFile(file: number): void {
    const descriptor = this.#descriptor(file);
    if (descriptor === null) return;
    const { size } = fstatSync(descriptor);
    let at = this.#read.get(file) ?? 0;
    let partAt = 0;
    let partLength = 0;
    while (at + HEAD + HEADER_LENGTH <= size) {
      if (at < partAt || at + HEAD + HEADER_LENGTH > partAt + partLength) {
        partAt = at;
        partLength = this.#readAt({ file, at }, descriptor, this.#heads);
        reveal(this.#heads.subarray(0, partLength), this.#key, at);
        if (partLength < HEAD + HEADER_LENGTH) break;
      }
      const head = this.#heads.subarray(at - partAt, at - partAt + HEAD + HEADER_LENGTH);
      const length = littleEndian(head.subarray(4, 8));
      // The rest of the file is reserved, and not written yet.
      if (!this.#magic.includes(head.readUInt32BE(0)) || length < HEADER_LENGTH || length > MOST_BLOCK) break;
      if (at + HEAD + length > size) break;
      const hash = hashText(parseHeader(head.subarray(HEAD)).hash);
      // Of a block that is there twice, the later copy is the one that the node wrote again.
      if ((this.#places.get(hash)?.file ?? -1) <= file) {
        this.#places.set(hash, { file, at: at + HEAD, length });
      }
      at += HEAD + length;
    }
    this.#read.set(file, at);
  }

  /** Fills all of the memory from a place; false where the file has less. */
  #fill(bytes: Uint8Array, place: Place): boolean {
    const descriptor = this.#descriptor(place.file);
    if (descriptor === null || this.#readAt(place, descriptor, bytes) < bytes.length) return false;
    reveal(bytes, this.#key, place.at);
    return true;
  }

  /** Returns how many bytes there were. */
  #readAt({ file, at }: Pick<Place, "file" | "at">, descriptor: number, bytes: Uint8Array): number {
    try {
      return readSync(descriptor, bytes, 0, bytes.length, at);
    } catch (cause) {
      throw unreadable(this.#pathOf(file), cause);
    }
  }

  #memory(length: number): Uint8Array {
    const free = this.#free.pop();
    if (free && free.byteLength >= length) return new Uint8Array(free, 0, length);
    const size = Math.ceil(length / MEBIBYTE) * MEBIBYTE;
    return new Uint8Array(Buffer.allocUnsafeSlow(size).buffer, 0, length);
  }

  /** One at a time: bitcoind has thousands of files, and a system may let a process open a thousand. */
  #descriptor(file: number): number | null {
    if (this.#isClosed) return null;
    if (this.#open?.file === file) return this.#open.descriptor;
    this.#closeFile();
    const path = this.#pathOf(file);
    try {
      const descriptor = openSync(path, "r");
      this.#open = { file, descriptor };
      return descriptor;
    } catch (cause) {
      // A node that prunes removes files.
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw unreadable(path, cause);
    }
  }

  #pathOf(file: number): string {
    return join(this.#folder, `blk${String(file).padStart(5, "0")}.dat`);
  }

  #names(): number[] {
    try {
      return readdirSync(this.#folder)
        .flatMap((name) => /^blk(\d{5,})\.dat$/.exec(name)?.[1] ?? [])
        .map(Number)
        .toSorted((a, b) => a - b);
    } catch (cause) {
      throw unreadable(this.#folder, cause);
    }
  }
}

function unreadable(path: string, cause: unknown): TapstakeError {
  const { code = "unknown error" } = cause as NodeJS.ErrnoException;
  return new TapstakeError("file-error", `cannot read ${path}: ${code}`, { path, code }, { cause });
}

/** The key that bitcoind has obscured its files with, from 28 on: 8 bytes; zeros where it did not. */
function keyOf(folder: string): Uint8Array {
  try {
    const key = readFileSync(join(folder, "xor.dat"));
    if (key.length === 8) return key;
    throw new TapstakeError("file-error", `${join(folder, "xor.dat")} has ${key.length} bytes, not 8`, {
      path: folder,
    });
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return new Uint8Array(8);
    if (error instanceof TapstakeError) throw error;
    const text = `cannot read ${join(folder, "xor.dat")}: ${code}`;
    throw new TapstakeError("file-error", text, { path: folder, code }, { cause: error });
  }
}

/** XORs bytes that stand at an offset of their file with the key; eight bytes at a time. */
function reveal(bytes: Uint8Array, key: Uint8Array, offset: number): void {
  if (key.every((byte) => byte === 0)) return;
  const turned = Uint8Array.from({ length: 8 }, (_, i) => key[(offset + i) % 8]!);
  const whole = bytes.byteOffset % 8 === 0 ? bytes.length >> 3 : 0;
  if (whole > 0) {
    // Compiled, a bigint of such an array is a word of the processor: it takes half of the time of four bytes at a time.
    const words = new BigUint64Array(bytes.buffer, bytes.byteOffset, whole);
    const [word] = new BigUint64Array(turned.buffer) as unknown as [bigint];
    for (let i = 0; i < whole; i++) words[i]! ^= word;
  }
  for (let i = 8 * whole; i < bytes.length; i++) bytes[i]! ^= turned[i % 8]!;
}
