import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { compareBytes, equalBytes, utf8 } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { attempt } from "../private-files.js";

/** A key and its value in a bucket. Both share the memory of their page. */
export interface BoltEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** The page that they are on, for messages. */
  readonly page: number;
}

/**
 * A database of bbolt (go.etcd.io/bbolt, file version 2), to read. It never writes.
 *
 * The file has no checksums but those of its two meta pages. So every page is checked for its number, its kind, its
 * bounds, the order of its keys, and against its place in the tree; a page is used once. Both meta pages must be whole:
 * if one is damaged, the last transaction may be lost.
 */
export class BoltFile {
  readonly path: string;
  /** The open file. */
  readonly descriptor: number;
  readonly #opened: { readonly size: number; readonly changed: bigint };
  readonly #meta: Meta;

  /** @throws TapstakeError `invalid-database`, `file-error` */
  static open(path: string): BoltFile {
    const file = attempt("read", path, () => openSync(path, "r"));
    try {
      return new BoltFile(path, file);
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  private constructor(path: string, descriptor: number) {
    this.path = path;
    this.descriptor = descriptor;
    const { size, changed, isFile } = this.#status();
    if (!isFile) throw this.damaged(0, "it is not a file");
    this.#opened = { size, changed };
    this.#meta = this.#readMetas(size);
    const { pageSize, pages } = this.#meta;
    if (size < pageSize * pages) {
      throw this.damaged(
        Math.floor(size / pageSize),
        `the file ends at ${size} bytes, and must have ${pages} pages of ${pageSize} bytes`,
      );
    }
  }

  /**
   * The entries of a bucket of the first level, in the order of their keys; undefined if there is no such bucket.
   * Buckets inside it are refused: neither daemon makes any.
   * @throws TapstakeError `invalid-database`
   */
  bucket(name: string): Iterable<BoltEntry> | undefined {
    const wanted = utf8(name);
    const seen = new Set<number>();
    for (const { key, value, page, isBucket } of this.#tree(this.#meta.root, seen)) {
      if (!isBucket) throw this.damaged(page, "the first level must have buckets alone");
      if (equalBytes(key, wanted)) return this.#entries(value, page, seen);
    }
    return undefined;
  }

  /**
   * What stands on all leaf pages of the file, those that no bucket has any longer included: bbolt leaves what it deletes
   * where it was until it needs the page. What cannot be read is passed over.
   */
  *leftovers(): Generator<BoltEntry> {
    for (let id = 2; id < this.#meta.pages; id++) {
      try {
        const bytes = this.#page(id, new Set());
        if (kindOf(bytes) === LEAF_PAGE) yield* this.#leaf(bytes, id);
      } catch (error) {
        if (!(error instanceof TapstakeError) || error.code !== "invalid-database") throw error;
      }
    }
  }

  /** Whether the file has changed since it was opened. */
  hasChanged(): boolean {
    const { size, changed } = this.#status();
    return size !== this.#opened.size || changed !== this.#opened.changed;
  }

  close(): void {
    closeSync(this.descriptor);
  }

  /** A refusal that names the file and one of its pages. */
  damaged(page: number, what: string): TapstakeError {
    const text = `${this.path}, page ${page}: ${what}`;
    return new TapstakeError("invalid-database", text, { path: this.path, page });
  }

  #status() {
    const stats = fstatSync(this.descriptor, { bigint: true });
    return { size: Number(stats.size), changed: stats.mtimeNs, isFile: stats.isFile() };
  }

  #readMetas(size: number): Meta {
    if (size < 2 * HEADER) throw this.damaged(0, `the file has ${size} bytes: it is no bbolt database`);
    const first = this.#readMeta(0, 0);
    const second = this.#readMeta(1, first.pageSize);
    if (first.pageSize !== second.pageSize) {
      throw this.damaged(1, `its page size is ${second.pageSize}, and that of page 0 is ${first.pageSize}`);
    }
    return second.transaction > first.transaction ? second : first;
  }

