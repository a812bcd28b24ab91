/** Texts that a file repeats, each made once: they are found by their bytes, so that a repeated one costs no new text. */
export class Names {
  /** Open addressing: the number of a text and one, or 0 for a free place. */
  #places = new Int32Array(1024);
  #bytes = new Uint8Array(1 << 16);
  #view = viewOf(this.#bytes);
  #used = 0;
  /** Where the bytes of each text begin; one more for the end of the last. */
  #starts = new Int32Array(512);
  #hashes = new Int32Array(512);
  readonly #texts: string[] = [];
  readonly #decoder = new TextDecoder();
  /** So that no file can be made whose texts all have one place. */
  readonly #seed = Math.trunc(Math.random() * 2 ** 32) | 0;

  /** The number of the text that these bytes are: of the same bytes the same number, from 0 on. */
  numberOf(view: DataView, from: number, to: number): number {
    const mask = this.#places.length - 1;
    const hash = this.#hashOf(view, from, to);
    let place = hash & mask;
    for (; this.#places[place] !== 0; place = (place + 1) & mask) {
      const number = this.#places[place]! - 1;
      if (this.#hashes[number] === hash && this.endOf(number, view, from) === to) return number;
    }
    return this.#add(place, hash, view, from, to);
  }

  /** Where the text of this number ends, if it begins there; -1 if it does not. */
  endOf(number: number, view: DataView, from: number): number {
    if (number >= this.#texts.length) return -1;
    const start = this.#starts[number]!;
    const length = this.#starts[number + 1]! - start;
    return isSame(view, from, this.#view, start, length) ? from + length : -1;
  }

  text(number: number): string {
    return this.#texts[number]!;
  }

  #add(place: number, hash: number, view: DataView, from: number, to: number): number {
    const number = this.#texts.length;
    while (this.#used + to - from > this.#bytes.length) {
      this.#bytes = grown(this.#bytes);
      this.#view = viewOf(this.#bytes);
    }
    if (number + 2 > this.#starts.length) {
      this.#starts = grown(this.#starts);
      this.#hashes = grown(this.#hashes);
    }
    const bytes = new Uint8Array(view.buffer, view.byteOffset + from, to - from);
    this.#bytes.set(bytes, this.#used);
    this.#used += bytes.length;
    this.#starts[number + 1] = this.#used;
    this.#hashes[number] = hash;
    this.#texts.push(this.#decoder.decode(bytes));
    this.#places[place] = number + 1;
    if (2 * number > this.#places.length) this.#spread();
    return number;
  }

  /** Twice the places, so that most searches end at the first. */
  #spread(): void {
    const places = new Int32Array(2 * this.#places.length);
    const mask = places.length - 1;
    for (let number = 0; number < this.#texts.length; number++) {
      let place = this.#hashes[number]! & mask;
      while (places[place] !== 0) place = (place + 1) & mask;
      places[place] = number + 1;
    }
    this.#places = places;
  }

  /** FNV-1a, with its upper bits mixed into the lower ones, which choose the place. */
  #hashOf(view: DataView, from: number, to: number): number {
    let hash = this.#seed;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ view.getUint8(i), 0x01000193);
    return hash ^ (hash >>> 15);
  }
}

/** Bytes, for {@link isSame}. */
export const viewOf = ({ buffer, byteOffset, length }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, length);

/** Whether the same bytes stand at two places: four at a time. */
export function isSame(a: DataView, from: number, b: DataView, start: number, length: number): boolean {
  if (from + length > a.byteLength) return false;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    if (a.getInt32(from + i, true) !== b.getInt32(start + i, true)) return false;
  }
  for (; i < length; i++) if (a.getUint8(from + i) !== b.getUint8(start + i)) return false;
  return true;
}

function grown<T extends Uint8Array | Int32Array>(list: T): T {
  const larger = new (list.constructor as new (length: number) => T)(2 * list.length);
  larger.set(list);
  return larger;
}
