/** Texts that a file repeats, each made once: they are found by their bytes, so that a repeated one costs no new text. */
export class Names {
  /** Open addressing: the number of a text and one, or 0 for a free place. */
  #places = new Int32Array(1024);
  #bytes = new Uint8Array(1 << 16);
  #used = 0;
  /** Where the bytes of each text begin; one more for the end of the last. */
  #starts = new Int32Array(512);
  readonly #texts: string[] = [];
  readonly #decoder = new TextDecoder();
  /** So that no file can be made whose texts all have one place. */
  readonly #seed = Math.trunc(Math.random() * 2 ** 32) | 0;

  /** The number of the text that these bytes are: of the same bytes the same number, from 0 on. */
  numberOf(bytes: Uint8Array, from: number, to: number): number {
    const mask = this.#places.length - 1;
    let place = this.#hashOf(bytes, from, to) & mask;
    for (; this.#places[place] !== 0; place = (place + 1) & mask) {
      const number = this.#places[place]! - 1;
      if (this.#isAt(number, bytes, from, to)) return number;
    }
    return this.#add(place, bytes, from, to);
  }

  /** Where the text of this number ends, if it begins there; -1 if it does not. */
  endOf(number: number, bytes: Uint8Array, from: number): number {
    if (number >= this.#texts.length) return -1;
    const start = this.#starts[number]!;
    const length = this.#starts[number + 1]! - start;
    for (let i = 0; i < length; i++) if (bytes[from + i] !== this.#bytes[start + i]) return -1;
    return from + length;
  }

  text(number: number): string {
    return this.#texts[number]!;
  }

  #isAt(number: number, bytes: Uint8Array, from: number, to: number): boolean {
    const length = this.#starts[number + 1]! - this.#starts[number]!;
    return length === to - from && this.endOf(number, bytes, from) === to;
  }

  #add(place: number, bytes: Uint8Array, from: number, to: number): number {
    const number = this.#texts.length;
    while (this.#used + to - from > this.#bytes.length) this.#bytes = grown(this.#bytes);
    if (number + 2 > this.#starts.length) this.#starts = grown(this.#starts);
    this.#bytes.set(bytes.subarray(from, to), this.#used);
    this.#used += to - from;
    this.#starts[number + 1] = this.#used;
    this.#texts.push(this.#decoder.decode(bytes.subarray(from, to)));
    this.#places[place] = number + 1;
    if (2 * number > this.#places.length) this.#spread();
    return number;
  }

  /** Twice the places, so that most searches end at the first. */
  #spread(): void {
    const places = new Int32Array(2 * this.#places.length);
    const mask = places.length - 1;
    for (let number = 0; number < this.#texts.length; number++) {
      let place = this.#hashOf(this.#bytes, this.#starts[number]!, this.#starts[number + 1]!) & mask;
      while (places[place] !== 0) place = (place + 1) & mask;
      places[place] = number + 1;
    }
    this.#places = places;
  }

  /** FNV-1a, with its upper bits mixed into the lower ones, which choose the place. */
  #hashOf(bytes: Uint8Array, from: number, to: number): number {
    let hash = this.#seed;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    return hash ^ (hash >>> 15);
  }
}

function grown<T extends Uint8Array | Int32Array>(list: T): T {
  const larger = new (list.constructor as new (length: number) => T)(2 * list.length);
  larger.set(list);
  return larger;
}