  #readMeta(page: number, at: number): Meta {
    const bytes = this.#read(page, at, HEADER + META);
    const body = bytes.subarray(HEADER);
    const view = viewOf(body);
    if (view.getUint32(0, true) !== MAGIC) throw this.damaged(page, "it is no bbolt database");
    if (view.getUint32(4, true) !== VERSION) {
      throw this.damaged(page, `the file version must be ${VERSION}, not ${view.getUint32(4, true)}`);
    }
    if (fnv64a(body.subarray(0, CHECKED)) !== view.getBigUint64(CHECKED, true)) {
      throw this.damaged(page, "its checksum is wrong: the last transaction may be lost");
    }
    const header = viewOf(bytes);
    if (header.getUint16(8, true) !== META_PAGE) throw this.damaged(page, "it is no meta page");
    const pageSize = view.getUint32(8, true);
    if (pageSize < 512 || pageSize > 1 << 24 || (pageSize & (pageSize - 1)) !== 0) {
      throw this.damaged(page, `a page size of ${pageSize} is not possible`);
    }
    const pages = this.#number(view.getBigUint64(40, true), page);
    const root = this.#number(view.getBigUint64(16, true), page);
    return { pageSize, pages, root, transaction: view.getBigUint64(48, true) };
  }

  *#entries(header: Uint8Array, page: number, seen: Set<number>): Generator<BoltEntry> {
    for (const { isBucket, ...entry } of this.#bucketTree(header, page, seen)) {
      if (isBucket) throw this.damaged(entry.page, "it has a bucket within a bucket");
      yield entry;
    }
  }

  #bucketTree(header: Uint8Array, page: number, seen: Set<number>): Iterable<Element> {
    if (header.length < BUCKET) throw this.damaged(page, "the header of a bucket is too short");
    const root = this.#number(viewOf(header).getBigUint64(0, true), page);
    if (root !== 0) return this.#tree(root, seen);
    // A small bucket is within its header's page.
    const inline = header.subarray(BUCKET);
    if (inline.length < HEADER || kindOf(inline) !== LEAF_PAGE) {
      throw this.damaged(page, "a bucket within the page is damaged");
    }
    return this.#leaf(inline, page);
  }

  /** All leaf elements under a page, in order. */
  *#tree(root: number, seen: Set<number>): Generator<Element> {
    let last: Uint8Array | undefined;
    const waiting: Place[] = [{ id: root }];
    while (waiting.length > 0) {
      const { id, from, below } = waiting.pop()!;
      const bytes = this.#page(id, seen);
      const isLeaf = kindOf(bytes) === LEAF_PAGE;
      const elements = isLeaf ? this.#leaf(bytes, id) : this.#branch(bytes, id);
      if (elements.length === 0 && (!isLeaf || id !== root)) throw this.damaged(id, "it has no elements");
      for (const { key } of elements) {
        const isInPlace =
          (from === undefined || compareBytes(key, from) >= 0) &&
          (below === undefined || compareBytes(key, below) < 0);
        if (!isInPlace) throw this.damaged(id, "it has a key of another part of the tree");
      }
      if (isLeaf) {
        for (const element of elements as Element[]) {
          if (last && compareBytes(element.key, last) <= 0)
            throw this.damaged(id, "its keys are out of order");
          last = element.key;
          yield element;
        }
        continue;
      }
      const children = (elements as Child[]).map(({ key, child }, i) => {
        return { id: child, from: key, below: elements[i + 1]?.key ?? below };
      });
      waiting.push(...children.toReversed());
    }
  }

  #page(id: number, seen: Set<number>): Uint8Array {
    const { pageSize, pages } = this.#meta;
    if (id < 2 || id >= pages) throw this.damaged(id, `the tree has pages 2 to ${pages - 1}`);
    const header = viewOf(this.#read(id, id * pageSize, HEADER));
    const own = header.getBigUint64(0, true);
    if (own !== BigInt(id)) throw this.damaged(id, `it says that it is page ${own}`);
    const kind = header.getUint16(8, true);
    if (kind !== LEAF_PAGE && kind !== BRANCH_PAGE) {
      throw this.damaged(id, `it must be of a tree, and its kind is ${kind}`);
    }
    const overflow = header.getUint32(12, true);
    if (id + overflow >= pages) throw this.damaged(id, `it goes on beyond the last page, ${pages - 1}`);
    for (let each = id; each <= id + overflow; each++) {
      if (seen.has(each)) throw this.damaged(each, "it is in two places");
      seen.add(each);
    }
    return this.#read(id, id * pageSize, (overflow + 1) * pageSize);
  }

  #leaf(bytes: Uint8Array, page: number): Element[] {
    return this.#elements(bytes, page, (view, at) => {
      const [kind, position, keySize, valueSize] = [0, 4, 8, 12].map((field) =>
        view.getUint32(at + field, true),
      );
      if (kind! > 1) throw this.damaged(page, `an element has kind ${kind}`);
      const value = at + position! + keySize!;
      return {
        key: this.#part(bytes, page, at + position!, keySize!),
        value: this.#part(bytes, page, value, valueSize!),
        isBucket: kind === 1,
        page,
        start: at + position!,
        end: value + valueSize!,
      };
    });
  }

  #branch(bytes: Uint8Array, page: number): Child[] {
    return this.#elements(bytes, page, (view, at) => {
      const start = at + view.getUint32(at, true);
      const size = view.getUint32(at + 4, true);
      const key = this.#part(bytes, page, start, size);
      return { key, child: this.#number(view.getBigUint64(at + 8, true), page), start, end: start + size };
    });
  }

  #elements<T extends { readonly key: Uint8Array; readonly start: number; readonly end: number }>(
    bytes: Uint8Array,
    page: number,
    read: (view: DataView, at: number) => T,
  ): T[] {
    const view = viewOf(bytes);
    const count = view.getUint16(10, true);
    if (HEADER + count * ELEMENT > bytes.length)
      throw this.damaged(page, `it has no room for ${count} elements`);
    const elements: T[] = [];
    // Data follows the list of elements, each directly after the one before: so no element is missing in the list.
    let end = HEADER + count * ELEMENT;
    for (let i = 0; i < count; i++) {
      const element = read(view, HEADER + i * ELEMENT);
      if (element.start !== end) throw this.damaged(page, "its elements do not follow one another");
      end = element.end;
      const before = elements.at(-1);
      if (before && compareBytes(element.key, before.key) <= 0) {
        throw this.damaged(page, "its keys are out of order");
      }
      elements.push(element);
    }
    return elements;
  }

  #part(bytes: Uint8Array, page: number, start: number, length: number): Uint8Array {
    const end = start + length;
    const data = HEADER + viewOf(bytes).getUint16(10, true) * ELEMENT;
    if (start < data || end > bytes.length) throw this.damaged(page, "an element is outside of it");
    return bytes.subarray(start, end);
  }

  /** A number of a page, as one that can be counted with. */
  #number(value: bigint, page: number): number {
    if (value >= MOST_PAGES) throw this.damaged(page, `there is no page ${value}`);
    return Number(value);
  }

  #read(page: number, at: number, length: number): Uint8Array {
    // Of its own: keys and values share it.
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const read = attempt("read", this.path, () =>
        readSync(this.descriptor, bytes, done, length - done, at + done),
      );
      if (read === 0) throw this.damaged(page, "the file ends within it");
      done += read;
    }
    return bytes;
  }
}

/** What a meta page says. */
interface Meta {
  readonly pageSize: number;
  readonly pages: number;
  readonly root: number;
  readonly transaction: bigint;
}

interface Element extends BoltEntry {
  readonly isBucket: boolean;
}

interface Child {
  readonly key: Uint8Array;
  readonly child: number;
}

/** A page that comes next, and the bounds of its keys. */
interface Place {
  readonly id: number;
  readonly from?: Uint8Array | undefined;
  readonly below?: Uint8Array | undefined;
}

/** More than any disk has. */
const MOST_PAGES = 2n ** 40n;

const MAGIC = 0xed0c_daed;
const VERSION = 2;
const BRANCH_PAGE = 1;
const LEAF_PAGE = 2;
const META_PAGE = 4;
/** Bytes of a page's header, of what a meta page says, of that under its checksum, of an element, of a bucket. */
const HEADER = 16;
const META = 64;
const CHECKED = 56;
const ELEMENT = 16;
const BUCKET = 16;

const viewOf = ({ buffer, byteOffset, length }: Uint8Array) => new DataView(buffer, byteOffset, length);

const kindOf = (page: Uint8Array): number => viewOf(page).getUint16(8, true);

/** FNV-1a of 64 bits. */
function fnv64a(bytes: Uint8Array): bigint {
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100_0000_01b3n);
  return hash;
}
